"""items.json: what the page knows of the model and of its items, by item number."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from selfrec import columns
from selfrec.catalog import Catalog
from selfrec.graph.surface import Surface
from selfrec.model_folder.manifest import FileEntry

FORMAT = 1


def page_items(catalog: Catalog, surface: Surface, graph: FileEntry, *, max_history: int, runtime_bytes: int) -> bytes:
    """The file's content: compact JSON, lists of N values where an entry is one an item.

    graph: the page's model.onnx. runtime_bytes: size of the WebAssembly file; with both sizes the page can show how
    far loading is.
    """
    names, details = labels(catalog)
    ids = [str(value) for value in catalog.item_ids.to_pylist()]
    values = {
        "format": FORMAT,
        "items": surface.n_items,
        "max_history": max_history,
        "ages": "ages" in surface.extra_inputs,
        "user_features": surface.user_features,
        "graph": graph.model_dump(),
        "runtime_bytes": runtime_bytes,
        "names": names,
        "ids": None if ids == names else ids,
        "details": details if any(details) else None,
        "popularity": [_short(value) for value in catalog.popularity.tolist()],
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def labels(catalog: Catalog) -> tuple[list[str], list[str]]:
    """Each item's name, as `Catalog.name` has it, and the text column after it, "" where there is none."""
    names, details = [""] * len(catalog), [""] * len(catalog)
    for column in _text_columns(catalog):
        for number, value in enumerate(column):
            if value and not names[number]:
                names[number] = value
            elif value and not details[number]:
                details[number] = value
    ids = catalog.item_ids
    return [name or str(ids[number].as_py()) for number, name in enumerate(names)], details


def _text_columns(catalog: Catalog) -> list[list[Any]]:
    fixed = (columns.ITEM_NUMBER, columns.ITEM_ID, columns.POPULARITY)
    table = catalog.table
    return [
        table.column(field.name).to_pylist() for field in table.schema if field.name not in fixed and _is_text(field)
    ]


def _is_text(field: pa.Field) -> bool:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _short(value: float) -> float | int:
    """Three digits are enough to show."""
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded.is_integer() else rounded
