"""Histories: who touched what, sparse, newest last. The one form that training and scoring share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


class Padded(NamedTuple):
    """Some histories as rectangles; unused slots hold item number N, weight 0 and age 0."""

    history: Int64
    """int64[B, H] item numbers."""
    weights: Float32
    """float32[B, H] preference weights."""
    ages: Float32
    """float32[B, H] days from the event to the moment of scoring."""


@dataclass(frozen=True, kw_only=True)
class Histories:
    """U users' histories in compressed rows: user u owns the slots offsets[u]:offsets[u + 1].

    Sorted by time within a user, newest last. An item stands at most once in a row.
    """

    n_items: int
    """N, the size of the catalog; also the padding number."""
    offsets: Int64
    """int64[U + 1]."""
    items: Int32
    """int32[slots] item numbers, 0..N-1."""
    weights: Float32
    """float32[slots] preference weights, > 0."""
    ages: Float32
    """float32[slots] days from the event to the moment of scoring, 0 when unknown."""
    user_features: Float32 | None = field(default=None)
    """float32[U, columns] or None where no user columns were given."""

    def __post_init__(self) -> None:
        slots = len(self.items)
        if len(self.weights) != slots or len(self.ages) != slots or int(self.offsets[-1]) != slots:
            raise ValueError(
                f"histories disagree: {slots} items, {len(self.weights)} weights, {len(self.ages)} ages, "
                f"last offset {int(self.offsets[-1])}"
            )

    def __len__(self) -> int:
        """U, the number of users."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64:
        """int64[U] items a user."""
        return np.diff(self.offsets)

    @property
    def row_numbers(self) -> Int64:
        """int64[slots] the user each slot belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def take(self, rows: npt.ArrayLike) -> Histories:
        """The histories of these users (int[B] row numbers), in this order."""
        rows = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        slots = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1], dtype=np.int64)
        features = None if self.user_features is None else self.user_features[rows]
        return self._with_slots(offsets, slots, features)

    def keep(self, mask: npt.NDArray[np.bool_]) -> Histories:
        """The same users with only the slots where mask (bool[slots]) is true."""
        kept = np.bincount(self.row_numbers[mask], minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        return self._with_slots(offsets, np.flatnonzero(mask), self.user_features)

    def newest(self, limit: int) -> Histories:
        """The same users with at most their newest `limit` items."""
        from_end = self.offsets[1:][self.row_numbers] - np.arange(len(self.items))
        return self.keep(from_end <= limit)

    def padded(self, rows: npt.ArrayLike | None = None, *, length: int | None = None) -> Padded:
        """Rectangles [B, H] of these users (all when None); H is the longest row, or `length`, newest kept."""
        part = self if rows is None else self.take(rows)
        lengths = part.lengths
        width = int(lengths.max(initial=0)) if length is None else length
        if int(lengths.max(initial=0)) > width:
            part = part.newest(width)
            lengths = part.lengths
        shape = (len(part), width)
        history = np.full(shape, self.n_items, dtype=np.int64)
        weights = np.zeros(shape, dtype=np.float32)
        ages = np.zeros(shape, dtype=np.float32)
        filled = np.arange(width) < lengths[:, None]
        history[filled], weights[filled], ages[filled] = part.items, part.weights, part.ages
        return Padded(history, weights, ages)

    def item_counts(self) -> Int64:
        """int64[N] users who have each item."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    def _with_slots(self, offsets: Int64, slots: Int64, features: Float32 | None) -> Histories:
        return Histories(
            n_items=self.n_items,
            offsets=offsets,
            items=self.items[slots],
            weights=self.weights[slots],
            ages=self.ages[slots],
            user_features=features,
        )

    @classmethod
    def from_rows(cls, rows: list[list[int]], n_items: int, weights: list[list[float]] | None = None) -> Histories:
        """Small histories written by hand: item numbers a user, weight 1 unless given."""
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        items = np.array([item for row in rows for item in row], dtype=np.int32)
        flat = np.ones(len(items)) if weights is None else np.array([w for row in weights for w in row])
        return cls(
            n_items=n_items,
            offsets=offsets,
            items=items,
            weights=flat.astype(np.float32),
            ages=np.zeros(len(items), dtype=np.float32),
        )


@dataclass(frozen=True)
class Holdout:
    """Histories to predict from and the items that were hidden; row u of all is the same user."""

    inputs: Histories
    """What is shown; at least one item a user."""
    targets: Histories
    """What was hidden; at least one item a user, none of which stands in the inputs. A hidden item outside the
    catalog stands here as item number N, as often as there are such items: no list can contain it, so it
    counts as a miss in every metric. (Here, and only here, an item number may be N and repeat.)"""
    also_seen: Histories | None = None
    """Further items that are never to be recommended to these users: those max_history cut from the inputs, and
    those only seen (excluded events, bad weights). Mask `inputs` and these. None: there are none."""

    def __len__(self) -> int:
        return len(self.inputs)

    def seen(self) -> Histories:
        """Every item that these users must not get: what is shown and what was seen besides."""
        if self.also_seen is None:
            return self.inputs
        both = (self.also_seen, self.inputs)
        order = np.argsort(np.concatenate([part.row_numbers for part in both]), kind="stable")
        offsets = self.also_seen.offsets + self.inputs.offsets
        items, weights, ages = (
            np.concatenate([getattr(part, name) for part in both])[order] for name in ("items", "weights", "ages")
        )
        return Histories(n_items=self.inputs.n_items, offsets=offsets, items=items, weights=weights, ages=ages)

    def take(self, rows: npt.ArrayLike) -> Holdout:
        """The holdout of these users."""
        seen = None if self.also_seen is None else self.also_seen.take(rows)
        return Holdout(self.inputs.take(rows), self.targets.take(rows), seen)
