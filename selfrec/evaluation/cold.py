"""What users of whom nothing is known would get: one ranking, less what each has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from selfrec.histories import Histories, Int64

if TYPE_CHECKING:
    from selfrec.evaluation.evaluate import Recommend

PAGES = 5
"""Lists, one after the other, that the ranking is made of. Users who have seen so much of it that less than a list is
left are asked for by themselves."""

CELLS = 4 << 20
"""Users times places of the ranking that are looked at in one step."""


class ColdLists:
    """The lists that `recommend` gives users without a history, from few calls: all but what was seen is the same."""

    def __init__(self, recommend: Recommend, n_items: int) -> None:
        self._recommend = recommend
        self._ranking = np.zeros(0, dtype=np.int64)
        """[L] the best items of all, best first."""
        for _ in range(PAGES):
            page = recommend(_nothing(1, n_items), _one(self._ranking, n_items))[0]
            self.length = len(page)
            self._ranking = np.concatenate([self._ranking, page[page < n_items]])
        self._place = np.full(n_items + 1, len(self._ranking), dtype=np.int64)
        self._place[self._ranking] = np.arange(len(self._ranking))

    def __call__(self, seen: Histories) -> Int64:
        """int64[U, K] item numbers for users with these seen items, N in empty places."""
        users, places = len(seen), len(self._ranking)
        lists = np.full((users, self.length), seen.n_items, dtype=np.int64)
        size = max(1, CELLS // max(1, places))
        for start in range(0, users, size):
            rows = np.arange(start, min(start + size, users))
            part = seen.take(rows)
            free = np.ones((len(rows), places + 1), dtype=np.bool_)
            free[part.row_numbers, self._place[part.items]] = False
            rank = free[:, :places].cumsum(axis=1, dtype=np.int32)
            row, column = np.nonzero(free[:, :places] & (rank <= self.length))
            lists[start + row, rank[row, column] - 1] = self._ranking[column]
        if places < seen.n_items:
            short = np.flatnonzero(lists[:, -1] == seen.n_items)
            if len(short):
                lists[short] = self._recommend(_nothing(len(short), seen.n_items), seen.take(short))
        return lists


def _nothing(users: int, n_items: int) -> Histories:
    return Histories.from_rows([[]] * users, n_items)


def _one(items: Int64, n_items: int) -> Histories:
    return Histories.from_rows([np.sort(items).tolist()], n_items)
