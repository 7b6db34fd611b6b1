"""The nearest items by how many users they share (Deshpande and Karypis 2004), block of items by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfrec.plugin import Histories, largest
from selfrec_itemknn.module import ItemKnn

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_itemknn.options import ItemKnnOptions

Float32 = npt.NDArray[np.float32]

LONGEST = 500
"""Of longer histories the newest so many items are counted: pairs grow as the square."""

CELLS = 1 << 18
"""Pairs of items that are dense at a time: what stays in the cache while it is counted and divided."""

ONE = np.float32(1)

PAIRS = 16 << 20
"""Pairs that are counted at a time."""


class Damped(Protocol):
    """Options of which the cosine needs one."""

    @property
    def shrink(self) -> float:
        """Added to the divisor."""


def fill_in(module: ItemKnn, fitting: Fitting) -> None:
    """strength_ij = p_i^-a (G_ij / (sqrt(p_i p_j) + shrink))^e for the M largest of each item i.

    G_ij users have both items and p_i one. The loss is the share of items without a neighbour.
    """
    rows = newest_counted(fitting.histories)
    popularity = torch.from_numpy(rows.item_counts()).float().clamp_min(1)
    found = min(module.neighbours.shape[1], rows.n_items)
    module.clear(fitting.options.neighbours)
    for epoch in fitting.epochs(module, 1):
        for items, shared in shared_users(rows):
            cosines = damped_cosines(shared, popularity, items, fitting.options)
            nearest, neighbours = largest(cosines, found)
            strengths = weighed(nearest, popularity, items, fitting.options)
            module.strengths[items, :found] = strengths
            module.neighbours[items, :found] = neighbours.masked_fill(strengths == 0, rows.n_items)
        alone = (module.strengths[:-1, 0] == 0).double().mean() if rows.n_items else 0.0
        epoch.report(loss=float(alone))


def newest_counted(histories: Histories) -> Histories:
    """The rows whose pairs are counted."""
    return histories.newest(LONGEST)


def damped_cosines(shared: Tensor, popularity: Tensor, items: Tensor, options: Damped) -> Tensor:
    """float32[b, N] G_ij / (sqrt(p_i p_j) + shrink) of `items` int64[b] with all; 0 for itself. shared [b, N], in whose
    place it is made; popularity [N].
    """
    root = popularity.sqrt()
    divisor = torch.addcmul(torch.full((), options.shrink), root[items][:, None], root)
    shared /= divisor
    shared[torch.arange(len(items)), items] = 0
    return shared


def weighed(cosines: Tensor, popularity: Tensor, items: Tensor, options: ItemKnnOptions) -> Tensor:
    """float32[b, M] strengths from the damped cosines of `items` int64[b] with their neighbours."""
    return cosines**options.exponent * popularity[items][:, None] ** -options.popularity_exponent


def shared_users(rows: Histories, weights: Float32 | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of items: their numbers int64[b], and how many users each shares with every item, float32[b, N].

    weights float32[U]: what each user counts, 1 unless given.
    """
    order = np.argsort(rows.items, kind="stable")
    users = rows.row_numbers[order]
    starts = np.concatenate([[0], np.cumsum(rows.item_counts())])
    pairs = np.concatenate([[0], np.cumsum(rows.lengths[users])])[starts]
    first = 0
    while first < rows.n_items:
        most = int(np.searchsorted(pairs, pairs[first] + PAIRS, side="right")) - 1
        last = min(max(most, first + 1), first + max(1, CELLS // rows.n_items), rows.n_items)
        part = rows.take(users[starts[first] : starts[last]])
        items = np.repeat(np.arange(last - first), np.diff(starts[first : last + 1]))
        cells = np.repeat(items, part.lengths) * rows.n_items + part.items
        shared = np.zeros((last - first) * rows.n_items, dtype=np.float32)
        counts = ONE if weights is None else np.repeat(weights[users[starts[first] : starts[last]]], part.lengths)
        np.add.at(shared, cells, counts)
        yield torch.arange(first, last), torch.from_numpy(shared).view(last - first, rows.n_items)
        first = last
