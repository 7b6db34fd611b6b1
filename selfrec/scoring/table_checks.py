"""What stands in a database under the names that a result, its fingerprints and the table of runs are to have.

The database is attached as `target`. Each check raises TargetError where a run may not write.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from selfrec import columns
from selfrec.errors import TargetError
from selfrec.scoring.companion import companion_table
from selfrec.scoring.result_parts import RESULT_COLUMNS
from selfrec.scoring.run_table import RUN_COLUMNS
from selfrec.source.fingerprints import FINGERPRINT
from selfrec.source.quoting import identifier
from selfrec.source.session import first_sentence

_COMPANION_COLUMNS = ("basis", columns.USER_ID, FINGERPRINT)


def in_target(table: str) -> str:
    """Quoted SQL name of a table of the database."""
    return f"target.main.{identifier(table)}"


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, bool]]:
    """Columns of what stands under this name, and whether it is a view; none where nothing does."""
    sql = """
        SELECT column_name, table_name IN (
            SELECT view_name FROM duckdb_views() WHERE database_name = 'target' AND schema_name = 'main')
        FROM duckdb_columns()
        WHERE database_name = 'target' AND schema_name = 'main' AND lower(table_name) = lower(?)
        ORDER BY column_index"""
    return [(str(name), bool(is_view)) for name, is_view in connection.execute(sql, [table]).fetchall()]


def check_schema(connection: duckdb.DuckDBPyConnection, database: Path, table: str) -> None:
    """A name like SCHEMA.TABLE would become a table of that very name in the schema main."""
    schema, dot, _ = table.partition(".")
    sql = "SELECT 1 FROM duckdb_schemas() WHERE database_name = 'target' AND lower(schema_name) = lower(?)"
    if dot and connection.execute(sql, [schema]).fetchall():
        raise TargetError(
            f"{database}::{table}: results go into the schema main; choose a name without {schema + dot!r}, and a view "
            f"{table} over it where one is wanted"
        )


def check_holders(connection: duckdb.DuckDBPyConnection, database: Path, table: str) -> None:
    """What stands under the names of the result, its companion and the table of runs must be of earlier runs."""
    try:
        _check_holder(connection, database, table, RESULT_COLUMNS)
        _check_holder(connection, database, companion_table(table), _COMPANION_COLUMNS)
        _check_runs(connection, database)
        _check_references(connection, database, table)
    except duckdb.Error as error:
        raise TargetError(f"{database}: cannot be read ({first_sentence(error)})") from error


def _check_holder(connection: duckdb.DuckDBPyConnection, database: Path, table: str, expected: tuple[str, ...]) -> None:
    found = columns_of(connection, table)
    name = f"{database}::{table}"
    if any(is_view for _, is_view in found):
        raise TargetError(f"{name}: is a view; choose another name for the result")
    if found and tuple(column for column, _ in found) != expected:
        raise TargetError(
            f"{name}: holds other columns than {', '.join(expected)}; "
            "choose another table for the result, or drop this one first"
        )


def _check_runs(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """The table of runs may have more columns, not less."""
    found = columns_of(connection, columns.RUNS)
    missing = [name for name in RUN_COLUMNS if name not in {column.lower() for column, _ in found}]
    if found and (missing or any(is_view for _, is_view in found)):
        what = f"has no column {missing[0]!r}" if missing else "is a view"
        raise TargetError(
            f"{database}::{columns.RUNS}: {what}, but runs are noted in a table of this name; "
            "rename this one first, or put the result into another database (--into FILE.duckdb::TABLE)"
        )


def _check_references(connection: duckdb.DuckDBPyConnection, database: Path, table: str) -> None:
    """DuckDB replaces no table that a foreign key of another one refers to."""
    sql = """
        SELECT table_name FROM duckdb_constraints()
        WHERE database_name = 'target' AND schema_name = 'main' AND constraint_type = 'FOREIGN KEY'
            AND lower(referenced_table) = lower($1) AND lower(table_name) <> lower($1)"""
    found = connection.execute(sql, [table]).fetchone()
    if found:
        raise TargetError(
            f"{database}::{table}: a foreign key of table {found[0]!r} refers to it, so it cannot be replaced; "
            f"make {found[0]!r} without that key, or choose another table for the result"
        )
