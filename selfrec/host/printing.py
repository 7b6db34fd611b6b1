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
    """Run plugins' code; what it prints goes to stderr. What is yielded lets results through meanwhile.

    Until the last of several threads leaves, all of them are kept off.
    """
    _flush(sys.stdout)
    stdout = _stdout.enter()
    try:
        yield lambda: _let_through(stdout)
        # Not after an error: it may be stdout's own, and what it did not take is nothing for stderr.
        with suppress(OSError):
            _flush(stdout)
    finally:
        _stdout.leave()


@contextmanager
def _let_through(stdout: Any) -> Iterator[None]:
    _stdout.back()
    try:
        with redirect_stdout(stdout):
            yield
            _flush(stdout)
    finally:
        _stdout.away()


class _Stdout:
    """File descriptor 1 and `sys.stdout`. They are one for the whole process, so that only the first who comes, and the
    last who goes, turn them: threads need not leave in the order in which they came.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._kept: int | None = None
        """A copy of the descriptor; None where it was closed."""
        self._stream: Any = None

    def enter(self) -> Any:
        """Turn both to stderr; `sys.stdout` as it was before anyone came."""
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                _flush_c()
                with suppress(OSError):
                    self._kept = os.dup(STDOUT)
                self.away()
                self._stream, sys.stdout = sys.stdout, sys.stderr
            return self._stream

    def leave(self) -> None:
        """Both as they were before."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._stream, sys.stdout = None, self._stream
                self.back()
                if self._kept is not None:
                    os.close(self._kept)
                    self._kept = None

    def away(self) -> None:
        """Turn the descriptor to stderr, or to nowhere if that is closed. Left closed, a file that a plugin opens could
        get it.
        """
        with suppress(OSError):
            try:
                os.dup2(STDERR, STDOUT)
            except OSError:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, STDOUT)
                if nowhere != STDOUT:
                    os.close(nowhere)

    def back(self) -> None:
        """Turn the descriptor to where it was."""
        _flush_c()
        with suppress(OSError):
            if self._kept is None:
                os.close(STDOUT)
            else:
                os.dup2(self._kept, STDOUT)


_stdout = _Stdout()


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
