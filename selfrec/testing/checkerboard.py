"""A checkerboard of users and items: even users like even items, odd users odd ones. The right answer is plain."""

from __future__ import annotations

import numpy as np

from selfrec.histories import Histories, Holdout


def checkerboard(users: int = 40, items: int = 20, share: float = 1.0, seed: int = 0) -> Histories:
    """Histories in which user u has a share of the items of u's own parity, in random order."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        own = np.arange(user % 2, items, 2)
        count = max(1, round(share * len(own)))
        rows.append([int(item) for item in rng.permutation(own)[:count]])
    return Histories.from_rows(rows, items)


def checkerboard_holdout(users: int = 40, items: int = 20, hidden: int = 1, seed: int = 0) -> Holdout:
    """The checkerboard with each user's last `hidden` items taken out: they are the only right answer."""
    whole = checkerboard(users, items, seed=seed)
    from_end = whole.offsets[1:][whole.row_numbers] - np.arange(len(whole.items))
    return Holdout(whole.keep(from_end > hidden), whole.keep(from_end <= hidden))
