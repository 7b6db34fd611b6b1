"""items.parquet, read with suspicion: its types, its numbering, and how large it gets when it is unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from selfrec import columns
from selfrec.catalog import Catalog
from selfrec.errors import ModelError, one_line
from selfrec.source.ids import carried_type
from selfrec.words import plural

MAX_UNPACKED = 8 * 2**30
"""Most bytes of the table in memory."""


def read_items(place: Path, n_items: int, item_type: str) -> Catalog:
    """The catalog of a model that scores n_items items, whose ids are of the SQL type item_type.

    Raises ModelError when the table is damaged, of other types, not numbered 0..N-1, when an id is missing or stands
    there twice, or when the file would unpack to more than anyone needs.
    """
    try:
        return Catalog(_read(place, n_items, item_type), item_type)
    except (OSError, pa.ArrowException, ValueError) as error:  # Pyarrow raises the last where text is no UTF-8.
        raise ModelError(f"{place}: cannot be read ({one_line(error)[:300]}); fit the model again") from error


def _read(place: Path, n_items: int, item_type: str) -> pa.Table:
    with pq.ParquetFile(place) as file:
        schema = file.schema_arrow
        _check_rows(place, file.metadata, n_items, len(schema))
        _check_types(place, schema, carried_type(item_type))
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
    # Text as a dictionary: a few bytes can say that one long text stands in every row.
    with pq.ParquetFile(place, read_dictionary=texts) as file:
        packed = file.read()
    unpacked = packed.nbytes + sum(_text_bytes(packed.column(name)) for name in texts)
    if unpacked > MAX_UNPACKED:
        raise _too_large(place, unpacked)
    plain = pa.schema([pa.field(field.name, field.type) for field in schema])
    table = packed.replace_schema_metadata(None).cast(plain).combine_chunks()
    table.validate(full=True)
    numbers = table.column(columns.ITEM_NUMBER)
    if numbers.null_count or not np.array_equal(numbers.to_numpy(), np.arange(n_items)):
        raise ModelError(f"{place}: item numbers are not 0..{n_items - 1} in order; fit the model again")
    ids = table.column(columns.ITEM_ID)
    if ids.null_count or pc.count_distinct(ids).as_py() != n_items:
        raise ModelError(f"{place}: an item id is missing or stands there twice; fit the model again")
    if not np.isfinite(table.column(columns.POPULARITY).to_numpy()).all():
        raise ModelError(f"{place}: a popularity is missing or no number; fit the model again")
    return table


def _check_rows(place: Path, metadata: pq.FileMetaData, n_items: int, width: int) -> None:
    rows = int(metadata.num_rows)
    if rows != n_items:
        raise ModelError(f"{place}: {plural(rows, 'item')}, but the graph scores {n_items:,}; fit the model again")
    said = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    unpacked = max(said, rows * width)
    if unpacked > MAX_UNPACKED:
        raise _too_large(place, unpacked)


def _check_types(place: Path, schema: pa.Schema, id_type: pa.DataType) -> None:
    wanted = {columns.ITEM_NUMBER: pa.int32(), columns.ITEM_ID: id_type, columns.POPULARITY: pa.float32()}
    if len(set(schema.names)) != len(schema):
        raise ModelError(f"{place}: has two columns of one name; fit the model again")
    for name, kind in wanted.items():
        if name not in schema.names:
            raise ModelError(f"{place}: no column {name!r}; fit the model again")
        if schema.field(name).type != kind:
            raise ModelError(f"{place}: column {name!r} is {schema.field(name).type}, not {kind}; fit the model again")
    for field in schema:
        if pa.types.is_nested(field.type) or isinstance(field.type, pa.BaseExtensionType):
            raise ModelError(f"{place}: column {field.name!r} is {field.type}, which selfrec does not write")


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes of a dictionary column's text once every row has its own."""
    total = 0
    for chunk in column.chunks:
        lengths = np.append(pc.fill_null(pc.binary_length(chunk.dictionary), 0).to_numpy(), 0).astype(np.int64)
        total += int(lengths[pc.fill_null(chunk.indices, -1).to_numpy()].sum())
    return total


def _too_large(place: Path, size: int) -> ModelError:
    return ModelError(f"{place}: unpacks to {size:,} bytes, more than selfrec reads ({MAX_UNPACKED:,})")
