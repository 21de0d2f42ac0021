"""The command `sscodec`: its subcommands, and what becomes of errors."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

import sscodec
from sscodec.cli.hints import command_hint, explain
from sscodec.cli.options import note
from sscodec.errors import InputError, OutputError, SscodecError, UsageError
from sscodec.pipes import flush_output

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""


_COMMANDS = {
    "encode": "encode",
    "decode": "decode",
    "play": "play",
    "transcode": "transcode",
    "info": "info",
    "verify": "verify",
    "repair": "repair",
    "models": "models",
    "export": "export",
    "tokens": "tokens",
    "eval": "eval:evaluate",
    "spectrogram": "spectrogram",
    "completion": "completion",
    "man": "manpage:man",
    "help": "helping:show_help",
}
"""Names of the commands, and where they are: a module, and what it calls the command if not the same."""


class _Group(click.Group):
    """Imports a command when it is asked for, and ends with a documented exit code, whatever goes wrong."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"sscodec.cli.{module}"), name or module)
        return command

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs) or 0
            flush_output()
        except (SscodecError, click.ClickException) as error:
            code = _report(error)
        except click.Abort:
            code = INTERRUPTED
        except OSError as error:
            code = _report(_as_told_error(error))
        except MemoryError:
            code = _report(SscodecError("there is not enough memory for this input"))
        sys.exit(code)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if hint := command_hint(args[0]):
                raise click.UsageError(f"No such command {args[0]!r}; {hint}", ctx) from None
            raise error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("sscodec: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except OSError as error:  # click would end a closed pipe with another exit code
            raise _as_told_error(error) from None


def _as_told_error(error: OSError) -> SscodecError:
    """Inputs and output files tell their errors themselves: what is left is standard output, which has no
    name, and names that could not even be looked at."""
    if error.filename is not None:
        return InputError(f"{os.fsdecode(error.filename)}: {error.strerror or error}")
    return OutputError(f"standard output: cannot write ({error.strerror or error})")


def _report(error: SscodecError | click.ClickException) -> int:
    """Say what is wrong; the exit code."""
    message = str(error)
    if isinstance(error, click.ClickException):
        message = explain(error)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message += f" See `{error.ctx.command_path} --help`."
    note(message)
    try:
        flush_output()
    except OSError:
        # Whoever read standard output has gone: what Python still holds for it has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UsageError.exit_code if isinstance(error, click.UsageError) else error.exit_code


def _show_versions(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Of the program and of what its sound depends on; torch is too slow to ask itself."""
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    import soundfile

    others = []
    for name in ("torch", "numpy"):
        try:
            others.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            others.append(f"{name} not installed")
    python = f"Python {sys.version.split()[0]}"
    click.echo(f"sscodec {sscodec.__version__}")
    click.echo(", ".join([*others, f"libsndfile {soundfile.__libsndfile_version__}", python]))
    ctx.exit()


@click.group(
    cls=_Group, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    "-V",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show versions.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Neural audio codec: speech and music at a few kbps.

    "-" stands for standard input or output. Exit codes: 0 done, 2 wrong usage, 3 bad input, 4 damaged stream,
    5 model missing or wrong, 6 output failed, 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> NoReturn:
    """Run the command line and exit."""
    # A signal that ends the process must unwind the stack, so that half-written files are removed.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    cli.main(prog_name="sscodec")
    raise AssertionError("unreachable")
