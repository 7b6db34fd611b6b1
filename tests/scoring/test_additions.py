"""What somebody added to a result table stands on the one that takes its place, or the run says what is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.errors import TargetError
from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
from tests.scoring.shops import read_rows, write_shop

K2 = ScoringSettings(k=2)
NAME = 'my "lists"'
QUOTED = '"my ""lists"""'


@pytest.fixture
def shop(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.duckdb", [("ann", 100), ("bob", 104)])
    return str(tmp_path / "shop.duckdb")


def run(shop: str, *statements: str) -> None:
    with duckdb.connect(shop) as connection:
        for statement in statements:
            connection.execute(statement)


def stands(shop: str) -> list[list[tuple[Any, ...]]]:
    """Comments, constraints and indexes of the result."""
    with duckdb.connect(shop, read_only=True) as connection:
        return [
            connection.execute(f"{sql} ORDER BY ALL").fetchall()
            for sql in (
                f"SELECT comment FROM duckdb_tables() WHERE table_name = '{NAME}'",
                f"SELECT column_name, comment FROM duckdb_columns() WHERE table_name = '{NAME}'",
                f"SELECT constraint_text FROM duckdb_constraints() WHERE table_name = '{NAME}'",
                f"SELECT index_name, is_unique, sql, comment FROM duckdb_indexes() WHERE table_name = '{NAME}'",
            )
        ]


@pytest.mark.parametrize("changed_only", [False, True])
def test_comments_keys_and_indexes_are_carried_over(model: Model, shop: str, changed_only: bool) -> None:
    target = parse_target(shop, into=NAME)
    score_table(model, shop, target, K2)
    run(
        shop,
        f"COMMENT ON TABLE {QUOTED} IS 'it''s ours'",
        f"COMMENT ON COLUMN {QUOTED}.score IS 'higher is better'",
        f"ALTER TABLE {QUOTED} ALTER COLUMN score SET NOT NULL",
        f"ALTER TABLE {QUOTED} ADD PRIMARY KEY (user_id, rank)",
        f"ALTER TABLE {QUOTED} ADD UNIQUE (user_id, item_id)",
        f'CREATE INDEX "by item" ON {QUOTED} (item_id, (rank + 1))',
        f"CREATE UNIQUE INDEX once ON {QUOTED} (user_id, rank)",
        "COMMENT ON INDEX once IS 'one a place'",
    )
    before, rows = stands(shop), read_rows(Path(shop), QUOTED)
    assert [len(found) for found in before] == [1, 4, 5, 2]
    for _ in range(2):
        summary = score_table(model, shop, target, K2, ScoringRequest(changed_only=changed_only))
        assert [note for note in summary.notes if "dropped" in note] == []
        assert stands(shop) == before
        assert read_rows(Path(shop), QUOTED) == rows
    with pytest.raises(duckdb.ConstraintException):
        run(shop, f"INSERT INTO {QUOTED} VALUES ('ann', 1, 100, 0)")


def test_what_cannot_be_carried_over_is_told_and_the_result_stands(model: Model, shop: str) -> None:
    run(
        shop,
        f"CREATE TABLE {QUOTED} (user_id VARCHAR, rank INTEGER, item_id BIGINT, score FLOAT, CHECK (rank < 9))",
        f"CREATE UNIQUE INDEX one_each ON {QUOTED} (user_id)",
        f"CREATE INDEX by_item ON {QUOTED} (item_id)",
    )
    told: list[str] = []
    target = parse_target(shop, into=NAME)
    summary = score_table(
        model,
        shop,
        target,
        K2,
        tell=lambda event, /, **more: told.append(more["text"] if event == "warning" else event),
    )
    first, second = summary.notes
    assert first == f"{target.name}: CHECK((rank < 9)) was dropped with the old rows; DuckDB cannot add it again"
    assert second.startswith(f"{target.name}: the index 'one_each' was dropped with the old rows and cannot be made")
    assert second.endswith(f"; to try it yourself: CREATE UNIQUE INDEX one_each ON {QUOTED}(user_id)")
    assert told == ["users", "shard", "written", first, second]
    assert [row[:3] for row in read_rows(Path(shop), QUOTED)] == [
        ("ann", 1, 101), ("ann", 2, 102), ("bob", 1, 105), ("bob", 2, 100),
    ]  # fmt: skip
    assert [name for name, *_ in stands(shop)[3]] == ["by_item"]
    assert score_table(model, shop, target, K2).notes == ()


def test_a_foreign_key_is_found_before_the_work_and_after_it(model: Model, shop: str, tmp_path: Path) -> None:
    other = str(tmp_path / "other.duckdb")
    target = parse_target(shop, into=f"{other}::lists")
    score_table(model, shop, target, K2)
    before = read_rows(Path(other), "lists")
    # A table of another schema that is called the same may have what keys it likes.
    run(other, "CREATE SCHEMA apart; CREATE TABLE apart.lists (a INTEGER PRIMARY KEY)")
    run(other, "CREATE TABLE apart.clicks (a INTEGER REFERENCES apart.lists (a))")
    run(other, "ALTER TABLE lists ADD PRIMARY KEY (user_id, rank)")

    def refer(done: int, total: int) -> None:
        if done == total:
            run(
                other,
                "CREATE TABLE clicks (user_id VARCHAR, rank INTEGER, FOREIGN KEY (user_id, rank) REFERENCES lists)",
            )

    with pytest.raises(TargetError, match=r"::lists: a foreign key of table 'clicks' refers to it"):
        score_table(model, shop, target, ScoringSettings(k=1), progress=refer)
    calls: list[int] = []
    with pytest.raises(TargetError, match=r"make 'clicks' without that key, or choose another table"):
        score_table(model, shop, target, K2, progress=lambda done, total: calls.append(done))
    assert calls == []
    assert read_rows(Path(other), "lists") == before


def test_columns_of_ones_own_in_the_table_of_runs(model: Model, shop: str) -> None:
    target = parse_target(shop, into="lists")
    score_table(model, shop, target, K2)
    run(shop, "ALTER TABLE selfrec_runs ADD COLUMN note VARCHAR", "ALTER TABLE selfrec_runs DROP COLUMN kept")
    score_table(model, shop, target, K2)
    with duckdb.connect(shop, read_only=True) as connection:
        assert connection.execute("SELECT note, kept FROM selfrec_runs ORDER BY finished").fetchall() == [
            (None, None),
            (None, 0),
        ]
