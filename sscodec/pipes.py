"""Standard input and output as files of bytes. A process may have been started without them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TextIO

from sscodec.errors import UsageError
from sscodec.storage import open_read


def standard_input() -> BinaryIO:
    """Raises OSError where it is closed."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Raises OSError where it is closed, UsageError where it is a terminal."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    if sys.stdout.isatty():
        raise UsageError("standard output is a terminal; redirect it, or name an output file")
    return sys.stdout.buffer


def input_name(source: str | Path | BinaryIO) -> str:
    """What messages call an input."""
    if not isinstance(source, (str, Path)):
        return str(getattr(source, "name", "a stream in memory"))
    return "standard input" if str(source) == "-" else str(source)


def open_input(source: str | Path | BinaryIO, stack: ExitStack) -> BinaryIO:
    """A file or URL, which `stack` closes, standard input ("-"), or a file that is open. Raises OSError."""
    if not isinstance(source, (str, Path)):
        return source
    return standard_input() if str(source) == "-" else stack.enter_context(open_read(str(source)))


def flush_output() -> None:
    """Write what is still held for standard output, if there is one. Raises OSError."""
    if sys.stdout is not None:
        sys.stdout.flush()


def is_there(name: str | Path) -> bool:
    """Whether something has that name. As those below: False where that cannot be told, because the name is
    too long or a folder closed. Whoever opens it is told why; `Path`'s own questions raise OSError."""
    return os.path.exists(name)  # noqa: PTH110


def is_file(name: str | Path) -> bool:
    return os.path.isfile(name)  # noqa: PTH113


def is_folder(name: str | Path) -> bool:
    return os.path.isdir(name)  # noqa: PTH112


def is_special(name: str | Path) -> bool:
    """Whether something is there that is neither a file nor a folder: a device, or a pipe that has a name."""
    return is_there(name) and not is_file(name) and not is_folder(name)


def same_file(target: str | Path, source: str | Path | BinaryIO) -> bool:
    """Whether output and input are one file, by whatever names ("-": standard output, standard input)."""
    if not isinstance(source, (str, Path)):
        return False
    try:
        ours, theirs = _status(target, sys.stdout), _status(source, sys.stdin)
    except OSError:
        return False
    return stat.S_ISREG(ours.st_mode) and os.path.samestat(ours, theirs)


def _status(name: str | Path, standard: TextIO | None) -> os.stat_result:
    if str(name) != "-":
        return Path(name).stat()
    if standard is None:  # another file may have taken its number
        raise OSError(errno.EBADF, "it is closed")
    return os.fstat(standard.fileno())
