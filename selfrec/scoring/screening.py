"""Lists by a first product in 8 bits and exact scores of the few items whose bounds are highest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from selfrec.graph_rewrites.screen import ALLOWED, BOUNDS, CHOSEN, EXTRA, MARGIN, RAISED, UNIT
from selfrec.scoring.batches import PIECE_BYTES, Piece
from selfrec.scoring.blocks import Blocks
from selfrec.scoring.candidates import Bounds, Candidates, add, added_to, mask
from selfrec.scoring.sessions import Array, Feeds, Found, Sessions, run_in_pieces

if TYPE_CHECKING:
    from selfrec.graph_rewrites.screened import Screened


class Screening:
    """The parts of a screened graph, and the choice between them; `run` may be called from several threads at once."""

    def __init__(self, made: Screened, bounds: Sessions, blocks: Blocks, exact: Sessions) -> None:
        """bounds: of the first part. blocks: in which candidates are sought. exact: of the second part."""
        self._made, self._bounds, self._blocks, self._exact = made, bounds, blocks, exact

    def run(self, feeds: Feeds, pieces: Sequence[Piece]) -> tuple[Found, npt.NDArray[np.bool_]]:
        """int64[B, k] items, float32[B, k] scores; bool[B] whether a row is known to be the graph's.

        The k best of the first candidates tell which others can be in a list, so those are looked at as well; where
        they are many, the graph itself costs less.
        """
        names, extra = [BOUNDS, UNIT, MARGIN, *self._made.mask, self._made.query], self._made.added
        names += [] if extra is None else [*extra, RAISED]
        values, unit, margin, masked, never, query, *further = self._bounds.run(names, feeds, pieces)
        if further:
            add(values, further[0], further[2])
        mask(values, masked, never)
        bounds = Bounds(np.arange(len(values)), values, self._blocks(values), unit[:, 0], margin[:, 0])
        known, columns = [query, *further[:2]], values.shape[1]
        chosen = bounds.highest(self._made.candidates)
        items, scores = self._scored(known, chosen, columns)
        sure = bounds.sure(chosen.lowest, scores[:, -1])
        for rows in bounds.groups(np.flatnonzero(~sure), scores[:, -1], self._made.most):
            again, worst = bounds.of(rows), scores[rows, -1]
            chosen_again = again.reaching(worst, self._made.candidates, self._made.most)
            if chosen_again is not None:
                items[rows], scores[rows] = self._scored(
                    [array[rows] for array in known], chosen_again, values.shape[1]
                )
                sure[rows] = again.sure(chosen_again.lowest, scores[rows, -1])
        return (items, scores), sure

    def _scored(self, known: list[Array], chosen: Candidates, columns: int) -> Found:
        """The lists, of so many users at a time that the candidates' factors stay in the cache.

        known: the query and, where something is added, items and values of it.
        """
        query, *added = known
        given = {self._made.query: query, CHOSEN: chosen.items, ALLOWED: chosen.allowed}
        if added:
            given[EXTRA] = added_to(chosen.items, columns, *added)
        rows = max(1, PIECE_BYTES // (4 * query.shape[1] * chosen.items.shape[1]))
        items, scores = run_in_pieces(self._exact, ["items", "scores"], given, {}, rows)
        return items, scores
