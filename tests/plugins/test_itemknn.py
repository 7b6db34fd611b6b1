"""ItemKNN: shared users counted by hand, and as a sparse generator."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.plugin import Histories
from selfrec_itemknn import selfrec_generators
from selfrec_itemknn import shared as counting
from tests.plugins.kit import batch_of, fitted_on, none, scores_on

RECORD, _ = selfrec_generators()
PLAIN = {"shrink": 0.0, "exponent": 1.0, "popularity_exponent": 0.0}
ROWS = [[0, 1], [0, 1], [0, 2], [3]]


fitted = partial(fitted_on, RECORD)
scores = partial(scores_on, RECORD)


class TestByHand:
    def test_cosine_of_shared_users(self) -> None:
        """Item 0 has 3 users, item 1 2 of them, item 2 1 of them; item 3 shares none."""
        found = scores(ROWS, [[0], [1], [3], [0, 1]], 4, **PLAIN)
        one, two = 2 / np.sqrt(3 * 2), 1 / np.sqrt(3 * 1)
        wanted = [[0, one, two, 0], [one, 0, 0, 0], [0, 0, 0, 0], [one, one, two, 0]]
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float32))

    def test_shrink_exponent_and_popularity(self) -> None:
        found = scores(ROWS, [[0]], 4, shrink=2.0, exponent=2.0, popularity_exponent=0.5)
        wanted = 3**-0.5 * (2 / (np.sqrt(6) + 2)) ** 2
        assert float(found[0, 1]) == pytest.approx(wanted, rel=1e-5)

    def test_only_the_nearest_speak(self) -> None:
        found = scores(ROWS, [[0]], 4, neighbours=1, **PLAIN)
        assert (found[0] > 0).tolist() == [False, True, False, False]

    def test_fewer_items_than_neighbours(self) -> None:
        part = fitted(ROWS, 4, neighbours=10)
        assert part.module.neighbours.shape == (5, 10)
        assert part.module.neighbours[3].tolist() == [4] * 10
        assert part.module.neighbours[4].tolist() == [4] * 10

    def test_weights_of_a_history_count(self) -> None:
        batch = batch_of([[0]], 4)
        part = fitted(ROWS, 4)
        plain = part.generate(batch, none(batch), 4)
        heavy = batch._replace(weights=batch.weights * 3)
        torch.testing.assert_close(part.generate(heavy, none(batch), 4), 3 * plain)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.sets(st.integers(0, 8), min_size=0, max_size=6), min_size=1, max_size=12),
    cells=st.integers(1, 40),
    pairs=st.integers(1, 30),
)
def test_blocks_of_any_size_count_what_a_product_counts(rows: list[set[int]], cells: int, pairs: int) -> None:
    histories = Histories.from_rows([sorted(row) for row in rows], 9)
    dense = np.zeros((len(rows), 9))
    dense[histories.row_numbers, histories.items] = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "CELLS", cells)
        patch.setattr(counting, "PAIRS", pairs)
        blocks = [(block.items, block.counts.copy(), block.cells) for block in counting.shared_users(histories)]
    assert np.concatenate([items for items, _, _ in blocks]).tolist() == list(range(9))
    assert (np.concatenate([counts for _, counts, _ in blocks]) == dense.T @ dense).all()
    for _, counts, touched in blocks:
        assert sorted(touched) == np.flatnonzero(counts).tolist()


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.sets(st.integers(0, 8), min_size=0, max_size=6), min_size=1, max_size=12),
    cells=st.integers(1, 40),
    count=st.integers(1, 10),
    shrink=st.sampled_from([0.0, 10.0]),
)
def test_nearest_are_those_of_the_whole_matrix(rows: list[set[int]], cells: int, count: int, shrink: float) -> None:
    histories = Histories.from_rows([sorted(row) for row in rows], 9)
    dense = np.zeros((len(rows), 9), dtype=np.float32)
    dense[histories.row_numbers, histories.items] = 1
    popularity = histories.item_counts().clip(1).astype(np.float32)
    root = np.sqrt(popularity)
    cosines = dense.T @ dense / (root[:, None] * root + np.float32(shrink))
    np.fill_diagonal(cosines, 0)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    wanted = np.take_along_axis(cosines, order, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "CELLS", cells)
        found = [block.nearest(popularity, shrink, count) for block in counting.shared_users(histories)]
    strengths, columns = (np.concatenate(part)[:, : order.shape[1]] for part in zip(*found, strict=True))
    np.testing.assert_array_equal(strengths, wanted)
    np.testing.assert_array_equal(columns, np.where(wanted > 0, order, 9))


def test_long_histories_are_counted_in_their_newest_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfrec_itemknn.training.LONGEST", 2)
    found = scores([[0, 1, 2]], [[2]], 3, **PLAIN)
    assert (found[0] > 0).tolist() == [False, True, False]
