"""The program `selfrec`, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from selfrec.cli.group import Group, show_version
from selfrec.cli.sparing import spare_pandas
from selfrec.cli.state import State
from selfrec.cli.stopping import Stopped, listen, stopped_by
from selfrec.errors import SelfrecError, one_line, shortened

DONE, FAILED, USAGE = 0, 1, 2

BY_SIGNAL = 128
"""A job that was stopped by signal n leaves with this + n, as shells have it: 130 for SIGINT, 143 for SIGTERM."""


@click.command(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Show the version."
)
def cli() -> None:
    """From a table of events to a table of recommendations.

    SOURCE is a DuckDB file, or Parquet or CSV files: a path or a quoted glob. Names of folders such as
    day=2026-01-31 are columns.
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the program and leave with its exit code. SIGINT and SIGTERM stop it in order."""
    listen()
    spare_pandas(sys.argv[1:] if args is None else args)
    state = State()
    try:
        sys.exit(run(args, state))
    finally:
        if not state.plugin:
            _end_results()


def run(args: Sequence[str] | None = None, state: State | None = None) -> int:
    """Run the program; the exit code. 0 done, 1 the job failed, 2 wrong usage, 128 + n stopped by signal n."""
    state = state or State()
    _open_streams()
    try:
        _check_encoding(sys.argv[1:] if args is None else args)
        code = cli.main(args, prog_name="selfrec", standalone_mode=False, obj=state)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except (Stopped, click.Abort):
        return _failed(*_stopping(state), state)
    except BrokenPipeError:
        _close_quietly()
        return FAILED
    except Exception as error:
        return _failed(*outcome(error, state), state)


def _open_streams() -> None:
    """A stream that was closed by whoever began the program takes what is written and keeps nothing."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _end_results() -> None:
    """What plugins, and the libraries they bring along, print while the interpreter ends goes to stderr."""
    stdout = sys.__stdout__ or sys.stdout
    try:
        stdout.flush()
        os.dup2(2, 1)
        sys.stdout = sys.stderr
    except BrokenPipeError:
        _close_quietly()
    except (OSError, ValueError):
        pass  # A full disk was told of; a stream that was closed takes nothing.


def _stopping(state: State) -> tuple[str, int]:
    """Text and exit code of a job that was told to stop."""
    number = stopped_by[0] if stopped_by else signal.SIGINT
    name = signal.Signals(number).name
    again = ", with --resume to go on" if state.resumes else ""
    return f"stopped by {name}; {state.left}; run it again{again}", BY_SIGNAL + number


def outcome(error: BaseException, state: State) -> tuple[str, int]:
    """Text and exit code of whatever ended a job."""
    if stopped_by or not isinstance(error, Exception) or isinstance(error, click.Abort):
        return _stopping(state)
    text, code = _failure(error, state)
    return shortened(text), code


def _failure(error: Exception, state: State) -> tuple[str, int]:
    """Text and exit code of an error."""
    if isinstance(error, click.ClickException):
        return _click_line(error), error.exit_code
    if isinstance(error, SelfrecError):
        return one_line(error), error.exit_code
    if isinstance(error, OSError) and error.strerror and not state.plugin:
        # Only streams, and a working folder that was removed, are told without a name.
        unnamed = "the working folder" if isinstance(error, FileNotFoundError) else "the output"
        place = unnamed if error.filename is None else os.fsdecode(error.filename)
        return f"{place}: {error.strerror}; check the path, its permissions and the disk", FAILED
    hint = "" if state.verbose else "; run it again with --verbose for the traceback"
    whose = f"{state.plugin}: " if state.plugin else ""
    return f"{whose}unexpected {type(error).__name__}: {one_line(error)}{hint}", FAILED


def _check_encoding(args: Sequence[str]) -> None:
    """The system hands over any bytes; names and ids are text."""
    for arg in args:
        try:
            arg.encode()
        except UnicodeEncodeError as error:
            raise click.UsageError(
                f"the argument {arg!r} is no text in UTF-8; rename what it names, or link to it"
            ) from error


def _click_line(error: click.ClickException) -> str:
    """What Click says, and where the usage stands, as one line."""
    context = getattr(error, "ctx", None)
    text = " ".join(error.format_message().split()).rstrip(".")
    return text if context is None else f"{text}; see: {context.command_path} --help"


def _failed(text: str, code: int, state: State) -> int:
    if state.verbose and sys.exc_info()[0] is not None:
        import traceback

        traceback.print_exc()
    click.echo(f"Error: {text}", err=True)
    return code


def _close_quietly() -> None:
    """The reader of stdout went away; keep the interpreter from complaining about it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
