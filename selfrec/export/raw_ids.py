"""The same graph with the user's own ids in place of item numbers, for runtimes that have ai.onnx.ml.

A LabelEncoder numbers `history` and `exclude`, and gives what it does not know the padding number; a table of ids
and a Gather name the items of the lists.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from onnx import ModelProto, TensorProto, helper

from selfrec.errors import ExportError
from selfrec.export.editing import Array, add_initializer, rename_reads, replace_nodes

ML_OPSET = 3
"""Of ai.onnx.ml: its LabelEncoder (since 2) maps int64 and strings to int64."""


def id_table(ids: pa.Array) -> Array:
    """The ids as a graph can hold them: int64[N] for whole numbers that fit, else text[N] (dtype object)."""
    if pa.types.is_integer(ids.type):
        try:
            return np.asarray(ids.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
        except pa.ArrowInvalid:
            pass
    return np.array(ids.cast(pa.string()).to_pylist(), dtype=object)


def padding_id(ids: Array) -> Any:
    """An id that no item has, to pad with: -1 or "" where they are free."""
    taken, text = set(ids.tolist()), ids.dtype == object
    free: Any = "" if text else -1
    while free in taken:
        free = free + "-" if text else free - 1
    return free


def with_ids(model: ModelProto, ids: Array) -> None:
    """Let the graph take and give ids[N]; an id it does not know counts for nothing. In place."""
    graph, text = model.graph, ids.dtype == object
    kind = TensorProto.STRING if text else TensorProto.INT64
    numbers = np.arange(len(ids), dtype=np.int64)
    keys = {"keys_strings": ids.tolist()} if text else {"keys_int64s": ids}
    numbering = {**keys, "values_int64s": numbers, "default_int64": len(ids)}
    before = []
    for name in ("history", "exclude"):
        rename_reads(graph, name, f"{name}_numbers")
        before.append(helper.make_node("LabelEncoder", [name], [f"{name}_numbers"], domain="ai.onnx.ml", **numbering))
    for value in [*graph.input, *graph.output]:
        if value.name in ("history", "exclude", "items"):
            value.type.tensor_type.elem_type = kind
    for node in graph.node:
        if "items" in node.input:
            raise ExportError("--raw-ids: the graph goes on computing with its list; fit the model again")
        node.output[:] = ["item_numbers" if name == "items" else name for name in node.output]
    # Where a list has no item, any number may stand: all of them name the padding.
    last = add_initializer(graph, "padding_number", np.array(len(ids), dtype=np.int64))
    table = add_initializer(graph, "item_ids", np.append(ids, np.array([padding_id(ids)], dtype=ids.dtype)))
    after = [
        helper.make_node("Min", ["item_numbers", last], ["item_places"]),
        helper.make_node("Gather", [table, "item_places"], ["items"]),
    ]
    replace_nodes(graph, [*before, *graph.node, *after])
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
