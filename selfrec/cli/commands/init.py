"""selfrec init: a commented configuration file."""

from __future__ import annotations

from pathlib import Path

import click

from selfrec.cli.state import State, selfrec_command


@selfrec_command(name="init")
@click.argument("path", default="selfrec.toml", type=click.Path(dir_okay=False))
@click.option("--preset", default="default", show_default=True, metavar="P", help="The preset the file names.")
@click.option("--force", is_flag=True, help="Replace the configuration if it exists.")
def command(state: State, path: str, preset: str, force: bool) -> None:
    """Write a commented configuration file.

    PATH is selfrec.toml unless given; `-` is stdout. Every option stands in it with its meaning, its default and
    its bounds, commented out. Use it with `selfrec fit --config PATH`.
    """
    from selfrec.cli.config_files import check_place, write_config
    from selfrec.errors import SettingsError
    from selfrec.host.manager import PluginManager
    from selfrec.host.printing import kept_off_stdout
    from selfrec.settings.presets import PRESETS
    from selfrec.settings.template import commented_config
    from selfrec.settings.validation import suggestion

    if preset not in PRESETS:
        raise SettingsError(f"unknown preset {preset!r}; {suggestion(preset, PRESETS)}")
    records = [record for info in PluginManager.load().listing() for record in info.parts]
    parts = [(f"{record.kind}.{record.name}", record.summary, record.options) for record in records]
    # A default may come from a function of a plugin, which may print.
    with kept_off_stdout():
        text = commented_config(preset, parts)
    if path == "-":
        click.echo(text, nl=False)
        return
    check_place(Path(path), force=force)
    write_config(Path(path), text)
    state.note(f"{path} written; use it with: selfrec fit SOURCE --out MODEL --config {path}")
