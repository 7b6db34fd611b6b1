"""selfrec evaluate: a model against popularity, on events it has not seen."""

from __future__ import annotations

import json
from typing import Any

import click

from selfrec.cli.log import EventLog, log_option
from selfrec.cli.options import model_argument, settings_options, source_argument, user_features_option
from selfrec.cli.output import print_notes, print_table, progress
from selfrec.cli.state import State, json_option, selfrec_command
from selfrec.settings.tables import SourceSettings


@selfrec_command(name="evaluate")
@model_argument
@source_argument
@settings_options(SourceSettings, "source_options", stored=True)
@click.option(
    "--test",
    metavar="SOURCE2",
    help="The rows to be predicted, apart, as published splits come: files, or FILE.duckdb::TABLE. All of SOURCE is "
    "then shown to the model.",
)
@user_features_option
@click.option("--threads", type=int, metavar="N", help="Threads of the scorer. [default: all cores]")
@log_option
@json_option
def command(
    state: State,
    log: EventLog,
    model: str,
    source: str,
    source_options: dict[str, Any],
    test: str | None,
    user_features: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure a model on held-out events, against popularity.

    The split the model was fitted with is made again, and the exported graph ranks all items for every user of its
    test part. Popularity ranks them for the same users. `difference` is the mean over users with a 95 % interval.

    Users with short histories and those at the tail of taste stand apart: the tenth of the users with a history whose
    items are, on average, the farthest down the catalog by popularity.
    """
    from selfrec.evaluation.held_out import evaluate_held_out
    from selfrec.evaluation.result import HEADINGS
    from selfrec.model_folder.order import check_source
    from selfrec.model_folder.reading import open_model

    check_source(source, model)
    opened = open_model(model)
    with progress(state) as bars:
        task = bars.add_task("reading", total=None)
        measured, notes = evaluate_held_out(
            opened,
            source,
            source_options,
            test=test,
            user_features=user_features,
            threads=threads,
            on_users=lambda done, total: bars.update(task, description="scoring", completed=done, total=total),
        )
    for note in notes:
        log("warning", text=note)
    log.result = {**measured.model_dump(mode="json"), "notes": notes}
    if as_json:
        click.echo(json.dumps(log.result, indent=2))
        return
    print_table(HEADINGS, measured.table(), right=[2, 3, 4, 5])
    print_notes(notes)
