"""Popularity: closed form, the same for everyone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from selfrec.pipeline.parts import Part
from selfrec.plugin import Fitting, Histories, Holdout, Sizes, UserBatch
from selfrec_popularity import selfrec_generators
from tests.plugins.kit import assert_same_in_onnx, batch_of, built, fitting_of, none, random_batch, trained

(RECORD,) = selfrec_generators()
SIZES = Sizes(items=3)


def scores_of(rows: list[list[int]], ages: list[float] | None = None, **options: Any) -> torch.Tensor:
    histories = Histories.from_rows(rows, 3)
    if ages is not None:
        histories = replace(histories, ages=np.array(ages, dtype=np.float32))
    part = built(RECORD, SIZES, **options)
    trained(part, fitting_of(part, histories, SIZES))
    batch = batch_of([[0, 1], [], [2]], 3)
    return part.generate(batch, none(batch), 3)


SEVEN_TO_ONE = [[0]] * 6 + [[0, 1]]


def test_scaled_log_of_popularity_for_everyone() -> None:
    scores = scores_of(SEVEN_TO_ONE)
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])
    torch.testing.assert_close(scores[0], torch.tensor([1.0, math.log(2) / math.log(8), 0.0]))


def test_old_choices_count_less() -> None:
    scores = scores_of([[0], [0], [1]], ages=[10.0, 10.0, 0.0], half_life_days=10)
    torch.testing.assert_close(scores[0], torch.tensor([1.0, 1.0, 0.0]))


def aged(items: list[int], ages: list[float]) -> Histories:
    """One user a choice."""
    return replace(Histories.from_rows([[item] for item in items], 3), ages=np.array(ages, dtype=np.float32))


class TestHalfLifeChosenOnValidation:
    """Item 0 was chosen often long ago, item 1 a few times today; the hidden item of everyone is item 1 or 0."""

    ROWS = aged([0, 0, 0, 0, 1, 1], [80.0, 80, 80, 80, 0, 0])

    def part_and_fitting(self, hidden: int, rows: Histories = ROWS) -> tuple[Part, Fitting]:
        shown = Histories.from_rows([[2], [2]], 3)
        validation = Holdout(shown, Histories.from_rows([[hidden], [hidden]], 3))
        part = built(RECORD, SIZES)
        return part, trained(part, fitting_of(part, rows, SIZES, validation=validation))

    def test_a_trend_takes_a_short_one(self) -> None:
        part, fitting = self.part_and_fitting(hidden=1)
        # Of the tried 20, 80, 40, 10 days and so on, 20 is the first that puts 2 fresh choices above 4 / 16.
        assert fitting.best_epoch == 1
        assert fitting.curves[0]["half_life_days"] == 20
        torch.testing.assert_close(part.module.scores, torch.tensor([math.log(1.25) / math.log(3), 1.0, 0.0]))

    def test_no_trend_takes_a_long_one(self) -> None:
        """At 80 days the old choices count 4 / 2 = 2 against 1."""
        part, fitting = self.part_and_fitting(hidden=0, rows=aged([0, 0, 0, 0, 1], [80.0, 80, 80, 80, 0]))
        assert fitting.curves[fitting.best_epoch - 1]["half_life_days"] == 80
        torch.testing.assert_close(part.module.scores, torch.tensor([1.0, math.log(2) / math.log(3), 0.0]))

    def test_a_refit_takes_the_same_share_again(self) -> None:
        part = built(RECORD, SIZES)
        fitting = replace(fitting_of(part, aged([0, 1], [160.0, 0.0]), SIZES), fixed_epochs=2)
        trained(part, fitting)
        assert fitting.curves[-1]["half_life_days"] == 160
        torch.testing.assert_close(part.module.scores, torch.tensor([math.log(1.5) / math.log(2), 1.0, 0.0]))

    def test_nothing_to_choose_on_means_a_quarter(self) -> None:
        part = built(RECORD, SIZES)
        fitting = trained(part, fitting_of(part, self.ROWS, SIZES))
        assert [curve["half_life_days"] for curve in fitting.curves] == [20]


def test_exponent() -> None:
    torch.testing.assert_close(scores_of(SEVEN_TO_ONE, exponent=2)[0], torch.tensor([1.0, 1 / 9, 0.0]))


def test_nothing_popular_gives_zeros() -> None:
    assert torch.equal(scores_of([[], []]), torch.zeros(3, 3))


def test_short_histories_get_more_of_it() -> None:
    """Users of 2, 0 and 1 items: n ^ -1 is 1/2, and 1 for the other two; one of no items counts as one."""
    scores = scores_of(SEVEN_TO_ONE, length_exponent=1)
    whole = scores_of(SEVEN_TO_ONE)[0]
    torch.testing.assert_close(scores, torch.stack([whole / 2, whole, whole]))


@pytest.mark.parametrize("exponent", [0.0, 1.0, 0.5])
def test_the_graph_says_the_same(exponent: float) -> None:
    part = built(RECORD, SIZES, length_exponent=exponent)
    trained(part, fitting_of(part, Histories.from_rows(SEVEN_TO_ONE, 3), SIZES))

    class Scores(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part: Any = part.module

        def forward(self, history: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
            batch = UserBatch(history, weights, torch.zeros_like(weights), weights[:, :0])
            query: torch.Tensor = self.part.query(batch, batch.user_features)
            return query @ self.part.item_factors().T

    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    assert_same_in_onnx(
        Scores().eval(), lambda users, length: random_batch(users, length, 3), ("history", "weights"), (axes, axes)
    )
