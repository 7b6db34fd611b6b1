"""The top-level group. It imports a command when it is called, and plugins only for names it does not know."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.state import State, add_verbose

if TYPE_CHECKING:
    from selfrec.host.manager import PluginManager

COMMANDS = {
    "quickstart": "The whole tour on a sample shop.",
    "init": "Write a commented configuration file.",
    "fit": "Fit a model on a table of events.",
    "tune": "Search for options, into a configuration file.",
    "evaluate": "Measure a model on held-out events, against popularity.",
    "score": "Score a table of users into a table of recommendations.",
    "recommend": "Recommend to one user, on the terminal.",
    "explain": "Show which history items carry each recommendation of a user.",
    "similar": "Find items like one item.",
    "audience": "Find the users whom an item suits best.",
    "inspect": "Show what a model is: inputs, outputs, hashes, metrics.",
    "report": "Write a model's report.html.",
    "export": "Write a model's graph as one ONNX file, or a web page around it.",
    "plugins": "List, show, check and begin plugins.",
}
"""Name and short help of each command; it stands in the module `selfrec.cli.commands.NAME`, as `command`.

The texts stand here so that `selfrec --help` imports no command. A test compares them with the commands' own."""


class Group(click.Group):
    """Commands by name, imported late."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Where a signal stops it, click would print an empty line first."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise click.Abort from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *self._plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command: click.Command = import_module(f"selfrec.cli.commands.{cmd_name}").command
            return command
        added = _plugins().command(cmd_name, taken=COMMANDS)
        if added is None:
            return None
        ctx.ensure_object(State).plugin = f"plugin {added.plugin.name!r} ({added.plugin.provider})"
        if not any("--verbose" in parameter.opts for parameter in added.command.params):
            add_verbose(added.command)
        return added.command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            if args[0].startswith("-"):
                raise
            from selfrec.settings.validation import suggestion

            manager = _plugins()
            names = [*COMMANDS, *(added.name for added in manager.commands(taken=COMMANDS))]
            told = f"unknown command {args[0]!r}; {suggestion(args[0], names)}{manager.troubles()}"
            raise click.UsageError(told, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [*COMMANDS.items(), *self._plugin_commands().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _plugin_commands(self) -> dict[str, str]:
        """Commands that plugins add, with their short help. Shipped plugins add none, so they are not loaded."""
        if not any(point.dist is None or point.dist.name != "selfrec" for point in entry_points(group="selfrec")):
            return {}
        added = _plugins(shipped=False).commands(taken=COMMANDS)
        return {name: command.get_short_help_str(80) for name, command, _ in added}


def _plugins(*, shipped: bool = True) -> PluginManager:
    from selfrec.host.manager import PluginManager

    return PluginManager.load(shipped=shipped)


def show_version(ctx: click.Context, _: click.Parameter, wanted: Any) -> None:
    """Print the version and stop; looking it up costs too much to do on every start."""
    if not wanted or ctx.resilient_parsing:
        return
    import selfrec

    click.echo(f"selfrec {selfrec.__version__}")
    ctx.exit()
