"""Rows in batches, and what goes wrong on the way."""

from __future__ import annotations

import duckdb
import pytest

from selfrec.source.streaming import Stream

LATE = "SELECT i, CASE WHEN i = 2_500_000 THEN error('a bad row') END FROM range(3_000_000) numbers(i)"


def test_batches() -> None:
    with duckdb.connect() as connection:
        stream = Stream(connection.sql("SELECT i FROM range(250_000) numbers(i) ORDER BY i"), 100_000)
        assert stream.schema.names == ["i"]
        batches = list(stream)
    assert [value for batch in batches for value in batch.column("i").to_pylist()] == list(range(250_000))
    assert len(batches) > 1


def test_a_bad_row_that_comes_late_is_an_error_of_duckdb() -> None:
    with duckdb.connect() as connection:
        stream = Stream(connection.sql(LATE), 100_000)
        with pytest.raises(duckdb.Error, match="a bad row"):
            list(stream)


def test_want_of_memory_that_comes_late_is_told_apart() -> None:
    late = LATE.replace("a bad row", "Out of Memory Error: none left")
    with duckdb.connect() as connection, pytest.raises(duckdb.OutOfMemoryException):
        list(Stream(connection.sql(late), 100_000))
