"""`sscodec info`: what is in a stream, and whether it is whole. Needs no model."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from sscodec.cli.options import note, print_json, printable
from sscodec.errors import DamagedError, SscodecError

if TYPE_CHECKING:
    from sscodec.container import StreamReader


@dataclass
class StreamInfo:
    """One stream of a file. Seconds and kbps are of what arrived whole."""

    file: str
    stream: int
    """1 for the first of a chain."""
    model: str
    model_hash: str
    sample_rate: int
    hop: int
    channels: int
    n_q: int
    codebook_size: int
    coder: str
    packet_frames: int
    original_rate: int
    original_channels: int
    original_samples: int | None
    denoise: bool
    tags: dict[str, str]
    seconds: float
    frames: int
    packets: int
    bytes: int
    kbps: float
    """All bytes of the stream over its seconds."""
    nominal_kbps: float
    """Of the raw codes."""
    overhead_bytes: int
    """All that is not codes: header, packet heads, checksums, end marker."""
    overhead_percent: float
    complete: bool
    damage: list[str]


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print a list with an object for each stream as JSON.")
def info(files: tuple[str, ...], as_json: bool) -> None:
    """Show what is in the streams FILE... and whether they are whole (exit code 4 if not)."""
    found: list[StreamInfo] = []
    failures: list[SscodecError] = []
    for name in files:
        try:
            streams = inspect_file(name)
        except SscodecError as error:
            failures.append(type(error)(f"{name}: {error}"))
            continue
        found += streams
        if any(stream.damage for stream in streams):
            failures.append(DamagedError(f"{name}: damaged; `sscodec decode` saves what is whole"))
    if as_json:
        print_json([vars(stream) for stream in found])
    else:
        for stream in found:
            click.echo(describe(stream))
    for failure in failures:
        note(str(failure))
    if failures:
        click.get_current_context().exit(failures[0].exit_code)


def inspect_file(name: str) -> list[StreamInfo]:
    """All streams of a file, or of standard input ("-"). Raises InputError and DamagedError."""
    from sscodec.container import read_streams
    from sscodec.streams import open_bytes

    with ExitStack() as stack:
        streams = read_streams(open_bytes(name, stack))
        return [_inspect(name, number, stream) for number, stream in enumerate(streams, 1)]


def _inspect(name: str, number: int, stream: StreamReader) -> StreamInfo:
    from sscodec.container import Packet
    from sscodec.entropy import CODER_NAMES

    header = stream.header
    packets = frames = payload_bytes = damaged_bytes = 0
    for item in stream:
        if isinstance(item, Packet):
            packets += 1
            frames += item.frames
            payload_bytes += len(item.payload)
        else:
            damaged_bytes += item.length
    end = stream.end
    samples = header.original_samples if end is None else end.original_samples
    # Whole streams end within their last frame; of damaged ones, what is left.
    seconds = frames / header.frame_rate
    if samples is not None and not stream.damage:
        seconds = samples / header.original_rate
    overhead = stream.bytes_read - damaged_bytes - payload_bytes
    return StreamInfo(
        file=name,
        stream=number,
        model=header.model_id,
        model_hash=header.model_hash.hex(),
        sample_rate=header.sample_rate,
        hop=header.hop,
        channels=header.channels,
        n_q=header.n_q,
        codebook_size=header.codebook_size,
        coder=CODER_NAMES.get(header.coder, str(header.coder)),
        packet_frames=header.packet_frames,
        original_rate=header.original_rate,
        original_channels=header.original_channels,
        original_samples=samples,
        denoise=header.denoise,
        tags=dict(header.tags),
        seconds=seconds,
        frames=frames,
        packets=packets,
        bytes=stream.bytes_read,
        kbps=stream.bytes_read * 8 / seconds / 1000 if seconds else 0.0,
        nominal_kbps=header.bitrate / 1000,
        overhead_bytes=overhead,
        overhead_percent=100 * overhead / stream.bytes_read,
        complete=not stream.damage,
        damage=stream.damage,
    )


def describe(stream: StreamInfo) -> str:
    """Lines for people."""
    length = "unknown" if stream.original_samples is None else f"{stream.original_samples} samples"
    packet_seconds = stream.packet_frames * stream.hop / stream.sample_rate
    lines = [
        printable(stream.file) + (f", stream {stream.stream}" if stream.stream > 1 else ""),
        f"  duration   {stream.seconds:.3f} s, {stream.channels} channel(s)",
        f"  original   {stream.original_rate} Hz, {stream.original_channels} channel(s), {length}",
        f"  model      {stream.model} ({stream.model_hash}), {stream.sample_rate} Hz, hop {stream.hop}",
        f"  bitrate    {stream.kbps:.2f} kbps ({stream.nominal_kbps:g} nominal), {stream.n_q} codebooks of "
        f"{stream.codebook_size}, {stream.coder} codes" + (", noise removed" if stream.denoise else ""),
        f"  packets    {stream.packets} of up to {packet_seconds:.3f} s, {stream.frames} frames",
        f"  size       {stream.bytes} bytes, of which overhead {stream.overhead_bytes} "
        f"({stream.overhead_percent:.1f} %)",
    ]
    lines += [f"  tag        {key}={printable(value)}" for key, value in stream.tags.items()]
    lines += [f"  DAMAGED    {line}" for line in stream.damage]
    return "\n".join(lines)
