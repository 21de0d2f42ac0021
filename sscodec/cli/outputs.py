"""Where outputs go: a file (-o), a folder (-d), and what is said of them when they are done."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sscodec.cli.options import Command, printable
from sscodec.errors import OutputError, UsageError
from sscodec.pipes import is_file, is_folder, is_special, is_there

_OPTIONS = [
    click.option(
        "--output",
        "-o",
        metavar="OUT",
        type=click.Path(),
        help="Output: a file, or a folder where it is one or ends with /.",
    ),
    click.option("--output-dir", "-d", metavar="FOLDER", type=click.Path(), help="Put all outputs there."),
]


def output_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def part_options(command: Command) -> Command:
    """The options of decoding a part of a stream."""
    end = click.option("--end", type=float, metavar="SECONDS", help="Only to this time.")
    start = click.option("--start", type=float, metavar="SECONDS", help="Only from this time on.")
    return start(end(command))


def take_output(names: Sequence[str], options: dict[str, Any]) -> Sequence[str]:
    """IN [OUT] or inputs, of commands that take many: "output" leaves `options`.

    It becomes OUT or, where it is a folder or must be one, "output_dir". Raises UsageError.
    """
    output = options.pop("output")
    if output is None:
        return names
    _check_one(output, options["output_dir"])
    many = len(names) != 1 or options["recursive"] or options["files_from"] is not None or is_folder(names[0])
    if many and not is_there(output) and Path(output).suffix.lower() in _file_suffixes():
        raise UsageError(
            f"{output}: names one file, but there may be several outputs; a folder is -d {output}"
        )
    if many or _is_folder_name(output) or not (Path(output).suffix or output == "-" or is_special(output)):
        options["output_dir"] = output
        return names
    return [*names, output]


def one_output(source: str, target: str | None, output: str | None, output_dir: str | None) -> str:
    """OUT of commands that make a stream of a stream; its folder is made where it is named as one.

    Raises UsageError and OutputError.
    """
    if output is not None:
        _check_one(output, output_dir)
        if _is_folder_name(output):
            output, output_dir = None, output
    given = [name for name in (target, output, output_dir) if name is not None]
    if not given:
        raise click.UsageError("Missing argument 'OUT'.", click.get_current_context())
    if len(given) > 1:
        raise UsageError("the output is given twice: leave out OUT, -o or -d")
    if output_dir is None:
        return given[0]
    if source == "-" or is_special(source):
        raise UsageError("a pipe gives its output no name: give it with -o FILE")
    try:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output_dir}: cannot create it ({error.strerror or error})") from None
    return str(Path(output_dir, Path(source).name))


def note_done(
    target: str,
    seconds: float,
    what: Sequence[str],
    speed: float | None = None,
    *,
    source: str | None = None,
    details: Sequence[str] = (),
    quiet: bool = False,
    verbose: bool = False,
    as_json: bool = False,
) -> None:
    """One line on what was written, on a terminal or with --verbose: length, `what`, size, speed.

    source: the file whose size the output's is compared with. details: only with --verbose.
    """
    if quiet or as_json or not (verbose or (sys.stderr.isatty() and target != "-")):
        return
    parts = [f"{seconds:.1f} s", *what]
    if is_file(target):
        size = Path(target).stat().st_size
        before = Path(source).stat().st_size if source and is_file(source) else 0
        times = before / size if size else 0
        smaller = f" ({times:.{0 if times >= 10 else 1}f}x smaller)" if times >= 1.05 else ""
        parts.append(f"{size} bytes{smaller}")
    if speed is not None:
        parts.append(f"{speed:.{0 if speed >= 10 else 1}f}x real time")
    if verbose:
        parts += details
    name = "standard output" if target == "-" else target
    click.echo(printable(f"{name}: {', '.join(parts)}"), err=True)


def _check_one(output: str, output_dir: str | None) -> None:
    if output_dir is not None:
        raise UsageError("the output is given twice: leave out -o or -d")
    if output == "":
        raise UsageError('--output is empty; "." is the folder that you are in')


def _is_folder_name(name: str) -> bool:
    return is_folder(name) or name.endswith(("/", os.sep))


def _file_suffixes() -> frozenset[str]:
    from sscodec.batch.plan import SOUND_SUFFIXES
    from sscodec.folders import STREAM_SUFFIXES

    return SOUND_SUFFIXES | STREAM_SUFFIXES
