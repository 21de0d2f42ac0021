"""`sscodec help`."""

from __future__ import annotations

import click


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def show_help(ctx: click.Context, name: str | None) -> None:
    """Show the help of COMMAND, or of sscodec."""
    root = ctx.find_root()
    if name is None:
        click.echo(root.get_help())
        return
    assert isinstance(root.command, click.Group)
    _, command, _ = root.command.resolve_command(root, [name])
    assert command is not None
    click.echo(command.get_help(click.Context(command, parent=root, info_name=name)))
