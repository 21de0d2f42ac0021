"""Saving what is whole of a damaged stream, without a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sscodec.container import Packet, StreamReader, StreamWriter, add_damage, probable_end
from sscodec.errors import DamagedError


@dataclass
class RepairReport:
    """What `repair_file` did."""

    input: str = ""
    output: str = ""
    streams: int = 0
    packets: int = 0
    """Kept, bit by bit."""
    seconds: float = 0.0
    """Of sound in them."""
    lost_seconds: float = 0.0
    """Known to be missing before and between them; what a truncated stream would have held is not known."""
    bytes: int = 0
    damage: list[str] = field(default_factory=list)
    """A line for every stretch that was damaged; the first MAX_DAMAGE_LINES of them."""
    error: str | None = None
    """Why streams at the end of a chain could not be read at all; those before them are kept."""


def repair_file(source: str | Path, target: str | Path, force: bool = False) -> RepairReport:
    """Write what is whole in the streams of a file ("-": standard input) to another ("-": standard output).

    Raises InputError, DamagedError (no header is left) and OutputError; then no file is left behind.
    """
    from sscodec.audio.output import open_output
    from sscodec.inputs import check_stream_input
    from sscodec.replacing import check_stream_output
    from sscodec.streams import open_streams

    check_stream_input(source)
    check_stream_output(target, source, force)
    with ExitStack() as stack:
        _, streams = open_streams(source, stack)
        with open_output(target, source, force) as output:
            report = repair_streams(streams, output)
    report.input, report.output = str(source), str(target)
    return report


def repair_streams(streams: Iterable[StreamReader], target: BinaryIO) -> RepairReport:
    """As `repair_file`, into a file. What is not damaged stays byte for byte the same.

    Packets keep their numbers, so that what lies between them stays lost in its own time. Garbage is dropped,
    and every stream gets its header, the copy of it and an end marker.
    """
    report = RepairReport()
    streams = iter(streams)
    while stream := _next_stream(streams, report):
        writer = StreamWriter(target, stream.header)
        frames = lost = 0
        for item in stream:
            if isinstance(item, Packet):
                writer.skip_to(item.sequence)
                writer.write(item.payload, item.frames, item.fallback)
                report.packets += 1
                frames += item.frames
            else:
                lost += item.frames or 0
        end = stream.end or probable_end(stream.header, writer.frames)
        report.bytes += writer.finish(end.samples, end.original_samples, end.frames)
        report.streams += 1
        report.seconds += stream.seconds_of(frames)
        report.lost_seconds += stream.seconds_of(frames + lost) - stream.seconds_of(frames)
        add_damage(report.damage, stream.damage)
    return report


def _next_stream(streams: Iterator[StreamReader], report: RepairReport) -> StreamReader | None:
    """None at the end, and where what follows in a chain cannot be read: the report then says why."""
    try:
        return next(streams, None)
    except DamagedError as error:
        if not report.streams:
            raise
        report.error = str(error)
        return None
