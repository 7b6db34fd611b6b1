"""--changed-only: the result of a full run, whatever was edited; who was scored, kept and removed."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfrec.errors import TargetError
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.summary import RunSummary
from selfrec.scoring.targets import Target, parse_target
from selfrec.settings.tables import CleaningSettings, Config, ScoringSettings
from tests.scoring.shops import leftovers, next_item_model, read_rows, write_shop

K2 = ScoringSettings(k=2, threads=1)
EVENTS = [("ann", 100), ("bob", 104), ("ann", 103), ("cid", 999)]
KINDS = ["table", "file", "folder"]
EXAMPLES = int(os.environ.get("SELFREC_EXAMPLES", "5"))
"""Rounds of random edits for each kind of target."""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.duckdb", EVENTS)
    return str(tmp_path / "shop.duckdb")


def target_of(shop: str, kind: str) -> Target:
    if kind == "table":
        return parse_target(shop, into="lists")
    return parse_target(shop, to=str(Path(shop).with_name("lists.parquet" if kind == "file" else "lists")))


def rows_of(shop: str, kind: str) -> list[tuple[Any, ...]]:
    if kind == "table":
        return read_rows(Path(shop), "lists")
    return read_rows(Path(shop).with_name("lists.parquet" if kind == "file" else "lists"))


def target_files(shop: str, kind: str) -> list[tuple[str, int, int]]:
    place = Path(shop).with_name("lists.parquet" if kind == "file" else "lists")
    files = [place] if kind == "file" else sorted(place.iterdir())
    return [(path.name, path.stat().st_ino, path.stat().st_mtime_ns) for path in files]


def companions(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".fingerprints")]


def run(model: Model, shop: str, kind: str, options: ScoringSettings = K2, **asked: Any) -> RunSummary:
    return score_table(model, shop, target_of(shop, kind), options, ScoringRequest(changed_only=True, **asked))


def counts(summary: RunSummary) -> tuple[int, int, int, int]:
    return summary.users, summary.scored, summary.kept, summary.removed


def edit(shop: str, *statements: str) -> None:
    with duckdb.connect(shop) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("kind", KINDS)
def test_only_changed_new_and_vanished_users_are_touched(model: Model, shop: str, tmp_path: Path, kind: str) -> None:
    first = run(model, shop, kind)
    assert counts(first) == (3, 3, 0, 0)
    assert first.notes == ("everybody was scored: there is no earlier result",)
    assert leftovers(tmp_path) == [path.name for path in companions(tmp_path)]
    before = None if kind == "table" else target_files(shop, kind)
    same = run(model, shop, kind)
    assert (counts(same), same.notes, same.rows) == ((3, 0, 3, 0), (), 6)
    # Nothing changed, nothing is written.
    assert before is None or target_files(shop, kind) == before
    edit(
        shop,
        "DELETE FROM interactions WHERE user_id = 'cid'",
        "INSERT INTO interactions VALUES ('bob', 101, TIMESTAMP '2026-03-01'), ('dan', 102, TIMESTAMP '2026-03-01')",
    )
    # What is kept is kept, not scored again: a mark on ann's row is still there afterwards.
    if kind == "table":
        edit(shop, "UPDATE lists SET score = 9 WHERE user_id = 'ann' AND rank = 1")
    summary = run(model, shop, kind)
    assert (counts(summary), summary.rows, summary.notes) == ((3, 2, 1, 1), 6, ())
    rows = rows_of(shop, kind)
    assert [row[:3] for row in rows] == [
        ("ann", 1, 101),
        ("ann", 2, 104),
        ("bob", 1, 102),
        ("bob", 2, 105),
        ("dan", 1, 103),
        ("dan", 2, 100),
    ]
    assert rows[0][3] == (9 if kind == "table" else pytest.approx(0.5**0.5))
    assert len(companions(tmp_path)) == (0 if kind == "table" else 1)
    if kind == "table":
        with duckdb.connect(shop, read_only=True) as connection:
            runs = connection.execute(
                'SELECT users, "rows", scored, kept, removed FROM selfrec_runs ORDER BY finished'
            ).fetchall()
            assert runs == [(3, 6, 3, 0, 0), (3, 6, 0, 3, 0), (3, 6, 2, 1, 1)]
            [(now,)] = connection.execute("SELECT count(*) FROM selfrec_fingerprints_lists").fetchall()
            assert now == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("k", "changed since the last run: -k"),
        ("deny", "changed since the last run: --deny, --allow or --boost"),
        ("repeats", "changed since the last run: --repeats"),
        ("model", "changed since the last run: the model"),
        ("plain run", "was not made with --changed-only"),
        ("lost companion", "was not made with --changed-only"),
        ("other version", "of another version"),
    ],
)
def test_everybody_is_scored_where_it_must_be(
    model: Model, shop: str, tmp_path: Path, kind: str, what: str, says: str
) -> None:
    run(model, shop, kind)
    options, more = K2, dict[str, Any]()
    if what == "k":
        options = ScoringSettings(k=1, threads=1)
    elif what == "deny":
        (tmp_path / "deny.csv").write_text("item_id\n101\n")
        more["deny"] = str(tmp_path / "deny.csv")
    elif what == "repeats":
        options = ScoringSettings(k=2, repeats=True, threads=1)
    elif what == "model":
        shutil.rmtree(tmp_path / "model")
        model = next_item_model(tmp_path / "model", 6, 3)
    elif what == "plain run":
        score_table(model, shop, target_of(shop, kind), K2)
        assert companions(tmp_path) == []
    elif what == "lost companion" and kind == "table":
        edit(shop, "DROP TABLE selfrec_fingerprints_lists")
    elif what == "lost companion":
        companions(tmp_path)[0].unlink()
    elif kind == "table":
        edit(shop, """UPDATE selfrec_fingerprints_lists SET basis = replace(basis, '"format": 1', '"format": 0')""")
    else:
        spoil_format(companions(tmp_path)[0])
    summary = run(model, shop, kind, options, **more)
    assert counts(summary) == (3, 3, 0, 0)
    assert [says in note for note in summary.notes] == [True]
    expected = rows_of(shop, kind)
    score_table(model, shop, target_of(shop, kind), options, ScoringRequest(**more))
    assert rows_of(shop, kind) == expected


def spoil_format(path: Path) -> None:
    raw = path.read_bytes()
    assert raw.count(b'"format": 1') == 1
    path.write_bytes(raw.replace(b'"format": 1', b'"format": 0'))


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_changed_by_something_else_is_made_anew(model: Model, shop: str, tmp_path: Path, kind: str) -> None:
    run(model, shop, kind)
    expected = rows_of(shop, kind)
    if kind == "table":
        edit(shop, "DELETE FROM lists WHERE user_id = 'ann'")
    elif kind == "file":
        (tmp_path / "lists.parquet").unlink()
    else:
        edit_part(next((tmp_path / "lists").iterdir()))
    summary = run(model, shop, kind)
    assert counts(summary) == (3, 3, 0, 0)
    assert len(summary.notes) == 1
    assert rows_of(shop, kind) == expected


def edit_part(part: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE kept AS SELECT * FROM '{part}' WHERE user_id <> 'ann'")
        connection.execute(f"COPY kept TO '{part}' (FORMAT parquet)")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_companion_means_everybody(model: Model, shop: str, tmp_path: Path, kind: str) -> None:
    run(model, shop, kind)
    if kind == "table":
        edit(shop, "UPDATE selfrec_fingerprints_lists SET basis = 'no JSON'")
    else:
        path = companions(tmp_path)[0]
        path.write_bytes(path.read_bytes()[:50])
    summary = run(model, shop, kind)
    assert counts(summary) == (3, 3, 0, 0)
    assert len(summary.notes) == 1
    assert counts(run(model, shop, kind)) == (3, 0, 3, 0)


def test_a_foreign_table_under_the_name_of_the_companion_stays(model: Model, shop: str) -> None:
    edit(shop, "CREATE TABLE selfrec_fingerprints_lists AS SELECT 1 AS mine")
    with pytest.raises(TargetError, match="selfrec_fingerprints_lists: holds other columns"):
        run(model, shop, "table")
    with pytest.raises(TargetError, match="names of fingerprints"):
        score_table(model, shop, parse_target(shop, into="selfrec_fingerprints_lists"), K2)


def test_a_table_of_runs_of_before_gets_the_new_columns(model: Model, shop: str) -> None:
    score_table(model, shop, target_of(shop, "table"), K2)
    for name in ("scored", "kept", "removed"):
        edit(shop, f"ALTER TABLE selfrec_runs DROP COLUMN {name}")
    run(model, shop, "table")
    with duckdb.connect(shop, read_only=True) as connection:
        runs = connection.execute("SELECT scored, kept, removed FROM selfrec_runs ORDER BY finished").fetchall()
    assert runs == [(None, None, None), (3, 0, 0)]


@pytest.mark.parametrize("half_life", [None, 10.0])
def test_a_model_that_counts_back_from_the_newest_event(tmp_path: Path, half_life: float | None) -> None:
    config = Config(cleaning=CleaningSettings(half_life_days=half_life))
    model = next_item_model(tmp_path / "model", config=config)
    shop = str(tmp_path / "shop.duckdb")
    write_shop(Path(shop), EVENTS)
    run(model, shop, "table")
    edit(shop, "DELETE FROM interactions WHERE user_id = 'ann'")
    # The newest event is cid's, so nobody else's weights changed.
    assert counts(run(model, shop, "table")) == (2, 0, 2, 1)
    edit(shop, "INSERT INTO interactions VALUES ('bob', 101, TIMESTAMP '2026-03-01')")
    summary = run(model, shop, "table")
    assert counts(summary) == ((2, 1, 1, 0) if half_life is None else (2, 2, 0, 0))
    assert [("the newest event" in note) for note in summary.notes] == ([] if half_life is None else [True])


def test_the_list_of_users_may_change(model: Model, shop: str) -> None:
    edit(shop, "CREATE TABLE chosen AS SELECT unnest(['bob', 'new', 'ann']) AS user_id")
    run(model, shop, "table", users="chosen")
    edit(shop, "DELETE FROM chosen WHERE user_id = 'bob'", "INSERT INTO chosen VALUES ('cid')")
    summary = run(model, shop, "table", users="chosen")
    assert (counts(summary), summary.cold_users) == ((3, 1, 2, 1), 1)
    assert sorted({row[0] for row in rows_of(shop, "table")}) == ["ann", "cid", "new"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sql_type", "ids"),
    [
        ("UBIGINT", [1, 2**64 - 1, 5]),
        ("HUGEINT", [-1, 2**120, 5]),
        ("UUID", [uuid.UUID(int=1), uuid.UUID(int=2**127), uuid.UUID(int=5)]),
        ("DECIMAL(30,0)", [7, 10**28, 5]),
        ("VARCHAR", ["", "Robert'); DROP TABLE lists;--\n\N{GRINNING FACE}", "5"]),
    ],
)
def test_any_id_type(tmp_path: Path, kind: str, sql_type: str, ids: list[Any]) -> None:
    carried = pa.array(ids, pa.uint64()) if sql_type == "UBIGINT" else pa.array(map(str, ids), pa.string())
    model = next_item_model(tmp_path / "model", 3, 1, item_ids=carried, item_type=sql_type)
    shop = str(tmp_path / "shop.duckdb")
    write_shop(Path(shop), [(one, one) for one in ids[:2]], sql_type, sql_type)
    one = ScoringSettings(k=1, threads=1)
    run(model, shop, kind, one)
    with duckdb.connect(shop) as connection:
        connection.execute("DELETE FROM interactions WHERE user_id = ?", [ids[0]])
        connection.execute("INSERT INTO interactions VALUES (?, ?, TIMESTAMP '2026-03-01')", [ids[2], ids[2]])
    assert counts(run(model, shop, kind, one)) == (2, 1, 1, 1)
    rows = rows_of(shop, kind)
    score_table(model, shop, target_of(shop, kind), one)
    assert rows_of(shop, kind) == rows
    assert len(rows) == 2


USERS, ITEMS = st.integers(0, 5), st.integers(99, 106)
EDITS = st.one_of(
    st.tuples(st.just("insert"), USERS, ITEMS, st.sampled_from([1.0, 2.0, 0.0, None]), st.integers(0, 3)),
    st.tuples(st.just("delete"), USERS, ITEMS),
    st.tuples(st.just("weigh"), USERS, ITEMS, st.sampled_from([0.5, 3.0, -1.0])),
    st.tuples(st.just("move"), USERS, ITEMS, st.integers(0, 3)),
    st.tuples(st.just("forget"), USERS),
    st.tuples(st.just("chosen"), USERS),
    st.tuples(st.just("shuffle")),
)


def apply(connection: duckdb.DuckDBPyConnection, change: tuple[Any, ...]) -> None:
    what, *values = change
    if what == "insert":
        user, item, weight, day = values
        connection.execute(
            "INSERT INTO interactions VALUES (?, ?, TIMESTAMP '2026-01-01' + to_days(?), ?)", [user, item, day, weight]
        )
    elif what == "delete":
        connection.execute("DELETE FROM interactions WHERE user_id = ? AND item_id = ?", values)
    elif what == "weigh":
        connection.execute("UPDATE interactions SET weight = $3 WHERE user_id = $1 AND item_id = $2", values)
    elif what == "move":
        connection.execute(
            "UPDATE interactions SET timestamp = TIMESTAMP '2026-01-01' + to_days($3) "
            "WHERE user_id = $1 AND item_id = $2",
            values,
        )
    elif what == "forget":
        connection.execute("DELETE FROM interactions WHERE user_id = ?", values)
    elif what == "chosen":
        [(there,)] = connection.execute("SELECT count(*) FROM chosen WHERE user_id = ?", values).fetchall()
        sql = "DELETE FROM chosen WHERE user_id = ?" if there else "INSERT INTO chosen VALUES (?)"
        connection.execute(sql, values)
    else:
        connection.execute("CREATE OR REPLACE TABLE interactions AS FROM interactions ORDER BY hash(user_id, item_id)")


@pytest.fixture(scope="module")
def weighing(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return next_item_model(tmp_path_factory.mktemp("weighing") / "model")


def test_without_times_and_weights(model: Model, shop: str) -> None:
    edit(shop, "CREATE OR REPLACE TABLE interactions AS SELECT user_id, item_id FROM interactions")
    run(model, shop, "table")
    # 100 is item number 0.
    edit(shop, "INSERT INTO interactions VALUES ('bob', 100)")
    assert counts(run(model, shop, "table")) == (3, 1, 2, 0)
    assert [row[2] for row in rows_of(shop, "table") if row[0] == "bob"] == [101, 105]


@pytest.mark.parametrize("kind", KINDS)
@given(
    nights=st.lists(st.lists(EDITS, min_size=1, max_size=4), min_size=1, max_size=2),
    users=st.sampled_from([None, "chosen"]),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equals_a_full_run_after_any_edits(
    weighing: Model, tmp_path: Path, kind: str, users: str | None, nights: list[list[tuple[Any, ...]]]
) -> None:
    folder = tmp_path / uuid.uuid4().hex
    folder.mkdir()
    shop = str(folder / "shop.duckdb")
    with duckdb.connect(shop) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT u::INTEGER AS user_id, (100 + (u + i * 2) % 6)::BIGINT AS item_id, "
            "TIMESTAMP '2026-01-01' + to_days(i::INTEGER) AS timestamp, 1.0::DOUBLE AS weight "
            "FROM range(4) users(u), range(2) items(i)"
        )
        connection.execute("CREATE TABLE chosen AS SELECT u::INTEGER AS user_id FROM range(2, 9) users(u)")
    model = open_model(weighing.path)
    whole = parse_target(shop, to=str(folder / "whole.parquet"))
    run(model, shop, kind, users=users)
    for night in nights:
        with duckdb.connect(shop) as connection:
            for change in night:
                apply(connection, change)
            # One user is never edited, so that there is somebody to score.
            connection.execute("DELETE FROM interactions WHERE user_id = 77")
            connection.execute("INSERT INTO interactions VALUES (77, 100, TIMESTAMP '2026-01-01', 1)")
            connection.execute("DELETE FROM chosen WHERE user_id = 77")
            connection.execute("INSERT INTO chosen VALUES (77)")
        summary = run(model, shop, kind, users=users)
        full = score_table(model, shop, whole, K2, ScoringRequest(users=users))
        assert rows_of(shop, kind) == read_rows(folder / "whole.parquet")
        assert (summary.users, summary.rows) == (full.users, full.rows)
        assert summary.scored + summary.kept == summary.users
