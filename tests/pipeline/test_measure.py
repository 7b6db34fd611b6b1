"""The figures that stages are chosen by."""

from __future__ import annotations

import numpy as np
import pytest

from selfrec.histories import Histories, Int64
from selfrec.pipeline.measure import K, measure

N = 10


def ranked(*rows: list[int]) -> Int64:
    """Lists of K places, the last ones empty."""
    lists = np.full((len(rows), K), N, dtype=np.int64)
    for place, row in enumerate(rows):
        lists[place, : len(row)] = row
    return lists


def test_users_without_hidden_items_are_left_out_of_means() -> None:
    """Coverage is of all lists; the second of two places has a gain of 1 / log2(3)."""
    found = measure(ranked([1, 2], [4, 3], [5]), Histories.from_rows([[1], [3], []], N))
    assert found.metrics == {
        "ndcg@20": pytest.approx((1 + 1 / np.log2(3)) / 2),
        "recall@20": 1.0,
        "coverage@20": pytest.approx(5 / N),
    }
    assert found.per_user.tolist() == pytest.approx([1, 1 / np.log2(3)])


def test_no_user_has_hidden_items() -> None:
    found = measure(ranked([1, 2]), Histories.from_rows([[]], N))
    assert found.metrics == {"ndcg@20": 0.0, "recall@20": 0.0, "coverage@20": pytest.approx(2 / N)}
    assert len(found.per_user) == 0
