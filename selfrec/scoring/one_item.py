"""What one item scores for each of many users: as in the list of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Histories, Int64
from selfrec.scoring.kernel import NEVER, Lists, Scorer

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.settings.tables import ScoringSettings

CELLS = 4 << 20
"""Users times places of lists that are held at a time."""

PUSHES = tuple(np.float32(64.0**power) for power in range(11))
"""Added to the item's score in turn until it is in every list. The less, the fewer digits of the score get lost."""


class OneItem:
    """The scores of item `number`.

    Without a ranker, an item scores what it does whatever else there is, and all other items are removed. A ranker
    compares its candidates with each other: there the item is looked up in the lists. Where it is in none, it is pushed
    into the candidates, and counts no more than the last of the list that it was not in.
    """

    def __init__(self, model: Model, number: int, settings: ScoringSettings) -> None:
        self._model, self._number, self._repeats = model, number, settings.repeats
        self._compares = model.compares
        self._settings = settings.model_copy(update={"k": model.top_k if self._compares else 1})
        self._scorers: dict[float, Scorer] = {}

    def scores(self, histories: Histories, seen: Histories) -> Float32:
        """float32[U] -inf for who cannot get the item; not to be read for users without a history."""
        if not self._compares:
            return self._scorer(None).score(histories, seen).scores[:, 0]
        scores = np.full(len(histories), NEVER, dtype=np.float32)
        size = max(1, CELLS // self._model.top_k)
        for start in range(0, len(histories), size):
            rows = np.arange(start, min(start + size, len(histories)))
            scores[rows] = self._among_others(histories.take(rows), seen.take(rows))
        return scores

    def _among_others(self, histories: Histories, seen: Histories) -> Float32:
        lists = self._scorer(np.float32(0)).score(histories, seen)
        scores, last = self._looked_up(lists), lists.scores[:, -1]
        missing = np.flatnonzero((scores == NEVER) & (histories.lengths > 0) & ~self._barred(seen))
        for push in PUSHES:
            if not len(missing):
                break
            pushed = self._scorer(push).score(histories.take(missing), seen.take(missing))
            found = self._looked_up(pushed) - push
            scores[missing] = np.minimum(found, last[missing])
            missing = missing[found == NEVER]
        return scores

    def _looked_up(self, lists: Lists) -> Float32:
        """float32[U] the item's score in these lists, -inf where it is not there."""
        found: Float32 = np.where(lists.items == self._number, lists.scores, NEVER).max(axis=1)
        return found

    def _barred(self, seen: Histories) -> npt.NDArray[np.bool_]:
        """bool[U]: who has the item and must not get it again."""
        has: Int64 = np.bincount(seen.row_numbers[seen.items == self._number], minlength=len(seen))
        return (has > 0) & (not self._repeats)

    def _scorer(self, push: np.float32 | None) -> Scorer:
        """One that adds this to the item's score; None: that removes all others."""
        key = -1.0 if push is None else float(push)
        if key not in self._scorers:
            bias = np.full(self._model.n_items, NEVER if push is None else 0, dtype=np.float32)
            bias[self._number] = push or 0
            self._scorers[key] = Scorer(self._model, self._settings, item_bias=bias)
        return self._scorers[key]
