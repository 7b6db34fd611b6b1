"""Lists of a graph that ends with its scores: masked, and the best of them selected, by numpy.

Ties and all, what the graph's own operations give, which take two to four times as long [measured].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from selfrec.graph_rewrites.screen import BEST, BLOCK, BOUNDS
from selfrec.histories import Float32, Int64
from selfrec.scoring.batches import Piece
from selfrec.scoring.candidates import Bounds, add, mask, picked
from selfrec.scoring.sessions import Feeds, Found, Sessions

if TYPE_CHECKING:
    from selfrec.graph_rewrites.ranked import Ranked
    from selfrec.graph_rewrites.scored import Scored

_WORTH = 2
"""Blocks for each that is selected from which it pays to look for the best blocks first."""


class Selecting:
    """`run` may be called from several threads at once."""

    def __init__(self, made: Scored, scores: Sessions, best: Sessions, k: int, rest: Rest | None) -> None:
        """scores: of the graph. best: gives the highest of each block of scores. rest: None without a ranker."""
        self._made, self._scores, self._best, self._k, self._rest = made, scores, best, k, rest

    def run(self, feeds: Feeds, pieces: Sequence[Piece]) -> Found:
        """int64[B, >= k] items, float32[B, >= k] scores; NaN where a score is none."""
        passed = () if self._rest is None else self._rest.ranked.passed
        outputs = (self._made.scores, *self._made.mask)
        names = list(dict.fromkeys([*outputs, *chain(*self._made.added), *passed]))
        found = dict(zip(names, self._scores.run(names, feeds, pieces), strict=True))
        values, masked, never = (found[name] for name in outputs)
        for added in self._made.added:
            add(values, found[added.items], found[added.values])
        mask(values, masked, never)
        if self._rest is not None:
            chosen = self._select(values, self._rest.ranked.candidates)
            return self._rest.run(feeds, values, chosen, {name: found[name] for name in passed})
        items = self._select(values, self._k)
        scores = picked(values, items)
        order = np.argsort(-scores, axis=1, kind="stable")
        return picked(items, order), picked(scores, order)

    def _select(self, values: Float32, count: int) -> Int64:
        """int64[B, count] where the highest of float32[B, columns] are, of equal ones the first; in ascending order."""
        users, columns = values.shape
        if count == columns:
            return np.arange(columns, dtype=np.int64)[None].repeat(users, axis=0)
        by_block = columns % BLOCK == 0 and columns >= _WORTH * BLOCK * (count + 1)
        best = self._best.run([BEST], {BOUNDS: values})[0] if by_block else values
        # What is known of a score is the score itself; one more than is wanted tells whether there is a tie.
        bounds = Bounds(np.arange(users), values, best, np.ones(users, np.float32), np.zeros(users, np.float32))
        items = bounds.highest(count + 1).items
        scores = picked(values, items)
        rows, last = np.arange(users), scores.argmin(axis=1)
        lowest, kept = scores[rows, last], np.ones(items.shape, dtype=np.bool_)
        kept[rows, last] = False
        items = items[kept].reshape(users, count)
        worst = scores[kept].reshape(users, count).min(axis=1)
        for row in np.flatnonzero(~(worst > lowest)):
            items[row] = _best_of(values[row], count)
        return items


class Rest:
    """What a graph does with a ranker's candidates."""

    def __init__(self, ranked: Ranked, session: Sessions) -> None:
        self.ranked, self._session = ranked, session

    def run(self, feeds: Feeds, values: Float32, chosen: Int64, passed: Feeds) -> Found:
        """The lists. values: float32[B, columns] masked scores; chosen: int64[B, C] items in ascending order."""
        items = np.minimum(chosen, self.ranked.last)
        given = feeds | passed | {self.ranked.items: items, self.ranked.scores: picked(values, items)}
        found, scores = self._session.run(["items", "scores"], given)
        return found, scores


def _best_of(scores: Float32, count: int) -> Int64:
    """int64[count] the places of the highest of float32[N], of equal ones the first; in ascending order. Only such as
    are no numbers where there are some.
    """
    wrong = np.isnan(scores)
    if wrong.any():
        return np.full(count, wrong.argmax(), dtype=np.int64)
    worst = np.partition(scores, len(scores) - count)[len(scores) - count]
    above = np.flatnonzero(scores > worst)
    level = np.flatnonzero(scores == worst)[: count - len(above)]
    return np.sort(np.concatenate([above, level]))
