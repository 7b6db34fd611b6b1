"""Where a result may go: kinds of targets, what is refused, and what somebody else holds at the time."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfrec.errors import SettingsError, TargetError
from selfrec.files import locked
from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.parquet_targets import FileTarget, FolderTarget
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.table_target import TableTarget
from selfrec.scoring.targets import parse_target
from tests.scoring.shops import read_rows, write_shop
from tests.scoring.three_users import EVENTS, EXPECTED, K2


@pytest.fixture
def shop(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.duckdb", EVENTS)
    return str(tmp_path / "shop.duckdb")


@pytest.mark.parametrize(("glob", "to"), [("*.parquet", "out.parquet"), ("**/*.parquet", "lists")])
def test_a_result_that_the_source_would_read(model: Model, tmp_path: Path, glob: str, to: str) -> None:
    """The next run would take the recommendations for events."""
    (tmp_path / "in").mkdir()
    duckdb.execute(f"COPY (SELECT 'ann' AS user_id, 100 AS item_id) TO '{tmp_path}/in/events.parquet'")
    source = f"{tmp_path}/in/{glob}"
    with pytest.raises(TargetError, match="reads it as well, and would take recommendations for events; choose a"):
        score_table(model, source, parse_target(source, to=str(tmp_path / "in" / to)), K2)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["events.parquet"]
    score_table(model, source, parse_target(source, to=str(tmp_path / to)), K2)


@pytest.mark.parametrize("name", ["lists.csv", "LISTS.TSV", "lists.csv.gz", "lists.json"])
def test_a_file_that_would_not_be_what_its_name_says(name: str, shop: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"results are Parquet; name a FILE\.parquet"):
        parse_target(shop, to=str(tmp_path / name))


@pytest.mark.parametrize(
    ("into", "to", "says"),
    [
        ("interactions", None, "is the source itself"),
        ("INTERACTIONS", None, "is the source itself"),
        ("main.interactions", None, "go into the schema main"),
        ("selfrec_runs", None, "table of runs"),
        ("products", None, "holds other columns"),
        ("a_view", None, "is a view"),
        ("Mart.lists", None, "go into the schema main; choose a name without 'Mart.'"),
        ("{tmp}/no/such.duckdb::lists", None, "no such folder"),
        ("{tmp}/photos/cat.jpg::lists", None, "cannot be opened"),
        (None, "{tmp}/photos", "no part of a result"),
        (None, "{tmp}/folder.parquet", "is a folder"),
        (None, "{tmp}/other.parquet", "no earlier result"),
        (None, "{tmp}/photos/cat.jpg", "is a file"),
        (None, "{tmp}/shop.duckdb/x.parquet", "cannot write"),
    ],
)
def test_targets_that_hold_something_else(
    model: Model, shop: str, tmp_path: Path, into: str | None, to: str | None, says: str
) -> None:
    with duckdb.connect(shop) as connection:
        connection.execute("CREATE TABLE products (user_id INTEGER); CREATE VIEW a_view AS SELECT * FROM products")
        connection.execute("CREATE SCHEMA mart; CREATE TABLE mart.lists AS SELECT 1 AS x")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("a cat")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    target = parse_target(shop, into=into and into.format(tmp=tmp_path), to=to and to.format(tmp=tmp_path))
    with pytest.raises(TargetError, match=says):
        score_table(model, shop, target, K2)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("changed_only", [False, True])
def test_a_view_of_the_same_name_in_another_schema(model: Model, shop: str, changed_only: bool) -> None:
    """What the refusal of --into reporting.lists advises; views named as the tables beside the result do no harm."""
    target = parse_target(shop, into="lists")
    score_table(model, shop, target, K2, ScoringRequest(changed_only=changed_only))
    with duckdb.connect(shop) as connection:
        connection.execute("CREATE SCHEMA reporting; CREATE VIEW reporting.lists AS SELECT * FROM main.lists")
        connection.execute("CREATE VIEW reporting.selfrec_runs AS SELECT 1 AS x")
        connection.execute("CREATE VIEW reporting.selfrec_fingerprints_lists AS SELECT 1 AS x")
    summary = score_table(model, shop, target, K2, ScoringRequest(changed_only=changed_only))
    assert summary.kept == (3 if changed_only else 0)
    assert read_rows(Path(shop), "lists") == read_rows(Path(shop), "reporting.lists") == EXPECTED


def test_a_source_of_the_same_name_in_another_schema(model: Model, shop: str) -> None:
    with duckdb.connect(shop) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.lists AS FROM interactions; DROP TABLE interactions")
    source = model.config.source.model_copy(update={"table": "raw.lists"})
    for _ in range(2):
        score_table(model, shop, parse_target(shop, into="lists"), K2, ScoringRequest(source=source))
        assert read_rows(Path(shop), "lists") == EXPECTED
    for table in ("lists", "main.lists", "LISTS"):  # Without its schema, the next run would read the result.
        with pytest.raises(TargetError, match="is the source itself"):
            parse_target(shop, into="lists").check(source_path=shop, source_table=table)


@pytest.mark.parametrize(
    ("into", "to", "says"),
    [
        (None, None, "name one target"),
        ("a", "b", "name one target"),
        ("lists", None, "is no database"),
        ("x.duckdb::", None, "name a table"),
    ],
)
def test_wrong_targets(into: str | None, to: str | None, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse_target("events.parquet", into=into, to=to)


def test_target_kinds() -> None:
    assert parse_target("a.duckdb", into="t") == TableTarget(Path("a.duckdb").resolve(), "t")
    assert isinstance(parse_target("a.duckdb", to="x.parquet"), FileTarget)
    assert isinstance(parse_target("a.duckdb", to="x"), FolderTarget)
    names = {TableTarget(Path("/a.duckdb"), name).staging.name for name in ("a/b", "a?b", "a b", "a_b")}
    assert len(names) == 4
    assert not any("/" in name for name in names)


def test_a_second_run_on_one_target_refuses(model: Model, shop: str) -> None:
    target = parse_target(shop, into="lists")
    target.staging.mkdir()
    with locked(target.staging) as free:
        assert free
        with pytest.raises(TargetError, match=r"another run .* is writing this target"):
            score_table(model, shop, target, K2)
    score_table(model, shop, target, K2)
    assert read_rows(Path(shop), "lists") == EXPECTED


def _hold(path: str, started: Any, stop: Any) -> None:
    with duckdb.connect(path):
        started.set()
        stop.wait(60)


def test_a_database_that_is_busy_at_the_end(model: Model, shop: str, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    duckdb.connect(str(other)).close()
    context = multiprocessing.get_context("spawn")
    started, stop = context.Event(), context.Event()
    target = TableTarget(other, "lists", wait_seconds=0.3)
    holder = context.Process(target=_hold, args=(str(other), started, stop))

    def seize(done: int, total: int) -> None:
        if done == total and holder.pid is None:
            holder.start()
            assert started.wait(60)

    try:
        with pytest.raises(TargetError, match=r"is open in .*--resume"):
            score_table(model, shop, target, K2, progress=seize)
    finally:
        stop.set()
        holder.join()
    summary = score_table(model, shop, target, K2, ScoringRequest(resume=True))
    assert (summary.resumed_shards, summary.resumed_users, summary.users_per_second) == (1, 3, 0)
    assert read_rows(other, "lists") == EXPECTED
