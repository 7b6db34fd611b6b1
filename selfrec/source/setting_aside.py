"""Events set aside by shard while a source is read once: in memory up to a bound, beyond it in a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]

MOST_BYTES = 64 << 20
"""Held in memory before all of it is written out."""


class _Written(NamedTuple):
    """Where rows of a shard stand in the file: each column's values one after the other."""

    place: int
    rows: int


class SetAside:
    """Columns of numbers, added in any order and taken back by shard.

    Rows of a shard come back in the order they were added. The file has no name, so it is gone with the process.
    """

    def __init__(self, shards: int, folder: Path | None, most_bytes: int = MOST_BYTES) -> None:
        """folder: where the file is made if one is needed; the system's place for such files when None."""
        self._folder, self._most = folder, most_bytes
        self._held: list[list[list[Column]]] = [[] for _ in range(shards)]
        self._written: list[list[_Written]] = [[] for _ in range(shards)]
        self._types: list[np.dtype[Any]] = []
        self._bytes = 0
        self._file: Any = None

    def add(self, shards: npt.NDArray[np.integer[Any]], columns: list[Column]) -> None:
        """int[E] shard of each row, and [E] columns, the same number and types each time. Raises OSError."""
        self._types = [column.dtype for column in columns]
        numbers = shards.astype(np.uint16) if len(self._held) <= 1 << 16 else shards
        order = np.argsort(numbers, kind="stable")
        ends = np.cumsum(np.bincount(shards, minlength=len(self._held)))
        ordered = [column[order] for column in columns]
        start = 0
        for shard, end in enumerate(ends.tolist()):
            if end > start:
                self._held[shard].append([column[start:end] for column in ordered])
            start = end
        self._bytes += sum(column.nbytes for column in columns)
        if self._bytes > self._most:
            self._write()

    def finish(self) -> None:
        """All rows are there: where most of them are in the file, the rest goes there too. Raises OSError."""
        if self._file is not None:
            self._write()

    def take(self, shard: int) -> list[Column]:
        """The columns of one shard's rows; as often as wanted."""
        blocks = [self._read(written) for written in self._written[shard]] + self._held[shard]
        return [
            np.concatenate([block[column] for block in blocks]) if blocks else np.empty(0, dtype)
            for column, dtype in enumerate(self._types)
        ]

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (it lives as long as this object)
        place = self._file.seek(0, 2)
        for shard, blocks in enumerate(self._held):
            if not blocks:
                continue
            rows = sum(len(block[0]) for block in blocks)
            self._written[shard].append(_Written(place, rows))
            for column in range(len(self._types)):
                for block in blocks:
                    place += self._file.write(block[column].data)
            blocks.clear()
        self._bytes = 0

    def _read(self, written: _Written) -> list[Column]:
        self._file.seek(written.place)
        return [
            np.frombuffer(self._file.read(dtype.itemsize * written.rows), dtype=dtype, count=written.rows)
            for dtype in self._types
        ]
