"""Candidates are the items of the highest bounds, and what is said of the others holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfrec.scoring.candidates import Candidates, highest, mask

NEVER = np.float32("-inf")


def best_of(bounds: np.ndarray, width: int) -> np.ndarray:
    return np.asarray(bounds.reshape(len(bounds), -1, width).max(axis=2))


def chosen(bounds: np.ndarray, width: int, count: int) -> Candidates:
    return highest(bounds, best_of(bounds, width), count)


def test_by_hand() -> None:
    """Two of 3 blocks of 2: those of 9 and 8; in them 9 and 8 are the highest, of items 3 and 4, and 8 the lowest."""
    bounds = np.array([[1, 7, 2, 9, 8, 0]], dtype=np.float32)
    found = chosen(bounds, 2, 2)
    np.testing.assert_array_equal(found.items, [[3, 4]])
    np.testing.assert_array_equal(found.allowed, [[True, True]])
    np.testing.assert_array_equal(found.lowest, [8])


def test_two_of_one_block() -> None:
    """9 and 8 stand in one block, 7 in another that is looked through and not taken."""
    found = chosen(np.array([[1, 7, 8, 9, 2, 0]], dtype=np.float32), 2, 2)
    np.testing.assert_array_equal(found.items, [[2, 3]])
    np.testing.assert_array_equal(found.lowest, [8])


def test_what_is_masked_is_not_allowed() -> None:
    bounds = np.full((1, 6), NEVER, dtype=np.float32)
    bounds[0, 4] = 3
    found = chosen(bounds, 2, 2)
    assert set(found.items[found.allowed].tolist()) == {4}
    assert found.lowest[0] == NEVER
    assert found.sure(np.array([NEVER]), np.ones(1, np.float32), np.zeros(1, np.float32)).all()


@given(seed=st.integers(0, 2**32 - 1), users=st.integers(1, 5), blocks=st.integers(1, 12), width=st.integers(1, 5))
def test_no_other_item_is_higher(seed: int, users: int, blocks: int, width: int) -> None:
    """Few different numbers, so that many are equal, and some that are masked."""
    random = np.random.default_rng(seed)
    bounds = random.integers(0, 6, (users, blocks * width)).astype(np.float32)
    bounds[random.random(bounds.shape) < 0.3] = NEVER
    count = int(random.integers(1, blocks + 1))
    found = chosen(bounds, width, count)
    for user, row in enumerate(bounds):
        items = found.items[user]
        assert len(set(items.tolist())) == count
        assert (np.diff(items) > 0).all()
        assert found.lowest[user] == row[items].min()
        assert np.delete(row, items).max(initial=NEVER) <= found.lowest[user]
        np.testing.assert_array_equal(found.allowed[user], row[items] > NEVER)


@pytest.mark.parametrize(
    ("worst", "sure"),
    [(6.0, False), (6.1, True), (np.nan, False)],
)
def test_sure_is_who_has_a_list_above_what_was_left_out(worst: float, sure: bool) -> None:
    """2 x 2.5 + 1 = 6 is the most that an item left out may have; one that has it may come before by its number."""
    found = Candidates(np.zeros((1, 1), np.int64), np.ones((1, 1), np.bool_), np.array([2.5], np.float32))
    told = found.sure(np.array([worst], np.float32), np.array([2], np.float32), np.array([1], np.float32))
    assert told.tolist() == [sure]


def test_no_margin_is_wide_enough_for_what_is_out_of_range() -> None:
    found = Candidates(np.zeros((1, 1), np.int64), np.ones((1, 1), np.bool_), np.array([2.5], np.float32))
    assert not found.sure(np.array([1e30], np.float32), np.ones(1, np.float32), np.array([np.inf], np.float32)).any()


def test_the_mask_is_put_in_place() -> None:
    """The same item twice, as padding repeats one."""
    bounds = np.arange(6, dtype=np.float32).reshape(2, 3)
    mask(bounds, np.array([[2, 2], [0, 1]]), np.full((2, 2), NEVER, dtype=np.float32))
    np.testing.assert_array_equal(bounds, [[0, 1, NEVER], [NEVER, NEVER, 5]])
