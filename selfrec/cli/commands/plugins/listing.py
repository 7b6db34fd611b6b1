"""selfrec plugins list: every plugin that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfrec.cli.commands.plugins.found import plugin_dict
from selfrec.cli.group import COMMANDS
from selfrec.cli.output import print_json, print_table
from selfrec.cli.state import State, json_option, selfrec_command

if TYPE_CHECKING:
    from selfrec.host.listing import PluginInfo


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
        print_json([{**plugin_dict(info), "commands": commands.get(info.name, [])} for info in plugins])
        return
    print_table(
        ("plugin", "from", "status", "offers"),
        (
            (info.name, info.provider, info.status.value, info.reason or _offers(info, commands.get(info.name, [])))
            for info in plugins
        ),
    )


def _offers(info: PluginInfo, commands: list[str]) -> str:
    parts = [f"{record.kind} {record.name}" for record in info.parts]
    return ", ".join([*parts, *(f"command {name}" for name in commands)]) or "hooks only"
