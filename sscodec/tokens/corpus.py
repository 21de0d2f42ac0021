"""Rows in the order of the plan, whatever order the workers give their streams in."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

from sscodec.batch import Outcome, Task
from sscodec.tokens.row import row_of_stream
from sscodec.tokens.shards import Shards
from sscodec.tokens.transcripts import Transcripts


class Corpus:
    """What is left to do of a plan, and where its rows go.

    A row goes into a shard when those before it have: so the files are the same for any number of workers.
    Until then its stream is in the journal, where it is found again after whatever stops the run.
    """

    def __init__(self, tasks: Sequence[Task], shards: Shards, transcripts: Transcripts | None) -> None:
        self._shards = shards
        self._transcripts = transcripts
        self._tasks = [task for task in tasks if task.target not in shards.done]
        self.skipped = len(tasks) - len(self._tasks)
        """Rows that a run before this one has made."""
        self._next = 0
        self._failed: set[str] = set()
        """Keys of rows that will not come, as long as others are waited for before them."""

    def waiting(self) -> Iterator[Task]:
        """The tasks for the workers. A row that is in the journal already needs none."""
        for task in self._tasks:
            if task.target not in self._shards.journal:
                yield task

    def __len__(self) -> int:
        """Of `waiting`."""
        return sum(task.target not in self._shards.journal for task in self._tasks)

    def begin(self) -> None:
        """Write the rows that are there at once. Raises OutputError."""
        self._advance()

    def take(self, outcome: Outcome) -> None:
        """What became of a task. Raises OutputError."""
        if outcome.error is not None:
            self._failed.add(outcome.output)
        else:
            assert outcome.stream is not None
            self._shards.journal.put(outcome.output, outcome.stream)
            outcome.stream = None
        self._advance()

    def _advance(self) -> None:
        while self._next < len(self._tasks):
            task = self._tasks[self._next]
            if task.target in self._shards.journal:
                row = row_of_stream(io.BytesIO(self._shards.journal.get(task.target)), task.target)
                if self._transcripts is not None:
                    row.columns = self._transcripts.of(task.target, task.source)
                self._shards.add(row)
            elif task.target in self._failed:
                self._failed.remove(task.target)
            else:
                return
            self._next += 1


def keyed(tasks: Iterable[Task], folder: str) -> list[Task]:
    """The same sources; the targets are keys: places below the folder that the plan was made for."""
    start = len(folder.rstrip("/")) + 1
    return [Task(task.source, task.target[start:]) for task in tasks]
