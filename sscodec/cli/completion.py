"""`sscodec completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SSCODEC_COMPLETE"
"""By which the script of the shell asks the command for completions; click makes it of the program's name."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that lets SHELL complete commands, options and file names.

    \b
    bash:  sscodec completion bash > ~/.local/share/bash-completion/completions/sscodec
    zsh:   sscodec completion zsh > ~/.zfunc/_sscodec    (a folder of $fpath)
    fish:  sscodec completion fish > ~/.config/fish/completions/sscodec.fish
    """
    script = get_completion_class(shell)
    assert script is not None
    root = click.get_current_context().find_root().command
    click.echo(script(root, {}, "sscodec", VARIABLE).source())
