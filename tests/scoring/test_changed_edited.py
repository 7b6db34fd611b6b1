"""--changed-only after somebody edited the result's table, or what stands beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.errors import TargetError
from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.summary import RunSummary
from selfrec.scoring.targets import parse_target
from tests.scoring.shops import next_item_model, read_rows, write_shop
from tests.scoring.test_changed import EVENTS, K2, counts, edit


@pytest.fixture
def shop(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.duckdb", EVENTS)
    return str(tmp_path / "shop.duckdb")


def rows_of(shop: str) -> list[tuple[Any, ...]]:
    return read_rows(Path(shop), "lists")


def run(model: Model, shop: str, **asked: Any) -> RunSummary:
    return score_table(model, shop, parse_target(shop, into="lists"), K2, ScoringRequest(changed_only=True, **asked))


@pytest.mark.parametrize("where", ["WHERE user_id = 'bob'", "WHERE user_id IN ('ann', 'bob')"])
def test_rows_of_users_whose_fingerprints_are_lost_are_not_doubled(model: Model, shop: str, where: str) -> None:
    run(model, shop)
    expected = rows_of(shop)
    edit(shop, f"DELETE FROM selfrec_fingerprints_lists {where}")
    assert run(model, shop).rows == len(expected)
    assert rows_of(shop) == expected


def test_a_run_in_the_fingerprints_that_is_no_name_means_everybody(model: Model, shop: str) -> None:
    run(model, shop)
    basis = '{"run_id": 1, "rows": 6, "settings": {}}'
    edit(shop, f"UPDATE selfrec_fingerprints_lists SET basis = '{basis}'")
    assert counts(run(model, shop)) == (3, 3, 0, 0)


@pytest.mark.parametrize(("column", "kind"), [("user_id", "BLOB"), ("item_id", "VARCHAR"), ("rank", "TINYINT")])
def test_columns_of_other_types_are_made_anew(model: Model, shop: str, column: str, kind: str) -> None:
    run(model, shop)
    expected = rows_of(shop)
    edit(shop, f"ALTER TABLE lists ALTER {column} TYPE {kind}")
    summary = run(model, shop)
    assert summary.notes == ("everybody was scored: the result was changed by something else since the last run",)
    assert rows_of(shop) == expected


def test_a_constraint_that_new_rows_break_says_what_to_do(model: Model, shop: str) -> None:
    run(model, shop)
    edit(
        shop,
        "CREATE TABLE people (user_id VARCHAR PRIMARY KEY)",
        "INSERT INTO people SELECT DISTINCT user_id FROM lists",
        "CREATE TABLE rows AS SELECT * FROM lists",
        "DROP TABLE lists",
        "CREATE TABLE lists (user_id VARCHAR REFERENCES people, rank INTEGER, item_id BIGINT, score FLOAT)",
        "INSERT INTO lists SELECT * FROM rows",
        "INSERT INTO interactions VALUES ('dan', 102, TIMESTAMP '2026-03-01')",
    )
    before = rows_of(shop)
    with pytest.raises(TargetError, match=r"a constraint .*dan.*; make them fit or drop the constraint, .* --resume"):
        run(model, shop)
    assert rows_of(shop) == before
    edit(shop, "INSERT INTO people VALUES ('dan')")
    summary = run(model, shop, resume=True)
    assert (counts(summary), summary.resumed_shards) == ((4, 1, 3, 0), 1)
    assert [row[0] for row in rows_of(shop)] == [name for name in ("ann", "bob", "cid", "dan") for _ in "12"]


def test_the_last_run_is_the_one_noted_last_whatever_the_clock_said(model: Model, shop: str) -> None:
    """A clock that was ahead and is set back: runs by the right time come before those by the wrong one."""
    run(model, shop)
    edit(shop, "UPDATE selfrec_runs SET started = TIMESTAMP '2099-01-01', finished = TIMESTAMP '2099-01-02'")
    edit(shop, "INSERT INTO interactions VALUES ('ann', 101, TIMESTAMP '2026-03-01')")
    second = run(model, shop)
    assert (counts(second), second.notes) == ((3, 1, 2, 0), ())
    third = run(model, shop)
    assert (counts(third), third.notes) == ((3, 0, 3, 0), ())


def test_a_model_of_more_items_is_no_other_list_of_items(model: Model, shop: str, tmp_path: Path) -> None:
    """What --deny and the like say of each item has another length then."""
    run(model, shop)
    grown = next_item_model(tmp_path / "grown", 8)
    assert run(grown, shop).notes == ("everybody was scored: changed since the last run: the model",)


@pytest.mark.parametrize("changed_only", [True, False])
def test_a_file_that_changed_while_it_was_read_is_told_and_read_anew(
    model: Model, shop: str, tmp_path: Path, changed_only: bool
) -> None:
    """Fingerprints are of the file as it was first, lists as it was then: where it changes back, they do not agree."""
    events, lists = tmp_path / "events.parquet", tmp_path / "lists.parquet"

    def write(where: str) -> None:
        duckdb.connect(shop, read_only=True).execute(
            f"COPY (FROM interactions WHERE {where}) TO '{tmp_path}/new' (FORMAT parquet)"
        )
        (tmp_path / "new").replace(events)

    def score(changes: bool) -> RunSummary:
        def tell(event: str, /, **_: Any) -> None:
            if changes and event == "users":
                write("user_id <> 'ann'")

        target = parse_target(str(events), to=str(lists))
        return score_table(model, str(events), target, K2, ScoringRequest(changed_only=changed_only), tell=tell)

    write("true")
    says = f"{events}: changed while it was read, so that lists may be of several states; run it again"
    assert score(changes=True).notes[-1] == says
    halfway = read_rows(lists)
    write("true")
    healed = score(changes=False)
    everybody = "everybody was scored: changed since the last run: the source, while it was read"
    assert (counts(healed), healed.notes) == ((3, 3, 0, 0), (everybody,) if changed_only else ())
    assert read_rows(lists) != halfway
    assert [row[:3] for row in read_rows(lists)[:2]] == [("ann", 1, 101), ("ann", 2, 104)]
