"""The item table beside a graph: JSON that any language reads."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfrec.export.item_table import TableFacts, write_item_table


def test_a_column_has_one_type(tmp_path: Path) -> None:
    """Else a program that looks ids up finds the small ones and not the large ones."""
    table = pa.table({"item_id": [5, 2**53 + 1, None], "group": [1, 2**53, None]})
    as_json, _ = write_item_table(tmp_path / "g.onnx", table, TableFacts("g.onnx", "0" * 64, 3, 2, 3))
    assert json.loads(as_json.read_text())["items"] == {
        "item_id": ["5", str(2**53 + 1), None],
        "group": [1, 2**53, None],
    }


def test_numbers_that_json_has_not_are_null(tmp_path: Path) -> None:
    prices = [1.5, float("nan"), float("inf"), float("-inf"), None]
    table = pa.table({"item_number": pa.array(range(5), pa.int32()), "price": prices})
    facts = TableFacts("g.onnx", "0" * 64, n_items=5, top_k=2, padding=5)
    as_json, as_parquet = write_item_table(tmp_path / "g.onnx", table, facts)
    said = json.loads(as_json.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert said["items"]["price"] == [1.5, None, None, None, None]
    assert str(pq.read_table(as_parquet).column("price").to_pylist()) == "[1.5, nan, inf, -inf, None]"
