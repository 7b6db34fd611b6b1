"""Lists of a graph that ends with its scores: masked, and the best of them selected, by numpy.

Ties and all, what the graph's own operations give, which take two to four times as long [measured].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from selfrec.histories import Float32, Int64
from selfrec.scoring.batches import PIECE_BYTES, Piece
from selfrec.scoring.blocks import Blocks
from selfrec.scoring.candidates import Bounds, add, mask, picked
from selfrec.scoring.sessions import Feeds, Found, Sessions, run_in_pieces

if TYPE_CHECKING:
    from selfrec.graph_rewrites.ranked import Products, Ranked
    from selfrec.graph_rewrites.scored import Scored

_WORTH = 2
"""Blocks for each that is selected from which it pays to look for the best blocks first."""


class Selecting:
    """`run` may be called from several threads at once."""

    def __init__(self, made: Scored, scores: Sessions, blocks: Blocks, k: int, rest: RankerTail | None) -> None:
        """scores: of the graph. blocks: in which the best scores are sought. rest: None without a ranker."""
        self._made, self._scores, self._blocks, self._k, self._rest = made, scores, blocks, k, rest

    def run(self, feeds: Feeds, pieces: Sequence[Piece]) -> Found:
        """int64[B, >= k] items, float32[B, >= k] scores; NaN where a score is none."""
        passed = () if self._rest is None else self._rest.ranked.wanted
        outputs = (self._made.scores, *self._made.mask)
        names = list(dict.fromkeys([*outputs, *chain(*self._made.added), *passed]))
        found = dict(zip(names, self._scores.run(names, feeds, pieces), strict=True))
        values, masked, never = (found[name] for name in outputs)
        for added in self._made.added:
            add(values, found[added.items], found[added.values])
        mask(values, masked, never)
        if self._rest is not None:
            return self._rest.run(feeds, *self._select(values, self._rest.ranked.candidates), found)
        items, scores = self._select(values, self._k)
        order = np.argsort(-scores, axis=1, kind="stable")
        return picked(items, order), picked(scores, order)

    def _select(self, values: Float32, count: int) -> tuple[Int64, Float32]:
        """int64[B, count] where the highest of float32[B, columns] are, of equal ones the first; in ascending order.
        float32[B, count] what they are.
        """
        users, columns = values.shape
        if count == columns:
            return np.arange(columns, dtype=np.int64)[None].repeat(users, axis=0), values
        width = self._blocks.width
        by_block = columns % width == 0 and columns >= _WORTH * width * (count + 1)
        best = self._blocks(values) if by_block else values
        # What is known of a score is the score itself; one more than is wanted tells whether there is a tie.
        bounds = Bounds(np.arange(users), values, best, np.ones(users, np.float32), np.zeros(users, np.float32))
        items = bounds.highest(count + 1).items
        scores = picked(values, items)
        rows, last = np.arange(users), scores.argmin(axis=1)
        lowest, kept = scores[rows, last], np.ones(items.shape, dtype=np.bool_)
        kept[rows, last] = False
        items, scores = items[kept].reshape(users, count), scores[kept].reshape(users, count)
        for row in np.flatnonzero(~(scores.min(axis=1) > lowest)):
            items[row] = _best_of(values[row], count)
            scores[row] = values[row, items[row]]
        return items, scores


class RankerTail:
    """What a graph does with a ranker's candidates."""

    def __init__(self, ranked: Ranked, session: Sessions, products: Sessions | None) -> None:
        """products: of `ranked.product_graph`."""
        self.ranked, self._session, self._products = ranked, session, products

    def run(self, feeds: Feeds, chosen: Int64, scores: Float32, found: Feeds) -> Found:
        """The lists. chosen: int64[B, C] columns of the scores, in ascending order; scores: float32[B, C] theirs,
        masked; found: what is known of the part before.
        """
        ranked, items = self.ranked, np.minimum(chosen, self.ranked.last)
        given = feeds | {name: found[name] for name in ranked.passed}
        # Columns past the catalog are masked for everybody, as the one that they become is.
        given |= {ranked.items: items, ranked.scores: scores}
        if ranked.products is not None and self._products is not None:
            given |= _multiplied(self._products, ranked.items, items, ranked.products, found)
        lists, ranked_scores = self._session.run(["items", "scores"], given)
        return lists, ranked_scores


def _multiplied(session: Sessions, name: str, items: Int64, products: Products, found: Feeds) -> Feeds:
    """The products by name, of so many users at a time that what is gathered for them stays in the cache.

    name: of int64[B, C] items.
    """
    users, candidates = items.shape
    factors = {factor: found[factor] for factor in products.factors}
    own = {factor: array for factor, array in factors.items() if array.ndim == 3 and len(array) == users}
    shared = {factor: array for factor, array in factors.items() if factor not in own}
    # With more than three dimensions, a product has no rows of users in front.
    whole = any(array.ndim > 3 for array in factors.values())
    rows = users if whole else max(1, PIECE_BYTES // (4 * products.width * candidates))
    arrays = run_in_pieces(session, list(products.names), {name: items, **own}, shared, rows)
    return dict(zip(products.names, arrays, strict=True))


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
