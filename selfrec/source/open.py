"""Open a SOURCE: a DuckDB file with a table, or Parquet and CSV files, as one canonical view of events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from selfrec.settings.tables import SourceSettings


@dataclass(frozen=True, kw_only=True)
class Source:
    """An open source. The canonical view has the columns
    user_id, item_id (the source's own types), epoch DOUBLE seconds, event VARCHAR, weight DOUBLE; the last three null
    where unknown."""

    path: str
    connection: duckdb.DuckDBPyConnection
    relation_sql: str
    """Quoted SQL name of the canonical view."""
    user_type: str
    """SQL type name of the user ids."""
    item_type: str
    columns: dict[str, str | None]
    """Resolved mapping: user_id, item_id, timestamp, event, weight -> the column's name or None."""

    def fingerprint(self) -> dict[str, Any]:
        """rows, users, items, first, last (ISO 8601, UTC, or None) and content (an order-independent hash).

        Never a user id."""
        raise NotImplementedError


@contextmanager
def open_source(
    path: str,
    settings: SourceSettings,
    *,
    memory_megabytes: int = 1024,
    threads: int | None = None,
    temp_directory: str | None = None,
) -> Iterator[Source]:
    """Open a source for reading.

    path: a DuckDB file, or a path or glob of Parquet (.parquet) or CSV (.csv, .csv.gz, .tsv, .tsv.gz) files.
    """
    raise NotImplementedError
    yield
