"""Times of every type and unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfrec.errors import ColumnError
from selfrec.settings.tables import SourceSettings
from selfrec.source.open import iso_time, open_source
from selfrec.source.stray_times import stray_times
from tests.source.tables import TWO, make_table, read


@pytest.mark.parametrize(
    ("sql_type", "value", "epoch"),
    [
        ("TIMESTAMP", "2020-01-01 00:00:01.5", 1577836801.5),
        ("TIMESTAMP_S", "2020-01-01 00:00:01", 1577836801.0),
        ("TIMESTAMP_MS", "2020-01-01 00:00:01.25", 1577836801.25),
        ("TIMESTAMP_NS", "2020-01-01 00:00:01.5", 1577836801.5),
        ("TIMESTAMPTZ", "2020-01-01 02:00:00+02", 1577836800.0),
        ("DATE", "2020-01-01", 1577836800.0),
        ("INTEGER", "7", 7.0),
        ("UBIGINT", "7", 7.0),
        ("HUGEINT", "-7", -7.0),
        ("DOUBLE", "7.5", 7.5),
        ("DECIMAL(18,3)", "7.5", 7.5),
        ("TIMESTAMP", "infinity", None),
        ("DATE", "-infinity", None),
        ("DOUBLE", "nan", None),
        ("DOUBLE", "-inf", None),
        ("DOUBLE", "1e300", None),
        ("TIMESTAMP", None, None),
    ],
)
def test_times(tmp_path: Path, sql_type: str, value: str | None, epoch: float | None) -> None:
    path = make_table(tmp_path / "shop.duckdb", {**TWO, "timestamp": sql_type}, [(1, "a", value)])
    assert read(path)[0][2] == epoch
    with open_source(path, SourceSettings()) as source:
        assert source.span.unknown_times == (epoch is None)
        assert (source.span.first, source.span.last) == (epoch, epoch)


def test_milliseconds_are_told_from_seconds(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", {**TWO, "timestamp": "BIGINT"}, [(1, "a", 1_600_000_000_000)])
    with open_source(path, SourceSettings()) as source, pytest.raises(ColumnError, match="milliseconds / 1000"):
        _ = source.span


@pytest.mark.parametrize("unit", [1e3, 1e6, 1e9])
@pytest.mark.parametrize("zeros", [0, 1])
def test_finer_units_are_told_from_seconds_beside_zeros(tmp_path: Path, unit: float, zeros: int) -> None:
    times = [0] * zeros + [int(1_600_000_000 * unit)] * 2
    path = make_table(
        tmp_path / "shop.duckdb", {**TWO, "timestamp": "BIGINT"}, [(n, "a", time) for n, time in enumerate(times)]
    )
    with open_source(path, SourceSettings()) as source, pytest.raises(ColumnError) as caught:
        _ = source.span
    assert f"holds {times[-1]} and the like in 2 of {len(times)} rows" in str(caught.value)
    name = {1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}[unit]
    assert str(caught.value).endswith(f"divide it in a view ({name} / {unit:.0f})")


def test_digits_of_dates_are_told_from_seconds(tmp_path: Path) -> None:
    """Unless they are few, or most are no dates: seconds may look like a date."""
    times = {"user_id": "INTEGER", "item_id": "INTEGER", "timestamp": "INTEGER"}
    make_table(tmp_path / "shop.duckdb", times, [(1, 1, 20251231), (1, 2, 20260131), (1, 3, 0)])
    with open_source(str(tmp_path / "shop.duckdb"), SourceSettings()) as source, pytest.raises(ColumnError) as caught:
        _ = source.span
    assert "column 'timestamp' holds 20251231 and the like in 2 of 3 rows, which is a date in digits" in str(
        caught.value
    )
    assert "strptime(timestamp::VARCHAR, '%Y%m%d')" in str(caught.value)
    make_table(
        tmp_path / "real.duckdb", times, [(1, 1, 20251231), (1, 2, 20251331), (1, 3, 20251232), (1, 4, 1767225600)]
    )
    with open_source(str(tmp_path / "real.duckdb"), SourceSettings()) as source:
        assert source.span.last == 1767225600


def test_a_few_mistakes_do_not_make_a_column_milliseconds(tmp_path: Path) -> None:
    rows = [(n, "a", 1_600_000_000) for n in range(3)] + [(9, "a", 1_600_000_000_000)]
    path = make_table(tmp_path / "shop.duckdb", {**TWO, "timestamp": "BIGINT"}, rows)
    with open_source(path, SourceSettings()) as source:
        assert source.span.first == 1_600_000_000


def test_milliseconds_among_seconds_are_told(tmp_path: Path) -> None:
    """They are too many to be strays, and too few to be the unit of the column."""
    rows = [(n, "a", 1_600_000_000 + n) for n in range(6)] + [(n, "b", 1_600_000_000_000) for n in range(4)]
    path = make_table(tmp_path / "shop.duckdb", {**TWO, "timestamp": "BIGINT"}, rows)
    with open_source(path, SourceSettings()) as source:
        assert stray_times(source) == (
            "4 rows up to 1600000000000 s, all others until 2020-09-13T12:26:45Z: mend or leave out wrong dates"
        )


def test_iso_time() -> None:
    assert iso_time(None) is None
    assert iso_time(-1.5) == "1969-12-31T23:59:58.500000Z"
    assert iso_time(8e12) == "8000000000000 s"
