"""Columns of times that cannot be used: of other types in some of the files, or text under another name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from selfrec.errors import ColumnError
from selfrec.source.column_names import find_column
from selfrec.source.mapping import is_number, is_time
from selfrec.source.quoting import identifier, literals

_LOOKED_AT = (10, 1000)
"""Rows that tell whether text is times. After a few, little of a wide table or of long text is left to look at."""
_NOTHING = '"NULL"'
"""The type of a Parquet column without a value, as Arrow writes it where it knows of none; DuckDB reads it as any."""
_DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y")
_FORMS = [day + time for day in _DAYS for time in ("", " %H:%M", " %H:%M:%S")]
"""How people write times, beside those that a cast takes."""


def several_kinds(column: str, by_file: Mapping[str, Mapping[str, str]]) -> str | None:
    """A file for each type of the column, where some hold moments, others numbers or text; else None.

    by_file: columns of each file and their SQL types, "" where they are not known.
    """
    seen: dict[str, str] = {}
    for path, types in by_file.items():
        name = find_column(types, column)
        if name is not None and types[name] not in ("", _NOTHING):
            seen.setdefault(types[name], path)
    if len(set(map(_kind, seen))) < 2:
        return None
    return " and ".join(f"{sql_type} in {path}" for sql_type, path in seen.items())


def _kind(sql_type: str) -> str:
    return "moments" if is_time(sql_type) else "numbers" if is_number(sql_type) else "text"


def check_kinds(what: str, column: str | None, by_file: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse files that cannot be read together. Raises ColumnError."""
    found = None if column is None else several_kinds(column, by_file)
    if found is not None:
        raise ColumnError(
            f"{what}: column {column!r} is {found}; write it alike into all of them, or narrow the glob to some"
        )


def text_times(connection: duckdb.DuckDBPyConnection, relation: str, names: Iterable[str]) -> list[str]:
    """Those of these text columns whose first values are all times. Raises duckdb.Error."""
    columns = list(names)
    for rows in _LOOKED_AT:
        told = _are_times(connection, relation, columns, rows)
        columns = [name for name in columns if told.get(name, True)]
    return [name for name in columns if name in told]


def _are_times(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], rows: int
) -> dict[str, bool]:
    """Whether the values of text columns are all times, by the name; in so many rows, without columns of nulls."""
    if not columns:
        return {}
    looked_at = f"SELECT {', '.join(map(identifier, columns))} FROM {relation} LIMIT {rows}"
    # The values one below the other: to plan an expression for each of 1,000 columns takes 15 s.
    found = connection.execute(
        "SELECT name, bool_and(TRY_CAST(value AS TIMESTAMPTZ) IS NOT NULL "
        f"OR try_strptime(value, {literals(_FORMS)}) IS NOT NULL) "
        f"FROM (UNPIVOT ({looked_at}) ON COLUMNS(*) INTO NAME name VALUE value) GROUP BY name"
    )
    return dict(found.fetchall())
