"""Opening sources of every kind, and every way that fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.errors import ColumnError
from selfrec.settings.tables import SourceSettings
from selfrec.source.open import open_source
from tests.source.tables import TWO, error, make_table, read, rows


def test_duckdb_table(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a"), (2, "b")])
    with open_source(path, SourceSettings()) as source:
        assert rows(source) == [(1, "a", None, None, None), (2, "b", None, None, None)]
        assert (source.user_type, source.item_type) == ("INTEGER", "VARCHAR")
        assert source.columns == {
            "user_id": "user_id",
            "item_id": "item_id",
            "timestamp": None,
            "event": None,
            "weight": None,
        }


NASTY = ["a.b", 'quo"te', "ap'os", "semi;colon; DROP TABLE x", "new\nline", "🙂", "select", " ", "$1", "{0}%s"]


@pytest.mark.parametrize("name", NASTY)
def test_any_character_in_names(tmp_path: Path, name: str) -> None:
    columns = {
        f"u{name}": "BIGINT",
        f"i{name}": "BIGINT",
        f"t{name}": "BIGINT",
        f"e{name}": "VARCHAR",
        f"w{name}": "INT",
    }
    path = make_table(tmp_path / f"shop {name.strip()}.duckdb", columns, [(1, 2, 3, name, 4)], table=name)
    found = read(
        path,
        table=name,
        user_column=f"u{name}",
        item_column=f"i{name}",
        timestamp_column=f"t{name}",
        event_column=f"e{name}",
        weight_column=f"w{name}",
    )
    assert found == [(1, 2, 3.0, name, 4.0)]


def test_views_schemas_and_letter_case(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", {"USER_ID": "INTEGER", "Item_Id": "INTEGER"}, [(1, 2)], "Raw")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 5 user_id, 6 item_id")
        connection.execute('CREATE VIEW v AS SELECT user_id + 1 AS user_id, item_id FROM "Raw"')
    assert read(path, table="raw")[0][:2] == (1, 2)
    assert read(path, table="v")[0][:2] == (2, 2)
    assert read(path, table="s.t")[0][:2] == (5, 6)
    assert read(path, table="t")[0][:2] == (5, 6)


def test_a_dotted_table_name_wins_over_a_schema(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a")], "s.t")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 5 user_id, 6 item_id")
    assert read(path, table="s.t")[0][:2] == (1, "a")


def test_a_view_that_names_tables_of_its_own_file(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a")], table="events")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA mart; CREATE VIEW mart.ev AS FROM events; CREATE VIEW over AS FROM mart.ev")
    for table in ("mart.ev", "over"):
        assert read(path, table=table) == [(1, "a", None, None, None)]


def test_a_view_of_what_is_outside_says_what_to_do(tmp_path: Path) -> None:
    duckdb.execute(f"COPY (SELECT 1 AS user_id, 2 AS item_id) TO '{tmp_path}/lake.parquet'")
    make_table(tmp_path / "other.duckdb", TWO, [(1, "a")])
    path = str(tmp_path / "shop.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute(f"CREATE VIEW of_files AS FROM '{tmp_path}/lake.parquet'")
        connection.execute(f"ATTACH '{tmp_path}/other.duckdb' AS other")
        connection.execute("CREATE VIEW of_another AS FROM other.interactions")
    told = error(path, table="of_files")
    assert "lake.parquet" in told
    assert told.endswith(
        "; a source is read with no file but its own: make a table of a view of other files, or name these files"
    )
    assert error(path, table="of_another").endswith("; of a view of another database, make a table")


def test_default_columns_are_used_where_they_fit(tmp_path: Path) -> None:
    columns = {**TWO, "timestamp": "VARCHAR", "event": "DOUBLE", "weight": "BOOLEAN"}
    path = make_table(tmp_path / "shop.duckdb", columns, [(1, "a", "monday", 1.5, True)])
    with open_source(path, SourceSettings()) as source:
        assert rows(source) == [(1, "a", None, None, None)]
        assert [note.split(";")[0] for note in source.mapping.notes] == [
            "column 'timestamp' is VARCHAR, not a timestamp, date or epoch seconds: not used",
            "column 'event' is DOUBLE, not text, integers or booleans: not used",
            "column 'weight' is BOOLEAN, not numbers: not used",
        ]
    for option in ("timestamp", "event", "weight"):
        assert f"--{option}-column" in error(path, **{f"{option}_column": option})
        assert "no column 'nope'" in error(path, **{f"{option}_column": "nope"})


def test_columns_that_may_be_the_times_are_named(tmp_path: Path) -> None:
    columns = {**TWO, "ts": "TIMESTAMP", "born": "DATE", "price": "DOUBLE"}
    path = make_table(tmp_path / "shop.duckdb", columns, [(1, "a", "2026-01-01", "1990-01-01", 1.5)])
    with open_source(path, SourceSettings()) as source:
        assert source.mapping.notes == [
            "no column is used for times; where 'born', 'ts' tells them, name it with --timestamp-column"
        ]
    with open_source(path, SourceSettings(timestamp_column="ts")) as source:
        assert source.mapping.notes == []


def test_lists_are_no_times_events_and_weights(tmp_path: Path) -> None:
    types = ("TIMESTAMP[]", "ENUM('a')[]", "DECIMAL(2,1)[]")
    columns = {**TWO, **dict(zip(("timestamp", "event", "weight"), types, strict=True))}
    path = make_table(tmp_path / "shop.duckdb", columns, [(1, "a", "[2026-01-01]", "[a]", "[1.5]")])
    with open_source(path, SourceSettings()) as source:
        assert rows(source) == [(1, "a", None, None, None)]
        assert len(source.mapping.notes) == 3
    for option in ("timestamp", "event", "weight"):
        assert f"--{option}-column" in error(path, **{f"{option}_column": option})


def test_enum_ids_and_events(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT 'x'::ENUM('x','y') user_id, 1::HUGEINT item_id, "
            "'buy'::ENUM('buy') AS event"
        )
    with open_source(str(tmp_path / "shop.duckdb"), SourceSettings()) as source:
        assert rows(source) == [("x", 1, None, "buy", None)]
        assert (source.user_type, source.item_type) == ("VARCHAR", "HUGEINT")


@pytest.mark.parametrize("sql_type", ["DOUBLE", "BOOLEAN", "INTEGER[]", "STRUCT(a INTEGER)", "TIMESTAMP"])
def test_types_that_are_no_ids(tmp_path: Path, sql_type: str) -> None:
    path = make_table(tmp_path / "shop.duckdb", {"user_id": sql_type, "item_id": "INTEGER"}, [])
    assert error(path).startswith(f"table 'interactions' of {path}: column 'user_id' is ")
    assert "--user-column" in error(path)


def test_errors_name_what_is_there(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", {"userid": "INTEGER", "item_id": "INTEGER"}, [], "orders")
    assert error(path) == (f"{path}: has no table 'interactions'; name one with --table. Its tables: 'orders'")
    assert "perhaps 'orders'" in error(path, table="order")
    assert error(path, table="orders") == (
        f"table 'orders' of {path} has no column 'user_id'; name one with --user-column, perhaps 'userid'. "
        "Its columns: 'userid', 'item_id'"
    )
    with pytest.raises(ColumnError):
        read(path, table="orders")
    (tmp_path / "empty.duckdb").touch()
    assert "is no DuckDB database" in error(tmp_path / "empty.duckdb")
    (tmp_path / "text.db").write_text("hello")
    assert "is no DuckDB database" in error(tmp_path / "text.db")
    assert "there is no such file" in error(tmp_path / "missing.duckdb")
    assert "no file matches" in error(tmp_path / "*.parquet")
    assert "is a folder" in error(tmp_path)
    duckdb.connect(str(tmp_path / "none.duckdb")).close()
    assert "has no tables" in error(tmp_path / "none.duckdb")


def test_a_file_that_is_being_written(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a")])
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    writer = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "open\n"
    try:
        assert f"PID {writer.pid}" in error(path)
        assert "is open for writing" in error(path)
    finally:
        writer.communicate()
    assert len(read(path)) == 1
    with duckdb.connect(path):
        assert "is open in this very program" in error(path)


def test_the_session_reads_nothing_else(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a")])
    (tmp_path / "other.csv").write_text("a\n1\n")
    with open_source(path, SourceSettings()) as source:
        for sql in (
            f"FROM read_csv('{tmp_path}/other.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/new.duckdb'",
            "SET enable_external_access = true",
            "SET threads = 64",
            "SET temp_directory = '/elsewhere'",
            "INSTALL httpfs",
            "INSERT INTO source.interactions VALUES (2, 'b')",
        ):
            with pytest.raises(duckdb.Error):
                source.connection.execute(sql)
        other = tmp_path / "other.csv"  # a Python name is no table
        assert other.exists()
        with pytest.raises(duckdb.Error):
            source.connection.execute("FROM other")


def test_a_locked_session_still_spills_to_disk(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a")])
    spill = tmp_path / "spill"
    with open_source(path, SourceSettings(), memory_megabytes=64, threads=1, temp_directory=str(spill)) as source:
        source.connection.execute(
            "CREATE TEMP TABLE big AS SELECT md5(r::VARCHAR) AS a, md5((-r)::VARCHAR) AS b "
            "FROM range(2_000_000) AS numbers(r)"
        )
        assert any(spill.iterdir())
        assert source.connection.execute("SELECT count(*) FROM big").fetchall() == [(2_000_000,)]


def test_fingerprint_forgets_the_order_but_nothing_else(tmp_path: Path) -> None:
    columns = {**TWO, "timestamp": "TIMESTAMP"}
    first = [(1, "a", "2020-01-01"), (2, "b", "2020-01-03 12:00:00.5"), (2, None, None), (None, "a", None)]

    def fingerprint(name: str, table: list[tuple[Any, ...]]) -> dict[str, Any]:
        with open_source(make_table(tmp_path / name, columns, table), SourceSettings()) as source:
            return source.fingerprint()

    one = fingerprint("one.duckdb", first)
    assert {key: one[key] for key in ("rows", "users", "items", "first", "last")} == {
        "rows": 4,
        "users": 2,
        "items": 2,
        "first": "2020-01-01T00:00:00Z",
        "last": "2020-01-03T12:00:00.500000Z",
    }
    assert fingerprint("two.duckdb", first[::-1]) == one
    assert fingerprint("three.duckdb", first + first[:1] * 2)["content"] != one["content"]
    assert fingerprint("four.duckdb", [])["content"].endswith(":" + "0" * 16)
