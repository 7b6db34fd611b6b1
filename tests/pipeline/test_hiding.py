"""Rows hidden for the ranker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from selfrec.histories import Histories
from selfrec.pipeline.hiding import earlier_windows, hide_for_ranker, hide_newest, ranker_users


@pytest.mark.parametrize(
    ("able", "users"),
    [(0, 0), (1, 1), (10, 5), (5_000, 2_500), (10_000, 4_000), (50_000, 10_000), (1_000_000, 20_000)],
)
def test_number_of_users(able: int, users: int) -> None:
    assert ranker_users(able) == users


def test_newest_items_are_hidden_and_ages_count_from_then() -> None:
    rows = replace(Histories.from_rows([[0, 1, 2, 3, 4], [5, 6]], 7), ages=np.array([9, 8, 7, 6, 5, 2, 1], np.float32))
    visible, holdout = hide_for_ranker(rows, seed=0)
    assert visible.items.tolist() == [0, 1, 2, 3, 5, 6], "of the one user with three items or more, a fifth"
    assert holdout.targets.items.tolist() == [4]
    assert holdout.inputs.items.tolist() == [0, 1, 2, 3]
    assert holdout.inputs.ages.tolist() == [4, 3, 2, 1]
    assert visible.ages.tolist() == [9, 8, 7, 6, 2, 1]


def test_a_period_is_hidden_for_everyone() -> None:
    """A third of nine slots: all of 2 days or younger. User 1 has nothing before, user 2 nothing after."""
    rows = replace(
        Histories.from_rows([[0, 1, 2, 3], [4, 5], [6, 0, 1]], 7),
        ages=np.array([9, 8, 2, 0, 2, 1, 7, 6, 5], np.float32),
        user_features=np.array([[1], [2], [3]], np.float32),
    )
    visible, holdout = hide_newest(rows, 1 / 3, seed=0)
    assert visible.items.tolist() == [0, 1, 6, 0, 1]
    assert visible.ages.tolist() == [7, 6, 5, 4, 3], "ages count from the moment of the cut"
    assert visible.user_features is not None
    assert visible.user_features.tolist() == [[1], [3]]
    assert holdout.inputs.items.tolist() == [0, 1]
    assert holdout.inputs.ages.tolist() == [7, 6]
    assert holdout.targets.items.tolist() == [2, 3]


def test_something_is_left_where_most_is_of_one_moment() -> None:
    rows = replace(Histories.from_rows([[0, 1, 2]], 3), ages=np.array([1, 0, 0], np.float32))
    visible, holdout = hide_newest(rows, 0.9, seed=0)
    assert visible.items.tolist() == [0]
    assert holdout.targets.items.tolist() == [1, 2]


def test_windows_lie_one_before_the_other() -> None:
    """Two users with an item every day: a fifth of 20 slots are the newest 2 days, then the 2 before."""
    ages = np.arange(10, 0, -1, dtype=np.float32)
    rows = replace(Histories.from_rows([list(range(10))] * 2, 10), ages=np.tile(ages, 2))
    windows = list(earlier_windows(rows, 0.15, 0, most=2))
    assert [holdout.targets.items.tolist() for _, holdout in windows] == [[8, 9] * 2, [6, 7] * 2, [4, 5] * 2]
    for visible, holdout in windows:
        assert visible.items.tolist() == holdout.inputs.items.tolist(), "all that was before"
        assert visible.ages.min() == 1, "ages count from the moment of the cut"
    assert [len(holdout) for _, holdout in earlier_windows(rows, 0.15, 0, most=1)] == [1, 1, 1]
    assert len(list(earlier_windows(rows, 0.3, 0, most=2))) == 1, "half of the rows are left to learn from"


def test_no_window_without_times() -> None:
    assert not list(earlier_windows(Histories.from_rows([[0, 1, 2]], 3), 0.1, 0, most=5))
    assert not list(earlier_windows(Histories.from_rows([], 3), 0.1, 0, most=5))
