"""selfrec plugins: what is installed, what a part can be told, whether it keeps its promises, and a new one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.group import COMMANDS
from selfrec.cli.output import WIDTH, print_json, print_pairs, print_table
from selfrec.cli.plugin_check import check_command
from selfrec.cli.plugin_names import find_parts
from selfrec.cli.plugin_new import new_command
from selfrec.cli.state import State, json_option, selfrec_command

if TYPE_CHECKING:
    from selfrec.host.listing import PluginInfo
    from selfrec.host.records import PartRecord

LONG_DEFAULT = 60
"""Characters of a default that `plugins show` prints."""


@click.group("plugins", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show, check and begin plugins."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command, as_json=False)


@selfrec_command(name="list")
@json_option
def list_command(state: State, as_json: bool) -> None:
    """List every plugin: what it offers, or why it does not work."""
    from selfrec.host.manager import PluginManager

    manager = PluginManager.load()
    commands: dict[str, list[str]] = {}
    # Asked before the listing: a plugin that breaks here is broken.
    for added in manager.commands(taken=COMMANDS):
        commands.setdefault(added.plugin.name, []).append(added.name)
    plugins = manager.listing()
    if as_json:
        print_json([{**_as_dict(info), "commands": commands.get(info.name, [])} for info in plugins])
        return
    print_table(
        ("plugin", "from", "status", "offers"),
        (
            (info.name, info.provider, info.status.value, info.reason or _offers(info, commands.get(info.name, [])))
            for info in plugins
        ),
    )


@selfrec_command(name="show")
@click.argument("name")
@json_option
def show_command(state: State, name: str, as_json: bool) -> None:
    """Show a plugin's parts, or the part NAME, with every option."""
    from selfrec.host.manager import PluginManager

    found = find_parts(PluginManager.load(), name)
    if as_json:
        print_json([{**_as_dict(info), "parts": [_part_dict(record) for record in parts]} for info, parts in found])
        return
    for info, parts in found:
        _print(info, parts)


command.add_command(list_command)
command.add_command(show_command)
command.add_command(check_command)
command.add_command(new_command)


def _print(info: PluginInfo, parts: list[PartRecord]) -> None:
    from selfrec.settings.help import options_of

    print_pairs(
        [("plugin", info.name), ("from", info.provider), ("module", info.module), ("status", info.status.value)]
    )
    if info.reason:
        print_pairs([("reason", info.reason)])
    example = None
    for record in parts:
        click.echo("\n" + textwrap.fill(f"{record.kind} {record.name}: {record.summary}", WIDTH) + "\n")
        options = options_of(record.options)
        if not options:
            click.echo("It has no options.")
            continue
        part = f"{record.kind}.{record.name}"
        example = example or f"Set one with -o {part}.{options[0].name}=VALUE or under [{part}]."
        print_table(
            ("option", "type", "default", "range", "meaning"),
            (
                (option.name, option.type, _short(option.default), option.range, option.description)
                for option in options
            ),
        )
    if example:
        click.echo("\n" + example)


def _short(default: str) -> str:
    """A default that would fill the page is cut off; --json and `selfrec init` have it whole."""
    return default if len(default) <= LONG_DEFAULT else default[: LONG_DEFAULT - 3] + "..."


def _offers(info: PluginInfo, commands: list[str]) -> str:
    parts = [f"{record.kind} {record.name}" for record in info.parts]
    return ", ".join([*parts, *(f"command {name}" for name in commands)]) or "hooks only"


def _as_dict(info: PluginInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "module": info.module,
        "distribution": info.distribution,
        "version": info.version,
        "status": info.status.value,
        "reason": info.reason,
        "parts": [{"kind": record.kind, "name": record.name, "summary": record.summary} for record in info.parts],
    }


def _part_dict(record: PartRecord) -> dict[str, Any]:
    from dataclasses import asdict

    from selfrec.settings.help import options_of

    options = [asdict(option) for option in options_of(record.options)]
    return {"kind": record.kind, "name": record.name, "summary": record.summary, "options": options}
