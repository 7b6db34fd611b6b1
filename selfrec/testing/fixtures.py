"""Pytest fixtures for the tests of a plugin beyond the kit. A test module or a conftest.py asks for them in one line:

pytest_plugins = ["selfrec.testing.fixtures"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.host.records import PartRecord
from selfrec.testing.bench import ITEMS, USERS, Bench, Fitted


@pytest.fixture
def fit_part() -> Callable[..., Fitted]:
    """fit_part(record, beside=[...], width=8): the part trained on the checkerboard with these options.

    Its `part.module` is the module, its `losses` those of every epoch, its `recommender` the pipeline around it;
    `beside` holds the other face of a module with two.
    """

    def fit(record: PartRecord, *, beside: Iterable[PartRecord] = (), seed: int = 0, **options: Any) -> Fitted:
        return Bench(record, options, list(beside)).fit(seed)

    return fit


@pytest.fixture
def checkerboard_shop(tmp_path: Path) -> Path:
    """The checkerboard as a DuckDB file for `selfrec fit`: `interactions` with times, and `items` with columns.

    Users and items are numbered from 0; whoever has an even number likes even items. `items` has `title` (text),
    `price` (a number) and `embedding` (FLOAT[2]).
    """
    path = tmp_path / "checkerboard.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"""
            CREATE TABLE interactions AS
            SELECT u AS user_id, 2 * ((u // 2 * 3 + day) % {ITEMS // 2}) + u % 2 AS item_id,
                   TIMESTAMP '2026-01-01' + to_days(day::INTEGER) AS timestamp
            FROM range({USERS}) users(u), range(8) days(day)
            """
        )
        connection.execute(
            f"""
            CREATE TABLE items AS
            SELECT n AS item_id, CASE WHEN n % 2 = 0 THEN 'white' ELSE 'black' END || ' thing ' || n AS title,
                   1.0 + n % 7 AS price, [1.0 - 2 * (n % 2), n % 3]::FLOAT[] AS embedding
            FROM range({ITEMS}) numbers(n)
            """
        )
    return path
