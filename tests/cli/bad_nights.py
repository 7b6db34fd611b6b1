"""Bad input to jobs that run every night: places that get in each other's way, files that others write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from tests.cli.bad_case import Case, linked, parquet


def days(second: str, first: str = "SELECT 1 AS user_id, 'i1' AS item_id, TIMESTAMP '2026-11-01' AS timestamp",
         suffix: str = "parquet") -> Callable[[Path], object]:  # fmt: skip
    """Two files of events, day-1 and day-2."""

    def write(folder: Path) -> None:
        for number, select in enumerate((first, second), start=1):
            duckdb.sql(f"COPY ({select}) TO '{folder / f'day-{number}.{suffix}'}'")

    return write


ONE = "SELECT 2 AS user_id, 'i2' AS item_id"
DAYS = "score model 'day-*.parquet' --to lists.parquet"
IN_FILES = "cast it in the files or in a DuckDB table made of them"

NIGHTS = [
    # Files that another program writes.
    Case(
        DAYS,
        1,
        (
            "day-*.parquet: column 'timestamp' is TIMESTAMP in day-1.parquet and INTEGER in day-2.parquet",
            "write it alike into all of them, or narrow the glob to some",
        ),
        also=days(f"{ONE}, 1790000000 AS timestamp"),
    ),
    Case(
        f"{DAYS} --timestamp-column timestamp",
        1,
        ("column 'timestamp' is TIMESTAMP in day-1.parquet and VARCHAR in day-2.parquet; the timestamp", IN_FILES),
        also=days(f"{ONE}, '2026-11-02' AS timestamp"),
    ),
    Case(
        f"{DAYS} --weight-column weight",
        1,
        ("column 'weight' is DOUBLE in day-1.parquet and VARCHAR in day-2.parquet; the weight", IN_FILES),
        also=days(f"{ONE}, 'x' AS weight", f"{ONE}, 1.5::DOUBLE AS weight"),
    ),
    Case(
        "fit 'day-*.parquet' --out new",
        1,
        ("column 'timestamp' holds 1790000000000", "divide it in the files or in a DuckDB table made of them (milli"),
        also=days(f"{ONE}, 1790000000000 AS timestamp", f"{ONE}, 1790000000001 AS timestamp"),
    ),
    Case(
        f"{DAYS} --quiet",
        1,
        ("day-3.parquet: is a link to a file that is not there", "mend it"),
        also=linked("day-3.parquet", "nowhere.parquet"),
    ),
    Case(
        f"{DAYS} -k 3",
        1,
        ("day-last.parquet: is the same file as day-2.parquet", "count twice", "narrow the glob"),
        also=lambda folder: (days(ONE, ONE)(folder), linked("day-last.parquet", "day-2.parquet")(folder)),
    ),
    Case(
        "score model 'day-*.csv' --to lists.parquet",
        1,
        ("day-*.csv: cannot be read (day-2.csv: ", "Line: 3 ", "2,i"),
        files={
            "day-1.csv": "user_id,item_id,timestamp\n1,i1,2026-11-01\n",
            "day-2.csv": "user_id,item_id,timestamp\n1,i1,2026-11-02\n2,i",
        },
    ),
    Case(
        "score model 'day-*.csv' --to lists.parquet --quiet",
        1,
        ("day-2.csv: has no column 'user_id'", "It is empty"),
        files={"day-1.csv": "user_id,item_id\n1,i1\n", "day-2.csv": ""},
    ),
    Case(
        "score model odd.parquet --to lists.parquet",
        1,
        ("odd.parquet: column 'item_id' is DOUBLE", "--item-column", IN_FILES),
        also=parquet("odd.parquet", "SELECT 1 AS user_id, 2.5::DOUBLE AS item_id"),
    ),
    # Places in each other's way.
    Case("score model shop.duckdb --to old_parts/x.parquet", 1, ("old_parts/x.parquet", "another result", "outside")),
    Case("score model shop.duckdb --to old_parts/sub/x", 1, ("sub/x: is in", "/old_parts,", "another result")),
    Case("score model shop.duckdb --into old_parts/x.duckdb::lists", 1, ("x.duckdb", "another result", "outside")),
]
