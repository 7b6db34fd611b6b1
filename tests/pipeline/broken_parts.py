"""Modules and trainers that each break the contract in one way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.plugin import Fitting, Sizes, UserBatch
from tests.toys import AgeRanker, Dense, Factors


class Short(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features)[:, 1:]


class Number(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Any:
        return 3.0


class NotFinite(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) / 0


class Falls(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        raise KeyError("colour")


class Draws(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return nn.functional.dropout(super().generate(batch, features))


class LooksAround(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores - scores.mean(0)


class WritesInto(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        batch.weights[:, :1] *= 2
        features.zero_()
        return super().generate(batch, features)


class NoLoss(Dense):
    training_loss = None  # type: ignore[assignment]


class Vector(Dense):
    def training_loss(self, batch: UserBatch, features: Tensor) -> Tensor:
        return self.layer(features).sum(1)


class Detached(Dense):
    def training_loss(self, batch: UserBatch, features: Tensor) -> Tensor:
        return torch.tensor(1.0)


class Diverges(Dense):
    def training_loss(self, batch: UserBatch, features: Tensor) -> Tensor:
        return self.layer.weight.sum() * float("nan")


class TwoWidths(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.items = sizes.items

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        return batch.weights.new_zeros(len(batch.history), 3)

    def item_factors(self) -> Tensor:
        return torch.zeros(self.items, 4)


class WithPadding(TwoWidths):
    """Its table of factors has the row of padding too."""

    def item_factors(self) -> Tensor:
        return torch.zeros(self.items + 1, 4)


class Sparse(nn.Module):
    """Gives what it is told."""

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.given = given

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> Any:
        return self.given(len(batch.history)) if callable(self.given) else self.given


class NarrowFeatures(Factors):
    width = 9


class FewerCandidates(AgeRanker):
    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        return super().rank(batch, features, candidates, scores).double()


def falling(module: nn.Module, fitting: Fitting) -> None:
    raise ZeroDivisionError("no\nusers")


def leaving(module: nn.Module, fitting: Fitting) -> None:
    raise SystemExit(0)


def refusing(sizes: Sizes) -> nn.Module:
    raise ValueError("20 items are\ntoo few")


def silent(module: nn.Module, fitting: Fitting) -> None:
    for _ in fitting.epochs(module, 2):
        pass


def infinite(module: Any, fitting: Fitting) -> None:
    with torch.no_grad():
        module.layer.weight.fill_(float("inf"))


def complaining(module: nn.Module, fitting: Fitting) -> None:
    raise PluginError("needs times; use another part")


def outgrown(module: nn.Module, fitting: Fitting) -> None:
    raise MemoryError("Unable to allocate 728. TiB")


def lacking(*given: Any) -> Any:
    from no_such_package import trees  # type: ignore[import-not-found]

    return trees


def misspelling(module: nn.Module, fitting: Fitting) -> None:
    from torch.no_such_module import trees  # type: ignore[import-not-found]

    trees()


class Lacks(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return lacking()


class Remembers(Dense):
    """Has something beside its tensors in its state."""

    def get_extra_state(self) -> dict[str, int]:
        return {"rounds": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        pass


def lists(module: nn.Module, fitting: Fitting) -> None:
    module.register_buffer("pairs", torch.eye(2).to_sparse())


def doubles_weights(module: nn.Module, fitting: Fitting) -> None:
    torch.from_numpy(fitting.histories.weights).mul_(2)
    fitting.histories.items.sort()


class Complains(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        raise PluginError("needs times; use another part")


def reads_a_column(module: nn.Module, fitting: Fitting) -> None:
    fitting.catalog.texts("title")
