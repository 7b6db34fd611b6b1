"""Signals that ask the program to stop."""

from __future__ import annotations

import os
import signal
from typing import Any, NoReturn


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop. No Exception, so that nothing on the way takes it for a failure.

    Python itself drops any other exception that a signal raises in some places (while it folds the constants of a
    module that it compiles, for one), and the job would go on.
    """


stopped_by: list[int] = []
"""The signals that came. Engines may turn the exception into one of their own, so it is also noted here."""


SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listen() -> None:
    """Let SIGINT and SIGTERM stop this process in order. Its children by fork, such as pools of plugins, just end."""
    for number in SIGNALS:
        signal.signal(number, stop)
    os.register_at_fork(after_in_child=_listen_no_more)


def _listen_no_more() -> None:
    """A handler of Python's own would miss a signal that comes right before the child waits for a lock."""
    for number in SIGNALS:
        if signal.getsignal(number) is stop:
            signal.signal(number, signal.SIG_DFL)


def stop(number: int, _: Any) -> NoReturn:
    """The handler of SIGINT and SIGTERM. Raises Stopped."""
    stopped_by.append(number)
    # One more ends the program at once, which loses nothing that was there.
    signal.signal(number, signal.SIG_DFL)
    raise Stopped


def go_on() -> None:
    """Raise Stopped if a signal has come: an exception that is raised where an object is freed is dropped by Python."""
    if stopped_by:
        raise Stopped
