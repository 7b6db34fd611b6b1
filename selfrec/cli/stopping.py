"""Signals that ask the program to stop."""

from __future__ import annotations

import signal
from typing import Any, NoReturn


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop. No Exception, so that nothing on the way takes it for a failure.

    Python itself drops any other exception that a signal raises in some places (while it folds the constants of a
    module that it compiles, for one), and the job would go on.
    """


stopped_by: list[int] = []
"""The signals that came. Engines may turn the exception into one of their own, so it is also noted here."""


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
