"""The whole job on shops small enough to know the answer."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfrec.errors import EmptyDataError, SettingsError, SourceError
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import CleaningSettings, Config, ScoringSettings
from tests.scoring.shops import leftovers, next_item_model, read_rows, write_shop
from tests.scoring.three_users import EVENTS, EXPECTED, HALF, K2


@pytest.fixture
def shop(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.duckdb", EVENTS)
    return str(tmp_path / "shop.duckdb")


def test_into_a_table_of_the_source(model: Model, shop: str, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    summary = score_table(
        model, shop, parse_target(shop, into="lists"), K2, progress=lambda done, total: calls.append((done, total))
    )
    assert read_rows(Path(shop), "lists") == EXPECTED
    assert (summary.users, summary.rows, summary.cold_users, summary.shards) == (3, 6, 1, 1)
    assert summary.peak_memory > 10_000_000
    assert summary.users_per_second > 0
    assert calls[-1] == (3, 3)
    assert leftovers(tmp_path) == []
    with duckdb.connect(shop, read_only=True) as connection:
        assert connection.execute("DESCRIBE lists").fetchall() == [
            ("user_id", "VARCHAR", "YES", None, None, None),
            ("rank", "INTEGER", "YES", None, None, None),
            ("item_id", "BIGINT", "YES", None, None, None),
            ("score", "FLOAT", "YES", None, None, None),
        ]
        [run] = connection.execute("SELECT * EXCLUDE (options) FROM selfrec_runs").fetchall()
    assert run[:4] == (summary.run_id, "lists", model.sha256, f"{shop}::interactions")
    assert run[4] <= run[5]
    assert run[6:8] == (3, 6)


def test_a_second_run_replaces_the_table_and_adds_a_row_of_runs(model: Model, shop: str) -> None:
    target = parse_target(shop, into="lists")
    score_table(model, shop, target, K2)
    score_table(model, shop, target, ScoringSettings(k=1))
    assert read_rows(Path(shop), "lists") == [row for row in EXPECTED if row[1] == 1]
    with duckdb.connect(shop, read_only=True) as connection:
        assert connection.execute("SELECT count(DISTINCT run_id) FROM selfrec_runs").fetchall() == [(2,)]


@pytest.mark.parametrize("name", ["lists.parquet", "lists"])
def test_to_parquet(model: Model, shop: str, tmp_path: Path, name: str) -> None:
    target = parse_target(shop, to=str(tmp_path / name))
    for _ in range(2):
        score_table(model, shop, target, K2)
        assert read_rows(tmp_path / name) == EXPECTED
        assert leftovers(tmp_path) == []
    part = tmp_path / name if name.endswith(".parquet") else next((tmp_path / name).iterdir())
    schema = pq.read_schema(part).remove_metadata()
    assert schema.names == ["user_id", "rank", "item_id", "score"]
    assert schema.types == [pa.string(), pa.int32(), pa.int64(), pa.float32()]


def test_into_another_database(model: Model, shop: str, tmp_path: Path) -> None:
    score_table(model, shop, parse_target(shop, into=f"{tmp_path}/other.duckdb::my lists"), K2)
    assert read_rows(tmp_path / "other.duckdb", '"my lists"') == EXPECTED


def test_many_shards_give_the_same_rows(model: Model, tmp_path: Path) -> None:
    users = [f"user {number}" for number in range(700)]
    write_shop(tmp_path / "shop.duckdb", [(user, 100 + at % 5) for at, user in enumerate(users) for _ in range(3)])
    shop = str(tmp_path / "shop.duckdb")
    sharded = ScoringSettings(k=2, shard_rows=1000)
    summaries = [
        score_table(model, shop, parse_target(shop, to=str(tmp_path / f"{name}.parquet")), settings)
        for name, settings in [("one", K2), ("many", sharded), ("again", sharded)]
    ]
    assert [summary.shards for summary in summaries] == [1, 3, 3]
    assert read_rows(tmp_path / "one.parquet") == read_rows(tmp_path / "many.parquet")
    assert (tmp_path / "many.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()


UUIDS = [uuid.UUID(int=1), uuid.UUID(int=2**127)]


@pytest.mark.parametrize("to", [None, "lists.parquet"])
@pytest.mark.parametrize(
    ("sql_type", "ids"),
    [
        ("TINYINT", [-128, 127]),
        ("INTEGER", [1, 2]),
        ("UBIGINT", [1, 2**64 - 1]),
        ("HUGEINT", [-1, 2**120]),
        ("UUID", UUIDS),
        ("DECIMAL(30,0)", [Decimal(7), Decimal(10**28)]),
        ("VARCHAR", ["", "Robert'); DROP TABLE lists;--\n\N{GRINNING FACE}"]),
    ],
)
def test_ids_keep_their_type_and_value(tmp_path: Path, sql_type: str, ids: list[Any], to: str | None) -> None:
    carried = pa.array([f"{one}" for one in ids], pa.string())
    if sql_type in ("TINYINT", "INTEGER", "UBIGINT"):
        carried = pa.array(ids, {"TINYINT": pa.int8(), "INTEGER": pa.int32(), "UBIGINT": pa.uint64()}[sql_type])
    model = next_item_model(tmp_path / "model", 2, 1, item_ids=carried, item_type=sql_type)
    shop = tmp_path / "shop.duckdb"
    write_shop(shop, [(ids[0], ids[0]), (ids[1], ids[1])], sql_type, sql_type)
    into = "lists" if to is None else None
    score_table(
        model,
        str(shop),
        parse_target(str(shop), into=into, to=None if to is None else str(tmp_path / to)),
        ScoringSettings(k=1),
    )
    expected = {(ids[0], ids[1]), (ids[1], ids[0])}
    rows = read_rows(shop, "lists") if to is None else read_rows(tmp_path / to)
    if to is not None and sql_type == "HUGEINT":  # Parquet has no such type: text.
        expected = {(str(user), str(item)) for user, item in expected}
    assert {(user, item) for user, _, item, _ in rows} == expected


def test_listed_users_and_cold_ones(model: Model, shop: str, tmp_path: Path) -> None:
    with duckdb.connect(shop) as connection:
        connection.execute("CREATE TABLE chosen AS SELECT unnest(['bob', 'new', 'bob', NULL]) AS user_id")
    summary = score_table(model, shop, parse_target(shop, into="lists"), K2, ScoringRequest(users="chosen"))
    assert read_rows(Path(shop), "lists") == [EXPECTED[2], EXPECTED[3], ("new", 1, 100, 0.0), ("new", 2, 101, 0.0)]
    assert (summary.users, summary.cold_users) == (2, 1)


def test_deny_allow_and_boost(model: Model, shop: str, tmp_path: Path) -> None:
    (tmp_path / "deny.csv").write_text("item_id\n101\n105\n4711\n")
    (tmp_path / "allow.csv").write_text("item_id\n101\n102\n104\n")
    (tmp_path / "boost.csv").write_text("item_id,weight\n102,0.25\n105,9\n")
    target = parse_target(shop, into="lists")
    summary = score_table(
        model,
        shop,
        target,
        K2,
        ScoringRequest(
            deny=str(tmp_path / "deny.csv"), allow=str(tmp_path / "allow.csv"), boost=str(tmp_path / "boost.csv")
        ),
    )
    assert summary.unknown_items == {"deny": 1, "allow": 0, "boost": 0}
    assert read_rows(Path(shop), "lists") == [
        ("ann", 1, 104, HALF),
        ("ann", 2, 102, 0.25),
        ("bob", 1, 102, 0.25),
        ("cid", 1, 102, 0.25),
        ("cid", 2, 104, 0.0),
    ]


def test_a_boost_that_is_no_number(model: Model, shop: str, tmp_path: Path) -> None:
    (tmp_path / "boost.csv").write_text("item_id,weight\n102,inf\n")
    with pytest.raises(SourceError, match=r"boost\.csv"):
        score_table(
            model, shop, parse_target(shop, into="lists"), K2, ScoringRequest(boost=str(tmp_path / "boost.csv"))
        )


def test_columns_that_the_source_has_no_more(tmp_path: Path) -> None:
    manifest = next_item_model(tmp_path / "model").path / "manifest.json"
    written = json.loads(manifest.read_text())
    written["columns"] |= {"timestamp": "at", "weight": "weight"}
    manifest.write_text(json.dumps(written))
    model = open_model(tmp_path / "model")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE interactions AS SELECT 'ann' AS user_id, 100 AS item_id, '24/12' AS timestamp")
    shop, told = str(tmp_path / "shop.duckdb"), list[str]()
    summary = score_table(
        model,
        shop,
        parse_target(shop, into="lists"),
        K2,
        tell=lambda event, /, **facts: told.append(facts.get("text", "")),
    )
    assert summary.notes == (
        "the model was fitted with times (column 'at'), and the source has none: which of a user's items are the "
        "newest is unknown; name the column with --timestamp-column",
        "the model was fitted with weights (column 'weight'), and the source has none: all events weigh the same; name "
        "the column with --weight-column",
        "column 'timestamp' is VARCHAR, not a timestamp, date or epoch seconds: not used; cast it in a view",
    )
    assert [text for text in told if text] == list(summary.notes)


def test_everything_denied_gives_an_empty_result(model: Model, shop: str, tmp_path: Path) -> None:
    deny = tmp_path / "deny.csv"
    deny.write_text("item_id\n" + "\n".join(map(str, range(100, 106))))
    for target in (parse_target(shop, into="lists"), parse_target(shop, to=str(tmp_path / "lists.parquet"))):
        summary = score_table(model, shop, target, K2, ScoringRequest(deny=str(deny)))
        assert (summary.users, summary.rows) == (3, 0)
        assert summary.notes == (f"--deny {deny}: holds the whole catalog (6 items), so the result is empty",)
    assert read_rows(Path(shop), "lists") == read_rows(tmp_path / "lists.parquet") == []


def test_seen_only_and_cut_histories_are_never_recommended(tmp_path: Path) -> None:
    config = Config(cleaning=CleaningSettings(max_history=1, exclude_events=("dislike",)))
    model = next_item_model(tmp_path / "model", config=config)
    shop = tmp_path / "shop.duckdb"
    write_shop(shop, [("ann", 104), ("ann", 100), ("ann", 102)])
    with duckdb.connect(str(shop)) as connection:
        connection.execute("ALTER TABLE interactions ADD COLUMN event VARCHAR DEFAULT 'view'")
        connection.execute("INSERT INTO interactions VALUES ('ann', 103, TIMESTAMP '2026-02-01', 'dislike')")
    score_table(model, str(shop), parse_target(str(shop), into="lists"), ScoringSettings(k=4))
    # Only 102 is history, 104 and 100 are cut off, 103 is disliked; the rest has score 0.
    assert [row[2] for row in read_rows(shop, "lists")] == [101, 105]
    score_table(model, str(shop), parse_target(str(shop), into="lists"), ScoringSettings(k=1, repeats=True))
    assert read_rows(shop, "lists") == [("ann", 1, 103, 1.0)]


def test_an_empty_source_leaves_the_old_result(model: Model, shop: str, tmp_path: Path) -> None:
    target = parse_target(shop, into="lists")
    score_table(model, shop, target, K2)
    with duckdb.connect(shop) as connection:
        connection.execute("DELETE FROM interactions")
    with pytest.raises(EmptyDataError, match="no users to score"):
        score_table(model, shop, target, K2)
    assert read_rows(Path(shop), "lists") == EXPECTED
    assert leftovers(tmp_path) == []


def test_k_beyond_the_model(model: Model, shop: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="k = 5"):
        score_table(model, shop, parse_target(shop, into="lists"), ScoringSettings(k=5))
    assert leftovers(tmp_path) == []
