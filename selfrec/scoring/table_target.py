"""A table of a DuckDB file as the place for a result."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

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
from selfrec.scoring.result_parts import IdForm
from selfrec.scoring.run_table import note_run
from selfrec.scoring.staging import SPILL
from selfrec.scoring.summary import Published, RunRow
from selfrec.scoring.table_checks import check_holders, check_schema, columns_of, in_target
from selfrec.source.fingerprints import FINGERPRINT, write_rows
from selfrec.source.ids import carried_sql, restored_column
from selfrec.source.memory import WRITING, MemoryLimit
from selfrec.source.quoting import literal, literals
from selfrec.source.session import first_sentence, lock_down, open_here, start_session

WAIT_SECONDS = 60.0
"""How long a run waits for a database to be free unless told to wait longer."""
_MEGABYTES = 256
"""What DuckDB may use to write the table and its indexes: as much as scoring gives it to read."""


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
                check_schema(connection, self.database, self.table)
                check_holders(connection, self.database, self.table)
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
        if not columns_of(connection, self.table) or not columns_of(connection, columns.RUNS):
            return "there is no earlier result"
        if not columns_of(connection, companion_table(self.table)):
            return "the result there was not made with --changed-only"
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {in_target(self.table)}").fetchall()
        # By the order of noting: a clock may have been ahead, and set back since.
        last = connection.execute(
            f"SELECT run_id FROM {in_target(columns.RUNS)} WHERE lower(result) = lower(?) ORDER BY rowid DESC LIMIT 1",
            [self.table],
        ).fetchone()
        companion = in_target(companion_table(self.table))
        basis = connection.execute(f"SELECT basis FROM {companion} LIMIT 1").fetchone()
        found = matching(read_basis(basis[0] if basis else None), into, last[0] if last else "", rows)
        if isinstance(found, Earlier):
            if self._column_types(connection) != _result_types(found.basis.settings.get(ID_TYPES)):
                # New rows of the one type do not go into columns of another.
                return CHANGED_BY_ELSE
            [(user_type,)] = connection.execute(f"SELECT typeof({columns.USER_ID}) FROM {companion} LIMIT 1").fetchall()
            carried = f"{carried_sql(columns.USER_ID, user_type)} AS {columns.USER_ID}"
            write_rows(connection.sql(f"SELECT {carried}, {FINGERPRINT} FROM {companion}"), into)
        return found

    def publish(
        self, parts: list[Path], types: tuple[str, str], run: RunRow, companion: Companion | None = None
    ) -> Published:
        """One transaction: the result, its companion, the row of the run; then what stood on the old table."""
        files = [*parts, *(companion.files if companion else [])]
        with self._session(read_only=False, files=files) as connection:
            check_holders(connection, self.database, self.table)
            try:
                memory = MemoryLimit(connection)
                memory.narrow(WRITING)
                replaces = companion is None or companion.stale is None
                additions = read_additions(connection, self.table) if replaces else Additions()
                rows = memory.within(lambda: self._write_all(connection, parts, types, run, companion, additions))
                memory.widen()
            except duckdb.ConstraintException as error:
                raise TargetError(
                    f"{self.name}: a constraint of the table refuses the new rows ({first_sentence(error)}); the old "
                    "result stands; make them fit or drop the constraint, then run again with --resume"
                ) from error
            except duckdb.Error as error:
                raise TargetError(f"{self.name}: cannot be written ({first_sentence(error)})") from error
            return Published(rows, self._after_commit(connection, additions))

    def _write_all(
        self,
        connection: duckdb.DuckDBPyConnection,
        parts: list[Path],
        types: tuple[str, str],
        run: RunRow,
        companion: Companion | None,
        additions: Additions,
    ) -> int:
        """All that belongs together, in one transaction; the number of rows."""
        connection.execute("BEGIN")
        try:
            rows = self._write_rows(connection, parts, types, companion)
            for comment in additions.comments:
                connection.execute(comment)
            self._replace_companion(connection, types[0], companion, run.run_id, rows)
            note_run(connection, self.table, replace(run, rows=rows))
            connection.execute("COMMIT")
        except duckdb.OutOfMemoryException:
            connection.execute("ROLLBACK")
            raise
        return rows

    def _after_commit(self, connection: duckdb.DuckDBPyConnection, additions: Additions) -> tuple[str, ...]:
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

    def _write_rows(
        self,
        connection: duckdb.DuckDBPyConnection,
        parts: list[Path],
        types: tuple[str, str],
        companion: Companion | None,
    ) -> int:
        """Replace the rows, or those of stale users; the rows there are then."""
        user, item = types
        table = in_target(self.table)
        new = f"""
            SELECT {restored_column(columns.USER_ID, user)}, CAST({columns.RANK} AS INTEGER) AS {columns.RANK},
                   {restored_column(columns.ITEM_ID, item)}, CAST({columns.SCORE} AS FLOAT) AS {columns.SCORE}
            FROM {_parquet_sql(parts)}"""
        if companion is None or companion.stale is None:
            connection.execute(f"CREATE OR REPLACE TABLE {table} AS {new}")
        else:
            stale = f"SELECT {restored_column(columns.USER_ID, user)} FROM {_parquet_sql([companion.stale])}"
            connection.execute(f"DELETE FROM {table} WHERE {columns.USER_ID} IN ({stale})")
            if parts:
                connection.execute(f"INSERT INTO {table} {new}")
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(rows)

    def _replace_companion(
        self, connection: duckdb.DuckDBPyConnection, user: str, companion: Companion | None, run_id: str, rows: int
    ) -> None:
        """Replace the companion table, or remove it."""
        table = in_target(companion_table(self.table))
        if companion is None:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            return
        basis = companion.basis(run_id, rows).text()
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT {literal(basis)} AS basis, "
            f"{restored_column(columns.USER_ID, user)}, {FINGERPRINT} FROM {_parquet_sql([companion.fingerprints])}"
        )

    def _column_types(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """SQL types of the result's columns."""
        found = connection.execute(f"DESCRIBE {in_target(self.table)}").fetchall()
        return [str(kind) for _, kind, *_ in found]

    def _session(self, *, read_only: bool, files: list[Path] | None = None) -> duckdb.DuckDBPyConnection:
        """A locked session with the database attached as `target`; waits while another process has it open."""
        connection = start_session(_MEGABYTES, None, str(self.staging / SPILL))
        try:
            connection.execute("SET preserve_insertion_order = true")
            self._attach(connection, "READ_ONLY, " if read_only else "")
            lock_down(connection, [str(path) for path in files or []])
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


def _result_types(ids: object) -> list[str]:
    """SQL types of the columns of a result with ids of these types."""
    user, item = ids if isinstance(ids, list) and len(ids) == 2 else ("", "")
    return [user, "INTEGER", item, "FLOAT"]


def _parquet_sql(paths: list[Path]) -> str:
    # DuckDB globs every path that it is given.
    return f"read_parquet({literals([glob.escape(str(path)) for path in paths])}, hive_partitioning = false)"
