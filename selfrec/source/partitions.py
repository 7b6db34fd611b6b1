"""Columns that stand in the names of folders: events/country=de/day=2026-01-01/part.parquet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import duckdb

from selfrec.errors import ColumnError
from selfrec.source.column_names import find_column
from selfrec.source.files import Files

_NULL = "__HIVE_DEFAULT_PARTITION__"
_FOLDER = re.compile("([^=]+)=([^=]*)")
_EXACT = re.compile("0|-?[1-9][0-9]{0,17}")
"""An integer written the one way that an integer column would give back: the id 007 is not 7."""
_INTEGER = re.compile("-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(_DATE.pattern + r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?")


@dataclass(frozen=True)
class Partitions:
    """What the folders of a source's files say."""

    types: dict[str, str] = field(default_factory=dict)
    """Columns that are read from the folders' names, and their SQL types."""
    unread: dict[str, str] = field(default_factory=dict)
    """Columns that are not, and what to do about it."""

    def check(self, path: str, wanted: Iterable[str | None]) -> None:
        """Raises ColumnError for a column that only the folders have, where they are not read."""
        for name in wanted:
            key = None if name is None else find_column(self.unread, name)
            if key is not None:
                raise ColumnError(f"{path}: column {name!r} stands in names of folders ({key}=...), {self.unread[key]}")


def find_partitions(connection: duckdb.DuckDBPyConnection, files: Files, ids: tuple[str, ...]) -> Partitions:
    """The columns that the paths of Parquet or CSV files spell out, where all of the files have the same.

    ids: names of columns that hold ids, which are numbers only where nothing is lost.
    Raises SourceError and DuckDB's errors.
    """
    folders = [_folders(path) for path in files.paths]
    keys = list(dict.fromkeys(key for values in folders for key in values))
    if not keys:
        return Partitions()
    own = {name.lower() for name in _own_columns(connection, files, ids)}
    lacking = [key for key in keys if key.lower() not in own]
    if any(len(values) != len(keys) for values in folders):
        return Partitions(
            unread=dict.fromkeys(lacking, "but not of all files; narrow the glob to those in such folders")
        )
    if len(lacking) < len(keys):
        # DuckDB would read all of them or none, and put the folder's value in the place of the file's.
        twice = next(key for key in keys if key.lower() in own)
        why = f"which are not read, for the files have a column {twice!r} as well; put the other ones into the files"
        return Partitions(unread=dict.fromkeys(lacking, why))
    texts = {name.lower() for name in ids}
    return Partitions({key: _type([values[key] for values in folders], key.lower() in texts) for key in keys})


def _own_columns(connection: duckdb.DuckDBPyConnection, files: Files, wanted: tuple[str, ...]) -> Iterable[str]:
    if files.kind == "csv":
        return (name for header in files.headers(wanted).values() for name in header)
    return connection.sql(f"SELECT * FROM {files.sql()}").columns


def _folders(path: str) -> dict[str, str | None]:
    """As DuckDB reads a path: the first of two folders of one key, no folder with a second `=`."""
    found: dict[str, str | None] = {}
    for part in Path(path).parts[:-1]:
        matched = _FOLDER.fullmatch(part)
        if matched:
            key, value = matched.groups()
            found.setdefault(key, None if value == _NULL else unquote(value))
    return found


def _type(values: Sequence[str | None], is_id: bool) -> str:
    known = {value for value in values if value is not None}
    if not known:
        return "VARCHAR"
    if is_id:
        return "BIGINT" if all(map(_EXACT.fullmatch, known)) else "VARCHAR"
    for sql_type, pattern in (("BIGINT", _INTEGER), ("DOUBLE", _NUMBER)):
        if all(map(pattern.fullmatch, known)):
            return sql_type
    for sql_type, pattern in (("DATE", _DATE), ("TIMESTAMP", _TIME)):
        if all(pattern.fullmatch(value) and _is_time(value) for value in known):
            return sql_type
    return "VARCHAR"


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
