"""Real jobs in processes of their own that can be killed at any moment.

Processes are forked from the server of `tests.program`, which has imported everything, so that the moments fall into
the work and not into the imports. Each runs the program as the command line does: signals, exit code, one line on
stderr.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.program import forked, into_files

ROOT = Path(__file__).resolve().parents[2]
"""Of the repository."""


def _program(args: list[str], folder: str, ready: Any) -> None:
    """The child: both streams into files, a checkpoint after every epoch, then the program."""
    # Until the program sets its own handlers, SIGINT ends the process without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from selfrec.cli.main import main
    from selfrec.pipeline import checkpoint

    into_files(folder)
    checkpoint.EVERY = 0.0
    os.chdir(folder)
    ready.set()
    main(args)


@dataclass
class Job:
    """A started program."""

    process: BaseProcess
    folder: Path

    @classmethod
    def start(cls, folder: Path, *args: object) -> Job:
        """In `folder`, where its output goes as well."""
        ready = forked.Event()
        process = forked.Process(target=_program, args=([str(arg) for arg in args], str(folder), ready))
        process.start()
        assert ready.wait(timeout=60)
        return cls(process, folder)

    def signal(self, number: int) -> None:
        """Send a signal, if it still lives."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, number)

    def end(self) -> int:
        """Wait for it; the exit code, -n where signal n ended it."""
        self.process.join(timeout=300)
        assert self.process.exitcode is not None, "it hangs"
        return self.process.exitcode

    @property
    def err(self) -> str:
        """What it said on stderr."""
        return (self.folder / "stderr").read_text()


def done(folder: Path, *args: object) -> float:
    """Run a program to its good end; the seconds it took, from when a signal would have reached it."""
    job = Job.start(folder, *args)
    began = time.monotonic()
    code = job.end()
    assert code == 0, job.err
    return time.monotonic() - began


def refused(job: Job, code: int, *says: str) -> None:
    """It ended with this code and one line that has these words."""
    assert job.end() == code, job.err
    assert job.err.startswith("Error: "), job.err
    assert job.err.count("\n") == 1, job.err
    assert "unexpected" not in job.err, job.err
    assert [word for word in says if word not in job.err] == [], job.err
