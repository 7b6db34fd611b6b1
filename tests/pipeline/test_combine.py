"""The weight of a generator beside others, where the scores of one say nothing."""

from __future__ import annotations

import pytest
import torch

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.combine import Pair, search_weight

USERS = 10
HOLDOUT = Holdout(Histories.from_rows([[0]] * USERS, 60), Histories.from_rows([[59]] * USERS, 60))
LADDER = torch.arange(60.0) / 10
FLAT = torch.full((60,), 0.7)


def weight(before: torch.Tensor, new: torch.Tensor, holdout: Holdout = HOLDOUT, *, forced: bool) -> float:
    def score(scores: torch.Tensor, batch: UserBatch) -> torch.Tensor:
        return scores.expand(len(batch.history), -1)

    cpu = torch.device("cpu")
    pair = Pair(lambda batch: score(before, batch), lambda batch: score(new, batch), holdout)
    return search_weight(pair, cpu, forced=forced).weight


@pytest.mark.parametrize("rounding", [0.0, 1e-7])
def test_a_flat_generator_that_is_forced_in_leaves_the_digits_of_the_others(rounding: float) -> None:
    new = FLAT + rounding * (torch.arange(60) % 2)
    assert 0 < weight(LADDER, new, forced=True) <= 12


@pytest.mark.parametrize("forced", [True, False])
def test_beside_a_flat_generator_another_one_is_heard(forced: bool) -> None:
    assert 0 < weight(FLAT, LADDER, forced=forced) * float(LADDER.std()) <= 12


def test_a_catalog_of_one_item() -> None:
    one = Holdout(Histories.from_rows([[], []], 1), Histories.from_rows([[0], [0]], 1))
    assert 0 < weight(torch.ones(1), torch.ones(1), one, forced=True) <= 12
