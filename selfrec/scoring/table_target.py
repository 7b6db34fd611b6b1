"""A table of a DuckDB file as the place for a result."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from selfrec import columns
from selfrec.errors import TargetError, one_line
from selfrec.scoring.additions import Additions, add_again, read_additions
from selfrec.scoring.companion import (
    CHANGED_BY_ELSE,
    ID_TYPES,
    PREFIX,
    Companion,
    Earlier,
    companion_table,
    matching,
    read_basis,
)
from selfrec.scoring.parts import RESULT_COLUMNS, IdForm
from selfrec.scoring.staging import SPILL
from selfrec.scoring.summary import Published, RunRow
from selfrec.source.fingerprints import FINGERPRINT, write_batches
from selfrec.source.ids import carried_sql, restored_column
from selfrec.source.quoting import identifier, literal, literals
from selfrec.source.session import first_sentence, open_here, start_session

_RUNS_COLUMNS = {
    "run_id": "VARCHAR",
    "result": "VARCHAR",
    "model_sha256": "VARCHAR",
    "source": "VARCHAR",
    "options": "VARCHAR",
    "started": "TIMESTAMP",
    "finished": "TIMESTAMP",
    "users": "BIGINT",
    "rows": "BIGINT",
    "users_per_second": "DOUBLE",
    "peak_memory": "BIGINT",
}
"""Name and SQL type of each column of the table of runs."""
_LATER_COLUMNS = ("scored", "kept", "removed")
"""Columns of the table of runs that older ones lack."""
WAIT_SECONDS = 60.0
"""How long a run waits for a database to be free unless told to wait longer."""
_MEGABYTES = 256
"""What DuckDB may use to write the table: as much as scoring gives it to read."""

_COMPANION_COLUMNS = ("basis", columns.USER_ID, FINGERPRINT)


@dataclass(frozen=True)
class TableTarget:
    """A table of a DuckDB file, replaced in one transaction; beside it stands the table of runs."""

    database: Path
    table: str
    wait_seconds: float = WAIT_SECONDS
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
        """Refuse the source's own table, the table of runs, a view, a table of other columns and one that another
        table refers to.
        """
        same_file = Path(source_path).resolve() == self.database
        if same_file and self.table.lower() in (source_table.lower(), source_table.lower().removeprefix("main.")):
            raise TargetError(f"{self.name}: is the source itself; choose another table for the result")
        if self.table.lower() == columns.RUNS:
            raise TargetError(f"{self.name}: is the table of runs; choose another table for the result")
        if self.table.lower().startswith(PREFIX):
            raise TargetError(f"{self.name}: names of fingerprints begin like this; choose another for the result")
        if self.database.exists():
            self._check_writable()
            with self._session(read_only=True) as connection:
                self._check_schema(connection)
                self._check_holders(connection)
        elif not self.database.parent.is_dir():
            raise TargetError(f"{self.database.parent}: no such folder; make it first")

    def _check_writable(self) -> None:
        """Now rather than after hours of scoring. Not by opening it: closing a file frees the process's locks on it."""
        if not os.access(self.database, os.W_OK):
            mounted = os.statvfs(self.database).f_flag & os.ST_RDONLY
            raise TargetError(
                f"{self.database}: may not be written ({os.strerror(errno.EROFS if mounted else errno.EACCES)}); check "
                f"its permissions, or name another database with --into FILE.duckdb::{self.table}"
            )

    def earlier(self, folder: Path) -> Earlier | str:
        """Copy the companion table to a file, if the last run that wrote the result wrote it too."""
        if not self.database.exists():
            return "there is no earlier result"
        with self._session(read_only=True) as connection:
            try:
                return self._read_companion(connection, folder / "earlier.parquet")
            except duckdb.Error as error:
                raise TargetError(f"{self.database}: cannot be read ({first_sentence(error)})") from error

    def _read_companion(self, connection: duckdb.DuckDBPyConnection, into: Path) -> Earlier | str:
        if not self._columns(connection, self.table) or not self._columns(connection, columns.RUNS):
            return "there is no earlier result"
        if not self._columns(connection, companion_table(self.table)):
            return "the result there was not made with --changed-only"
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {self._main(self.table)}").fetchall()
        last = connection.execute(
            f"SELECT run_id FROM {self._main(columns.RUNS)} WHERE lower(result) = lower(?) "
            "ORDER BY finished DESC LIMIT 1",
            [self.table],
        ).fetchone()
        companion = self._main(companion_table(self.table))
        basis = connection.execute(f"SELECT basis FROM {companion} LIMIT 1").fetchone()
        found = matching(read_basis(basis[0] if basis else None), into, last[0] if last else "", rows)
        if isinstance(found, Earlier):
            if self._types(connection) != _types(found.basis.settings.get(ID_TYPES)):
                # New rows of the one type do not go into columns of another.
                return CHANGED_BY_ELSE
            [(user_type,)] = connection.execute(f"SELECT typeof({columns.USER_ID}) FROM {companion} LIMIT 1").fetchall()
            carried = f"{carried_sql(columns.USER_ID, user_type)} AS {columns.USER_ID}"
            write_batches(connection.sql(f"SELECT {carried}, {FINGERPRINT} FROM {companion}").to_arrow_reader(), into)
        return found

    def publish(
        self, parts: list[Path], types: tuple[str, str], run: RunRow, companion: Companion | None = None
    ) -> Published:
        """One transaction: the result, its companion, the row of the run; then what stood on the old table."""
        files = [*parts, *(companion.files if companion else [])]
        with self._session(read_only=False, files=files) as connection:
            self._check_holders(connection)
            try:
                replaces = companion is None or companion.stale is None
                additions = read_additions(connection, self.table) if replaces else Additions()
                connection.execute("BEGIN")
                rows = self._write(connection, parts, types, companion)
                for comment in additions.comments:
                    connection.execute(comment)
                self._accompany(connection, types[0], companion, run.run_id, rows)
                self._note(connection, replace(run, rows=rows))
                connection.execute("COMMIT")
            except duckdb.ConstraintException as error:
                raise TargetError(
                    f"{self.name}: a constraint of the table refuses the new rows ({first_sentence(error)}); the old "
                    "result stands; make them fit or drop the constraint, then run again with --resume"
                ) from error
            except duckdb.Error as error:
                raise TargetError(f"{self.name}: cannot be written ({first_sentence(error)})") from error
            return Published(rows, self._finished(connection, additions))

    def _finished(self, connection: duckdb.DuckDBPyConnection, additions: Additions) -> tuple[str, ...]:
        """What follows the commit; a line for each thing that failed. None of it undoes the rows."""
        notes = add_again(connection, additions, self.name)
        try:
            connection.execute("USE memory.main")
            connection.execute("DETACH target")
        except duckdb.Error as error:
            # What was committed is read from the write-ahead log until the next program that may write has moved it.
            reason = first_sentence(error).rpartition("Original error: ")[2]
            notes += (
                f"{self.name}: the new rows stand, but still in {self.database.name}.wal beside it ({reason}); keep "
                "the two files together, make room, and open the database once for writing",
            )
        return notes

    def _main(self, table: str) -> str:
        return f"target.main.{identifier(table)}"

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        parts: list[Path],
        types: tuple[str, str],
        companion: Companion | None,
    ) -> int:
        """Replace the rows, or those of stale users; the rows there are then."""
        user, item = types
        table = self._main(self.table)
        new = f"""
            SELECT {restored_column(columns.USER_ID, user)}, CAST({columns.RANK} AS INTEGER) AS {columns.RANK},
                   {restored_column(columns.ITEM_ID, item)}, CAST({columns.SCORE} AS FLOAT) AS {columns.SCORE}
            FROM {_parquet(parts)}"""
        if companion is None or companion.stale is None:
            connection.execute(f"CREATE OR REPLACE TABLE {table} AS {new}")
        else:
            stale = f"SELECT {restored_column(columns.USER_ID, user)} FROM {_parquet([companion.stale])}"
            connection.execute(f"DELETE FROM {table} WHERE {columns.USER_ID} IN ({stale})")
            if parts:
                connection.execute(f"INSERT INTO {table} {new}")
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(rows)

    def _accompany(
        self, connection: duckdb.DuckDBPyConnection, user: str, companion: Companion | None, run_id: str, rows: int
    ) -> None:
        """Replace the companion table, or remove it."""
        table = self._main(companion_table(self.table))
        if companion is None:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            return
        basis = companion.basis(run_id, rows).text()
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT {literal(basis)} AS basis, "
            f"{restored_column(columns.USER_ID, user)}, {FINGERPRINT} FROM {_parquet([companion.fingerprints])}"
        )

    def _note(self, connection: duckdb.DuckDBPyConnection, run: RunRow) -> None:
        runs = self._main(columns.RUNS)
        listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in _RUNS_COLUMNS.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS {runs} ({listed})")
        for name in _LATER_COLUMNS:
            connection.execute(f"ALTER TABLE {runs} ADD COLUMN IF NOT EXISTS {name} BIGINT")
        # A run that is resumed after its result stood, but before it could tidy up, publishes it once more.
        connection.execute(f"DELETE FROM {runs} WHERE run_id = ?", [run.run_id])
        values: dict[str, Any] = asdict(run)
        values |= {"result": self.table, "started": _utc(run.started), "finished": _utc(datetime.now(UTC))}
        connection.execute(
            f"INSERT INTO {runs} ({', '.join(map(identifier, values))}) VALUES ({', '.join('?' * len(values))})",
            list(values.values()),
        )

    def _check_holders(self, connection: duckdb.DuckDBPyConnection) -> None:
        """What stands under the names of the result, its companion and the table of runs must be of earlier runs."""
        try:
            self._check_holder(connection, self.table, RESULT_COLUMNS)
            self._check_holder(connection, companion_table(self.table), _COMPANION_COLUMNS)
            self._check_runs(connection)
            self._check_references(connection)
        except duckdb.Error as error:
            raise TargetError(f"{self.database}: cannot be read ({first_sentence(error)})") from error

    def _check_runs(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The table of runs may have more columns, not less."""
        found = self._columns(connection, columns.RUNS)
        missing = [name for name in _RUNS_COLUMNS if name not in {column.lower() for column, _ in found}]
        if found and (missing or any(is_view for _, is_view in found)):
            what = f"has no column {missing[0]!r}" if missing else "is a view"
            raise TargetError(
                f"{self.database}::{columns.RUNS}: {what}, but runs are noted in a table of this name; "
                "rename this one first, or put the result into another database (--into FILE.duckdb::TABLE)"
            )

    def _check_references(self, connection: duckdb.DuckDBPyConnection) -> None:
        """DuckDB replaces no table that a foreign key of another one refers to."""
        sql = """
            SELECT table_name FROM duckdb_constraints()
            WHERE database_name = 'target' AND schema_name = 'main' AND constraint_type = 'FOREIGN KEY'
                AND lower(referenced_table) = lower($1) AND lower(table_name) <> lower($1)"""
        found = connection.execute(sql, [self.table]).fetchone()
        if found:
            raise TargetError(
                f"{self.name}: a foreign key of table {found[0]!r} refers to it, so it cannot be replaced; "
                f"make {found[0]!r} without that key, or choose another table for the result"
            )

    def _check_schema(self, connection: duckdb.DuckDBPyConnection) -> None:
        """A name like SCHEMA.TABLE would become a table of that very name in the schema main."""
        schema, dot, _ = self.table.partition(".")
        sql = "SELECT 1 FROM duckdb_schemas() WHERE database_name = 'target' AND lower(schema_name) = lower(?)"
        if dot and connection.execute(sql, [schema]).fetchall():
            raise TargetError(
                f"{self.name}: results go into the schema main; choose a name without {schema + dot!r}, and a view "
                f"{self.table} over it where one is wanted"
            )

    def _check_holder(self, connection: duckdb.DuckDBPyConnection, table: str, expected: tuple[str, ...]) -> None:
        found = self._columns(connection, table)
        name = f"{self.database}::{table}"
        if any(is_view for _, is_view in found):
            raise TargetError(f"{name}: is a view; choose another name for the result")
        if found and tuple(column for column, _ in found) != expected:
            raise TargetError(
                f"{name}: holds other columns than {', '.join(expected)}; "
                "choose another table for the result, or drop this one first"
            )

    def _columns(self, connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, bool]]:
        """Columns of what stands under this name, and whether it is a view."""
        sql = """
            SELECT column_name, table_name IN (
                SELECT view_name FROM duckdb_views() WHERE database_name = 'target' AND schema_name = 'main')
            FROM duckdb_columns()
            WHERE database_name = 'target' AND schema_name = 'main' AND lower(table_name) = lower(?)
            ORDER BY column_index"""
        return [(str(name), bool(is_view)) for name, is_view in connection.execute(sql, [table]).fetchall()]

    def _types(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """SQL types of the result's columns."""
        found = connection.execute(f"DESCRIBE {self._main(self.table)}").fetchall()
        return [str(kind) for _, kind, *_ in found]

    def _session(self, *, read_only: bool, files: list[Path] | None = None) -> duckdb.DuckDBPyConnection:
        """A locked session with the database attached as `target`; waits while another process has it open."""
        connection = start_session(_MEGABYTES, None, str(self.staging / SPILL))
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
                if open_here(text):
                    raise TargetError(
                        f"{self.database}: is open in this very program; close that connection and start again"
                    ) from error
                if "lock" not in text.lower():
                    raise
                if time.monotonic() > end:
                    holder = re.search(r"held in (.*?\(PID \d+\))", text)
                    raise TargetError(
                        f"{self.database}: is open in {holder[1] if holder else 'another process'}, still after "
                        f"{self.wait_seconds:.0f} s; the old result stands; close it there and run again with --resume"
                    ) from error
                time.sleep(0.1)
            else:
                return


def _types(ids: Any) -> list[str]:
    """SQL types of the columns of a result with ids of these types."""
    user, item = ids if isinstance(ids, list) and len(ids) == 2 else ("", "")
    return [user, "INTEGER", item, "FLOAT"]


def _parquet(paths: list[Path]) -> str:
    return f"read_parquet({literals([_unglobbed(path) for path in paths])}, hive_partitioning = false)"


def _unglobbed(path: Path) -> str:
    """The path with its own glob signs quoted, for DuckDB globs every path it is given."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _utc(moment: datetime) -> datetime:
    """DuckDB's TIMESTAMP has no zone; ours are UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
