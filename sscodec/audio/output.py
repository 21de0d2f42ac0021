"""Outputs that are whole or not there: written beside their place, moved into it when complete."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sscodec import storage
from sscodec.errors import OutputError
from sscodec.pipes import input_name, is_file, is_folder, is_special, is_there, same_file, standard_output


@contextmanager
def open_output(
    target: str | Path | BinaryIO, source: str | Path | BinaryIO = "-", force: bool = False
) -> Iterator[BinaryIO]:
    """A binary file open for writing at `target`; "-" is standard output, and what is open stays open.

    A regular file appears under its name only when the block ends without an exception; nothing is left
    otherwise. Where a file of that name has come meanwhile, it stays, and so does the output, beside it: the
    error tells its name. Devices and named pipes are written to directly.

    source: the input, which the output must not replace ("-": standard input).
    force: replace an existing file.

    Raises OutputError where the file exists already, is the input, or cannot be written, and UsageError where
    standard output is a terminal.
    """
    check_output(target, source, force)
    if not isinstance(target, (str, Path)):
        with _errors_of(input_name(target)):
            yield target
        return
    if storage.is_url(target):
        with storage.create(str(target), force) as file:
            yield file
        return
    if str(target) == "-":
        with _errors_of("standard output"):
            standard = standard_output()
            yield standard
            standard.flush()
        return
    with _errors_of(str(target)):
        if is_special(target):
            with Path(target).open("wb") as file:
                yield file
            return
        # The file behind a symbolic link is replaced, not the link.
        path = Path(os.path.realpath(target))
        part = part_of(path)
        try:
            with open(part, "x+b", opener=_opener_like(path)) as file:
                yield file
                # A full disk may tell so only here, and a power cut must not leave a name without content.
                file.flush()
                os.fsync(file.fileno())
        except BaseException:  # also KeyboardInterrupt and SystemExit: nothing half-written may stay
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        _move(part, path, force)


def name_parts(token: str | None) -> None:
    """Let the parts of this process have names that whoever gave it the token can tell, with `part_of`."""
    global _token
    _token = token


_token: str | None = None


def part_of(target: str | Path, token: str | None = None) -> Path:
    """What an output is called until it is complete; token: of `name_parts`, or else chosen at random."""
    path = Path(os.path.realpath(target))
    # Names are limited in bytes, not in characters; 200 leave room for the rest.
    name = os.fsdecode(os.fsencode(path.name)[:200])
    return path.with_name(f".{name}.{token or _token or uuid.uuid4().hex[:8]}.part")


def _opener_like(path: Path) -> Callable[[str, int], int]:
    """Makes a file that nobody may read who may not read the one that it will replace."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666
    return lambda name, flags: os.open(name, flags, mode)


def check_output(target: str | Path | BinaryIO, source: str | Path | BinaryIO, force: bool) -> None:
    """Raise what `open_output` would raise at once: before the work, not after."""
    if not isinstance(target, (str, Path)):
        return
    if storage.is_url(target):
        if str(target) == str(source):
            raise OutputError(f"{target}: is the input; choose another output")
        if not force and storage.status(str(target)) is not None:
            raise OutputError(f"{target}: exists already; use --force to replace it")
        return
    if same_file(target, source):
        name = "standard output" if str(target) == "-" else target
        raise OutputError(f"{name}: is the input; choose another output")
    if str(target) == "-" or is_special(target):
        return
    path = Path(os.path.realpath(target))
    if is_folder(path):
        raise OutputError(f"{path}: is a folder; name a file")
    try:
        there = stat.S_ISDIR(path.parent.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        there = False
    except OSError as error:  # it is in a closed folder, perhaps, and may well exist
        raise OutputError(f"{path}: cannot write ({error.strerror})") from None
    if not there:
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if is_file(path) and not force:
        raise OutputError(f"{path}: exists already; use --force to replace it")


def _move(part: Path, path: Path, force: bool) -> None:
    """Give what is complete its name. Hours of work may lie in it: where that fails, it stays beside."""
    try:
        if force:
            if path.exists():
                part.chmod(stat.S_IMODE(path.stat().st_mode))
            part.replace(path)
            return
        try:
            os.link(part, path)  # which, unlike a rename, replaces nothing
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError(errno.EEXIST, "somebody has made a file of that name") from None
            part.replace(path)
        else:
            part.unlink()
    except OSError as error:
        left = f"is whole, in {part}" if is_there(part) else "has been removed by another program"
        raise OutputError(
            f"{path}: cannot get its name ({error.strerror or error}); the output {left}"
        ) from None


@contextmanager
def _errors_of(name: str) -> Iterator[None]:
    """Turn what the system reports about the output into OutputError. Inputs turn theirs into InputError."""
    try:
        yield
    except BrokenPipeError:
        raise OutputError(f"{name}: whoever was reading it has closed it") from None
    except OSError as error:
        raise OutputError(f"{name}: cannot write ({error.strerror or error})") from None
