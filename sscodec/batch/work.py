"""What a worker does with one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sscodec.batch.plan import Task
from sscodec.errors import DamagedError, OutputError, SscodecError
from sscodec.pipes import is_file

if TYPE_CHECKING:
    from sscodec.files import Progress
    from sscodec.loader import Loader


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

    def run(self, task: Task, progress: Progress) -> Outcome:
        """Code one file. What goes wrong is told, not raised: the next file is not to suffer from it."""
        outcome = Outcome(task.source, task.target)
        try:
            try:
                Path(task.target).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(
                    f"{task.target}: cannot create its folder ({error.strerror or error})"
                ) from None
            if self.command == "encode":
                self._encode(task, outcome, progress)
            else:
                self._decode(task, outcome, progress)
        except SscodecError as error:
            outcome.error, outcome.exit_code = str(error), error.exit_code
        except Exception as error:  # out of memory, say
            reason = " ".join(str(error).split())[:300]
            outcome.error, outcome.exit_code = f"{type(error).__name__}: {reason}", SscodecError.exit_code
        if outcome.error and not outcome.error.startswith((task.source, task.target)):
            outcome.error = f"{task.source}: {outcome.error}"
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
            force=self.force or is_file(task.target),  # nothing worth keeping, as was just found
            progress=progress,
            **self.options,
        )
        _measure(outcome, report.seconds, report.bytes, report.n_q)
        outcome.denoise, outcome.missing_seconds = report.denoise, report.missing_seconds

    def _decode(self, task: Task, outcome: Outcome, progress: Progress) -> None:
        from sscodec.batch.done import is_decoded, whole_stream
        from sscodec.files import decode_file

        if not self.force and is_decoded(task.source, task.target, self.options):
            outcome.skipped = True
            stream = whole_stream(task.source)
            if stream is not None:  # else a chain, whose streams need not have one rate
                _measure(outcome, stream.seconds, stream.bytes, self.options["n_q"] or stream.header.n_q)
            return
        report = decode_file(
            task.source,
            task.target,
            loader=self.loader,
            force=self.force or is_file(task.target),
            progress=progress,
            **self.options,
        )
        _measure(outcome, report.seconds, Path(task.source).stat().st_size, report.n_q)
        outcome.denoise, outcome.damage = report.denoise, report.damage
        if report.error:
            outcome.error = f"{report.error}; what was whole before is in {task.target}"
            outcome.exit_code = report.exit_code
        elif report.damage:
            outcome.error = f"{task.source}: damaged, see `sscodec info`; what was whole is in {task.target}"
            outcome.exit_code = DamagedError.exit_code


def _measure(outcome: Outcome, seconds: float, size: int, n_q: int) -> None:
    outcome.seconds, outcome.bytes, outcome.n_q = seconds, size, n_q
    outcome.bitrate = size * 8 / seconds if seconds else 0.0
