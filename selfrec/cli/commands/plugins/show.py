"""selfrec plugins show: a plugin's parts with every option."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.commands.plugins.found import find_parts, plugin_dict
from selfrec.cli.output import WIDTH, print_json, print_pairs, print_table
from selfrec.cli.state import State, json_option, selfrec_command
from selfrec.words import shortened

if TYPE_CHECKING:
    from selfrec.host.listing import PluginInfo
    from selfrec.host.records import PartRecord
    from selfrec.settings.help import Option

LONG_DEFAULT = 60
"""Characters of a default that are printed, so that none fills the page; --json and `selfrec init` have it whole."""


@selfrec_command(name="show")
@click.argument("name")
@json_option
def show_command(state: State, name: str, as_json: bool) -> None:
    """Show a plugin's parts, or the part NAME, with every option."""
    from selfrec.host.manager import PluginManager

    found = find_parts(PluginManager.load(), name)
    if as_json:
        print_json([{**plugin_dict(info), "parts": [_part_dict(record) for record in parts]} for info, parts in found])
        return
    for info, parts in found:
        _print(info, parts)


def _print(info: PluginInfo, parts: list[PartRecord]) -> None:
    print_pairs(
        [("plugin", info.name), ("from", info.provider), ("module", info.module), ("status", info.status.value)]
    )
    if info.reason:
        print_pairs([("reason", info.reason)])
    example = None
    for record in parts:
        click.echo("\n" + textwrap.fill(f"{record.kind} {record.name}: {record.summary}", WIDTH) + "\n")
        options = _options_of(record)
        if not options:
            click.echo("It has no options.")
            continue
        part = f"{record.kind}.{record.name}"
        example = example or f"Set one with -o {part}.{options[0].name}=VALUE or under [{part}]."
        print_table(
            ("option", "type", "default", "range", "meaning"),
            (
                (option.name, option.type, shortened(option.default, LONG_DEFAULT), option.range, option.description)
                for option in options
            ),
        )
    if example:
        click.echo("\n" + example)


def _options_of(record: PartRecord) -> list[Option]:
    """Its options; a default may come from a function of the plugin, which may print."""
    from selfrec.host.printing import kept_off_stdout
    from selfrec.settings.help import options_of

    with kept_off_stdout():
        return options_of(record.options)


def _part_dict(record: PartRecord) -> dict[str, Any]:
    from dataclasses import asdict

    options = [asdict(option) for option in _options_of(record)]
    return {"kind": record.kind, "name": record.name, "summary": record.summary, "options": options}
