"""Bad input to jobs that run every night: places that get in each other's way, files that others write."""

from __future__ import annotations

from tests.cli.bad_case import Case

NIGHTS = [
    Case("score model shop.duckdb --to old_parts/x.parquet", 1, ("old_parts/x.parquet", "another result", "outside")),
    Case("score model shop.duckdb --to old_parts/sub/x", 1, ("sub/x: is in", "/old_parts,", "another result")),
    Case("score model shop.duckdb --into old_parts/x.duckdb::lists", 1, ("x.duckdb", "another result", "outside")),
]
