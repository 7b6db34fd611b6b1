"""The item table beside a graph: JSON that any language reads."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfrec.export.item_table import TableFacts, user_numbers, write_item_table
from selfrec.side_columns import SideColumn, SideTable


def test_a_column_has_one_type(tmp_path: Path) -> None:
    """Else a program that looks ids up finds the small ones and not the large ones."""
    table = pa.table({"item_id": [5, 2**53 + 1, None], "group": [1, 2**53, None]})
    as_json, _ = write_item_table(tmp_path / "g.onnx", table, TableFacts("g.onnx", "0" * 64, 3, 2, 3, 500))
    assert json.loads(as_json.read_text())["items"] == {
        "item_id": ["5", str(2**53 + 1), None],
        "group": [1, 2**53, None],
    }


def test_numbers_that_json_has_not_are_null(tmp_path: Path) -> None:
    prices = [1.5, float("nan"), float("inf"), float("-inf"), None]
    table = pa.table({"item_number": pa.array(range(5), pa.int32()), "price": prices})
    facts = TableFacts("g.onnx", "0" * 64, n_items=5, top_k=2, padding=5, max_history=500)
    as_json, as_parquet = write_item_table(tmp_path / "g.onnx", table, facts)
    said = json.loads(as_json.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert said["items"]["price"] == [1.5, None, None, None, None]
    assert str(pq.read_table(as_parquet).column("price").to_pylist()) == "[1.5, nan, inf, -inf, None]"


def test_numbers_of_a_user_are_those_that_the_graph_was_trained_on() -> None:
    """A program that reads no model folder makes them by what stands there."""
    age = SideColumn(name="age", kind="numeric", mean=40.0, scale=8.0)
    city = SideColumn(name="city", kind="categorical", levels=("a", "b=c"))
    table = SideTable(place="people", key="id", columns=(age, city))
    people = pa.table({"age": [48.0, None, 4000.0], "city": ["b=c", "a", None]})
    made = []
    for person in people.to_pylist():
        row = []
        for one in user_numbers(table):
            value = person[one["column"]]
            if "level" in one:
                row.append(float(value == one["level"]))
            elif value is None:
                row.append(0.0)
            else:
                row.append(max(-one["most"], min(one["most"], (value - one["mean"]) / one["scale"])))
        made.append(row)
    assert made == table.encode(people).tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [10.0, 0.0, 0.0]]
    assert tuple(one["name"] for one in user_numbers(table)) == table.labels


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, facts = pa.table({"item_id": [5, 6]}), TableFacts("g.onnx", "0" * 64, 2, 2, 2, 500)
    as_json, as_parquet = write_item_table(tmp_path / "g.onnx", table, facts)
    before = as_json.read_bytes(), as_parquet.read_bytes()

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_item_table(tmp_path / "g.onnx", table.slice(1), facts)
    monkeypatch.undo()
    assert (as_json.read_bytes(), as_parquet.read_bytes()) == before
