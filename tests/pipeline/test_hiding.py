"""Rows hidden for the ranker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from selfrec.histories import Histories
from selfrec.pipeline.hiding import hide_for_ranker, ranker_users


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
