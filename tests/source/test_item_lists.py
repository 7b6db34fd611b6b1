"""Lists of items to deny, allow and boost."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from selfrec.errors import ColumnError, SourceError
from selfrec.settings.tables import SourceSettings
from selfrec.source.item_lists import read_items
from selfrec.source.open import open_source
from tests.catalogs import catalog_of
from tests.source.tables import make_table

CATALOG = catalog_of(["7", "007", "a b"])


def test_text_file(tmp_path: Path) -> None:
    path = tmp_path / "deny.txt"
    path.write_text("\ufeffa b\r\n\n 007 \nunknown\nunknown\na b", encoding="utf-8")
    found = read_items(str(path), CATALOG)
    assert found.numbers.tolist() == [1, 2]
    assert found.weights.tolist() == [1.0, 1.0]
    assert found.unknown == 1
    with pytest.raises(SourceError, match="column 'weight'"):
        read_items(str(path), CATALOG, weighted=True)


def test_a_line_ends_where_a_line_ends(tmp_path: Path) -> None:
    """Other signs that Python ends lines at may stand in an id."""
    names = ["a\u2028b", "c\x85d", "e\x0cf", "a"]
    (tmp_path / "deny.txt").write_text("\n".join(names[:3]), encoding="utf-8")
    found = read_items(str(tmp_path / "deny.txt"), catalog_of(names))
    assert (found.numbers.tolist(), found.unknown) == ([0, 1, 2], 0)


def test_ids_with_outer_spaces_are_meant_where_there_are_such(tmp_path: Path) -> None:
    (tmp_path / "deny.txt").write_text("a \nb \n a\n  \n")
    found = read_items(str(tmp_path / "deny.txt"), catalog_of(["a ", "b"]))
    assert (found.numbers.tolist(), found.unknown) == ([0, 1], 1)


def test_columns_are_found_letter_case_aside(tmp_path: Path) -> None:
    (tmp_path / "boost.csv").write_text("why,Item_ID,WEIGHT\nsale,007,2.5\n")
    found = read_items(str(tmp_path / "boost.csv"), CATALOG, weighted=True)
    assert (found.numbers.tolist(), found.weights.tolist()) == ([1], [2.5])


def test_csv_and_parquet(tmp_path: Path) -> None:
    path = tmp_path / "boost.csv"
    path.write_text("weight,item_id\n1.5,007\n-2,7\n2.5,007\n9,nobody\n1,\n")
    found = read_items(str(path), CATALOG, weighted=True)
    assert found.numbers.tolist() == [0, 1]
    assert found.weights.tolist() == [-2.0, 2.5]  # the largest where an id repeats
    assert found.unknown == 1
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 7 AS sku) TO '{tmp_path}/deny.parquet'")
    assert read_items(str(tmp_path / "deny.parquet"), CATALOG).numbers.tolist() == [0]


def test_the_only_column_is_that_of_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "day=2026-01-01"
    folder.mkdir()
    (folder / "deny.csv").write_text("sku\n007\n")
    assert read_items(f"{tmp_path}/*/deny.csv", CATALOG).numbers.tolist() == [1]
    (folder / "deny.csv").rename(tmp_path / "deny.csv")
    (tmp_path / "item_id=a b").mkdir()
    (tmp_path / "deny.csv").rename(tmp_path / "item_id=a b" / "deny.csv")
    assert read_items(f"{tmp_path}/*/deny.csv", CATALOG).numbers.tolist() == [2]


def test_a_fraction_after_thousands_of_whole_weights(tmp_path: Path) -> None:
    """DuckDB guesses types from the first 20,480 rows, and rounds what comes after them."""
    (tmp_path / "boost.csv").write_text("item_id,weight\n" + "none,1\n" * 25_000 + "7,0.25\n")
    assert read_items(str(tmp_path / "boost.csv"), CATALOG, weighted=True).weights.tolist() == [0.25]


def test_tables_of_the_source(tmp_path: Path) -> None:
    path = make_table(tmp_path / "shop.duckdb", {"user_id": "INTEGER", "sku": "VARCHAR"}, [(1, "7")])
    make_table(Path(path), {"sku": "VARCHAR", "note": "VARCHAR"}, [("7", "x"), (None, "y")], "sold out")
    with open_source(path, SourceSettings(item_column="sku")) as source:
        assert read_items("sold out", CATALOG, source=source).numbers.tolist() == [0]
        assert read_items(f"{path}::sold out", CATALOG, source=source).numbers.tolist() == [0]
        with pytest.raises(ColumnError, match="needs a column 'weight' of numbers"):
            read_items("sold out", CATALOG, source=source, weighted=True)
        with pytest.raises(SourceError, match="has no table 'gone'"):
            read_items("gone", CATALOG, source=source)


def test_lists_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ColumnError, match="has no column 'item_id'"):
        read_items(str(tmp_path / "two.csv"), CATALOG)
    (tmp_path / "nan.csv").write_text("item_id,weight\n7,nan\n")
    with pytest.raises(ColumnError, match="is null or not finite in 1 row;"):
        read_items(str(tmp_path / "nan.csv"), CATALOG, weighted=True)
    with pytest.raises(SourceError, match="no such file"):
        read_items(str(tmp_path / "none.txt"), CATALOG)
    with pytest.raises(SourceError, match="no such file"):
        read_items(str(tmp_path / "none.parquet"), CATALOG)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 7.5::DOUBLE AS item_id) TO '{tmp_path}/float.parquet'")
    with pytest.raises(ColumnError, match="is DOUBLE"):
        read_items(str(tmp_path / "float.parquet"), CATALOG)


def test_numbers_are_read_as_numbers(tmp_path: Path) -> None:
    ids = pa.array([5000, 5001, 5002, 0], pa.int64())
    catalog = catalog_of(ids, item_type="BIGINT")
    (tmp_path / "deny.csv").write_text("item_id\n 5002 \n0005000\n5001.4\n5e3\n+5001\n0x1389\n-0\n000\n")
    found = read_items(str(tmp_path / "deny.csv"), catalog)
    assert (found.numbers.tolist(), found.unknown) == ([0, 2, 3], 5)
    (tmp_path / "deny.txt").write_text("\t5002 \n0005000\n5001.4\n")
    found = read_items(str(tmp_path / "deny.txt"), catalog)
    assert (found.numbers.tolist(), found.unknown) == ([0, 2], 1)

    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 5002::HUGEINT::DECIMAL(20,0) AS item_id) TO '{tmp_path}/deny.parquet'")
    assert read_items(str(tmp_path / "deny.parquet"), catalog).numbers.tolist() == [2]


def test_uuids_are_read_as_uuids(tmp_path: Path) -> None:
    ids = [f"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1{n}" for n in range(3)]
    catalog = catalog_of(pa.array(ids), item_type="UUID")
    lines = ["item_id", ids[0].upper(), f" {ids[2].replace('-', '')}", ids[1][:-1]]
    (tmp_path / "deny.csv").write_text("\n".join(lines))
    found = read_items(str(tmp_path / "deny.csv"), catalog)
    assert (found.numbers.tolist(), found.unknown) == ([0, 2], 1)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT '{ids[1]}'::UUID AS item_id) TO '{tmp_path}/deny.parquet'")
    assert read_items(str(tmp_path / "deny.parquet"), catalog).numbers.tolist() == [1]
    # In a catalog of text they are text.
    assert read_items(str(tmp_path / "deny.csv"), catalog_of(pa.array(ids), item_type="VARCHAR")).unknown == 3


def test_a_first_line_of_an_id_is_no_header(tmp_path: Path) -> None:
    """Where it is an id of the catalog, or a number where ids are numbers; else it is taken for a name."""
    numbers = catalog_of(pa.array([5000, 5001], pa.int64()), item_type="BIGINT")
    for name, content, catalog in [
        ("known.csv", "5000\n5001\n", numbers),
        ("unknown.csv", "\ufeff0077\n5001\n", numbers),
        ("alone.tsv", "5000", numbers),
        ("text.csv", "a b\n007\n", CATALOG),
    ]:
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(
            ColumnError, match=r"which is an id; name the column 'item_id', .*, or save .* a \.txt file"
        ):
            read_items(str(tmp_path / name), catalog)
        (tmp_path / name).with_suffix(".txt").write_text(content, encoding="utf-8")
        assert len(read_items(str((tmp_path / name).with_suffix(".txt")), catalog).numbers) in (1, 2)
    (tmp_path / "sku.csv").write_text("sku\n5000\n")
    assert read_items(str(tmp_path / "sku.csv"), numbers).numbers.tolist() == [0]
    (tmp_path / "new.csv").write_text("c d\n007\n")
    assert read_items(str(tmp_path / "new.csv"), CATALOG).numbers.tolist() == [1]
