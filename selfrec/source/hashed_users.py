"""Which user a 64-bit hash stands for, for millions of events at a time.

A join with all users looks each event up in a table that no cache holds. Events of one shard are looked up among the
users of that shard instead, by the first bits of the hash, which nearly always name the user alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfrec.histories import Int32

UInt64 = npt.NDArray[np.uint64]

_SPARE_BITS = 2
"""Four times as many places as users, so that few of them share one."""
_MOST_BITS = 24


class HashedUsers:
    """U users by their hashes. Of users who share one, events get the number of either (see listed_users.alike)."""

    def __init__(self, hashes: UInt64) -> None:
        """uint64[U]: of the users 0..U-1."""
        order = np.argsort(hashes)
        self._numbers = order.astype(np.int32)
        self._hashes = hashes[order]
        bits = min(len(hashes).bit_length() + _SPARE_BITS, _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        places = np.arange(1 << bits, dtype=np.uint64)
        self._first = np.searchsorted(self._hashes >> self._shift, places).astype(np.int32)

    def numbers(self, hashes: UInt64) -> Int32:
        """int32[E]: whose hash each of uint64[E] is; -1 where it is nobody's."""
        if not len(self._hashes):
            return np.full(len(hashes), -1, dtype=np.int32)
        last = len(self._hashes) - 1
        at = np.minimum(self._first[hashes >> self._shift], last)
        numbers: Int32 = self._numbers[at]
        other = np.flatnonzero(self._hashes[at] != hashes)
        while len(other):
            here = at[other]
            gone = (self._hashes[here] > hashes[other]) | (here == last)
            numbers[other[gone]] = -1
            other = other[~gone]
            at[other] += 1
            numbers[other] = self._numbers[at[other]]
            other = other[self._hashes[at[other]] != hashes[other]]
        return numbers
