"""How a fit is shown: tables on stdout, bars on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.output import print_table, progress
from selfrec.cli.state import State
from selfrec.cli.stopping import go_on
from selfrec.errors import TargetError
from selfrec.host.printing import Results, kept_off_stdout
from selfrec.settings.search import in_short

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from selfrec.model_folder.manifest import Manifest, SearchRow
    from selfrec.source.rules import RuleCount

FIGURES = ("loss", "ndcg@20", "accuracy_real", "accuracy_generated")
"""Figures of an epoch that fit beside the bar."""

STAGE_FIGURES = ("ndcg@20", "recall@20", "coverage@20")


class FitDisplay:
    """A FitListener that prints the cleaning table when it is known and draws a bar a part."""

    def __init__(self, bars: Progress | None, results: Results) -> None:
        self._bars = bars
        self._results = results
        self._task: TaskID | None = None
        self._wait("reading and cleaning")

    def cleaned(self, report: Sequence[RuleCount]) -> None:
        """Print the cleaning table."""
        with self._paused():
            print_cleaning(report)
            click.echo()
        self._wait("preparing")

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        """Start a bar."""
        self._wait(f"{phase}: {kind} {label}", total=epochs)

    def epoch(self, label: str, number: int, metrics: Mapping[str, float]) -> None:
        """Move the bar on."""
        if self._bars is not None and self._task is not None:
            figures = " ".join(f"{name} {metrics[name]:.4f}" for name in FIGURES if name in metrics)
            self._bars.update(self._task, completed=number, figures=figures)

    def trial(self, number: int, options: Mapping[str, Any], metrics: Mapping[str, float], seconds: float) -> None:
        """Note a trial of the search; the table at the end has it again."""
        figures = f"ndcg@20 {metrics['ndcg@20']:.4f}" if metrics else "failed"
        self._above(f"trial {number}: {figures}, {seconds:.0f} s")

    def stage(self, name: str, metrics: Mapping[str, float]) -> None:
        """Note a measured stage; the table at the end has it again."""
        figures = ", ".join(f"{figure} {metrics[figure]:.4f}" for figure in STAGE_FIGURES if figure in metrics)
        self._above(f"{name}: {figures}")

    def working(self, text: str) -> None:
        """Say what is being done, as long as it is. Raises Stopped where a signal was lost in what was done before."""
        go_on()
        self._wait(text)

    def message(self, text: str) -> None:
        """Print one line."""
        with self._paused():
            click.echo(text)

    def _above(self, text: str) -> None:
        """A line above the bars."""
        if self._bars is not None:
            self._bars.console.print(text, highlight=False, markup=False)

    def _wait(self, what: str, total: float | None = None) -> None:
        if self._bars is None:
            return
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, total=total, figures="")

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        """Let stdout be written while no bar is drawn over it."""
        if self._bars is not None:
            self._bars.stop()
        try:
            with self._results():
                yield
        except BrokenPipeError:
            raise
        except OSError as error:
            # A file of the model, which other errors of a fit are about, has nothing to do with it.
            raise TargetError(f"the output: {error.strerror}; check where it is written to, and the disk") from error
        if self._bars is not None:
            self._bars.start()


@contextlib.contextmanager
def fit_display(state: State) -> Iterator[FitDisplay]:
    """A display for the length of a fit. What plugins print meanwhile is no result and goes to stderr."""
    with kept_off_stdout() as results, _bars(state) as bars:
        yield FitDisplay(bars, results)


@contextlib.contextmanager
def _bars(state: State) -> Iterator[Progress | None]:
    if not state.shows_progress:
        yield None
        return
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[figures]}", markup=False),
        TimeElapsedColumn(),
    )
    with progress(state, *columns) as bars:
        yield bars


def print_cleaning(report: Sequence[RuleCount]) -> None:
    """The cleaning table: each rule, the rows before it and the rows it dropped."""
    print_table(
        ("cleaning", "rows before", "dropped", "note"),
        ((rule.rule, f"{rule.rows_before:,}", f"{rule.rows_dropped:,}", rule.note) for rule in report),
        right=[1, 2],
    )


def print_stages(manifest: Manifest) -> None:
    """The stage table: each pipeline on the validation part, and which one was exported."""
    stages = manifest.stages
    names = [name for name in STAGE_FIGURES if any(name in stage.metrics for stage in stages)]
    if not names:
        return
    print_table(
        ("on the validation part", *names, "exported"),
        (
            (stage.name, *(figure(stage.metrics.get(name)) for name in names), "yes" if stage.chosen else "")
            for stage in stages
        ),
        right=range(1, len(names) + 1),
    )


def print_trials(trials: Sequence[SearchRow], *, most: int = 10) -> None:
    """The best trials of a search, best first, and always the options as they stood and those chosen. One above the
    chosen one is not better than the former by more than chance.
    """
    reached = max((trial.metrics.get("ndcg@20") or 0.0 for trial in trials if trial.chosen), default=0.0)
    numbered = list(enumerate(trials))
    numbered.sort(key=lambda pair: -(pair[1].metrics.get("ndcg@20") or 0.0))
    shown = [pair for at, pair in enumerate(numbered) if at < most or pair[0] == 0 or pair[1].chosen]
    print_table(
        ("trial", "ndcg@20", "recall@20", "seconds", "options", ""),
        (
            (
                str(number),
                figure(trial.metrics.get("ndcg@20")),
                figure(trial.metrics.get("recall@20")),
                f"{trial.seconds:.1f}",
                trial.failed or in_short(trial.options),
                _fate(trial, reached),
            )
            for number, trial in shown
        ),
        right=[0, 1, 2, 3],
    )
    if left := len(trials) - len(shown):
        from selfrec.words import plural

        failed = sum(bool(trial.failed) for trial in trials) - sum(bool(trial.failed) for _, trial in shown)
        click.echo(f"and {plural(left, 'trial')} more, none of them better" + (f"; {failed} failed" if failed else ""))


def _fate(trial: SearchRow, reached: float) -> str:
    """reached: NDCG@20 of the chosen trial."""
    if trial.chosen:
        return "chosen"
    return "not surely better than 0" if (trial.metrics.get("ndcg@20") or 0.0) > reached else ""


def figure(value: float | None) -> str:
    """A metric to four places; nothing where it was not measured."""
    return "" if value is None else f"{value:.4f}"
