"""selfrec fit: events in, a model folder out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import click

from selfrec.cli.log import EventLog, log_option
from selfrec.cli.log_fit import LoggedFit
from selfrec.cli.options import (
    ConfigOptions,
    SideTables,
    config_options,
    settings_options,
    side_options,
    source_argument,
    wait_option,
)
from selfrec.cli.output import print_notes
from selfrec.cli.state import State, selfrec_command
from selfrec.cli.written_paths import WrittenPath
from selfrec.settings.tables import SourceSettings

if TYPE_CHECKING:
    from selfrec.model_folder.manifest import Manifest


@selfrec_command(name="fit")
@source_argument
@click.option("--out", metavar="MODEL", type=WrittenPath(), required=True, help="The model folder to write.")
@config_options
@settings_options(SourceSettings, "source_options")
@click.option(
    "--items",
    metavar="FILE|TABLE",
    help="Item columns (a name, a brand): a Parquet or CSV file, or a table of the source. The first text column is "
    "what `recommend` shows.",
)
@click.option(
    "--budget",
    metavar="TIME",
    help="Search the options that are left open on the validation part first, for 90s, 5m or 2h.",
)
@side_options
@click.option("--resume", is_flag=True, help="Go on with a fit of the same options that was killed.")
@click.option(
    "--warm-start",
    metavar="MODEL",
    type=click.Path(),
    help="Start from a model's weights, items by id. ELSA, the linear half on dense data, begins anew.",
)
@wait_option("for a source that another process writes to")
@log_option
def command(
    state: State,
    log: EventLog,
    source: str,
    out: str,
    configuration: ConfigOptions,
    source_options: dict[str, Any],
    budget: str | None,
    resume: bool,
    warm_start: str | None,
    wait: float,
    **side_tables: Unpack[SideTables],
) -> None:
    """Fit a model on a table of events.

    Prints what every cleaning rule dropped and what each stage of the pipeline reaches on the validation part. The
    pipeline that is best there goes into the model folder, unless `-o pipeline.keep=all`.
    """
    from selfrec.cli.fit_display import fit_display
    from selfrec.extras import extra_needed
    from selfrec.source.side_places import SidePlaces

    with extra_needed("selfrec fit"):
        from selfrec.fit_job.job import fit
        from selfrec.fit_job.request import FitRequest

    config = configuration.load(source_options, *([] if budget is None else [f"search.budget={budget}"]))
    request = FitRequest(places=SidePlaces(**side_tables), resume=resume, warm_start=warm_start, wait=wait)
    with fit_display(state) as display:
        model = fit(source, out, config, request, listener=LoggedFit(display, log))
    stages = [{"name": stage.name, "chosen": stage.chosen, **stage.metrics} for stage in model.manifest.stages]
    for note in model.notes:
        log("warning", text=note)
    log.result = {"model": str(model.path), "stages": stages}
    _print(model.manifest)
    print_notes(model.notes)
    state.note(f"\n{out} written. Next: selfrec evaluate {out} {source}")


def _print(manifest: Manifest) -> None:
    """The trials of a search, if there was one, and the stages."""
    from selfrec.cli.fit_display import print_stages, print_trials

    click.echo()
    if manifest.search:
        print_trials(manifest.search)
        click.echo()
    print_stages(manifest)
