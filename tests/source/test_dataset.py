"""The data set as a whole: numbering, item columns, and the same bytes whatever the order of the rows."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfrec.catalog import Catalog
from selfrec.errors import ColumnError, EmptyDataError, SourceError
from selfrec.histories import Histories
from selfrec.settings.tables import Config
from selfrec.source.dataset import Dataset, load_dataset, load_for_model
from selfrec.source.side_places import SidePlaces
from tests.source.tables import DAY, ids, lines, lists, loose, make_table

COLUMNS = {"user_id": "INTEGER", "item_id": "INTEGER", "timestamp": "DOUBLE", "weight": "DOUBLE"}
PLAIN = {"user_id": "INTEGER", "item_id": "VARCHAR"}


def digest(data: Dataset) -> str:
    """A hash of every array of a data set, the catalog and the report."""
    parts: list[Any] = [data.report, data.fingerprint, data.catalog.table.to_pydict()]
    histories = [data.train, data.refit]
    for holdout in (data.validation, data.test):
        histories += [holdout.inputs, holdout.targets]
        if holdout.also_seen is not None:
            histories.append(holdout.also_seen)
    for part in histories:
        parts += [array.tobytes() for array in (part.offsets, part.items, part.weights, part.ages)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def check(data: Dataset) -> None:
    """What holds for every data set."""
    n = len(data.catalog)
    popularity = data.catalog.popularity
    assert (popularity[:-1] >= popularity[1:]).all()
    for part in (data.train, data.refit, data.validation.inputs, data.test.inputs):
        assert part.n_items == n
        assert len(part) == 0 or part.lengths.min() >= 1
        assert (part.items >= 0).all()
        assert (part.items < n).all()
        assert (part.weights > 0).all()
        assert (part.ages >= 0).all()
        assert all(len(set(row)) == len(row) for row in lists(part))
    for holdout in (data.validation, data.test):
        seen = lists(holdout.also_seen) if holdout.also_seen is not None else [[]] * len(holdout)
        for shown, also, hidden in zip(lists(holdout.inputs), seen, lists(holdout.targets), strict=True):
            assert hidden
            assert not {*shown, *also} & {item for item in hidden if item < n}
            assert not set(shown) & set(also)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 7),
        st.sampled_from([None, 0.0, 0.5, DAY, 1.25 * DAY, 2.0 * DAY, 30.0 * DAY]),
        st.sampled_from([None, 0.1, 0.3, 1.0, 1.0, 2.7, -1.0]),
    ),
    min_size=15,
    max_size=60,
)
KINDS = ["leave-last", "temporal", "random", "users"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=EVENTS, kind=st.sampled_from(KINDS), data=st.data())
def test_any_order_and_any_number_of_threads(rows: list[tuple[Any, ...]], kind: str, data: st.DataObject) -> None:
    cleaning = {"half_life_days": 3.0, "max_history": 4, "min_users_per_item": 2, "exclude_events": []}
    config = loose(cleaning=cleaning, split={"kind": kind, "validation": 0.2, "test": 0.2, "fold_in": 0.6})
    with tempfile.TemporaryDirectory() as folder:
        one = make_table(Path(folder) / "one.duckdb", COLUMNS, rows)
        two = make_table(Path(folder) / "two.duckdb", COLUMNS, data.draw(st.permutations(rows)))
        first, second = outcome(one, config, 1), outcome(two, config, 4)
        if isinstance(first, Dataset):
            check(first)
            assert isinstance(second, Dataset)
            assert digest(first) == digest(second)
        else:
            assert first == second


def outcome(path: str, config: Config, threads: int) -> Dataset | str:
    """The data set, or the text of the error without the path."""
    try:
        return load_dataset(path, config, threads=threads)
    except (EmptyDataError, ColumnError) as error:
        return str(error).replace(path, "")


def test_many_rows_in_any_order_and_through_any_kind_of_file(tmp_path: Path) -> None:
    """Large enough for several row groups and threads; Parquet, CSV and DuckDB give one data set."""
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT hash(r) % 3000 AS user_id, 'item ' || (hash(r + 1) % 400) AS item_id, "
            "1.6e9 + (hash(r + 2) % 1000000) / 8 AS timestamp, (hash(r + 3) % 100) / 7.0 AS weight "
            "FROM range(300_000) t(r)"
        )
        connection.execute(f"COPY (FROM interactions ORDER BY weight) TO '{tmp_path}/a.parquet'")
        connection.execute(f"COPY (FROM interactions ORDER BY md5(item_id || timestamp)) TO '{tmp_path}/a.csv'")
    config = loose(cleaning={"half_life_days": 0.5, "max_events_robust": 12.0}, split={"kind": "leave-last"})
    found = [load_dataset(str(tmp_path / "shop.duckdb"), config, threads=threads) for threads in (1, 4)]
    found.append(load_dataset(str(tmp_path / "a.parquet"), config))
    check(found[0])
    assert {digest(data) for data in found} == {digest(found[0])}
    other = load_dataset(str(tmp_path / "a.csv"), config)
    assert other.user_type == "BIGINT"
    np.testing.assert_array_equal(other.train.items, found[0].train.items)
    np.testing.assert_array_equal(other.train.weights, found[0].train.weights)


def test_items_are_numbered_by_popularity_then_by_id_as_text(tmp_path: Path) -> None:
    pairs = [(user, item) for item, users in {"10": 3, "9": 2, "2": 2, "x": 1}.items() for user in range(users)]
    path = make_table(tmp_path / "shop.duckdb", PLAIN, pairs)
    data = load_dataset(path, loose(split={"kind": "random", "validation": 0.4, "test": 0.0}))
    table = data.catalog.table
    assert table.column_names == ["item_number", "item_id", "popularity"]
    assert table.schema.types == [pa.int32(), pa.string(), pa.float32()]
    assert table.to_pydict() == {
        "item_number": [0, 1, 2, 3],
        "item_id": ["10", "2", "9", "x"],
        "popularity": [3.0, 2.0, 2.0, 1.0],
    }
    assert (data.user_type, data.item_type) == ("INTEGER", "VARCHAR")
    assert data.columns["item_id"] == "item_id"
    assert data.fingerprint["items"] == 4


def test_popularity_decays(tmp_path: Path) -> None:
    rows = [(1, 1, 0.0, 1.0), (2, 1, 0.0, 1.0), (3, 1, 4.0 * DAY, 1.0), (1, 2, 8.0 * DAY, 1.0), (2, 3, None, 1.0)]
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, rows)
    split = {"kind": "random", "validation": 0.4, "test": 0.0}
    # The span is 8 days, so the half-life is 2: 1/16 + 1/16 + 1/4; 1; the unknown time counts as the oldest.
    data = load_dataset(path, loose(split=split))
    assert data.catalog.table.to_pydict()["item_id"] == [2, 1, 3]
    assert data.catalog.popularity.tolist() == [1.0, 0.375, 0.0625]
    data = load_dataset(path, loose(split=split, pipeline={"popularity_half_life_days": 4.0}))
    assert data.catalog.popularity.tolist() == [1.0, 1.0, 0.25]
    assert data.catalog.table.to_pydict()["item_id"] == [1, 2, 3]
    tiny = load_dataset(path, loose(split=split, pipeline={"popularity_half_life_days": 1e-6}))
    assert (tiny.catalog.popularity > 0).all()


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        ("HUGEINT", [2**100, -(2**100), 5]),
        ("UBIGINT", [2**64 - 1, 0, 5]),
        ("UHUGEINT", [2**128 - 1, 0, 5]),
        ("UUID", [UUID(int=value) for value in (1, 2**127, 5)]),
        ("VARCHAR", ["", " a'\"\n🙂", "007"]),
        ("DECIMAL(20,0)", [10**19, -3, 5]),
    ],
)
def test_ids_of_every_type_come_back(tmp_path: Path, sql_type: str, values: list[Any]) -> None:
    rows = [(user, item) for user in values for item in values]
    path = make_table(tmp_path / "shop.duckdb", {"user_id": sql_type, "item_id": sql_type}, rows)
    data = load_dataset(path, loose(split={"validation": 0.4, "test": 0.0}))
    assert (data.user_type, data.item_type) == (sql_type, sql_type)
    data.catalog.write(tmp_path / "items.parquet")
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        found = connection.execute(
            f"SELECT CAST(item_id AS {sql_type}) FROM read_parquet('{tmp_path}/items.parquet')"
        ).fetchall()
    assert sorted(str(row[0]) for row in found) == sorted(map(str, values))


PRODUCTS = {"item_id": "VARCHAR", "title": "VARCHAR", "price": "DECIMAL(9,2)", "tags": "VARCHAR[]", "popularity": "INT"}


def shop(tmp_path: Path) -> str:
    rows = [(user, item) for user in (1, 2, 3) for item in ("a", "b", "c")]
    path = make_table(tmp_path / "shop.duckdb", PLAIN, rows)
    products = [
        ("b", "Bread", 1.5, None, 1),
        ("a", "Zebra", 2, None, 1),
        ("a", "Apple", 2, None, 1),
        (None, "x", 0, None, 1),
    ]
    return make_table(Path(path), PRODUCTS, products, "products")


def test_columns_of_a_table_that_is_not_named(tmp_path: Path) -> None:
    rows = [(user, f"i{item}") for user in range(6) for item in range(6)]
    path = make_table(tmp_path / "shop.duckdb", {"user_id": "INTEGER", "item_id": "VARCHAR"}, rows)
    data = load_dataset(path, loose(features={"user_columns": ["age"]}))
    assert lines(data)["user features"][2] == "features.user_columns does nothing without --user-features"
    assert "item features" not in lines(data)


def test_item_columns(tmp_path: Path) -> None:
    path = shop(tmp_path)
    with duckdb.connect(path) as connection:
        connection.execute(f"COPY products TO '{tmp_path}/products.parquet'")
    make_table(tmp_path / "other.duckdb", PRODUCTS, [("c", "Cake", 1, None, 1)], "p")
    config = loose(split={"validation": 0.4, "test": 0.0})
    for place in ("products", f"{path}::products", str(tmp_path / "products.parquet")):
        data = load_dataset(path, config, SidePlaces(items=place))
        assert data.catalog.table.column_names == ["item_number", "item_id", "popularity", "title", "price"]
        # Of two rows of one item, the first by text; null where the item is not there.
        assert data.catalog.table.column("title").to_pylist() == ["Apple", "Bread", None]
        notes = [line.note for line in data.report if line.rule == "item columns"]
        assert notes[0].endswith("tags, popularity")
        assert notes[1].endswith("has 2 of 3 items; 1 in several rows that differ: one of them is taken")
        assert [data.catalog.name(number) for number in range(3)] == ["Apple", "Bread", "c"]
    data = load_dataset(path, config, SidePlaces(items=f"{tmp_path}/other.duckdb::p"))
    assert data.catalog.name(2) == "Cake"


def test_item_columns_of_any_name_and_rows_that_are_the_same(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", PLAIN, [(user, item) for user in (1, 2, 3) for item in "abc"])
    names = ("item_text", "differ", "found", "c0", "number", 'a"b')
    rows = [(item, *(f"{item} {name}" for name in names)) for item in "aab"]
    make_table(Path(path), dict.fromkeys(("item_id", *names), "VARCHAR"), rows, "products")
    data = load_dataset(path, loose(split={"validation": 0.4, "test": 0.0}), SidePlaces(items="products"))
    assert data.catalog.table.column_names[3:] == list(names)
    for name in names:
        assert data.catalog.table.column(name).to_pylist() == [f"a {name}", f"b {name}", None]
    assert [line.note for line in data.report if line.rule == "item columns"] == [
        f"table 'products' of {path} has 2 of 3 items"
    ]


def test_item_column_errors(tmp_path: Path) -> None:
    path = shop(tmp_path)
    config = loose(split={"validation": 0.4, "test": 0.0})
    make_table(Path(path), {"sku": "VARCHAR", "title": "VARCHAR"}, [("a", "Apple")], "keyless")
    make_table(Path(path), {"item_id": "VARCHAR", "tags": "VARCHAR[]"}, [("a", None)], "tagged")
    for items, words in [
        ("nothing", "has no table 'nothing'"),
        (f"{path}::nothing", "has no table 'nothing'"),
        (path, "say which table"),
        (str(tmp_path / "missing.csv"), "there is no such file"),
        ("keyless", "no column 'item_id'"),
        ("tagged", "no item column beside 'item_id'"),
    ]:
        with pytest.raises(SourceError, match=words):
            load_dataset(path, config, SidePlaces(items=items))


def test_a_catalog_that_is_handed_in_numbers_the_items(tmp_path: Path) -> None:
    rows = [(user, item) for user in (1, 2, 3) for item in ("a", "b", "c", "d", "e")]
    path = make_table(tmp_path / "shop.duckdb", PLAIN, rows)
    own = load_dataset(path, loose())
    table = pa.table(
        {
            "item_number": pa.array([0, 1, 2], pa.int32()),
            "item_id": ["z", "e", "a"],
            "popularity": pa.array([1, 1, 1], pa.float32()),
        }
    )
    data = load_for_model(path, loose(cleaning={"min_users_per_item": 9}), Catalog(table))
    assert data.catalog.table is table
    assert [sorted(i for i in row if i) for row in ids(data, data.test.inputs)] == [
        sorted(item for item in row if item in ("a", "e")) for row in ids(own, own.test.inputs)
    ]
    assert [row[0] for row in ids(data, data.test.targets)] == [
        row[0] if row[0] in ("a", "e") else None for row in ids(own, own.test.targets)
    ]
    # The model's own catalog gives the data set back.
    again = load_for_model(path, loose(), own.catalog)
    assert lists(again.test.inputs) == lists(own.test.inputs)
    assert lists(again.refit) == lists(own.refit)
    wrong = Catalog(table.set_column(1, "item_id", pa.array(["x", "y", "z"])))
    numbers = make_table(tmp_path / "numbers.duckdb", {"user_id": "INTEGER", "item_id": "INTEGER"}, [(1, 1), (1, 2)])
    with pytest.raises(SourceError, match="item ids are INTEGER, but no id of the model is"):
        load_for_model(numbers, loose(), wrong)


def test_the_report_adds_up(tmp_path: Path) -> None:
    rows = [(user, f"i{(user * 7 + step) % 40}") for user in range(60) for step in range(user % 9)]
    path = make_table(tmp_path / "shop.duckdb", PLAIN, rows)
    data = load_dataset(path, loose(cleaning={"min_users_per_item": 3, "min_items_per_user": 2, "max_history": 4}))
    chain = [line for line in data.report if not line.rule.endswith(" part")]
    for before, after in itertools.pairwise(chain):
        assert after.rows_before == before.rows_before - before.rows_dropped
    assert chain[0].rows_before == len(rows)
    assert chain[-1].rows_before - chain[-1].rows_dropped == len(data.train.items)
    assert lines(data)["test part"][0] >= len(data.test.targets.items)
    assert isinstance(data.train, Histories)
