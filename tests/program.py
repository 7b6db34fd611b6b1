"""The program `selfrec` in processes of its own that start at once.

They are forked from a server that has imported everything, because the imports take longer than most of what the tests
ask for. What a test says of a start from nothing (which modules it imports, what another hash seed does) it says with
`python -m selfrec`.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import site
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

forked = multiprocessing.get_context("forkserver")
forked.set_forkserver_preload(["tests.preloaded"])


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


def selfrec(
    *args: object, cwd: Path | None = None, venv: Path | None = None, path: Path | None = None, timeout: int = 300
) -> Ran:
    """Run a command to its end, in the working folder and the environment of this process.

    venv: a virtual environment; the command has its packages besides, and starts its Python. path: a folder of packages
    that comes before all others, as with PYTHONPATH.
    """
    with tempfile.TemporaryDirectory(prefix="program-") as streams:
        words, place = [str(arg) for arg in args], str(cwd or Path.cwd())
        process = forked.Process(target=_program, args=(words, place, dict(os.environ), venv, path, streams, timeout))
        process.start()
        process.join()
        out, err = ((Path(streams) / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
    assert process.exitcode is not None
    return Ran(process.exitcode, out, err)


def ended(*arguments: object, fails: int = 0) -> Ran:
    """What a run of the program gave, which has to end with the exit code `fails`."""
    done = selfrec(*arguments)
    assert done.code == fails, done.out + done.err
    return done


def into_files(folder: str) -> None:
    """Both streams of this process into files of the folder."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)


def _program(
    args: list[str],
    cwd: str,
    environment: Mapping[str, str],
    venv: Path | None,
    path: Path | None,
    streams: str,
    timeout: int,
) -> NoReturn:
    """The child: what `python -m selfrec` does, in the place of the one that asked. SIGALRM ends it when it hangs."""
    signal.alarm(timeout)
    into_files(streams)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    if venv is not None:
        for packages in venv.glob("lib/python*/site-packages"):
            site.addsitedir(str(packages))
        sys.executable = str(venv / "bin/python")
    if path is not None:
        sys.path.insert(0, str(path))
    sys.argv = ["selfrec", *args]
    runpy.run_module("selfrec", run_name="__main__", alter_sys=True)
    raise AssertionError("the program leaves by SystemExit")
