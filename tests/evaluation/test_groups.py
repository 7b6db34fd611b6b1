"""Groups of users: length of history and the tail of taste."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfrec.evaluation.evaluate import evaluate_lists
from selfrec.evaluation.groups import (
    ALL_USERS,
    LONG_HISTORY,
    NO_HISTORY,
    SHORT_HISTORY,
    TAIL_OF_TASTE,
    mean_popularity_rank,
    user_groups,
)
from selfrec.histories import Histories, Holdout

POPULARITY = [1.0, 9.0, 5.0, 5.0]
"""Places by popularity: item 1, then 2 and 3 (equal: the lower number first), then 0."""


def test_mean_rank_by_hand() -> None:
    histories = Histories.from_rows([[1], [0, 1], [2, 3], []], 4)
    assert mean_popularity_rank(histories, POPULARITY)[:3].tolist() == [1.0, 2.5, 2.5]
    assert np.isnan(mean_popularity_rank(histories, POPULARITY)[3])


def test_slots_of_weight_zero_are_no_history() -> None:
    histories = Histories.from_rows([[0, 1], [0]], 4, [[0.0, 1.0], [0.0]])
    assert mean_popularity_rank(histories, POPULARITY)[0] == 1.0
    groups = user_groups(histories, POPULARITY)
    assert groups[NO_HISTORY].tolist() == [False, True]
    assert groups[SHORT_HISTORY].tolist() == [True, False]


def test_the_tail_is_the_tenth_with_the_least_popular_items() -> None:
    rows = [[1]] * 20
    rows[7], rows[12], rows[15] = [0], [0, 3], [0, 1]  # mean places 4, 3.5 and 2.5
    groups = user_groups(Histories.from_rows(rows, 4), POPULARITY)
    assert np.flatnonzero(groups[TAIL_OF_TASTE]).tolist() == [7, 12]


def test_users_without_a_history_are_at_no_tail() -> None:
    rows = [[1]] * 9 + [[]] * 20
    assert not user_groups(Histories.from_rows(rows, 4), POPULARITY)[TAIL_OF_TASTE].any()
    assert user_groups(Histories.from_rows([*rows, [0]], 4), POPULARITY)[TAIL_OF_TASTE].nonzero()[0].tolist() == [29]


def test_others_belong_to_no_group() -> None:
    among = np.arange(12) < 10
    groups = user_groups(Histories.from_rows([[1]] * 9 + [[2], [0], [0]], 4), POPULARITY, among)
    assert np.flatnonzero(groups[TAIL_OF_TASTE]).tolist() == [9]
    assert groups[ALL_USERS].tolist() == among.tolist()


@given(st.lists(st.lists(st.integers(0, 19), unique=True, max_size=8), min_size=1, max_size=40), st.integers(0, 2**16))
def test_groups_hold_what_they_say(rows: list[list[int]], seed: int) -> None:
    histories = Histories.from_rows(rows, 20)
    groups = user_groups(histories, np.random.default_rng(seed).random(20))
    by_length = np.stack([groups[name] for name in (NO_HISTORY, SHORT_HISTORY, LONG_HISTORY)])
    assert (by_length.sum(0) == 1).all()
    warm = int((histories.lengths > 0).sum())
    assert groups[TAIL_OF_TASTE].sum() == warm // 10
    assert not (groups[TAIL_OF_TASTE] & groups[NO_HISTORY]).any()


def test_evaluation_reports_the_tail() -> None:
    """Lists of item 2 alone: a hit for the user at the tail only."""
    rows, hidden = [[1]] * 10, [[3]] * 10
    rows[4], hidden[4] = [0], [2]
    holdout = Holdout(Histories.from_rows(rows, 4), Histories.from_rows(hidden, 4))
    result = evaluate_lists(lambda h, seen: np.full((len(h), 1), 2, dtype=np.int64), holdout, POPULARITY, list_length=1)
    by_name = {group.name: group for group in result.groups}
    assert (by_name[TAIL_OF_TASTE].users, by_name[TAIL_OF_TASTE].model["recall@1"]) == (1, 1.0)
    assert by_name[ALL_USERS].model["recall@1"] == pytest.approx(0.1)
