"""Tiny parts with plain behaviour, for tests of what is around them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.host.records import Kind, PartRecord
from selfrec.plugin import (
    EpochOptions,
    FeatureExtractor,
    Fitting,
    Generator,
    PartOptions,
    Ranker,
    Sizes,
    UserBatch,
    pool,
)


class NoOptions(PartOptions):
    """Nothing to choose."""


class Factors(nn.Module):
    """An autoencoder of one matrix: features are pooled embeddings, scores their product with item factors."""

    width = 8

    def __init__(self, items: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(items + 1, 8, padding_idx=items)
        self.factors = nn.Parameter(torch.randn(items, 8) * 0.1)

    def extract(self, batch: UserBatch) -> Tensor:
        return pool(self.embedding.weight, batch.history, batch.weights)

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        return features[:, :8]

    def item_factors(self) -> Tensor:
        return self.factors

    def training_loss(self, batch: UserBatch) -> Tensor:
        scores = torch.log_softmax(self.extract(batch) @ self.factors.T, dim=1)
        padded = nn.functional.pad(scores, (0, 1))
        return -(padded.gather(1, batch.history) * batch.weights).sum() / batch.weights.sum()


class Dense(nn.Module):
    """A generator that is no product: the sigmoid of a layer over the features."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.layer = nn.Linear(sizes.features, sizes.items)

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return torch.sigmoid(self.layer(features))

    def training_loss(self, batch: UserBatch, features: Tensor) -> Tensor:
        wanted = torch.zeros(len(batch.history), self.layer.out_features + 1).scatter(1, batch.history, 1.0)[:, :-1]
        return nn.functional.binary_cross_entropy_with_logits(self.layer(features), wanted)


class After(nn.Module):
    """A sparse generator: each item of a history speaks for the two after it, its weight times 2 and 1."""

    def __init__(self, items: int) -> None:
        super().__init__()
        after = torch.arange(items)[:, None] + torch.tensor([1, 2])
        padding = torch.full((1, 2), items)
        self.register_buffer("numbers", torch.cat([after.clamp_max(items), padding]))
        self.register_buffer("strengths", torch.tensor([2.0, 1.0]).repeat(items + 1, 1))

    numbers: Tensor
    strengths: Tensor

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        users, slots = batch.history.shape
        numbers = torch.index_select(self.numbers, 0, batch.history.reshape(-1)).reshape(users, 2 * slots)
        values = nn.functional.embedding(batch.history, self.strengths) * batch.weights.unsqueeze(-1)
        return numbers, values.reshape(users, 2 * slots)


class AgeRanker(nn.Module):
    """Scores plus an item's own bias plus a term of the history's age."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.layer = nn.Linear(sizes.generators, 1)
        self.bias = nn.Embedding(sizes.items + 1, 1)

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        own = self.layer(scores).squeeze(-1) + self.bias(candidates).squeeze(-1)
        return own + 0.01 * batch.ages.sum(1, keepdim=True)

    def training_loss(
        self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor, labels: Tensor
    ) -> Tensor:
        final = torch.log_softmax(self.rank(batch, features, candidates, scores), dim=1)
        return -(final * labels).sum() / labels.sum()


def build_factors(options: PartOptions, sizes: Sizes) -> nn.Module:
    return Factors(sizes.items)


def build_dense(options: PartOptions, sizes: Sizes) -> nn.Module:
    return Dense(sizes)


def build_after(options: PartOptions, sizes: Sizes) -> nn.Module:
    return After(sizes.items)


def build_ranker(options: PartOptions, sizes: Sizes) -> nn.Module:
    return AgeRanker(sizes)


def keep_as_built(module: nn.Module, fitting: Fitting) -> None:
    """A trainer that leaves the module as it is."""


class Toys:
    """The records of the parts above, and of any others given."""

    def __init__(self, *others: PartRecord) -> None:
        options: dict[str, Any] = {"options": EpochOptions, "summary": "a toy"}
        records: list[PartRecord] = [
            FeatureExtractor(name="factors", build=build_factors, **options),
            Generator(name="factors", build=build_factors, **options),
            Generator(name="dense", build=build_dense, **options),
            Generator(name="after", build=build_after, trainer=keep_as_built, **options),
            Ranker(name="aged", build=build_ranker, inputs=frozenset({"ages"}), **options),
            *others,
        ]
        self._records = {(record.kind, record.name): record for record in records}

    def get(self, kind: Kind, name: str) -> PartRecord:
        try:
            return self._records[kind, name]
        except KeyError:
            raise PluginError(f"unknown {kind} {name!r}") from None
