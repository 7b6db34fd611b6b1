"""Tables and JSON on stdout, progress on stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.state import State

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from selfrec.scoring import summary
    from selfrec.scoring.single import Recommendation

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

WIDTH = 100
"""No table is wider."""


def print_json(value: Any) -> None:
    """One JSON value on stdout; ids that JSON has no type for as text."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: Iterable[int] = ()
) -> None:
    """A table on stdout, at most WIDTH wide; `right` are the columns to align right, from 0."""
    from rich.table import Table
    from rich.text import Text

    to_right = set(right)
    table = Table(box=None, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(
            heading, justify="right" if number in to_right else "left", overflow="fold", header_style="bold"
        )
    for row in rows:
        table.add_row(*(Text(_visible(str(cell))) for cell in row))
    _print(table)


def print_recommendations(lines: Sequence[Recommendation]) -> None:
    """A list; names only where items have any."""
    if not lines:
        note_nothing_left()
    elif any(line.name != str(line.item_id) for line in lines):
        rows = [(line.rank, line.item_id, line.name, f"{line.score:.4f}") for line in lines]
        print_table(("rank", "item_id", "name", "score"), rows, right=[0, 3])
    else:
        short = [(line.rank, line.item_id, f"{line.score:.4f}") for line in lines]
        print_table(("rank", "item_id", "score"), short, right=[0, 2])


def note_nothing_left() -> None:
    """In the place of a list that has no lines."""
    click.echo("every item of the catalog is in this history: none is left to recommend", err=True)


def print_notes(notes: Iterable[str]) -> None:
    """What a person should know of the result above."""
    for note in notes:
        click.echo(f"\nNote: {note}")


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values under each other."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for _ in ("name", "value"):
        table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name, style="bold"), Text(_visible(str(value))))
    _print(table)


def _visible(text: str) -> str:
    """The text with control characters spelt out: ids and names are data, and no orders to the terminal."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


@contextmanager
def progress(state: State, *columns: Any) -> Iterator[Progress]:
    """A progress display on stderr, drawn only where State says so."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    display = Progress(
        *(columns or Progress.get_default_columns()), console=console, transient=True, disable=not state.shows_progress
    )
    # One that is disabled writes an empty line at its end before rich 14.3.
    with display if state.shows_progress else nullcontext():
        yield display


@contextmanager
def counted(state: State, what: str, *columns: Any) -> Iterator[summary.Progress]:
    """A progress display of one bar; what is yielded is told how much is done, and of how much."""
    with progress(state, *columns) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _print(table: Table) -> None:
    from rich.console import Console

    on_terminal = sys.stdout.isatty()
    width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH) if on_terminal else WIDTH
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(table)
    # Rich fills every line up to the table's width; in a file or a pipe that is noise.
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
