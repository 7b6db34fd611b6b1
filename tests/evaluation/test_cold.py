"""The lists of users without a history, against asking for each of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfrec.evaluation import cold as module
from selfrec.evaluation.cold import PAGES, ColdLists
from selfrec.histories import Histories, Int64


class Popular:
    """Items in the order of their numbers, in lists of `length`; counts the users it was asked for."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.asked = 0

    def __call__(self, histories: Histories, seen: Histories) -> Int64:
        self.asked += len(histories)
        assert len(histories.items) == 0
        lists = np.full((len(histories), self.length), seen.n_items, dtype=np.int64)
        for user in range(len(histories)):
            own = seen.items[seen.offsets[user] : seen.offsets[user + 1]]
            left = np.setdiff1d(np.arange(seen.n_items), own)[: self.length]
            lists[user, : len(left)] = left
        return lists


@given(data=st.data(), items=st.integers(1, 30), length=st.integers(1, 4), cells=st.integers(1, 60))
def test_the_lists_are_those_of_each_user_alone(data: st.DataObject, items: int, length: int, cells: int) -> None:
    rows = data.draw(st.lists(st.lists(st.integers(0, items - 1), unique=True), max_size=5))
    seen, alone = Histories.from_rows(rows, items), Popular(length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CELLS", cells)
        found = ColdLists(Popular(length), items)(seen)
    np.testing.assert_array_equal(found, alone(Histories.from_rows([[]] * len(rows), items), seen))


def test_only_who_has_seen_nearly_all_of_the_ranking_is_asked_for() -> None:
    recommend = Popular(2)
    lists = ColdLists(recommend, 100)
    assert recommend.asked == PAGES
    assert lists(Histories.from_rows([[0], list(range(8)), [50]], 100)).tolist() == [[1, 2], [8, 9], [0, 1]]
    assert recommend.asked == PAGES
    assert lists(Histories.from_rows([list(range(9)), []], 100)).tolist() == [[9, 10], [0, 1]]
    assert recommend.asked == PAGES + 1
