"""Opening sources of every kind, and every way that fails."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.errors import ColumnError, SourceError
from selfrec.settings.tables import SourceSettings
from selfrec.source.files import find_files, is_named
from selfrec.source.open import Source, iso_time, open_source
from tests.source.tables import make_table

TWO = {"user_id": "INTEGER", "item_id": "VARCHAR"}


def rows(source: Source) -> list[tuple[Any, ...]]:
    return source.connection.execute(f"FROM {source.relation_sql} ORDER BY ALL").fetchall()


def read(path: str | Path, **settings: Any) -> list[tuple[Any, ...]]:
    with open_source(str(path), SourceSettings(**settings), threads=1) as source:
        return rows(source)


def error(path: str | Path, **settings: Any) -> str:
    with pytest.raises(SourceError) as caught, open_source(str(path), SourceSettings(**settings)) as source:
        rows(source)
    text = str(caught.value)
    assert "\n" not in text
    return text


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


@pytest.mark.parametrize(
    ("sql_type", "value", "epoch"),
    [
        ("TIMESTAMP", "2020-01-01 00:00:01.5", 1577836801.5),
        ("TIMESTAMP_S", "2020-01-01 00:00:01", 1577836801.0),
        ("TIMESTAMP_MS", "2020-01-01 00:00:01.25", 1577836801.25),
        ("TIMESTAMP_NS", "2020-01-01 00:00:01.5", 1577836801.5),
        ("TIMESTAMPTZ", "2020-01-01 02:00:00+02", 1577836800.0),
        ("DATE", "2020-01-01", 1577836800.0),
        ("INTEGER", "7", 7.0),
        ("UBIGINT", "7", 7.0),
        ("HUGEINT", "-7", -7.0),
        ("DOUBLE", "7.5", 7.5),
        ("DECIMAL(18,3)", "7.5", 7.5),
        ("TIMESTAMP", "infinity", None),
        ("DATE", "-infinity", None),
        ("DOUBLE", "nan", None),
        ("DOUBLE", "-inf", None),
        ("DOUBLE", "1e300", None),
        ("TIMESTAMP", None, None),
    ],
)
def test_times(tmp_path: Path, sql_type: str, value: str | None, epoch: float | None) -> None:
    path = make_table(tmp_path / "shop.duckdb", {**TWO, "timestamp": sql_type}, [(1, "a", value)])
    assert read(path)[0][2] == epoch
    with open_source(path, SourceSettings()) as source:
        assert source.span.unknown_times == (epoch is None)
        assert (source.span.first, source.span.last) == (epoch, epoch)


def test_milliseconds_are_told_from_seconds(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", {**TWO, "timestamp": "BIGINT"}, [(1, "a", 1_600_000_000_000)])
    with open_source(path, SourceSettings()) as source, pytest.raises(ColumnError, match="milliseconds / 1000"):
        _ = source.span


@pytest.mark.parametrize("unit", [1e3, 1e6, 1e9])
@pytest.mark.parametrize("zeros", [0, 1])
def test_finer_units_are_told_from_seconds_beside_zeros(tmp_path: Path, unit: float, zeros: int) -> None:
    times = [0] * zeros + [int(1_600_000_000 * unit)] * 2
    path = make_table(
        tmp_path / "shop.duckdb", {**TWO, "timestamp": "BIGINT"}, [(n, "a", time) for n, time in enumerate(times)]
    )
    with open_source(path, SourceSettings()) as source, pytest.raises(ColumnError) as caught:
        _ = source.span
    assert f"holds {times[-1]} and the like in 2 of {len(times)} rows" in str(caught.value)


def test_digits_of_dates_are_told_from_seconds(tmp_path: Path) -> None:
    """Unless they are few, or most are no dates: seconds may look like a date."""
    times = {"user_id": "INTEGER", "item_id": "INTEGER", "timestamp": "INTEGER"}
    make_table(tmp_path / "shop.duckdb", times, [(1, 1, 20251231), (1, 2, 20260131), (1, 3, 0)])
    with open_source(str(tmp_path / "shop.duckdb"), SourceSettings()) as source, pytest.raises(ColumnError) as caught:
        _ = source.span
    assert "column 'timestamp' holds 20251231 and the like in 2 of 3 rows, which is a date in digits" in str(
        caught.value
    )
    assert "strptime(timestamp::VARCHAR, '%Y%m%d')" in str(caught.value)
    make_table(
        tmp_path / "real.duckdb", times, [(1, 1, 20251231), (1, 2, 20251331), (1, 3, 20251232), (1, 4, 1767225600)]
    )
    with open_source(str(tmp_path / "real.duckdb"), SourceSettings()) as source:
        assert source.span.last == 1767225600


def test_a_few_mistakes_do_not_make_a_column_milliseconds(tmp_path: Path) -> None:
    rows = [(n, "a", 1_600_000_000) for n in range(3)] + [(9, "a", 1_600_000_000_000)]
    path = make_table(tmp_path / "shop.duckdb", {**TWO, "timestamp": "BIGINT"}, rows)
    with open_source(path, SourceSettings()) as source:
        assert source.span.first == 1_600_000_000


@pytest.mark.parametrize("header", ["user_id,item_id", "User_ID,ITEM_ID"])
def test_ids_of_a_csv_file_stay_text_however_the_header_is_spelt(tmp_path: Path, header: str) -> None:
    """The guess of types sees the first rows only, where all ids are plain integers."""
    lines = [f"{n},{n}" for n in range(25_000)]
    (tmp_path / "events.csv").write_text("\n".join([header, *lines, "007,132E0"]))
    with open_source(str(tmp_path / "events.csv"), SourceSettings()) as source:
        assert (source.user_type, source.item_type) == ("VARCHAR", "VARCHAR")
        found = source.connection.execute(f"SELECT count(DISTINCT user_id) FROM {source.relation_sql}").fetchall()
        assert found == [(25_001,)]


def test_a_view_that_names_tables_of_its_own_file(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a")], table="events")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA mart; CREATE VIEW mart.ev AS FROM events; CREATE VIEW over AS FROM mart.ev")
    for table in ("mart.ev", "over"):
        assert read(path, table=table) == [(1, "a", None, None, None)]


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


def parquet(path: Path, sql: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")


def test_parquet_path_and_glob(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", "SELECT 1 AS user_id, 'x' AS item_id, 5 AS timestamp")
    parquet(tmp_path / "b.parquet", "SELECT 'y' AS item_id, 2 AS user_id")
    assert read(tmp_path / "a.parquet") == [(1, "x", 5.0, None, None)]
    assert read(tmp_path / "*.parquet") == [(1, "x", 5.0, None, None), (2, "y", None, None, None)]


def test_a_file_name_is_no_glob_where_the_file_exists(tmp_path: Path) -> None:
    parquet(tmp_path / "a[1]*?.parquet", "SELECT 1 AS user_id, 2 AS item_id")
    parquet(tmp_path / "a1.parquet", "SELECT 3 AS user_id, 4 AS item_id")
    assert [row[0] for row in read(tmp_path / "a[1]*?.parquet")] == [1]
    assert [row[0] for row in read(tmp_path / "a[[]1]*.parquet")] == [1]


def test_globs_that_mix_kinds(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", "SELECT 1 AS user_id, 2 AS item_id")
    (tmp_path / "a.csv").write_text("user_id,item_id\n1,2\n")
    assert "several kinds" in error(tmp_path / "a.*")
    (tmp_path / "broken.parquet").write_text("PAR1 no PAR1")
    assert "cannot be read" in error(tmp_path / "broken.parquet")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".tsv.gz"])
def test_csv(tmp_path: Path, delimiter: str, suffix: str) -> None:
    lines = [
        ["user_id", "item_id", "timestamp", "weight"],
        ["1", '"a ""b"" ,;|"', "2020-01-01", "2.5"],
        ["2", "c", "", ""],
    ]
    text = "\ufeff" + "\n".join(delimiter.join(line) for line in lines) + "\n"
    path = tmp_path / f"events{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    assert read(path) == [(1, 'a "b" ,;|', 1577836800.0, None, 2.5), (2, "c", None, None, None)]


def test_csv_ids_keep_their_zeros(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id\n007,1\n8,-2\n9,30\n")
    with open_source(str(path), SourceSettings()) as source:
        assert (source.user_type, source.item_type) == ("VARCHAR", "BIGINT")
        assert [row[:2] for row in rows(source)] == [("007", 1), ("8", -2), ("9", 30)]
    path.write_text("user_id,item_id\n1.0,99999999999999999999\n1,1\n")
    with open_source(str(path), SourceSettings()) as source:
        assert (source.user_type, source.item_type) == ("VARCHAR", "VARCHAR")


def test_csv_lines_are_never_comments(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id\n#1,2\n1,#2\n")
    assert [row[:2] for row in read(path)] == [("#1", "2"), ("1", "#2")]


def test_csv_errors(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,weight\n1,2,3\n1,2\n")
    assert "Line: 3" in error(path)
    assert "Found: 2" in error(path)
    path.write_text("user_id,item_id,weight\n" + "1,2,3\n" * 30_000 + "1,2,x\n")
    assert "Line: 30002" in error(path)
    path.write_text("")
    assert "is empty" in error(path)
    path.write_text("user,item\n1,2\n")
    assert "Its columns: 'user', 'item'" in error(path)
    path.write_bytes(b"user_id,item_id\xff\xfe\n")
    assert "UTF-8" in error(path)


def test_the_session_reads_nothing_else(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", TWO, [(1, "a")])
    (tmp_path / "other.csv").write_text("a\n1\n")
    with open_source(path, SourceSettings()) as source:
        for sql in (
            f"FROM read_csv('{tmp_path}/other.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/new.duckdb'",
            "SET enable_external_access = true",
            "SET memory_limit = '50GB'",
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


def test_iso_time() -> None:
    assert iso_time(None) is None
    assert iso_time(-1.5) == "1969-12-31T23:59:58.500000Z"
    assert iso_time(8e12) == "8000000000000 s"


def test_a_file_of_a_glob_without_an_id_column_is_named(tmp_path: Path) -> None:
    """Else its rows would be rows without ids."""
    (tmp_path / "a.csv").write_text("user_id,item_id\nann,100\n")
    for name, text in {"b": "user_id;item_id\nbob;100\n", "c": "bob,100\n"}.items():
        (tmp_path / f"{name}.csv").write_text(text)
        assert f"{name}.csv: has no column 'user_id', which others beside it have" in error(tmp_path / "*.csv")
        (tmp_path / f"{name}.csv").unlink()
    (tmp_path / "b.csv").write_text("ITEM_ID,USER_ID,weight\n100,bob,2\n")
    assert [row[:2] for row in read(tmp_path / "*.csv")] == [("ann", 100), ("bob", 100)]

    duckdb.execute(f"COPY (SELECT 'ann' AS user_id, 100 AS item_id) TO '{tmp_path}/a.parquet'")
    duckdb.execute(f"COPY (SELECT 'bob' AS user_id, 100 AS item) TO '{tmp_path}/b.parquet'")
    assert "b.parquet: has no column 'item_id', which others beside it have" in error(tmp_path / "*.parquet")
    duckdb.execute(f"COPY (SELECT 'bob' AS \"User_id\", 100 AS item_id) TO '{tmp_path}/b.parquet'")
    assert [row[:2] for row in read(tmp_path / "*.parquet")] == [("ann", 100), ("bob", 100)]
    assert "has no column 'item'; name one with --item-column" in error(tmp_path / "*.parquet", item_column="item")


@pytest.mark.parametrize(
    ("source", "file", "named"),
    [
        ("*.parquet", "out.parquet", True),
        ("*.parquet", "deep/out.parquet", False),
        ("*/out.parquet", "deep/out.parquet", True),
        ("**/*.parquet", "out.parquet", True),
        ("**/*.parquet", "a/b/c.parquet", True),
        ("a/**", "a/b/c.parquet", True),
        ("a/**/d.parquet", "a/b/c.parquet", False),
        ("link/*.parquet", "real/out.parquet", True),
        ("real/[a-n]*.parquet", "link/out.parquet", False),
        ("out.parquet", "out.parquet", True),
        ("out.parquet", "other.parquet", False),
        ("../*.parquet", "out.parquet", False),
    ],
)
def test_whether_a_glob_names_a_file(tmp_path: Path, source: str, file: str, named: bool) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert is_named(f"{tmp_path}/{source}", tmp_path / file) is named
    if named:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
        assert (tmp_path / file).resolve() in [
            Path(path).resolve() for path in find_files(f"{tmp_path}/{source}").paths
        ]


def in_folders(tmp_path: Path, files: dict[str, str], suffix: str = ".parquet") -> None:
    """Files of these SELECTs, in these folders."""
    for number, (folder, select) in enumerate(files.items()):
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({select}) TO '{place}/{number}{suffix}'")


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_names_of_folders_are_columns(tmp_path: Path, suffix: str) -> None:
    """By their spelling: ids keep their zeros, an id may have any character, one of the folders has none."""
    days = ("2026-01-01", "2026-01-02")
    users = ("007", "a%20b%2F[c]", "__HIVE_DEFAULT_PARTITION__")
    files = {f"u/day={day}/w=0.5/USER_ID={user}": f"SELECT '{user[:1]}' AS item_id" for user in users for day in days}
    in_folders(tmp_path, files, suffix)
    found = read(f"{tmp_path}/u/**/*{suffix}", timestamp_column="day", weight_column="w")
    first = 1767225600.0
    assert found == [
        (user, item, first + day * 86400, None, 0.5)
        for user, item in (("007", "0"), ("a b/[c]", "a"), (None, "_"))
        for day in (0, 1)
    ]


def test_ids_in_names_of_folders_are_numbers_where_nothing_is_lost(tmp_path: Path) -> None:
    in_folders(tmp_path, {f"item_id={item}/m=0{item}": "SELECT 5 AS user_id" for item in (1, 2)})
    with open_source(f"{tmp_path}/*/*/*.parquet", SourceSettings()) as source:
        assert (source.item_type, source.types["m"]) == ("BIGINT", "BIGINT")
        assert [row[1] for row in rows(source)] == [1, 2]


def test_columns_of_the_files_win_over_names_of_folders(tmp_path: Path) -> None:
    in_folders(
        tmp_path, {"run=1/timestamp=20260101": "SELECT 1 AS user_id, 2 AS item_id, TIMESTAMP '2026-01-01' AS timestamp"}
    )
    [row] = read(f"{tmp_path}/**/*.parquet")
    assert row == (1, 2, 1767225600.0, None, None)
    text = error(f"{tmp_path}/**/*.parquet", event_column="run")
    assert (
        "column 'run' stands in names of folders (run=...), which are not read, for the files have a column 'tim"
        in text
    )


def test_names_of_some_folders_are_no_columns(tmp_path: Path) -> None:
    in_folders(tmp_path, {"e/user_id=1": "SELECT 2 AS item_id", "e/more": "SELECT 3 AS item_id"})
    text = error(f"{tmp_path}/e/*/*.parquet")
    assert "column 'user_id' stands in names of folders (user_id=...), but not of all files; narrow the glob" in text
    assert read(f"{tmp_path}/e/user_id=*/*.parquet") == [(1, 2, None, None, None)]
    assert f"glob in quotes: '{tmp_path}/e/**/*.parquet'" in error(tmp_path / "e")
