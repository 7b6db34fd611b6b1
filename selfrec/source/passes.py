"""Passes over a source, in as little of DuckDB's memory as they take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from selfrec.errors import SourceError, one_line
from selfrec.source.memory import READING, MemoryLimit
from selfrec.source.open import Source
from selfrec.source.setting_aside import SetAside
from selfrec.source.streaming import Stream

Result = TypeVar("Result")

_ROWS = 1_000_000
"""Rows that are taken from DuckDB at a time."""


class Passes:
    """Runs queries of a source's session whose rows are those of so many shards."""

    def __init__(self, source: Source, shards: int) -> None:
        """Raises duckdb.Error."""
        self._source, self._shards = source, shards
        self._memory = MemoryLimit(source.connection)
        [(place,)] = source.connection.execute("SELECT current_setting('temp_directory')").fetchall()
        self._folder = Path(place) if place else None
        """Where DuckDB spills as well."""

    def aside(self, sql: str, mebibytes: int) -> SetAside:
        """The rows of one pass, which have a column `shard`, put aside by it. Raises duckdb.Error, SourceError.

        mebibytes: what the pass is held to, unless it is short or over a view, which may need all there is.
        """
        if self._source.row_by_row and self._shards > 1:
            self._memory.narrow(mebibytes)
        try:
            return self._memory.within(lambda: self._set_aside(sql))
        except OSError as error:
            place = self._folder or "the place of temporary files"
            raise SourceError(
                f"{self._source.name}: cannot be put aside in {place} ({one_line(error)}); make room there"
            ) from error
        finally:
            self._memory.widen()

    def rest(self) -> None:
        """No further pass is to come: what DuckDB holds of the source can go."""
        if self._shards > 1:
            self._memory.narrow(READING)

    def table(self, sql: str) -> pa.Table:
        """All rows at once. Raises duckdb.Error."""
        return self.within(lambda: self._source.connection.sql(sql).to_arrow_table())

    def within(self, query: Callable[[], Result]) -> Result:
        """What a query gives, in all of the memory if it needs that."""
        return self._memory.within(query)

    def _set_aside(self, sql: str) -> SetAside:
        rows = Stream(self._source.connection.sql(sql), _ROWS)
        return SetAside(self._shards, rows.schema, self._folder).fill(rows)
