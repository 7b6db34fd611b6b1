"""Which history items carry a recommendation: how far its score falls when one of them is left out.

Leave-one-out attribution of the whole graph: nothing is assumed about the parts inside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Histories, Int64
from selfrec.scoring.kernel import Lists, Scorer


class Cause(NamedTuple):
    """A history item and how much of a recommendation's score goes with it."""

    item: int
    """Item number."""
    drop: float
    """> 0, the fall of the score without this item; at least that much where the recommendation left the list, and the
    whole score where nothing is left of the history."""


def because(scorer: Scorer, histories: Histories, lists: Lists, most: int = 2) -> list[list[list[Cause]]]:
    """For each of U users and each of the list's k places, at most `most` causes, the strongest first.

    scorer: gives lists of the longest length K, since an item that leaves the list can only be told to have fallen
    to its end. histories: the U users' histories. lists: [U, k] lists made from them, k <= K. Empty places have no
    causes; nor has a place whose score falls with none of the items, as for a cold user.
    """
    lengths = histories.lengths
    owners = np.repeat(np.arange(len(histories), dtype=np.int64), lengths)
    # One row a history slot: the user's history without it. The item itself stays excluded.
    all_of_them = histories.take(owners)
    own_slot = all_of_them.offsets[:-1] + (np.arange(len(owners)) - histories.offsets[owners])
    mask = np.ones(len(all_of_them.items), dtype=np.bool_)
    mask[own_slot] = False
    without = scorer.score(all_of_them.keep(mask), all_of_them)
    # Without a history the lists are popularity's, whose scores are on a scale of their own.
    alone = lengths[owners] == 1
    without = Lists(
        np.where(alone[:, None], histories.n_items, without.items), np.where(alone[:, None], -np.inf, without.scores)
    )
    causes: list[list[list[Cause]]] = []
    for user in range(len(histories)):
        slots = slice(histories.offsets[user], histories.offsets[user + 1])
        drops = _drops(
            lists.items[user], lists.scores[user], without.items[slots], without.scores[slots], histories.n_items
        )
        causes.append(_strongest(drops, lists.items[user] < histories.n_items, histories.items[slots], most))
    return causes


def _drops(items: Int64, scores: Float32, other_items: Int64, other_scores: Float32, n_items: int) -> Float32:
    """float32[slots, k] fall of each place's score in each of the lists without one slot, int64[slots, K]; 0 where
    the place is empty."""
    found = other_items[:, None, :] == items[None, :, None]
    at = found.argmax(axis=2)
    finite = np.where(np.isfinite(other_scores), other_scores, np.inf)
    last = finite.min(axis=1, initial=np.inf)
    floor = np.where(np.isfinite(last), last, 0)[:, None]
    after = np.where(found.any(axis=2), np.take_along_axis(other_scores, at, axis=1), floor)
    drops: Float32 = np.where(items < n_items, scores, 0)[None, :] - np.where(items < n_items, after, 0)
    return drops


def _strongest(
    drops: Float32, real: npt.NDArray[np.bool_], slots: npt.NDArray[np.int32], most: int
) -> list[list[Cause]]:
    chosen: list[list[Cause]] = []
    for place, is_real in enumerate(real):
        column = drops[:, place]
        order = np.argsort(-column, kind="stable")[:most] if is_real else np.empty(0, dtype=np.int64)
        chosen.append([Cause(int(slots[slot]), float(column[slot])) for slot in order if column[slot] > 0])
    return chosen
