"""The staging folder beside a target: finished shards wait here until all are there. One run at a time."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from selfrec.errors import TargetError, one_line
from selfrec.files import locked, write_whole
from selfrec.scoring.engines import ENGINES, engines_changed
from selfrec.scoring.result_parts import PartNote, is_sound, part_name, read_note

SPILL = "spill"
"""Folder inside the staging folder where DuckDB may put what does not fit its memory."""

CHANGES = "changes"
"""Folder inside the staging folder for what --changed-only compares; made anew by every run."""

_RUN = "run.json"
_HOLDER = "pid"
_PAUSE = 0.1
"""Seconds between two looks at a lock."""


class Staging:
    """Holds the lock of one target while a run writes to it.

        with Staging(target.staging, target.name) as staging:
            staging.begin(identity, options, resume=True)
            staging.part(3)           a path
            staging.reusable(3, hash) what an earlier run left for this shard
            staging.finish()

    Left without `finish`, the finished parts stay for the next run: to go on from with `resume`, else to be removed.
    """

    def __init__(self, folder: Path, target: str, *, wait: float = 0.0) -> None:
        """target: what the user calls it. wait: seconds to wait for another run that writes the same target."""
        self.folder = folder
        self._target, self._wait = target, wait
        self.parts = folder / "parts"
        self.run_id = uuid.uuid4().hex
        self.started = datetime.now(UTC)
        self.note: str | None = None
        """Why a run that was to be resumed starts over."""
        self._identity: str | None = None
        self._resume = False
        self._held = contextlib.ExitStack()
        self._finished = False

    def __enter__(self) -> Staging:
        try:
            self._lock()
            # What a killed run spilled or compared is of no use to anyone.
            for name in (SPILL, CHANGES):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / CHANGES).mkdir()
        except OSError as error:
            self._held.close()
            raise self._failed(error) from error
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without a finished part there is nothing to go on from. The lock goes last, so that nobody else's folder
        # is removed.
        if self._finished or not any(self.parts.glob("part-*.parquet")):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._held.close()

    def begin(self, identity: str, options: dict[str, Any], *, resume: bool) -> None:
        """Start a run, or with `resume` go on with the one that was killed, if it had the same identity.

        identity: hash of the model and the options; parts of another identity are not taken over.
        """
        self._identity = identity
        try:
            self._resume = resume and self._adopt(identity)
            self._clean()
            run: dict[str, Any] = {"run_id": self.run_id, "identity": identity, "engines": ENGINES}
            run["started"] = self.started.isoformat()
            content = json.dumps(run | {"options": options}, indent=2, sort_keys=True)
            write_whole(self.folder / _RUN, content.encode())
        except OSError as error:
            raise self._failed(error) from error

    def part(self, shard: int) -> Path:
        """Where the part of a shard belongs."""
        return self.parts / part_name(shard, self.run_id)

    def reusable(self, shard: int, inputs: str) -> PartNote | None:
        """The note of a finished part of this very input, model and options, or None."""
        part = self.part(shard)
        note = read_note(part) if self._resume else None
        if note is None or (note.identity, note.inputs) != (self._identity, inputs) or not is_sound(part, note.rows):
            return None
        return note

    def complete(self, shards: int) -> list[Path]:
        """The parts of all shards, in order; others, left by an older run, are removed."""
        parts = [self.part(shard) for shard in range(shards)]
        for path in set(self.parts.iterdir()).difference(parts):
            path.unlink()
        return parts

    def finish(self) -> None:
        """The result stands; the folder is no longer needed."""
        self._finished = True

    def _lock(self) -> None:
        """Hold the folder of this name. A run that just ended may remove it before it is locked: then again."""
        end = time.monotonic() + self._wait
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                free = self._held.enter_context(locked(self.folder))
            except FileNotFoundError:
                continue
            if free:
                (self.folder / _HOLDER).write_text(str(os.getpid()))
                return
            if time.monotonic() >= end:
                raise TargetError(
                    f"{self._target}: another run (PID {self._pid()}) is writing this target; wait until it ends, "
                    "or let --wait SECONDS do so"
                )
            time.sleep(_PAUSE)

    def _adopt(self, identity: str) -> bool:
        """Take over what a killed run left; False, with a note, where it was another run."""
        run = self._read_run()
        if run is None or not self.parts.is_dir():
            self.note = "there was no unfinished run to resume: started from the beginning"
            return False
        upgraded = engines_changed(run.get("engines"))
        if upgraded is not None:
            # Another version may deal users to other shards, and round scores otherwise.
            self.note = f"the unfinished run cannot be resumed, for {upgraded}: started over"
            return False
        if run.get("identity") != identity:
            self.note = "the unfinished run had another model or other options: started over"
            return False
        try:
            self.run_id, self.started = str(run["run_id"]), datetime.fromisoformat(run["started"])
        except (KeyError, TypeError, ValueError):
            self.note = "the unfinished run cannot be read: started over"
            return False
        return True

    def _clean(self) -> None:
        """Leave an empty staging folder, or when resuming one with finished parts alone."""
        for path in self.folder.iterdir():
            if path.name in (SPILL, CHANGES, _HOLDER) or (self._resume and path == self.parts):
                continue
            if _is_folder(path):
                shutil.rmtree(path)
            else:
                path.unlink()
        self.parts.mkdir(exist_ok=True)
        for part in filter(_is_folder, self.parts.iterdir()):
            shutil.rmtree(part)

    def _read_run(self) -> dict[str, Any] | None:
        try:
            run = json.loads((self.folder / _RUN).read_bytes())
        except (OSError, ValueError):
            return None
        return run if isinstance(run, dict) else None

    def _failed(self, error: OSError) -> TargetError:
        return TargetError(
            f"{self.folder.parent}: cannot write the staging folder {self.folder.name!r} ({one_line(error)}); "
            "check space and permissions"
        )

    def _pid(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / _HOLDER).read_text()[:20] or "unknown"
        return "unknown"


def _is_folder(path: Path) -> bool:
    """Whether a folder stands here, not a link to one."""
    return path.is_dir() and not path.is_symlink()
