"""Where results go: a table of a DuckDB file, one Parquet file, or a folder of Parquet parts. All or nothing."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb

from selfrec import columns
from selfrec.errors import SettingsError, TargetError, one_line
from selfrec.files import recover, replace_path, sync_tree
from selfrec.scoring.parts import RESULT_COLUMNS, IdForm, join_parts, result_columns
from selfrec.scoring.staging import SPILL
from selfrec.source.ids import restored_column
from selfrec.source.quoting import identifier, literal, literals
from selfrec.source.session import first_sentence, start_session

_RUNS_SQL = f"""
    CREATE TABLE IF NOT EXISTS target.main.{columns.RUNS} (
        run_id VARCHAR, result VARCHAR, model_sha256 VARCHAR, source VARCHAR, options VARCHAR, started TIMESTAMP,
        finished TIMESTAMP, users BIGINT, "rows" BIGINT, users_per_second DOUBLE, peak_memory BIGINT)"""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One row of the table of runs; times in UTC, memory in bytes."""

    run_id: str
    model_sha256: str
    source: str
    options: str
    started: datetime
    users: int
    rows: int
    users_per_second: float
    peak_memory: int


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

    def publish(self, parts: list[Path], types: tuple[str, str], run: RunRow) -> None:
        """Put the parts, in order, in the place of the old result, at once.

        types: SQL types of user and item ids. Raises TargetError; the old result then stands.
        """


def parse_target(source_path: str, *, into: str | None = None, to: str | None = None) -> Target:
    """The target of `--into TABLE`, `--into FILE.duckdb::TABLE`, `--to FILE.parquet` or `--to FOLDER`."""
    if (into is None) == (to is None):
        raise SettingsError("name one target: --into TABLE, or --to FILE.parquet or a folder")
    if to is not None:
        path = Path(to).resolve()
        if path.name.lower().endswith((".parquet", ".pq")):
            return FileTarget(path)
        return FolderTarget(path)
    assert into is not None
    database, separator, table = into.rpartition("::")
    if not separator:
        if re.search(r"\.(parquet|pq|csv|tsv)(\.gz)?$|[*?\[]", source_path.lower()):
            raise SettingsError(
                f"--into {into}: the source {source_path!r} is no database to hold a table; "
                f"use --into FILE.duckdb::{into} or --to FILE.parquet"
            )
        database = source_path
    if not table or not database:
        raise SettingsError(f"--into {into!r}: name a table, or FILE.duckdb::TABLE")
    return TableTarget(Path(database).resolve(), table)


@dataclass(frozen=True)
class TableTarget:
    """A table of a DuckDB file, replaced in one transaction; beside it stands the table of runs."""

    database: Path
    table: str
    wait_seconds: float = 60.0
    """How long to wait for a database that another process has open."""

    id_form: IdForm = "carried"

    @property
    def name(self) -> str:
        """FILE::TABLE."""
        return f"{self.database}::{self.table}"

    @property
    def staging(self) -> Path:
        """Any table name becomes a folder name; the hash tells apart what looks alike."""
        plain = re.sub(r"\W+", "_", self.table, flags=re.ASCII)[:40]
        digest = hashlib.sha256(self.table.lower().encode()).hexdigest()[:8]
        return self.database.with_name(f".{self.database.name}.{plain}-{digest}.selfrec")

    def check(self, *, source_path: str, source_table: str) -> None:
        """Refuse the source's own table, the table of runs, a view and a table of other columns."""
        same_file = Path(source_path).resolve() == self.database
        if same_file and self.table.lower() in (source_table.lower(), source_table.lower().rpartition(".")[2]):
            raise TargetError(f"{self.name}: is the source itself; choose another table for the result")
        if self.table.lower() == columns.RUNS:
            raise TargetError(f"{self.name}: is the table of runs; choose another table for the result")
        if self.database.exists():
            with self._session(read_only=True) as connection:
                self._check_holder(connection)
        elif not self.database.parent.is_dir():
            raise TargetError(f"{self.database.parent}: no such folder; make it first")

    def publish(self, parts: list[Path], types: tuple[str, str], run: RunRow) -> None:
        """One transaction: the result, the row of the run."""
        with self._session(read_only=False, files=parts) as connection:
            self._check_holder(connection)
            try:
                connection.execute("BEGIN")
                connection.execute(self._create_sql(parts, types))
                self._note(connection, run)
                connection.execute("COMMIT")
                connection.execute("DETACH target")
            except duckdb.Error as error:
                raise TargetError(f"{self.name}: cannot be written ({first_sentence(error)})") from error

    def _create_sql(self, parts: list[Path], types: tuple[str, str]) -> str:
        user, item = types
        source = f"read_parquet({literals([_unglobbed(path) for path in parts])}, hive_partitioning = false)"
        return f"""
            CREATE OR REPLACE TABLE target.main.{identifier(self.table)} AS
            SELECT {restored_column(columns.USER_ID, user)}, CAST({columns.RANK} AS INTEGER) AS {columns.RANK},
                   {restored_column(columns.ITEM_ID, item)}, CAST({columns.SCORE} AS FLOAT) AS {columns.SCORE}
            FROM {source}"""

    def _note(self, connection: duckdb.DuckDBPyConnection, run: RunRow) -> None:
        connection.execute(_RUNS_SQL)
        # A run that is resumed after its result stood, but before it could tidy up, publishes it once more.
        connection.execute(f"DELETE FROM target.main.{columns.RUNS} WHERE run_id = ?", [run.run_id])
        values: list[Any] = [run.run_id, self.table, run.model_sha256, run.source, run.options, _utc(run.started)]
        values += [_utc(datetime.now(UTC)), run.users, run.rows, run.users_per_second, run.peak_memory]
        connection.execute(
            f"INSERT INTO target.main.{columns.RUNS} BY POSITION VALUES ({', '.join('?' * len(values))})", values
        )

    def _check_holder(self, connection: duckdb.DuckDBPyConnection) -> None:
        """What stands under the table's name now must be an earlier result."""
        sql = """
            SELECT column_name, table_name IN (SELECT view_name FROM duckdb_views() WHERE database_name = 'target')
            FROM duckdb_columns()
            WHERE database_name = 'target' AND schema_name = 'main' AND lower(table_name) = lower(?)
            ORDER BY column_index"""
        try:
            found = connection.execute(sql, [self.table]).fetchall()
        except duckdb.Error as error:
            raise TargetError(f"{self.database}: cannot be read ({first_sentence(error)})") from error
        if any(is_view for _, is_view in found):
            raise TargetError(f"{self.name}: is a view; choose another name for the result")
        if found and tuple(name for name, _ in found) != RESULT_COLUMNS:
            raise TargetError(
                f"{self.name}: holds other columns than {', '.join(RESULT_COLUMNS)}; "
                "choose another table for the result, or drop this one first"
            )

    def _session(self, *, read_only: bool, files: list[Path] | None = None) -> duckdb.DuckDBPyConnection:
        """A locked session with the database attached as `target`; waits while another process has it open."""
        connection = start_session(1024, None, str(self.staging / SPILL))
        try:
            connection.execute("SET preserve_insertion_order = true")
            self._attach(connection, "READ_ONLY, " if read_only else "")
            connection.execute(f"SET allowed_paths = {literals([str(path) for path in files or []])}")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            connection.close()
            raise TargetError(f"{self.database}: cannot be opened ({first_sentence(error)})") from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection, mode: str) -> None:
        end = time.monotonic() + self.wait_seconds
        while True:
            try:
                connection.execute(f"ATTACH {literal(str(self.database))} AS target ({mode}TYPE duckdb)")
            except duckdb.Error as error:
                text = one_line(error)
                if "lock" not in text.lower():
                    raise
                if time.monotonic() > end:
                    holder = re.search(r"held in (.*?\(PID \d+\))", text)
                    raise TargetError(
                        f"{self.database}: is open in {holder[1] if holder else 'another process'} and was for "
                        f"{self.wait_seconds:.0f} s; the old result stands; close it there and run again with --resume"
                    ) from error
                time.sleep(0.1)
            else:
                return


@dataclass(frozen=True)
class _PathTarget:
    """What a file and a folder have in common."""

    path: Path
    id_form: IdForm = "parquet"

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def staging(self) -> Path:
        """Beside the path."""
        return self.path.with_name(f".{self.path.name}.selfrec")

    def _replace(self, whole: Path) -> None:
        """Put the whole result in the path's place."""
        try:
            replace_path(whole, self.path)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> TargetError:
        return TargetError(f"{self.path}: cannot be written ({one_line(error)})")


class FileTarget(_PathTarget):
    """One Parquet file."""

    def check(self, *, source_path: str, source_table: str) -> None:
        """Refuse a folder, and a file that is no earlier result."""
        if self.path.is_dir():
            raise TargetError(f"{self.path}: is a folder; choose another name for the result")
        if self.path.exists() and result_columns(self.path) != RESULT_COLUMNS:
            raise TargetError(f"{self.path}: is no earlier result; choose another name for the result")

    def publish(self, parts: list[Path], types: tuple[str, str], run: RunRow) -> None:
        """Join the parts and rename."""
        whole = self.staging / "whole.parquet"
        try:
            join_parts(parts, whole)
        except OSError as error:
            raise self._failed(error) from error
        self._replace(whole)


class FolderTarget(_PathTarget):
    """A folder of Parquet parts, exchanged as a whole."""

    def check(self, *, source_path: str, source_table: str) -> None:
        """Refuse a file, and a folder that holds more than parts of an earlier result."""
        recover(self.path)
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise TargetError(f"{self.path}: is a file; choose another name for the folder (or end it in .parquet)")
        for path in self.path.iterdir():
            if (
                not re.fullmatch(r"part-\d{5,}-[0-9a-f]{12}\.parquet", path.name)
                or result_columns(path) != RESULT_COLUMNS
            ):
                raise TargetError(
                    f"{self.path}: holds {path.name!r}, which is no part of a result; choose another folder"
                )

    def publish(self, parts: list[Path], types: tuple[str, str], run: RunRow) -> None:
        """The parts stand in a folder of their own already."""
        try:
            sync_tree(parts[0].parent)
        except OSError as error:
            raise self._failed(error) from error
        self._replace(parts[0].parent)


def _unglobbed(path: Path) -> str:
    """The path with its own glob signs quoted, for DuckDB globs every path it is given."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _utc(moment: datetime) -> datetime:
    """DuckDB's TIMESTAMP has no zone; ours are UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
