"""Columns of times that cannot be used: of other types in some of the files, or text under another name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from selfrec.errors import ColumnError
from selfrec.source.column_names import find_column
from selfrec.source.mapping import is_number, is_time
from selfrec.source.quoting import identifier, literals

_LOOKED_AT = 1000
"""Rows that tell whether text is times."""
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
        if name is not None and types[name]:
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
    if not columns:
        return []
    counted = (
        f"count({quoted}) > 0 AND count({quoted}) = count(*) FILTER (TRY_CAST({quoted} AS TIMESTAMPTZ) IS NOT NULL "
        f"OR try_strptime({quoted}, {literals(_FORMS)}) IS NOT NULL)"
        for quoted in map(identifier, columns)
    )
    looked_at = f"SELECT {', '.join(map(identifier, columns))} FROM {relation} LIMIT {_LOOKED_AT}"
    [found] = connection.execute(f"SELECT {', '.join(counted)} FROM ({looked_at})").fetchall()
    return [name for name, times in zip(columns, found, strict=True) if times]
