"""What every command shares: --quiet, --verbose, and where progress goes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

Function = Callable[..., Any]


@dataclass
class State:
    """The flags of this run. The error boundary reads them after the command has failed."""

    quiet: bool = False
    verbose: bool = False
    resumes: bool = False
    """Whether the command can go on from where an earlier run was stopped."""
    left: str = "nothing is half done"
    """What there is of the job when it is stopped."""
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


def selfrec_command(**attributes: Any) -> Callable[[Function], click.Command]:
    """A command with --quiet and --verbose; the function gets the State as its first argument."""

    def decorate(function: Function) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def run(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
            state = ctx.ensure_object(State)
            state.resumes = any("--resume" in parameter.opts for parameter in ctx.command.params)
            return function(state, *args, **kwargs)

        made: click.Command = click.command(**attributes)(run)
        # Given to the command, not to its function, so that help shows them after the command's own.
        _add_flag(made, "--quiet", "Show no progress.")
        add_verbose(made)
        return made

    return decorate


def add_verbose(command: click.Command) -> None:
    """Give a command --verbose."""
    _add_flag(command, "--verbose", "Show the traceback of an error.")


def _add_flag(command: click.Command, flag: str, text: str) -> None:
    name = flag.removeprefix("--")

    def remember(ctx: click.Context, _: click.Parameter, given: bool) -> None:
        if given:
            setattr(ctx.ensure_object(State), name, True)

    # Eager, so that an error in another option already sees it.
    click.option(flag, is_flag=True, is_eager=True, expose_value=False, callback=remember, help=text)(command)


json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
"""The function gets it as `as_json`. The output is alone on stdout."""


def with_options(function: Function, *options: Callable[[Function], Function]) -> Function:
    """The function with these options of click's, which help shows in this order."""
    for option in reversed(options):
        function = option(function)
    return function
