"""Lists from scores: seen items, ties, short catalogs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmarks.offline import lists
from benchmarks.offline.lists import best, matrix, recommend
from selfrec.histories import Histories


def test_matrix_holds_ones() -> None:
    histories = Histories.from_rows([[2, 0], [], [1]], 3, [[5.0, 2.0], [], [3.0]])
    assert matrix(histories).toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_best_first_and_equal_scores_by_number() -> None:
    scores = np.array([[1, 3, 2, 3, 1], [0, 0, 0, 0, 0]], dtype=np.float32)
    assert best(scores, 4).tolist() == [[1, 3, 2, 0], [0, 1, 2, 3]]


def test_removed_items_leave_empty_places() -> None:
    scores = np.array([[-np.inf, 1, -np.inf]], dtype=np.float32)
    assert best(scores, 2).tolist() == [[1, 3]]
    assert best(scores, 9).tolist() == [[1, 3, 3]]


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 6), st.integers(1, 12)), elements=st.sampled_from([0, 1, 2, -np.inf])
    ),
    st.integers(1, 12),
)
def test_best_is_a_stable_sort(scores: np.ndarray, k: int) -> None:
    n = scores.shape[1]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = np.where(np.take_along_axis(scores, order, axis=1) == -np.inf, n, order)
    assert best(scores, k).tolist() == expected.tolist()


def test_recommend_leaves_out_what_was_seen(monkeypatch) -> None:
    histories = Histories.from_rows([[0], [1], []], 4)
    seen = Histories.from_rows([[0, 3], [1], []], 4)
    asked: list[int] = []

    def score(part: Histories) -> np.ndarray:
        asked.append(len(part))
        return np.tile(np.array([1, 2, 3, 4], dtype=np.float32), (len(part), 1))

    monkeypatch.setattr(lists, "SCORE_BYTES", 2 * 4 * 4)
    assert recommend(score, histories, seen, 3).tolist() == [[2, 1, 4], [3, 2, 0], [3, 2, 1]]
    assert asked == [2, 1]
