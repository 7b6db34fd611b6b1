"""The extractors' features: computed once a batch, joined for everyone, apart for a part's own other face."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recency import EVEN, Recency


class Features:
    """Some extractors and what they give for a batch."""

    def __init__(self, extractors: Sequence[Part], recency: Recency = EVEN) -> None:
        """recency: how extractors and generators see a history."""
        self.extractors, self.recency = list(extractors), recency

    @property
    def width(self) -> int:
        """F."""
        return sum(part.width for part in self.extractors)

    def __call__(self, batch: UserBatch) -> Tensor:
        """All features side by side, float32[B, F]."""
        return self.joined(self.each(self.recency(batch)), batch)

    def each(self, batch: UserBatch) -> list[Tensor]:
        """Each extractor's own features, float32[B, width], of a batch whose weights have their recency already."""
        return [part.extract(batch) for part in self.extractors]

    def joined(self, each: Sequence[Tensor], batch: UserBatch) -> Tensor:
        """float32[B, F] from what `each` gave."""
        if not each:
            return batch.weights.new_zeros(batch.weights.shape[0], 0)
        return each[0] if len(each) == 1 else torch.cat(list(each), dim=1)

    def seen_by(self, generator: Part, each: Sequence[Tensor], batch: UserBatch) -> Tensor:
        """float32[B, F] all features; for the other face of an extractor, that extractor's own float32[B, width]."""
        for part, own in zip(self.extractors, each, strict=True):
            if part.module is generator.module:
                return own
        return self.joined(each, batch)

    def generate(self, generator: Part, batch: UserBatch, items: int) -> Tensor:
        """The generator's score for every item, float32[B, N]."""
        recent = self.recency(batch)
        return generator.generate(recent, self.seen_by(generator, self.each(recent), recent), items)
