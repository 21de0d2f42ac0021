"""What several commands share: options, default names, notes, JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from sscodec.container.coders import CODER_NAMES
from sscodec.errors import SscodecError, UsageError
from sscodec.pipes import input_name, is_special

if TYPE_CHECKING:
    from sscodec.denoise import Denoise
    from sscodec.files import EncodeReport
    from sscodec.transcode import TranscodeReport

LEAST_KBPS = 1.5
"""Of one channel; below it there is a warning."""

JSON_VERSION = 1
"""Of the vocabulary of reports: raised where a field changes its meaning or goes."""
_REPORTED = "sscodec.reported"

Command = TypeVar("Command", bound=Callable[..., Any])


def complete_model(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of models for the shell, or folders where no id begins so."""
    from sscodec.models import installed

    try:
        ids = [model.id for model in installed() if model.id.startswith(incomplete)]
    except SscodecError:
        ids = []
    return [CompletionItem(name) for name in ids] or [CompletionItem(incomplete, type="dir")]


model_option = click.option(
    "--model",
    metavar="ID|FOLDER",
    shell_complete=complete_model,
    help="Model to use (see `sscodec models`).",
)

force_option = click.option(
    "--force", "-f", "--overwrite", "-y", "force", is_flag=True, help="Replace an existing output."
)
recursive_option = click.option(
    "--recursive", "-r", is_flag=True, help="Take folders with all that is below them."
)
verbose_option = click.option(
    "--verbose", "-v", is_flag=True, help="Say what was done and how, also where no terminal shows it."
)


class Kbps(click.ParamType):
    """Kilobits a second; also as "6k"."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).lower()
        for suffix in ("kbps", "kbit/s", "k"):
            text = text.removesuffix(suffix)
        try:
            kbps = float(text)
        except ValueError:
            self.fail(f"{value!r} is no number of kbps, such as 6.", param, ctx)
        if 1000 <= kbps < math.inf:
            self.fail(f"{value} is in kbps; {kbps:g} bits a second are -b {kbps / 1000:g}.", param, ctx)
        return kbps


def kbps_option(help_text: str) -> Callable[[Command], Command]:
    return click.option("--kbps", "--bitrate", "-b", "kbps", type=Kbps(), metavar="KBPS", help=help_text)


_NETWORK_OPTIONS = [
    model_option,
    click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, mps."),
    click.option(
        "--threads",
        type=int,
        metavar="N",
        envvar="SSCODEC_THREADS",
        show_envvar=True,
        help="CPU threads; torch decides by default.",
    ),
]
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress and no notes.")
_JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Print a report as JSON, one object a file."
)


def coding_options(command: Command) -> Command:
    """The options of encode and decode alike."""
    for option in reversed([*_NETWORK_OPTIONS, force_option, verbose_option, quiet_option, _JSON_OPTION]):
        command = option(command)
    return command


def network_options(command: Command) -> Command:
    """Of whatever loads a network: which one, and where it runs."""
    for option in reversed(_NETWORK_OPTIONS):
        command = option(command)
    return command


def entropy_option(otherwise: str) -> Callable[[Command], Command]:
    """The option of whatever writes streams; otherwise: the coder where there is no entropy model."""
    return click.option(
        "--entropy",
        type=click.Choice(CODER_NAMES),
        help=f"Entropy coder.  [default: context where the model has an entropy model, else {otherwise}]",
    )


_DENOISE_OPTIONS = [
    click.option("--denoise", is_flag=True, help="Remove noise, with a model that was trained to."),
    click.option("--denoise-from", type=float, metavar="SECONDS", help="Remove noise from this time on."),
    click.option("--denoise-to", type=float, metavar="SECONDS", help="Remove noise up to this time."),
]


def denoise_options(command: Command) -> Command:
    """The options of denoising; `take_denoise` takes them out of the command's arguments."""
    for option in reversed(_DENOISE_OPTIONS):
        command = option(command)
    return command


def take_denoise(options: dict[str, Any]) -> Denoise | bool:
    """What is to be denoised, its options removed from `options`. Raises UsageError."""
    whole, start, end = (options.pop(name) for name in ("denoise", "denoise_from", "denoise_to"))
    if start is None and end is None:
        return bool(whole)
    from sscodec.denoise import Denoise

    return Denoise(start or 0.0, math.inf if end is None else end)


def note_untrained(options: dict[str, Any], denoised: bool | None, quiet: bool) -> None:
    """Say so where denoising was asked for and the model cannot do it; denoised: None where nobody knows."""
    if options["denoise"] and denoised is False:
        note("this model was never trained to remove noise: --denoise changes nothing", quiet)


def note_low_rate(kbps: float, quiet: bool) -> None:
    """Say so where a rate of one channel is below what the codec is meant for."""
    if kbps < LEAST_KBPS - 1e-3:
        note(f"{kbps:g} kbps a channel is below {LEAST_KBPS:g}: expect poor sound, and listen to it", quiet)


def note_input(name: str, seconds: float | None, missing: float, quiet: bool) -> None:
    """Say so where an input was cut off, or holds nothing."""
    name = input_name(name)
    if missing:
        note(f"{name}: is cut off: {missing:.3f} s that its header announces are not there", quiet)
    elif seconds == 0:
        note(f"{name}: holds no sound", quiet)


def note_rate(kbps: float | None, report: EncodeReport | TranscodeReport, quiet: bool) -> None:
    """Say so where a rate was asked for that lies between two steps."""
    if kbps is not None and report.nominal_kbps < kbps - 1e-3:
        note(f"{report.nominal_kbps:g} kbps, the next step below {kbps:g} ({report.n_q} codebooks)", quiet)


def output_name(source: str, target: str | None, suffix: str, as_json: bool) -> str:
    """The output: as given, or "-" where the input is a pipe, or the input's name with another suffix."""
    if target is None:
        piped = source == "-" or is_special(source)
        target = "-" if piped else str(Path(source).with_suffix(suffix))
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
    """Lists and dicts as JSON on standard output."""
    click.echo(_json(value))


def print_report(report: Any, error: SscodecError | None = None) -> None:
    """What became of one file, a dataclass, as one JSON object (docs/json.md); error: what failed, if any."""
    if context := click.get_current_context(silent=True):
        context.meta[_REPORTED] = True
    print_json(report_fields(report, error))


def report_fields(report: Any, error: SscodecError | None = None) -> dict[str, Any]:
    fields = dataclasses.asdict(report)
    fields.pop("exit_code", None)
    return {"version": JSON_VERSION, **fields, "error": error_fields(error)}


def error_fields(error: SscodecError | None) -> dict[str, Any] | None:
    return None if error is None else {"message": str(error), "exit_code": error.exit_code}


class ReportingCommand(click.Command):
    """With --json, what fails is told on standard output, too, unless a report of the file has told it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SscodecError as error:
            if ctx.params.get("as_json") and _REPORTED not in ctx.meta:
                names = ctx.params.get("names") or [ctx.params.get("source")]
                source = names[0] if len(names) in (1, 2) else None
                print_json({"version": JSON_VERSION, "input": source, "error": error_fields(error)})
            raise


class JsonList:
    """A list on standard output, as JSON on one line, of which each item is printed when it is there."""

    def __init__(self) -> None:
        self._before = "["

    def add(self, value: Any) -> None:
        click.echo(self._before + _json(value), nl=False)
        self._before = ", "

    def end(self) -> None:
        click.echo("]" if self._before != "[" else "[]")


def _json(value: Any) -> str:
    """JSON that is harmless to terminals: what cannot be printed is escaped, also names that are no UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def needs_packages(*names: str, extra: str = "eval") -> None:
    """Raise SscodecError where one of these packages, which come with the extra, is missing."""
    from importlib.util import find_spec

    if missing := [name for name in names if not find_spec(name)]:
        raise SscodecError(
            f"this command needs {' and '.join(missing)}; install them with: pip install 'sscodec[{extra}]'"
        )
