"""What several commands share: options, default names, notes, JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from sscodec.errors import SscodecError, UsageError

Command = TypeVar("Command", bound=Callable[..., Any])


def _complete_model(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of models for the shell, or folders where no id begins so."""
    from sscodec.models import installed

    try:
        ids = [model.id for model in installed() if model.id.startswith(incomplete)]
    except SscodecError:
        ids = []
    return [CompletionItem(name) for name in ids] or [CompletionItem(incomplete, type="dir")]


_CODING_OPTIONS = [
    click.option(
        "--model",
        metavar="ID|FOLDER",
        shell_complete=_complete_model,
        help="Model to use (see `sscodec models`).",
    ),
    click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, mps."),
    click.option(
        "--threads",
        type=int,
        metavar="N",
        envvar="SSCODEC_THREADS",
        show_envvar=True,
        help="CPU threads; torch decides by default.",
    ),
    click.option("--force", "-f", is_flag=True, help="Replace an existing output."),
    click.option("--quiet", "-q", is_flag=True, help="No progress and no notes."),
    click.option("--json", "as_json", is_flag=True, help="Print a report as JSON, one object a file."),
]


def coding_options(command: Command) -> Command:
    """The options of encode and decode alike."""
    for option in reversed(_CODING_OPTIONS):
        command = option(command)
    return command


def output_name(source: str, target: str | None, suffix: str, as_json: bool) -> str:
    """The output: as given, or "-" for standard input, or the input's name with another suffix."""
    if target is None:
        target = "-" if source == "-" else str(Path(source).with_suffix(suffix))
    if as_json and target == "-":
        raise UsageError("--json would mix with the output on standard output; name an output file")
    return target


def note(message: str, quiet: bool = False) -> None:
    """One line for the user that is no error."""
    if not quiet:
        click.echo(f"sscodec: {printable(message)}", err=True)


def printable(text: str) -> str:
    """Names and tags on one line, and harmless to terminals: what cannot be printed is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def print_json(value: Any) -> None:
    """A dataclass, or lists and dicts, as JSON on standard output."""
    value = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        text = json.dumps(value)
    click.echo(text)
