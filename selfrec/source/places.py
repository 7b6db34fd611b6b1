"""Side tables (users, items to deny or boost, item columns): in the source, in another DuckDB file, in files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from selfrec.errors import ColumnError, SourceError
from selfrec.source.column_names import find_columns
from selfrec.source.files import csv_header, find_files
from selfrec.source.headers import file_columns
from selfrec.source.ids import id_type
from selfrec.source.open import Source, find_table, list_tables
from selfrec.source.partitions import find_partitions
from selfrec.source.quoting import identifier
from selfrec.source.session import attach, column_types, lock_down, reading, start_session

_MEGABYTES = 256
_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Place:
    """An open side table."""

    name: str
    """What errors call it."""
    connection: duckdb.DuckDBPyConnection
    relation: str
    types: dict[str, str] = field(repr=False)
    """Its columns and their SQL types, in order."""
    folders: frozenset[str] = frozenset()
    """Those of them that stand in the names of folders."""

    def id_column(self, *names: str, option: str, is_id: Callable[[str], bool] | None = None, instead: str = "") -> str:
        """The first of these columns that is there, else the only column. Raises ColumnError.

        is_id: whether a text is an id; then a column of such a name is refused, for a CSV file without a header would
        lose its first id. instead: what else to do about it.
        """
        found = next(iter(find_columns(self.types, names)), None)
        own = [name for name in self.types if name not in self.folders]
        if found is None and len(own) == 1:
            found = own[0]
            if is_id is not None and is_id(found):
                raise ColumnError(
                    f"{self.name}: its only column has the name {found!r:.60}, which is an id; name the column "
                    f"{names[-1]!r}, in a CSV file by a first line{instead}"
                )
        if found is None:
            wanted = " or ".join(repr(name) for name in dict.fromkeys(names))
            raise ColumnError(f"{self.name} has no column {wanted}; {option}. Its columns: {', '.join(self.types)}")
        if id_type(self.types[found]) is None:
            raise ColumnError(
                f"{self.name}: column {found!r} is {self.types[found]}; ids are integers, text or UUID: cast it"
            )
        return found

    def copy_into(self, source: Source, table: str, select: str) -> None:
        """Make a temporary table of the source's session from a SELECT over this place, streaming."""
        target = identifier(table)
        with reading(self.name):
            if self.connection is source.connection:
                source.connection.execute(f"CREATE OR REPLACE TEMP TABLE {target} AS {select}")
                return
            stream = f"{table}_stream"
            source.connection.register(stream, self.connection.sql(select).to_arrow_reader(_BATCH_ROWS))
            try:
                source.connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT * FROM {identifier(stream)}"
                )
            finally:
                source.connection.unregister(stream)


@contextmanager
def open_place(place: str, source: Source | None, id_columns: Sequence[str]) -> Iterator[Place]:
    """Open a side table: `file.duckdb::table`, a Parquet or CSV path or glob, or a table or view of the source.

    id_columns: names of columns that hold ids, read as text from CSV files so that 007 stays 007.
    """
    file, separator, table = place.rpartition("::")
    if separator and not os.path.exists(place):
        with _open_table(place, file, table, source) as opened:
            yield opened
    elif os.path.exists(place) or source is None or source.table_sql(place) is None:
        with _open_files(place, source, id_columns) as opened:
            yield opened
    else:
        relation = source.table_sql(place)
        assert relation is not None
        yield _place(f"table {place!r} of {source.path}", source.connection, relation)


def _place(name: str, connection: duckdb.DuckDBPyConnection, relation: str) -> Place:
    with reading(name):
        return Place(name, connection, relation, column_types(connection, relation))


@contextmanager
def _open_table(place: str, file: str, table: str, source: Source | None) -> Iterator[Place]:
    files = find_files(file)
    if files.kind != "duckdb":
        raise SourceError(f"{place}: {file} is no DuckDB file; give the path of the file alone")
    if source is not None and source.tables and Path(file).resolve() == Path(source.path).resolve():
        relation = source.table_sql(table)
        if relation is None:
            raise SourceError(_no_table(file, table, source.tables))
        yield _place(f"table {table!r} of {file}", source.connection, relation)
        return
    connection = start_session(_MEGABYTES, None, None)
    try:
        attach(connection, files.paths[0])
        tables = list_tables(connection)
        lock_down(connection)
        relation = find_table(tables, table)
        if relation is None:
            raise SourceError(_no_table(file, table, tables))
        yield _place(f"table {table!r} of {file}", connection, relation)
    finally:
        connection.close()


@contextmanager
def _open_files(place: str, source: Source | None, id_columns: Sequence[str]) -> Iterator[Place]:
    try:
        files = find_files(place)
    except SourceError as error:
        if source is not None and source.tables and not any(sign in place for sign in "*?[/\\"):
            raise SourceError(_no_table(source.path, place, source.tables) + ", and there is no such file") from error
        raise
    if files.kind == "duckdb":
        raise SourceError(f"{place}: is a DuckDB file; say which table: {place}::TABLE")
    text: tuple[str, ...] = ()
    if files.kind == "csv":
        header, _ = csv_header(files.paths[0], tuple(id_columns))
        text = tuple(find_columns(header, id_columns)) or tuple(header[:1])
    connection = start_session(_MEGABYTES, None, None)
    try:
        lock_down(connection, files.allowed)
        with reading(place):
            partitions = find_partitions(connection, files, tuple(id_columns))
            file_columns(connection, files, tuple(id_columns))
        opened = _place(place, connection, files.sql(tuple(id_columns), text, partitions.types, guess_from_all=True))
        yield replace(opened, folders=frozenset(partitions.types))
    finally:
        connection.close()


def _no_table(path: str, table: str, tables: tuple[tuple[str, str], ...]) -> str:
    names = ", ".join(repr(name if schema == "main" else f"{schema}.{name}") for schema, name in tables[:20])
    return f"{path}: has no table {table!r} (its tables: {names or 'none'})"
