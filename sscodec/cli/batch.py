"""Many files at once: what `encode` and `decode` do when they are given a folder for their outputs."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from sscodec.cli.options import Command, note, note_input, note_untrained, print_json
from sscodec.cli.progress import batch_bar
from sscodec.errors import InputError, OutputError, UsageError
from sscodec.pipes import flush_output, is_folder, is_there, open_input

if TYPE_CHECKING:
    from sscodec.batch import Outcome, Work

MAX_LIST_BYTES = 1 << 30
_BATCH_OPTIONS = [
    click.option(
        "--output-dir", "-o", metavar="FOLDER", type=click.Path(), help="Put the outputs of all inputs there."
    ),
    click.option("--recursive", "-r", is_flag=True, help="Take folders with all that is below them."),
    click.option("--jobs", "-j", type=int, metavar="N", help="Files at a time.  [default: one for each CPU]"),
    click.option(
        "--files-from", metavar="FILE", type=click.Path(), help='Names of inputs, one a line ("-": stdin).'
    ),
    click.option("--null", "-0", is_flag=True, help="Names in --files-from end with NUL, not with a line."),
]


@dataclass(frozen=True)
class Batch:
    """The options that only many files have."""

    output_dir: str
    recursive: bool
    jobs: int | None
    """None: one for each CPU, and one alone on another device."""
    files_from: str | None
    null: bool


def batch_options(command: Command) -> Command:
    """The options of a batch; `take_batch` takes them out of the command's arguments."""
    for option in reversed(_BATCH_OPTIONS):
        command = option(command)
    return command


def take_batch(names: Sequence[str], options: dict[str, Any]) -> Batch | None:
    """The options of a batch, removed from `options`; None where `names` are IN [OUT].

    A batch is asked for by --output-dir alone: then every name is an input. Raises UsageError for what makes
    sense in a batch only.
    """
    output_dir, recursive, jobs, files_from, null = (
        options.pop(name) for name in ("output_dir", "recursive", "jobs", "files_from", "null")
    )
    if null and files_from is None:
        raise UsageError("--null is about --files-from: give that too")
    if output_dir is None:
        if len(names) > 2:
            raise several_inputs(names)
        if recursive or jobs is not None or files_from is not None:
            raise UsageError("many inputs need a folder for their outputs: give it with -o FOLDER")
        if names and is_folder(names[0]):
            raise UsageError(f"{names[0]}: is a folder; give a folder for the outputs too, with -o FOLDER")
        return None
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {jobs}")
    if output_dir == "":
        raise UsageError('--output-dir is empty; "." is the folder that you are in')
    if not names and files_from is None:
        raise UsageError("there is no input: name files or folders, or give --files-from")
    return Batch(output_dir, recursive, jobs, files_from, null)


def several_inputs(names: Sequence[str]) -> UsageError:
    """The error of who names inputs alone, the last of which is no output; it tells what was meant."""
    command = click.get_current_context().info_name
    shown = shlex.join(names[:3])
    more = " ..." if len(names) > 3 else ""
    return UsageError(
        f"several inputs need a folder for their outputs: sscodec {command} -o FOLDER {shown}{more}"
    )


def input_and_output(names: Sequence[str]) -> tuple[str, str | None]:
    """IN and OUT of a command that is no batch."""
    if not names:
        raise click.UsageError("Missing argument 'IN'.", click.get_current_context())
    return names[0], names[1] if len(names) > 1 else None


def run_batch(
    batch: Batch,
    command: Literal["encode", "decode"],
    suffix: str,
    names: Sequence[str],
    options: dict[str, Any],
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Code all inputs; exit with the code of the first of them that failed.

    suffix: of the outputs. options: arguments of `encode_file` or `decode_file`.
    """
    from sscodec.batch import SOUND_SUFFIXES, STREAM_SUFFIXES, Outcome, Pool, Work, plan

    wanted = SOUND_SUFFIXES if command == "encode" else STREAM_SUFFIXES
    common = {name: options.pop(name) for name in ("model", "device", "threads", "force")}
    work = Work(command, suffix, **common, options=options)

    if is_there(batch.output_dir) and not is_folder(batch.output_dir):
        raise OutputError(f"{batch.output_dir}: is no folder; name one for the outputs")
    listed = _read_names(batch) if batch.files_from is not None else []
    tasks = plan(names, listed, batch.output_dir, wanted=wanted, suffix=suffix, recursive=batch.recursive)
    work.prepare()
    if not tasks:
        reason = f"no file that ends with {', '.join(sorted(wanted))}"
        if not names:
            reason = "the list is empty"
        elif not batch.recursive:
            reason += "; --recursive looks into folders of folders too"
        note(f"nothing to {work.command}: {reason}", quiet)
        return
    jobs = min(batch.jobs or (_cpus() if work.device == "cpu" else 1), len(tasks))
    if jobs > 1 and work.threads is None:
        # As many threads as CPUs in each of as many processes would wait for each other.
        work.threads = 1
    started = time.perf_counter()
    outcomes: dict[str, Outcome] = {}
    seconds = 0.0
    with Pool(work, jobs) as pool, batch_bar(quiet, len(tasks)) as progress:
        for said in pool.run(tasks):
            if isinstance(said, Outcome):
                outcomes[said.output] = said
                if as_json:
                    _print_outcome(said)
            else:
                seconds += said
            if progress:
                progress(len(outcomes), seconds)
    elapsed = time.perf_counter() - started
    in_order = [outcomes[task.target] for task in tasks]
    _summarise(work, in_order, seconds, elapsed, quiet)


def _print_outcome(outcome: Outcome) -> None:
    fields = dataclasses.asdict(outcome)
    del fields["exit_code"]
    print_json(fields)
    flush_output()  # somebody may be following


def _summarise(work: Work, outcomes: list[Outcome], seconds: float, elapsed: float, quiet: bool) -> None:
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    coded = [outcome for outcome in outcomes if outcome.denoise is not None]
    note_untrained(work.options, any(outcome.denoise for outcome in coded) if coded else None, quiet)
    for outcome in coded:
        note_input(outcome.input, outcome.seconds, outcome.missing_seconds, quiet)
    skipped = sum(outcome.skipped for outcome in outcomes)
    for outcome in failed:
        for line in outcome.damage:
            note(f"{outcome.input}: {line}", quiet)
        note(str(outcome.error))
    note(
        f"{len(outcomes) - len(failed) - skipped} {work.command}d "
        f"({seconds:.0f} s of sound, {seconds / elapsed:.1f}x real time), "
        f"{skipped} done before, {len(failed)} failed",
        quiet,
    )
    if failed:
        click.get_current_context().exit(failed[0].exit_code)


def _read_names(batch: Batch) -> list[str]:
    assert batch.files_from is not None
    try:
        with ExitStack() as stack:
            data = open_input(batch.files_from, stack).read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{batch.files_from}: cannot read it ({error.strerror or error})") from None
    if len(data) > MAX_LIST_BYTES:
        raise InputError(
            f"{batch.files_from}: larger than {MAX_LIST_BYTES >> 20} MiB, which no list of names is"
        )
    if b"\0" in data and not batch.null:
        raise UsageError(f"--files-from {batch.files_from}: its names end with NUL; give --null, too")
    # A carriage return belongs to a name, but for one at its end: lists also come from Windows.
    names = data.split(b"\0") if batch.null else [name.removesuffix(b"\r") for name in data.split(b"\n")]
    return [os.fsdecode(name) for name in names if name]


def _cpus() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
