"""A table whose name looks like a path, and a path that looks like a table: --into and --to taken for each other."""

from __future__ import annotations

import re
from pathlib import Path

from selfrec.errors import SettingsError
from selfrec.scoring.table_checks import columns_of
from selfrec.scoring.table_target import TableTarget

_DATABASES = r"\.(duckdb|ddb|db)$"
_FILES = r"\.(parquet|pq|csv|tsv|txt|json|jsonl|ndjson|arrow|feather|xlsx)(\.(gz|zst|zip|bz2))?$"


def looks_like_path(name: str) -> bool:
    """Whether a person who typed this for a table is likely to have meant a file or a folder."""
    return "/" in name or name in (".", "..") or re.search(f"{_DATABASES}|{_FILES}", name.lower()) is not None


def meant(name: str) -> str:
    """What to write for a file, a folder or another database."""
    if re.search(_DATABASES, name.lower()):
        return f"a table of another database is --into {name}::TABLE"
    if re.search(_FILES, name.lower()) and not re.search(r"\.(parquet|pq)$", name.lower()):
        return (
            "results in files are Parquet, --to FILE.parquet; a table of another database is --into FILE.duckdb::TABLE"
        )
    return f"a file or folder is --to {name}, a table of another database --into FILE.duckdb::TABLE"


def check_no_table(to: str) -> None:
    """Refuse a database, or a table of one, as the place for files: a folder would get that name. Raises
    SettingsError."""
    database, separator, table = to.rpartition("::")
    if not separator:
        database, table = to, "TABLE"
    if re.search(_DATABASES, database.lower()) and not Path(to).is_dir():
        raise SettingsError(
            f"--to {to}: results there are Parquet, FILE.parquet or a folder; a table of a database is "
            f"--into {database}::{table}"
        )


class PathLikeTarget(TableTarget):
    """Such a table of the source. An earlier run has made it, or it is a mistake."""

    def check(self, *, source_path: str, source_table: str) -> None:
        """As of any table; raises SettingsError where there is none of this name."""
        super().check(source_path=source_path, source_table=source_table)
        if not self.database.exists():
            return
        with self._session(read_only=True) as connection:
            if columns_of(connection, self.table):
                return
        raise SettingsError(
            f"--into {self.table}: looks like a path, and {source_path} has no table of this name; {meant(self.table)}"
        )
