"""Files that change, or go, while a job reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.errors import SourceError
from selfrec.settings.tables import Config
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader
from tests.source.tables import DAY
from tests.source.test_reading import ABC, rows

EVENTS = [(1, "a", 10 * DAY), (1, "b", 12 * DAY), (2, "c", 11 * DAY)]


def write(path: Path, events: list[tuple[Any, ...]], unit: str = "BIGINT") -> None:
    """The events, with times in seconds of this SQL type, as another file in the place of an earlier one."""
    listed = ", ".join(str(event) for event in events).replace("None", "NULL")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT user_id, item_id, timestamp::{unit} AS timestamp "
            f"FROM (VALUES {listed}) AS events(user_id, item_id, timestamp)) TO '{path}.new' (FORMAT parquet)"
        )
    Path(f"{path}.new").replace(path)


def read_changed(path: Path, before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], unit: str) -> dict[Any, Any]:
    """What is read where the file changes once its times are known."""
    write(path, before, unit)
    with open_source(str(path), Config().source) as source:
        reader = HistoryReader(source, Config(), ABC)
        assert reader.users == 2
        write(path, after, unit)
        return rows(reader.read(0))


@pytest.mark.parametrize("fraction", [0, 0.5])
def test_an_event_older_than_the_oldest_has_an_unknown_time(tmp_path: Path, fraction: float) -> None:
    """Also where times are read to the microsecond, in wider numbers: a time below 0 would be another user's."""
    before = [(user, item, time + fraction) for user, item, time in EVENTS]
    found = read_changed(tmp_path / "events.parquet", before, [*before, (2, "a", 0), (1, "c", None)], "DOUBLE")
    assert found == {1: [(2, 1, 0), (0, 1, 2), (1, 1, 0)], 2: [(0, 1, 0), (2, 1, 1)]}


def test_an_event_of_another_century_has_an_unknown_time(tmp_path: Path) -> None:
    found = read_changed(tmp_path / "events.parquet", EVENTS, [*EVENTS, (2, "a", 200 * 365 * DAY)], "BIGINT")
    assert found == {1: [(0, 1, 2), (1, 1, 0)], 2: [(0, 1, 0), (2, 1, 1)]}


@pytest.mark.parametrize("days", ["day-*.parquet", "day-1.parquet"])
def test_a_file_that_goes_is_named(tmp_path: Path, days: str) -> None:
    path = tmp_path / "day-1.parquet"
    write(path, EVENTS)
    with open_source(str(tmp_path / days), Config().source) as source:
        reader = HistoryReader(source, Config(), ABC)
        path.unlink()
        with pytest.raises(SourceError) as caught:
            reader.read(0)
    assert (
        str(caught.value)
        == f"{tmp_path / days}: {path} is not there, or not any more; check the path, and run it again"
    )
