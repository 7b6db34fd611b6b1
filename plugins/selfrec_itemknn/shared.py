"""Which items share users, and how many: counted a block of items at a time, of the pairs that are there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfrec.plugin import Histories

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

LONGEST = 500
"""Of longer histories the newest so many items are counted: pairs grow as the square."""

CELLS = 1 << 21
"""Counts of a block, 8 MB."""

MOST_ITEMS = 64
"""Items of a block: six bits of a key."""

PAIRS = 16 << 20
"""Pairs that are counted at a time."""

ONE = np.float32(1)

_COLUMN, _COSINE = np.uint64(27), np.uint64(31)
"""Bits of a column and of a cosine in a key; above them stands the row. 2^27 items are more than memory holds."""


@dataclass(frozen=True)
class Block:
    """Some rows of G, with G_ij the users of both i and j. Gone with the next block."""

    first: int
    """The item of the first row."""
    counts: Float32
    """float32[b, N] G."""
    cells: Int64
    """int64[P] the places in it, flat, that are not 0; in no order."""

    @property
    def items(self) -> Int64:
        """int64[b] the items of the rows."""
        return np.arange(self.first, self.first + len(self.counts))

    def nearest(self, popularity: Float32, shrink: float, count: int) -> tuple[Float32, Int64]:
        """float32[b, M] the largest damped cosines G_ij / (sqrt(p_i p_j) + shrink) of every row, without itself, and
        int64[b, M] the items j they are with; 0 and N where there are fewer.
        """
        width = self.counts.shape[1]
        row, column = np.divmod(self.cells, width)
        root = np.sqrt(popularity)
        cosines = self.counts.reshape(-1)[self.cells] / (root[self.first + row] * root[column] + np.float32(shrink))
        others = column != self.first + row
        keys = np.sort(_keys(row[others], cosines[others], column[others]))
        starts = np.searchsorted(keys >> (_COLUMN + _COSINE), np.arange(len(self.counts) + 1, dtype=np.uint64))
        places = starts[:-1, None] + np.arange(count)
        there = places < starts[1:, None]
        found, columns = np.zeros(there.shape, dtype=np.float32), np.full(there.shape, width)
        found[there], columns[there] = _unpacked(keys[places[there]])
        return found, columns


def shared_users(rows: Histories, weights: Float32 | None = None) -> Iterator[Block]:
    """All rows of G, block by block, the next being counted meanwhile. weights float32[U]: what each user counts, 1
    unless given.
    """
    counter = _Counter(rows, weights)
    with ThreadPoolExecutor(1, thread_name_prefix="selfrec-shared") as ahead:
        coming: Future[Block] | None = None
        for number, (first, last) in enumerate(counter.bounds()):
            block, coming = coming, ahead.submit(counter.count, first, last, number % 2)
            if block is not None:
                done = block.result()
                yield done
                done.counts.reshape(-1)[done.cells] = 0
        if coming is not None:
            yield coming.result()


class _Counter:
    """Counts blocks of rows of G, each in one of two pieces of memory, which are 0 where nothing was counted."""

    def __init__(self, rows: Histories, weights: Float32 | None) -> None:
        self.rows, self.weights = rows, weights
        order = np.argsort(rows.items, kind="stable")
        self.users = rows.row_numbers[order]
        """int64[slots] the users of item 0, of item 1, ..."""
        self.starts = np.concatenate([[0], np.cumsum(rows.item_counts())])
        self.most_items = min(MOST_ITEMS, max(1, CELLS // max(1, rows.n_items)))
        self.memory = np.zeros((2, self.most_items * rows.n_items), dtype=np.float32)
        self.marks = np.empty(self.memory.shape[1], dtype=np.int32)

    def bounds(self) -> list[tuple[int, int]]:
        """The first item of every block, and the one after its last."""
        pairs = np.concatenate([[0], np.cumsum(self.rows.lengths[self.users])])[self.starts]
        found, first = [], 0
        while first < self.rows.n_items:
            most = int(np.searchsorted(pairs, pairs[first] + PAIRS, side="right")) - 1
            last = min(max(most, first + 1), first + self.most_items, self.rows.n_items)
            found.append((first, last))
            first = last
        return found

    def count(self, first: int, last: int, memory: int) -> Block:
        """The block of the items first to last - 1."""
        width = self.rows.n_items
        owners = self.users[self.starts[first] : self.starts[last]]
        part = self.rows.take(owners)
        row = np.repeat(np.arange(last - first), np.diff(self.starts[first : last + 1]))
        cells = np.repeat(row * width, part.lengths) + part.items
        counts = self.memory[memory, : (last - first) * width]
        np.add.at(counts, cells, ONE if self.weights is None else np.repeat(self.weights[owners], part.lengths))
        touched = _distinct(cells, self.marks) if len(cells) < len(counts) else np.flatnonzero(counts != 0)
        return Block(first, counts.reshape(last - first, -1), touched)


def _distinct(cells: Int64, marks: npt.NDArray[np.int32]) -> Int64:
    """Each of the cells once. marks: memory for every cell, whatever stands in it."""
    order = np.arange(len(cells), dtype=np.int32)
    marks[cells] = order
    once: Int64 = cells[marks[cells] == order]
    return once


def _keys(row: Int64, cosines: Float32, column: Int64) -> UInt64:
    """What sorts by row, then from the largest cosine down, then by column. Positive floats sort as their bits do."""
    bits = np.uint64((1 << 31) - 1) - cosines.view(np.uint32)
    keys: UInt64 = (row.astype(np.uint64) << (_COLUMN + _COSINE)) + (bits << _COLUMN) + column.astype(np.uint64)
    return keys


def _unpacked(keys: UInt64) -> tuple[Float32, Int64]:
    """The cosines and columns of these keys."""
    bits = np.uint64((1 << 31) - 1) - ((keys >> _COLUMN) & np.uint64((1 << 31) - 1))
    columns = (keys & np.uint64((1 << 27) - 1)).astype(np.int64)
    return bits.astype(np.uint32).view(np.float32), columns
