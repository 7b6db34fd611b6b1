"""Groups of users that are measured apart, so that a mean over all does not hide them.

    no history           nothing to predict from: popularity answers
    1-5 history items    short histories
    6+ history items     long ones
    tail of taste        the tenth of the users with a history whose items are the least popular on average

Length divides the users; the tail of taste cuts across, and a short history gets into it more easily than a long one,
whose average is steadier.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfrec.evaluation.metrics import Bool, Float64
from selfrec.histories import Histories

ALL_USERS = "all users"
NO_HISTORY = "no history"
SHORT_HISTORY = "1-5 history items"
LONG_HISTORY = "6+ history items"
TAIL_OF_TASTE = "tail of taste"

TAIL_SHARE = 10
"""One user in so many is at the tail of taste; fewer users with a history have none."""


def user_groups(histories: Histories, popularity: npt.ArrayLike, among: Bool | None = None) -> dict[str, Bool]:
    """bool[U] members of every group, all users first; a group may be empty.

    histories: slots of weight 0 do not count. popularity: [N], as in the catalog. among: bool[U], the users there are
    (all when None); the others belong to no group.
    """
    there = np.ones(len(histories), dtype=np.bool_) if among is None else among
    lengths = np.bincount(histories.row_numbers[histories.weights > 0], minlength=len(histories))
    groups = {
        ALL_USERS: there,
        NO_HISTORY: there & (lengths == 0),
        SHORT_HISTORY: there & (lengths >= 1) & (lengths <= 5),
        LONG_HISTORY: there & (lengths > 5),
    }
    return {**groups, TAIL_OF_TASTE: _tail(mean_popularity_rank(histories, popularity), there)}


def mean_popularity_rank(histories: Histories, popularity: npt.ArrayLike) -> Float64:
    """float64[U] mean over a user's items of their place by popularity; NaN without a history.

    1 is the most popular item of the catalog; of equally popular ones the lower number comes first.
    """
    order = np.argsort(-np.asarray(popularity, dtype=np.float64), kind="stable")
    ranks = np.empty(histories.n_items, dtype=np.int64)
    ranks[order] = np.arange(1, histories.n_items + 1)
    chosen = histories.weights > 0
    rows = histories.row_numbers[chosen]
    count = np.bincount(rows, minlength=len(histories))
    total = np.bincount(rows, weights=ranks[histories.items[chosen]], minlength=len(histories))
    mean: Float64 = np.divide(total, count, out=np.full(len(histories), np.nan), where=count > 0)
    return mean


def _tail(mean_rank: Float64, there: Bool) -> Bool:
    """bool[U]: the tenth, rounded down, with the highest mean rank; of equal users the first."""
    asked = np.flatnonzero(there & ~np.isnan(mean_rank))
    tail = np.zeros(len(mean_rank), dtype=np.bool_)
    tail[asked[np.argsort(-mean_rank[asked], kind="stable")][: len(asked) // TAIL_SHARE]] = True
    return tail
