"""What every command shares: --quiet, --verbose, and where progress goes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class State:
    """The flags of this run. The error boundary reads them after the command has failed."""

    quiet: bool = False
    verbose: bool = False
    resumes: bool = False
    """Whether the command can go on from where an earlier run was stopped."""
    plugin: str = ""
    """Whose command it is, where a plugin adds it."""

    @property
    def shows_progress(self) -> bool:
        """Whether progress is drawn: on a terminal that did not ask for quiet."""
        return not self.quiet and sys.stderr.isatty()

    def note(self, text: str) -> None:
        """A line for the person at the terminal, beside the result; like progress, nothing a log needs."""
        if self.shows_progress:
            click.echo(text, err=True)


def selfrec_command(**attributes: Any) -> Callable[[F], click.Command]:
    """A command with --quiet and --verbose; the function gets the State as its first argument."""

    def decorate(function: F) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def run(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
            state = ctx.ensure_object(State)
            state.resumes = any("--resume" in parameter.opts for parameter in ctx.command.params)
            return function(state, *args, **kwargs)

        # Click lists parameters from the end; these two shall come after the command's own.
        own = list(getattr(function, "__click_params__", []))
        run.__click_params__ = []  # type: ignore[attr-defined]
        verbose_option(run)
        _flag(run, "--quiet", "Show no progress.")
        run.__click_params__ += own  # type: ignore[attr-defined]
        made: click.Command = click.command(**attributes)(run)
        return made

    return decorate


def verbose_option(command: Callable[..., Any]) -> None:
    """--verbose, for a function that becomes a command or for a command that is one."""
    _flag(command, "--verbose", "Show the traceback of an error.")


def _flag(function: Callable[..., Any], flag: str, text: str) -> None:
    name = flag.removeprefix("--")

    def remember(ctx: click.Context, _: click.Parameter, given: bool) -> None:
        if given:
            setattr(ctx.ensure_object(State), name, True)

    # Eager, so that an error in another option already sees it.
    click.option(flag, is_flag=True, is_eager=True, expose_value=False, callback=remember, help=text)(function)


def json_option(function: F) -> F:
    """--json: machine-readable output, alone on stdout."""
    option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
    return option(function)
