"""selfrec score: every user of a source into a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from selfrec.cli.log import EventLog, log_option
from selfrec.cli.options import model_argument, settings_options, source_argument, user_features_option, wait_option
from selfrec.cli.output import counted, print_json, print_pairs
from selfrec.cli.state import State, json_option, selfrec_command
from selfrec.cli.written_paths import WrittenPath
from selfrec.settings.tables import ScoringSettings, SourceSettings

if TYPE_CHECKING:
    from selfrec.scoring.summary import RunSummary


class Asked(TypedDict):
    """Fields of a ScoringRequest, as they were typed."""

    users: str | None
    deny: str | None
    allow: str | None
    boost: str | None
    user_features: str | None
    resume: bool
    changed_only: bool
    wait: float


@selfrec_command(name="score")
@model_argument
@source_argument
@click.option("--into", metavar="TABLE", help="Write a table of the source, or of another file: FILE.duckdb::TABLE.")
@click.option("--to", metavar="PATH", type=WrittenPath(), help="Write one .parquet file, or a folder of them.")
@settings_options(ScoringSettings, "scoring", names={"k": "-k"}, stored=True)
@click.option("--users", metavar="TABLE", help="Score these users, cold ones too: a table of the source, or a file.")
@click.option("--deny", metavar="F", help="Items nobody gets: a table or a file of ids.")
@click.option("--allow", metavar="F", help="The only items anybody gets: a table or a file of ids.")
@click.option("--boost", metavar="F", help="Items and, as `weight`, what is added to their scores: a table or a file.")
@user_features_option
@click.option("--resume", is_flag=True, help="Go on from the finished shards of a run that was killed.")
@click.option(
    "--changed-only",
    is_flag=True,
    help="Score the users whose events changed since the last run with this option, and keep the others' rows.",
)
@wait_option("for another run that writes the same target, instead of refusing at once")
@settings_options(SourceSettings, "source_options", stored=True)
@log_option
@json_option
def command(
    state: State,
    log: EventLog,
    model: str,
    source: str,
    into: str | None,
    to: str | None,
    scoring: dict[str, Any],
    source_options: dict[str, Any],
    as_json: bool,
    **asked: Unpack[Asked],
) -> None:
    """Score a table of users into a table of recommendations.

    The result has the columns user_id, rank, item_id, score. It takes the place of the old one at the end, at once;
    until then, and when the job is killed, the old one stands. Options of the source and of scoring are the fit's
    unless given.
    """
    from selfrec.model_folder.order import check_source
    from selfrec.model_folder.reading import open_model
    from selfrec.scoring.job import score_table
    from selfrec.scoring.lengths import scoring_settings
    from selfrec.scoring.request import ScoringRequest
    from selfrec.scoring.targets import parse_target
    from selfrec.settings.config import changed

    check_source(source, model)
    target = parse_target(source, into=into, to=to, wait=asked["wait"])
    opened = open_model(model)
    settings = scoring_settings(opened, scoring)
    request = ScoringRequest(source=changed(opened.config.source, source_options, "source"), **asked)
    with counted(state, "scoring", *_columns() if state.shows_progress else ()) as advance:
        summary = score_table(opened, source, target, settings, request, progress=advance, tell=log)
    log.result = summary.as_dict()
    if as_json:
        print_json(summary.as_dict())
    else:
        _print(summary)


def _columns() -> tuple[Any, ...]:
    """Users done, users a second and the time that is left."""
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f} users/s")

    return (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())


def _print(summary: RunSummary) -> None:
    from selfrec.words import plural

    print_pairs(
        [
            ("written", summary.target),
            *([("users", f"{summary.users:,}"), ("kept", f"{summary.kept:,}")] if summary.kept else []),
            *([("removed", f"{summary.removed:,}")] if summary.removed else []),
            (
                "scored" if summary.kept else "users",
                f"{summary.scored:,}, {summary.cold_users:,} of them without a history in the catalog",
            ),
            ("rows", f"{summary.rows:,}"),
            ("time", f"{summary.seconds:,.1f} s, {_speed(summary.users_per_second)} users per second"),
            ("peak memory", f"{summary.peak_memory / 1e6:,.0f} MB"),
            *(
                (f"--{name}", f"{plural(count, 'id')} not in the catalog")
                for name, count in summary.unknown_items.items()
            ),
            *(("note", note) for note in summary.notes),
        ]
    )


def _speed(users_per_second: float) -> str:
    """With two digits at least, so that one user in 3 s is not 0 users per second."""
    return f"{users_per_second:,.0f}" if users_per_second >= 10 else f"{users_per_second:.2g}"
