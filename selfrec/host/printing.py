"""What plugins print goes to stderr, for stdout is the result's, which others read as JSON.

`print` is the least of it: C code, child processes and `os.write` know file descriptor 1 and nothing of `sys.stdout`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout, suppress
from typing import Any

STDOUT, STDERR = 1, 2

Results = Callable[[], AbstractContextManager[None]]
"""`with results(): ...` prints to stdout as it stood before."""


@contextmanager
def kept_off_stdout() -> Iterator[Results]:
    """Run plugins' code; what it prints goes to stderr. What is yielded lets results through meanwhile."""
    stdout = sys.stdout
    _flush(stdout)
    _descriptor.enter()
    try:
        with redirect_stdout(sys.stderr):
            yield lambda: _let_through(stdout)
        # Not after an error: it may be stdout's own, and what it did not take is nothing for stderr.
        with suppress(OSError):
            _flush(stdout)
    finally:
        _descriptor.leave()


@contextmanager
def _let_through(stdout: Any) -> Iterator[None]:
    _descriptor.back()
    try:
        with redirect_stdout(stdout):
            yield
            _flush(stdout)
    finally:
        _descriptor.away()


class _Descriptor:
    """File descriptor 1. It is one for the whole process, so that only the first who comes, and the last who goes, turn
    it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._kept: int | None = None
        """A copy of it; None where it was closed."""

    def enter(self) -> None:
        """Turn it to stderr."""
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                _flush_c()
                with suppress(OSError):
                    self._kept = os.dup(STDOUT)
                self.away()

    def leave(self) -> None:
        """As it was before."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self.back()
                if self._kept is not None:
                    os.close(self._kept)
                    self._kept = None

    def away(self) -> None:
        """Turn it to stderr, or to nowhere if that is closed. Left closed, a file that a plugin opens could get it."""
        with suppress(OSError):
            try:
                os.dup2(STDERR, STDOUT)
            except OSError:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, STDOUT)
                if nowhere != STDOUT:
                    os.close(nowhere)

    def back(self) -> None:
        """Turn it to where it was."""
        _flush_c()
        with suppress(OSError):
            if self._kept is None:
                os.close(STDOUT)
            else:
                os.dup2(self._kept, STDOUT)


_descriptor = _Descriptor()


def _flush(stdout: Any) -> None:
    """Write out what Python's streams hold; whoever prints to `sys.__stdout__` means the same place. Raises OSError."""
    for stream in (stdout, sys.__stdout__):
        if stream is not None:
            with suppress(ValueError):  # It is closed.
                stream.flush()


def _flush_c() -> None:
    """Write out what the C library holds of what was said by `printf`."""
    with suppress(Exception):  # A Python may be built without ctypes.
        import ctypes

        if sys.platform == "win32":
            ctypes.CDLL("ucrtbase").fflush(None)
            return
        library = ctypes.CDLL(None)
        # Of that stream alone: all of them would be waited for, and another thread may hold one while it reads.
        for name in ("stdout", "__stdoutp"):  # The second on macOS.
            with suppress(ValueError):
                library.fflush(ctypes.c_void_p.in_dll(library, name))
                return
