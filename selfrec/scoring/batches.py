"""Which users go through the graph together: rows of like length, in few shapes, bounded in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Histories, Int64

ROWS = 192
"""Most users of a batch: more gain nothing once the product is compute-bound [measured]."""

SLOTS = 16_384
"""Most history slots of a batch whose embeddings [B, H, d] are gathered all at once."""

SLOTS_IN_PIECES = 65_536
"""The same of a batch whose embeddings are gathered piece by piece."""

PIECE_BYTES = 1 << 20
"""Most embeddings of a piece, where it holds more than one user: they shall stay in the second-level cache."""

EXCLUDED = 4_194_304
"""Most exclude slots of a batch, for users who have seen a large part of the catalog."""


@dataclass(frozen=True)
class Batch:
    """Users that go through the graph together, and the rectangle they are padded to."""

    users: Int64
    """int64[<= rows] row numbers."""
    rows: int
    """B, at least len(users): further rows are empty, so that there are few shapes."""
    length: int
    """H."""
    excluded: int
    """X."""


class Piece(NamedTuple):
    """Rows of a batch whose embeddings are gathered together."""

    start: int
    end: int
    length: int
    """Slots of a row, at most H: further ones are padding."""


def bucket(width: int) -> int:
    """The smallest allowed width >= width: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... four to an octave.

    Memory of onnxruntime's arena never shrinks, so shapes are few; a step of at most a quarter wastes little.
    """
    if width <= 8:
        return max(width, 1)
    step = 1 << ((width - 1).bit_length() - 3)
    return -(-width // step) * step


def plan_batches(lengths: Int64, excluded: Int64, n_items: int, batch_bytes: int, slots: int = SLOTS) -> list[Batch]:
    """Cut U users with int64[U] history and exclude lengths into batches; the same for the same lengths.

    A batch has at most batch_bytes / 4N rows and so many history slots, and at least one row. Users are taken in the
    order of their lengths, so that few places are padding. The longest batches come first, so that the last ones to run
    are short.
    """
    if not len(lengths):
        return []
    most = max(1, min(ROWS, batch_bytes // (4 * n_items)))
    order = np.lexsort((excluded, lengths))
    batches: list[Batch] = []
    start = 0
    while start < len(order):
        users = _narrowed(order[start : start + most], lengths, slots)
        users = _narrowed(users, excluded, EXCLUDED)
        # Only the last batch is cut off by chance; how many the others hold follows from their widths.
        last = start + len(users) == len(order)
        rows = min(most, bucket(len(users))) if last else len(users)
        batches.append(Batch(users, rows, _width(users, lengths), _width(users, excluded)))
        start += len(users)
    return batches[::-1]


def pieces(batch: Batch, lengths: Int64, width: int) -> list[Piece]:
    """A batch in pieces of embeddings of this width; int64[U] lengths of all users. Their rows are powers of two, so
    that there are few shapes.
    """
    ends = np.zeros(batch.rows, dtype=np.int64)
    # A row that is empty, or none, is as long as the rows before: all are looked through in the order they have.
    ends[: len(batch.users)] = lengths[batch.users]
    np.maximum.accumulate(ends, out=ends)
    found: list[Piece] = []
    start = 0
    while start < batch.rows:
        rows = 1 << (batch.rows - start).bit_length() - 1
        while rows > 1 and 4 * width * rows * min(bucket(int(ends[start + rows - 1])), batch.length) > PIECE_BYTES:
            rows //= 2
        found.append(Piece(start, start + rows, min(bucket(int(ends[start + rows - 1])), batch.length)))
        start += rows
    return found


def _width(users: Int64, lengths: Int64) -> int:
    return bucket(int(lengths[users].max()))


def _narrowed(users: Int64, lengths: Int64, slots: int) -> Int64:
    """As many of the first of these users as fit into a rectangle of so many slots; at least one."""
    while len(users) > 1 and len(users) * _width(users, lengths) > slots:
        # Without the last users, which are the longest, the rest may be narrower: but then they fit in any case.
        users = users[: max(1, min(slots // _width(users, lengths), len(users) - 1))]
    return users


class Slots:
    """Histories prepared for padding: one more slot at the end that every padding place reads."""

    def __init__(self, histories: Histories) -> None:
        self.offsets = histories.offsets
        self._end = len(histories.items)
        self._items = np.append(histories.items, np.int32(histories.n_items)).astype(np.int64)
        self._weights = np.append(histories.weights, np.float32(0))
        self._ages = np.append(histories.ages, np.float32(0))

    def places(self, users: Int64, rows: int, width: int) -> Int64:
        """int64[rows, width] slot of each place of the rectangle; longer rows lose their oldest."""
        starts = np.zeros(rows, dtype=np.int64)
        lengths = np.zeros(rows, dtype=np.int64)
        ends = self.offsets[users + 1]
        starts[: len(users)] = np.maximum(self.offsets[users], ends - width)
        lengths[: len(users)] = ends - starts[: len(users)]
        columns = np.arange(width, dtype=np.int64)
        return np.where(columns < lengths[:, None], starts[:, None] + columns, self._end)

    def items(self, places: Int64) -> Int64:
        """Item numbers at these places, N in padding."""
        return self._items[places]

    def weights(self, places: Int64) -> Float32:
        """Weights at these places, 0 in padding."""
        return self._weights[places]

    def ages(self, places: Int64) -> Float32:
        """Ages at these places, 0 in padding."""
        return self._ages[places]


def check_numbers(items: npt.NDArray[np.signedinteger], n_items: int) -> None:
    """Numbers outside the catalog would fail, or worse, be answered, deep inside a runtime."""
    if len(items) and (int(items.min()) < 0 or int(items.max()) >= n_items):
        wrong = int(items[(items < 0) | (items >= n_items)][0])
        raise ValueError(f"item number {wrong} in a history; the catalog has 0..{n_items - 1}")
