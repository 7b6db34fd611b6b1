"""The catalog: items numbered by popularity, with the item columns that were given.

Afterwards the items' numbers stand in FIT_CATALOG (see selfrec.source.session_tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from selfrec import columns
from selfrec.catalog import Catalog
from selfrec.errors import ColumnError
from selfrec.settings.tables import Config
from selfrec.source.cleaning import Cleaned
from selfrec.source.folding import SECONDS_A_DAY
from selfrec.source.ids import carried_sql, exact_sql, is_one
from selfrec.source.mapping import is_number, is_time
from selfrec.source.open import Source
from selfrec.source.places import Place, open_place
from selfrec.source.quoting import identifier
from selfrec.source.session import reading
from selfrec.source.session_tables import FIT_CATALOG, FIT_CORE, FIT_ITEMS, MAPPED_ITEMS
from selfrec.words import plural

_UNIT = 2**52
"""Decayed counts are added up as whole multiples of 1/2^52, which is exact in any order."""
_RESERVED = (columns.ITEM_NUMBER, columns.ITEM_ID, columns.POPULARITY)


def build_catalog(cleaned: Cleaned, config: Config, items: str | None) -> Catalog:
    """Number the items of FIT_CORE by popularity (time-decayed number of users), then by id as text.

    items: where the item columns stand (see load_dataset). Raises SourceError, ColumnError.
    """
    source = cleaned.source
    connection = source.connection
    with reading(source.name):
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {FIT_CATALOG} AS
            SELECT i, (row_number() OVER (ORDER BY popularity DESC, CAST(item_id AS VARCHAR)) - 1)::INTEGER AS number,
                   popularity, item_id
            FROM (SELECT i, ({_popularity_sql(cleaned, config)})::FLOAT AS popularity FROM {FIT_CORE} GROUP BY i)
            JOIN {FIT_ITEMS} USING (i)"""
        )
        table = connection.sql(
            f"SELECT number AS item_number, {carried_sql('item_id', source.item_type)} AS item_id, popularity "
            f"FROM {FIT_CATALOG} ORDER BY number"
        ).to_arrow_table()
    if items is not None:
        table = _with_item_columns(cleaned, table, items)
    return Catalog(table.combine_chunks(), source.item_type)


def use_catalog(cleaned: Cleaned) -> None:
    """Number the items as the catalog does that was mapped into the session (see reading.map_items)."""
    cleaned.source.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {FIT_CATALOG} AS "
        f"SELECT i, number FROM {FIT_ITEMS} JOIN {MAPPED_ITEMS} USING (item_id)"
    )


def _popularity_sql(cleaned: Cleaned, config: Config) -> str:
    """Sum over an item's users of 2^-(days before the newest event / half-life); unknown times count as oldest."""
    clock = cleaned.weighting.clock
    [(oldest, newest)] = cleaned.source.connection.execute(
        f"SELECT min(greatest(ticks, 1)), max(ticks) FROM {FIT_CORE}"
    ).fetchall()
    if clock is None or not newest or oldest >= newest:
        return "count(*)"
    ticks_a_day = clock.per_second * SECONDS_A_DAY
    half_life = config.pipeline.popularity_half_life_days or (newest - oldest) / ticks_a_day / 4
    days = f"({newest} - greatest(ticks, 1)) / {ticks_a_day!r}::DOUBLE"
    decayed = f"greatest(1, round({_UNIT} * pow(0.5::DOUBLE, {days} / {half_life!r}::DOUBLE)))"
    return f"sum(CAST({decayed} AS HUGEINT))::DOUBLE / {_UNIT}"


def check_items(source: Source, items: str) -> None:
    """Raises SourceError, ColumnError where there is no such table of item columns: before the long work begins."""
    with _item_place(source, items):
        pass


@contextmanager
def _item_place(source: Source, items: str) -> Iterator[tuple[Place, str]]:
    """The table of item columns, and its column of ids."""
    names = (source.columns[columns.ITEM_ID] or columns.ITEM_ID, columns.ITEM_ID)
    with open_place(items, source, names) as place:
        yield place, place.id_column(*names, option="name its column of item ids")


def _with_item_columns(cleaned: Cleaned, table: pa.Table, items: str) -> pa.Table:
    """The catalog's table with the given columns of `items`, null where an item is not there."""
    source = cleaned.source
    with _item_place(source, items) as (place, key):
        chosen = _chosen(place, key, cleaned)
        # Not under their own names, of which one may be that of the ids.
        listed = ", ".join(f"{_plain(name, place.types[name])} AS c{at}" for at, name in enumerate(chosen))
        item = exact_sql(f"CAST({identifier(key)} AS VARCHAR)", source.item_type)
        # An item that stands there twice gives its first row in the order of the rows' text.
        place.copy_into(
            source,
            "fit_item_columns",
            "SELECT *, max(CAST(listed AS VARCHAR)) OVER (PARTITION BY item_text) <> CAST(listed AS VARCHAR) AS differ "
            f"FROM (SELECT CAST({item} AS VARCHAR) AS item_text, {listed} FROM {place.relation} "
            f"WHERE {item} IS NOT NULL) AS listed "
            "QUALIFY row_number() OVER (PARTITION BY item_text ORDER BY CAST(listed AS VARCHAR)) = 1",
        )
    own = ", ".join(f"c{at}" for at in range(len(chosen)))
    joined = source.connection.sql(
        f"SELECT {own}, item_text IS NOT NULL AS found, coalesce(differ, false) AS differ FROM {FIT_CATALOG} "
        "LEFT JOIN fit_item_columns ON item_text = CAST(item_id AS VARCHAR) ORDER BY number"
    ).to_arrow_table()
    # Added up in arrow: as a numpy array the flags would import pandas, where it is installed.
    known, differ = (pc.sum(joined.column(name)).as_py() or 0 for name in ("found", "differ"))
    several = f"; {differ:,} in several rows that differ: one of them is taken" if differ else ""
    cleaned.report.tell("item columns", f"{place.name} has {known:,} of {plural(len(table), 'item')}{several}")
    for position, name in enumerate(chosen):
        table = table.append_column(name, joined.column(position))
    return table


def _chosen(place: Place, key: str, cleaned: Cleaned) -> list[str]:
    """The item columns to keep: all of a simple type. The report names the others."""
    left_out = [name for name in place.types if name != key and (name in _RESERVED or not _simple(place.types[name]))]
    if left_out:
        cleaned.report.tell("item columns", f"not taken from {place.name}: {', '.join(left_out)}")
    chosen = [name for name in place.types if name != key and name not in left_out]
    if not chosen:
        raise ColumnError(f"{place.name}: has no item column beside {key!r} that can be kept")
    return chosen


def _simple(sql_type: str) -> bool:
    return (
        sql_type in ("VARCHAR", "BOOLEAN", "UUID")
        or is_one(sql_type, "ENUM(")
        or is_number(sql_type)
        or is_time(sql_type)
        or _is_vector(sql_type)
    )


def _is_vector(sql_type: str) -> bool:
    """An embedding: FLOAT[], DOUBLE[] or one of a fixed length. The parts see it, the model folder does not hold it."""
    return re.fullmatch(r"(FLOAT|DOUBLE)\[\d*\]", sql_type) is not None


def _plain(name: str, sql_type: str) -> str:
    """The column in a type that every reader of Parquet has."""
    if is_one(sql_type, "ENUM(") or sql_type in ("UUID", "HUGEINT", "UHUGEINT"):
        return f"CAST({identifier(name)} AS VARCHAR)"
    if _is_vector(sql_type):
        return f"CAST({identifier(name)} AS FLOAT[])"
    return identifier(name)
