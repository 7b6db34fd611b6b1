"""Which items a screen's bounds leave as candidates, for a batch of users at a time.

numpy selects by AVX-512 or AVX2 where there is: a quarter of what onnxruntime's TopK, a heap, takes for 40 of a few
hundred to a few thousand numbers [measured].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Int64

Bools = npt.NDArray[np.bool_]
Numbers = TypeVar("Numbers", Float32, Int64)

_LOWEST = np.finfo(np.float32).min
_GROUP = 16
"""Users who are looked at again together: few, for each gets as many candidates as the one who needs most."""


class Candidates(NamedTuple):
    """C items of each of B users, chosen by bounds of their scores."""

    items: Int64
    """int64[B, C] in ascending order."""
    allowed: Bools
    """bool[B, C]: which are not masked."""
    lowest: Float32
    """float32[B]: no other item has a higher bound."""


@dataclass(frozen=True)
class Bounds:
    """What is known of B users' scores: an item whose bound is b has none above b x unit + margin."""

    rows: Int64
    """int64[B] where the users stand in `values`."""
    values: Float32
    """float32[>= B, blocks x width], masked."""
    best: Float32
    """float32[B, blocks]: the highest of each block."""
    unit: Float32
    """float32[B]."""
    margin: Float32
    """float32[B]; without end where bounds do not hold."""

    def of(self, rows: Int64) -> Bounds:
        """Of some users."""
        return Bounds(self.rows[rows], self.values, self.best[rows], self.unit[rows], self.margin[rows])

    def highest(self, count: int) -> Candidates:
        """The items of the `count` highest bounds.

        Only the best `count` blocks are looked through: what is in another is no higher than any of their best.
        """
        return self._chosen(*self._kept(count), count)

    def reaching(self, worst: Float32, least: int, most: int) -> Candidates | None:
        """All items, and at least one more, that may have a score of float32[B] `worst` or above it; None where these
        are more than `most`. least: how many there are in any case.
        """
        blocks, kept = self._kept(max(self._reach(self.best, worst) + 1, least))
        count = min(max(self._reach(kept, worst) + 1, least), kept.shape[1])
        return None if count > most else self._chosen(blocks, kept, count)

    def groups(self, rows: Int64, worst: Float32, most: int) -> list[Int64]:
        """These users, cut into groups that need about as many candidates; without those who need more than `most`.

        worst: float32[B].
        """
        asked = self.of(rows)
        need = asked._may_reach(asked.best, worst[rows]).sum(axis=1)
        order = rows[np.argsort(need, kind="stable")][: int((need <= most).sum())]
        return [order[start : start + _GROUP] for start in range(0, len(order), _GROUP)]

    def sure(self, lowest: Float32, worst: Float32) -> Bools:
        """bool[B]: whether nothing that was left out, with bounds up to float32[B] lowest, can be in the list.

        worst: float32[B] the k-th best score.
        """
        above = ~self._may_reach(lowest[:, None], worst)[:, 0] & ~np.isnan(worst) & ~np.isnan(lowest)
        return np.asarray(above | (lowest < _LOWEST))

    @property
    def _width(self) -> int:
        return int(self.values.shape[1] // self.best.shape[1])

    def _may_reach(self, bounds: Float32, worst: Float32) -> Bools:
        """bool[B, n]: which of float32[B, n] bounds allow a score of float32[B] worst."""
        with np.errstate(invalid="ignore", over="ignore"):  # Nothing, or all, times a margin without end.
            reached: Bools = bounds * self.unit[:, None] + self.margin[:, None] >= worst[:, None]
        return reached

    def _reach(self, bounds: Float32, worst: Float32) -> int:
        """The most of a row."""
        return int(self._may_reach(bounds, worst).sum(axis=1).max())

    def _kept(self, count: int) -> tuple[Int64, Float32]:
        """The best blocks int64[B, n], `count` or all there are, and what is in them float32[B, n x width]."""
        every = self.best.shape[1]
        blocks = _places(self.best, min(count, every))
        kept = self.values.reshape(-1, self._width).take(blocks + self.rows[:, None] * every, axis=0)
        return blocks, kept.reshape(len(blocks), -1)

    def _chosen(self, blocks: Int64, kept: Float32, count: int) -> Candidates:
        places = _places(kept, count)
        values = picked(kept, places)
        items = picked(blocks, places // self._width) * self._width + places % self._width
        # One number to sort by and to tell what is masked.
        marked = items * 2 + (values >= _LOWEST)
        marked.sort(axis=1)
        return Candidates(marked >> 1, (marked & 1).astype(np.bool_), values.min(axis=1))


def mask(bounds: Float32, items: Int64, values: Float32) -> None:
    """Put float32[B, X] values at int64[B, X] items of float32[B, N] bounds, in place."""
    bounds[np.arange(len(items))[:, None], items] = values


def add(scores: Float32, items: Int64, values: Float32) -> None:
    """Add float32[B, S] values to int64[B, S] items of float32[B, N] scores, in place and one after the other.

    (A twentieth of the time of onnxruntime's ScatterElements.)
    """
    np.add.at(scores.reshape(-1), _flat(items, scores.shape[1]), values.reshape(-1))


def added_to(chosen: Int64, columns: int, items: Int64, values: Float32) -> Float32:
    """float32[B, C] the sums that `add` would add to int64[B, C] items of N columns."""
    sums = np.zeros((len(chosen), columns), dtype=np.float32)
    add(sums, items, values)
    return picked(sums, chosen)


def _flat(items: Int64, columns: int) -> Int64:
    """int64[B x S] places of int64[B, S] items in [B, columns] rows, one after the other. Raises IndexError."""
    if int(items.min(initial=0)) < 0 or int(items.max(initial=0)) >= columns:
        raise IndexError(f"a sparse generator adds to an item outside of 0..{columns - 1}")
    return (items + np.arange(len(items), dtype=np.int64)[:, None] * columns).reshape(-1)


def _places(values: Float32, count: int) -> Int64:
    """int64[B, count] where the highest of float32[B, n] are, in any order."""
    places: Int64 = np.argpartition(values, values.shape[1] - count, axis=1)[:, -count:]
    return places


def picked(values: Numbers, places: Int64) -> Numbers:
    """[B, C] of each of [B, n] rows the values at int64[B, C] places. (Half the time of take_along_axis.)"""
    starts = np.arange(len(places), dtype=np.int64)[:, None] * values.shape[1]
    picked: Numbers = values.reshape(-1).take(places + starts)
    return picked
