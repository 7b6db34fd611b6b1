"""A model with a known right answer, and shops to score with it.

Who has item i should buy item i + 1 next: E is the identity and D[j] = E[j - 1], so a history's score for item j is
the weight of item j - 1 in it, divided by the history's length (2-norm). A cold user's scores are all 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.synthetic import one_product_graph, write_model_folder
from selfrec.model_folder.reading import Model, open_model
from selfrec.settings.tables import Config


def next_item_model(
    folder: Path, n_items: int = 6, top_k: int = 4, *, blocks: bool = False, item_ids: Any = None, **more: Any
) -> Model:
    """Item ids 100, 101, ... by default."""
    encoder = np.eye(n_items, dtype=np.float32)
    graph = one_product_graph(encoder, np.roll(encoder, 1, axis=0), top_k, blocks=blocks)
    ids = pa.array(range(100, 100 + n_items), pa.int64()) if item_ids is None else item_ids
    config = more.pop("config", Config())
    write_model_folder(folder, graph, n_items=n_items, top_k=top_k, item_ids=ids, config=config, **more)
    return open_model(folder)


def write_shop(path: Path, rows: list[tuple[Any, Any]], user_type: str = "VARCHAR", item_type: str = "BIGINT") -> None:
    """Events (user, item) in the order of time, one a minute."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE interactions (user_id {user_type}, item_id {item_type}, timestamp TIMESTAMP)")
        # One statement: an INSERT a row is slow in a column store.
        flat = [value for row in rows for value in row]
        values = ", ".join(f"(?, ?, TIMESTAMP '2026-01-01' + to_minutes({at}))" for at in range(len(rows)))
        if rows:
            connection.execute(f"INSERT INTO interactions VALUES {values}", flat)


def write_many(path: Path, users: int) -> None:
    """Users `user 0`, `user 1`, ... with one event each: items 100 to 106 in turn, of which 106 is in no catalog."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT 'user ' || number AS user_id, 100 + number % 7 AS item_id, "
            f"TIMESTAMP '2026-01-01' + to_minutes(number) AS timestamp FROM range({users}) numbers(number)"
        )


def read_rows(place: Path, table: str | None = None) -> list[tuple[Any, ...]]:
    """The rows of a result, by user and rank."""
    with duckdb.connect(str(place), read_only=True) if table else duckdb.connect() as connection:
        source = table or f"'{place}/*.parquet'" if place.is_dir() or table else f"'{place}'"
        return connection.execute(f"SELECT * FROM {source} ORDER BY user_id, rank").fetchall()


def leftovers(folder: Path) -> list[str]:
    """Hidden names in a folder: staging folders, partial files."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
