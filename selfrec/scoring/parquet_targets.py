"""A Parquet file, or a folder of Parquet parts, as the place for a result."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from selfrec.errors import TargetError, one_line
from selfrec.files import is_worked_in, recover, replace_path, sync_tree
from selfrec.scoring.companion import (
    Companion,
    Earlier,
    marked_run,
    read_companion,
    remove_companions,
    run_mark,
    write_companion,
)
from selfrec.scoring.kept_rows import kept_and_new
from selfrec.scoring.result_parts import (
    RESULT_COLUMNS,
    IdForm,
    count_rows,
    join_tables,
    part_name,
    read_parts,
    result_columns,
    run_of_parts,
    split_tables,
)
from selfrec.scoring.summary import Published, RunRow
from selfrec.source.files import is_named

_PART = re.compile(r"part-\d{5,}-[0-9a-f]{12}\.parquet")


def _is_part(path: Path) -> bool:
    return _PART.fullmatch(path.name) is not None and result_columns(path) == RESULT_COLUMNS


def check_outside_results(path: Path) -> None:
    """Refuse a place in a folder of parts: the next run into that folder would find something else in it. Raises
    TargetError."""
    for folder in path.resolve().parents:
        with contextlib.suppress(OSError):  # Not every folder above may be looked into.
            names = (entry.name for entry in os.scandir(folder))
            if any(_PART.fullmatch(name) and _is_part(folder / name) for name in names):
                raise TargetError(
                    f"{path}: is in {folder}, a folder of parts of another result, which would be refused from then "
                    "on; choose a place outside of it"
                )


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

    def check(self, *, source_path: str, source_table: str) -> None:
        """Refuse a place that the source reads: the next run would take recommendations for events."""
        if is_named(source_path, self.example):
            raise TargetError(
                f"{self.path}: the source {source_path!r} reads it as well, and would take recommendations for events; "
                "choose a place outside of it"
            )

    @property
    def example(self) -> Path:
        """A file of the result."""
        raise NotImplementedError

    def earlier(self, folder: Path) -> Earlier | str:
        """The companion file of the run that wrote what stands here."""
        files = self._files()
        if not files:
            return "there is no earlier result"
        return read_companion(self.path, self._run_of(files), count_rows(files))

    def publish(
        self, parts: list[Path], types: tuple[str, str], run: RunRow, companion: Companion | None = None
    ) -> Published:
        """Write the whole beside, put the companion in its place, then the result, then remove old companions."""
        if companion is not None and companion.unchanged:
            # The result stays as it is, and so does the companion file of the run that wrote it.
            files = self._files()
            remove_companions(self.path, but=self._run_of(files))
            return Published(count_rows(files))
        try:
            tables = None
            if companion is not None and companion.stale is not None:
                tables = kept_and_new(self._files(), parts, companion.stale, types[0])
            whole, rows = self._write(parts, tables, run.run_id, marked=companion is not None)
            if companion is not None:
                write_companion(companion, self.path, companion.basis(run.run_id, rows))
            replace_path(whole, self.path)
            remove_companions(self.path, but=run.run_id if companion else None)
        except OSError as error:
            raise TargetError(f"{self.path}: cannot be written ({one_line(error)})") from error
        return Published(rows)

    def _files(self) -> list[Path]:
        """The Parquet files of the result that stands here."""
        raise NotImplementedError

    def _run_of(self, files: list[Path]) -> str | None:
        """The id, or its start, of the run that wrote these."""
        raise NotImplementedError

    def _write(
        self, parts: list[Path], tables: Iterator[pa.Table] | None, run_id: str, *, marked: bool
    ) -> tuple[Path, int]:
        """Write the parts, or all tables where given, inside the staging folder; where, and how many rows.

        marked: whether the run can be told from the result.
        """
        raise NotImplementedError


class FileTarget(_PathTarget):
    """One Parquet file."""

    @property
    def example(self) -> Path:
        """The file."""
        return self.path

    def check(self, *, source_path: str, source_table: str) -> None:
        """Refuse a folder, and a file that is no earlier result or that the source reads."""
        super().check(source_path=source_path, source_table=source_table)
        if self.path.is_dir():
            raise TargetError(f"{self.path}: is a folder; choose another name for the result")
        if self.path.exists() and result_columns(self.path) != RESULT_COLUMNS:
            raise TargetError(f"{self.path}: is no earlier result; choose another name for the result")

    def _files(self) -> list[Path]:
        return [self.path] if self.path.exists() else []

    def _run_of(self, files: list[Path]) -> str | None:
        return marked_run(files[0])

    def _write(
        self, parts: list[Path], tables: Iterator[pa.Table] | None, run_id: str, *, marked: bool
    ) -> tuple[Path, int]:
        whole = self.staging / "whole.parquet"
        note = run_mark(run_id) if marked else None
        return whole, join_tables(read_parts(parts) if tables is None else tables, whole, note)


class FolderTarget(_PathTarget):
    """A folder of Parquet parts, exchanged as a whole."""

    @property
    def example(self) -> Path:
        """The first part of some run."""
        return self.path / part_name(0, "0" * 12)

    def check(self, *, source_path: str, source_table: str) -> None:
        """Refuse a file, and a folder that holds more than parts of an earlier result or that the source reads."""
        super().check(source_path=source_path, source_table=source_table)
        recover(self.path)
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise TargetError(f"{self.path}: is a file; choose another name for the folder (or end it in .parquet)")
        if is_worked_in(self.path):
            raise TargetError(f"{self.path}: no result can take the place of the working folder; choose another folder")
        for path in self.path.iterdir():
            if not _is_part(path):
                raise TargetError(
                    f"{self.path}: holds {path.name!r}, which is no part of a result; choose another folder"
                )

    def _files(self) -> list[Path]:
        return sorted(self.path.iterdir()) if self.path.exists() else []

    def _run_of(self, files: list[Path]) -> str | None:
        return run_of_parts(files)

    def _write(
        self, parts: list[Path], tables: Iterator[pa.Table] | None, run_id: str, *, marked: bool
    ) -> tuple[Path, int]:
        """The parts stand in a folder of their own already; their names tell the run."""
        if tables is None:
            whole, rows = parts[0].parent, count_rows(parts)
        else:
            whole = self.staging / "whole"
            whole.mkdir()
            rows = split_tables(tables, lambda number: whole / part_name(number, run_id))
        sync_tree(whole)
        return whole, rows
