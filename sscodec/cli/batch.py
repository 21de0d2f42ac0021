"""Many files at once: what `encode` and `decode` do when they are given a folder for their outputs."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from sscodec.cli.options import JSON_VERSION, Command, note, note_input, note_untrained, print_json, printable
from sscodec.cli.outputs import output_options
from sscodec.cli.progress import batch_bar
from sscodec.errors import InputError, OutputError, SscodecError, UsageError
from sscodec.pipes import flush_output, open_input
from sscodec.storage import is_folder, status

if TYPE_CHECKING:
    from sscodec.batch import Job, Outcome, Task

MAX_LIST_BYTES = 1 << 30
_BATCH_OPTIONS = [
    click.option("--recursive", "-r", is_flag=True, help="Take folders with all that is below them."),
    click.option("--jobs", "-j", type=int, metavar="N", help="Files at a time.  [default: one for each CPU]"),
    click.option(
        "--files-from", metavar="FILE", type=click.Path(), help='Names of inputs, one a line ("-": stdin).'
    ),
    click.option("--dry-run", is_flag=True, help="Only print which input would become which output."),
    click.option("--null", "-0", is_flag=True, help="Names in --files-from end with NUL, not with a line."),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help='Dask scheduler whose workers do it, or "local" for one of its own.',
    ),
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
    cluster: str | None = None
    """Address of a Dask scheduler, or "local"."""
    dry_run: bool = False


def batch_options(command: Command) -> Command:
    """The options of a batch; `take_output` and `take_batch` take them out of the command's arguments."""
    for option in reversed(_BATCH_OPTIONS):
        command = option(command)
    return output_options(command)


def take_batch(names: Sequence[str], options: dict[str, Any]) -> Batch | None:
    """The options of a batch, removed from `options`; None where `names` are IN [OUT].

    A batch is asked for by --output-dir alone: then every name is an input. Raises UsageError for what makes
    sense in a batch only.
    """
    output_dir, recursive, jobs, files_from, null, cluster, dry_run = (
        options.pop(name)
        for name in ("output_dir", "recursive", "jobs", "files_from", "null", "cluster", "dry_run")
    )
    if null and files_from is None:
        raise UsageError("--null is about --files-from: give that too")
    if output_dir is None:
        if len(names) > 2:
            raise several_inputs(names)
        if recursive or any((jobs, files_from, cluster, dry_run)):
            raise UsageError("many inputs need a folder for their outputs: give it with -d FOLDER")
        if names and is_folder(names[0]):
            raise UsageError(f"{names[0]}: is a folder; give a folder for the outputs too, with -d FOLDER")
        return None
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {jobs}")
    if output_dir == "":
        raise UsageError('--output-dir is empty; "." is the folder that you are in')
    if not names and files_from is None:
        raise UsageError("there is no input: name files or folders, or give --files-from")
    if jobs is not None and cluster not in (None, "local"):
        raise UsageError("--jobs is for this machine: with --cluster ADDRESS its workers do the work")
    return Batch(output_dir, recursive, jobs, files_from, null, cluster, dry_run)


def several_inputs(names: Sequence[str]) -> UsageError:
    """The error of who names inputs alone, the last of which is no output; it tells what was meant."""
    command = click.get_current_context().info_name
    shown = shlex.join(names[:3])
    more = " ..." if len(names) > 3 else ""
    return UsageError(
        f"several inputs need a folder for their outputs: sscodec {command} -d FOLDER {shown}{more}"
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
    from sscodec.batch import STREAM_SUFFIXES, Work
    from sscodec.batch.plan import left_out, sound_suffixes

    wanted = sound_suffixes() if command == "encode" else STREAM_SUFFIXES
    common = {name: options.pop(name) for name in ("model", "device", "threads", "force")}
    work = Work(command, suffix, **common, options=options)
    tasks = plan_batch(batch, names, wanted, suffix)
    unread = list(left_out(names, batch.recursive)) if command == "encode" else []
    for name in unread:
        note(f"{name}: skipped: it is read by ffmpeg, which is not installed", quiet)
    work.prepare()
    if not tasks:
        note_nothing(batch, names, f"nothing to {command}", wanted, quiet)
        return
    if batch.dry_run:
        _show_plan(tasks, as_json)
        return
    tally = run_tasks(batch, work, tasks, len(tasks), quiet=quiet, as_json=as_json)
    note_untrained(work.options, tally.denoised, quiet)
    tally.unread = len(unread)
    tally.report(f"{command}d", quiet)


def _show_plan(tasks: Iterable[Task], as_json: bool) -> None:
    for task in tasks:
        exists = status(task.target) is not None
        if as_json:
            print_json(
                {"version": JSON_VERSION, "input": task.source, "output": task.target, "exists": exists}
            )
        else:
            line = f"{printable(task.source)} -> {printable(task.target)}"
            click.echo(line + (" (exists)" if exists else ""))


def plan_batch(batch: Batch, names: Sequence[str], wanted: frozenset[str], suffix: str) -> list[Task]:
    """The tasks of a batch. Raises UsageError, InputError and OutputError."""
    from sscodec.batch import plan

    if not is_folder(batch.output_dir) and status(batch.output_dir) is not None:
        raise OutputError(f"{batch.output_dir}: is no folder; name one for the outputs")
    listed = _read_names(batch) if batch.files_from is not None else []
    return plan(names, listed, batch.output_dir, wanted=wanted, suffix=suffix, recursive=batch.recursive)


def note_nothing(batch: Batch, names: Sequence[str], what: str, wanted: frozenset[str], quiet: bool) -> None:
    """Say why a batch is empty."""
    reason = f"no file that ends with {', '.join(sorted(wanted))}"
    if not names:
        reason = "the list is empty"
    elif not batch.recursive:
        reason += "; --recursive looks into folders of folders too"
    note(f"{what}: {reason}", quiet)


def run_tasks(
    batch: Batch,
    work: Job,
    tasks: Iterable[Task],
    files: int | None,
    *,
    quiet: bool,
    as_json: bool,
    take: Callable[[Outcome], None] | None = None,
) -> Tally:
    """Let processes or a cluster do the tasks. files: how many there are, where that is known.

    take: called with each outcome before it is counted.
    """
    from sscodec.batch import Outcome, Pool

    tally = Tally()
    if batch.cluster is not None:
        from sscodec.batch.cluster import Cluster

        workers: Pool | Cluster = Cluster(work, batch.cluster, batch.jobs or _cpus())
    else:
        jobs = batch.jobs or (_cpus() if work.device == "cpu" else 1)
        jobs = jobs if files is None else max(1, min(jobs, files))
        if jobs > 1 and work.threads is None:
            # As many threads as CPUs in each of as many processes would wait for each other.
            work.threads = 1
        workers = Pool(work, jobs)
    with workers, batch_bar(quiet, files) as progress:
        for said in workers.run(tally.handed(tasks)):
            if isinstance(said, Outcome):
                if take is not None:
                    take(said)
                tally.add(said)
                if as_json:
                    _print_outcome(said)
            else:
                tally.seconds += said
            if progress:
                progress(tally.files, tally.seconds)
    return tally


class Tally:
    """What became of the files of a batch: counts, and of each only what is to be told at the end."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._order: dict[str, int] = {}
        """Of the tasks that are out, by their target."""
        self._handed = 0
        self._failed: list[tuple[int, Outcome]] = []
        self._noted: list[tuple[int, Outcome]] = []
        self.done = 0
        self.skipped = 0
        self.unread = 0
        """Of a format that nothing here reads."""
        self.seconds = 0.0
        """Of sound, coded so far."""
        self.denoised: bool | None = None
        """Whether noise was removed from any; None: nothing was coded."""

    @property
    def files(self) -> int:
        """That nothing is left to do for."""
        return self.done + self.skipped + len(self._failed)

    def handed(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """The same tasks, whose order failures are told in."""
        for task in tasks:
            self._order[task.target] = self._handed
            self._handed += 1
            yield task

    def add(self, outcome: Outcome) -> None:
        place = self._order.pop(outcome.output)
        if outcome.denoise is not None:
            self.denoised = bool(self.denoised) or outcome.denoise
            if outcome.missing_seconds or outcome.seconds == 0:
                self._noted.append((place, outcome))
        if outcome.error is not None:
            self._failed.append((place, outcome))
        elif outcome.skipped:
            self.skipped += 1
        else:
            self.done += 1

    def fail(self, error: SscodecError) -> None:
        """Count what was no task, for it could not be read."""
        from sscodec.batch import Outcome

        outcome = Outcome("", "", error=str(error), exit_code=error.exit_code)
        self._failed.append((self._handed, outcome))

    def report(self, what: str, quiet: bool) -> None:
        """Tell failures and counts; exit with the code of the first failure. what: was done to the files."""
        elapsed = time.perf_counter() - self._started
        failed = [outcome for _, outcome in sorted(self._failed, key=lambda pair: pair[0])]
        for _, outcome in sorted(self._noted, key=lambda pair: pair[0]):
            note_input(outcome.input, outcome.seconds, outcome.missing_seconds, quiet)
        for outcome in failed:
            for line in outcome.damage:
                note(f"{outcome.input}: {line}", quiet)
            note(str(outcome.error))
        note(
            f"{self.done} {what} ({self.seconds:.0f} s of sound, {self.seconds / elapsed:.1f}x real time), "
            f"{self.skipped} done before, {len(failed)} failed"
            + (f", {self.unread} skipped" if self.unread else ""),
            quiet,
        )
        if failed:
            click.get_current_context().exit(failed[0].exit_code)


def _print_outcome(outcome: Outcome) -> None:
    fields = dataclasses.asdict(outcome)
    exit_code, bitrate = fields.pop("exit_code"), fields.pop("bitrate")
    del fields["stream"]
    fields["kbps"] = None if bitrate is None else bitrate / 1000
    fields["error"] = outcome.error and {"message": outcome.error, "exit_code": exit_code}
    print_json({"version": JSON_VERSION, **fields})
    flush_output()  # somebody may be following


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
