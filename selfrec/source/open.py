"""Open a SOURCE: a DuckDB file with a table, or Parquet and CSV files, as one canonical view of events."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import duckdb

from selfrec import columns
from selfrec.errors import ColumnError, SourceError
from selfrec.settings.tables import SourceSettings
from selfrec.source.column_names import find_column
from selfrec.source.csv_table import read_csv
from selfrec.source.files import Files, find_files
from selfrec.source.headers import file_columns
from selfrec.source.mapping import CAST_IN_A_VIEW, CAST_IN_FILES, Mapping, is_number, map_columns
from selfrec.source.partitions import Partitions, find_partitions
from selfrec.source.quoting import identifier
from selfrec.source.session import ATTACHED, attach, column_types, lock_down, reading, start_session
from selfrec.source.time_columns import check_kinds, several_kinds, text_times
from selfrec.words import plural

_VIEW = "selfrec_events"
LATEST_SECONDS = 1e11
"""Epoch numbers beyond this (year 5138 in seconds, 1973 in milliseconds) are no seconds."""
_FINER = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))
"""The units they may be in, and how many of each are a second."""
_NANOSECONDS = 1e20
"""Those beyond this (year 5138 in nanoseconds) are no times in any unit: unknown."""

_DIGITS_OF_A_DATE = (
    "stated BETWEEN 19000101 AND 21001231 AND stated % 10000 BETWEEN 101 AND 1231 AND stated % 100 BETWEEN 1 AND 31"
)
"""20260131. In seconds, all years from 1900 to 2100 are three weeks of August 1970."""


@dataclass(frozen=True)
class Span:
    """What one pass over the events tells."""

    rows: int
    """Rows with or without ids."""
    unknown_times: int
    """Rows whose time is null, not a number or infinite; 0 where there is no time column."""
    first: float | None
    """Epoch seconds of the oldest event; None where no time is known."""
    last: float | None
    """Epoch seconds of the newest event."""
    whole_seconds: bool
    """Whether every known time is a whole second."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """An open source. The canonical view has the columns user_id and item_id (the source's own types),
    epoch (DOUBLE seconds since 1970), event (VARCHAR) and weight (DOUBLE); the last three null where unknown.
    """

    path: str
    name: str
    """What errors call it: the path, or the table of it."""
    connection: duckdb.DuckDBPyConnection
    """A locked session that can read this source only. Temporary tables may be made in it."""
    mapping: Mapping
    raw_sql: str
    """Quoted SQL name of the table or files as they are."""
    types: dict[str, str] = field(repr=False)
    """All columns of the source and their SQL types."""
    tables: tuple[tuple[str, str], ...] = ()
    """(schema, name) of all tables and views of a DuckDB source."""
    parquet: Files | None = None
    """Its files where they are read anew by every query. A DuckDB file is held, CSV files are read once."""
    states: dict[str, tuple[int, ...] | None] = field(default_factory=dict, repr=False)
    """How these files were found."""
    row_by_row: bool = True
    """Whether its rows are read as they stand; False for a view, which may need memory for sums and joins."""

    @property
    def relation_sql(self) -> str:
        """Quoted SQL name of the canonical view."""
        return identifier(_VIEW)

    @property
    def columns(self) -> dict[str, str | None]:
        """The resolved mapping: user_id, item_id, timestamp, event, weight -> the column's name or None."""
        return self.mapping.columns

    @property
    def user_type(self) -> str:
        """SQL type name of the user ids."""
        return self.mapping.user_type

    @property
    def item_type(self) -> str:
        """SQL type name of the item ids."""
        return self.mapping.item_type

    @cached_property
    def span(self) -> Span:
        """Rows and time range. Raises ColumnError where most numbers of the time column are no epoch seconds."""
        column = self.columns[columns.TIMESTAMP]
        numbered = column is not None and is_number(self.mapping.time_type or "")
        stated = f"CAST({identifier(column)} AS DOUBLE)" if column is not None and numbered else "NULL::DOUBLE"
        sql = f"""
            SELECT count(*), count(epoch), min(epoch), max(epoch), coalesce(bool_and(epoch = floor(epoch)), true),
                count(stated), count(far), min(far), count(digits), min(digits)
            FROM (SELECT *, CASE WHEN stated BETWEEN {LATEST_SECONDS} AND {_NANOSECONDS} THEN stated END AS far,
                    CASE WHEN {_DIGITS_OF_A_DATE} THEN stated END AS digits
                FROM ({self.mapping.select(self.raw_sql, [f"{stated} AS stated"])}))"""
        with reading(self.name):
            [(rows, known, first, last, whole, times, *odd)] = self.connection.execute(sql).fetchall()
        far, least_far, digits, least_digits = odd
        where = (CAST_IN_A_VIEW if self.tables else CAST_IN_FILES).removeprefix("cast it ")
        # A few may be mistakes; and zeros, for want of a time, stand among milliseconds as well.
        wrong = [
            (far, least_far, f"no time in seconds; divide it {where} ({_in_seconds(least_far or 0)})"),
            (digits, least_digits, f"a date in digits; make it one {where} (strptime({column}::VARCHAR, '%Y%m%d'))"),
        ]
        for count, least, what in wrong:
            if count > times / 2:
                raise ColumnError(
                    f"{self.name}: column {column!r} holds {least:.0f} and the like in {count:,} of "
                    f"{plural(times, 'row')}, which is {what}"
                )
        return Span(rows, 0 if column is None else rows - known, first, last, whole)

    def fingerprint(self) -> dict[str, Any]:
        """rows, users, items, first and last (ISO 8601 in UTC, or None) and content, which is the engine's version
        and a hash of all rows that does not depend on their order. Never a user id.
        """
        hashed = "sum(hash(user_id, item_id, epoch, event, weight)) % 18446744073709551616"
        counted = [
            f"(SELECT count(*) FROM (SELECT DISTINCT {name} FROM {self.relation_sql} WHERE {name} IS NOT NULL))"
            for name in (columns.USER_ID, columns.ITEM_ID)
        ]
        with reading(self.name):
            [(users, items, content)] = self.connection.execute(
                f"SELECT {', '.join(counted)}, coalesce({hashed}, 0) FROM {self.relation_sql}"
            ).fetchall()
        return {
            "rows": self.span.rows,
            "users": users,
            "items": items,
            "first": iso_time(self.span.first),
            "last": iso_time(self.span.last),
            "content": f"duckdb-{duckdb.__version__}:{int(content):016x}",
        }

    def changed_file(self) -> str | None:
        """A file that is another one, or changed, since the source was opened."""
        now = {} if self.parquet is None else self.parquet.states()
        return next((path for path, state in now.items() if state != self.states[path]), None)

    def table_sql(self, name: str) -> str | None:
        """Quoted SQL name of a table or view of a DuckDB source, given as `name` or `schema.name`."""
        return find_table(self.tables, name)


@contextmanager
def open_source(
    path: str,
    settings: SourceSettings,
    *,
    memory_megabytes: int | None = None,
    threads: int | None = None,
    temp_directory: str | None = None,
    wait: float = 0.0,
) -> Iterator[Source]:
    """Open a source for reading; closed at the end of the `with`.

    path: a DuckDB file, or a path or glob of Parquet (.parquet, .pq) or CSV (.csv, .tsv, .gz of both) files.
    memory_megabytes: what DuckDB may use before it spills to temp_directory; None: half of what this process may have,
    for callers who hold all histories in memory besides. threads: None is all cores.
    wait: seconds to wait while another process writes to a DuckDB file.
    Raises SourceError (missing, foreign or locked file, missing table, ragged CSV row), ColumnError.
    """
    files = find_files(path)
    connection = start_session(memory_megabytes, threads, temp_directory)
    try:
        yield _source(path, files, connection, settings, wait)
    finally:
        connection.close()


def _in_seconds(number: float) -> str:
    """How a number beyond LATEST_SECONDS becomes seconds, in the coarsest unit that it can be meant in."""
    unit, a_second = next((one for one in _FINER if number / one[1] < LATEST_SECONDS), _FINER[-1])
    return f"{unit} / {a_second:.0f}"


def iso_time(epoch: float | None) -> str | None:
    """Epoch seconds as ISO 8601 in UTC; the plain number of seconds where the calendar ends."""
    if epoch is None:
        return None
    try:
        return (datetime(1970, 1, 1) + timedelta(seconds=epoch)).isoformat() + "Z"
    except OverflowError:
        return f"{epoch:.0f} s"


_VIEWS = "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = $name AND NOT internal"


def list_tables(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[str, str], ...]:
    """(schema, name) of every table and view of the attached file, schema main first."""
    sql = f"""
        SELECT schema_name, table_name FROM (
            SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $name AND NOT internal
            UNION ALL {_VIEWS})
        ORDER BY schema_name <> 'main', schema_name, table_name"""
    return tuple((row[0], row[1]) for row in connection.execute(sql, {"name": ATTACHED}).fetchall())


def find_table(tables: tuple[tuple[str, str], ...], name: str) -> str | None:
    """Quoted SQL name of `name` or `schema.name`; an exact name wins over letter case, main over other schemas."""
    for same in (str, str.lower):
        for schema, table in tables:
            if same(name) in (same(table), same(f"{schema}.{table}")):
                return _quoted(schema, table)
    return None


def _quoted(schema: str, table: str) -> str:
    return ".".join(map(identifier, (ATTACHED, schema, table)))


def _source(
    path: str, files: Files, connection: duckdb.DuckDBPyConnection, settings: SourceSettings, wait: float
) -> Source:
    parquet = files if files.kind == "parquet" else None
    states = {} if parquet is None else parquet.states()
    tables: tuple[tuple[str, str], ...] = ()
    views: set[str] = set()
    guesses: list[str] = []
    by_file: dict[str, dict[str, str]] = {}
    if files.kind == "duckdb":
        attach(connection, files.paths[0], wait=wait)
        tables = list_tables(connection)
        lock_down(connection)
        raw = _named_table(path, tables, settings.table)
        views = {_quoted(*found) for found in connection.execute(_VIEWS, {"name": ATTACHED}).fetchall()}
        what = f"table {settings.table!r} of {path}"
    else:
        lock_down(connection, files.allowed)
        what = path
        with reading(path):
            raw, guesses, by_file = _file_relation(connection, path, files, settings)
    with reading(what):
        types = column_types(connection, raw)
    cast = CAST_IN_A_VIEW if tables else CAST_IN_FILES
    mapping = map_columns(what, types, settings, cast=cast, shown=_shown(types, settings, by_file))
    check_kinds(what, mapping.columns[columns.TIMESTAMP], by_file)
    mapping.guesses.extend([*guesses, *_lacking(mapping, by_file)])
    with reading(what):
        if raw not in views:
            mapping.notes.extend(_texts_of_times(connection, raw, types, mapping, cast))
        connection.execute(f"CREATE TEMP VIEW {identifier(_VIEW)} AS {mapping.select(raw)}")
    return Source(
        path=path,
        name=what,
        connection=connection,
        mapping=mapping,
        raw_sql=raw,
        types=types,
        tables=tables,
        parquet=parquet,
        states=states,
        row_by_row=raw not in views,
    )


def _shown(types: dict[str, str], settings: SourceSettings, by_file: dict[str, dict[str, str]]) -> dict[str, str]:
    """What to call the types of columns that are not of one kind in all files, as far as they may be used."""
    wanted = (settings.timestamp_column or columns.TIMESTAMP, settings.weight_column or columns.WEIGHT)
    found = {name: several_kinds(name, by_file) for name in wanted if find_column(types, name) is not None}
    return {str(find_column(types, name)): kinds for name, kinds in found.items() if kinds is not None}


def _texts_of_times(
    connection: duckdb.DuckDBPyConnection, raw: str, types: dict[str, str], mapping: Mapping, cast: str
) -> Iterator[str]:
    """A line on text that looks like times, where no other column is or might be used for them."""
    if mapping.columns[columns.TIMESTAMP] is not None or mapping.notes:
        return
    used = set(mapping.columns.values())
    texts = [name for name, sql_type in types.items() if sql_type == "VARCHAR" and name not in used]
    for name in text_times(connection, raw, texts)[:1]:
        yield (
            f"no column is used for times; where the text in {name!r} tells them, {cast}, and name it with "
            "--timestamp-column"
        )


def _named_table(path: str, tables: tuple[tuple[str, str], ...], name: str) -> str:
    found = find_table(tables, name)
    if found is not None:
        return found
    names = [table if schema == "main" else f"{schema}.{table}" for schema, table in tables]
    if not names:
        raise SourceError(f"{path}: has no tables; name a DuckDB file with one")
    near = difflib.get_close_matches(name, names, n=1)
    hint = f", perhaps {near[0]!r}" if near else ""
    listed = ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    raise SourceError(f"{path}: has no table {name!r}; name one with --table{hint}. Its tables: {listed}")


def _file_relation(
    connection: duckdb.DuckDBPyConnection, path: str, files: Files, settings: SourceSettings
) -> tuple[str, list[str], dict[str, dict[str, str]]]:
    """What reads the files, what a person should know of it, and the columns of each file."""
    ids = (settings.user_column, settings.item_column)
    files.check_distinct()
    partitions = find_partitions(connection, files, ids)
    partitions.check(path, (*ids, settings.timestamp_column, settings.event_column, settings.weight_column))
    by_file = _columns_by_file(connection, files, ids, partitions)
    if files.kind == "parquet":
        return files.sql(ids, ids, partitions.types), [], by_file
    try:
        return (*read_csv(connection, files, partitions, settings), by_file)
    except duckdb.Error:
        # A guess of types that failed at a ragged row does not say which; plain reading does.
        for table in files.csv_as_text_sql():
            connection.execute(f"SELECT count(COLUMNS(*)) FROM {table}")
        raise


def _columns_by_file(
    connection: duckdb.DuckDBPyConnection, files: Files, ids: tuple[str, str], partitions: Partitions
) -> dict[str, dict[str, str]]:
    """The columns of each file and, of Parquet files, their SQL types; those in its folders' names included.

    A file without an id column would be read as rows without ids. Where none has it, it is misnamed: said later.
    """
    headers = file_columns(connection, files, ids)
    for wanted in ids:
        if find_column(partitions.types, wanted) is not None:
            continue
        without = [path for path, header in headers.items() if find_column(header, wanted) is None]
        if 0 < len(without) < len(headers):
            found = ", ".join(map(repr, list(headers[without[0]])[:20]))
            raise ColumnError(
                f"{without[0]}: has no column {wanted!r}, which others beside it have; leave it out of the glob, or "
                f"mend its header. {f'Its columns: {found}' if found else 'It is empty'}"
            )
    return {path: header | partitions.types for path, header in headers.items()}


def _lacking(mapping: Mapping, by_file: dict[str, dict[str, str]]) -> Iterator[str]:
    """A line on each column that some of the files do not have."""
    for name in (columns.TIMESTAMP, columns.EVENT, columns.WEIGHT):
        column = mapping.columns[name]
        without = [path for path, names in by_file.items() if column is not None and find_column(names, column) is None]
        if without:
            yield (
                f"column {column!r} is not in {len(without):,} of {len(by_file):,} files, such as {without[0]}: "
                "unknown in their rows"
            )
