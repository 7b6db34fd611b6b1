"""Every check against a part that breaks just this promise, and a sound part that breaks none."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from pydantic import Field, field_serializer
from torch import Tensor

from selfrec.plugin import Fitting, Generator, PartOptions, Sizes, UserBatch
from selfrec.testing import Bench, run_checks
from selfrec.testing.checks import CHECKS
from selfrec.testing.kit import name_of, outcome_of
from tests.testing.toy import ELSEWHERE, Neighbours, Options, count, failures, learn_nothing, record


class Undocumented(PartOptions):
    shrink: float = 1.0


class OneWay(PartOptions):
    """Written as text, the option comes back as another value."""

    shrink: float = Field(1.0, description="Added to the counts.")

    @field_serializer("shrink")
    def _text(self, value: float) -> float:
        return value + 1


def endless(module: Neighbours, fitting: Fitting) -> None:
    for epoch in fitting.epochs(module, 2):
        epoch.report(loss=float("nan"))


class Doubles(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features).double()


DRAWS = itertools.count()


def differently_each_time(module: Neighbours, fitting: Fitting) -> None:
    count(module, fitting)
    module.similar.add_(1e-3 * next(DRAWS))


def counting_rounds(module: Neighbours, fitting: Fitting) -> None:
    """How far it was is no part of what a checkpoint keeps."""
    count(module, fitting)
    for rounds, epoch in enumerate(fitting.epochs(module, 4), start=1):
        module.similar.mul_(1 + 0.1 * rounds)
        epoch.report(loss=1 / rounds)


class Company(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores - scores.sum(0, keepdim=True) * 0.01


class CountsSlots(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) / (1 + torch.ones_like(batch.weights).sum(1, keepdim=True))


class IgnoresWeights(Neighbours):
    def own(self, batch: UserBatch) -> Tensor:
        return super().own(batch._replace(weights=(batch.weights > 0).float()))


class Averages(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) / batch.weights.sum(1, keepdim=True)


def only_once(module: Neighbours, fitting: Fitting) -> None:
    count(module, fitting)
    if fitting.fixed_epochs is None and len(fitting.histories) < 100:
        module.similar.fill_(float("nan"))


class Forgets(Neighbours):
    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__(options, sizes)
        self.register_buffer("similar", torch.zeros(sizes.items + 1, sizes.items), persistent=False)


class LooksAtValues(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores if torch.compiler.is_exporting() else scores * 1.01 + 0.5 * (batch.history == 3).any(1)[:, None]


class Sorts(Neighbours):
    """Bitwise operations are not on the list of what every runtime has."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores + 0 * torch.bitwise_and(batch.history, 1).float().sum(1, keepdim=True)


class Counts(Neighbours):
    """Every export finds another constant."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores + float(next(DRAWS)) if torch.compiler.is_exporting() else scores


BROKEN: dict[str, Callable[[], Generator]] = {
    "options_documented": lambda: record(options=Undocumented),
    "options_round_trip": lambda: record(options=OneWay),
    "trains_with_finite_losses": lambda: record(trainer=endless),
    "shapes_and_dtypes": lambda: record(Doubles),
    "learns_the_checkerboard": lambda: record(trainer=learn_nothing),
    "same_seed_same_weights": lambda: record(trainer=differently_each_time),
    "resumes_where_it_was_killed": lambda: record(trainer=counting_rounds),
    "independent_of_the_batch": lambda: record(Company),
    "independent_of_padding": lambda: record(CountsSlots),
    "weights_count": lambda: record(IgnoresWeights),
    "survives_empty_histories": lambda: record(Averages),
    "refits": lambda: record(trainer=only_once),
    "state_round_trips": lambda: record(Forgets),
    "graph_equals_torch": lambda: record(LooksAtValues),
    "graph_is_allowed": lambda: record(Sorts),
    "graph_bytes_are_stable": lambda: record(Counts),
}
ALONE = set(BROKEN) - {
    "trains_with_finite_losses",  # nothing that was not trained can be looked at
    "shapes_and_dtypes",  # a wrong dtype is refused wherever it is met
    "survives_empty_histories",  # 0 / 0 is met in every batch with an empty history
    "graph_bytes_are_stable",  # a graph that changes is not the module either
    "independent_of_padding",  # a graph puts one padding slot in front, for runtimes without empty tensors
    "independent_of_the_batch",  # the checkerboard and the graph's edge batches see it too
    "refits",
}
"""Broken parts that only their own check may notice. `light_import` has a test of its own."""


def test_a_sound_part_passes() -> None:
    outcomes = run_checks(Bench(record()))
    assert [outcome.check for outcome in outcomes] == [name_of(check) for check in CHECKS]
    assert {outcome.check for outcome in outcomes if not outcome.passed} <= ELSEWHERE


def test_every_check_has_a_broken_part() -> None:
    assert set(BROKEN) | ELSEWHERE == {name_of(check) for check in CHECKS}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_part_is_found(name: str) -> None:
    bench = Bench(BROKEN[name]())
    if name in ALONE:
        found = failures(bench)
        assert set(found) == {name}
        reason = found[name]
    else:
        (own,) = [check for check in CHECKS if name_of(check) == name]
        outcome = outcome_of(own, bench)
        assert not outcome.passed
        reason = outcome.reason
    assert len(reason) > 20
    assert "\n" not in reason
