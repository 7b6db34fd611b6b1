"""Some users of a source and all they have touched, as the reader of histories hands them to scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from selfrec.histories import Float32, Histories, Int32, Int64
from selfrec.source.folding import Folded


@dataclass(frozen=True, kw_only=True)
class UserShard:
    """U users with all they have touched, in compressed rows: user u owns the slots offsets[u]:offsets[u + 1].

    Users are sorted by (slots, id). Within a user the seen-only slots (weight 0) come first, then the
    history, newest last; so the last H slots of a row are its newest H items, and all slots are its `exclude`.
    """

    user_ids: pa.Array
    """U ids in the carried type of the source's user type (see selfrec.source.ids); never null."""
    offsets: Int64
    """int64[U + 1]."""
    items: Int32
    """int32[slots] item numbers 0..N-1, each at most once a user; items outside the catalog are left out."""
    weights: Float32
    """float32[slots] preference weight; 0 where the item was only seen (an excluded event, a bad weight)."""
    ages: Float32
    """float32[slots] days from the event to the reader's moment; 0 when unknown."""
    user_features: Float32 | None = None
    """float32[U, columns] the user columns the model reads, 0 where unknown; None where there are none."""

    def __len__(self) -> int:
        """U, the number of users."""
        return len(self.offsets) - 1

    @classmethod
    def by_length(cls, ids: pa.Array, folded: Folded, ages: Float32, features: Float32 | None) -> UserShard:
        """The users in the order of their number of slots; equal ones stay in the order of the ids that come in."""
        lengths = np.diff(folded.offsets)
        order = np.argsort(lengths, kind="stable")
        offsets = np.zeros(len(ids) + 1, dtype=np.int64)
        np.cumsum(lengths[order], out=offsets[1:])
        slots = np.repeat(folded.offsets[:-1][order] - offsets[:-1], lengths[order])
        slots += np.arange(len(slots), dtype=np.int64)
        return cls(
            user_ids=ids.take(pa.array(order)),
            offsets=offsets,
            items=folded.items[slots],
            weights=folded.weights[slots],
            ages=ages[slots],
            user_features=None if features is None else features[order],
        )

    def histories(self, n_items: int, max_history: int) -> Histories:
        """The histories proper: seen-only slots left out, the newest `max_history` kept, same order of users."""
        lengths = np.diff(self.offsets)
        if int(lengths.max(initial=0)) <= max_history and bool((self.weights > 0).all()):
            return self._with(n_items, self.offsets, slice(None))
        rows = np.repeat(np.arange(len(self), dtype=np.int64), lengths)
        from_end = self.offsets[1:][rows] - np.arange(len(self.items))
        kept = (self.weights > 0) & (from_end <= max_history)
        offsets = np.zeros(len(self.offsets), dtype=np.int64)
        np.cumsum(np.bincount(rows[kept], minlength=len(self)), out=offsets[1:])
        return self._with(n_items, offsets, kept)

    def seen(self, histories: Histories) -> Histories:
        """All slots, the seen-only ones too, as what to exclude.

        histories: those of this shard, which are given back where they have all slots.
        """
        if len(histories.items) == len(self.items):
            return histories
        return Histories(
            n_items=histories.n_items,
            offsets=self.offsets,
            items=self.items,
            weights=self.weights,
            ages=self.ages,
        )

    def _with(self, n_items: int, offsets: Int64, kept: slice | npt.NDArray[np.bool_]) -> Histories:
        return Histories(
            n_items=n_items,
            offsets=offsets,
            items=self.items[kept],
            weights=self.weights[kept],
            ages=self.ages[kept],
            user_features=self.user_features,
        )
