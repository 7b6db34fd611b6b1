"""Which items a screen's bounds leave as candidates, for a batch of users at a time.

numpy selects by AVX-512 or AVX2 where there is: a quarter of what onnxruntime's TopK, a heap, takes for 40 of a few
hundred to a few thousand numbers [measured].
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Int64

Numbers = TypeVar("Numbers", Float32, Int64)

_LOWEST = np.finfo(np.float32).min


class Candidates(NamedTuple):
    """C items of each of B users."""

    items: Int64
    """int64[B, C] in ascending order."""
    allowed: npt.NDArray[np.bool_]
    """bool[B, C]: which are not masked."""
    lowest: Float32
    """float32[B]: no other item has a higher bound."""

    def sure(self, worst: Float32, unit: Float32, margin: Float32) -> npt.NDArray[np.bool_]:
        """bool[B]: whether nothing that was left out can be in the list.

        worst: float32[B] the k-th best score. unit, margin: float32[B] (see model_folder/screen.py).
        """
        with np.errstate(invalid="ignore", over="ignore"):  # No bound is left, or none that holds: see margin.
            above = worst > self.lowest * unit + margin
        return above | (self.lowest < _LOWEST)


def mask(bounds: Float32, items: Int64, values: Float32) -> None:
    """Put float32[B, X] values at int64[B, X] items of float32[B, N] bounds, in place."""
    bounds[np.arange(len(items))[:, None], items] = values


def highest(bounds: Float32, best: Float32, count: int) -> Candidates:
    """The `count` highest of float32[B, blocks x width] bounds; best: float32[B, blocks] the highest of each block.

    Only the best `count` blocks are looked through: what is in another is no higher than any of their best.
    """
    width = bounds.shape[1] // best.shape[1]
    blocks = _places(best, count)
    kept = _picked(bounds.reshape(-1, width), blocks, best.shape[1]).reshape(len(best), -1)
    places = _places(kept, count)
    values = _picked(kept.reshape(-1), places, kept.shape[1])
    items = _picked(blocks.reshape(-1), places // width, count) * width + places % width
    # One number to sort by and to tell what is masked.
    marked = items * 2 + (values >= _LOWEST)
    marked.sort(axis=1)
    return Candidates(marked >> 1, (marked & 1).astype(np.bool_), values.min(axis=1))


def _places(values: Float32, count: int) -> Int64:
    """int64[B, count] where the highest of float32[B, n] are, in any order."""
    places: Int64 = np.argpartition(values, values.shape[1] - count, axis=1)[:, -count:]
    return places


def _picked(values: Numbers, places: Int64, each: int) -> Numbers:
    """Of B rows of `each` values, which stand one after the other, those at int64[B, C] places."""
    starts = np.arange(len(places), dtype=np.int64)[:, None] * each
    picked: Numbers = values.take(places + starts, axis=0)
    return picked
