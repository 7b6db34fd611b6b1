"""Item columns as plugins read them, and what of them a model folder keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfrec.catalog import Catalog
from selfrec.errors import ColumnError
from selfrec.settings.config import load_config
from selfrec.source.dataset import load_dataset
from selfrec.source.side_places import SidePlaces
from tests.catalogs import catalog_of
from tests.shop import make_shop


def catalog(**given: pa.Array) -> Catalog:
    return catalog_of(range(3), [3, 2, 1], **given)


def vectors(*rows: list[float] | None) -> pa.Array:
    return pa.array(rows, pa.list_(pa.float32()))


def test_texts_by_item_number() -> None:
    items = catalog(price=pa.array([1, 2, None]), title=pa.array(["a", None, "c"]), brand=pa.array(["x", "y", "z"]))
    assert items.texts() == ["a", "", "c"]
    assert items.texts("brand") == ["x", "y", "z"]
    assert items.texts("price") == ["1", "2", ""]


def test_vectors_by_item_number() -> None:
    items = catalog(own=vectors([1, 2], None, [3, float("nan")]))
    np.testing.assert_array_equal(items.vectors("own"), [[1, 2], [0, 0], [3, 0]])


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        (
            lambda items: items.texts("titel"),
            "the item table lacks a column 'titel'; give one with `selfrec fit --items` (its columns: price, own)",
        ),
        (
            lambda items: items.texts(),
            "the item table lacks a column of text; give one with `selfrec fit --items` (its columns: price, own)",
        ),
        (
            lambda items: items.vectors("price"),
            "the item table lacks a column 'price' of vectors (FLOAT[]); give one with `selfrec fit --items` "
            "(its columns: price, own)",
        ),
        (
            lambda items: items.vectors("own"),
            "item column 'own' has vectors of [1, 2] numbers; give all of one length",
        ),
    ],
)
def test_what_is_missing_is_named(ask: Callable[[Any], object], wanted: str) -> None:
    items = catalog(price=pa.array([1, 2, 3]), own=vectors([1], [1, 2], None))
    with pytest.raises(ColumnError) as raised:
        ask(items)
    assert str(raised.value) == wanted


def test_vectors_stay_out_of_the_folder(tmp_path: Path) -> None:
    catalog(title=pa.array(["a", "b", "c"]), own=vectors([1], [2], [3])).write(tmp_path / "items.parquet")
    assert pq.read_schema(tmp_path / "items.parquet").names == ["item_number", "item_id", "popularity", "title"]


@pytest.mark.parametrize("sql_type", ["FLOAT[2]", "FLOAT[]", "DOUBLE[]", "DOUBLE[2]"])
def test_vectors_of_a_table_reach_the_catalog(tmp_path: Path, sql_type: str) -> None:
    shop = make_shop(tmp_path / "shop.duckdb")
    with duckdb.connect(str(shop)) as con:
        con.execute(f"CREATE TABLE vectors AS SELECT item_id, [item_id, 0.5]::{sql_type} AS own FROM products")
    config = load_config(source={"table": "events"})
    items = load_dataset(str(shop), config, SidePlaces(items="vectors")).catalog
    np.testing.assert_array_equal(items.vectors("own")[:, 0], items.item_ids.to_numpy())
    assert (items.vectors("own")[:, 1] == 0.5).all()
