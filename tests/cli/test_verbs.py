"""explain, similar and audience as commands and as verbs, on a fitted model: even users like even items."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

import selfrec
from selfrec.errors import SettingsError
from tests.cli.conftest import ITEMS, USERS, Cli
from tests.program import Ran
from tests.scoring.shops import next_item_model, write_shop


def test_similar(cli: Cli, model: Path) -> None:
    ran = cli("similar", model, "i4", "-k", "5", "--json")
    assert ran.code == 0
    items = json.loads(ran.out)["items"]
    assert [item["rank"] for item in items] == [1, 2, 3, 4, 5]
    assert "i4" not in [item["item_id"] for item in items]
    assert items == [line._asdict() for line in selfrec.load(model).similar("i4", 5)]
    shown = cli("similar", model, "i4", "-k", "2").out.splitlines()
    assert shown[0].split() == ["rank", "item_id", "name", "score"]
    assert len(shown) == 3
    wrong = cli("similar", model, "i400")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith("Error: item 'i400' is not in the catalog of model")


def test_a_length_is_given_or_refused(cli: Cli, tmp_path: Path) -> None:
    """Where none is asked for, a model of short lists gives what it has."""
    model, shop = next_item_model(tmp_path / "model", top_k=4).path, tmp_path / "shop.duckdb"
    write_shop(shop, [("ann", 100)])
    for call in (
        ("recommend", model, "--history", "100", "--repeats"),
        ("similar", model, "100"),
        ("explain", model, shop, "--user", "ann", "--repeats"),
    ):
        assert len(json.loads(cli(*call, "--json").out)["items"]) == 4
        assert len(json.loads(cli(*call, "--json", "-k", 3).out)["items"]) == 3
        for k, more in ((5, "fit with -o pipeline.top_k=5"), (7, "fit with more items (the catalog has only 6 items)")):
            said = f"Error: k = {k}, but the model {str(model)!r} gives lists of at most 4; ask for fewer or {more}\n"
            assert cli(*call, "-k", k) == Ran(2, "", said)


def test_explain(cli: Cli, model: Path, shop: Path) -> None:
    ran = cli("explain", model, shop, "--user", "7", "-k", "4", "--most", "2", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert (told["user"], told["history"], len(told["items"])) == (7, 8, 4)
    seen = {f"i{2 * ((7 // 2 * 3 + day) % 10) + 1}" for day in range(8)}
    for item in told["items"]:
        assert item["item_id"] not in seen
        assert len(item["because"]) <= 2
        assert {cause["item_id"] for cause in item["because"]} <= seen
        assert all(cause["drop"] > 0 for cause in item["because"])
    assert any(item["because"] for item in told["items"])
    shown = cli("explain", model, shop, "--user", "7", "-k", "4")
    assert shown.out.splitlines()[0].split() == ["rank", "item_id", "name", "score", "because"]
    assert "Product " in shown.out.splitlines()[1]
    found = selfrec.load(model).explain(shop, 7, 4, most=2)
    assert [one.as_dict() for one in found.items] == told["items"]


def test_explain_shows_names_where_items_have_any(cli: Cli, tmp_path: Path) -> None:
    next_item_model(tmp_path / "model", 6, 4)
    write_shop(tmp_path / "shop.duckdb", [("ann", 100)])
    shown = cli("explain", tmp_path / "model", tmp_path / "shop.duckdb", "--user", "ann", "-k", 1).out.splitlines()
    assert [line.split() for line in shown] == [
        ["rank", "item_id", "score", "because"],
        ["1", "101", "1.0000", "100", "(-1.0000)"],
    ]


def test_a_list_without_a_line_is_said_in_words(cli: Cli, tmp_path: Path) -> None:
    model, shop = next_item_model(tmp_path / "model", 3, 2).path, tmp_path / "shop.duckdb"
    write_shop(shop, [("ann", 100), ("ann", 101), ("ann", 102)])
    said = "every item of the catalog is in this history: none is left to recommend\n"
    assert cli("recommend", model, "--history", "100,101,102") == Ran(0, "", said)
    assert cli("explain", model, shop, "--user", "ann") == Ran(0, "", said)
    nobody = cli("audience", model, shop, "--item", "101")
    assert nobody == Ran(0, "", "nobody is left: of 1 user, 1 had it already and 0 had no history\n")


def test_explain_somebody_unknown(cli: Cli, model: Path, shop: Path) -> None:
    """Who is not there at all is told from who has nothing that the catalog has: the one may be a slip of the pen."""
    with duckdb.connect(str(shop)) as connection:
        connection.execute("INSERT INTO interactions VALUES (4712, 'other', TIMESTAMP '2026-01-09')")
    popular = f"in {shop}: these are the most popular items\n"
    for user, known, says in (("4711", False, "has no row"), ("4712", True, "has no item of the catalog")):
        ran = cli("explain", model, shop, "--user", user, "-k", "2", "--json")
        told = json.loads(ran.out)
        assert (ran.code, told["known"], told["history"]) == (0, known, 0)
        assert cli("explain", model, shop, "--user", user, "-k", "2").err == f"user '{user}' {says} {popular}"
    assert json.loads(cli("explain", model, shop, "--user", "7", "--json").out)["known"] is True
    wrong = cli("explain", model, shop, "--user", "ann")
    assert (wrong.code, wrong.out) == (1, "")
    assert len(wrong.err.splitlines()) == 1


def test_audience(cli: Cli, model: Path, shop: Path) -> None:
    ran = cli("audience", model, shop, "--item", "i3", "-k", "4", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert [one["rank"] for one in told["users"]] == [1, 2, 3, 4]
    assert (told["asked"], told["cold"]) == (USERS, 0)
    # Of the 30 odd users, 8 in 10 have any odd item.
    assert told["seen"] == sum(u % 2 == 1 and (1 - u // 2 * 3) % 10 < 8 for u in range(USERS))
    scores = [one["score"] for one in told["users"]]
    assert scores == sorted(scores, reverse=True)
    found = selfrec.load(model).audience(shop, "i3", 4)
    assert [one._asdict() for one in found.users] == told["users"]
    shown = cli("audience", model, shop, "--item", "i3", "-k", "2").out.splitlines()
    assert shown[0].split() == ["rank", "user_id", "score"]
    assert len(shown) == 3
    with pytest.raises(SettingsError, match="not in the catalog"):
        selfrec.load(model).audience(shop, f"i{ITEMS}")
    assert cli("audience", model, shop, "--item", f"i{ITEMS}").code == 2


def test_what_was_guessed_of_a_source_is_told(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    events, bare = tmp_path / "events.csv", tmp_path / "bare.parquet"
    with duckdb.connect(str(shop)) as connection:
        columns = "user_id, item_id, strftime(timestamp, '%d/%m/%Y') AS timestamp"
        connection.execute(f"COPY (SELECT {columns} FROM interactions) TO '{events}'")
        connection.execute(f"COPY (SELECT user_id, item_id FROM interactions) TO '{bare}'")
    for command in (("explain", "--user", "7"), ("audience", "--item", "i3", "-k", "3")):
        for source, says in (
            (events, "column 'timestamp': times are taken for day/month/year"),
            (bare, "the model was fitted with times (column 'timestamp'), and the source has none"),
        ):
            call = (command[0], model, source, *command[1:])
            assert f"Note: {says}" in " ".join(cli(*call).out.split())
            [note] = json.loads(cli(*call, "--json").out)["notes"]
            assert note.startswith(says)
        call = (command[0], model, shop, *command[1:])
        assert "Note" not in cli(*call).out
        assert json.loads(cli(*call, "--json").out)["notes"] == []
    assert selfrec.load(model).explain(bare, 7).notes == selfrec.load(model).audience(bare, "i3").notes != ()


def test_nobody_is_explained_for_somebody_near(cli: Cli, model: Path, shop: Path) -> None:
    told = cli("explain", model, shop, "--user", " 007", "-k", "4", "--json")
    assert (
        json.loads(told.out)["items"]
        == json.loads(cli("explain", model, shop, "--user", "7", "-k", "4", "--json").out)["items"]
    )
    for user in ("6.6", "7e0", "0x7"):
        wrong = cli("explain", model, shop, "--user", user)
        assert (wrong.code, wrong.out) == (1, "")
        assert wrong.err.endswith(f"user '{user}' is no BIGINT, as its users are; check --user\n")
