"""Commands that plugins add to the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from selfrec.errors import PluginError
from selfrec.host.listing import PluginInfo

if TYPE_CHECKING:
    import click


class PluginCommand(NamedTuple):
    """A command and the plugin that adds it."""

    name: str
    command: click.Command
    plugin: PluginInfo


def collect_commands(hook: Callable[..., Any], taken: set[str]) -> dict[str, click.Command]:
    """The commands one plugin adds, by name; they go into a group of their own, so that none can replace another's."""
    import click

    group = click.Group("selfrec")
    hook(cli=group)
    for name, command in group.commands.items():
        if not isinstance(command, click.Command):
            raise PluginError(f"command {name!r} is a {type(command).__name__}; it must be a click.Command")
        if name in taken:
            raise PluginError(f"command {name!r} is selfrec's own; the plugin must choose another name")
    return dict(group.commands)
