"""What a worker does with one file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sscodec.batch.plan import Task
from sscodec.errors import DamagedError, SscodecError
from sscodec.storage import absolute, make_folder_of, status

if TYPE_CHECKING:
    from sscodec.files import Progress
    from sscodec.loader import Loader

Stream = bytes
"""A whole `.ssc` file in memory; `bytes` is a number below."""


@dataclass
class Outcome:
    """What became of one file."""

    input: str
    output: str
    skipped: bool = False
    """It was done already."""
    seconds: float | None = None
    """Of sound."""
    bytes: int | None = None
    """Of the stream."""
    bitrate: float | None = None
    """Bits a second: all bytes of the stream over the seconds of sound."""
    n_q: int | None = None
    denoise: bool | None = None
    """Whether noise was removed; None where it was done before."""
    missing_seconds: float = 0.0
    """As in `EncodeReport`."""
    damage: list[str] = field(default_factory=list)
    """As in `DecodeReport`."""
    error: str | None = None
    exit_code: int = 0
    stream: Stream | None = None
    """What was made, where it is no file that is made."""


class Job(Protocol):
    """What is to be done with each of many files; can be sent to a process."""

    device: str
    threads: int | None

    def run(self, task: Task, progress: Progress) -> Outcome:
        """Do it with one file. Raises nothing."""

    def located(self, task: Task) -> Task:
        """The same task for a process that is in another folder."""


@dataclass
class Work:
    """Encoding or decoding with one set of options, for any number of files. Can be sent to a process.

    suffix: of the outputs. model, device, threads: as in `Codec.load`. force: do also what is done, and
    replace what is there. options: further arguments of `encode_file` or `decode_file`.
    """

    command: Literal["encode", "decode"]
    suffix: str
    model: str | None = None
    device: str = "cpu"
    threads: int | None = None
    force: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def loader(self) -> Loader:
        """One for all files of a process: weights are read once."""
        from sscodec.loader import Loader

        return Loader(self.model, self.device, self.threads)

    def prepare(self) -> None:
        """Raise what would go wrong with every file, as far as it can be told without loading the network.

        Raises ModelError and UsageError.
        """
        if self.command == "encode":
            from sscodec.models import choose_n_q
            from sscodec.streams import make_header

            model, options = self.loader.named(), self.options
            if options["n_q"] is not None:
                choose_n_q(model.config, 1, options["n_q"], options["kbps"])
            rate, packet_ms, tags = model.config.sample_rate, options["packet_ms"], options["tags"]
            denoise, entropy = options.get("denoise", False), options.get("entropy")
            make_header(model, 1, 1, rate, 1, None, packet_ms, tags, denoise, entropy)
        else:
            from sscodec.audio import choose_format

            choose_format("file" + self.suffix, self.options["subtype"])

    def located(self, task: Task) -> Task:
        """As of `Job`."""
        source = task.source if task.stream is not None else absolute(task.source)
        return replace(task, source=source, target=absolute(task.target))

    def run(self, task: Task, progress: Progress) -> Outcome:
        """Code one file. What goes wrong is told, not raised: the next file is not to suffer from it."""
        outcome = Outcome(task.source, task.target)
        with told(outcome, task):
            make_folder_of(task.target)
            if self.command == "encode":
                self._encode(task, outcome, progress)
            else:
                self._decode(task, outcome, progress)
        return outcome

    def _encode(self, task: Task, outcome: Outcome, progress: Progress) -> None:
        from sscodec.batch.done import encoded
        from sscodec.files import encode_file

        done = None
        if not self.force:
            done = encoded(task.source, task.target, self.loader.named(), self.options)
        if done is not None:
            outcome.skipped = True
            _measure(outcome, done.seconds, done.bytes, done.header.n_q)
            return
        report = encode_file(
            task.source,
            task.target,
            loader=self.loader,
            force=self.force or status(task.target) is not None,  # nothing worth keeping, as was just found
            progress=progress,
            **self.options,
        )
        _measure(outcome, report.seconds, report.bytes, report.n_q)
        outcome.denoise, outcome.missing_seconds = report.denoise, report.missing_seconds

    def _decode(self, task: Task, outcome: Outcome, progress: Progress) -> None:
        from sscodec.batch.done import is_decoded, whole_stream
        from sscodec.files import decode_file

        source = task.source if task.stream is None else _Named(task.stream, task.source)
        if not self.force and is_decoded(source, task.target, self.options):
            outcome.skipped = True
            stream = whole_stream(source)
            if stream is not None:  # else a chain, whose streams need not have one rate
                _measure(outcome, stream.seconds, stream.bytes, self.options["n_q"] or stream.header.n_q)
            return
        report = decode_file(
            source,
            task.target,
            loader=self.loader,
            force=self.force or status(task.target) is not None,
            progress=progress,
            **self.options,
        )
        _measure(outcome, report.seconds, _size(task), report.n_q)
        outcome.denoise, outcome.damage = report.denoise, report.damage
        if report.error:
            outcome.error = f"{report.error}; what was whole before is in {task.target}"
            outcome.exit_code = report.exit_code
        elif report.damage:
            outcome.error = f"{task.source}: damaged, see `sscodec info`; what was whole is in {task.target}"
            outcome.exit_code = DamagedError.exit_code


@contextmanager
def told(outcome: Outcome, task: Task) -> Iterator[None]:
    """Write what goes wrong into the outcome, instead of raising it."""
    try:
        yield
    except SscodecError as error:
        outcome.error, outcome.exit_code = str(error), error.exit_code
    except Exception as error:  # out of memory, say
        reason = " ".join(str(error).split())[:300]
        outcome.error, outcome.exit_code = f"{type(error).__name__}: {reason}", SscodecError.exit_code
    if outcome.error and not outcome.error.startswith((task.source, task.target)):
        outcome.error = f"{task.source}: {outcome.error}"


class _Named(io.BytesIO):
    """A stream in memory, with the name that messages give it."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def _size(task: Task) -> int:
    """Of the stream, in bytes."""
    if task.stream is not None:
        return len(task.stream)
    found = status(task.source)
    return found.size if found else 0


def _measure(outcome: Outcome, seconds: float, size: int, n_q: int) -> None:
    outcome.seconds, outcome.bytes, outcome.n_q = seconds, size, n_q
    outcome.bitrate = size * 8 / seconds if seconds else 0.0
