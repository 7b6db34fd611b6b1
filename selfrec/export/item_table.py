"""The item table beside an exported graph: what its numbers mean, for programs that read no model folder."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from selfrec import columns
from selfrec.export.conformance import EXACT
from selfrec.files import write_whole
from selfrec.histories import Int64
from selfrec.side_columns import MOST, SideTable

NUMBER_IN_MODEL = "model_item_number"


@dataclass(frozen=True)
class TableFacts:
    """What stands in the JSON before the items."""

    graph: str
    sha256: str
    n_items: int
    top_k: int
    padding: Any
    """Stands where a history or list has no item: the number N, or the padding id."""
    max_history: int
    """So many of the newest items go into a history, as they do in `selfrec score`."""
    user_features: tuple[dict[str, Any], ...] = ()
    """What each number of the input `user_features` is: `user_numbers`."""
    notes: tuple[str, ...] = ()


def write_item_table(target: Path, table: pa.Table, facts: TableFacts) -> list[Path]:
    """Write NAME.items.json and NAME.items.parquet beside `target`, NAME.onnx; their places.

    The JSON has one array a column, by item number: items["item_id"][7] is the id of item number 7.
    """
    as_json, as_parquet = _json_place(target), target.with_suffix(".items.parquet")
    values = {name: _json_column(table.column(name).to_pylist()) for name in table.column_names}
    content = {
        "graph": facts.graph,
        "graph_sha256": facts.sha256,
        "n_items": facts.n_items,
        "top_k": facts.top_k,
        "padding": facts.padding,
        "max_history": facts.max_history,
        "user_features": list(facts.user_features),
        "notes": list(facts.notes),
        "items": values,
    }
    packed = pa.BufferOutputStream()
    pq.write_table(table, packed, compression="zstd", store_schema=True)
    write_whole(as_json, json.dumps(content, ensure_ascii=False, allow_nan=False).encode())
    write_whole(as_parquet, packed.getvalue())
    return [as_json, as_parquet]


def user_numbers(table: SideTable) -> tuple[dict[str, Any], ...]:
    """What the graph's input `user_features` wants, in its order.

    Of a column of numbers (value - mean) / scale, at most `most` either way; of a level 1 where the user has it. 0 is
    "unknown".
    """
    said: list[dict[str, Any]] = []
    for column in table.columns:
        named: list[dict[str, Any]] = [{"name": label, "column": column.name} for label in column.labels]
        if column.kind == "numeric":
            said.append(named[0] | {"mean": column.mean, "scale": column.scale, "most": MOST})
        else:
            said += [one | {"level": level} for one, level in zip(named, column.levels, strict=True)]
    return tuple(said)


def has_item_table(target: Path) -> bool:
    """Whether an earlier export left the table of a graph of this name there. Beside a new graph it would be wrong."""
    begins = f'{{"graph": {json.dumps(target.name, ensure_ascii=False)}, "graph_sha256"'
    try:
        with _json_place(target).open(encoding="utf-8") as file:
            return file.read(len(begins)) == begins
    except (OSError, UnicodeDecodeError):
        return False


def _json_place(target: Path) -> Path:
    return target.with_suffix(".items.json")


def renumbered(table: pa.Table, kept: Int64) -> pa.Table:
    """The rows `kept` with item numbers from 0, and the numbers they have in the model."""
    rows = table.take(pa.array(kept))
    place = rows.column_names.index(columns.ITEM_NUMBER)
    fresh = pa.array(range(rows.num_rows), rows.column(columns.ITEM_NUMBER).type)
    old = rows.column(columns.ITEM_NUMBER)
    return rows.set_column(place, columns.ITEM_NUMBER, fresh).append_column(NUMBER_IN_MODEL, old)


def _json_column(values: list[Any]) -> list[Any]:
    """A column of one type: where one whole number is past what JavaScript holds exactly, all are text."""
    past = any(isinstance(value, int) and abs(value) > EXACT for value in values)
    return [_json_value(str(value) if past and value is not None else value) for value in values]


def _json_value(value: Any) -> Any:
    """What JSON has no type for as text; NaN and infinity, which JSON cannot write and only Python reads, as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | bool | float | int) else str(value)
