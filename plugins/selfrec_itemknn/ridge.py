"""SLIM by ridge: each item is regressed on the few items nearest to it (fsSLIM, Ning and Karypis 2011, in closed form).

With S the support of item j, W what each user counts, G = X^T W X, and the damping of input dropout p (Steck 2020),

    b_j = (G_SS + diag(lambda + p / (1 - p) G_ss))^-1 G_Sj

No N x N matrix is held or inverted: N systems of M x M are. A user of n items counts 1 / n: those of many items, who
have most of all pairs, say less of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from selfrec.plugin import Histories
from selfrec_itemknn.shared import LONGEST, Float32, shared_users

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_itemknn.module import ItemKnn
    from selfrec_itemknn.options import SlimOptions

LEAST, MOST = 4, 40
"""Neighbours where as many as the product pays for are taken; so few say something, and cost little anywhere."""

ENTRY = 750
"""Multiplications and additions of a product that take the time of one sparse entry (20 ns at 75 GFLOP/s)."""

SHARE = 0.25
"""Of the product's time, what the sparse entries of a user may take."""

WIDTH = 512
"""Of the product, where no extractor tells it."""

SYSTEM_CELLS, ITEM_CELLS = 1 << 27, 2500
"""Cells of the systems held at a time, 512 MB or 10 kB an item; each time all shared users are counted once more."""

PASSES = 3
"""At most so many times, if the systems are larger than ITEM_CELLS."""

SOLVED = 256
"""Systems that are factorised at a time."""


def fit_slim(module: ItemKnn, fitting: Fitting) -> None:
    """Solve, and keep the targets that each item says most of. The loss is the share of items that say nothing."""
    options, pairs = fitting.options, Pairs.of(fitting.histories)
    count = options.neighbours or affordable(fitting.histories, fitting.sizes.features)
    for epoch in fitting.epochs(module, 1):
        support = supports(pairs, support_size(max(count, options.support), pairs.items), options)
        strengths = coefficients(pairs, support, options)
        strengths *= pairs.popularity[:, None] ** -options.target_exponent
        targets, strengths = strongest(support, strengths, count)
        module.clear(count)
        module.neighbours[:-1] = targets.to(fitting.device)
        module.strengths[:-1] = strengths.to(fitting.device)
        silent = (strengths == 0).all(1).double().mean() if pairs.items else 0.0
        epoch.report(loss=float(silent))


def affordable(histories: Histories, width: int) -> int:
    """The neighbours, LEAST to MOST, whose entries for a mean history take SHARE of the time of its product [d x N]."""
    slots = max(1.0, len(histories.items) / max(1, len(histories)))
    return int(np.clip(SHARE * histories.n_items * (width or WIDTH) / (ENTRY * slots), LEAST, MOST))


@dataclass(frozen=True)
class Pairs:
    """What is counted: G_ij = sum of w_u over the users u who have both i and j."""

    rows: Histories
    weights: Float32
    """float32[U] w_u, 1 / items of u, times what makes its mean over all events 1."""
    popularity: Tensor
    """float32[N] G_ii, of the rarest items as if one such event had been."""

    @classmethod
    def of(cls, histories: Histories) -> Pairs:
        """Of the newest items of each history."""
        rows = histories.newest(LONGEST)
        mean = len(rows.items) / max(1, int(np.count_nonzero(rows.lengths)))
        weights = mean / np.maximum(1, rows.lengths)
        popularity = np.bincount(rows.items, weights=weights[rows.row_numbers], minlength=rows.n_items)
        least = weights.min(initial=1.0)
        return cls(rows, weights.astype(np.float32), torch.from_numpy(popularity.clip(least)).float())

    @property
    def items(self) -> int:
        """N."""
        return self.rows.n_items


def support_size(wanted: int, items: int) -> int:
    """The size of the supports, M: as wanted, at most N, and such that the systems are solved in few passes."""
    room = max(PASSES * SYSTEM_CELLS / max(1, items), ITEM_CELLS) ** 0.5
    return max(1, min(wanted, int(room), items))


def supports(pairs: Pairs, size: int, options: SlimOptions) -> Tensor:
    """int64[N, M] the nearest items of each by damped cosine, nearest first; N where they share no user."""
    found = torch.empty(pairs.items, size, dtype=torch.int64)
    for block in shared_users(pairs.rows, pairs.weights):
        _, nearest = block.nearest(pairs.popularity.numpy(), options.shrink, size)
        found[block.items] = torch.from_numpy(nearest)
    return found


def coefficients(pairs: Pairs, support: Tensor, options: SlimOptions) -> Tensor:
    """float32[N, M] b of every item on its support int64[N, M]; 0 in padding."""
    solved = torch.zeros(support.shape)
    added = options.l2 + options.dropout / (1 - options.dropout) * pairs.popularity
    size = max(1, max(SYSTEM_CELLS, ITEM_CELLS * pairs.items) // support.shape[1] ** 2)
    for start in range(0, len(support), size):
        part = support[start : start + size]
        systems, wanted = _systems(pairs, part, start)
        for some in torch.split(torch.arange(len(part)), SOLVED):
            known = part[some] < pairs.items
            damping = torch.where(known, added[part[some] * known], 1.0)
            solved[start + some] = _solved(systems[some], wanted[some], damping, known)
    return solved


def _systems(pairs: Pairs, support: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """G_SS float32[n, M, M] and G_Sj float32[n, M] of the n items from `first` on; in padding they mean nothing.

    Rows of G come block by block: what every system needs of them is looked up while they are in the cache.
    """
    count, size = support.shape
    order = torch.argsort(support.reshape(-1), stable=True)
    numbers = support.reshape(-1)[order]
    columns = support.clamp_max(max(0, pairs.items - 1))
    systems, wanted = torch.zeros(count * size, size), torch.zeros(count * size)
    for block in shared_users(pairs.rows, pairs.weights):
        shared = torch.from_numpy(block.counts)
        low, high = torch.searchsorted(numbers, torch.tensor([block.first, block.first + len(shared)])).tolist()
        places = order[low:high]
        system, row = places // size, numbers[low:high] - block.first
        systems[places] = shared.reshape(-1)[columns[system] + (row * pairs.items)[:, None]]
        wanted[places] = shared[row, first + system]
    return systems.view(count, size, size), wanted.view(count, size)


def _solved(systems: Tensor, wanted: Tensor, damping: Tensor, known: Tensor) -> Tensor:
    """float32[n, M] (A + diag(damping))^-1 wanted of A float32[n, M, M], of the known rows and columns bool[n, M]."""
    there = known.float()
    systems = systems * there[:, :, None] * there[:, None, :]
    systems.diagonal(dim1=1, dim2=2).add_(damping)
    factors = torch.linalg.cholesky(systems)
    return torch.cholesky_solve((wanted * there)[:, :, None], factors)[:, :, 0]


def strongest(support: Tensor, strengths: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """From what speaks for each item to what each item speaks for: int64[N, R], float32[N, R].

    support int64[N, M] and strengths float32[N, M] are the targets'. Of the targets of an item the R = `count` with
    the largest absolute strength are kept; N and 0 where there are fewer.
    """
    items, size = support.shape
    speakers, values = support.reshape(-1), strengths.reshape(-1)
    order = torch.argsort(values.abs(), descending=True, stable=True)
    order = order[torch.argsort(speakers[order], stable=True)]
    speakers, values = speakers[order], values[order]
    starts = torch.searchsorted(speakers, torch.arange(items + 1))
    places = torch.arange(len(speakers)) - starts[speakers]
    kept = (speakers < items) & (places < count) & (values != 0)
    targets, table = torch.full((items, count), items), torch.zeros(items, count)
    targets[speakers[kept], places[kept]] = order[kept] // size
    table[speakers[kept], places[kept]] = values[kept]
    return targets, table
