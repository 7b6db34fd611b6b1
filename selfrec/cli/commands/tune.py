"""selfrec tune: a search for options, into a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

import click

from selfrec.cli.options import (
    ConfigOptions,
    SideTables,
    config_options,
    settings_options,
    side_options,
    source_argument,
)
from selfrec.cli.state import State, selfrec_command
from selfrec.cli.written_paths import WrittenPath
from selfrec.settings.tables import SourceSettings


@selfrec_command(name="tune")
@source_argument
@click.option("--out", metavar="TOML", type=WrittenPath(dir_okay=False), required=True, help="The file to write.")
@config_options
@settings_options(SourceSettings, "source_options")
@click.option("--items", metavar="FILE|TABLE", help="Item columns, as of `fit`.")
@side_options
@click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="Trials at most, besides the options as they stand."
)
@click.option("--budget", metavar="TIME", help="Time at most: 90s, 5m or 2h. [default without --trials: 1h]")
@click.option(
    "--study",
    metavar="FILE",
    type=WrittenPath(dir_okay=False),
    help="Keep the trials there, and go on from those in it.",
)
@click.option("--force", is_flag=True, help="Replace the configuration --out if it exists.")
def command(
    state: State,
    source: str,
    out: str,
    configuration: ConfigOptions,
    source_options: dict[str, Any],
    trials: int | None,
    budget: str | None,
    study: str | None,
    force: bool,
    **side_tables: Unpack[SideTables],
) -> None:
    """Search for options, into a configuration file.

    Longer than `fit --budget`: trains the pipeline again and again with other options, each time measured on the
    validation part, and writes the best configuration as TOML for `selfrec fit --config`. That is the one as it
    stands, unless a trial beats it by more than one standard error of the difference. Options that are set stay as
    they are. Optuna proposes what to try; it comes with the extra `tune`.
    """
    from selfrec.cli.config_files import check_place, write_config
    from selfrec.cli.fit_display import fit_display, print_trials
    from selfrec.extras import extra_needed
    from selfrec.model_folder.outside import check_outside
    from selfrec.settings.dump import config_toml
    from selfrec.source.side_places import SidePlaces
    from selfrec.words import plural

    with extra_needed("selfrec tune"):
        from selfrec.fit_job.tune import tune

    if study is not None:
        check_outside(Path(study))
    check_place(Path(out), force=force)
    limits = [f"search.trials={trials}"] if trials is not None else []
    limits += [f"search.budget={'1h' if budget is None else budget}"] if budget is not None or trials is None else []
    config = configuration.load(source_options, *limits)
    with fit_display(state) as display:
        found, rows = tune(source, config, SidePlaces(**side_tables), study=study, listener=display)
    click.echo()
    print_trials(rows)
    reached = next(row for row in rows if row.chosen).metrics["ndcg@20"]
    head = (f"found by selfrec tune in {plural(len(rows), 'trial')}: ndcg@20 {reached:.4f} on the validation part",)
    write_config(Path(out), config_toml(found, head))
    state.note(f"\n{out} written. Next: selfrec fit {source} --config {out} --out model")
