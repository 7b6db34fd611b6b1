"""The newest items of a history, whatever stands around them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.plugin import UserBatch, newest

N = 9


def batch(rows: list[list[int]], weights: list[list[float]] | None = None) -> UserBatch:
    history = torch.tensor(rows, dtype=torch.int64).reshape(len(rows), -1)
    given = (history < N).float() if weights is None else torch.tensor(weights)
    ages = torch.arange(history.shape[1], 0, -1).float().expand(len(rows), -1) * (history < N)
    return UserBatch(history, given, ages, torch.zeros(len(rows), 0))


def test_by_hand() -> None:
    got = newest(
        batch([[1, N, 2, 3, N], [N, N, 4, N, N], [N] * 5], [[5.0, 0, 1, 2, 0], [0, 0, 3, 0, 0], [0] * 5]), 2, N
    )
    assert got.history.tolist() == [[2, 3], [N, 4], [N, N]]
    assert got.weights.tolist() == [[1, 2], [0, 3], [0, 0]]
    assert got.ages.tolist() == [[3, 2], [0, 3], [0, 0]]


@pytest.mark.parametrize("slots", [0, 1])
def test_shorter_histories_are_padded_in_front(slots: int) -> None:
    got = newest(batch([[7] * slots, [N] * slots]), 3, N)
    assert got.history.tolist() == [[N] * (3 - slots) + [7] * slots, [N] * 3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, N), min_size=6, max_size=6), min_size=1, max_size=4), st.integers(1, 8))
def test_the_last_real_slots_in_their_order(rows: list[list[int]], length: int) -> None:
    got = newest(batch(rows), length, N)
    for row, kept, weights in zip(rows, got.history.tolist(), got.weights.tolist(), strict=True):
        real = [item for item in row if item < N][-length:]
        assert kept == [N] * (length - len(real)) + real
        np.testing.assert_array_equal(np.array(weights) > 0, np.array(kept) < N)
