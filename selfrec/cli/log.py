"""--log-json FILE: what a job does, one line of JSON an event, for a machine that watches it."""

from __future__ import annotations

import functools
import json
import math
import os
import stat
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from selfrec.cli.state import Function, State, with_options
from selfrec.errors import SettingsError, one_line

COMMON = {
    "time": "when, ISO 8601 in UTC",
    "event": "its name",
    "command": "fit, score or evaluate",
    "job": "the same for all lines of one call of the program",
}
"""Fields of every line."""

EVENTS: dict[str, tuple[str, dict[str, str]]] = {
    "started": (
        "The first line of a job.",
        {"version": "of selfrec", "pid": "of the process", "arguments": "as given"},
    ),
    "cleaned": (
        "fit: a cleaning rule was applied.",
        {"rule": "its name", "rows_before": "rows it found", "rows_dropped": "rows it dropped", "note": "details"},
    ),
    "training": (
        "fit: a part starts training.",
        {"phase": "selection or refit", "kind": "of part", "label": "of the part", "epochs": "at most so many"},
    ),
    "epoch": (
        "fit: an epoch of the part ended.",
        {"label": "of the part", "number": "from 1", "metrics": "figures by name; null where one is no number"},
    ),
    "stage": (
        "fit: a stage was measured on the validation part.",
        {"name": "of the pipeline", "metrics": "figures by name"},
    ),
    "trial": (
        "fit --budget: a trial of the search for options ended.",
        {
            "number": "from 0, the options as they stand",
            "options": "values by dotted name",
            "metrics": "figures by name; none where it failed",
            "took": "seconds of the trial",
        },
    ),
    "working": ("fit: something begins that trains no part.", {"text": "what"}),
    "message": ("fit: something worth a line.", {"text": "what"}),
    "users": (
        "score: the users are known.",
        {
            "users": "there are",
            "scored": "to be scored",
            "kept": "whose rows stay",
            "removed": "who are gone",
            "shards": "they are cut into",
        },
    ),
    "shard": (
        "score: a shard is finished and safe on disk.",
        {
            "shard": "its number, from 0",
            "users": "in it",
            "rows": "of their lists",
            "resumed": "whether an earlier run had finished it",
        },
    ),
    "written": ("score: the result has taken the place of the old one.", {"target": "where", "rows": "in all"}),
    "warning": ("A thing that a person should know and that did not stop the job.", {"text": "what"}),
    "finished": (
        "The last line of a job that did what it should.",
        {"seconds": "since it started", "result": "what `--json` prints; for fit the model's path and stages"},
    ),
    "failed": (
        "The last line of a job that did not, or was stopped by SIGINT or SIGTERM; killed by SIGKILL, it has none.",
        {
            "seconds": "since it started",
            "error": "class of the error",
            "text": "its one line",
            "exit_code": "of the job",
        },
    ),
}
"""Name -> when, and the fields it has beside COMMON."""

_FIRST = b'{"time": "'
"""How every log begins. Less would not do: a DuckDB file begins with a checksum, which may well be a brace."""


STDERR = "-"
"""The path that is no file: stdout is for the result alone."""


class EventLog:
    """Appends events to a file, each at once, in one write: jobs that share a file do not mix their lines."""

    def __init__(self, path: str | None, command: str) -> None:
        """Open the file. None: say nothing. Raises SettingsError where events cannot be appended to it."""
        self.result: Any = None
        """What the command has to show for it; goes into `finished`."""
        self._path, self._command = path, command
        self._job = uuid.uuid4().hex[:12]
        self._began = time.monotonic()
        self._handle = None if path is None else _open(path)

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Append an event. A file that can no longer be written is told once and given up; the job goes on."""
        _, own = EVENTS[event]
        if set(fields) != set(own):
            raise ValueError(f"event {event!r} has the fields {sorted(own)}, not {sorted(fields)}")
        if self._handle is None:
            return
        try:
            self._append(event, fields)
        except OSError as error:
            self._close()
            click.echo(f"Warning: --log-json {self._path}: cannot be written any more ({one_line(error)})", err=True)

    def start(self, version: str) -> None:
        """The first line; unlike later ones it must succeed. Raises SettingsError."""
        if self._handle is None:
            return
        try:
            self._append("started", {"version": version, "pid": os.getpid(), "arguments": sys.argv[1:]})
        except OSError as error:
            self._close()
            raise _refused(str(self._path), one_line(error)) from error

    def finish(self) -> None:
        """The last line."""
        self("finished", seconds=self._seconds(), result=self.result)
        self._close()

    def fail(self, error: BaseException, state: State) -> None:
        """The last line of a job that failed."""
        from selfrec.cli.main import outcome

        text, code = outcome(error, state)
        self("failed", seconds=self._seconds(), error=type(error).__name__, text=text, exit_code=code)
        self._close()

    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _append(self, event: str, fields: Mapping[str, Any]) -> None:
        assert self._handle is not None
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "event": event, "command": self._command, "job": self._job, **fields}
        raw = json.dumps(_plain(line), default=str, allow_nan=False).encode() + b"\n"
        while raw:
            raw = raw[os.write(self._handle, raw) :]

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def log_option(function: Function) -> Function:
    """--log-json for a command whose function takes `log`, an EventLog, after the State."""

    @functools.wraps(function)
    def logged(state: State, *args: Any, log_json: str | None, **kwargs: Any) -> Any:
        log = EventLog(log_json, click.get_current_context().command.name or "")
        state.quiet |= log_json == STDERR
        if log_json is not None:
            import selfrec

            log.start(selfrec.__version__)
        try:
            done = function(state, log, *args, **kwargs)
        except BaseException as error:
            log.fail(error, state)
            raise
        log.finish()
        return done

    return with_options(
        logged,
        click.option(
            "--log-json",
            metavar="FILE",
            type=click.Path(),
            help="Append what the job does, one line of JSON an event; `-` is stderr, in place of progress.",
        ),
    )


def _open(path: str) -> int:
    """A handle to append to: a new file, a log of earlier jobs, or a pipe or terminal that somebody reads."""
    try:
        if path == STDERR:
            return os.dup(sys.stderr.fileno())
        # Without O_NONBLOCK, a named pipe that nobody reads would stop the job before it starts.
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        os.set_blocking(handle, True)
        status = os.fstat(handle)
    except (OSError, ValueError) as error:
        raise _refused(path, one_line(error)) from error
    if stat.S_ISREG(status.st_mode) and status.st_size:
        try:
            with open(path, "rb") as file:
                first = file.read(len(_FIRST))
                file.seek(-1, os.SEEK_END)
                if first == _FIRST and file.read(1) != b"\n":
                    # A job before this one was cut off in a line, by a full disk or a power cut: it costs no other.
                    os.write(handle, b"\n")
        except OSError as error:
            os.close(handle)
            raise _refused(path, one_line(error)) from error
        if first != _FIRST:
            os.close(handle)
            raise _refused(path, "the file holds something else than a log")
    return handle


def _refused(path: str, why: str) -> SettingsError:
    return SettingsError(
        f"--log-json {path!r}: cannot be appended to ({why}); name a file in a folder you may write to"
    )


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: no number that is none, and plain numbers of numpy's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
