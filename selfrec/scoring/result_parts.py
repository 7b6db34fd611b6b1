"""The result of one shard as one Parquet file, which also says what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Literal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from selfrec import columns
from selfrec.files import sync
from selfrec.histories import Int32
from selfrec.scoring.kernel import Lists
from selfrec.source.user_shard import UserShard

RESULT_COLUMNS = (columns.USER_ID, columns.RANK, columns.ITEM_ID, columns.SCORE)

IdForm = Literal["carried", "parquet"]
"""`carried`: as selfrec.source.ids carries ids, for a database to restore. `parquet`: the nearest Parquet type."""

_NOTE = "selfrec"


@dataclass(frozen=True, kw_only=True)
class PartNote:
    """What a part was made from, and what its rows do not tell."""

    identity: str
    """Hash of the model and the options."""
    inputs: str
    """Hash of the shard's users and histories."""
    users: int
    cold_users: int
    rows: int


def part_name(number: int, run_id: str) -> str:
    """File name of a part.

    It holds the run, so that a reader who listed the parts of one result of a folder, and opens them after another
    took its place, finds none rather than a mix.
    """
    return f"part-{number:05d}-{run_id[:12]}.parquet"


def run_of_parts(paths: Iterable[Path]) -> str | None:
    """The start of the run's id in the names of parts; None where they are of several."""
    runs = {path.stem.rpartition("-")[2] for path in paths}
    return runs.pop() if len(runs) == 1 else None


def hash_shard(shard: UserShard) -> str:
    """sha256 of all that a shard's result depends on, beside model and options."""
    digest = hashlib.sha256()
    ids = pa.record_batch({columns.USER_ID: shard.user_ids}).serialize()
    digest.update(ids)
    for array in (shard.offsets, shard.items, shard.weights, shard.ages):
        digest.update(np.ascontiguousarray(array).data)
    if shard.user_features is not None:
        digest.update(np.ascontiguousarray(shard.user_features).data)
    return digest.hexdigest()


def id_values(ids: pa.Array, sql_type: str, form: IdForm) -> pa.Array:
    """[n] carried ids in the form of a part. HUGEINT and UHUGEINT stay text in Parquet, which has no such type."""
    if form == "carried" or not pa.types.is_string(ids.type):
        return ids
    if sql_type == "UUID":
        raw = pa.array([None if text is None else UUID(text).bytes for text in ids.to_pylist()], pa.binary(16))
        return pa.ExtensionArray.from_storage(pa.uuid(), raw)
    if sql_type.startswith("DECIMAL("):
        digits = int(sql_type[len("DECIMAL(") :].split(",")[0])
        values = [None if text is None else Decimal(text) for text in ids.to_pylist()]
        return pa.array(values, pa.decimal128(digits, 0))
    return ids


def result_table(lists: Lists, user_ids: pa.Array, item_ids: pa.Array) -> pa.Table:
    """Rows user_id, rank, item_id, score of U users' lists; empty places give no row.

    user_ids: U ids. item_ids: N ids by item number. Both id columns are dictionaries, so that an id that stands in
    many rows is written once.
    """
    filled = lists.scores > -np.inf
    users, length = filled.shape
    user_rows = np.repeat(np.arange(users, dtype=np.int32), filled.sum(axis=1))
    ranks = np.broadcast_to(np.arange(1, length + 1, dtype=np.int32), filled.shape)[filled]
    numbers = lists.items[filled]
    used = np.flatnonzero(np.bincount(numbers, minlength=len(item_ids)))
    codes = np.zeros(len(item_ids), dtype=np.int32)
    codes[used] = np.arange(len(used), dtype=np.int32)
    arrays = [
        _encoded(user_rows, user_ids),
        pa.array(ranks),
        _encoded(codes[numbers], item_ids.take(pa.array(used))),
        pa.array(lists.scores[filled]),
    ]
    return pa.table(arrays, names=list(RESULT_COLUMNS))


def _encoded(rows: Int32, ids: pa.Array) -> pa.Array:
    if isinstance(ids.type, pa.BaseExtensionType):  # Parquet cannot write dictionaries of these.
        return ids.take(pa.array(rows))
    return pa.DictionaryArray.from_arrays(pa.array(rows), ids)


def write_part(path: Path, table: pa.Table, note: PartNote) -> None:
    """Write a part under another name, force it to disk, and give it its name."""
    partial = path.with_name(f".{path.name}.partial")
    with open_writer(partial, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_NOTE: json.dumps(asdict(note), sort_keys=True)})
    sync(partial)
    partial.replace(path)
    sync(path.parent)


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A Parquet writer for result rows. The Arrow schema is left out, so that dictionaries read as plain columns."""
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[columns.USER_ID, columns.RANK, columns.ITEM_ID],
        write_page_checksum=True,
        dictionary_pagesize_limit=1 << 26,
        store_schema=False,
    )


def read_note(path: Path) -> PartNote | None:
    """What a part says of itself; None where it is none, or cut short."""
    try:
        return PartNote(**json.loads(pq.read_metadata(path).metadata[_NOTE.encode()]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def full_lists(path: Path, k: int) -> int:
    """Users of a part who have k items."""
    ranks = pq.read_table(path, columns=[columns.RANK]).column(0)
    return int(pc.sum(pc.equal(ranks, k)).as_py() or 0)


def is_sound(path: Path, rows: int) -> bool:
    """Whether a part has so many rows, and every page of it the checksum it was written with."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            found: int = sum(file.read_row_group(group).num_rows for group in range(file.num_row_groups))
            return found == rows
    except (OSError, pa.ArrowException):
        return False


def result_columns(path: Path) -> tuple[str, ...]:
    """Column names of a Parquet file; empty where it is none."""
    try:
        return tuple(pq.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return ()


def read_parts(parts: Iterable[Path]) -> Iterator[pa.Table]:
    """All parts, in order; one is in memory at a time."""
    for part in parts:
        with pq.ParquetFile(part) as file:
            yield file.read().replace_schema_metadata(None)


def join_tables(tables: Iterator[pa.Table], path: Path, note: dict[str, str] | None = None) -> int:
    """All tables, at least one, as row groups of one file, which may carry a note; the number of their rows."""
    first = next(tables)
    rows = 0
    with open_writer(path, first.schema) as writer:
        for table in chain([first], tables):
            writer.write_table(table)
            rows += table.num_rows
        writer.add_key_value_metadata(note or {})
    sync(path)
    return rows


def split_tables(tables: Iterable[pa.Table], name: Callable[[int], Path]) -> int:
    """Each table as a file of its own, named by its number; the number of their rows."""
    rows = 0
    for number, table in enumerate(tables):
        with open_writer(name(number), table.schema) as writer:
            writer.write_table(table)
        rows += table.num_rows
    return rows


def count_rows(paths: Iterable[Path]) -> int:
    """Rows of Parquet files."""
    return sum(pq.read_metadata(path).num_rows for path in paths)
