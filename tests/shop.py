"""A small shop with plain tastes: each household buys within one aisle, so the right lists are known."""

from __future__ import annotations

from pathlib import Path

import duckdb

AISLES = 4
ITEMS_PER_AISLE = 12
HOUSEHOLDS = 240


def make_shop(path: Path) -> Path:
    """shop.duckdb with `events` (text user ids, integer item ids, timestamps, weights) and `products` (names).

    Household h buys eight of the twelve products of aisle h mod 4, one a day; product i stands in aisle i mod 4.
    """
    with duckdb.connect(str(path)) as con:
        con.execute(
            f"""
            CREATE TABLE events AS
            SELECT 'house ' || h AS user_id,
                   (1000 + p * {AISLES} + h % {AISLES})::INTEGER AS item_id,
                   TIMESTAMP '2026-01-01' + to_days(((p * 7 + h) % {ITEMS_PER_AISLE})::INTEGER) AS timestamp,
                   1.0 + (h % 3) AS weight
            FROM range({HOUSEHOLDS}) AS households(h), range({ITEMS_PER_AISLE}) AS products(p)
            WHERE (p * 7 + h) % {ITEMS_PER_AISLE} < 8
            """
        )
        con.execute(
            f"""
            CREATE TABLE products AS
            SELECT (1000 + i)::INTEGER AS item_id, 'aisle ' || (i % {AISLES}) || ', product ' || i AS title
            FROM range({AISLES * ITEMS_PER_AISLE}) AS all_products(i)
            """
        )
    return path


def aisle_of_user(user_id: str) -> int:
    return int(user_id.split()[1]) % AISLES


def aisle_of_item(item_id: int) -> int:
    return (item_id - 1000) % AISLES
