"""The fingerprints that stand beside a result, and what they were made under.

Beside a table stands another, `selfrec_fingerprints_TABLE`, written in the same transaction. Beside a file or a folder
stands a file `.NAME.RUN.fingerprints`, whose name holds the run that wrote the result: a run puts its own there first,
then the result in its place, then removes others'. So wherever it is killed, a result never meets fingerprints of
another run. A run without --changed-only leaves none.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from selfrec.files import sync

PREFIX = "selfrec_fingerprints"
"""Names of companion tables begin so."""

FORMAT = 1
"""Of the fingerprints: those of another format are not read."""

ID_TYPES = "the types of ids"
"""The setting that holds the SQL types of user and item ids."""

CHANGED_BY_ELSE = "the result was changed by something else since the last run"

_KEY = "selfrec"
_RUN_KEY = "selfrec_run"
_RUN_LETTERS = 12


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What fingerprints were made under."""

    run_id: str
    rows: int
    """Rows of the result they stand beside."""
    settings: dict[str, Any]
    """All that every list depends on, by the name a person knows: another value of one means other lists for all."""
    format: int = FORMAT

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Earlier:
    """The fingerprints of an earlier run whose result still stands."""

    basis: Basis
    path: Path
    """A Parquet file with user_id (carried) and fingerprint."""


@dataclass(frozen=True, kw_only=True)
class Companion:
    """What a run with --changed-only gives its target beside the rows."""

    settings: dict[str, Any]
    fingerprints: Path
    """Parquet file: user_id (carried) and fingerprint of every user of the new result."""
    stale: Path | None
    """Parquet file: user_id (carried) of those whose old rows must go. None: all of them."""
    unchanged: bool = False
    """Whether the old result is the new one, row by row."""

    @property
    def files(self) -> list[Path]:
        """Files that a database session must be allowed to read."""
        return [self.fingerprints, *([self.stale] if self.stale else [])]

    def of_no_state(self) -> Companion:
        """The same, of a source that changed while it was read: no list can be told to be what a fingerprint says, so
        that the next run has to score everybody."""
        return replace(self, settings=self.settings | {"the source, while it was read": True})

    def basis(self, run_id: str, rows: int) -> Basis:
        """For the result as it stands in the end."""
        return Basis(run_id=run_id, rows=rows, settings=self.settings)


def read_basis(text: str | bytes | None) -> Basis | None:
    """None where it is none, or of another format."""
    try:
        basis = Basis(**json.loads(text or ""))
    except (TypeError, ValueError):
        return None
    whole = isinstance(basis.run_id, str) and isinstance(basis.settings, dict)
    return basis if basis.format == FORMAT and whole else None


def companion_table(table: str) -> str:
    """The name of the companion of a table."""
    return f"{PREFIX}_{table}"


def companion_path(path: Path, run_id: str) -> Path:
    """The companion file of a result of this run."""
    return path.with_name(f".{path.name}.{run_id[:_RUN_LETTERS]}.fingerprints")


def write_companion(companion: Companion, path: Path, basis: Basis) -> None:
    """Write the companion file of a result that is about to be put in its place."""
    whole = companion.fingerprints.with_name("companion.parquet")
    with (
        pq.ParquetFile(companion.fingerprints) as file,
        pq.ParquetWriter(whole, file.schema_arrow, compression="zstd", store_schema=False) as writer,
    ):
        for batch in file.iter_batches():
            writer.write_batch(batch)
        writer.add_key_value_metadata({_KEY: basis.text()})
    sync(whole)
    whole.replace(companion_path(path, basis.run_id))
    sync(path.parent)


def remove_companions(path: Path, *, but: str | None = None) -> None:
    """Remove the companion files of a result, except that of the run `but`."""
    kept = None if but is None else companion_path(path, but)
    start, end = f".{path.name}.", ".fingerprints"
    for found in path.parent.iterdir():
        name = found.name
        run = name[len(start) : -len(end)]
        if name.startswith(start) and name.endswith(end) and len(run) == _RUN_LETTERS and found != kept:
            found.unlink(missing_ok=True)


def read_companion(path: Path, run_id: str | None, rows: int) -> Earlier | str:
    """The companion file of a result of this run and so many rows, or why there is none."""
    if run_id is None:
        return "the result there was not made with --changed-only"
    place = companion_path(path, run_id)
    try:
        text = (pq.read_metadata(place).metadata or {}).get(_KEY.encode())
    except FileNotFoundError:
        return "the result there was not made with --changed-only"
    except (OSError, pa.ArrowException):
        return "the fingerprints of the last run cannot be read"
    return matching(read_basis(text), place, run_id, rows)


def matching(basis: Basis | None, path: Path, run_id: str, rows: int) -> Earlier | str:
    """The fingerprints, if they belong to a result of this run and so many rows, or why they do not."""
    if basis is None:
        return "the fingerprints of the last run are of another version"
    if basis.run_id[:_RUN_LETTERS] != run_id[:_RUN_LETTERS] or basis.rows != rows:
        return CHANGED_BY_ELSE
    return Earlier(basis, path)


def run_mark(run_id: str) -> dict[str, str]:
    """Key-value metadata that notes the run in a result file, so that its companion is found."""
    return {_RUN_KEY: run_id}


def marked_run(path: Path) -> str | None:
    """The run noted in a result file."""
    found = (pq.read_metadata(path).metadata or {}).get(_RUN_KEY.encode())
    return None if found is None else found.decode(errors="replace")
