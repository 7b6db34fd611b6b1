"""selfrec plugins: what is installed, what a part can be told, whether it keeps its promises, and a new one."""

from __future__ import annotations

import click

from selfrec.cli.commands.plugins.check import check_command
from selfrec.cli.commands.plugins.listing import list_command
from selfrec.cli.commands.plugins.new import new_command
from selfrec.cli.commands.plugins.show import show_command


@click.group("plugins", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show, check and begin plugins."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command, as_json=False)


for subcommand in (list_command, show_command, check_command, new_command):
    command.add_command(subcommand)
