"""Parts with plain behaviour that stand beside the part under test, so that it always has a whole pipeline."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from selfrec.plugin import FeatureExtractor, Fitting, Generator, PartOptions, Sizes, UserBatch, pool

WIDTH = 6


class NoOptions(PartOptions):
    """Nothing to choose."""


class RandomFeatures(nn.Module):
    """An extractor that learns nothing: the weighted sum of fixed random item vectors. It still tells users apart."""

    width = WIDTH

    def __init__(self, items: int) -> None:
        super().__init__()
        table = torch.randn(items + 1, WIDTH)
        table[-1] = 0
        self.register_buffer("table", table)

    table: Tensor

    def extract(self, batch: UserBatch) -> Tensor:
        """float32[B, WIDTH]."""
        return pool(self.table, batch.history, batch.weights)


class Readout(nn.Module):
    """A generator that reads features and nothing else: scores are ridge regressions of the histories on them."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(sizes.features + 1, sizes.items))

    weights: Tensor

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, N]."""
        return torch.cat([features, torch.ones_like(features[:, :1])], dim=1) @ self.weights


class Blind(nn.Module):
    """A generator that knows nothing: every item gets a fixed random score, the same for everyone."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("factors", torch.rand(sizes.items, 1) * 0.1)

    factors: Tensor

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, 1] of ones."""
        return torch.ones_like(batch.weights.sum(1, keepdim=True))

    def item_factors(self) -> Tensor:
        """float32[N, 1]."""
        return self.factors


def nothing(module: nn.Module, fitting: Fitting) -> None:
    """There is nothing to train."""


def _regress(module: Readout, fitting: Fitting) -> None:
    rows = fitting.histories
    batch = UserBatch.of(rows)
    features = fitting.features(batch)
    design = torch.cat([features, torch.ones_like(features[:, :1])], dim=1).double()
    wanted = torch.zeros(len(rows), rows.n_items, dtype=torch.float64)
    wanted[torch.from_numpy(rows.row_numbers), torch.from_numpy(rows.items).long()] = 1
    ridge = 1e-3 * torch.eye(design.shape[1], dtype=torch.float64)
    module.weights.copy_(torch.linalg.solve(design.T @ design + ridge, design.T @ wanted).float())


def _build_features(options: Any, sizes: Sizes) -> nn.Module:
    return RandomFeatures(sizes.items)


def _build_readout(options: Any, sizes: Sizes) -> nn.Module:
    return Readout(sizes)


def _build_blind(options: Any, sizes: Sizes) -> nn.Module:
    return Blind(sizes)


FEATURES = FeatureExtractor(
    name="companion", summary="Random features.", options=NoOptions, build=_build_features, trainer=nothing
)
READOUT = Generator(
    name="companion", summary="Regression on the features.", options=NoOptions, build=_build_readout, trainer=_regress
)
BLIND = Generator(name="blind", summary="Fixed scores.", options=NoOptions, build=_build_blind, trainer=nothing)
