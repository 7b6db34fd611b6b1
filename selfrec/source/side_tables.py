"""Tables of user and item columns: read, checked, and put into the source's session by id.

The session's tables selfrec_user_columns and selfrec_item_columns have user_id (or item_id) in the source's own type,
each once, and the columns c0, c1, ... as DOUBLE or VARCHAR, null where unknown.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from selfrec import columns
from selfrec.errors import ColumnError, SourceError
from selfrec.histories import Float32
from selfrec.side_columns import SideColumn, SideTable, numeric_column
from selfrec.source.column_names import find_column
from selfrec.source.files import find_files
from selfrec.source.ids import exact_sql, is_one
from selfrec.source.mapping import is_number, require_column
from selfrec.source.open import Source
from selfrec.source.places import Place, open_place
from selfrec.source.quoting import identifier
from selfrec.source.session import reading
from selfrec.source.session_tables import FIT_CORE, FIT_ITEMS, FIT_USERS
from selfrec.words import plural

Side = Literal["user", "item"]
Kinds = dict[str, Literal["numeric", "categorical"]]
"""Columns and what each is, in order."""

_IDS = {"user": columns.USER_ID, "item": columns.ITEM_ID}
_CODES = {"user": (FIT_USERS, "u"), "item": (FIT_ITEMS, "i")}


@dataclass(frozen=True)
class StagedTable:
    """A table of user or item columns in the source's session."""

    source: Source
    side: Side
    name: str
    """What errors call it."""
    key: str
    kinds: Kinds
    """Its columns, in order."""
    left_out: tuple[str, ...]
    """Columns of other types than numbers, text and booleans, where none were asked for by name."""
    rows: int
    """Rows with an id that the source could have."""

    @property
    def relation(self) -> str:
        """The table of the session."""
        return f"selfrec_{self.side}_columns"

    @property
    def id_name(self) -> str:
        """user_id or item_id."""
        return _IDS[self.side]

    def select(self) -> str:
        """SQL list of the columns under their own names."""
        return ", ".join(f"c{place} AS {identifier(name)}" for place, name in enumerate(self.kinds))


def stage(
    source: Source,
    side: Side,
    place: str,
    *,
    wanted: Sequence[str] = (),
    key: str | None = None,
    kinds: Kinds | None = None,
) -> StagedTable:
    """Read and check the table at `place` (a table of the source, FILE.duckdb::TABLE, a Parquet or CSV file).

    wanted: its columns to take; all numbers, text and booleans when empty. key: its column of ids; named as in the
    source, or user_id (item_id), when None. kinds: the columns and what each was when the model was fitted.

    Raises SourceError for an id that stands there twice and for values that are no finite numbers, ColumnError for
    missing columns and those of a wrong type.
    """
    try:
        return _stage(source, side, place, wanted, key, kinds)
    except SourceError as error:
        if kinds is None:
            raise
        raise type(error)(f"{error}; --user-features names another place, or `none`") from error


def _stage(
    source: Source, side: Side, place: str, wanted: Sequence[str], key: str | None, kinds: Kinds | None
) -> StagedTable:
    default = _IDS[side]
    names = [name for name in (key, source.columns[default], default) if name is not None]
    with open_place(place, source, names) as opened:
        found = opened.id_column(*names, option=f"name its key like the source's {side} column")
        left_out: list[str] = []
        if kinds is None:
            kinds, left_out = _kinds(opened, found, wanted, side)
        else:
            _check_kinds(opened, kinds)
        sql_type = source.user_type if side == "user" else source.item_type
        listed = [
            f"CAST({identifier(name)} AS {'DOUBLE' if kind == 'numeric' else 'VARCHAR'}) AS c{place}"
            for place, (name, kind) in enumerate(kinds.items())
        ]
        text = f"CAST({identifier(found)} AS VARCHAR) AS id_text"
        opened.copy_into(
            source,
            f"selfrec_{side}_columns_text",
            f"SELECT {', '.join([text, *listed])} FROM {opened.relation} WHERE {identifier(found)} IS NOT NULL",
        )
        name = opened.name
    rows = _keyed(source, side, name, found, sql_type)
    staged = StagedTable(source, side, name, found, kinds, tuple(left_out), rows)
    _check_finite(staged)
    return staged


def learn(staged: StagedTable, place: str, *, min_users: int, max_levels: int) -> tuple[SideTable, int]:
    """How the columns become numbers, by the rows that are trained on (FIT_CORE); and how many ids of these are known.

    A level stands for itself when at least min_users users have it (of an item column: have such an item).
    Raises SourceError where no id of the table is one of these rows, ColumnError for too many levels.
    """
    table, code = _CODES[staged.side]
    connection = staged.source.connection
    trained = (
        f"FROM {staged.relation} JOIN {table} USING ({staged.id_name}) WHERE {code} IN (SELECT {code} FROM {FIT_CORE})"
    )
    with reading(staged.name):
        [(known,)] = connection.execute(f"SELECT count(*) {trained}").fetchall()
        if not known:
            raise SourceError(
                f"{staged.name}: no {staged.side} of the training rows is in its column {staged.key!r}; "
                f"name its key like the source's {staged.side} column, with the same ids"
            )
        learned = []
        for number, (name, kind) in enumerate(staged.kinds.items()):
            if kind == "numeric":
                values = connection.sql(
                    f"SELECT c{number} AS v {trained} AND c{number} IS NOT NULL ORDER BY {code}"
                ).to_arrow_table()
                learned.append(numeric_column(name, np.asarray(values.column("v").to_numpy(), dtype=np.float64)))
                continue
            found = connection.execute(
                f"SELECT c{number} FROM {FIT_CORE} JOIN {table} USING ({code}) "
                f"JOIN {staged.relation} USING ({staged.id_name}) WHERE c{number} IS NOT NULL "
                f"GROUP BY 1 HAVING count(DISTINCT u) >= {min_users} ORDER BY 1"
            ).fetchall()
            _check_levels(staged, name, len(found), min_users, max_levels)
            learned.append(SideColumn(name=name, kind="categorical", levels=tuple(row[0] for row in found)))
    return SideTable(place=place, key=staged.key, columns=tuple(learned)), int(known)


def by_code(staged: StagedTable, side_table: SideTable, rows: int, codes: str) -> Float32:
    """float32[rows, U] of the ids that `codes` (a relation of the id and code 0..rows-1) numbers; 0 where unknown."""
    with reading(staged.name):
        table = staged.source.connection.sql(
            f"SELECT code, {staged.select()} FROM {codes} AS codes JOIN {staged.relation} USING ({staged.id_name})"
        ).to_arrow_table()
    encoded = np.zeros((rows, len(side_table.labels)), dtype=np.float32)
    encoded[np.asarray(table.column("code").to_numpy(), dtype=np.int64)] = side_table.encode(table)
    return encoded


def kinds_of(side_table: SideTable) -> Kinds:
    """What `stage` must find again."""
    return {column.name: column.kind for column in side_table.columns}


def strange_levels(staged: StagedTable, side_table: SideTable) -> str | None:
    """A line on the columns of text that hold values and not one that the model knows: written otherwise, they count
    as unknown for everybody."""
    strange = []
    for number, column in enumerate(side_table.columns):
        if not column.levels:
            continue
        with reading(staged.name):
            [(held, found, one)] = staged.source.connection.execute(
                f"SELECT count(c{number}), count(*) FILTER (list_contains($levels, c{number})), min(c{number}) "
                f"FROM {staged.relation}",
                {"levels": list(column.levels)},
            ).fetchall()
        if held and not found:
            strange.append(f"{column.name!r} (such as {one!r:.60}, in the fit {column.levels[0]!r:.60})")
    return (
        f"{staged.name}: no value known to the model in column {', '.join(strange)}; all unknown" if strange else None
    )


def told(staged: StagedTable, side_table: SideTable, known: int, of: int, min_users: int) -> str:
    """A line for the report: known of so many ids are in the table."""
    left_out = f"; not taken: {', '.join(staged.left_out)}" if staged.left_out else ""
    bare = [column.name for column in side_table.columns if not column.labels]
    unread = f"; without a level of {plural(min_users, 'user')} or more: {', '.join(bare)}" if bare else ""
    return f"{staged.name} has {known:,} of {plural(of, staged.side)}{left_out}{unread}"


def _kinds(place: Place, key: str, wanted: Sequence[str], side: Side) -> tuple[Kinds, list[str]]:
    """The columns to take, and those that cannot be taken."""
    option = f"features.{side}_columns"
    named = [require_column(place.name, place.types, name, option) for name in wanted]
    kinds: Kinds = {}
    left_out = []
    for name in named or [name for name in place.types if name != key]:
        kind = _kind(place.types[name])
        if kind is not None:
            kinds[name] = kind
        elif named:
            raise ColumnError(
                f"{place.name}: column {name!r} is {place.types[name]}; features are numbers, text or booleans: "
                "cast it in a view or in the files"
            )
        else:
            left_out.append(name)
    if not kinds:
        raise ColumnError(
            f"{place.name}: has no column of numbers, text or booleans beside its key {key!r}; "
            "name another table, or cast its columns in a view or in the files"
        )
    return kinds, left_out


def _kind(sql_type: str) -> Literal["numeric", "categorical"] | None:
    if is_number(sql_type):
        return "numeric"
    return "categorical" if sql_type in ("VARCHAR", "BOOLEAN", "UUID") or is_one(sql_type, "ENUM(") else None


def _check_kinds(place: Place, kinds: Kinds) -> None:
    """The columns are there and still of the kind they had in the fit; numbers may be read as levels."""
    for name, kind in kinds.items():
        found = find_column(place.types, name)
        if found is None:
            raise ColumnError(
                f"{place.name} has no column {name!r}, which the model reads; its columns: {', '.join(place.types)}"
            )
        now = _kind(place.types[found])
        if now is None or (kind == "numeric" and now != "numeric"):
            raise ColumnError(
                f"{place.name}: column {name!r} is {place.types[found]}, but the model was fitted on "
                f"{'numbers' if kind == 'numeric' else 'text'} there; cast it in a view or in the files"
            )


def _keyed(source: Source, side: Side, name: str, key: str, sql_type: str) -> int:
    """The table by id in the source's type; rows with an id that the source cannot have are left out."""
    connection = source.connection
    text, table, id_name = f"selfrec_{side}_columns_text", f"selfrec_{side}_columns", _IDS[side]
    with reading(name):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {exact_sql('id_text', sql_type)} AS {id_name}, "
            f"* EXCLUDE (id_text) FROM {text} WHERE {id_name} IS NOT NULL"
        )
        connection.execute(f"DROP TABLE {text}")
        repeated = connection.execute(
            f"SELECT CAST({id_name} AS VARCHAR), count(*) FROM {table} GROUP BY {id_name} HAVING count(*) > 1 "
            "ORDER BY 1 LIMIT 1"
        ).fetchall()
        if repeated:
            raise SourceError(
                f"{name}: {side} {repeated[0][0]!r} stands {repeated[0][1]} times in column {key!r}; "
                "one row an id: choose it in a view or in the files"
            )
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


_LARGEST = 1e100
"""A number whose square is finite."""


def _check_finite(staged: StagedTable) -> None:
    for number, (name, kind) in enumerate(staged.kinds.items()):
        if kind != "numeric":
            continue
        [(wrong,)] = staged.source.connection.execute(
            f"SELECT count(*) FROM {staged.relation} WHERE NOT abs(c{number}) <= {_LARGEST}"
        ).fetchall()
        if wrong:
            raise SourceError(
                f"{staged.name}: column {name!r} holds NaN, infinity or more than {_LARGEST} in "
                f"{plural(int(wrong), 'row')}; make them null, which means unknown"
            )


def _check_levels(staged: StagedTable, name: str, found: int, min_users: int, max_levels: int) -> None:
    if found > max_levels:
        raise ColumnError(
            f"{staged.name}: column {name!r} has {plural(found, 'level')} of {plural(min_users, 'user')} or more, more "
            f"than features.max_levels = {max_levels}; name the columns to take in features.{staged.side}_columns, or "
            "group the levels in a view or in the files"
        )


def qualified(place: str, source_path: str) -> str:
    """`table` of a DuckDB source as FILE.duckdb::TABLE, so that it is found from another source; files as they are."""
    if "::" in place or os.path.exists(place) or find_files(source_path).kind != "duckdb":
        return place
    return f"{source_path}::{place}"
