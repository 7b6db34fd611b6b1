"""Events of the same user and item become one slot of a history. The one place where weights are added up.

Everything here is exact in its order: events are sorted by (user, item, time, weight) before they are added, slots
by (user, time, item), so that neither the order of the source's rows nor the number of threads shows in a bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Int32, Int64
from selfrec.source.counting import count_pairs

Fold = Literal["log", "sum", "one"]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_BITS = 62
"""Bits of an int64 key that may be used: the sign is left out, and one more is for the seen-only flag."""
_LEAST, _MOST = 1e-30, 1e15
"""Weights stay inside, so that they are above 0 and their squares finite as float32."""
_MOST_HALF_LIVES = 300.0
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Clock:
    """Whole ticks for the times of a source: tick 0 is "unknown", tick 1 is `first`."""

    first: float
    """Epoch seconds of the oldest event."""
    per_second: int
    """1 where all times are whole seconds, else 1,000,000."""

    def sql(self, epoch: str, *, small: bool = False) -> str:
        """SQL of the tick of an epoch (DOUBLE, null when unknown): BIGINT, or where all are small UINTEGER.

        In a file that changed since its times were looked through, older ones are unknown, and so are those too late
        for a UINTEGER: ticks below 0 would fall into the bits of users and items where events are sorted.
        """
        tick = f"1 + round(({epoch} - ({self.first!r})) * {self.per_second})::BIGINT"
        if small:  # As quick as a plain cast, unlike greatest().
            return f"coalesce(TRY_CAST({tick} AS UINTEGER), 0::UINTEGER)"
        return f"greatest(coalesce({tick}, 0), 0)"

    def epochs(self, ticks: Int64) -> Float64:
        """float64 epoch seconds; an unknown time counts as the oldest."""
        return self.first + (np.maximum(ticks, 1) - 1) / self.per_second

    def ticks(self, epoch: float) -> int:
        """The tick of an epoch second."""
        return 1 + round((epoch - self.first) * self.per_second)


@dataclass(frozen=True, kw_only=True)
class Events:
    """E events of U users, in any order."""

    rows: Int32
    """int32[E] the user, 0..U-1."""
    items: Int32
    """int32[E] the item, 0..n_items-1."""
    ticks: Int64 | None
    """int64[E] the time (see Clock); None where the source has no times."""
    weights: Float32 | None
    """float32[E] event weights; 0 marks an event that shows its item as seen but prefers nothing. None: all 1."""


def together(some: Events, more: Events) -> Events:
    """Events of the same users and columns."""
    return Events(
        rows=np.concatenate([some.rows, more.rows]),
        items=np.concatenate([some.items, more.items]),
        ticks=None if some.ticks is None or more.ticks is None else np.concatenate([some.ticks, more.ticks]),
        weights=None if some.weights is None or more.weights is None else np.concatenate([some.weights, more.weights]),
    )


@dataclass(frozen=True, kw_only=True)
class Folded:
    """U users' slots: seen-only ones (weight 0) first, then by time, newest last; equal times by item number."""

    offsets: Int64
    """int64[U + 1]."""
    items: Int32
    weights: Float32
    ticks: Int64
    """int64[slots] newest event of the pair; 0 when unknown or only seen."""

    @property
    def rows(self) -> Int64:
        """int64[slots] the user each slot belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets))


@dataclass(frozen=True)
class Decay:
    """Events count half after so many days, back from a moment (one, or one a user: float64[U] epoch seconds)."""

    half_life_days: float
    clock: Clock
    moment: float | Float64

    def factors(self, rows: Int64, ticks: Int64) -> Float64:
        """float64[len(rows)] 2^-(days / half life), above 0 however old the event."""
        days = days_before(self.moment, self.clock.epochs(ticks), rows)
        with np.errstate(over="ignore"):
            return np.exp2(-np.minimum(days / self.half_life_days, _MOST_HALF_LIVES))


def days_before(moment: float | Float64, epochs: Float64, rows: Int64 | None = None) -> Float64:
    """float64[E] days from each epoch second to the moment, at least 0.

    moment: one for all, or float64[U] one for each user; rows int64[E] then says whose each epoch second is.
    """
    at = moment[rows] if rows is not None and isinstance(moment, np.ndarray) else moment
    return np.maximum(at - epochs, 0.0) / SECONDS_A_DAY


def fold(events: Events, n_rows: int, n_items: int, how: Fold, decay: Decay | None = None) -> Folded:
    """One slot for each pair of user and item that has an event.

    how: "log" gives log2(1 + sum of the decayed event weights), "sum" the sum, "one" 1 (with decay: the factor
    of the newest event). A pair with nothing but seen-only events gets weight 0.
    """
    ticks, ranked = events.ticks, None
    if ticks is None:
        ticks = np.zeros(len(events.rows), dtype=np.int64)
    elif events.weights is not None:
        ticks = np.where(events.weights > 0, ticks, 0)
    if events.weights is None and decay is None:
        counted = count_pairs(events.rows, events.items, ticks, n_rows, n_items)
        if counted is not None:
            weights = _of_counts(counted.counts, how)
            return Folded(offsets=counted.offsets, items=counted.items, weights=weights, ticks=counted.ticks)
    widths = _widths(n_rows, n_items, ticks)
    if sum(widths) > _BITS:
        ranked, ticks = np.unique(ticks, return_inverse=True)
        widths = _widths(n_rows, n_items, ticks)
    if sum(widths) > _BITS:
        return _fold_halves(events, n_rows, n_items, how, decay)
    pairs = _add_up(events, ticks, widths, how, decay, ranked)
    return _sorted_slots(pairs, n_rows, widths, ranked)


@dataclass(frozen=True)
class _Pairs:
    rows: Int64
    items: Int64
    ticks: Int64
    weights: Float32 | None
    """None: all 1."""


def _widths(n_rows: int, n_items: int, ticks: Int64) -> tuple[int, int, int]:
    """Bits for a row, an item and a tick."""
    return max(n_rows - 1, 1).bit_length(), max(n_items - 1, 1).bit_length(), int(ticks.max(initial=1)).bit_length()


def _add_up(
    events: Events,
    ticks: Int64,
    widths: tuple[int, int, int],
    how: Fold,
    decay: Decay | None,
    ranked: Int64 | None,
) -> _Pairs:
    """Sort by (row, item, tick) in one packed key and add up each run of equal (row, item)."""
    _, item_bits, tick_bits = widths
    key = (events.rows.astype(np.int64) << item_bits) | events.items
    key <<= tick_bits
    key |= ticks
    weights: Float32 | None = None
    if events.weights is None:
        key.sort()
    else:
        order = np.argsort(key)
        key, weights = key[order], events.weights[order]
        _settle_ties(key, weights)
    pair = key >> tick_bits
    starts = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]])) if len(pair) else np.zeros(0, np.int64)
    newest = key[np.concatenate([starts[1:], [len(key)]]) - 1] & ((1 << tick_bits) - 1) if len(key) else key
    pair = pair[starts]
    rows, items = pair >> item_bits, pair & ((1 << item_bits) - 1)
    if weights is None and decay is None and (how == "one" or len(starts) == len(key)):
        return _Pairs(rows, items, newest, None)
    if decay is None:
        sums = np.diff(starts, append=len(key)).astype(np.float64) if weights is None else _sum_runs(weights, starts)
        return _Pairs(rows, items, newest, _damped(sums, how, None))
    every = key & ((1 << tick_bits) - 1)
    factors = decay.factors(key >> (item_bits + tick_bits), every if ranked is None else ranked[every])
    sums = _sum_runs(factors if weights is None else factors * weights, starts)
    last = decay.factors(rows, newest if ranked is None else ranked[newest])
    return _Pairs(rows, items, newest, _damped(sums, how, last))


def _sum_runs(values: Float64 | Float32, starts: Int64) -> Float64:
    if not len(starts):
        return np.zeros(0)
    return np.add.reduceat(values.astype(np.float64), starts)


def _damped(sums: Float64, how: Fold, newest: Float64 | None) -> Float32:
    if how == "log":
        weights = np.log1p(sums) / np.log(2.0)
    elif how == "sum":
        weights = sums
    else:
        weights = np.ones(len(sums)) if newest is None else newest
    return np.where(sums > 0, np.clip(weights, _LEAST, _MOST), 0.0).astype(np.float32)


def _of_counts(counts: Int64, how: Fold) -> Float32:
    """The weights of pairs with so many events of weight 1: few different ones, so each is worked out once."""
    most = int(counts.max(initial=1))
    if how == "one" or most == 1:
        return np.ones(len(counts), dtype=np.float32)
    return _damped(np.arange(most + 1, dtype=np.float64), how, None)[counts]


def _settle_ties(key: Int64, weights: Float32) -> None:
    """Put the weights of events with one key in ascending order, in place: argsort leaves them in any order."""
    same = np.flatnonzero(key[1:] == key[:-1])
    mixed = same[weights[same] != weights[same + 1]]
    if not len(mixed):
        return
    tied = np.zeros(len(key), dtype=np.bool_)
    tied[same] = tied[same + 1] = True
    slots = np.flatnonzero(tied)
    weights[slots] = weights[slots[np.lexsort((weights[slots], key[slots]))]]


def _sorted_slots(pairs: _Pairs, n_rows: int, widths: tuple[int, int, int], ranked: Int64 | None) -> Folded:
    """Sort by (row, seen only first, tick, item); every key is different, so any sort gives one answer."""
    _, item_bits, tick_bits = widths
    preferred = 1 if pairs.weights is None else (pairs.weights > 0).astype(np.int64)
    key = (pairs.rows << 1) | preferred
    key <<= tick_bits
    key |= pairs.ticks
    key <<= item_bits
    key |= pairs.items
    if pairs.weights is None:
        key.sort()
        weights = np.ones(len(key), dtype=np.float32)
    else:
        order = np.argsort(key)
        key, weights = key[order], pairs.weights[order]
    items = (key & ((1 << item_bits) - 1)).astype(np.int32)
    key >>= item_bits
    ticks = key & ((1 << tick_bits) - 1)
    key >>= tick_bits + 1
    offsets = np.zeros(n_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(key, minlength=n_rows), out=offsets[1:])
    return Folded(offsets=offsets, items=items, weights=weights, ticks=ticks if ranked is None else ranked[ticks])


def _fold_halves(events: Events, n_rows: int, n_items: int, how: Fold, decay: Decay | None) -> Folded:
    """Half of the users at a time, where one key for all would be too wide."""
    middle = n_rows // 2
    parts = []
    for low, high in ((0, middle), (middle, n_rows)):
        inside = (events.rows >= low) & (events.rows < high)
        part = Events(
            rows=events.rows[inside] - np.int32(low),
            items=events.items[inside],
            ticks=None if events.ticks is None else events.ticks[inside],
            weights=None if events.weights is None else events.weights[inside],
        )
        own = decay
        if decay is not None and isinstance(decay.moment, np.ndarray):
            own = Decay(decay.half_life_days, decay.clock, decay.moment[low:high])
        parts.append(fold(part, high - low, n_items, how, own))
    return joined(parts)


def joined(parts: list[Folded]) -> Folded:
    """The users of all parts, one after the other."""
    starts = np.concatenate([[0], np.cumsum([part.offsets[-1] for part in parts])])
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
    return Folded(
        offsets=np.concatenate([*offsets, starts[-1:]]).astype(np.int64),
        items=np.concatenate([part.items for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        ticks=np.concatenate([part.ticks for part in parts]),
    )
