"""The whole road: sound files to streams and back."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from sscodec import models
from sscodec.container import (
    MAX_RATE,
    CoderName,
    End,
    Header,
    StreamReader,
    add_damage,
    probable_end,
    scan,
)
from sscodec.denoise import Denoise, denoised_frames
from sscodec.errors import DamagedError, InputError, ModelError, SscodecError, UsageError
from sscodec.inputs import check_sound_input, check_stream_input
from sscodec.level import gain_of
from sscodec.live import MAX_CONCEALMENT_SECONDS, SoundDecoder, SoundEncoder
from sscodec.loader import Loader
from sscodec.pipes import input_name, is_file
from sscodec.replacing import check_sound_output, check_stream_output
from sscodec.storage import is_url
from sscodec.streams import (
    DEFAULT_PACKET_MS,
    PacketCoder,
    check_n_q,
    make_header,
    open_streams,
    packets_ahead,
)

if TYPE_CHECKING:
    from sscodec.audio import AudioReader, RawFormat

WARM_UP_SECONDS = 2.0
"""Decoded before a part: far more than any sample depends on, in the network and in the resampler."""
END_OF_TIME = 2**62
"""Number of a sample that no sound has."""
Progress = Callable[[float, "float | None"], None]
"""Called with the seconds of sound done, and with those in all where they are known."""


@dataclass
class EncodeReport:
    """What `encode_file` did."""

    input: str
    output: str
    model: str
    seconds: float
    """Of sound."""
    channels: int
    n_q: int
    nominal_kbps: float
    """Of all channels together, before entropy coding, without headers."""
    kbps: float
    """The whole stream's bytes over the seconds of sound; 0 without sound."""
    bytes: int
    elapsed_seconds: float
    """Without loading the model."""
    speed: float
    """Seconds of sound coded in a second."""
    denoise: bool
    """Whether noise was removed, at least in a part: False where the model was never trained to."""
    entropy: str
    """The coder of the codes: "raw", "static" or "context"."""
    missing_seconds: float
    """Of sound that the input's header announces and that is not there."""
    gain_db: int
    """By which quiet sound was raised before it was coded, or (below 0) sound beyond full scale was lowered;
    decoding takes it back."""


@dataclass
class DecodeReport:
    """What `decode_file` did."""

    input: str
    output: str
    model: str
    seconds: float
    channels: int
    sample_rate: int
    samples: int
    """Written, of each channel."""
    n_q: int
    """Of the first stream."""
    streams: int
    """More than 1 where streams are chained."""
    elapsed_seconds: float
    speed: float
    denoise: bool
    """Whether noise was removed here, at least in a part: False where the model was never trained to."""
    damage: list[str]
    """One line for every stretch that was lost, up to a thousand; in its place is concealment."""
    error: str | None = None
    """Why the end of the input could not be decoded at all; what came before is written."""
    exit_code: int = 0
    """That of the error."""


def encode_file(
    source: str | Path | BinaryIO,
    target: str | Path | BinaryIO,
    *,
    model: str | Path | None = None,
    n_q: int | None = None,
    kbps: float | None = None,
    mono: bool = False,
    raw: RawFormat | None = None,
    packet_ms: float = DEFAULT_PACKET_MS,
    tags: Mapping[str, str] | None = None,
    copy_tags: bool = True,
    denoise: Denoise | bool = False,
    entropy: CoderName | None = None,
    device: str = "cpu",
    threads: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
    loader: Loader | None = None,
) -> EncodeReport:
    """Encode a sound file (or "-", standard input) into a stream (or "-", standard output).

    Names may be URLs of fsspec, and either may be a binary file that is open.

    n_q, kbps: the rate, as in `models.choose_n_q`. mono: mix the channels down. raw: what the samples
    are, where the sound has no header. packet_ms: length of a packet, the unit that a loss takes away,
    and the delay of live sound. tags: text for the header. copy_tags: take title, artist and the like,
    and the layout of the channels from the input, where `tags` has no other. denoise: remove noise, in
    all of the sound (True) or in a part. entropy: the coder of the codes; None is "context" where the
    model has an entropy model, else "raw". model, device, threads: as in `Codec.load`. force: replace an
    existing stream. loader: takes the place of model, device and threads when many files are coded.
    target must end in .ssc, or be a pipe or a device.

    Quiet sound is made louder before it is encoded, and sound far beyond full scale softer, which decoding
    takes back; from a pipe the level is not known in advance, and stays.

    Raises InputError, OutputError, ModelError and UsageError; then no file is left behind.
    """
    from sscodec.audio import AudioReader, open_output

    check_sound_input(source)
    check_stream_output(target, source, force)
    loader = loader or Loader(model, device, threads)
    # Of a file that is open before, for it has one position for all its readers.
    gain = None if isinstance(source, (str, Path)) else _gain_of_file(source, mono, raw)
    with AudioReader(source, mono, raw) as reader:
        found = loader.named()
        channels, rate = reader.channels, found.config.sample_rate
        n_q = models.choose_n_q(found.config, channels, n_q, kbps)
        header = make_header(
            found,
            channels,
            n_q,
            reader.sample_rate,
            reader.source_channels,
            reader.frames,
            packet_ms,
            {**(reader.tags if copy_tags else {}), **(tags or {})},
            denoise,
            entropy,
            _gain_of_file(source, mono, raw) if gain is None else gain,
        )
        codec = loader.load(found)
        total = None if reader.frames is None else reader.frames / reader.sample_rate
        with open_output(target, source, force) as file:
            started = time.perf_counter()
            encoder = SoundEncoder(codec, file, header, denoise)
            for sound in _at_rate(reader, rate):
                encoder.push(sound.T)
                if progress:
                    progress(encoder.samples / rate, total)
            size = encoder.finish(reader.position)
            elapsed = time.perf_counter() - started
    seconds = reader.position / reader.sample_rate
    return EncodeReport(
        input=_name_of(source),
        output=_name_of(target),
        model=found.id,
        seconds=seconds,
        channels=channels,
        n_q=n_q,
        nominal_kbps=header.bitrate / 1000,
        kbps=size * 8 / seconds / 1000 if seconds else 0.0,
        bytes=size,
        elapsed_seconds=elapsed,
        speed=seconds / elapsed,
        denoise=header.denoise and codec.denoises,
        entropy=header.coder_name,
        missing_seconds=reader.missing / reader.sample_rate,
        gain_db=header.gain_db,
    )


def decode_file(
    source: str | Path | BinaryIO,
    target: str | Path | BinaryIO,
    *,
    model: str | Path | None = None,
    rate: int | str = "original",
    n_q: int | None = None,
    subtype: str | None = None,
    raw: str | None = None,
    format: str | None = None,
    copy_tags: bool = True,
    start: float | None = None,
    end: float | None = None,
    denoise: Denoise | bool = False,
    max_concealment: float = MAX_CONCEALMENT_SECONDS,
    device: str = "cpu",
    threads: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
    loader: Loader | None = None,
) -> DecodeReport:
    """Decode a stream (or "-", standard input) into a sound file (or "-", standard output, as WAV).

    Names may be URLs of fsspec, and either may be a binary file that is open. format: suffix that gives
    the format, such as "flac"; None takes that of `target`. start, end: seconds of the sound to write,
    the same samples as in all of it; None: from the first, to the last. Of the packets before the part
    only those of the last WARM_UP_SECONDS are decoded.

    model: None finds the installed model that the stream was made with. rate: "original", "model" or Hz.
    n_q: use the first codebooks only, of each stream at most so many. subtype: of samples, in
    libsndfile's words. copy_tags: write those that the format knows. raw: write samples without a header,
    as "s16le", "s24le", "s32le" or "f32le". denoise: remove noise, in all of the sound (True) or in a
    part of each stream, where the model does it when it decodes. max_concealment: seconds that may be
    made up in place of losses, in all. device, threads: as in `Codec.load`. force: replace an existing
    file, but no stream. loader: takes the place of model, device and threads when many files are decoded.
    warn: takes a line about an input that looks forged.

    What is damaged is concealed in the same length, and is told in the report, not raised.
    Chained streams are decoded one after the other, at the rate of the first. What cannot be decoded after
    some sound could (a loss beyond max_concealment, a stream of another model, of other channels or of a
    later version) ends the output there, and is the report's error.

    Raises InputError, DamagedError (the very header is damaged), OutputError, ModelError and UsageError;
    then no file is left behind.
    """
    from sscodec.audio import OPUS_RATE, choose_format, create_audio, suffix_of

    check_stream_input(source)
    check_sound_output(target, source, force)
    if raw is None:
        choose_format(target, subtype, format)
    elif subtype is not None:
        raise UsageError("raw names the sample format: give it or a subtype, not both")
    if rate == "original" and raw is None and suffix_of(target, format).lower() == ".opus":
        rate = OPUS_RATE
    loader = loader or Loader(model, device, threads)
    with ExitStack() as stack:
        file, streams = open_streams(source, stack)
        total = _scan_length(file, rate)
        first = next(streams)
        header = first.header
        check_n_q(header, n_q)
        out_rate = output_rate(header, rate)
        if not file.seekable() and header.original_samples is not None:
            total = _scale(header.original_samples, header.original_rate, out_rate)
        part = part_of(start, end, out_rate, total)
        codec = loader.for_stream(header)
        PacketCoder(header, codec.model)  # raises before anything is written
        denoised_frames(denoise, codec.config, "decoder", None if total is None else total / out_rate)
        whole, total = total, None if total is None else len(range(total)[part.start : part.stop])
        writer = stack.enter_context(
            create_audio(
                target,
                out_rate,
                header.channels,
                subtype,
                total,
                source,
                force,
                raw,
                format,
                header.tags if copy_tags else None,
            )
        )
        # No sample more than the scan has found, or a WAV header on a pipe has told.
        limit = total if file.seekable() or (str(target) == "-" and raw is None) else None
        _warn_of_expansion(file, whole, out_rate, warn)
        started = time.perf_counter()
        samples = streams_read = position = 0
        concealed = 0.0
        damage: list[str] = []
        failure: SscodecError | None = None
        chain = itertools.chain([first], streams)
        try:
            for streams_read, stream in enumerate(chain, 1):
                if streams_read > 1 and str(target) == "-" and limit is not None and not file.seekable():
                    raise InputError(
                        f"{source}: is a chain of streams, but the WAV header has told the length of the "
                        "first; from a pipe, decode a chain into a file"
                    )
                if stream.header.channels != header.channels:
                    raise DamagedError(
                        f"{source}: stream {streams_read} has {stream.header.channels} channels, the first "
                        f"{header.channels}; split the file and decode the streams on their own"
                    )
                if not codec.model.reads(stream.header.model_hash):
                    codec = loader.for_stream(stream.header)
                few = None if n_q is None else min(n_q, stream.header.n_q)
                decoder = SoundDecoder(codec, stream.header, few, denoise, max_concealment - concealed)
                blocks = decode_stream(
                    stream, packets_ahead(file), decoder, out_rate, damage, part.start - position
                )
                for block in blocks:
                    block, position = cut(block, position, part), position + len(block)
                    if limit is not None:
                        block = block[: limit - samples]
                    writer.write(block)
                    samples += len(block)
                    if progress:
                        progress(samples / out_rate, None if total is None else total / out_rate)
                    if position >= part.stop:
                        blocks.close()
                        break
                concealed += decoder.concealed / stream.header.frame_rate
                if position >= part.stop:
                    break
        except (DamagedError, ModelError) as error:
            if samples == 0:
                raise
            failure = error
        if part.start and not samples:
            raise UsageError(f"start is {part.start / out_rate:g} s, and the sound ends before")
        elapsed = time.perf_counter() - started
    seconds = samples / out_rate
    return DecodeReport(
        input=_name_of(source),
        output=_name_of(target),
        model=codec.model.id,
        seconds=seconds,
        channels=header.channels,
        sample_rate=out_rate,
        samples=samples,
        n_q=n_q or header.n_q,
        streams=streams_read,
        elapsed_seconds=elapsed,
        speed=seconds / elapsed,
        denoise=bool(denoise) and codec.denoises,
        damage=damage,
        error=None if failure is None else str(failure),
        exit_code=0 if failure is None else failure.exit_code,
    )


def decoded_size(source: str | Path | BinaryIO, rate: int | str = "original") -> tuple[int, int, int | None]:
    """Hz, channels, and samples of each channel that decoding a file gives; None where it is damaged.

    rate: as in `decode_file`. Payloads are not read. Raises InputError, DamagedError and UsageError.
    """
    with ExitStack() as stack:
        file, streams = open_streams(source, stack)
        header = next(streams).header
        file.seek(0)
        return output_rate(header, rate), header.channels, _scan_length(file, rate)


def _name_of(file: str | Path | BinaryIO) -> str:
    return str(file) if isinstance(file, (str, Path)) else input_name(file)


def part_of(start: float | None, end: float | None, rate: int, total: int | None = None) -> range:
    """Numbers of the samples from `start` to `end`, in seconds. Raises UsageError for what cannot be."""
    first = 0.0 if start is None else start
    if not 0 <= first < math.inf:
        raise UsageError(f"start must be 0 s or later, not {first:g}")
    if end is not None and not end > first:
        raise UsageError(f"end must be later than {first:g} s, where the part starts, not {end:g}")
    if total is not None and first and first * rate >= total:
        raise UsageError(f"start is {first:g} s, and the sound ends at {total / rate:.3f} s")
    last = END_OF_TIME if end is None or end * rate > END_OF_TIME else round(end * rate)
    return range(round(first * rate), max(last, round(first * rate) + 1))


def cut(block: np.ndarray, position: int, part: range) -> np.ndarray:
    """What of a block [frames, channels] that begins at sample `position` belongs to a part."""
    return block[max(0, part.start - position) : max(0, part.stop - position)]


def _gain_of_file(source: str | Path | BinaryIO, mono: bool, raw: RawFormat | None) -> int:
    """By how many dB to raise a sound file, or lower it (below 0); 0 for what can be read only once."""
    begin = None
    if not isinstance(source, (str, Path)):
        if not (hasattr(source, "seekable") and source.seekable()):
            return 0
        begin = source.tell()
    elif not is_file(source) and not is_url(source):
        return 0
    try:
        return _gain_of(source, mono, raw)
    finally:
        if begin is not None:
            # From the end: a buffer knows nothing of what libsndfile has read.
            cast(BinaryIO, source).seek(0, os.SEEK_END)
            cast(BinaryIO, source).seek(begin)


def _gain_of(source: str | Path | BinaryIO, mono: bool, raw: RawFormat | None) -> int:
    from sscodec.audio import AudioReader

    with AudioReader(source, mono, raw) as reader:
        return gain_of((float(np.abs(block).max()) for block in reader.blocks()), reader.unbounded)


def _at_rate(reader: AudioReader, rate: int) -> Iterator[np.ndarray]:
    """The reader's blocks at another sample rate, [frames, channels]."""
    from sscodec.audio import Resampler

    resampler = Resampler(reader.sample_rate, rate, reader.channels)
    for block in reader.blocks():
        yield resampler.push(block)
    yield resampler.flush()


def decode_stream(
    stream: StreamReader,
    ahead: int,
    decoder: SoundDecoder,
    out_rate: int,
    damage: list[str],
    start: int = 0,
) -> Generator[np.ndarray, None, None]:
    """Blocks [frames, channels] at out_rate, cut to the length that the stream says.

    start: the first sample that is wanted; what is long before it is silence, and is not decoded.

    Where it raises DamagedError, all that came before has been given.
    """
    from sscodec.audio import Resampler, Trimmer

    header = stream.header
    resampler = Resampler(header.sample_rate, out_rate, header.channels)
    # Padding of the last frame is all that has to be cut off.
    trimmer = Trimmer(header.channels, hold=header.hop * out_rate // header.sample_rate + 2)
    samples, failure = 0, None
    # What recurs, such as an LSTM, depends on all that was before.
    begin = 0 if decoder.recurs else math.floor((start / out_rate - WARM_UP_SECONDS) * header.frame_rate)
    try:
        for sound in decoder.decode(stream, ahead, begin):
            samples += sound.shape[1]
            yield trimmer.push(resampler.push(sound.T))
    except DamagedError as error:
        failure = error
    except GeneratorExit:  # no more is wanted
        add_damage(damage, decoder.damage)
        add_damage(damage, stream.damage)
        raise
    sound = decoder.flush()
    samples += sound.shape[1]
    yield trimmer.push(resampler.push(sound.T))
    yield trimmer.push(resampler.flush())
    end = probable_end(header, samples // header.hop) if failure or stream.end is None else stream.end
    yield trimmer.finish(_length(header, end, out_rate))
    add_damage(damage, decoder.damage)
    add_damage(damage, stream.damage)
    if failure:
        raise failure


def _warn_of_expansion(
    file: BinaryIO, total: int | None, rate: int, warn: Callable[[str], None] | None
) -> None:
    """Say so where a file announces more seconds than it has bytes: not even silence is so small."""
    if warn is None or total is None or not file.seekable():
        return
    place = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(place)
    if total > size * rate:
        warn(f"{size} bytes hold {total / rate:.0f} s, more than a second a byte: a forged stream?")


def output_rate(header: Header, rate: int | str) -> int:
    """Hz of what is decoded at a rate of `decode_file`. Raises UsageError."""
    if rate in ("original", "model"):
        return header.original_rate if rate == "original" else header.sample_rate
    if isinstance(rate, str) or not 1 <= rate <= MAX_RATE:
        raise UsageError(f"rate must be original, model or 1 to {MAX_RATE} Hz, not {rate}")
    return rate


def _length(header: Header, end: End, out_rate: int) -> int:
    """Samples of a channel at out_rate that a whole stream decodes to."""
    if out_rate == header.original_rate:
        return end.original_samples
    if out_rate == header.sample_rate:
        return end.samples
    return _scale(end.original_samples, header.original_rate, out_rate)


def _scale(samples: int, in_rate: int, out_rate: int) -> int:
    """The same time at another rate, rounded half up."""
    return (2 * samples * out_rate + in_rate) // (2 * in_rate)


def _scan_length(file: BinaryIO, rate: int | str) -> int | None:
    """Samples of a channel that all streams of a file decode to; None for a pipe and for damage."""
    if not file.seekable():
        return None
    start = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(start)
    length, out_rate = 0, None
    try:
        while file.tell() < size:
            index = scan(file)
            if index.end is None:
                return None
            out_rate = out_rate or output_rate(index.header, rate)
            length += _length(index.header, index.end, out_rate)
            file.seek(index.stop)
        return length
    except (InputError, DamagedError):
        return None
    finally:
        file.seek(start)
