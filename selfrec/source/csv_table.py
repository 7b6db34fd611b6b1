"""CSV files as a temporary table, with types that hold every row and not only those that DuckDB guesses them from."""

from __future__ import annotations

import duckdb

from selfrec import columns
from selfrec.settings.tables import SourceSettings
from selfrec.source.column_names import find_column, find_columns
from selfrec.source.files import Files
from selfrec.source.mapping import exact_types, is_time
from selfrec.source.partitions import Partitions
from selfrec.source.quoting import identifier
from selfrec.source.session import column_types

_TABLE = "selfrec_csv"
_TYPED = f"{_TABLE}_typed"


def read_csv(
    connection: duckdb.DuckDBPyConnection, files: Files, partitions: Partitions, settings: SourceSettings
) -> tuple[str, list[str]]:
    """Read CSV files once, for they are slow to parse: the name of what holds them, and what a person should know.

    Raises DuckDB's errors.
    """
    ids = (settings.user_column, settings.item_column)
    guessed = column_types(connection, files.sql(ids, ids, partitions.types))
    exact = exact_types({name: of for name, of in guessed.items() if name not in partitions.types}, settings)
    time = find_column(exact, settings.timestamp_column or columns.TIMESTAMP)
    try:
        _fill(connection, files, partitions, settings, exact)
    except duckdb.ConversionException:
        # Days written like 31/12/2026 are read only where DuckDB is left to find both their format and their type.
        left = {name: of for name, of in exact.items() if name != time}
        _fill(connection, files, partitions, settings, left)
    notes = []
    if time is not None and is_time(guessed[time]):
        notes = _day_or_month(connection, time, files.sniffed_sql(ids))
    types = column_types(connection, _TABLE)
    casts = {name: "BIGINT" for name in find_columns(types, ids) if _all_integers(connection, name)}
    casts |= {name: _label_type(connection, name) for name, of in exact.items() if of == types[name] == "VARCHAR"}
    listed = ", ".join(f"CAST({identifier(name)} AS {of}) AS {identifier(name)}" for name, of in casts.items())
    if not listed:
        return _TABLE, notes
    connection.execute(f"CREATE TEMP VIEW {_TYPED} AS SELECT * REPLACE ({listed}) FROM {_TABLE}")
    return _TYPED, notes


def _fill(
    connection: duckdb.DuckDBPyConnection,
    files: Files,
    partitions: Partitions,
    settings: SourceSettings,
    exact: dict[str, str],
) -> None:
    ids = (settings.user_column, settings.item_column)
    connection.execute(f"CREATE TEMP TABLE {_TABLE} AS SELECT * FROM {files.sql(ids, ids, partitions.types, exact)}")


def _day_or_month(connection: duckdb.DuckDBPyConnection, name: str, sniffed: str) -> list[str]:
    """A line where every row could be read with another order of day, month and year just as well: a wrong guess puts
    the events of a user out of order."""
    [(form,)] = connection.execute(f"SELECT coalesce(TimestampFormat, DateFormat, '') FROM {sniffed}").fetchall()
    part, most = ("year", 31) if form.startswith("%y") else ("day", 12)
    if not form.startswith(("%y", "%d", "%m")):
        return []
    [(largest,)] = connection.execute(
        f"SELECT max(date_part('{part}', {identifier(name)}) % 100) FROM {_TABLE}"
    ).fetchall()
    if largest is None or largest > most:
        return []
    order = form.replace("%Y", "year").replace("%y", "year").replace("%m", "month").replace("%d", "day").split(" %")[0]
    return [
        f"column {name!r}: times are taken for {order}, and no row tells whether they are; if not, write them like "
        "2026-01-31"
    ]


def _all_integers(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a text column is integers, written the one way that an integer column would give back.

    DuckDB's own guess would turn the id 007 into 7.
    """
    column = identifier(name)
    return _all(connection, name, f"CAST(TRY_CAST({column} AS BIGINT) AS VARCHAR) = {column}")


def _label_type(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The type of labels that begin as whole numbers: as integers, a 1.5 further down would become another label."""
    column = identifier(name)
    if _all(connection, name, f"TRY_CAST({column} AS BIGINT) = TRY_CAST({column} AS DOUBLE)"):
        return "BIGINT"
    return "DOUBLE" if _all(connection, name, f"TRY_CAST({column} AS DOUBLE) IS NOT NULL") else "VARCHAR"


def _all(connection: duckdb.DuckDBPyConnection, name: str, condition: str) -> bool:
    sql = f"SELECT coalesce(bool_and(coalesce({condition}, false)), false) FROM {_TABLE}"
    return bool(connection.execute(f"{sql} WHERE {identifier(name)} IS NOT NULL").fetchall()[0][0])
