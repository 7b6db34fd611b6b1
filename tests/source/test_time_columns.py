"""Times that cannot be used, and what is said about it."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfrec.settings.tables import SourceSettings
from selfrec.source.open import open_source
from tests.source.tables import TWO, make_table

IN_FILES = "cast it in the files or in a DuckDB table made of them"
SO = "no column is used for times; where the text in 'bought_at' tells them, "


def notes(path: str) -> list[str]:
    with open_source(path, SourceSettings()) as source:
        return source.mapping.notes


@pytest.mark.parametrize(
    "times",
    [
        ["2026-11-28T07:30:00", "2026-11-29"],
        ["2026-11-28 07:30:00+01:00", None],
        ["28.11.2026 07:30", "29.11.2026"],
        ["11/28/2026", "11/29/2026"],
    ],
)
def test_text_that_looks_like_times_is_told(tmp_path: Path, times: list[str | None]) -> None:
    columns = {**TWO, "name": "VARCHAR", "bought_at": "VARCHAR"}
    path = make_table(tmp_path / "shop.duckdb", columns, [(1, "2026-01-01", "x", time) for time in times])
    assert notes(path) == [f"{SO}cast it in a view, and name it with --timestamp-column"]
    with duckdb.connect(path) as connection:
        connection.execute(f"COPY interactions TO '{tmp_path}/events.parquet'")
    assert notes(f"{tmp_path}/events.parquet") == [f"{SO}{IN_FILES}, and name it with --timestamp-column"]


@pytest.mark.parametrize("values", [["2026-11-28", "soon"], [None, None], ["2026", "2027"], ["7.5", "8.5"]])
def test_other_text_is_not(tmp_path: Path, values: list[str | None]) -> None:
    rows = [(1, "a", value) for value in values]
    assert notes(make_table(tmp_path / "shop.duckdb", {**TWO, "bought_at": "VARCHAR"}, rows)) == []


def test_a_look_at_few_rows_settles_nothing_but_what_is_no_time(tmp_path: Path) -> None:
    """Times further down, and no times further down."""
    rows = [(1, "a", "2026-11-28" if n == 500 else None, "soon" if n == 500 else "2026-11-28") for n in range(600)]
    columns = {**TWO, "bought_at": "VARCHAR", "first_seen": "VARCHAR"}
    path = make_table(tmp_path / "shop.duckdb", columns, rows)
    assert notes(path) == [f"{SO}cast it in a view, and name it with --timestamp-column"]


def test_a_wide_table_is_soon_looked_through(tmp_path: Path) -> None:
    """An expression for each column took 15 s."""
    columns = {**TWO, **{f"answer_{n}": "VARCHAR" for n in range(1000)}}
    path = make_table(tmp_path / "shop.duckdb", columns, [(1, "a", *["x"] * 1000)] * 20)
    began = time.process_time()
    assert notes(path) == []
    assert time.process_time() - began < 5


def test_a_file_without_any_time_does_not_disagree_with_those_that_have_some(tmp_path: Path) -> None:
    """Arrow writes a column of nulls as one of no type."""
    for name, times in (("1", pa.nulls(2)), ("2", pa.array([datetime(2026, 11, 28)] * 2))):
        table = pa.table({"user_id": [1, 2], "item_id": ["a", "b"], "timestamp": times})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    with open_source(f"{tmp_path}/*.parquet", SourceSettings()) as source:
        assert source.columns["timestamp"] == "timestamp"
        assert (source.span.rows, source.span.unknown_times) == (4, 2)


def test_nor_is_it_where_there_are_times_or_none_are_wanted(tmp_path: Path) -> None:
    columns = {**TWO, "timestamp": "TIMESTAMP", "bought_at": "VARCHAR"}
    path = make_table(tmp_path / "shop.duckdb", columns, [(1, "a", "2026-11-28", "2026-11-28")])
    assert notes(path) == []


def test_text_in_some_of_the_files_is_told_with_one_of_each(tmp_path: Path) -> None:
    two = "SELECT 1 AS user_id, 'a' AS item_id"
    duckdb.sql(f"COPY ({two}, TIMESTAMP '2026-11-28' AS timestamp) TO '{tmp_path}/1.parquet'")
    duckdb.sql(f"COPY ({two}, TIMESTAMP '2026-11-29' AS timestamp) TO '{tmp_path}/2.parquet'")
    duckdb.sql(f"COPY ({two}, '2026-11-30' AS timestamp) TO '{tmp_path}/3.parquet'")
    assert notes(f"{tmp_path}/*.parquet") == [
        f"column 'timestamp' is TIMESTAMP in {tmp_path}/1.parquet and VARCHAR in {tmp_path}/3.parquet, not a "
        f"timestamp, date or epoch seconds: not used; {IN_FILES}"
    ]
