"""Unweighted events: the cheap way gives what the general way gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfrec.source.counting import by_number, count_pairs
from selfrec.source.folding import Events, Fold, fold


def arrays(events: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, items, ticks = (np.array([one[at] for one in events]) for at in range(3))
    return rows.astype(np.int32), items.astype(np.int32), ticks.astype(np.int64)


def test_pairs_by_hand() -> None:
    rows, items, ticks = arrays([(2, 1, 5), (0, 3, 9), (2, 1, 7), (2, 0, 6), (0, 3, 2), (0, 2, 9)])
    found = count_pairs(rows, items, ticks, 4, 5)
    assert found is not None
    assert found.offsets.tolist() == [0, 2, 2, 4, 4]
    # User 0: item 2 and item 3 both last at 9, so by number; user 2: item 0 at 6, item 1 twice, last at 7.
    assert found.items.tolist() == [2, 3, 0, 1]
    assert found.ticks.tolist() == [9, 9, 6, 7]
    assert found.counts.tolist() == [1, 2, 1, 2]


def test_no_events() -> None:
    found = count_pairs(*arrays([]), 3, 5)
    assert found is not None
    assert found.offsets.tolist() == [0, 0, 0, 0]
    assert len(found.items) == len(found.ticks) == len(found.counts) == 0


EVENT = st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 8))


@given(st.lists(EVENT, max_size=120), st.sampled_from(["log", "sum", "one"]))
def test_the_general_way_gives_the_same(events: list[tuple[int, int, int]], how: Fold) -> None:
    rows, items, ticks = arrays(events)
    cheap = fold(Events(rows=rows, items=items, ticks=ticks, weights=None), 5, 7, how)
    ones = np.ones(len(rows), dtype=np.float32)
    general = fold(Events(rows=rows, items=items, ticks=ticks, weights=ones), 5, 7, how)
    for name in ("offsets", "items", "weights", "ticks"):
        assert getattr(cheap, name).tobytes() == getattr(general, name).tobytes()


def test_many_users_of_all_lengths() -> None:
    draw = np.random.default_rng(0)
    rows = np.repeat(np.arange(70_000, dtype=np.int32), draw.integers(0, 6, 70_000))
    rows = draw.permutation(np.concatenate([rows, np.full(3000, 69_999, dtype=np.int32)]))
    items = draw.integers(0, 500, len(rows)).astype(np.int32)
    found = count_pairs(rows, items, np.zeros(len(rows), dtype=np.int64), 70_000, 500)
    assert found is not None
    wanted, counts = np.unique(rows.astype(np.int64) * 500 + items, return_counts=True)
    users = np.repeat(np.arange(70_000), np.diff(found.offsets))
    assert (users * 500 + found.items == wanted).all()
    assert (found.counts == counts).all()


@pytest.mark.parametrize(("items", "tick", "events"), [(2**31 - 1, 2**40, 1), (2**10, 2**50, 4)])
def test_numbers_that_do_not_fit_are_left_to_the_general_way(items: int, tick: int, events: int) -> None:
    rows, numbers, ticks = arrays([(0, 1, tick)] * events)
    assert count_pairs(rows, numbers, ticks, 1, items) is None
    assert fold(Events(rows=rows, items=numbers, ticks=ticks, weights=None), 1, items, "sum").weights.tolist() == [
        events
    ]


@given(st.lists(st.integers(0, 200_000), max_size=300))
def test_order_by_number_is_stable(numbers: list[int]) -> None:
    order = by_number(np.array(numbers, dtype=np.int32), 200_001)
    assert order.tolist() == sorted(range(len(numbers)), key=numbers.__getitem__)
