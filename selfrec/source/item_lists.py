"""Lists of items from files and tables: what to deny, to allow, to boost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from selfrec import columns
from selfrec.catalog import Catalog
from selfrec.errors import ColumnError, SourceError
from selfrec.histories import Float32, Int64
from selfrec.source.column_names import find_column
from selfrec.source.mapping import is_number
from selfrec.source.open import Source
from selfrec.source.places import Place, open_place
from selfrec.source.quoting import identifier
from selfrec.source.session import reading
from selfrec.source.text_files import INSTEAD, is_text_file, read_lines
from selfrec.words import plural


@dataclass(frozen=True, kw_only=True)
class ItemList:
    """Item ids from a file or table, as numbers of the catalog."""

    numbers: Int64
    """int64[rows] item numbers, ascending, each once."""
    weights: Float32
    """float32[rows] the weight column (the largest where an id repeats), 1 where none was asked for."""
    unknown: int
    """Different ids that are not in the catalog."""


def read_items(place: str, catalog: Catalog, *, source: Source | None = None, weighted: bool = False) -> ItemList:
    """The item ids of `place`: a table or view of the source, `file.duckdb::table`, a Parquet or CSV path, or a
    text file (.txt) with one id a line.

    The column is the source's item column, else `item_id`, else the only one. `weighted` asks for a column
    `weight` of numbers as well. Null ids are left out; the others are read as `Catalog.find` does.
    Raises SourceError or ColumnError.
    """
    if is_text_file(place):
        if weighted:
            raise SourceError(f"{place}: a text file has ids only; give weights in a CSV file with a column 'weight'")
        ids = spelt(read_lines(place), catalog)
        return _numbered(ids, np.ones(len(ids), dtype=np.float32), catalog)
    names = tuple(name for name in (source.columns[columns.ITEM_ID] if source else None, columns.ITEM_ID) if name)
    with open_place(place, source, names) as opened:
        column = opened.id_column(
            *names,
            option="rename it, or keep only the column with the item ids",
            is_id=catalog.could_have,
            instead=INSTEAD,
        )
        weight = _weight_column(opened) if weighted else "1.0"
        sql = f"""
            SELECT CAST({identifier(column)} AS VARCHAR) AS id, TRY_CAST({weight} AS FLOAT) AS weight
            FROM {opened.relation} WHERE {identifier(column)} IS NOT NULL"""
        with reading(opened.name):
            table = opened.connection.sql(sql).to_arrow_table()
    weights = np.asarray(table.column("weight").to_numpy(), dtype=np.float32)
    if not np.isfinite(weights).all():
        raise ColumnError(
            f"{opened.name}: column 'weight' is null or not finite in "
            f"{plural(int((~np.isfinite(weights)).sum()), 'row')}; give every item a number"
        )
    return _numbered(table.column("id").combine_chunks(), weights, catalog)


def spelt(ids: pa.Array, catalog: Catalog) -> pa.Array:
    """string[n] ids that a person wrote, without outer spaces unless the catalog has one that is written with them."""
    known = pc.is_in(ids, value_set=text_ids(catalog.item_ids))
    return pc.if_else(known, ids, pc.utf8_trim_whitespace(ids))


def text_ids(ids: pa.Array) -> pa.Array:
    """string[n] ids of any carried type."""
    return pc.cast(ids, pa.string())


def _weight_column(place: Place) -> str:
    found = find_column(place.types, columns.WEIGHT)
    if found is None or not is_number(place.types[found]):
        listed = ", ".join(f"{name} {sql_type}" for name, sql_type in place.types.items())
        raise ColumnError(f"{place.name}: a boost list needs a column 'weight' of numbers; its columns: {listed}")
    return identifier(found)


def _numbered(ids: pa.Array, weights: Float32, catalog: Catalog) -> ItemList:
    found = catalog.find(ids)
    unknown = len(pc.unique(ids.filter(pc.is_null(found))))
    known = np.asarray(pc.is_valid(found).to_numpy(zero_copy_only=False), dtype=np.bool_)
    numbers = np.asarray(found.drop_null().to_numpy(zero_copy_only=False), dtype=np.int64)
    order = np.lexsort((-weights[known], numbers))
    numbers, first = np.unique(numbers[order], return_index=True)
    return ItemList(numbers=numbers, weights=weights[known][order][first], unknown=unknown)
