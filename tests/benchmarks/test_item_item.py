"""Closed-form item-item models against matrices worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.offline import item_item
from benchmarks.offline.item_item import ease, edlae, gram, item_knn
from benchmarks.offline.lists import matrix
from selfrec.histories import Histories

ROWS = Histories.from_rows([[0, 1], [1, 0], [1, 2]], 3)
"""G = [[2, 2, 0], [2, 3, 1], [0, 1, 1]]."""


def test_gram_counts_shared_users() -> None:
    assert gram(matrix(ROWS)).tolist() == [[2, 2, 0], [2, 3, 1], [0, 1, 1]]


def test_ease_by_hand() -> None:
    # G + I has determinant 13 and the adjugate [[7, -4, 2], [-4, 6, -3], [2, -3, 8]].
    expected = [[0, 4 / 6, -2 / 8], [4 / 7, 0, 3 / 8], [-2 / 7, 3 / 6, 0]]
    assert ease(matrix(ROWS), 1.0) == pytest.approx(np.array(expected))


def test_edlae_by_hand() -> None:
    # p = 1/2 adds diag(G) = (2, 3, 1): determinant 36, adjugate [[11, -4, 2], [-4, 8, -4], [2, -4, 20]].
    expected = [[0, 4 / 8, -2 / 20], [4 / 11, 0, 4 / 20], [-2 / 11, 4 / 8, 0]]
    assert edlae(matrix(ROWS), 0.0, 0.5) == pytest.approx(np.array(expected))


def test_edlae_adds_both_terms() -> None:
    # p = 1/3 adds half of diag(G); lambda = 2 on top.
    counts = np.array([2.0, 3.0, 1.0])
    inverse = np.linalg.inv(gram(matrix(ROWS)) + np.diag(counts / 2 + 2.0))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert edlae(matrix(ROWS), 2.0, 1 / 3) == pytest.approx(expected)


def test_without_dropout_edlae_is_ease() -> None:
    assert edlae(matrix(ROWS), 1.0, 0.0) == pytest.approx(ease(matrix(ROWS), 1.0))


def test_float32_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    rows = [np.flatnonzero(generator.random(17) < 0.3).tolist() for _ in range(60)]
    x = matrix(Histories.from_rows(rows, 17))
    exact = ease(x, 5.0)
    monkeypatch.setattr(item_item, "EXACT_ITEMS", 0)
    monkeypatch.setattr(item_item, "_BLOCK", 4)
    single = ease(x, 5.0)
    assert (exact.dtype, single.dtype) == (np.float64, np.float32)
    assert single.flags.c_contiguous
    assert single == pytest.approx(exact, abs=1e-5)


def test_item_knn_is_the_cosine() -> None:
    cosine = item_knn(matrix(ROWS), neighbours=3, shrink=0.0).toarray()
    near, far = 2 / np.sqrt(6), 1 / np.sqrt(3)
    assert cosine == pytest.approx(np.array([[0, near, 0], [near, 0, far], [0, far, 0]]))


def test_item_knn_shrinks() -> None:
    cosine = item_knn(matrix(ROWS), neighbours=3, shrink=1.0).toarray()
    assert cosine[0, 1] == pytest.approx(2 / (np.sqrt(6) + 1))
    assert cosine[1, 2] == pytest.approx(1 / (np.sqrt(3) + 1))


def test_item_knn_keeps_the_nearest_of_each_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_item, "_BLOCK", 2)
    nearest = item_knn(matrix(ROWS), neighbours=1, shrink=0.0).toarray()
    # A column holds the neighbours of its item: of 1 that is 0, and 1 is the only one that 2 has.
    assert (nearest > 0).astype(int).tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_an_item_of_no_user_is_near_nothing() -> None:
    x = matrix(Histories.from_rows([[0, 1]], 3))
    assert item_knn(x, neighbours=2, shrink=0.0).toarray()[2].tolist() == [0, 0, 0]
    assert ease(x, 1.0)[2].tolist() == [0, 0, 0]
