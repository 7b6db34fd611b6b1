"""Narrow limits of memory: what fits stays, what does not gets the full one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.source.memory import MemoryLimit
from selfrec.source.session import start_session

HUNGRY = "SELECT len(list(i)) FROM range(5_000_000) numbers(i)"
"""Takes more than 64 MiB, which DuckDB cannot spill."""


def limit(connection: duckdb.DuckDBPyConnection) -> str:
    [(found,)] = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    return str(found)


def test_narrow_and_wide(tmp_path: Path) -> None:
    with start_session(256, 1, str(tmp_path / "spill")) as connection:
        memory = MemoryLimit(connection)
        memory.narrow(64)
        assert limit(connection) == "64.0 MiB"
        memory.widen()
        assert limit(connection) == "256.0 MiB"
        memory.narrow(300)
        assert limit(connection) == "256.0 MiB"


def test_what_is_allowed_beyond_the_usual_is_used(tmp_path: Path) -> None:
    with start_session(257, 1, str(tmp_path / "spill")) as connection:
        MemoryLimit(connection).narrow(64)
        assert limit(connection) == "257.0 MiB"


def test_a_query_that_needs_more_gets_it_and_the_limit_stays_wide(tmp_path: Path) -> None:
    with start_session(256, 1, str(tmp_path / "spill")) as connection:
        memory = MemoryLimit(connection)
        memory.narrow(64)
        with pytest.raises(duckdb.OutOfMemoryException):
            connection.execute(HUNGRY)
        assert memory.within(lambda: connection.execute(HUNGRY).fetchall()) == [(5_000_000,)]
        memory.narrow(64)
        assert limit(connection) == "256.0 MiB"


def test_a_query_that_needs_more_than_there_is_fails_once(tmp_path: Path) -> None:
    runs = []
    with start_session(64, 1, str(tmp_path / "spill")) as connection:
        memory = MemoryLimit(connection)
        memory.narrow(64)

        def run() -> list[Any]:
            runs.append(1)
            return connection.execute(HUNGRY).fetchall()

        with pytest.raises(duckdb.OutOfMemoryException):
            memory.within(run)
    assert runs == [1]
