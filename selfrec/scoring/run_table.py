"""The table of runs that stands beside every scored table of a database: one row a run."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import duckdb

from selfrec import columns
from selfrec.scoring.summary import RunRow
from selfrec.source.quoting import identifier

RUN_COLUMNS = {
    "run_id": "VARCHAR",
    "result": "VARCHAR",
    "model_sha256": "VARCHAR",
    "source": "VARCHAR",
    "options": "VARCHAR",
    "started": "TIMESTAMP",
    "finished": "TIMESTAMP",
    "users": "BIGINT",
    "rows": "BIGINT",
    "users_per_second": "DOUBLE",
    "peak_memory": "BIGINT",
}
"""Name and SQL type of each column."""
_LATER_COLUMNS = ("scored", "kept", "removed")
"""Columns that tables of older versions lack."""


def note_run(connection: duckdb.DuckDBPyConnection, result: str, run: RunRow) -> None:
    """Add the run, which wrote the table `result`, to the table of runs of the database attached as `target`."""
    runs = f"target.main.{identifier(columns.RUNS)}"
    listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in RUN_COLUMNS.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {runs} ({listed})")
    for name in _LATER_COLUMNS:
        connection.execute(f"ALTER TABLE {runs} ADD COLUMN IF NOT EXISTS {name} BIGINT")
    # A run that is resumed after its result stood, but before it could tidy up, publishes it once more.
    connection.execute(f"DELETE FROM {runs} WHERE run_id = ?", [run.run_id])
    values: dict[str, Any] = asdict(run)
    values |= {"result": result, "started": _utc(run.started), "finished": _utc(datetime.now(UTC))}
    connection.execute(
        f"INSERT INTO {runs} ({', '.join(map(identifier, values))}) VALUES ({', '.join('?' * len(values))})",
        list(values.values()),
    )


def _utc(moment: datetime) -> datetime:
    """DuckDB's TIMESTAMP has no zone; ours are UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
