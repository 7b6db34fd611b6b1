"""A check that takes long is named while it runs, and one that is stopped when it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from selfrec.testing import Bench, Outcome
    from selfrec.testing.checks import Check

FIRST = 30.0
"""Seconds until a check is named; then again after twice as long each time. Those of shipped parts take a few."""


@contextmanager
def named_when_slow(bench: Bench, check: str, *, quiet: bool) -> Iterator[None]:
    """Say on stderr, again and again but ever less often, that this check of the part is still running, and where."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(bench, check, threading.get_ident(), over), daemon=True)
    if not quiet:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if not quiet:
            thread.join()


def _watch(bench: Bench, check: str, running: int, over: threading.Event) -> None:
    """running: the thread that the check runs in."""
    from selfrec.host.plugin_lines import line_now

    seconds = FIRST
    began = time.monotonic()
    while not over.wait(began + seconds - time.monotonic()):
        where = line_now(running, bench.record)
        click.echo(
            f"{bench}: {check!r} is still running after {seconds:,.0f} s{where}; wait, or press Ctrl-C to end it and "
            "see what was found until then",
            err=True,
        )
        seconds *= 2


def stopped(bench: Bench, check: Check, seconds: float, error: BaseException) -> Outcome:
    """What came of a check that was stopped, which no excuse of the part's is about."""
    from selfrec.host.plugin_lines import line_of
    from selfrec.testing import Outcome
    from selfrec.testing.kit import name_of

    where = line_of(error, bench.record)
    return Outcome(name_of(check), (check.__doc__ or "").strip(), False, f"stopped after {seconds:,.0f} s{where}")
