"""The columns of Parquet and CSV files, file by file."""

from __future__ import annotations

import duckdb

from selfrec.errors import ColumnError
from selfrec.source.files import Files


def file_columns(
    connection: duckdb.DuckDBPyConnection, files: Files, wanted: tuple[str, ...]
) -> dict[str, dict[str, str]]:
    """Columns of each file and their SQL types, by its path; those inside a nested column are none, and of CSV files
    the types are not known. wanted: as in `Files.sql`.

    Raises ColumnError for two columns of one name, letter case aside: DuckDB would take the first and call the second
    `item_id_1`, whichever was meant. DuckDB's errors.
    """
    if files.kind == "csv":
        found = {path: [(name, "") for name in names] for path, names in files.headers(wanted).items()}
    else:
        found = _parquet_columns(connection, files)
    for path, listed in found.items():
        seen: dict[str, str] = {}
        for name in filter(None, (name for name, _ in listed)):
            if name.lower() in seen:
                both = dict.fromkeys((seen[name.lower()], name))
                named = " and ".join(map(repr, both))
                raise ColumnError(f"{path}: has two columns {named}; rename one (letter case tells no columns apart)")
            seen[name.lower()] = name
    return {path: dict(listed) for path, listed in found.items()}


def _parquet_columns(connection: duckdb.DuckDBPyConnection, files: Files) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    inside = 0
    sql = (
        "SELECT file_name, name, duckdb_type, coalesce(num_children, 0) FROM parquet_schema({}) "
        "ORDER BY file_name, column_id"
    )
    for path, name, sql_type, children in connection.execute(sql.format(files.listed)).fetchall():
        if path not in found:
            found[path] = []  # The root, whose children the columns are.
        elif inside:
            inside += children - 1
        else:
            found[path].append((name, sql_type or ""))
            inside = children
    return found
