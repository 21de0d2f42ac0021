"""Write sound to a file in any format of libsndfile, or to a pipe as WAV."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import soundfile

from sscodec.audio import wav
from sscodec.audio.output import open_output
from sscodec.audio.raw import RawWriter, subtype_of
from sscodec.audio.tags import LAYOUT, SOUNDFILE_NAMES, info_chunk, mask_of
from sscodec.errors import OutputError, UsageError
from sscodec.pipes import input_name, is_special
from sscodec.storage import is_url

EXTENSION_ALIASES = {"AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG", "SND": "AU"}
OPUS_RATE = 48_000
"""Hz; Opus has it and fractions of it, and is decoded at it."""
NAMED_ONLY = {"SD2"}
"""Formats that need the name of a file, not a descriptor."""
PCM_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
UNCLIPPED = ("FLOAT", "DOUBLE")


class AudioWriter(Protocol):
    """Takes float32 [frames, channels] blocks; full scale is 1.0, and only float subtypes hold more."""

    def write(self, block: np.ndarray) -> None: ...

    def close(self) -> None: ...


def choose_format(
    target: str | Path | BinaryIO, subtype: str | None, suffix: str | None = None
) -> tuple[str, str]:
    """libsndfile's names of the format, by the extension of `target`, and of the subtype.

    suffix: takes the place of the extension. "-", devices and pipes without an extension, and files that are
    open take WAV. Raises UsageError for an extension or a subtype that
    cannot be written.
    """
    extension = suffix_of(target, suffix)[1:].upper()
    format_ = EXTENSION_ALIASES.get(extension, extension)
    formats = sorted(soundfile.available_formats().keys() - NAMED_ONLY)
    if format_ not in formats:
        known = ", ".join(f".{name.lower()}" for name in formats)
        raise UsageError(
            f"{target}: .{extension.lower()} is no format that can be written; known are {known}"
        )
    if subtype is None and extension == "OPUS":
        return format_, "OPUS"
    if subtype is None:
        has_pcm_16 = soundfile.check_format(format_, "PCM_16")
        return format_, "PCM_16" if has_pcm_16 else soundfile.default_subtype(format_)
    subtype = subtype.upper()
    subtypes = wav.WRITABLE_SUBTYPES if str(target) == "-" else soundfile.available_subtypes(format_)
    if subtype not in subtypes:
        raise UsageError(
            f"{target}: {format_} cannot hold {subtype} here; choose one of {', '.join(subtypes)}"
        )
    return format_, subtype


def suffix_of(target: str | Path | BinaryIO, suffix: str | None = None) -> str:
    """What gives the format of an output, such as ".wav"."""
    if suffix is not None:
        return "." + suffix.removeprefix(".")
    if not isinstance(target, (str, Path)) or str(target) == "-":
        return ".wav"
    return Path(target).suffix or (".wav" if is_special(target) else "")


@contextmanager
def create_audio(
    target: str | Path | BinaryIO,
    sample_rate: int,
    channels: int,
    subtype: str | None = None,
    frames: int | None = None,
    source: str | Path | BinaryIO = "-",
    force: bool = False,
    raw: str | None = None,
    suffix: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[AudioWriter]:
    """A writer for the file `target`, whose extension gives the format; "-" is standard output, as WAV.

    subtype: libsndfile's name of the sample format; None is PCM_16 where the format has it.
    frames: samples of each channel to come, where known: a pipe then gets an exact header, and a WAV file
        beyond 4 GB becomes RF64.
    source, force: as in `open_output`, which makes the file appear only when it is complete.
    raw: an encoding of `raw.SUBTYPES`: samples without a header, whatever the extension.
    suffix: as of `choose_format`. tags: those of `tags.INFO_NAMES`, and the layout, are written where the
        format holds them.

    Raises UsageError and OutputError.
    """
    if raw is not None:
        subtype_of(raw)
        with open_output(target, source, force) as file:
            yield RawWriter(file, raw)
        return
    format_, subtype = choose_format(target, subtype, suffix)
    with open_output(target, source, force) as file:
        if format_ == "WAV" and subtype in wav.WRITABLE_SUBTYPES:
            patchable = isinstance(target, (str, Path)) and str(target) != "-" and file.seekable()
            writer: AudioWriter = WavWriter(file, sample_rate, channels, subtype, frames, patchable, tags)
        elif is_url(target) or not _has_descriptor(file):
            # libsndfile writes to descriptors, and goes back in what it has written, which uploads cannot.
            with tempfile.TemporaryFile() as spool:
                writer = _SoundfileWriter(
                    spool, input_name(target), sample_rate, channels, format_, subtype, tags
                )
                try:
                    yield writer
                finally:
                    writer.close()
                spool.seek(0)
                shutil.copyfileobj(spool, file)
            return
        else:
            writer = _SoundfileWriter(file, input_name(target), sample_rate, channels, format_, subtype, tags)
        try:
            yield writer
        finally:
            writer.close()


def _has_descriptor(file: BinaryIO) -> bool:
    try:
        file.fileno()
    except (AttributeError, OSError):
        return False
    return True


class WavWriter:
    """WAV into any binary file.

    patchable: seek back and correct the header where the length turns out to be another than announced.
    """

    def __init__(
        self,
        file: BinaryIO,
        sample_rate: int,
        channels: int,
        subtype: str,
        frames: int | None,
        patchable: bool,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._file = file
        self._patchable = patchable
        self._announced = frames
        self._written = 0
        self._format = (sample_rate, channels, subtype)
        tags = tags or {}
        self._extra: dict[str, Any] = {"mask": mask_of(tags.get(LAYOUT), channels), "info": info_chunk(tags)}
        header = wav.header(*self._format, frames, **self._extra)
        self._is_long = header.startswith(b"RF64")
        self._header_bytes = len(header)
        file.write(header)

    def write(self, block: np.ndarray) -> None:
        self._file.write(wav.encode_samples(block, self._format[2]))
        if not self._patchable:
            self._file.flush()  # somebody may be listening at the other end of a pipe
        self._written += len(block)

    def close(self) -> None:
        _, channels, subtype = self._format
        if self._written * channels * wav.WRITABLE_SUBTYPES[subtype] // 8 % 2:
            self._file.write(b"\0")  # chunks have an even length
        if self._written == self._announced or not self._patchable:
            return
        header = wav.header(*self._format, self._written, self._is_long, **self._extra)
        if len(header) != self._header_bytes:
            # It has grown beyond 4 GB, and RF64 needs a longer header: let readers take the rest of the file.
            header = wav.header(*self._format, None, **self._extra)
        self._file.seek(0)
        self._file.write(header)


class _SoundfileWriter:
    """All formats but WAV, through libsndfile."""

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        sample_rate: int,
        channels: int,
        format_: str,
        subtype: str,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._subtype = subtype
        try:
            self._file = soundfile.SoundFile(
                os.dup(file.fileno()), "w", sample_rate, channels, subtype, format=format_
            )
        except (soundfile.SoundFileError, ValueError) as error:
            raise OutputError(
                f"{name}: {format_} {subtype} cannot hold {channels} channels at {sample_rate} Hz "
                f"({_system_words(error)}); choose another format or --rate"
            ) from None

        for tag, attribute in SOUNDFILE_NAMES.items():
            if tags and tags.get(tag):
                with contextlib.suppress(soundfile.SoundFileError):  # a format without tags
                    setattr(self._file, attribute, tags[tag])

    def write(self, block: np.ndarray) -> None:
        if self._subtype in PCM_BITS:
            # libsndfile rounds float samples towards minus infinity, and takes the upper bits of int32 as is.
            bits = PCM_BITS[self._subtype]
            block = wav.quantise(block, bits) << (32 - bits)
        elif self._subtype not in UNCLIPPED:
            block = np.clip(block, -1, 1)
        try:
            self._file.write(block)
        except (soundfile.SoundFileError, AssertionError) as error:
            raise self._failure(error) from None

    def close(self) -> None:
        try:
            self._file.close()
        except soundfile.SoundFileError as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> OutputError:
        return OutputError(f"{self._name}: cannot write ({_system_words(error)}); is the disk full?")


def _system_words(error: Exception) -> str:
    return getattr(error, "error_string", "").strip().rstrip(".") or str(error) or "system error"
