"""Popularity: closed form, the same for everyone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from selfrec.pipeline.prior import HalfLives
from selfrec.plugin import Histories, Sizes, UserBatch
from selfrec_popularity import selfrec_generators
from tests.plugins.kit import assert_same_in_onnx, batch_of, built, fitting_of, none, random_batch, trained

(RECORD,) = selfrec_generators()
SIZES = Sizes(items=3)


def scores_of(rows: list[list[int]], ages: list[float] | None = None, **options: Any) -> torch.Tensor:
    histories = Histories.from_rows(rows, 3)
    if ages is not None:
        histories = replace(histories, ages=np.array(ages, dtype=np.float32))
    part = built(RECORD, SIZES, **options)
    trained(part, replace(fitting_of(part, histories, SIZES), half_lives=HalfLives().days(histories)))
    batch = batch_of([[0, 1], [], [2]], 3)
    return part.generate(batch, none(batch), 3)


SEVEN_TO_ONE = [[0]] * 6 + [[0, 1]]


def test_share_of_the_most_popular_for_everyone() -> None:
    scores = scores_of(SEVEN_TO_ONE)
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])
    torch.testing.assert_close(scores[0], torch.tensor([1.0, 1 / 7, 0.0]))


def test_old_choices_count_less() -> None:
    scores = scores_of([[0], [0], [1]], ages=[10.0, 10.0, 0.0], half_life_days=10)
    torch.testing.assert_close(scores[0], torch.tensor([1.0, 1.0, 0.0]))


def aged(items: list[int], ages: list[float]) -> Histories:
    """One user a choice."""
    return replace(Histories.from_rows([[item] for item in items], 3), ages=np.array(ages, dtype=np.float32))


ROWS = aged([0, 0, 0, 0, 1, 1], [80.0, 80, 80, 80, 0, 0])
"""Item 0 was chosen often long ago, item 1 a few times today."""


def test_the_half_life_is_the_one_the_stages_have_chosen() -> None:
    part = built(RECORD, SIZES)
    trained(part, replace(fitting_of(part, ROWS, SIZES), half_lives=(20.0,)))
    # 4 choices of 80 days ago count a sixteenth each, beside 2 of today.
    torch.testing.assert_close(part.module.scores, torch.tensor([1 / 8, 1.0, 0.0]))


def test_several_half_lives() -> None:
    part = built(RECORD, SIZES)
    fitting = trained(part, replace(fitting_of(part, ROWS, SIZES), half_lives=(80.0, 20.0)))
    # 4 choices count 2 at 80 days and 1/4 at 20, beside 2 of today: shares of 1/2 and 1/9, times the mean of 4 and 9/4.
    torch.testing.assert_close(part.module.scores, torch.tensor([11 / 25, 1.0, 0.0]))
    [curve] = fitting.curves
    assert (curve["shortest_half_life_days"], curve["longest_half_life_days"]) == (20, 80)
    assert curve["loss"] == pytest.approx(-(4 * math.log(11 / 36) + 2 * math.log(25 / 36)) / 6)


def test_a_given_half_life_goes_before_it() -> None:
    part = built(RECORD, SIZES, half_life_days=80.0)
    fitting = trained(part, replace(fitting_of(part, ROWS, SIZES), half_lives=(20.0, 5.0)))
    assert [curve["shortest_half_life_days"] for curve in fitting.curves] == [80]
    assert [curve["longest_half_life_days"] for curve in fitting.curves] == [80]
    torch.testing.assert_close(part.module.scores, torch.tensor([1.0, 1.0, 0.0]))


def test_a_given_half_life_without_ages_counts_every_choice_alike() -> None:
    scores = scores_of([[0], [0], [1]], half_life_days=10)
    torch.testing.assert_close(scores[0], torch.tensor([1.0, 1 / 2, 0.0]))


def test_exponent() -> None:
    torch.testing.assert_close(scores_of(SEVEN_TO_ONE, exponent=2)[0], torch.tensor([1.0, 1 / 49, 0.0]))


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
