"""Candidates are the items of the highest bounds, and what is said of the others holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfrec.scoring.candidates import Bounds, add, added_to, mask

NEVER = float("-inf")


def of(values: np.ndarray, width: int, unit: float = 1.0, margin: float = 0.0) -> Bounds:
    users = len(values)
    best = values.reshape(users, -1, width).max(axis=2)
    unit_of, margin_of = (np.full(users, value, dtype=np.float32) for value in (unit, margin))
    return Bounds(np.arange(users), values, best, unit_of, margin_of)


def reals(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_by_hand() -> None:
    """Two of 3 blocks of 2: those of 9 and 8; in them 9 and 8 are the highest, of items 3 and 4, and 8 the lowest."""
    bounds = np.array([[1, 7, 2, 9, 8, 0]], dtype=np.float32)
    found = of(bounds, 2).highest(2)
    np.testing.assert_array_equal(found.items, [[3, 4]])
    np.testing.assert_array_equal(found.allowed, [[True, True]])
    np.testing.assert_array_equal(found.lowest, [8])


def test_two_of_one_block() -> None:
    """9 and 8 stand in one block, 7 in another that is looked through and not taken."""
    found = of(reals(1, 7, 8, 9, 2, 0)[None], 2).highest(2)
    np.testing.assert_array_equal(found.items, [[2, 3]])
    np.testing.assert_array_equal(found.lowest, [8])


def test_what_is_masked_is_not_allowed() -> None:
    bounds = np.full((1, 6), NEVER, dtype=np.float32)
    bounds[0, 4] = 3
    found = of(bounds, 2).highest(2)
    assert set(found.items[found.allowed].tolist()) == {4}
    assert found.lowest[0] == NEVER
    assert of(bounds, 2).sure(found.lowest, reals(NEVER)).all()


@given(seed=st.integers(0, 2**32 - 1), users=st.integers(1, 5), blocks=st.integers(1, 12), width=st.integers(1, 5))
def test_no_other_item_is_higher(seed: int, users: int, blocks: int, width: int) -> None:
    """Few different numbers, so that many are equal, and some that are masked."""
    random = np.random.default_rng(seed)
    bounds = random.integers(0, 6, (users, blocks * width)).astype(np.float32)
    bounds[random.random(bounds.shape) < 0.3] = NEVER
    count = int(random.integers(1, blocks + 1))
    found = of(bounds, width).highest(count)
    for user, row in enumerate(bounds):
        items = found.items[user]
        assert len(set(items.tolist())) == count
        assert (np.diff(items) > 0).all()
        assert found.lowest[user] == row[items].min()
        assert np.delete(row, items).max(initial=NEVER) <= found.lowest[user]
        np.testing.assert_array_equal(found.allowed[user], row[items] > NEVER)


@pytest.mark.parametrize(("worst", "sure"), [(6.0, False), (6.1, True), (np.nan, False)])
def test_sure_is_who_has_a_list_above_what_was_left_out(worst: float, sure: bool) -> None:
    """2 x 2.5 + 1 = 6 is the most that an item left out may have; one that has it may come before by its number."""
    bounds = of(np.zeros((1, 2), dtype=np.float32), 2, unit=2, margin=1)
    assert bounds.sure(reals(2.5), reals(worst)).tolist() == [sure]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lowest", [2.5, NEVER])
def test_no_list_is_above_a_margin_without_end_but_where_nothing_is_left(lowest: float) -> None:
    bounds = of(np.zeros((1, 2), dtype=np.float32), 2, margin=np.inf)
    assert bounds.sure(reals(lowest), reals(1e30)).tolist() == [lowest == NEVER]


class TestSecondLook:
    def test_by_hand(self) -> None:
        """Bounds 2 b + 1; a score of 13 may be reached by 6, 7 and 9, and 5 is one more."""
        bounds = of(reals(1, 7, 6, 9, 2, 5)[None], 2, unit=2, margin=1)
        found = bounds.reaching(reals(13), 1, 6)
        assert found is not None
        np.testing.assert_array_equal(found.items, [[1, 2, 3, 5]])
        assert bounds.sure(found.lowest, reals(13)).all()
        assert bounds.reaching(reals(13), 1, 3) is None

    def test_there_are_no_fewer_than_asked_for(self) -> None:
        found = of(reals(1, 7, 6, 9, 2, 5)[None], 2).reaching(reals(8), 3, 6)
        assert found is not None
        np.testing.assert_array_equal(found.items, [[1, 2, 3]])

    @given(seed=st.integers(0, 2**32 - 1), users=st.integers(1, 40), blocks=st.integers(1, 12))
    def test_what_is_left_out_cannot_reach_the_list(self, seed: int, users: int, blocks: int) -> None:
        random = np.random.default_rng(seed)
        values = random.integers(-5, 6, (users, blocks * 3)).astype(np.float32)
        values[random.random(values.shape) < 0.2] = NEVER
        bounds = of(values, 3, unit=0.5, margin=0.25)
        worst = random.integers(-5, 6, users).astype(np.float32)
        asked = np.flatnonzero(random.random(users) < 0.7)
        seen = []
        for rows in bounds.groups(asked, worst, most=blocks):
            seen += rows.tolist()
            found = bounds.of(rows).reaching(worst[rows], 1, values.shape[1])
            assert found is not None
            for user, items in zip(rows, found.items, strict=True):
                left_out = np.delete(values[user], items) * 0.5 + 0.25
                assert (left_out < worst[user]).all()
        assert sorted(seen) == asked.tolist()

    def test_who_needs_too_many_is_left_to_the_graph(self) -> None:
        """The first may be anything in two blocks, the second in one, the third in all, as is who has no bounds."""
        values = np.array([[5, 0, 6, 0, 1, 0], [9, 0, 1, 0, 1, 0], [9, 0, 9, 0, 9, 0]], dtype=np.float32)
        groups = of(values, 2).groups(np.arange(3), reals(4, 4, 4), most=2)
        assert [group.tolist() for group in groups] == [[1, 0]]
        assert of(values, 2, margin=np.inf).groups(np.arange(3), reals(4, 4, 4), most=2) == []


def test_the_mask_is_put_in_place() -> None:
    """The same item twice, as padding repeats one."""
    bounds = np.arange(6, dtype=np.float32).reshape(2, 3)
    mask(bounds, np.array([[2, 2], [0, 1]]), np.full((2, 2), NEVER, dtype=np.float32))
    np.testing.assert_array_equal(bounds, [[0, 1, NEVER], [NEVER, NEVER, 5]])


def test_what_is_added_comes_one_after_the_other() -> None:
    scores = np.zeros((2, 4), dtype=np.float32)
    items = np.array([[1, 1, 3], [0, 3, 3]])
    values = np.array([[0.5, 0.25, 1], [2, -1, 4]], dtype=np.float32)
    add(scores, items, values)
    assert scores.tolist() == [[0, 0.75, 0, 1], [2, 0, 0, 3]]
    assert added_to(np.array([[1, 2], [0, 3]]), 4, items, values).tolist() == [[0.75, 0], [2, 3]]


@pytest.mark.parametrize("item", [-1, 4])
def test_nothing_is_added_to_another_user(item: int) -> None:
    scores = np.zeros((2, 4), dtype=np.float32)
    with pytest.raises(IndexError, match=r"outside of 0\.\.3"):
        add(scores, np.array([[0], [item]]), np.ones((2, 1), dtype=np.float32))
    assert not scores.any()
