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
from selfrec.scoring.sessions import Array, Feeds, Found, Sessions, run_in_pieces

if TYPE_CHECKING:
    from selfrec.graph_rewrites.ranked import Products, Ranked
    from selfrec.graph_rewrites.scored import Scored

_WORTH = 2
"""Blocks for each that is selected from which it pays to look for the best blocks first."""


class Selecting:
    """`run` may be called from several threads at once."""

    def __init__(self, made: Scored, scores: Sessions, blocks: Blocks, k: int, rest: Rest | None) -> None:
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
            chosen = self._select(values, self._rest.ranked.candidates)
            return self._rest.run(feeds, values, chosen, found)
        items = self._select(values, self._k)
        scores = picked(values, items)
        order = np.argsort(-scores, axis=1, kind="stable")
        return picked(items, order), picked(scores, order)

    def _select(self, values: Float32, count: int) -> Int64:
        """int64[B, count] where the highest of float32[B, columns] are, of equal ones the first; in ascending order."""
        users, columns = values.shape
        if count == columns:
            return np.arange(columns, dtype=np.int64)[None].repeat(users, axis=0)
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
        items = items[kept].reshape(users, count)
        worst = scores[kept].reshape(users, count).min(axis=1)
        for row in np.flatnonzero(~(worst > lowest)):
            items[row] = _best_of(values[row], count)
        return items


class Rest:
    """What a graph does with a ranker's candidates."""

    def __init__(self, ranked: Ranked, session: Sessions, products: Sessions | None) -> None:
        """products: of `ranked.product_graph`."""
        self.ranked, self._session, self._products = ranked, session, products

    def run(self, feeds: Feeds, values: Float32, chosen: Int64, found: Feeds) -> Found:
        """The lists. values: float32[B, columns] masked scores; chosen: int64[B, C] items in ascending order; found:
        what is known of the part before.
        """
        ranked, items = self.ranked, np.minimum(chosen, self.ranked.last)
        given = feeds | {name: found[name] for name in ranked.passed}
        given |= {ranked.items: items, ranked.scores: picked(values, items)}
        if ranked.products is not None and self._products is not None:
            given[ranked.products.name] = _multiplied(self._products, ranked, ranked.products, items, found)
        lists, scores = self._session.run(["items", "scores"], given)
        return lists, scores


def _multiplied(session: Sessions, ranked: Ranked, products: Products, items: Int64, found: Feeds) -> Array:
    """The products, of so many users at a time that what is gathered for them stays in the cache."""
    factor = found[products.factor]
    # Of three dimensions at most: the products of more have no rows of users in front.
    alike = factor.ndim < 3 or len(factor) != len(items)
    rows = len(items) if factor.ndim > 3 else max(1, PIECE_BYTES // (4 * products.width * items.shape[1]))
    shared, each = ({products.factor: factor}, {}) if alike else ({}, {products.factor: factor})
    return run_in_pieces(session, [products.name], {ranked.items: items, **each}, shared, rows)[0]


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
