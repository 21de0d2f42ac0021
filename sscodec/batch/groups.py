"""Tasks in groups of about as many seconds of sound: what a cluster's scheduler hears of a million files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from sscodec import storage
from sscodec.batch.plan import Task
from sscodec.errors import SscodecError

GROUP_SECONDS = 60.0
"""Of sound. A core codes it in a few seconds; a scheduler has some milliseconds of work with it."""
GROUP_FILES = 500
GROUP_BYTES = 4 << 20
"""Of streams that go with their tasks."""
_BYTES_A_SECOND = {
    ".ssc": 750,
    ".mp3": 16_000,
    ".ogg": 16_000,
    ".oga": 16_000,
    ".opus": 8_000,
    ".flac": 30_000,
}
_OTHERS_A_SECOND = 48_000
"""Sixteen bits at 24 kHz. Guesses are enough: groups need only be neither tiny nor endless."""


def groups(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """The tasks in their order. Sizes of files alone are looked at: to open a million takes too long."""
    group: list[Task] = []
    seconds, size = 0.0, 0
    for task in tasks:
        group.append(task)
        seconds += _seconds(task)
        size += len(task.stream or b"")
        if seconds >= GROUP_SECONDS or len(group) >= GROUP_FILES or size >= GROUP_BYTES:
            yield group
            group, seconds, size = [], 0.0, 0
    if group:
        yield group


def _seconds(task: Task) -> float:
    if task.stream is not None:
        return len(task.stream) / _BYTES_A_SECOND[".ssc"]
    try:
        found = storage.status(task.source)
    except SscodecError:  # which its worker will tell
        return 0.0
    rate = _BYTES_A_SECOND.get(PurePosixPath(task.source).suffix.lower(), _OTHERS_A_SECOND)
    return found.size / rate if found else 0.0
