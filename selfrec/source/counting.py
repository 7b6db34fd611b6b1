"""Events that all weigh 1: how often each pair of user and item stands there, and when last.

Users' rows are sorted side by side in rectangles that stay in the cache: several times cheaper than one sort of all
events, on processors whose wide sorts are slow most of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selfrec.histories import Int32, Int64

_BITS = 62
_END = np.iinfo(np.int64).max
_CELLS = 1 << 16
"""Cells of a rectangle: half a megabyte, so that a few of them are in the second-level cache."""


class Pairs(NamedTuple):
    """The pairs of U users, by user, then by (tick, item)."""

    offsets: Int64
    """int64[U + 1]."""
    items: Int32
    ticks: Int64
    """The newest of the pair's events."""
    counts: Int64
    """How many events it has."""


def count_pairs(rows: Int32, items: Int32, ticks: Int64, n_rows: int, n_items: int) -> Pairs | None:
    """int[E] rows 0..n_rows-1, items 0..n_items-1, ticks >= 0, in any order.

    None where a pair's numbers do not fit into one int64: a count is too large, or the times are too fine.
    """
    item_bits, tick_bits = max(n_items - 1, 1).bit_length(), int(ticks.max(initial=1)).bit_length()
    count_bits = min(_BITS - item_bits - tick_bits, 31)
    if count_bits < 1:
        return None
    lengths = np.bincount(rows, minlength=n_rows)
    starts = np.cumsum(lengths) - lengths
    # One more cell, which every unused place of a rectangle reads. Each step in place: a shard's events are many.
    keys = np.empty(len(rows) + 1, dtype=np.int64)
    events = keys[:-1]
    events[:] = items
    events <<= tick_bits
    events |= ticks
    events[:] = events[by_number(rows, n_rows)]
    keys[-1] = _END
    widths = lengths.copy()
    for group in _alike(lengths):
        kept = _fold(keys, starts[group], lengths[group], item_bits, tick_bits, count_bits)
        if kept is None:
            return None
        widths[group] = kept
    offsets = np.zeros(n_rows + 1, dtype=np.int64)
    np.cumsum(widths, out=offsets[1:])
    pairs = events if int(offsets[-1]) == len(events) else events[events != _END]
    return _unpacked(offsets, pairs, item_bits, count_bits)


def by_number(numbers: Int32, end: int) -> Int64:
    """The order that sorts int[E] numbers 0..end-1, stable. Sixteen bits at a time: numpy sorts those by radix."""
    if end <= 1 << 16:
        return np.argsort(numbers.astype(np.uint16), kind="stable")
    order = np.argsort((numbers & 0xFFFF).astype(np.uint16), kind="stable")
    upper = (numbers >> 16).astype(np.uint16)[order]
    return order[np.argsort(upper, kind="stable")]


def _alike(lengths: Int64) -> list[Int64]:
    """User numbers in groups of like length, at most an eighth apart, each small enough for one rectangle."""
    used = np.flatnonzero(lengths)
    step = np.maximum(1, 1 << np.maximum(0, np.frexp(lengths[used].astype(np.float64))[1] - 4))
    widths = -(-lengths[used] // step) * step
    order = np.argsort(widths, kind="stable")
    used, widths = used[order], widths[order]
    groups: list[Int64] = []
    cuts = np.flatnonzero(np.diff(widths)) + 1
    for start, end in zip([0, *cuts], [*cuts, len(used)], strict=True):
        most = max(1, _CELLS // int(widths[start])) if end > start else 1
        groups += [used[at : min(at + most, end)] for at in range(start, end, most)]
    return groups


def _fold(keys: Int64, starts: Int64, lengths: Int64, item_bits: int, tick_bits: int, count_bits: int) -> Int64 | None:
    """Put packed (tick, item, count) of the pairs of some users in the place of their events, in order, and _END in
    what is left; pairs a user.
    """
    columns = np.arange(int(lengths.max()), dtype=np.int64)
    there = columns < lengths[:, None]
    places = np.where(there, starts[:, None] + columns, len(keys) - 1)
    cells = keys[places]
    cells.sort(axis=1)
    pairs = cells >> tick_bits
    last = there.copy()
    last[:, :-1] &= pairs[:, :-1] != pairs[:, 1:]
    packed = (((cells & ((1 << tick_bits) - 1)) << item_bits) | pairs) << count_bits
    kept: Int64 = np.count_nonzero(last, axis=1)
    if np.array_equal(kept, lengths):
        packed |= 1
    else:
        first = there.copy()
        first[:, 1:] &= pairs[:, :-1] != pairs[:, 1:]
        counts = np.flatnonzero(last) - np.flatnonzero(first) + 1
        if int(counts.max()) >> count_bits:
            return None
        packed[last] |= counts
    packed[~last] = _END
    packed.sort(axis=1)
    keys[places] = packed
    return kept


def _unpacked(offsets: Int64, packed: Int64, item_bits: int, count_bits: int) -> Pairs:
    """Columns of packed pairs, which are overwritten."""
    counts = packed & ((1 << count_bits) - 1)
    packed >>= count_bits
    items = (packed & ((1 << item_bits) - 1)).astype(np.int32)
    packed >>= item_bits
    return Pairs(offsets, items, packed, counts)
