"""Extractors whose features nothing reads: they cost a training and change no list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.histories import Histories
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.features import Features
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recommender import Recommender
from selfrec.settings.tables import Config

ASKED = 16
"""Users that a part is asked for."""


def unread_extractors(
    config: Config, tried: Iterable[Part], histories: Histories, recommender: Recommender
) -> tuple[str, ...]:
    """A line for each extractor whose features none of the parts tried reads.

    tried: the parts that were trained to choose from. An extractor whose module is a generator of the pipeline too gets
    no line: that other face, which is not trained by itself, reads its features.
    """
    parts = list(tried)
    extractors = [part for part in parts if part.kind == "extractor"]
    readers = [part for part in parts if part.kind != "extractor"]
    if config.pipeline.ranker and not any(part.kind == "ranker" for part in readers):
        return ()  # It was left out before it could read anything.
    alone = [part for part in extractors if part.text not in config.pipeline.generators]
    rows = histories.take(np.arange(min(ASKED, len(histories))))
    told = []
    for own in alone:
        others = [replace(part, module=_Noise(part)) if part is own else part for part in extractors]
        if not any(_reads(part, rows, extractors, others, recommender) for part in readers):
            told.append(
                f"{own.name}: no generator or ranker of this fit reads its features, so it changes no list; leave it "
                "out of pipeline.extractors, or name a part that reads features"
            )
    return tuple(told)


class _Noise(nn.Module):
    """Other features of the same width."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.width = part.width

    def extract(self, batch: UserBatch) -> Tensor:
        """float32[B, width]."""
        drawn = torch.randn(len(batch.history), self.width, generator=torch.Generator().manual_seed(0))
        return drawn.to(batch.history.device)


@torch.no_grad()
def _reads(
    part: Part, rows: Histories, extractors: Sequence[Part], others: Sequence[Part], recommender: Recommender
) -> bool:
    """Whether the part gives other numbers where the features are those of the others."""
    batch = UserBatch.of(rows, device=recommender.prior.device)
    try:
        outputs = (_output(part, batch, Features(each), recommender) for each in (extractors, others))
        return not torch.equal(*outputs)
    except PluginError:
        # It may refuse noise, which looks like no user's features; that is no reason for a note.
        return True


def _output(part: Part, batch: UserBatch, features: Features, recommender: Recommender) -> Tensor:
    if part.kind == "generator":
        return features.generate(part, batch, recommender.n_items)
    users, candidates = len(batch.history), recommender.candidates
    each = torch.arange(candidates, device=batch.history.device).repeat(users, 1)
    # Not 0: a ranker may multiply them by what it makes of the features.
    drawn = torch.randn(users, candidates, recommender.generator_count, generator=torch.Generator().manual_seed(0))
    return part.rank(batch, features(batch), each, drawn.to(batch.history.device))
