"""The hidden items that lie far from what their users are shown.

Where events have no times, rows to choose on can only be drawn at random, from the middle of what a user did. Such rows
favour parts that memorise which items occur together; what a user does next lies farther away. So no part may win there
that makes lists worse for the farther half of the hidden items.
"""

from __future__ import annotations

import numpy as np
import torch

from selfrec.histories import Float32, Histories, Holdout
from selfrec.pipeline.directions import NormalisedRows

USERS = 256
"""Users whose nearness to all items is dense at a time."""

SLOTS = 2_000_000
"""About so many slots of training rows are looked at."""


def far_half(histories: Histories, holdout: Holdout, seed: int) -> Histories:
    """The farther half of the targets: those whose nearness is at most the median.

    Nearness is the mean cosine of the target to the user's shown items, as vectors over the users of `histories` (of at
    most SLOTS slots). Items outside the catalog are left out.
    """
    targets = holdout.targets.keep(holdout.targets.items < holdout.targets.n_items)
    nearness = _nearness(_some(histories, seed), holdout.inputs, targets)
    return targets.keep(nearness <= np.median(nearness)) if len(nearness) else targets


def _some(histories: Histories, seed: int) -> Histories:
    if len(histories.items) <= SLOTS:
        return histories
    rows = np.random.default_rng([seed, 15]).permutation(len(histories))
    enough = np.searchsorted(np.cumsum(histories.lengths[rows]), SLOTS) + 1
    return histories.take(np.sort(rows[:enough]))


def _nearness(histories: Histories, shown: Histories, targets: Histories) -> Float32:
    """float32[slots of targets]: the mean over a user's items t of G_tj / sqrt(p_t p_j) for the target j."""
    cosines = NormalisedRows(histories, 0.0, 0.5)
    found = np.zeros(len(targets.items), dtype=np.float32)
    for start in range(0, len(shown), USERS):
        part = shown.take(np.arange(start, min(start + USERS, len(shown))))
        own = torch.zeros(shown.n_items, len(part))
        users = torch.from_numpy(part.row_numbers)
        own[torch.from_numpy(part.items).long(), users] = 1 / torch.from_numpy(part.lengths).float()[users]
        near = cosines.transposed(cosines(own)).numpy()
        slots = slice(targets.offsets[start], targets.offsets[start + len(part)])
        found[slots] = near[targets.items[slots], targets.row_numbers[slots] - start]
    return found
