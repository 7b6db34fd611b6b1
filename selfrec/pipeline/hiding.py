"""Hiding items of training rows: what a ranker learns from, and windows of time before the validation rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Histories, Holdout, Int64

RANKER_USERS = 0.2
"""Share of the training users whose items are partly hidden for the ranker."""
RANKER_USERS_LEAST, RANKER_USERS_MOST = 4_000, 20_000
"""Bounds on their number: few rows teach a ranker little. Never more than half of all users, though."""
RANKER_ITEMS = 0.2
"""Share of such a user's items that is hidden, at least one."""
WINDOWS = 3
"""Stretches of time before the validation rows that popularity is measured on as well: a single one may say no more
than what its one campaign was like."""


def hide_for_ranker(histories: Histories, seed: int) -> tuple[Histories, Holdout]:
    """Hide a fifth of the items of some of the users who have three or more.

    Returns all rows with what stays visible, and the chosen rows apart with what was hidden. The newest items are
    hidden where times are known (as in life), else random ones. Ages of the chosen rows count from the moment of the
    oldest hidden item.
    """
    rng = np.random.default_rng([seed, 11])
    lengths = histories.lengths
    able = np.flatnonzero(lengths >= 3)
    count = ranker_users(len(able))
    chosen = np.sort(rng.choice(able, size=count, replace=False)) if count else able
    hidden = np.zeros(len(histories.items), dtype=bool)
    if count:
        hidden = _hidden_slots(histories, chosen, rng)
    visible = histories.keep(~hidden)
    inputs, targets = visible.take(chosen), histories.keep(hidden).take(chosen)
    if count and histories.ages.any():
        inputs = _from_the_moment_of(inputs, targets)
    return visible, Holdout(inputs, targets)


def hide_newest(
    histories: Histories, share: float, seed: int, *, most: int = RANKER_USERS_MOST
) -> tuple[Histories, Holdout]:
    """Hide everything from a moment on, about this share of all slots, as a temporal split does.

    Returns the rows with what stays visible, and those with something on both sides of the moment apart with what was
    hidden, at most `most` of them. All ages count from that moment then.
    """
    ages = np.sort(histories.ages)
    if len(ages) == 0 or ages[0] == ages[-1]:
        return hide_for_ranker(histories, seed)
    # All slots of one moment fall on one side; something is left on both.
    moment = min(ages[min(len(ages) - 1, round(share * len(ages)))], ages[ages < ages[-1]][-1])
    hidden = histories.ages <= moment
    visible, targets = histories.keep(~hidden), histories.keep(hidden)
    visible = replace(visible, ages=(visible.ages - moment).astype(np.float32))
    both = np.flatnonzero((visible.lengths > 0) & (targets.lengths > 0))
    if len(both) > most:
        both = np.sort(np.random.default_rng([seed, 11]).choice(both, size=most, replace=False))
    left = np.flatnonzero(visible.lengths > 0)
    return visible.take(left), Holdout(visible.take(both), targets.take(both))


def earlier_windows(histories: Histories, share: float, seed: int, *, most: int) -> Iterator[tuple[Histories, Holdout]]:
    """Up to WINDOWS stretches of time, each of about this share of all slots and right before the one before it: the
    rows up to it, and of at most `most` users what they chose in it. There are none where all times are the same.
    """
    rows = histories
    for number in range(1, WINDOWS + 1):
        if share * number >= 0.5 or len(rows) == 0 or rows.ages.min() == rows.ages.max():
            return
        # The share is of all slots; those of the windows after this one are gone.
        rows, holdout = hide_newest(rows, share / (1 - share * (number - 1)), seed, most=most)
        yield rows, holdout


def ranker_users(able: int) -> int:
    """How many of so many users a ranker learns from."""
    wanted = max(RANKER_USERS_LEAST, round(RANKER_USERS * able))
    return min(RANKER_USERS_MOST, wanted, (able + 1) // 2)


def _hidden_slots(histories: Histories, chosen: Int64, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """bool[slots] of the chosen rows' hidden items."""
    rows = histories.row_numbers
    quota = np.zeros(len(histories), dtype=np.int64)
    quota[chosen] = np.maximum(1, np.round(RANKER_ITEMS * histories.lengths[chosen])).astype(np.int64)
    if histories.ages.any():
        place = histories.offsets[1:][rows] - np.arange(len(rows)) - 1
    else:
        order = np.lexsort([rng.random(len(rows)), rows])
        place = np.empty(len(rows), dtype=np.int64)
        place[order] = np.arange(len(rows)) - histories.offsets[:-1][rows]
    hidden: npt.NDArray[np.bool_] = place < quota[rows]
    return hidden


def _from_the_moment_of(inputs: Histories, targets: Histories) -> Histories:
    """The inputs with ages counted from each row's oldest target instead of from today."""
    moment = np.zeros(len(targets), dtype=np.float32)
    np.maximum.at(moment, targets.row_numbers, targets.ages)
    ages: Float32 = np.maximum(0, inputs.ages - moment[inputs.row_numbers]).astype(np.float32)
    return replace(inputs, ages=ages)
