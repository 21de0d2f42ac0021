"""`sscodec man`: the manual page, made of what the commands say about themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

import sscodec

_ENVIRONMENT = {
    "SSCODEC_MODEL": "The model to use where --model is not given: an id or the path of a folder.",
    "SSCODEC_MODELS": "The folder of added models; by default one among the user's data.",
    "SSCODEC_THREADS": "CPU threads where --threads is not given.",
    "NO_COLOR": "sscodec never colours its output, so there is nothing to switch off.",
}
_EXIT_CODES = {
    "0": "Done.",
    "1": "An error without a code of its own.",
    "2": "Wrong usage.",
    "3": "Bad input: missing, not a sound file or not a stream, or of a newer format.",
    "4": "A damaged or truncated stream; what was whole is written.",
    "5": "The model or entropy model is missing, broken, or not the one that the stream needs.",
    "6": "The output exists already, is the input or cannot be written.",
    "129, 130, 143": "The terminal closed (SIGHUP), interrupted (Ctrl-C), terminated (SIGTERM).",
}


@click.command()
def man() -> None:
    """Print the manual page.

    \b
    sscodec man > ~/.local/share/man/man1/sscodec.1
    """
    click.echo(manual_page(click.get_current_context().find_root()), nl=False)


def manual_page(root: click.Context) -> str:
    """The page in roff, for `man`, of a group of commands and all its options."""
    assert isinstance(root.command, click.Group)
    commands = list(_commands(root))
    lines = [
        f'.TH SSCODEC 1 "" "sscodec {sscodec.__version__}"',
        ".SH NAME",
        "sscodec \\- neural audio codec",
        ".SH SYNOPSIS",
    ]
    for context in commands:
        usage = " ".join(context.command.collect_usage_pieces(context))
        lines += [f"\\fB{_text(_name(context))}\\fR {_text(usage)}", ".br"]
    lines += [".SH DESCRIPTION", *_paragraphs(root.command.help or "")]
    for context in commands:
        lines += [f'.SS "{_name(context)}"', *_paragraphs(context.command.help or "")]
        options = (param for param in context.command.get_params(context) if isinstance(param, click.Option))
        for record in filter(None, (option.get_help_record(context) for option in options)):
            lines += [".TP", f"\\fB{_text(record[0])}\\fR", _text(record[1])]
    for title, entries in (("ENVIRONMENT", _ENVIRONMENT), ("EXIT STATUS", _EXIT_CODES)):
        lines.append(f".SH {title}")
        for name, meaning in entries.items():
            lines += [".TP", f"\\fB{_text(name)}\\fR", _text(meaning)]
    return "\n".join(lines) + "\n"


def _commands(parent: click.Context) -> Iterator[click.Context]:
    """All commands of a group, each before its own."""
    assert isinstance(parent.command, click.Group)
    for name in parent.command.list_commands(parent):
        command = parent.command.get_command(parent, name)
        if command is None or command.hidden:
            continue
        context = click.Context(command, parent=parent, info_name=name)
        yield context
        if isinstance(command, click.Group):
            yield from _commands(context)


def _name(context: click.Context) -> str:
    """The command as it is typed."""
    return f"sscodec{context.command_path.removeprefix(context.find_root().command_path)}"


def _paragraphs(text: str) -> list[str]:
    """Paragraphs of a help text; those that click would not wrap are not wrapped here either."""
    lines = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            lines += [".PP", ".nf", *(_text(line) for line in paragraph.splitlines()[1:]), ".fi"]
        else:
            lines += [".PP", _text(" ".join(paragraph.split()))]
    return lines


def _text(text: str) -> str:
    """Text that roff takes for nothing but text."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{text}" if text.startswith(".") else text
