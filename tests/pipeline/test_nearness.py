"""Far items: which hidden items lie far from what is shown, and that none may get worse where rows are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.combine import Pair, search_weight
from selfrec.pipeline.measure import Measured, better
from selfrec.pipeline.nearness import far_half

ROWS = Histories.from_rows([[0, 1], [0, 1], [0, 1], [0, 2], [3, 4], [5]], 6)


def test_far_half_is_the_half_with_the_lowest_cosine() -> None:
    """Cosine to item 0 (4 users): item 1 3 / sqrt(4 * 3), item 2 1 / sqrt(4), items 3 and 5 none."""
    hidden = Histories.from_rows([[1, 3], [2], [5, 6]], 6)
    holdout = Holdout(Histories.from_rows([[0], [0], [0]], 6), hidden)
    far = far_half(ROWS, holdout, 0)
    assert far.items.tolist() == [3, 5]
    assert far.lengths.tolist() == [1, 0, 1]


def test_nearness_is_a_mean_over_what_is_shown() -> None:
    """Item 1 is as near to items 0 and 4 together as half of it is to item 0: farther than item 2 to item 0."""
    holdout = Holdout(Histories.from_rows([[0, 4], [0]], 6), Histories.from_rows([[1], [2]], 6))
    assert far_half(ROWS, holdout, 0).lengths.tolist() == [1, 0]


def test_nothing_hidden_is_no_failure() -> None:
    holdout = Holdout(Histories.from_rows([[0]], 6), Histories.from_rows([[6]], 6))
    assert len(far_half(ROWS, holdout, 0).items) == 0


def measured(ndcg: list[float], far: list[float]) -> Measured:
    values = np.array(ndcg, np.float32)
    return Measured({"ndcg@20": float(values.mean())}, values, np.array(far, np.float32))


def test_better_lists_that_lose_far_items_do_not_win() -> None:
    old = measured([0.1, 0.2, 0.3], [0.1, 0.1])
    assert better(measured([0.2, 0.3, 0.4], [0.1, 0.1]), old)
    assert better(measured([0.2, 0.3, 0.4], [0.0, 0.2]), old)
    assert not better(measured([0.2, 0.3, 0.4], [0.05, 0.05]), old)


def test_weight_is_searched_among_those_that_keep_far_items() -> None:
    """The second generator finds item 1 for most users and pushes item 3 from the last user's list."""
    n_items, users = 60, 40
    shown = Histories.from_rows([[0]] * users, n_items)
    hidden = Histories.from_rows([[1]] * (users - 10) + [[3]] * 10, n_items)
    holdout = Holdout(shown, hidden)
    base, pushing = torch.linspace(0, 0.5, n_items), torch.ones(n_items)
    base[3], pushing[3], pushing[1] = 1.0, 0.0, 9.0

    def score(scores: torch.Tensor) -> torch.Tensor:
        return scores.expand(users, -1)

    def weight(far: Histories | None) -> float:
        pair = Pair(lambda batch: score(base), lambda batch: score(pushing), holdout)
        return search_weight(pair, torch.device("cpu"), forced=False, far=far).weight

    assert weight(None) > 0
    far = hidden.keep(hidden.items == 3)
    assert 0 <= weight(far) < weight(None)


@pytest.mark.parametrize(("soon", "wanted"), [(7, 0.02), (4, 0.2)])
def test_half_of_the_gain_is_enough_where_test_rows_may_lie_farther_off(soon: int, wanted: float) -> None:
    """The hidden item 1 tops the list of `soon` of ten users at a ratio of .02, and of the others at .2."""
    n_items = 60
    shown = Histories.from_rows([[0]] * soon + [[2]] * (10 - soon), n_items)
    hidden = Histories.from_rows([[1]] * 10, n_items)
    new = torch.zeros(n_items)
    new[1] = 1.0

    def before(batch: UserBatch) -> torch.Tensor:
        scores = torch.zeros(len(batch.history), n_items)
        scores[:, 3:28] = 1.0
        ratio = torch.where(batch.history[:, 0] == 0, 0.015, 0.15)
        scores[:, 1] = 1.0 - ratio * SPREAD
        return scores

    def weight(*, least: bool) -> float:
        pair = Pair(before, lambda batch: new.expand(10, -1), Holdout(shown, hidden))
        return search_weight(pair, torch.device("cpu"), forced=False, least=least).weight

    assert weight(least=True) == pytest.approx(wanted * SPREAD, rel=0.05)
    assert weight(least=False) == pytest.approx(0.2 * SPREAD, rel=0.05)


SPREAD = 3.85
"""About the standard deviation of 26 ones among 60 numbers, over that of a single one."""
