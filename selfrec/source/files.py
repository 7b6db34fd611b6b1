"""Which files a path or glob names, and the SQL that reads them."""

from __future__ import annotations

import contextlib
import csv
import fnmatch
import glob
import gzip
import itertools
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfrec.errors import SourceError
from selfrec.source.column_names import find_columns
from selfrec.source.quoting import literal, literals

FileKind = Literal["duckdb", "parquet", "csv"]

_SUFFIXES: dict[str, FileKind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
}
_MOST_FOLDERS = 1000
_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Files:
    """Files of one kind. A DuckDB source is one file."""

    kind: FileKind
    paths: tuple[str, ...]

    def csv_as_text_sql(self) -> list[str]:
        """One table function a CSV file, all columns text: nothing is guessed, so an error names its line."""
        tables = []
        for path in self.paths:
            header, delimiter = csv_header(path)
            columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
            tables.append(
                f"read_csv({literals([glob.escape(path)])}, auto_detect = false, header = true, "
                f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', columns = {{{columns}}})"
            )
        return tables

    def sniffed_sql(self, wanted: tuple[str, ...] = ()) -> str:
        """A table function of what DuckDB finds out about the first CSV file. wanted: as in `sql`."""
        _, delimiter = csv_header(self.paths[0], wanted)
        return f"sniff_csv({literal(glob.escape(self.paths[0]))}, header = true, delim = {literal(delimiter)})"

    def check_distinct(self) -> None:
        """Refuse one file under two names, such as a link to the newest one beside it: its rows would count twice.
        Raises SourceError.
        """
        seen: dict[tuple[int, int], str] = {}
        for path in self.paths:
            with contextlib.suppress(OSError):  # It is gone; reading it says so.
                status = os.stat(path)
                first = seen.setdefault((status.st_dev, status.st_ino), path)
                if first != path:
                    raise SourceError(
                        f"{path}: is the same file as {first}, whose rows would count twice; narrow the glob to one of "
                        "them"
                    )

    def states(self) -> dict[str, tuple[int, ...] | None]:
        """What tells whether a file is still the same and as it was, by its path; None where it is not there."""
        return {path: _state(path) for path in self.paths}

    @property
    def allowed(self) -> list[str]:
        """What a locked session must be allowed to read: the paths as they are and as DuckDB is told them."""
        return sorted({*self.paths, *map(glob.escape, self.paths)})

    @property
    def listed(self) -> str:
        """The paths as DuckDB is told them. It globs every path, so their own glob signs are quoted."""
        return literals([glob.escape(path) for path in self.paths])

    def headers(self, wanted: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """Column names of each CSV file, by its path, read with the delimiter of the first."""
        _, delimiter = csv_header(self.paths[0], wanted)
        return {path: _first_record(path, delimiter) for path in self.paths}

    def sql(
        self,
        wanted: tuple[str, ...] = (),
        text_columns: tuple[str, ...] = (),
        partitions: Mapping[str, str] | None = None,
        exact: Mapping[str, str] | None = None,
        *,
        guess_from_all: bool = False,
    ) -> str:
        """A table function that reads Parquet or CSV files.

        wanted: columns whose presence tells a CSV file's delimiter; text_columns: read these as text. Letter case
        aside, as columns are found later. partitions: columns in the names of folders, and their SQL types. exact: SQL
        types of columns of CSV files; guess_from_all: guess the others from all rows, which takes a second reading.
        """
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in (partitions or {}).items())
        folders = f"hive_partitioning = true, hive_types = {{{types}}}" if types else "hive_partitioning = false"
        if self.kind == "parquet":
            return f"read_parquet({self.listed}, union_by_name = true, {folders})"
        header, delimiter = csv_header(self.paths[0], wanted)
        stated = dict.fromkeys(find_columns(header, text_columns), "VARCHAR") | dict(exact or {})
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in stated.items())
        types_option = f", types = {{{types}}}" if types else ""
        types_option += ", sample_size = -1" if guess_from_all else ""
        return (
            f"read_csv({self.listed}, header = true, delim = {literal(delimiter)}, quote = '\"', escape = '\"', "
            f"comment = '', union_by_name = true, {folders}{types_option})"
        )


def _state(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def find_files(path: str) -> Files:
    """The files behind a path or a quoted glob; a file that exists is taken at its word."""
    if not path:
        raise SourceError("the name of the source is empty; name a DuckDB file, or Parquet or CSV files")
    try:
        if Path(path).is_dir():
            raise SourceError(f"{path}: is a folder; name a file, or a glob in quotes: '{_glob_of(path.rstrip('/'))}'")
        # Each once: a glob with ** twice finds a file in several ways.
        found = [path] if Path(path).exists() else sorted(set(glob.glob(path, recursive=True)))
        found = [name for name in found if not Path(name).is_dir()]
        _refuse_streams(found)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error
    if not found:
        kind = (
            "no file matches; check the path and the glob"
            if any(sign in path for sign in "*?[")
            else "there is no such file; check the path"
            if path != "-"
            else "standard input is no source, for it is read more than once; write it to a file and name that"
        )
        raise SourceError(f"{path}: {kind}")
    kinds = sorted({_kind(name) for name in found})
    if len(kinds) > 1:
        raise SourceError(f"{path}: matches files of several kinds ({', '.join(kinds)}); narrow the glob")
    if kinds == ["duckdb"]:
        if len(found) > 1:
            raise SourceError(f"{path}: matches {len(found)} DuckDB files; name one")
        _check_magic(found[0])
    return Files(kinds[0], tuple(found))


def _refuse_streams(found: list[str]) -> None:
    """Files are read more than once: a pipe would be empty the second time, or be waited for without end."""
    for name in found:
        if not Path(name).exists():
            raise SourceError(f"{name}: is a link to a file that is not there; mend it, or narrow the glob to others")
        if not stat.S_ISREG(Path(name).stat().st_mode):
            raise SourceError(f"{name}: is a pipe or device, which cannot be read twice; write it to a file, name that")


def _glob_of(folder: str) -> str:
    """What names the files in a folder, or in the folders in it as far as these are soon looked through."""
    for at, (_, _, names) in enumerate(itertools.islice(os.walk(folder), _MOST_FOLDERS)):
        found = {suffix for suffix in _SUFFIXES for name in names if name.endswith(suffix)}
        if found:
            return f"{folder}/{'**/' if at else ''}*{next(suffix for suffix in _SUFFIXES if suffix in found)}"
    return f"{folder}/*.parquet"


def is_named(path: str, file: Path) -> bool:
    """Whether a path or glob names a file, be it there or not; links of folders aside."""
    parts = Path(path).absolute().parts
    plain = next((n for n, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts) - 1)
    root, rest = Path(*parts[:plain]).resolve(), parts[plain:]
    file = file.parent.resolve() / file.name
    return file.is_relative_to(root) and _fits(file.relative_to(root).parts, rest)


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """As glob has it: ** is any number of folders, other signs stay within a name."""
    if not pattern or not parts:
        return not parts and all(sign == "**" for sign in pattern)
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or _fits(parts[1:], pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def csv_header(path: str, wanted: tuple[str, ...] = ()) -> tuple[list[str], str]:
    """Column names of a CSV file and its delimiter: the one that sets the wanted columns free, else most columns.

    DuckDB would rather guess one wide column than report a ragged row, so the delimiter is not left to it.
    """
    best: tuple[int, int, list[str], str] | None = None
    for rank, delimiter in enumerate(_DELIMITERS):
        names = _first_record(path, delimiter)
        found = (len(find_columns(names, wanted)) * 10_000 + len(names), -rank, names, delimiter)
        if best is None or found > best:
            best = found
    assert best is not None
    if not best[2]:
        raise SourceError(f"{path}: its first line is empty; it must name the columns")
    return best[2], best[3]


def _first_record(path: str, delimiter: str) -> list[str]:
    opener = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            return next(csv.reader(lines, delimiter=delimiter), [])
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        if isinstance(error, OSError) and error.strerror:
            raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path and permissions") from error
        raise SourceError(f"{path}: cannot be read as a CSV file in UTF-8 ({error}); save it as that") from error


def _kind(path: str) -> FileKind:
    name = Path(path).name.lower()
    for suffix, kind in _SUFFIXES.items():
        if name.endswith(suffix):
            return kind
    return "duckdb"


def _check_magic(path: str) -> None:
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
    if head[8:12] != b"DUCK":
        raise SourceError(
            f"{path}: is no DuckDB database; a source is a DuckDB file or files named {', '.join(_SUFFIXES)}"
        )
