"""`selfrec evaluate` on a real model: figures, and what is said of a source that has changed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from tests.cli.conftest import USERS, Cli


def test_evaluate(cli: Cli, model: Path, shop: Path) -> None:
    ran = cli("evaluate", model, shop)
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == [
        "users",
        "metric",
        "model",
        "popularity",
        "difference",
        "95%",
        "interval",
    ]
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "Note:" not in ran.out
    values = json.loads(cli("evaluate", model, shop, "--json").out)
    assert values["users"] == USERS
    assert values["notes"] == []
    assert values["groups"][0]["name"] == "all users"


def test_evaluate_says_when_the_source_has_changed(cli: Cli, model: Path, shop: Path) -> None:
    with duckdb.connect(str(shop)) as connection:
        connection.execute("DELETE FROM interactions WHERE user_id = 0")
    ran = cli("evaluate", model, shop)
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("Note: the source has other rows than the one the model was fitted on")


def test_evaluate_says_which_columns_are_gone(cli: Cli, model: Path, shop: Path) -> None:
    with duckdb.connect(str(shop)) as connection:
        connection.execute("ALTER TABLE interactions DROP COLUMN timestamp")
    ran = cli("evaluate", model, shop)
    assert ran.code == 0
    told = " ".join(ran.out.split())
    assert "the model was fitted with times (column 'timestamp'), and the source has none" in told
    assert "what is held out is chosen by what there is, now by the split 'random'" in told


def test_evaluate_says_how_days_were_read(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    events, later = tmp_path / "events.csv", tmp_path / "later.csv"
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "COPY (SELECT user_id, item_id, strftime(timestamp, '%d/%m/%Y') AS timestamp FROM interactions) "
            f"TO '{events}'"
        )
    later.write_text("user_id,item_id,timestamp\n1,i0,01/02/2026\n")
    ran = cli("evaluate", model, events)
    assert "Note: column 'timestamp': times are taken for day/month/year" in " ".join(ran.out.split())
    notes = json.loads(cli("evaluate", model, events, "--test", later, "--json").out)["notes"]
    assert [note.partition(": times are taken for day/month/year")[0] for note in notes] == [
        f"{name}: column 'timestamp'" for name in (events, later)
    ]


def test_evaluate_rows_that_are_given_apart(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.parquet"
    with duckdb.connect(str(shop)) as connection:
        # User 1 is to be given i0, which no list of odd items holds before its end; user 2 something unknown.
        connection.execute(
            "COPY (SELECT * FROM (VALUES (1::BIGINT, 'i0', TIMESTAMP '2026-02-01'), "
            f"(2, 'new', TIMESTAMP '2026-02-01')) t(user_id, item_id, timestamp)) TO '{hidden}'"
        )
    values = json.loads(cli("evaluate", model, shop, "--test", hidden, "--json").out)
    assert (values["users"], values["hidden_items"], values["hidden_outside_catalog"]) == (2, 2, 1)
    assert [note[:61] for note in values["notes"]] == ["1 of 2 hidden items are not in the model's catalog, for they "]
    with duckdb.connect(str(shop)) as connection:
        connection.execute(f"CREATE TABLE later AS FROM read_parquet('{hidden}')")
    assert json.loads(cli("evaluate", model, shop, "--test", f"{shop}::later", "--json").out) == values
    ran = cli("evaluate", model, shop, "--test", tmp_path / "none.parquet")
    assert ran.code == 1
    assert "none.parquet" in ran.err
