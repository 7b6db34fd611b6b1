"""Small real sources for these tests: DuckDB, Parquet and CSV files made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from selfrec.errors import SourceError
from selfrec.histories import Histories
from selfrec.settings.tables import Config, SourceSettings
from selfrec.source.dataset import Dataset
from selfrec.source.open import Source, open_source

DAY = 86_400
TWO = {"user_id": "INTEGER", "item_id": "VARCHAR"}


def make_table(
    path: Path, columns: dict[str, str], rows: Sequence[tuple[Any, ...]], table: str = "interactions"
) -> str:
    """A DuckDB file with one more table of these columns (name -> SQL type) and rows; its path."""
    quoted = '"' + table.replace('"', '""') + '"'
    listed = ", ".join('"' + name.replace('"', '""') + f'" {sql_type}' for name, sql_type in columns.items())
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE OR REPLACE TABLE {quoted} ({listed})")
        # As text, which DuckDB casts to the column's type; row by row inserts are slow.
        values = [[None if row[at] is None else str(row[at]) for row in rows] for at in range(len(columns))]
        texts = pa.table({f"c{at}": pa.array(column, pa.string()) for at, column in enumerate(values)})
        connection.register("texts", texts)
        connection.execute(f"INSERT INTO {quoted} SELECT * FROM texts")
    return str(path)


def loose(**tables: Any) -> Config:
    """A configuration whose cleaning drops nothing unless asked to."""
    cleaning = {"min_users_per_item": 1, "min_items_per_user": 1, "max_events_robust": None}
    tables["cleaning"] = cleaning | tables.get("cleaning", {})
    return Config(**tables)


def lists(histories: Histories) -> list[list[int]]:
    """Item numbers, one list a user."""
    return [
        histories.items[start:end].tolist()
        for start, end in zip(histories.offsets[:-1], histories.offsets[1:], strict=True)
    ]


def ids(dataset: Dataset, histories: Histories) -> list[list[Any]]:
    """Item ids, one list a user; None outside the catalog."""
    names = [*dataset.catalog.item_ids.to_pylist(), None]
    return [[names[number] for number in row] for row in lists(histories)]


def lines(dataset: Dataset) -> dict[str, tuple[int, int, str]]:
    """The report by rule."""
    return {line.rule: (line.rows_before, line.rows_dropped, line.note) for line in dataset.report}


def rows(source: Source) -> list[tuple[Any, ...]]:
    """What a source has, in order."""
    return source.connection.execute(f"FROM {source.relation_sql} ORDER BY ALL").fetchall()


def read(path: str | Path, **settings: Any) -> list[tuple[Any, ...]]:
    """What a source has that is opened with these settings."""
    with open_source(str(path), SourceSettings(**settings), threads=1) as source:
        return rows(source)


def error(path: str | Path, **settings: Any) -> str:
    """The one line with which opening or reading it fails."""
    with pytest.raises(SourceError) as caught, open_source(str(path), SourceSettings(**settings)) as source:
        rows(source)
    text = str(caught.value)
    assert "\n" not in text
    return text
