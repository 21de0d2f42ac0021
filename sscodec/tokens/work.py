"""What a worker does with one file: its codes, as a stream of raw codes in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sscodec.batch import Outcome, Task
from sscodec.batch.work import told
from sscodec.denoise import denoised_frames
from sscodec.storage import absolute
from sscodec.tokens.spec import Spec, is_stream

if TYPE_CHECKING:
    from sscodec.files import Progress
    from sscodec.loader import Loader


@dataclass
class TokenWork:
    """For any number of sounds and streams; can be sent to a process.

    spec: what rows must be. model, device, threads: as in `Codec.load`. options: further ones of
    `encode_file`. The outcome of a sound is the stream that `encode_file` makes of it; a task's target is
    the key of its row.
    """

    spec: Spec
    model: str | None = None
    device: str = "cpu"
    threads: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def loader(self) -> Loader:
        """One for all files of a process: weights are read once."""
        from sscodec.loader import Loader

        return Loader(self.model, self.device, self.threads)

    def prepare(self) -> None:
        """Raise what would go wrong with every sound, as far as it can be told without loading the network.

        Raises ModelError and UsageError.
        """
        if self.options["denoise"]:
            denoised_frames(self.options["denoise"], self.loader.named().config, "encoder")

    def located(self, task: Task) -> Task:
        """As of `Job`."""
        return replace(task, source=absolute(task.source))

    def run(self, task: Task, progress: Progress) -> Outcome:
        """What goes wrong is told, not raised: the next file is not to suffer from it."""
        outcome = Outcome(task.source, task.target)
        with told(outcome, task):
            if is_stream(task.source):
                self._take(task, outcome)
            else:
                self._encode(task, outcome, progress)
        return outcome

    def _take(self, task: Task, outcome: Outcome) -> None:
        from sscodec.tokens.row import row_of_stream, stream_of

        row = row_of_stream(task.source, task.target, self.spec.n_q)
        self.spec.check(row)
        outcome.stream = stream_of(row)
        outcome.seconds, outcome.n_q = row.seconds, row.n_q

    def _encode(self, task: Task, outcome: Outcome, progress: Progress) -> None:
        from sscodec.files import encode_file

        file = io.BytesIO()
        report = encode_file(
            task.source,
            file,
            n_q=self.spec.n_q,
            entropy="raw",
            loader=self.loader,
            progress=progress,
            **self.options,
        )
        outcome.stream = file.getvalue()
        outcome.seconds, outcome.n_q, outcome.denoise = report.seconds, report.n_q, report.denoise
        outcome.missing_seconds = report.missing_seconds
