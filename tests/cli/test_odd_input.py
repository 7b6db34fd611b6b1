"""Input that looks wrong and is right: exact results through the real commands, each row of every id as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.cli.conftest import QUICK, Cli
from tests.scoring.shops import next_item_model, read_rows
from tests.scoring.shops import write_shop as write_events

IDS = [
    "",
    " ",
    "NULL",
    "007",
    "o'brien",
    'say "hi"; DROP TABLE interactions; --',
    "two\nlines\r\nand a\ttab",
    "back\\slash, comma; semicolon",
    "🦆 naïve 日本語 \u202eright-to-left",
    "e\u0301",
    "é",
    "%s {0} $1 ?",
    "x" * 10_240,
    "y\U0001f600" * 2_560,
]
"""Names a user or an item may have."""


def write(
    path: Path, rows: Sequence[tuple[object, object, object]], types: str = "VARCHAR, VARCHAR, TIMESTAMP"
) -> Path:
    """A shop of (user, item, time)."""
    user, item, time = types.split(", ")
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE interactions (user_id {user}, item_id {item}, timestamp {time})")
        flat = [value for row in rows for value in row]
        connection.execute(f"INSERT INTO interactions VALUES {', '.join(['(?, ?, ?)'] * len(rows))}", flat)
    return path


@pytest.mark.parametrize("target", ["table", "file", "folder"])
def test_any_text_is_an_id(cli: Cli, tmp_path: Path, target: str) -> None:
    """User n has item n, so the best item for it is item n + 1."""
    next_item_model(tmp_path / "model", len(IDS), 3, item_ids=pa.array(IDS), item_type="VARCHAR")
    shop = write(tmp_path / "shop.duckdb", [(one, one, "2026-01-01") for one in IDS])
    table = 'lists"; DROP TABLE interactions; -- 🦆'
    place = {"table": table, "file": str(tmp_path / "l.parquet"), "folder": str(tmp_path / "l")}[target]
    ran = cli("score", tmp_path / "model", shop, "--into" if target == "table" else "--to", place, "-k", "1")
    assert ran.code == 0, ran.err
    quoted = '"' + table.replace('"', '""') + '"'
    rows = read_rows(shop, quoted) if target == "table" else read_rows(Path(place))
    # The last item's follower would be the first.
    following = dict(zip(IDS, [*IDS[1:], IDS[0]], strict=True))
    assert {(user, rank, item) for user, rank, item, _ in rows} == {(one, 1, following[one]) for one in IDS}
    assert len(rows) == len(IDS)
    with duckdb.connect(str(shop)) as connection:
        assert connection.execute("SELECT count(*) FROM interactions").fetchall() == [(len(IDS),)]


def test_any_text_is_denied_and_listed(cli: Cli, tmp_path: Path) -> None:
    next_item_model(tmp_path / "model", len(IDS), 3, item_ids=pa.array(IDS), item_type="VARCHAR")
    shop = write(tmp_path / "shop.duckdb", [(one, one, "2026-01-01") for one in IDS])
    with duckdb.connect(str(shop)) as connection:
        connection.execute("CREATE TABLE \"de'ny\" AS SELECT item_id FROM interactions WHERE item_id LIKE '%hi%'")
        connection.execute("CREATE TABLE \"us;ers\" AS SELECT user_id FROM interactions WHERE user_id = 'o''brien'")
    ran = cli("score", tmp_path / "model", shop, "--into", "lists", "-k", "1", "--deny", "de'ny", "--users", "us;ers")
    assert ran.code == 0, ran.err
    [(user, rank, item, _)] = read_rows(shop, "lists")
    assert (user, rank) == ("o'brien", 1)
    assert item != IDS[5]


@pytest.mark.parametrize(
    "times",
    [
        ["1970-01-01", "9999-12-31 23:59:59"],
        ["0001-01-01", "2026-01-01"],
        ["-infinity", "infinity"],
        [None, "2026-01-01"],
        [None, None],
    ],
    ids=str,
)
def test_times_at_the_ends_of_the_calendar(cli: Cli, tmp_path: Path, times: list[str | None]) -> None:
    """The list does not depend on them; ages of the oldest history items are finite, or scores would not be."""
    next_item_model(tmp_path / "model", 6, 4)
    shop = write(tmp_path / "shop.duckdb", [("u", 100, times[0]), ("u", 102, times[1])], "VARCHAR, BIGINT, TIMESTAMP")
    ran = cli("score", tmp_path / "model", shop, "--into", "lists", "-k", "2")
    assert ran.code == 0, ran.err
    assert [row[:3] for row in read_rows(shop, "lists")] == [("u", 1, 101), ("u", 2, 103)]


def test_epoch_seconds_of_zero_and_of_the_year_9999(cli: Cli, tmp_path: Path) -> None:
    next_item_model(tmp_path / "model", 6, 4)
    shop = write(
        tmp_path / "shop.duckdb", [(1, 100, 0), (1, 102, 253_402_300_799), (2, 105, 0)], "BIGINT, BIGINT, BIGINT"
    )
    ran = cli("score", tmp_path / "model", shop, "--into", "lists", "-k", "1")
    assert ran.code == 0, ran.err
    assert [row[:3] for row in read_rows(shop, "lists")] == [(1, 1, 101), (2, 1, 100)]


def test_rows_that_stand_there_twice_change_no_list(cli: Cli, tmp_path: Path) -> None:
    next_item_model(tmp_path / "model", 6, 4)
    rows = [(user, 100 + (user + at) % 6, f"2026-01-0{at + 1}") for user in range(6) for at in range(2)]
    found = []
    for copies in (1, 3):
        folder = tmp_path / str(copies)
        folder.mkdir()
        shop = write(folder / "shop.duckdb", rows * copies, "BIGINT, BIGINT, TIMESTAMP")
        assert cli("score", tmp_path / "model", shop, "--into", "lists", "-k", "4").code == 0
        found.append(read_rows(shop, "lists"))
    assert [row[:3] for row in found[0]] == [row[:3] for row in found[1]]
    assert len(found[0]) == 24


def test_one_user_and_one_of_a_million_events(cli: Cli, tmp_path: Path) -> None:
    next_item_model(tmp_path / "model", 6, 4)
    shop = write(tmp_path / "shop.duckdb", [("one", 103, "2026-01-01")], "VARCHAR, BIGINT, TIMESTAMP")
    assert cli("score", tmp_path / "model", shop, "--into", "lists").code == 0
    rows = read_rows(shop, "lists")
    assert rows[0] == ("one", 1, 104, 1.0)
    assert sorted(row[2] for row in rows) == [100, 101, 102, 104]
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "INSERT INTO interactions SELECT 'busy', 100 + i % 2, TIMESTAMP '2026-01-01' + to_seconds(i) "
            "FROM range(1_000_000) t(i)"
        )
    ran = cli("score", tmp_path / "model", shop, "--into", "lists", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["users"] == 2
    both = read_rows(shop, "lists")
    assert both[4:] == rows
    # Both of its items weigh the same; the follower of the first is the second, which it has.
    assert [row[:3] for row in both[:1]] == [("busy", 1, 102)]
    assert both[0][3] == pytest.approx(0.5**0.5, rel=1e-6)


def test_a_fit_with_a_user_of_a_million_events(cli: Cli, shop: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "INSERT INTO interactions SELECT -1, 'i' || i % 20, TIMESTAMP '2026-01-01' + to_seconds(i) "
            "FROM range(1_000_000) t(i)"
        )
    ran = cli("fit", shop, "--out", tmp_path / "model", *QUICK)
    assert ran.code == 0, ran.err
    bots = next(line for line in ran.out.splitlines() if line.startswith("bots"))
    assert "1,000,000" in bots
    assert "1 user" in bots


def test_everything_denied_is_an_empty_result(cli: Cli, model: Path, shop: Path, tmp_path: Path) -> None:
    deny = tmp_path / "deny.txt"
    deny.write_text("".join(f"i{n}\n" for n in range(20)) + "unknown\n")
    ran = cli("score", model, shop, "--into", "lists", "--deny", deny, "--json")
    assert ran.code == 0, ran.err
    summary = json.loads(ran.out)
    assert (summary["users"], summary["rows"], summary["unknown_items"]) == (60, 0, {"deny": 1})
    assert read_rows(shop, "lists") == []


def test_weights_that_are_no_preference_are_seen_and_no_history(cli: Cli, tmp_path: Path) -> None:
    """nan, infinite, negative and zero weights: the item is never recommended and steers nothing."""
    next_item_model(tmp_path / "model", 6, 4)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT * FROM (VALUES (1, 100, 1e300), (2, 100, 'nan'::DOUBLE), "
            "(3, 100, 'inf'::DOUBLE), (4, 100, -1.0), (5, 100, 0.0), (6, 100, NULL)) t(user_id, item_id, weight)"
        )
    assert cli("score", tmp_path / "model", tmp_path / "shop.duckdb", "--into", "lists").code == 0
    rows = read_rows(tmp_path / "shop.duckdb", "lists")
    assert all(item != 100 for _, _, item, _ in rows)
    best = {user: (item, score) for user, rank, item, score in rows if rank == 1}
    assert best[1] == best[6] == (101, 1.0)
    assert [best[user][1] for user in (2, 3, 4, 5)] == [0, 0, 0, 0]
    assert len(rows) == 24


def test_weights_of_any_size_can_be_learnt_from(cli: Cli, shop: Path, tmp_path: Path) -> None:
    """Their squares would be infinite as float32, and so the loss."""
    with duckdb.connect(str(shop)) as connection:
        connection.execute("ALTER TABLE interactions ADD COLUMN weight DOUBLE")
        connection.execute("UPDATE interactions SET weight = CASE user_id % 3 WHEN 0 THEN 1e-300 ELSE 1e300 END")
    ran = cli("fit", shop, "--out", tmp_path / "model", *QUICK, "-o", "cleaning.fold=sum")
    assert ran.code == 0, ran.err
    assert cli("score", tmp_path / "model", shop, "--to", tmp_path / "lists.parquet", "-k", "2").code == 0
    found = duckdb.execute(f"SELECT count(*), bool_and(isfinite(score)) FROM '{tmp_path}/lists.parquet'").fetchall()
    assert found == [(120, True)]


def test_a_list_cannot_be_longer_than_the_catalog(cli: Cli, shop: Path, tmp_path: Path) -> None:
    options = [option if option != "pipeline.top_k=10" else "pipeline.top_k=500" for option in QUICK]
    assert cli("fit", shop, "--out", tmp_path / "model", *options).code == 0
    assert json.loads(cli("inspect", tmp_path / "model", "--json").out)["top_k"] == 20
    ran = cli("score", tmp_path / "model", shop, "--into", "lists", "-k", "21")
    assert ran.code == 2
    assert "k = 21" in ran.err


def test_unknown_ids_are_named_and_count_for_nothing(cli: Cli, model: Path) -> None:
    cold = json.loads(cli("recommend", model, "--history", "", "--json").out)
    ran = cli("recommend", model, "--history", "🦆,i99,'; DROP", "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == {"items": cold["items"], "unknown": ["🦆", "i99", "'; DROP"]}


def test_lines_of_ids_are_a_history_and_a_quoted_id_keeps_its_lines(cli: Cli, tmp_path: Path) -> None:
    ids = ["a", "b", "two\nlines", "d", "e"]
    next_item_model(tmp_path / "model", 5, 3, item_ids=pa.array(ids), item_type="VARCHAR")
    for history, wanted in (("a\nb", "two\nlines"), ("a\r\nb\r\n", "two\nlines"), ('"two\nlines"', "d")):
        ran = cli("recommend", tmp_path / "model", "--history", history, "-k", "1", "--json")
        assert ran.code == 0, ran.err
        told = json.loads(ran.out)
        assert (told["unknown"], told["items"][0]["item_id"]) == ([], wanted)


def test_lists_know_an_id_in_every_spelling(cli: Cli, tmp_path: Path) -> None:
    ids = [f"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1{n}" for n in range(6)]
    next_item_model(tmp_path / "model", 6, 4, item_ids=pa.array(ids), item_type="UUID", user_type="BIGINT")
    write_events(tmp_path / "shop.duckdb", [(1, ids[0]), (2, ids[1])], "BIGINT", "UUID")
    (tmp_path / "deny.csv").write_text(f"item_id\n{ids[1].upper()}\n{ids[3].upper()}\n")
    (tmp_path / "users.csv").write_text("user_id\n0001\n")
    score = ("score", tmp_path / "model", tmp_path / "shop.duckdb", "--into", "lists")
    ran = cli(*score, "--deny", tmp_path / "deny.csv", "--users", tmp_path / "users.csv", "--json")
    assert (ran.code, json.loads(ran.out)["unknown_items"]) == (0, {"deny": 0})
    found = [(user, str(item)) for user, _, item, _ in read_rows(tmp_path / "shop.duckdb", "lists")]
    assert found == [(1, ids[n]) for n in (2, 4, 5)]
    ran = cli("audience", tmp_path / "model", tmp_path / "shop.duckdb", "--item", ids[1].upper(), "--json")
    assert [one["user_id"] for one in json.loads(ran.out)["users"]] == [1]
    (tmp_path / "users.csv").write_text("user_id\n2\n1.4\n")
    ran = cli(*score, "--users", tmp_path / "users.csv")
    assert (ran.code, ran.out) == (1, "")
    assert "users.csv: '1.4' is no BIGINT, as the source's user ids are (1 such id in all)" in ran.err
    assert len(read_rows(tmp_path / "shop.duckdb", "lists")) == 3
