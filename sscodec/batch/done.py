"""Whether a file of a batch is done already: then it is passed over, and a batch that was stopped goes on.

An output that is there already is what the work would give, or nothing is lost by writing it again, or it is
kept: then OutputError says that only --force replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

from sscodec import models
from sscodec.container import Header, read_streams
from sscodec.denoise import TAG
from sscodec.errors import DamagedError, InputError, OutputError
from sscodec.files import decoded_size
from sscodec.pipes import input_name, is_file, open_input
from sscodec.storage import is_url, modified_ns, status
from sscodec.streams import make_header


@dataclass(frozen=True)
class WholeStream:
    """A file that is one undamaged stream."""

    header: Header
    seconds: float
    bytes: int


def whole_stream(path: str | Path | BinaryIO) -> WholeStream | None:
    """Every byte is read and checked; None where the file is damaged, cut short or a chain of streams.

    Raises InputError where it is no stream or cannot be read.
    """
    try:
        with ExitStack() as stack:
            file = open_input(path, stack)
            file.seek(0)
            streams = read_streams(file)
            stream = next(streams)
            for _ in stream:
                pass
            if stream.damage or stream.end is None or next(streams, None) is not None:
                return None
            seconds = stream.end.original_samples / stream.header.original_rate
            return WholeStream(stream.header, seconds, stream.bytes_read)
    except DamagedError:
        return None
    except OSError as error:
        raise InputError(f"{input_name(path)}: cannot read it ({error.strerror or error})") from None


def encoded(source: str, target: str, model: models.Model, options: Mapping[str, Any]) -> WholeStream | None:
    """The stream `target` where it is whole, and made with the options of `encode_file` and the model, or an
    earlier one whose streams it reads, for those have the same codes.

    None where it is to be written: it is not there, empty, damaged, cut short or older than the source. Its
    length must be the source's, lest two files of one name be taken for each other.

    Raises OutputError, InputError, UsageError and ModelError.
    """
    if not _is_there(target):
        return None
    try:
        stream = whole_stream(target)
    except InputError:
        raise OutputError(f"{target}: exists already and is no stream; remove it first") from None
    if stream is None:
        return None
    header = stream.header
    channels = 1 if options["mono"] else header.original_channels
    n_q = models.choose_n_q(model.config, channels, options["n_q"], options["kbps"])
    asked = make_header(
        model,
        channels,
        n_q,
        header.original_rate,
        header.original_channels,
        header.original_samples,
        options["packet_ms"],
        {key: value for key, value in header.tags.items() if key != TAG},
        options.get("denoise", False),
        options.get("entropy"),
        header.gain_db,  # which the sound decides
    )
    if model.reads(header.model_hash):
        asked = replace(asked, model_hash=header.model_hash)
    if header != asked:
        raise OutputError(
            f"{target}: exists already, with another model or other options ({_differences(header, asked)}); "
            "use --force to replace it"
        )
    if _is_older(target, source):
        return None
    if not _has_length(source, header):
        raise OutputError(f"{target}: exists already, made of another sound; use --force to replace it")
    return stream


def is_decoded(source: str | BinaryIO, target: str, options: Mapping[str, Any]) -> bool:
    """Whether `target` is sound of the rate, channels and length that `source` decodes to.

    False where it is not there, or empty: any other file could be the original.
    Raises OutputError, InputError, DamagedError and UsageError.
    """
    from sscodec.audio import AudioReader

    if not _is_there(target):
        return False
    rate, channels, samples = decoded_size(source, options["rate"])
    if samples is None:
        raise DamagedError(
            f"{input_name(source)}: damaged, see `sscodec info`; {target} exists already, "
            "use --force to decode again"
        )
    try:
        with AudioReader(target) as reader:
            fits = (reader.sample_rate, reader.channels, reader.frames) == (rate, channels, samples)
    except InputError:
        fits = False
    if not fits:
        raise OutputError(
            f"{target}: exists already and is not what the stream decodes to; use --force to replace it"
        )
    # A stream in memory has no age.
    if isinstance(source, str) and _is_older(target, source):
        raise OutputError(f"{target}: exists already, older than the stream; use --force to replace it")
    return True


def _has_length(source: str, header: Header) -> bool:
    """Whether a sound file is what a header says, as far as its own header tells. A pipe tells nothing."""
    from sscodec.audio import AudioReader

    if not is_file(source) and not is_url(source):
        return True
    with AudioReader(source) as reader:
        rate, channels = header.original_rate, header.original_channels
        if (reader.sample_rate, reader.source_channels) != (rate, channels):
            return False
        return header.original_samples in (None, reader.frames)


def _differences(header: Header, asked: Header) -> str:
    """What a header has, and what it was to have."""
    names = [field.name for field in fields(header) if field.name != "coder"]
    pairs = [(name, getattr(header, name), getattr(asked, name)) for name in [*names, "coder_name"]]
    return ", ".join(f"{name} {_text(a)}, not {_text(b)}" for name, a, b in pairs if a != b)


def _text(value: object) -> str:
    """Of hashes as much as tells them apart."""
    return value.hex()[:16] if isinstance(value, bytes) else str(value)


def _is_there(target: str) -> bool:
    found = status(target)
    return found is not None and found.size > 0


def _is_older(target: str, source: str) -> bool:
    """False where a storage does not tell the time."""
    ours, theirs = modified_ns(target), modified_ns(source)
    return ours is not None and theirs is not None and ours < theirs
