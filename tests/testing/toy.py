"""A sound part that breaks no promise, and what the kit finds of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from selfrec.plugin import Fitting, Generator, PartOptions, Sizes, UserBatch
from selfrec.testing import Bench
from selfrec.testing.checks import CHECKS
from selfrec.testing.kit import name_of, outcome_of


class Options(PartOptions):
    shrink: float = Field(1.0, description="Added to the counts.")


class Neighbours(nn.Module):
    """A sound generator: an item scores by how many users it shares with the history's."""

    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__()
        self.items = sizes.items
        self.register_buffer("similar", torch.zeros(sizes.items + 1, sizes.items))

    similar: Tensor

    def own(self, batch: UserBatch) -> Tensor:
        empty = batch.weights.new_zeros(batch.history.shape[0], self.items + 1)
        return empty.scatter(1, batch.history, batch.weights)

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return self.own(batch) @ self.similar


def count(module: Neighbours, fitting: Fitting) -> None:
    rows = fitting.histories
    seen = torch.zeros(len(rows), rows.n_items)
    seen[torch.from_numpy(rows.row_numbers), torch.from_numpy(rows.items).long()] = 1
    module.similar[:-1] = (seen.T @ seen).fill_diagonal_(0) / (len(rows) + fitting.options.shrink)


def record(module: type[Neighbours] = Neighbours, **changes: Any) -> Generator:
    def build(options: Options, sizes: Sizes) -> nn.Module:
        return module(options, sizes)

    sound = Generator(name="toy", summary="A toy.", options=Options, build=build, trainer=count)
    return replace(sound, **changes)


def learn_nothing(module: Neighbours, fitting: Fitting) -> None:
    module.similar.copy_(torch.rand(module.similar.shape, generator=torch.Generator().manual_seed(3)))


# These import nothing heavy in a plugin of their own; here they stand in a test module that imports torch.
ELSEWHERE = {"light_import", "independent_of_the_candidates_places"}


def failures(bench: Bench) -> dict[str, str]:
    """Which checks fail, and why; those of ELSEWHERE are not run, since they would import torch anew each time."""
    outcomes = [outcome_of(check, bench) for check in CHECKS if name_of(check) not in ELSEWHERE]
    return {outcome.check: outcome.reason for outcome in outcomes if not outcome.passed}
