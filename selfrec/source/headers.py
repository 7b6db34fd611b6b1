"""The columns of Parquet and CSV files, file by file."""

from __future__ import annotations

import duckdb

from selfrec.errors import ColumnError
from selfrec.source.files import Files


def file_columns(connection: duckdb.DuckDBPyConnection, files: Files, wanted: tuple[str, ...]) -> dict[str, list[str]]:
    """Columns of each file, by its path; those inside a nested column are none. wanted: as in `Files.sql`.

    Raises ColumnError for two columns of one name, letter case aside: DuckDB would take the first and call the second
    `item_id_1`, whichever was meant. DuckDB's errors.
    """
    found = files.headers(wanted) if files.kind == "csv" else _parquet_columns(connection, files)
    for path, names in found.items():
        seen: dict[str, str] = {}
        for name in filter(None, names):
            if name.lower() in seen:
                both = dict.fromkeys((seen[name.lower()], name))
                named = " and ".join(map(repr, both))
                raise ColumnError(f"{path}: has two columns {named}; rename one (letter case tells no columns apart)")
            seen[name.lower()] = name
    return found


def _parquet_columns(connection: duckdb.DuckDBPyConnection, files: Files) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    inside = 0
    sql = "SELECT file_name, name, coalesce(num_children, 0) FROM parquet_schema({}) ORDER BY file_name, column_id"
    for path, name, children in connection.execute(sql.format(files.listed)).fetchall():
        if path not in found:
            found[path] = []  # The root, whose children the columns are.
        elif inside:
            inside += children - 1
        else:
            found[path].append(name)
            inside = children
    return found
