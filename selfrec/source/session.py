"""DuckDB sessions that can read what they were opened for and nothing else."""

from __future__ import annotations

import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from selfrec.errors import SourceError, one_line
from selfrec.source.quoting import identifier, literal, literals

ATTACHED = "source"
"""Under this name the source's DuckDB file is attached."""

PATIENCE = 5.0
"""Seconds that a DuckDB file is waited for in any case: as long as another run takes to change the table of 700,000
users in it (7 us a user)."""


def start_session(
    memory_megabytes: int | None, threads: int | None, temp_directory: str | None
) -> duckdb.DuckDBPyConnection:
    """A session in memory that spills to `temp_directory`, by default a folder of its own where temporary files go.

    DuckDB makes the folder when it spills and removes it with the session.
    """
    if temp_directory is None:
        temp_directory = f"{tempfile.gettempdir()}/selfrec-{os.getpid()}-{uuid.uuid4().hex[:8]}.spill"
    connection = duckdb.connect(":memory:")
    # DuckDB knows the bounds of a container as well.
    limit = "50%" if memory_megabytes is None else f"{int(memory_megabytes)}MiB"
    connection.execute(f"SET memory_limit = '{limit}'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET TimeZone = 'UTC'")
    # A parent may share its standard error with a progress display of ours.
    connection.execute("SET enable_progress_bar = false")
    if threads is not None:
        connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET temp_directory = {literal(temp_directory)}")
    return connection


def attach(connection: duckdb.DuckDBPyConnection, path: str, *, wait: float = 0.0) -> None:
    """Attach a DuckDB file for reading. While another process writes to it, wait so many seconds, PATIENCE at least."""
    end = time.monotonic() + max(wait, PATIENCE)
    while not _attached(connection, path, last=time.monotonic() >= end):
        time.sleep(0.1)


def _attached(connection: duckdb.DuckDBPyConnection, path: str, *, last: bool) -> bool:
    """Try once; False where another process writes to the file, unless this is the last try."""
    try:
        connection.execute(f"ATTACH {literal(path)} AS {identifier(ATTACHED)} (READ_ONLY, TYPE duckdb)")
    except duckdb.Error as error:
        text = one_line(error)
        holder = re.search(r"Conflicting lock is held in (.*?\(PID \d+\))", text)
        if holder and not last:
            return False
        if holder:
            raise SourceError(f"{path}: is open for writing in {holder[1]}; close it there and start again") from error
        if open_here(text):
            raise SourceError(f"{path}: is open in this very program; close that connection and start again") from error
        raise SourceError(f"{path}: cannot be opened as a DuckDB file ({first_sentence(error)})") from error
    # Views name tables of their own file without saying which file it is.
    connection.execute(f"USE {identifier(ATTACHED)}")
    return True


def open_here(text: str) -> bool:
    """Whether DuckDB refused a file, in these words, because another connection of this process has it."""
    return "already attached" in text or "different configuration" in text


def lock_down(connection: duckdb.DuckDBPyConnection, files: Sequence[str] = ()) -> None:
    """From here on the session reads what is attached and these files only. Spilling to disk still works, and so does
    another limit of memory (see selfrec.source.memory).
    """
    connection.execute("SET allowed_configs = ['memory_limit']")
    connection.execute(f"SET allowed_paths = {literals(list(files))}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def column_types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Columns of a relation (quoted SQL) and their SQL type names, in order."""
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}


def first_sentence(error: BaseException) -> str:
    """What a DuckDB error says before it goes on about possible fixes, positions and settings."""
    text = str(error).split("\n\n")[0].split("\nPossible ")[0].split("\nColumn ")[0]
    return re.sub(r"^(\w+ )*Error: ", "", " ".join(text.split()))


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns any DuckDB error inside into a SourceError about `what`."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise SourceError(
            f"{what}: does not fit the memory allowed ({first_sentence(error)}); allow more (--memory-megabytes) or, "
            "to fit, name a view or files of fewer rows"
        ) from error
    except duckdb.Error as error:
        gone = _GONE.search(str(error))
        if gone and not os.path.lexists(gone[1]):
            raise SourceError(
                f"{what}: {gone[1]} is not there, or not any more; check the path, and run it again"
            ) from error
        file = _FILE.search(str(error))
        where = f"{file[1]}: " if file and file[1] != what else ""
        raise SourceError(f"{what}: cannot be read ({where}{first_sentence(error)}); {_next_step(error)}") from error


_GONE = re.compile(r'Cannot access file "(.+?)/\*\*/\*\.\w+"')
"""In DuckDB's words: what is no file may be a folder of files."""
_FILE = re.compile(r"^  file = (.+)$", re.MULTILINE)
"""In DuckDB's words: which of several CSV files, among what else was known of it."""


def _next_step(error: duckdb.Error) -> str:
    """What to do about it. A view reads files and databases in the session it was made in, and not in a locked one."""
    if isinstance(error, duckdb.PermissionException):
        return "a source is read with no file but its own: make a table of a view of other files, or name these files"
    if isinstance(error, duckdb.CatalogException):
        return "mend it or name another; of a view of another database, make a table"
    return "mend it or name another"
