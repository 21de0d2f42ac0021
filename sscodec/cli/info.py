"""`sscodec info`: what is in a stream, and whether it is whole. Needs no model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from sscodec.cli.options import JSON_VERSION, JsonList, error_fields, note, printable, recursive_option
from sscodec.errors import DamagedError, ModelError, SscodecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sscodec.container import Header, Packet, StreamReader


@dataclass
class StreamInfo:
    """One stream of a file. Seconds and kbps are of what arrived whole."""

    input: str
    stream: int
    """1 for the first of a chain."""
    model: str
    model_hash: str
    sample_rate: int
    hop: int
    channels: int
    n_q: int
    """The most codebooks that a frame has."""
    least_n_q: int
    mean_n_q: float
    codebook_size: int
    entropy: str
    entropy_hash: str | None
    """Of the entropy model that the codes need; None for raw codes."""
    packet_frames: int
    original_rate: int
    original_channels: int
    original_samples: int | None
    denoise: bool
    gain_db: int
    """By which quiet sound was raised before it was coded, or loud sound lowered (below 0)."""
    tags: dict[str, str]
    seconds: float
    frames: int
    packets: int
    bytes: int
    kbps: float
    """All bytes of the stream over its seconds."""
    coded_kbps: float
    """Of the codes as they are, without header, packet heads and checksums."""
    nominal_kbps: float
    """Of the raw codes."""
    packet_n_q: list[float] | None
    """Mean of the codebooks of a frame, for each packet that arrived whole; only with --verbose."""
    code_bits: list[float] | None
    """Mean bits of a code, for each codebook; only with --verbose, and where there is a packet."""
    missing: str | None
    """The entropy model that --verbose needs and that is not installed."""
    overhead_bytes: int
    """All that is not codes: header, packet heads, checksums, end marker."""
    overhead_percent: float
    whole: bool
    damage: list[str]


@click.command()
@click.argument("files", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path())
@click.option("--verbose", "-v", is_flag=True, help="Show what the codes of each codebook cost.")
@recursive_option
@click.option("--json", "as_json", is_flag=True, help="Print a list with an object for each stream as JSON.")
def info(files: tuple[str, ...], verbose: bool, recursive: bool, as_json: bool) -> None:
    """Show what is in streams and whether they are whole (exit code 4 if not).

    Of a FOLDER, the files that end with .ssc.

    --verbose reads the codes, for which the entropy model must be installed.
    """
    from sscodec.folders import streams_in

    failures: list[SscodecError] = []
    show = JsonList() if as_json else None
    for name in streams_in(files, recursive):
        found: dict[type[SscodecError], SscodecError] = {}  # one of each kind, for chains may be long
        try:
            for stream in inspect_file(name, verbose):
                if show:
                    show.add({"version": JSON_VERSION, **vars(stream), "error": None})
                else:
                    click.echo(describe(stream))
                if stream.missing:
                    found.setdefault(ModelError, ModelError(f"{name}: {stream.missing}"))
                if stream.damage:
                    error = DamagedError(f"{name}: damaged; `sscodec decode` saves what is whole")
                    found.setdefault(DamagedError, error)
        except SscodecError as error:
            found[type(error)] = type(error)(f"{name}: {error}")
            if show:
                show.add({"version": JSON_VERSION, "input": name, "error": error_fields(found[type(error)])})
        failures += found.values()
    if show:
        show.end()
    for failure in failures:
        note(str(failure))
    if failures:
        click.get_current_context().exit(failures[0].exit_code)


def inspect_file(name: str, verbose: bool = False) -> Iterator[StreamInfo]:
    """All streams of a file, or of standard input ("-"), each as soon as it has been read.

    Raises InputError and DamagedError.
    """
    from sscodec.container import read_streams
    from sscodec.streams import open_bytes

    with ExitStack() as stack:
        streams = read_streams(open_bytes(name, stack))
        for number, stream in enumerate(streams, 1):
            yield _inspect(name, number, stream, verbose)


def _inspect(name: str, number: int, stream: StreamReader, verbose: bool) -> StreamInfo:
    from sscodec.container import RAW_CODER, Packet

    header = stream.header
    costs, counts = _Costs(header, verbose), _Counts(header, verbose)
    packets = frames = payload_bytes = damaged_bytes = 0
    for item in stream:
        if isinstance(item, Packet):
            packets += 1
            frames += item.frames
            payload_bytes += len(item.payload)
            counts.add(item)
            costs.add(item)
        else:
            damaged_bytes += item.length
    damage = stream.damage + counts.damage + costs.damage
    seconds = stream.seconds_of(frames)
    overhead = stream.bytes_read - damaged_bytes - payload_bytes
    return StreamInfo(
        input=name,
        stream=number,
        model=header.model_id,
        model_hash=header.model_hash.hex(),
        sample_rate=header.sample_rate,
        hop=header.hop,
        channels=header.channels,
        n_q=header.n_q,
        least_n_q=counts.least,
        mean_n_q=counts.mean,
        codebook_size=header.codebook_size,
        entropy=header.coder_name,
        entropy_hash=header.entropy_hash.hex() if header.coder != RAW_CODER else None,
        packet_frames=header.packet_frames,
        original_rate=header.original_rate,
        original_channels=header.original_channels,
        original_samples=header.original_samples if stream.end is None else stream.end.original_samples,
        denoise=header.denoise,
        gain_db=header.gain_db,
        tags=dict(header.tags),
        seconds=seconds,
        frames=frames,
        packets=packets,
        bytes=stream.bytes_read,
        kbps=stream.bytes_read * 8 / seconds / 1000 if seconds else 0.0,
        coded_kbps=payload_bytes * 8 / seconds / 1000 if seconds else 0.0,
        nominal_kbps=header.bitrate / 1000 * counts.mean / header.n_q,
        packet_n_q=counts.packets,
        code_bits=costs.means(),
        missing=costs.missing,
        overhead_bytes=overhead,
        overhead_percent=100 * overhead / stream.bytes_read,
        whole=not damage,
        damage=damage,
    )


class _Counts:
    """How many codebooks frames have, packet after packet."""

    def __init__(self, header: Header, listed: bool) -> None:
        self.least = header.n_q
        self.damage: list[str] = []
        """A line for each packet that does not say it."""
        self.packets: list[float] | None = [] if listed else None
        self._header = header
        self._sum = self._frames = 0

    def add(self, packet: Packet) -> None:
        if not self._header.varying:
            if self.packets is not None:
                self.packets.append(float(self._header.n_q))
            return
        from sscodec.streams import packet_numbers

        try:
            numbers = packet_numbers(self._header, packet)
        except DamagedError as error:
            self.damage.append(f"packet {packet.sequence}: {error}")
            return
        self.least = min(self.least, int(numbers.min()))
        self._sum += int(numbers.sum())
        self._frames += packet.frames
        if self.packets is not None:
            self.packets.append(round(float(numbers.mean()), 2))

    @property
    def mean(self) -> float:
        return self._sum / self._frames if self._frames else float(self._header.n_q)


class _Costs:
    """What the codes of a stream cost, packet after packet, where somebody wants to know."""

    def __init__(self, header: Header, wanted: bool) -> None:
        from sscodec.streams import PacketCoder

        self.missing: str | None = None
        """The entropy model without which nothing can be told."""
        self.damage: list[str] = []
        """A line for each packet that does not hold codes."""
        self._bits: NDArray[np.float64] | None = None  # [n_q], of all codes so far
        self._codes: NDArray[np.int64] | None = None  # [n_q]: how many
        self._coder = None
        try:
            self._coder = PacketCoder(header) if wanted else None
        except ModelError as error:
            self.missing = str(error)

    def add(self, packet: Packet) -> None:
        if self._coder is None:
            return
        try:
            bits = self._coder.bits(packet)
        except DamagedError as error:
            self.damage.append(f"packet {packet.sequence}: {error}")
            return
        cost, codes = bits.sum(axis=(0, 2)), (bits > 0).sum(axis=(0, 2))
        self._bits = cost if self._bits is None else self._bits + cost
        self._codes = codes if self._codes is None else self._codes + codes

    def means(self) -> list[float] | None:
        """Bits of a code, for each codebook; None where nothing can be told."""
        if self._bits is None or self._codes is None:
            return None
        means: list[float] = (self._bits / self._codes.clip(min=1)).tolist()
        return means


def _codebooks(stream: StreamInfo) -> str:
    if stream.least_n_q == stream.n_q:
        return str(stream.n_q)
    return f"{stream.least_n_q} to {stream.n_q} (mean {stream.mean_n_q:.2f})"


def describe(stream: StreamInfo) -> str:
    """Lines for people."""
    length = "unknown" if stream.original_samples is None else f"{stream.original_samples} samples"
    packet_seconds = stream.packet_frames * stream.hop / stream.sample_rate
    lines = [
        printable(stream.input) + (f", stream {stream.stream}" if stream.stream > 1 else ""),
        f"  duration   {stream.seconds:.3f} s, {stream.channels} channel(s)",
        f"  original   {stream.original_rate} Hz, {stream.original_channels} channel(s), {length}",
        f"  model      {stream.model} ({stream.model_hash}), {stream.sample_rate} Hz, hop {stream.hop}",
        f"  bitrate    {stream.kbps:.2f} kbps, {stream.coded_kbps:.2f} of them codes "
        f"({stream.nominal_kbps:g} nominal"
        + (f", {stream.nominal_kbps / stream.channels:g} a channel)" if stream.channels > 1 else ")"),
        f"  codes      {stream.entropy}, {_codebooks(stream)} codebooks of {stream.codebook_size}"
        + (f", entropy model {stream.entropy_hash}" if stream.entropy_hash else "")
        + (", noise removed" if stream.denoise else "")
        + (f", raised by {stream.gain_db} dB" if stream.gain_db > 0 else "")
        + (f", lowered by {-stream.gain_db} dB" if stream.gain_db < 0 else ""),
        f"  packets    {stream.packets} of up to {packet_seconds:.3f} s, {stream.frames} frames",
        f"  size       {stream.bytes} bytes, of which overhead {stream.overhead_bytes} "
        f"({stream.overhead_percent:.1f} %)",
    ]
    if stream.code_bits is not None:
        raw_bits = stream.codebook_size.bit_length() - 1
        costs = " ".join(f"{bits:.2f}" for bits in stream.code_bits)
        lines.append(f"  bits       {costs} a code of each codebook ({raw_bits} raw)")
    if stream.packet_n_q and stream.least_n_q < stream.n_q:
        lines.append(f"  codebooks  {' '.join(f'{mean:.1f}' for mean in stream.packet_n_q)} in each packet")
    lines += [f"  tag        {key}={printable(value)}" for key, value in stream.tags.items()]
    lines += [f"  DAMAGED    {line}" for line in stream.damage]
    return "\n".join(lines)
