"""How much memory DuckDB holds while it has little to do.

DuckDB keeps what it once took, up to its limit: rows of its tables, and blocks of the source that it has read. Under a
narrow limit the tables move to disk and the blocks are dropped, in no more time [measured].
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import duckdb

Result = TypeVar("Result")

USUAL = 256
"""MiB that a scoring job allows by default. Whoever allows more wants it to be used."""
READING = 64
"""MiB for reading a source row by row: the least that scoring.memory_megabytes may say."""
LISTING = 128
"""MiB for telling millions of users apart."""
WRITING = 128
"""MiB for writing a table."""
_UNITS = {"KiB": 2.0**-10, "MiB": 1.0, "GiB": 2.0**10, "TiB": 2.0**20}


class MemoryLimit:
    """The limit of a session, as it was set at first or narrower."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        [(self._full,)] = connection.execute("SELECT current_setting('memory_limit')").fetchall()
        self._narrow = False
        self._refused = False

    def narrow(self, mebibytes: int) -> None:
        """For queries that need little. No effect once one needed more, or where more than USUAL is allowed."""
        if not self._refused and mebibytes < _mebibytes(self._full) <= USUAL:
            self._set(f"{mebibytes}MiB")
            self._narrow = True

    def widen(self) -> None:
        """Back to the full limit."""
        self._set(self._full)
        self._narrow = False

    def within(self, query: Callable[[], Result]) -> Result:
        """What the query gives. One that does not fit a narrow limit is run again, with the full one from then on."""
        try:
            return query()
        except Exception as error:
            if not self._narrow or not _want_of_memory(error):
                raise
        self.widen()
        self._refused = True
        return query()

    def _set(self, limit: str) -> None:
        self._connection.execute(f"SET memory_limit = '{limit}'")


def _want_of_memory(error: BaseException) -> bool:
    """Whether DuckDB had too little memory, by its own error or by ours that was raised from it."""
    return isinstance(error, duckdb.OutOfMemoryException) or isinstance(error.__cause__, duckdb.OutOfMemoryException)


def _mebibytes(setting: str) -> float:
    """Of what DuckDB calls '256.0 MiB'. Another form counts as little."""
    found = re.fullmatch(r"([0-9.]+) (KiB|MiB|GiB|TiB)", setting)
    return float(found[1]) * _UNITS[found[2]] if found else 0.0
