"""Parquet and CSV files: paths, globs, folders, and what is wrong with them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfrec.settings.tables import SourceSettings
from selfrec.source.files import find_files, is_named
from selfrec.source.open import open_source
from tests.source.tables import error, read, rows


@pytest.mark.parametrize("header", ["user_id,item_id", "User_ID,ITEM_ID"])
def test_ids_of_a_csv_file_stay_text_however_the_header_is_spelt(tmp_path: Path, header: str) -> None:
    """The guess of types sees the first rows only, where all ids are plain integers."""
    lines = [f"{n},{n}" for n in range(25_000)]
    (tmp_path / "events.csv").write_text("\n".join([header, *lines, "007,132E0"]))
    with open_source(str(tmp_path / "events.csv"), SourceSettings()) as source:
        assert (source.user_type, source.item_type) == ("VARCHAR", "VARCHAR")
        found = source.connection.execute(f"SELECT count(DISTINCT user_id) FROM {source.relation_sql}").fetchall()
        assert found == [(25_001,)]


def parquet(path: Path, sql: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")


def test_parquet_path_and_glob(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", "SELECT 1 AS user_id, 'x' AS item_id, 5 AS timestamp")
    parquet(tmp_path / "b.parquet", "SELECT 'y' AS item_id, 2 AS user_id")
    assert read(tmp_path / "a.parquet") == [(1, "x", 5.0, None, None)]
    assert read(tmp_path / "*.parquet") == [(1, "x", 5.0, None, None), (2, "y", None, None, None)]


def test_a_file_that_a_glob_finds_in_several_ways_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    parquet(tmp_path / "a/b/x.parquet", "SELECT 1 AS user_id, 2 AS item_id")
    (tmp_path / "a/b/x.csv").write_text("user_id,item_id\n1,2\n")
    for suffix in ("parquet", "csv"):
        assert find_files(f"{tmp_path}/**/**/*.{suffix}").paths == (f"{tmp_path}/a/b/x.{suffix}",)
        assert len(read(tmp_path / f"**/**/*.{suffix}")) == 1


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


FURTHER_DOWN = [
    ("weight", "2", "1.75", (None, 1.75)),
    ("weight", "2", "x", "Could not convert string"),
    ("timestamp", "1767268800", "1767268800.75", (1767268800.75, None)),
    ("timestamp", "2026-01-01", "2026-01-01 12:00:00", (1767268800.0, None)),
    ("timestamp", "2026-01-01", "2026-01-01T12:00:00+02:00", (1767261600.0, None)),
    ("timestamp", "2026-01-01 10:00:00", "2026-01-01 12:00:00+02", (1767261600.0, None)),
    ("timestamp", "01/02/2026", "31/12/2025", (1767139200.0, None)),
    ("timestamp", "01/02/2026", "31/12/2025 12:00", "Could not convert string"),
]


@pytest.mark.parametrize(("column", "usual", "last", "wanted"), FURTHER_DOWN, ids=lambda value: str(value))
def test_what_comes_after_the_rows_that_types_are_guessed_from(
    tmp_path: Path, column: str, usual: str, last: str, wanted: tuple[float | None, ...] | str
) -> None:
    """A whole number, a day or a time without an offset would be made of it, without a word."""
    path = tmp_path / "events.csv"
    path.write_text(f"user_id,item_id,{column}\n" + f"1,1,{usual}\n" * 25_000 + f"2,2,{last}\n")
    if isinstance(wanted, str):
        assert wanted in error(path)
    else:
        epoch, weight = wanted
        assert read(path)[-1] == (2, 2, epoch, None, weight)


@pytest.mark.parametrize(
    ("last", "labels"), [("1.5", {"1.0", "1.5"}), ("view", {"1", "view"}), ("02", {"1", "2"}), ("3", {"1", "3"})]
)
def test_labels_that_begin_with_whole_numbers(tmp_path: Path, last: str, labels: set[str]) -> None:
    """1.5 would be counted as the event 2, and a name would be an error."""
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,kind\n" + "1,1,1\n" * 25_000 + f"2,2,{last}\n")
    if last == "1.5":
        assert "'kind' is DOUBLE" in error(path, event_column="kind")
    else:
        assert {row[3] for row in read(path, event_column="kind")} == labels


def test_a_late_fraction_beside_days_written_with_slashes(tmp_path: Path) -> None:
    """What holds the days does not take the exactness of the weights away."""
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,timestamp,weight\n" + "1,1,31/12/2026,2\n" * 25_000 + "2,2,31/12/2026,1.75\n")
    assert read(path)[-1] == (2, 2, 1798675200.0, None, 1.75)


@pytest.mark.parametrize(
    ("times", "order"),
    [
        (["01/02/2026", "12/11/2026"], "day/month/year"),
        (["01-02-2026 10:00:00"], "day-month-year"),
        (["01/02/26", "31/12/25"], "year/month/day"),
        (["01/02/2026 10:00:00 AM"], "month/day/year"),
        (["01/02/2026", "13/11/2026"], None),
        (["01/02/2026", "11/13/2026"], None),
        (["32/12/25"], None),
        (["2026/01/02"], None),
        (["2026-01-02"], None),
    ],
    ids=str,
)
def test_days_that_could_be_months_are_told(tmp_path: Path, times: list[str], order: str | None) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,timestamp\n" + "".join(f"1,{n},{time}\n" for n, time in enumerate(times)))
    with open_source(str(path), SourceSettings()) as source:
        assert source.span.unknown_times == 0
        told = [f"column 'timestamp': times are taken for {order}, " in note for note in source.mapping.guesses]
    assert told == ([True] if order else [])


def test_a_folder_is_not_looked_through_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfrec.source.files._MOST_FOLDERS", 2)
    for place in ("0/a.csv", "0/1/a.csv", "0/1/2/a.parquet"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("")
    assert f"'{tmp_path}/0/*.csv'" in error(tmp_path / "0")
    assert f"'{tmp_path}/0/1/2/*.parquet'" in error(tmp_path / "0/1/2")
    assert f"'{tmp_path}/**/*.csv'" in error(tmp_path)
    (tmp_path / "0/a.csv").unlink()
    assert f"'{tmp_path}/*.parquet'" in error(tmp_path)


def test_what_can_be_read_once_only_is_refused(tmp_path: Path) -> None:
    """It would be waited for without end."""
    for name in ("events.csv", "events.parquet", "events"):
        os.mkfifo(tmp_path / name)
        assert "is a pipe or device" in error(tmp_path / name)
    assert "events.csv: is a pipe or device" in error(tmp_path / "*.csv")
    assert "standard input is no source" in error("-")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_link_to_nowhere_is_no_matter_of_encoding_or_of_access(tmp_path: Path, suffix: str) -> None:
    link = tmp_path / f"events.{suffix}"
    link.symlink_to("nowhere")
    says = f"{link}: is a link to a file that is not there; mend it, or narrow the glob to others"
    assert error(tmp_path / f"*.{suffix}") == says


def test_suffixes_in_capitals(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "EVENTS.CSV.GZ", "wt") as file:
        file.write("user_id,item_id\n1,2\n")
    assert read(tmp_path / "EVENTS.CSV.GZ") == [(1, 2, None, None, None)]


def test_a_name_that_another_column_has_too(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,weight,timestamp\n1,2,3\n")
    assert read(path, item_column="weight", event_column="timestamp") == [(1, 2, None, "3", None)]


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    """DuckDB would take the first for the item and the second for another column."""
    path = tmp_path / "events.csv"
    for header, both in (("item_id,item_id", "'item_id'"), ("item_id,Item_ID", "'item_id' and 'Item_ID'")):
        path.write_text(f"user_id,{header}\n1,2,3\n")
        assert f"events.csv: has two columns {both}; rename one" in error(path)
        named = ["user_id", *header.split(",")]
        pq.write_table(pa.Table.from_arrays([pa.array([1])] * 3, names=named), tmp_path / "events.parquet")
        assert f"events.parquet: has two columns {both}; rename one" in error(tmp_path / "events.parquet")
    # A spreadsheet leaves columns without a name, and what stands inside a column is none.
    path.write_text("user_id,item_id,,,\n1,2,,,\n")
    assert read(path) == [(1, 2, None, None, None)]
    parquet(tmp_path / "nested.parquet", "SELECT {'item_id': [3, 4], 'b': 5} AS item, 2 AS item_id, 1 AS user_id")
    assert read(tmp_path / "nested.parquet") == [(1, 2, None, None, None)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_column_that_not_every_file_has_is_told(tmp_path: Path, suffix: str) -> None:
    for day, columns in ((1, "1 AS weight, 'view' AS Event"), (2, "'view' AS event"), (3, "'view' AS event")):
        (tmp_path / f"day={day}").mkdir()
        place = tmp_path / f"day={day}" / f"x.{suffix}"
        duckdb.execute(f"COPY (SELECT 1 AS user_id, 2 AS item_id, {columns}) TO '{place}'")
    with open_source(str(tmp_path / f"day=*/*.{suffix}"), SourceSettings(timestamp_column="day")) as source:
        assert source.mapping.guesses == [
            f"column 'weight' is not in 2 of 3 files, such as {tmp_path}/day=2/x.{suffix}: unknown in their rows"
        ]


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
