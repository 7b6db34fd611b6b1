"""The rows of an old Parquet result that stay, and the new parts after them, as tables to be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from selfrec import columns
from selfrec.scoring.result_parts import id_values

_TABLE_ROWS = 1_000_000
"""Rows of a table, about: small row groups of many runs grow together, so a result does not crumble over the years."""
_STALE_ROWS = 1_000_000
"""Stale users looked up at a time, which bounds memory."""


def kept_and_new(old: list[Path], parts: list[Path], stale: Path, user_type: str) -> Iterator[pa.Table]:
    """All rows of the new result, in tables of about a million rows; at most three are in memory.

    old: Parquet files of the old result. parts: of the new one, with the same columns. stale: Parquet file with the
    user_id, in the carried form of user_type, of those whose old rows go. One empty table where no row is left.
    """
    waiting: list[pa.Table] = []
    rows = given = 0
    for table in _all_tables(old, parts, stale, user_type):
        if not table.num_rows and (waiting or given):
            continue
        waiting.append(table)
        rows += table.num_rows
        if rows >= _TABLE_ROWS:
            yield pa.concat_tables(waiting)
            given, rows, waiting = given + 1, 0, []
    if rows or not given:
        yield pa.concat_tables(waiting)


def _all_tables(old: list[Path], parts: list[Path], stale: Path, user_type: str) -> Iterator[pa.Table]:
    for table in _row_groups(old):
        yield table.filter(pa.array(~_stale_rows(table.column(columns.USER_ID), stale, user_type)))
    yield from _row_groups(parts)


def _row_groups(paths: Iterable[Path]) -> Iterator[pa.Table]:
    for path in paths:
        schema = pq.read_schema(path)
        # Text is copied by its dictionary: decoding an id for every row would take most of the time.
        text = [name for name in schema.names if pa.types.is_string(schema.field(name).type)]
        with pq.ParquetFile(path, read_dictionary=text) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group).replace_schema_metadata(None)
            if not file.num_row_groups:
                yield file.schema_arrow.empty_table().replace_schema_metadata(None)


def _stale_rows(users: pa.ChunkedArray, stale: Path, user_type: str) -> npt.NDArray[np.bool_]:
    """bool[rows]: whether the row belongs to a stale user."""
    found = np.zeros(len(users), dtype=np.bool_)
    with pq.ParquetFile(stale) as file:
        for batch in file.iter_batches(_STALE_ROWS):
            ids = _comparable(id_values(batch.column(0), user_type, "parquet"))
            at = 0
            for chunk in users.chunks:
                found[at : at + len(chunk)] |= _is_in(chunk, ids)
                at += len(chunk)
    return found


def _is_in(chunk: pa.Array, ids: pa.Array) -> npt.NDArray[np.bool_]:
    if isinstance(chunk, pa.DictionaryArray):
        inside = np.asarray(pc.is_in(chunk.dictionary, value_set=ids), dtype=np.bool_)
        rows: npt.NDArray[np.bool_] = inside[np.asarray(chunk.indices)]
        return rows
    return np.asarray(pc.is_in(_comparable(chunk), value_set=ids), dtype=np.bool_)


def _comparable(ids: pa.Array) -> pa.Array:
    return ids.storage if isinstance(ids.type, pa.BaseExtensionType) else ids
