"""Which input becomes which output; settled before any work starts."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sscodec import ffmpeg
from sscodec.errors import UsageError
from sscodec.folders import files_in
from sscodec.storage import files_below, is_folder, is_url, join

SOUND_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aif", "aifc", "aiff", "au", "caf", "flac", "mp3", "oga", "ogg"),
        *("opus", "rf64", "snd", "w64", "wav", "wave"),
    )
)
"""What a folder is searched for. A file that is named is read whatever it is called."""


def sound_suffixes() -> frozenset[str]:
    """What a folder is searched for here: with ffmpeg, more."""
    return SOUND_SUFFIXES | ffmpeg.SUFFIXES if ffmpeg.is_installed() else SOUND_SUFFIXES


def left_out(names: Iterable[str], recursive: bool) -> Iterator[str]:
    """The files of folders that could be read if ffmpeg were installed."""
    if not ffmpeg.is_installed():
        for name in names:
            if is_folder(name) and not is_url(name):
                yield from files_in(name, ffmpeg.SUFFIXES, recursive)


@dataclass(frozen=True, slots=True)
class Task:
    """One file to be coded."""

    source: str
    target: str
    stream: bytes | None = None
    """What is to be decoded, where it lies in no file of its own: `source` is where it was found."""


def plan(
    names: Iterable[str],
    listed: Iterable[str],
    output_dir: str,
    *,
    wanted: frozenset[str],
    suffix: str,
    recursive: bool,
) -> list[Task]:
    """The tasks for files and folders, paths or URLs, in their order, each once.

    names: of files, which go into output_dir itself, and of folders, whose files keep their places below it.
    listed: names of files from a list, which keep the folders that they are named with.
    wanted: suffixes, in lower case, of the files that are taken from a folder. suffix: of every output.
    recursive: take folders with all that is below them.

    Whether a file exists is not looked at. Raises UsageError for names that cannot be, for two inputs with
    one output and for an output that is one of the inputs, InputError for a folder that cannot be read.
    """
    _real_folder.cache_clear()
    tasks: dict[int, Task] = {}
    """By the hash of the output's name without symbolic links, or the next that is free."""
    for source, place in itertools.chain(_from_names(names, wanted, recursive), _from_list(listed)):
        target = join(output_dir, os.path.splitext(place)[0] + suffix)  # noqa: PTH122
        number, earlier = _look_up(tasks, _real(target))
        # A file that is named twice, or beside its folder, is one task.
        if earlier is not None and _real(earlier.source) != _real(source):
            raise UsageError(
                f"{_real(earlier.source)} and {_real(source)} would both become {target}; "
                "name the folder that holds both, or code them into two folders"
            )
        tasks.setdefault(number, Task(source, target))
    for task in tasks.values():
        _, other = _look_up(tasks, _real(task.source))
        if other is not None:
            raise UsageError(
                f"{_real(task.source)} would be replaced by the output of {_real(other.source)}; "
                "choose another output folder"
            )
    return list(tasks.values())


def _look_up(tasks: Mapping[int, Task], real_target: str) -> tuple[int, Task | None]:
    """The task with an output, and where it is or belongs. Names are not kept: a million of them are many."""
    number = hash(real_target)
    while (task := tasks.get(number)) is not None and _real(task.target) != real_target:
        number += 1
    return number, task


def _real(name: str) -> str:
    """A name without symbolic links."""
    if is_url(name):
        return name
    folder, file = os.path.split(name)
    path = os.path.join(_real_folder(folder), file)  # noqa: PTH118
    return os.path.realpath(name) if file in ("", ".", "..") or os.path.islink(path) else path  # noqa: PTH114


@lru_cache(maxsize=10_000)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _from_names(names: Iterable[str], wanted: frozenset[str], recursive: bool) -> Iterator[tuple[str, str]]:
    """Pairs of a file and its place below the output folder."""
    for name in names:
        if name in ("", "-"):
            raise UsageError(f"{name!r} is no file; a batch reads files, and their names from --files-from")
        if is_url(name) and is_folder(name):
            for url, _ in files_below(name, recursive):
                place = url[len(name.rstrip("/")) + 1 :]
                hidden = any(part.startswith(".") for part in place.split("/"))
                if Path(place).suffix.lower() in wanted and not hidden:
                    yield url, place
        elif is_folder(name):
            for path in files_in(name, wanted, recursive):
                yield path, os.path.relpath(path, name)
        else:
            yield name, Path(name).name


def _from_list(listed: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in listed:
        if is_url(name):
            yield name, name.partition("://")[2].lstrip("/")
            continue
        place = os.path.normpath(name).lstrip("/")
        if place.split("/")[0] == os.pardir:
            raise UsageError(
                f"{name}: a listed name with '..' has no place in the output folder; "
                "start from the folder that holds the files"
            )
        # A file that is called "-" is no pipe; a folder fails when its turn comes, as what is missing does.
        yield os.path.join(".", name) if name == "-" else name, place  # noqa: PTH118
