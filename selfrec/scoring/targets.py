"""Where results go: a table of a DuckDB file, one Parquet file, or a folder of Parquet parts. All or nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from selfrec.errors import SettingsError, TargetError
from selfrec.model_folder.outside import check_outside
from selfrec.scoring.companion import Companion, Earlier
from selfrec.scoring.parquet_targets import FileTarget, FolderTarget, check_outside_results
from selfrec.scoring.path_like import PathLikeTarget, check_no_table, looks_like_path, meant
from selfrec.scoring.result_parts import IdForm
from selfrec.scoring.summary import Published, RunRow
from selfrec.scoring.table_target import WAIT_SECONDS, TableTarget
from selfrec.source.files import find_files


class Target(Protocol):
    """A place for a result."""

    @property
    def id_form(self) -> IdForm:
        """How ids stand in the parts."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def staging(self) -> Path:
        """The staging folder, beside the target, on the same file system."""

    def check(self, *, source_path: str, source_table: str) -> None:
        """Refuse, before any work, a target that holds something else. Raises TargetError."""

    def earlier(self, folder: Path) -> Earlier | str:
        """The fingerprints of the run whose result stands here, or why there are none. Raises TargetError.

        folder: an empty one for files this makes.
        """

    def publish(
        self, parts: list[Path], types: tuple[str, str], run: RunRow, companion: Companion | None = None
    ) -> Published:
        """Put the parts, in order, in the place of the old result, at once.

        types: SQL types of user and item ids. companion: fingerprints to go with the result, and which rows of the
        old one stay; None removes what fingerprints there are. Raises TargetError; the old result then stands.
        """


def parse_target(source_path: str, *, into: str | None = None, to: str | None = None, wait: float = 0.0) -> Target:
    """The target of `--into TABLE`, `--into FILE.duckdb::TABLE`, `--to FILE.parquet` or `--to FOLDER`.

    wait: seconds to wait for a database that another process has open, where that is longer than the usual minute.
    Raises SettingsError, TargetError for a place in a model folder, which the next fit takes away, or in a result.
    """
    if (into is None) == (to is None):
        raise SettingsError("name one target: --into TABLE, or --to FILE.parquet or a folder")
    if to is not None:
        check_no_table(to)
        path = Path(to).resolve()
        if not path.name:
            raise TargetError(f"{to}: no result can take the place of the root folder; choose another folder")
        check_outside(path)
        check_outside_results(path)
        if path.name.lower().endswith((".parquet", ".pq")):
            return FileTarget(path)
        if path.name.lower().endswith((".csv", ".tsv", ".json", ".csv.gz")) and not path.is_dir():
            raise SettingsError(f"--to {to}: results are Parquet; name a FILE.parquet, or a folder for its parts")
        return FolderTarget(path)
    assert into is not None
    database, separator, table = into.rpartition("::")
    if not separator:
        if re.search(r"\.(parquet|pq|csv|tsv)(\.gz)?$|[*?\[]", source_path.lower()):
            then = meant(into) if looks_like_path(into) else f"use --into FILE.duckdb::{into} or --to FILE.parquet"
            raise SettingsError(f"--into {into}: the source {source_path!r} is no database to hold a table; {then}")
        # Also where it is no name at all, or a folder: it is the source then that is named wrongly, not the table.
        if not source_path or Path(source_path).is_dir():
            find_files(source_path)
        database = source_path
    # Three colons: the third may belong to either name, and a new file would be the worse guess.
    if not table or not database or (separator and database.endswith(":")):
        raise SettingsError(f"--into {into!r}: name a table, or FILE.duckdb::TABLE")
    if Path(database).is_dir():
        raise TargetError(f"--into {into}: {database} is a folder; name a DuckDB file, FILE.duckdb::{table}")
    check_outside(Path(database))
    check_outside_results(Path(database))
    # Who names the database does mean a table.
    kind = PathLikeTarget if not separator and looks_like_path(table) else TableTarget
    return kind(Path(database).resolve(), table, wait_seconds=max(WAIT_SECONDS, wait))
