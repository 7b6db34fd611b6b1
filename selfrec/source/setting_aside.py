"""Rows set aside by shard while a source is read once: in memory up to a bound, beyond it in a file."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa

from selfrec.histories import Int64

MOST_BYTES = 64 << 20
"""Held in memory before all of it is written out."""

SHARD = "shard"
"""Column of what is set aside: the shard of the row, which does not come back."""


class _Written(NamedTuple):
    """Where rows of a shard stand in the file, as one batch of Arrow's."""

    place: int
    length: int


class SetAside:
    """Rows in Arrow batches, added in any order and taken back by shard.

    Rows of a shard come back in the order they were added. The file has no name, so it is gone with the process.
    """

    def __init__(self, shards: int, schema: pa.Schema, folder: Path | None, most_bytes: int = MOST_BYTES) -> None:
        """schema: a column `shard` (INTEGER) and what else rows have.
        folder: where the file is made if one is needed; the system's place for such files when None.
        """
        self.rows: Int64 = np.zeros(shards, dtype=np.int64)
        """int64[shards] rows of each."""
        self._folder, self._most = folder, most_bytes
        self._held: list[list[pa.RecordBatch]] = [[] for _ in range(shards)]
        self._written: list[list[_Written]] = [[] for _ in range(shards)]
        self._schema = schema.remove(schema.get_field_index(SHARD))
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def fill(self, batches: Iterable[pa.RecordBatch]) -> SetAside:
        """Add all of them; where most rows are in the file then, all of them are. Raises OSError."""
        for batch in batches:
            self.add(batch)
        if self._file is not None:
            self._write()
        pa.default_memory_pool().release_unused()
        return self

    def add(self, batch: pa.RecordBatch) -> None:
        """Raises OSError."""
        shards = batch.column(SHARD).to_numpy()
        numbers = shards.astype(np.uint16) if len(self._held) <= 1 << 16 else shards
        order = np.argsort(numbers, kind="stable")
        ordered = pa.record_batch([_taken(batch.column(name), order) for name in self._schema.names], self._schema)
        counts = np.bincount(shards, minlength=len(self._held))
        starts = np.cumsum(counts) - counts
        for shard in np.flatnonzero(counts):
            self._held[shard].append(ordered.slice(starts[shard], counts[shard]))
        self.rows += counts
        self._bytes += ordered.nbytes
        if self._bytes > self._most:
            self._write()

    def take(self, shard: int) -> pa.Table:
        """The rows of one shard, each column in one piece; as often as wanted."""
        blocks = [self._read(written) for written in self._written[shard]] + self._held[shard]
        return _joined(pa.Table.from_batches(blocks, self._schema))

    def _write(self) -> None:
        if self._file is None:
            self._file = _file_in(self._folder)
        place = self._file.seek(0, 2)
        for shard, blocks in enumerate(self._held):
            if not blocks:
                continue
            [batch] = _joined(pa.Table.from_batches(blocks)).to_batches()
            packed = batch.serialize()
            self._written[shard].append(_Written(place, packed.size))
            place += self._file.write(packed)
            blocks.clear()
        self._bytes = 0

    def _read(self, written: _Written) -> pa.RecordBatch:
        assert self._file is not None
        self._file.seek(written.place)
        return pa.ipc.read_record_batch(pa.py_buffer(self._file.read(written.length)), self._schema)


def _file_in(folder: Path | None) -> IO[bytes]:
    """A file without a name, which leaves no folder behind that was not there."""
    made = folder is not None and not folder.exists()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (it lives as long as its owner)
    if made and folder is not None:
        with contextlib.suppress(OSError):  # Somebody else spills there, or the system cannot remove it yet.
            folder.rmdir()
    return file


# Numbers go through numpy: what Arrow allocates, it keeps for a while after it is free [measured].


def _taken(column: pa.Array, order: Int64) -> pa.Array:
    if pa.types.is_primitive(column.type):
        return pa.array(column.to_numpy()[order])
    return column.take(pa.array(order))


def _joined(table: pa.Table) -> pa.Table:
    """The same with each column in one piece."""
    return pa.table({name: _in_one(column) for name, column in zip(table.column_names, table.columns, strict=True)})


def _in_one(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_primitive(column.type) and column.num_chunks > 1:
        return pa.array(np.concatenate([chunk.to_numpy() for chunk in column.chunks]))
    return column.combine_chunks()
