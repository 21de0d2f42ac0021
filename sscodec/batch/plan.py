"""Which input becomes which output; settled before any work starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sscodec.errors import InputError, UsageError

SOUND_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aif", "aifc", "aiff", "au", "caf", "flac", "mp3", "oga", "ogg"),
        *("opus", "rf64", "snd", "w64", "wav", "wave"),
    )
)
"""What a folder is searched for. A file that is named is read whatever it is called."""
STREAM_SUFFIXES = frozenset([".ssc"])


@dataclass(frozen=True)
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
    """The tasks for files and folders, in their order, each once.

    names: of files, which go into output_dir itself, and of folders, whose files keep their places below it.
    listed: names of files from a list, which keep the folders that they are named with.
    wanted: suffixes, in lower case, of the files that are taken from a folder. suffix: of every output.
    recursive: take folders with all that is below them.

    Whether a file exists is not looked at. Raises UsageError for names that cannot be, for two inputs with
    one output and for an output that is one of the inputs, InputError for a folder that cannot be read.
    """
    found = [*_from_names(names, wanted, recursive), *_from_list(listed)]
    sources: dict[str, str] = {}
    """Of each output, the input that becomes it; both without symbolic links."""
    tasks: dict[str, Task] = {}
    for source, place in found:
        target = os.path.join(output_dir, os.path.splitext(place)[0] + suffix)  # noqa: PTH118, PTH122
        real_target, real_source = os.path.realpath(target), os.path.realpath(source)
        earlier = sources.setdefault(real_target, real_source)
        if earlier != real_source:
            raise UsageError(
                f"{earlier} and {real_source} would both become {target}; "
                "name the folder that holds both, or code them into two folders"
            )
        # A file that is named twice, or beside its folder, is one task.
        tasks.setdefault(real_target, Task(source, target))
    for real_source in sources.values():
        if real_source in sources:
            raise UsageError(
                f"{real_source} would be replaced by the output of {sources[real_source]}; "
                "choose another output folder"
            )
    return list(tasks.values())


def _from_names(names: Iterable[str], wanted: frozenset[str], recursive: bool) -> Iterator[tuple[str, str]]:
    """Pairs of a file and its place below the output folder."""
    for name in names:
        if name in ("", "-"):
            raise UsageError(f"{name!r} is no file; a batch reads files, and their names from --files-from")
        if Path(name).is_dir():
            for path in _files_below(name, wanted, recursive):
                yield path, os.path.relpath(path, name)
        else:
            yield name, Path(name).name


def _from_list(listed: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in listed:
        if Path(name).is_dir():
            raise UsageError(f"{name}: is a folder; a list holds files")
        place = os.path.normpath(name).lstrip("/")
        if Path(place).parts[0] == os.pardir:
            raise UsageError(
                f"{name}: a listed name with '..' has no place in the output folder; "
                "start from the folder that holds the files"
            )
        yield name, place


def _files_below(folder: str, wanted: frozenset[str], recursive: bool) -> Iterator[str]:
    """Sorted, so that a batch takes the same order everywhere; hidden files and folders are passed over."""

    def unreadable(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot read the folder ({error.strerror})") from None

    for path, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(files):
            if Path(name).suffix.lower() in wanted and not name.startswith("."):
                yield str(Path(path, name))
