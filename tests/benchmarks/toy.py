"""A data set of two tastes in the shape of a published split."""

from __future__ import annotations

from pathlib import Path

import duckdb

USERS = 60
ITEMS_PER_TASTE = 8


def write_toy(data: Path, folder: str = "toy") -> Path:
    """data/folder/interactions.parquet: user u likes six of the eight items of taste u mod 2, the first of them
    hidden for the test part. Items of taste 0 are 0..7, of taste 1 are 8..15.
    """
    path = data / folder / "interactions.parquet"
    path.parent.mkdir(parents=True)
    duckdb.sql(
        f"""
        COPY (
            SELECT u AS user_id, (u % 2) * {ITEMS_PER_TASTE} + (u // 2 + p) % {ITEMS_PER_TASTE} AS item_id,
                   CASE WHEN p = 0 THEN 'test' ELSE 'train' END AS split
            FROM range({USERS}) AS users(u), range(6) AS places(p))
        TO '{path}' (FORMAT parquet)"""
    )
    return path
