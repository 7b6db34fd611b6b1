"""Lists of a graph that ends with its scores: masked, and the best of them selected, by numpy.

Ties and all, what the graph's own operations give, which take two to four times as long [measured].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Int64
from selfrec.model_folder.screen import BEST, BLOCK, BOUNDS
from selfrec.scoring.batches import Piece
from selfrec.scoring.candidates import Bounds, mask, picked

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from selfrec.model_folder.scored import Scored

Array = npt.NDArray[Any]
Feeds = dict[str, Array]
_WORTH = 2
"""Blocks a list slot from which it pays to look for the best blocks first."""

Run = Callable[[list[str], Feeds, Sequence[Piece]], list[Array]]
"""Gives the outputs of these names. The batch's rows are in pieces where histories are gathered piece by piece."""


class Selecting:
    """`run` may be called from several threads at once."""

    def __init__(self, made: Scored, scores: Run, best: InferenceSession, k: int) -> None:
        """scores: runs the graph. best: gives the highest of each block of BLOCK scores."""
        self._made, self._scores, self._best, self._k = made, scores, best, k

    def run(self, feeds: Feeds, pieces: Sequence[Piece]) -> tuple[Array, Array]:
        """int64[B, k] items, float32[B, k] scores; NaN where a score is none."""
        values, masked, never = self._scores([self._made.scores, *self._made.mask], feeds, pieces)
        mask(values, masked, never)
        users, columns = values.shape
        by_block = columns % BLOCK == 0 and columns >= _WORTH * BLOCK * (self._k + 1)
        best = self._best.run([BEST], {BOUNDS: values})[0] if by_block else values
        # What is known of a score is the score itself; one more than a list has tells whether there is a tie.
        bounds = Bounds(np.arange(users), values, best, np.ones(users, np.float32), np.zeros(users, np.float32))
        chosen = bounds.highest(min(self._k + 1, columns))
        scores = picked(values, chosen.items)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : self._k]
        items, scores = picked(chosen.items, order), picked(scores, order)
        for row in np.flatnonzero(~bounds.sure(chosen.lowest, scores[:, -1])):
            items[row] = _best_of(values[row], self._k)
            scores[row] = values[row, items[row]]
        return items, scores


def _best_of(scores: Float32, k: int) -> Int64:
    """int64[k] the places of the k highest of float32[N], of equal ones the first; the highest first. NaN alone where
    there is one.
    """
    wrong = np.isnan(scores)
    if wrong.any():
        return np.full(k, wrong.argmax(), dtype=np.int64)
    worst = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > worst)
    level = np.flatnonzero(scores == worst)[: k - len(above)]
    places = np.sort(np.concatenate([above, level]))
    best: Int64 = places[np.argsort(-scores[places], kind="stable")]
    return best
