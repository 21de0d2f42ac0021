"""Outputs that are whole or not there: written beside their place, moved into it when complete."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sscodec.errors import OutputError, UsageError


@contextmanager
def open_output(target: str | Path, source: str | Path = "-", force: bool = False) -> Iterator[BinaryIO]:
    """A binary file open for writing at `target`; "-" is standard output.

    A regular file appears under its name only when the block ends without an exception; nothing is left
    otherwise. Devices and named pipes are written to directly.

    source: the input, which the output must not replace ("-": none).
    force: replace an existing file.

    Raises OutputError where the file exists already, is the input, or cannot be written, and UsageError where
    standard output is a terminal.
    """
    if str(target) == "-":
        with _errors_of("standard output"):
            yield from _standard_output()
        return
    # The file behind a symbolic link is replaced, not the link.
    path = Path(os.path.realpath(target))
    _check_target(path, source, force)
    with _errors_of(str(target)):
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        # Names are limited in bytes, not in characters; 200 leave room for the rest.
        name = os.fsdecode(os.fsencode(path.name)[:200])
        part = path.with_name(f".{name}.{uuid.uuid4().hex[:8]}.part")
        try:
            with part.open("x+b") as file:
                yield file
                # A full disk may tell so only here, and a power cut must not leave a name without content.
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                part.chmod(stat.S_IMODE(path.stat().st_mode))
            part.replace(path)
        except BaseException:  # also KeyboardInterrupt and SystemExit: nothing half-written may stay
            with contextlib.suppress(OSError):
                part.unlink()
            raise


def check_output(target: str | Path, source: str | Path, force: bool) -> None:
    """Raise what `open_output` would raise at once: before the work, not after."""
    if str(target) != "-":
        _check_target(Path(os.path.realpath(target)), source, force)


def _check_target(path: Path, source: str | Path, force: bool) -> None:
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if not path.is_file():
        return
    if str(source) != "-" and Path(source).exists() and path.samefile(source):
        raise OutputError(f"{path}: is the input; choose another name for the output")
    if not force:
        raise OutputError(f"{path}: exists already; use --force to replace it")


def _standard_output() -> Iterator[BinaryIO]:
    if sys.stdout.isatty():
        raise UsageError("standard output is a terminal; redirect it, or name an output file")
    file = sys.stdout.buffer
    yield file
    file.flush()


@contextmanager
def _errors_of(name: str) -> Iterator[None]:
    """Turn what the system reports about the output into OutputError. Inputs turn theirs into InputError."""
    try:
        yield
    except BrokenPipeError:
        raise OutputError(f"{name}: whoever was reading it has closed it") from None
    except OSError as error:
        raise OutputError(f"{name}: cannot write ({error.strerror or error})") from None
