"""Scores to lists: seen items left out, the best K, equal scores by item number. The same for every baseline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from selfrec.histories import Float32, Histories, Int64

Score = Callable[[Histories], Float32]
"""Histories of B users -> float32[B, N], finite; a fresh array, which may be written to."""

SCORE_BYTES = 64 << 20
"""About the size of a batch's score matrix."""


def matrix(histories: Histories) -> sparse.csr_matrix:
    """The histories as ones: sparse float32[U, N]."""
    shape = (len(histories), histories.n_items)
    ones = np.ones(len(histories.items), dtype=np.float32)
    return sparse.csr_matrix((ones, histories.items, histories.offsets), shape=shape)


def recommend(score: Score, histories: Histories, seen: Histories, k: int) -> Int64:
    """int64[U, k] the best items that are not seen, N where fewer are left. seen: of the same users."""
    n_items = histories.n_items
    lists = np.full((len(histories), k), n_items, dtype=np.int64)
    size = max(1, SCORE_BYTES // (4 * n_items))
    for start in range(0, len(histories), size):
        rows = np.arange(start, min(start + size, len(histories)))
        scores = score(histories.take(rows))
        never = seen.take(rows)
        scores[never.row_numbers, never.items] = -np.inf
        items = best(scores, k)
        lists[rows, : items.shape[1]] = items
    return lists


def best(scores: Float32, k: int) -> Int64:
    """int64[B, min(k, N)] columns of the highest scores, best first, N for -inf. Equal scores: lower column first."""
    rows, n = scores.shape
    k = min(k, n)
    if k < n:
        # The edge and the best that is left out: where they are equal, the partition chose among equals at will.
        places = np.argpartition(scores, (n - k - 1, n - k), axis=1)[:, n - k - 1 :]
        edges = np.take_along_axis(scores, places[:, :2], axis=1)
        chosen = np.sort(places[:, 1:], axis=1).astype(np.int64)
        for row in np.flatnonzero((edges[:, 0] == edges[:, 1]) & (edges[:, 1] > -np.inf)):
            above, equal = np.flatnonzero(scores[row] > edges[row, 1]), np.flatnonzero(scores[row] == edges[row, 1])
            chosen[row] = np.sort(np.concatenate([above, equal[: k - len(above)]]))
    else:
        chosen = np.tile(np.arange(n, dtype=np.int64), (rows, 1))
    values = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    chosen = np.take_along_axis(chosen, order, axis=1)
    return np.where(np.take_along_axis(values, order, axis=1) == -np.inf, n, chosen)
