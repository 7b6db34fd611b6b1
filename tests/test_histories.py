"""Histories: compressed rows, their cuts and their rectangles, by hand and against plain lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfrec.histories import Histories, Holdout

ROWS = [[3, 1], [], [0, 2, 4]]
LISTS = st.lists(st.lists(st.integers(0, 8), unique=True, max_size=6), min_size=1, max_size=6)


def rows_of(histories: Histories) -> list[list[int]]:
    cuts = [slice(a, b) for a, b in zip(histories.offsets, histories.offsets[1:], strict=False)]
    return [histories.items[cut].tolist() for cut in cuts]


class TestHistories:
    def test_padding_is_item_number_n_with_weight_0(self) -> None:
        padded = Histories.from_rows(ROWS, 5).padded()
        assert padded.history.tolist() == [[3, 1, 5], [5, 5, 5], [0, 2, 4]]
        assert padded.weights.tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 1]]

    def test_a_given_length_keeps_the_newest(self) -> None:
        assert Histories.from_rows(ROWS, 5).padded(length=2).history.tolist() == [[3, 1], [5, 5], [2, 4]]

    def test_item_counts(self) -> None:
        assert Histories.from_rows([[0, 1], [1]], 3).item_counts().tolist() == [1, 2, 0]

    def test_disagreeing_arrays_are_refused(self) -> None:
        whole = Histories.from_rows(ROWS, 5)
        with pytest.raises(ValueError, match="5 items, 4 weights"):
            Histories(n_items=5, offsets=whole.offsets, items=whole.items, weights=whole.weights[1:], ages=whole.ages)

    @given(LISTS, st.data())
    def test_take_gives_the_rows_in_the_order_asked(self, rows: list[list[int]], data: st.DataObject) -> None:
        asked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8))
        assert rows_of(Histories.from_rows(rows, 9).take(asked)) == [rows[number] for number in asked]

    @given(LISTS, st.integers(0, 4))
    def test_newest_keeps_the_end_of_every_row(self, rows: list[list[int]], limit: int) -> None:
        assert rows_of(Histories.from_rows(rows, 9).newest(limit)) == [row[max(0, len(row) - limit) :] for row in rows]


class TestHoldout:
    def test_seen_joins_what_is_shown_and_what_was_seen_besides(self) -> None:
        inputs, targets = Histories.from_rows([[1], [2, 3]], 6), Histories.from_rows([[0], [5]], 6)
        assert Holdout(inputs, targets).seen() is inputs
        both = Holdout(inputs, targets, Histories.from_rows([[4], []], 6)).seen()
        assert rows_of(both) == [[4, 1], [2, 3]]

    def test_take_keeps_the_three_together(self) -> None:
        rows = Histories.from_rows([[0], [1]], 3)
        taken = Holdout(rows, rows, rows).take(np.array([1]))
        assert [rows_of(part) for part in (taken.inputs, taken.targets, taken.seen())] == [[[1]], [[1]], [[1, 1]]]
