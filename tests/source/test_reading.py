"""Reading for the scorer: every user once, exactly, in any number of shards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from selfrec.catalog import Catalog
from selfrec.errors import ColumnError, SourceError
from selfrec.settings.tables import Config
from selfrec.source import event_reading, listed_users
from selfrec.source.dataset import load_dataset
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader
from selfrec.source.user_shard import UserShard
from tests.catalogs import catalog_of
from tests.source.tables import DAY, lists, loose, make_table

COLUMNS = {"user_id": "INTEGER", "item_id": "VARCHAR", "timestamp": "BIGINT", "event": "VARCHAR"}
ROWS: list[tuple[Any, ...]] = [
    (1, "a", 0, "buy"),
    (1, "b", DAY, "buy"),
    (1, "a", 2 * DAY, "buy"),
    (1, "c", 3 * DAY, "hate"),
    (1, "zz", 4 * DAY, "buy"),
    (2, "zz", 0, "buy"),
    (3, "c", None, "buy"),
    (4, None, 0, "buy"),
    (5, "a", 0, "scroll"),
    (None, "a", 0, "buy"),
]


def catalog(*names: Any) -> Catalog:
    return catalog_of(pa.array(names, pa.uint64() if names[0] == 2**64 - 1 else None))


ABC = catalog("a", "b", "c")
EVENTS = {"events": {"buy": 1.0}, "cleaning": {"exclude_events": ["hate"]}}


def rows(shard: UserShard) -> dict[Any, list[tuple[int, float, float]]]:
    flat = list(zip(shard.items.tolist(), shard.weights.tolist(), shard.ages.tolist(), strict=True))
    return {
        user: flat[start:end]
        for user, start, end in zip(shard.user_ids.to_pylist(), shard.offsets[:-1], shard.offsets[1:], strict=True)
    }


def read(path: str, config: Config, items: Catalog = ABC, users: str | None = None) -> list[UserShard]:
    with open_source(path, config.source, threads=2) as source:
        reader = HistoryReader(source, config, items, users=users)
        shards = [reader.read(number) for number in range(reader.shards)]
        assert reader.users == sum(map(len, shards))
        return shards


def test_every_user_with_all_that_is_seen(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, ROWS)
    [shard] = read(path, loose(**EVENTS))
    log3 = float(np.float32(np.log2(3)))
    assert rows(shard) == {
        2: [],
        4: [],
        5: [],
        3: [(2, 1.0, 0.0)],
        # c was only seen; ages count back from the newest event, day 4.
        1: [(2, 0.0, 0.0), (1, 1.0, 3.0), (0, pytest.approx(log3), 2.0)],
    }
    assert list(rows(shard)) == [2, 4, 5, 3, 1]  # by length, then id
    assert shard.user_ids.type == pa.int32()
    histories = shard.histories(3, 500)
    assert lists(histories) == [[], [], [], [2], [1, 0]]
    assert lists(shard.histories(3, 1)) == [[], [], [], [2], [0]]


def test_no_user_is_too_short_or_too_busy(tmp_path: Path) -> None:
    rows_ = [(1, "a", 0, "buy")] + [(2, "a", time, "buy") for time in range(5000)]
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, rows_)
    [shard] = read(path, Config())
    assert {user: len(slots) for user, slots in rows(shard).items()} == {1: 1, 2: 1}


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("big") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT 'u' || (hash(r) % 700) AS user_id, hash(r + 1) % 50 AS item_id, "
            "1.6e9 + (hash(r + 2) % 100000) / 4 AS timestamp, (hash(r + 3) % 9) / 7.0 AS weight "
            "FROM range(20_000) t(r)"
        )
    return str(path)


FIFTY = catalog(*range(40))


def test_shards_hold_each_user_once_and_the_same(big: str) -> None:
    whole = [read(big, loose(cleaning={"half_life_days": 0.1}), FIFTY)][0]
    assert len(whole) == 1
    config = loose(cleaning={"half_life_days": 0.1}, scoring={"shard_rows": 3000})
    parts = read(big, config, FIFTY)
    assert len(parts) == 7
    together: dict[Any, Any] = {}
    for part in parts:
        assert not together.keys() & rows(part).keys()
        together |= rows(part)
        lengths = np.diff(part.offsets).tolist()
        ids = part.user_ids.to_pylist()
        assert sorted(zip(lengths, ids, strict=True)) == list(zip(lengths, ids, strict=True))
    assert together == rows(whole[0])
    assert len(together) == 700


def test_shards_are_the_same_in_every_run_and_order(big: str) -> None:
    config = loose(scoring={"shard_rows": 3000})
    first = read(big, config, FIFTY)
    with open_source(big, config.source, threads=1) as source:
        reader = HistoryReader(source, config, FIFTY)
        for number in (5, 0, 5, 2):
            shard = reader.read(number)
            assert shard.user_ids == first[number].user_ids
            for name in ("offsets", "items", "weights", "ages"):
                assert getattr(shard, name).tobytes() == getattr(first[number], name).tobytes()
        with pytest.raises(ValueError, match=r"not in 0\.\.6"):
            reader.read(7)


@pytest.mark.parametrize("shard_rows", [3000, 1_000_000])
def test_users_whose_hashes_are_equal_are_told_apart(
    big: str, monkeypatch: pytest.MonkeyPatch, shard_rows: int
) -> None:
    config = loose(scoring={"shard_rows": shard_rows})
    expected: dict[Any, Any] = {}
    for shard in read(big, config, FIFTY):
        expected |= rows(shard)
    for module in (listed_users, event_reading):
        monkeypatch.setattr(module, "HASH_SQL", "(hash(user_id) % 500)::UBIGINT")
    found: dict[Any, Any] = {}
    for shard in read(big, config, FIFTY):
        assert not found.keys() & rows(shard).keys()
        found |= rows(shard)
    assert found == expected


def test_users_who_come_while_files_are_read_are_left_out(tmp_path: Path) -> None:
    rows_ = [(user, item, 0, "buy") for user in range(5) for item in "ab"]
    place = tmp_path / "events.parquet"
    write = "COPY (SELECT * FROM (VALUES {}) t(user_id, item_id, timestamp, event)) TO '{}'"
    duckdb.execute(write.format(str(rows_)[1:-1], place))
    with open_source(str(place), Config().source) as source:
        reader = HistoryReader(source, Config(), ABC)
        assert reader.users == 5
        duckdb.execute(write.format(str([(9, "a", 0, "buy"), *rows_])[1:-1], place))
        shard = reader.read(0)
    assert sorted(shard.user_ids.to_pylist()) == [0, 1, 2, 3, 4]
    assert np.diff(shard.offsets).tolist() == [2, 2, 2, 2, 2]


def test_a_bad_row_far_down_is_an_error_of_the_source(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", {"x": "INT"}, [], "other")
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE VIEW interactions AS SELECT (i % 1000)::INTEGER AS user_id, "
            "CASE WHEN i = 2_900_000 THEN error('a bad row') ELSE 'a' END AS item_id FROM range(3_000_000) numbers(i)"
        )
    with open_source(path, Config().source) as source:
        reader = HistoryReader(source, Config(), ABC)
        assert reader.shards > 1
        with pytest.raises(SourceError, match="a bad row"):
            reader.read(0)


def test_shards_are_the_same_from_several_threads(big: str) -> None:
    config = loose(scoring={"shard_rows": 3000})
    first = read(big, config, FIFTY)
    with open_source(big, config.source) as source, ThreadPoolExecutor(4) as pool:
        shards = list(pool.map(HistoryReader(source, config, FIFTY).read, [*range(7), *range(7)]))
    for number, shard in enumerate(shards):
        assert shard.user_ids == first[number % 7].user_ids
        for name in ("offsets", "items", "weights", "ages"):
            assert getattr(shard, name).tobytes() == getattr(first[number % 7], name).tobytes()


def test_scoring_weighs_as_training_does(big: str) -> None:
    config = loose(cleaning={"half_life_days": 0.1}, training={"refit": "all"}, split={"kind": "random"})
    data = load_dataset(big, config)
    [shard] = read(big, config, data.catalog)
    scored = shard.histories(len(data.catalog), config.cleaning.max_history)
    order = np.argsort(np.array(shard.user_ids.to_pylist()), kind="stable")
    warm = [row for row in order if scored.lengths[row]]
    for name in ("offsets", "items", "weights", "ages"):
        assert getattr(scored.take(warm), name).tobytes() == getattr(data.refit, name).tobytes()


def test_listed_users(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, ROWS)
    listed = [("3", 1), ("99", 1), ("3", 2), (None, 1), ("1", 1)]
    make_table(Path(path), {"user_id": "BIGINT", "x": "INT"}, listed, "segment")
    (tmp_path / "users.csv").write_text("user_id,x\n3,1\n99,1\n3,2\n,1\n1,1\n")
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM read_csv('{tmp_path}/users.csv')) TO '{tmp_path}/users.parquet'")
    for place in ("segment", str(tmp_path / "users.csv"), str(tmp_path / "users.parquet")):
        [shard] = read(path, loose(**EVENTS), users=place)
        assert {user: len(slots) for user, slots in rows(shard).items()} == {99: 0, 3: 1, 1: 3}
        assert shard.user_ids.type == pa.int32()


def test_listed_users_of_a_parquet_source(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'u1' AS customer, 'a' AS item_id) TO '{tmp_path}/events.parquet'")
        connection.execute(f"COPY (SELECT 'u2' AS customer, 1 AS x) TO '{tmp_path}/users.parquet'")
    config = loose(source={"user_column": "customer"})
    [shard] = read(str(tmp_path / "events.parquet"), config, users=str(tmp_path / "users.parquet"))
    assert rows(shard) == {"u2": []}


def test_listed_users_of_a_text_file(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, ROWS)
    users = tmp_path / "users.txt"
    users.write_text("\ufeff3\r\n\n 099 \n3\n1", encoding="utf-8")
    [shard] = read(path, loose(**EVENTS), users=str(users))
    assert {user: len(slots) for user, slots in rows(shard).items()} == {99: 0, 3: 1, 1: 3}
    users.write_text("3\nbob\n")
    with pytest.raises(SourceError, match=r"users.txt: 'bob' is no INTEGER, .* \(1 such id in all\)"):
        read(path, loose(), users=str(users))
    with pytest.raises(SourceError, match=r"no.txt: there is no such file"):
        read(path, loose(), users=str(tmp_path / "no.txt"))
    # Text ids: outer spaces are meant where somebody has them.
    path = make_table(tmp_path / "text.duckdb", {"user_id": "VARCHAR", "item_id": "VARCHAR"}, [(" a", "b"), ("b", "c")])
    users.write_text(" a\n b \n c\n")
    [shard] = read(path, loose(), users=str(users))
    assert {user: len(slots) for user, slots in rows(shard).items()} == {" a": 1, "b": 1, "c": 0}


def test_user_list_errors(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, ROWS)
    make_table(Path(path), {"id": "INTEGER", "x": "INTEGER"}, [(1, 1)], "wrong")
    make_table(Path(path), {"user_id": "VARCHAR"}, [("bob",)], "text")
    for users, kind, words in [
        ("wrong", ColumnError, "has no column 'user_id'"),
        ("text", SourceError, "no INTEGER"),
        ("nothing", SourceError, "has no table 'nothing'"),
        (str(tmp_path / "no.csv"), SourceError, "no such file"),
    ]:
        with pytest.raises(kind, match=words):
            read(path, loose(), users=users)


def test_some_users(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, ROWS)
    config = loose(**EVENTS)
    with open_source(path, config.source) as source:
        reader = HistoryReader(source, config, ABC)
        whole = rows(reader.read(0))
        assert rows(reader.read_users(pa.array(["1", "99"]))) == {99: [], 1: whole[1]}
        assert rows(reader.read_users(pa.array([3, 3]))) == {3: whole[3]}
        with pytest.raises(SourceError, match="no INTEGER"):
            reader.read_users(pa.array(["bob"]))
        assert rows(reader.read(0)) == whole


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        ("HUGEINT", [str(2**100), str(-(2**100))]),
        ("UHUGEINT", [str(2**128 - 1), "0"]),
        ("UUID", [str(UUID(int=1)), str(UUID(int=2**127))]),
        ("UBIGINT", [2**64 - 1, 3]),
        ("TINYINT", [-128, 127]),
        ("VARCHAR", ["007", "7"]),
        ("DECIMAL(20,0)", [str(10**19), "-3"]),
    ],
)
def test_ids_are_mapped_exactly(tmp_path: Path, sql_type: str, values: list[Any]) -> None:
    path = make_table(
        tmp_path / "shop.duckdb", {"user_id": sql_type, "item_id": sql_type}, [(value, value) for value in values]
    )
    [shard] = read(path, loose(), catalog(*values))
    assert {user: slots[0][0] for user, slots in rows(shard).items()} == {values[0]: 0, values[1]: 1}


def test_a_model_of_one_integer_type_reads_another(tmp_path: Path) -> None:
    path = make_table(tmp_path / "a.duckdb", {"user_id": "INTEGER", "item_id": "SMALLINT"}, [(1, 7), (1, 8)])
    [shard] = read(path, loose(), catalog(8, 10**12, 7))
    assert sorted(item for item, _, _ in rows(shard)[1]) == [0, 2]
    [shard] = read(path, loose(), catalog("8", "007", "x"))
    assert [item for item, _, _ in rows(shard)[1]] == [0]


def test_a_source_without_rows(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, [])
    [shard] = read(path, loose())
    assert len(shard) == 0
    assert shard.histories(3, 5).offsets.tolist() == [0]


def test_a_first_line_of_an_id_is_no_header(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, ROWS)
    (tmp_path / "users.csv").write_text("99\n1\n")
    with pytest.raises(
        ColumnError, match="the name '99', which is an id; name the column 'user_id', in a CSV file by a"
    ):
        read(path, loose(**EVENTS), users=str(tmp_path / "users.csv"))
    (tmp_path / "users.csv").write_text("who\n99\n1\n")
    [shard] = read(path, loose(**EVENTS), users=str(tmp_path / "users.csv"))
    assert sorted(rows(shard)) == [1, 99]
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'u1' AS user_id, 'a' AS item_id) TO '{tmp_path}/events.parquet'")
    (tmp_path / "users.csv").write_text("u1\nu2\n")
    with pytest.raises(ColumnError, match="the name 'u1', which is an id"):
        read(str(tmp_path / "events.parquet"), loose(), users=str(tmp_path / "users.csv"))
    (tmp_path / "users.csv").write_text("u3\nu2\n")
    [shard] = read(str(tmp_path / "events.parquet"), loose(), users=str(tmp_path / "users.csv"))
    assert rows(shard) == {"u2": []}


def test_nobody_is_taken_for_somebody_near(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, ROWS)
    make_table(Path(path), {"user_id": "VARCHAR"}, [("0003",), (" 1 ",), ("3",)], "spelt")
    make_table(Path(path), {"user_id": "VARCHAR"}, [("3",), ("2.6",), ("1e0",), ("0x3",), ("2.6",)], "near")
    config = loose(**EVENTS)
    [shard] = read(path, config, users="spelt")
    assert sorted(rows(shard)) == [1, 3]
    with pytest.raises(SourceError, match=r"'near' of .*: '0x3' is no INTEGER, .* \(3 such ids in all\); correct them"):
        read(path, config, users="near")
    with open_source(path, config.source) as source:
        reader = HistoryReader(source, config, ABC)
        assert sorted(rows(reader.read_users(pa.array([" 1", "003"])))) == [1, 3]
        for text in ("2.6", "1e0", "0x3", "1_0", ""):
            with pytest.raises(SourceError, match=rf"user '{text}' is no INTEGER, as its users are; check --user"):
                reader.read_users(pa.array([text]))
