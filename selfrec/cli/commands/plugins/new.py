"""selfrec plugins new: a plugin to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from selfrec.cli.state import State, selfrec_command

KINDS = ("generator", "extractor", "ranker")


@selfrec_command(name="new")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--kind", type=click.Choice(KINDS), default="generator", show_default=True, help="What it will be.")
@click.option("--name", metavar="NAME", help="What configurations call it. [default: the folder's name]")
def new_command(state: State, folder: str, kind: str, name: str | None) -> None:
    """Write a small distribution with one part: module, test, entry point.

    It is a working model that passes its own tests; change it into yours. It needs a name that no installed plugin has.
    """
    from selfrec.host.manager import PluginManager
    from selfrec.scaffold.distribution import check_free, new_distribution

    path = Path(folder)
    name = name or path.resolve().name.removeprefix("selfrec-")
    check_free(kind, name, PluginManager.load())
    for written in new_distribution(path, kind, name):
        click.echo(path / written)
    state.note(f"\nNext: pip install -e '{folder}[test]' && pytest {folder}")
