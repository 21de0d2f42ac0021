"""Streams coded anew without loss: another entropy coder, fewer codebooks, other packets; without network."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sscodec import models
from sscodec.container import CoderName, Gap, Header, Packet, StreamReader
from sscodec.errors import DamagedError, ModelError, UsageError
from sscodec.inputs import check_stream_input
from sscodec.pipes import input_name
from sscodec.replacing import check_stream_output
from sscodec.streams import (
    CodesWriter,
    PacketCoder,
    check_n_q,
    coder_fields,
    naming,
    open_streams,
    packet_frames,
    packets_ahead,
)

if TYPE_CHECKING:
    from sscodec.files import Progress


@dataclass
class TranscodeReport:
    """What `transcode_file` did."""

    input: str
    output: str
    streams: int = 0
    """More than 1 where streams are chained."""
    seconds: float = 0.0
    """Of sound in all of them."""
    n_q: int = 0
    """Of the output's first stream, as are entropy and nominal_kbps."""
    entropy: str = ""
    """The coder: "raw", "static" or "context"."""
    nominal_kbps: float = 0.0
    """Of all channels together, before entropy coding, without headers."""
    kbps: float = 0.0
    """All bytes of the output over the seconds of sound; 0 without sound."""
    input_bytes: int = 0
    bytes: int = 0


def transcode_file(
    source: str | Path,
    target: str | Path,
    *,
    entropy: CoderName | None = None,
    n_q: int | None = None,
    kbps: float | None = None,
    packet_ms: float | None = None,
    model: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> TranscodeReport:
    """Code the streams of a file ("-": standard input) anew in another ("-": standard output), without loss.

    entropy: the coder; None is "context" where the model that the stream was made with is at hand and has an
    entropy model, else the stream's own. n_q, kbps: keep as many of the first codebooks, or as many as a rate
    of all channels together pays for; None: all. packet_ms: length of a packet; None: what it is. model: id
    of an installed model or path of a folder; None finds the one that the stream names.

    The codes that are kept, the tags and the numbers of samples stay what they are. Packets that
    `repair_file` left out stay lost, in their time.

    Raises DamagedError (`repair_file` makes a stream whole), ModelError where an entropy model is missing,
    UsageError for what the stream does not have, InputError and OutputError; then no file is left behind.
    """
    from sscodec.audio.output import open_output

    if n_q is not None and kbps is not None:
        raise UsageError("give n_q or kbps, not both")
    check_stream_input(source)
    check_stream_output(target, source, force)
    report = TranscodeReport(str(source), str(target))
    known: dict[bytes, models.Model | None] = {}
    with ExitStack() as stack:
        file, streams = open_streams(source, stack)
        output = stack.enter_context(open_output(target, source, force))
        for stream in streams:
            old = stream.header
            if old.model_hash not in known:
                known[old.model_hash] = _find_model(old, entropy, model)
            found = known[old.model_hash]
            kept = _choose_n_q(old, n_q, kbps)
            header = replace(old, n_q=kept, **_changes(old, found, entropy, packet_ms))
            if report.streams == 0:
                report.n_q, report.entropy = header.n_q, header.coder_name
                report.nominal_kbps = header.bitrate / 1000
            decoder, writer = PacketCoder(old, found), CodesWriter(output, header, found)
            frames = 0
            with naming(input_name(source)):
                for item, codes in decoder.decode_all(stream, packets_ahead(file)):
                    if isinstance(item, Gap):
                        _check_gap(stream, item, header)
                        continue
                    if header.packet_frames == old.packet_frames:
                        writer.skip_to(item.sequence)
                    writer.write(_checked(item, codes)[:, :kept])
                    frames += item.frames
                    if progress:
                        progress(report.seconds + frames / old.frame_rate, None)
            end = stream.end
            assert end is not None  # a truncated stream ends in a gap
            report.bytes += writer.finish(end.samples, end.original_samples, end.frames)
            report.input_bytes += stream.bytes_read
            report.seconds += end.original_samples / old.original_rate
            report.streams += 1
    if report.seconds:
        report.kbps = report.bytes * 8 / report.seconds / 1000
    return report


def _find_model(header: Header, entropy: CoderName | None, name: str | Path | None) -> models.Model | None:
    """The model that a stream was made with; None where it is not at hand and nothing asks for it."""
    try:
        return models.find_for_stream(header.model_id, header.model_hash, name)
    except ModelError:
        if name is not None or entropy in ("static", "context"):
            raise
        return None


def _choose_n_q(header: Header, n_q: int | None, kbps: float | None) -> int:
    """How many of a stream's codebooks to keep. Raises UsageError for more than there are, and for none."""
    if kbps is not None:
        step = header.channels * header.bits * header.frame_rate / 1000
        return models.n_q_within(kbps, step, header.n_q, "the codebooks of the stream")
    check_n_q(header, n_q)
    return n_q or header.n_q


def _changes(
    header: Header, model: models.Model | None, entropy: CoderName | None, packet_ms: float | None
) -> dict[str, Any]:
    """The fields of a stream's header that another coder and another length of packets change."""
    changes: dict[str, Any] = {}
    if packet_ms is not None:
        changes["packet_frames"] = packet_frames(packet_ms, header.frame_rate)
    if entropy is None and model is not None and model.has_entropy:
        entropy = "context"
    if entropy is not None:
        changes |= coder_fields(entropy, model)
    return changes


def _check_gap(stream: StreamReader, gap: Gap, header: Header) -> None:
    """Raise DamagedError, unless whole packets are missing and their place can be kept free."""
    if gap.length or gap.frames is None:
        raise DamagedError(
            f"the stream is damaged: {stream.damage[-1]}; `sscodec repair` keeps all packets that are whole, "
            "in a stream that can be transcoded; `sscodec decode` conceals the others"
        )
    if header.packet_frames != stream.header.packet_frames:
        raise DamagedError(
            f"packets are missing: {stream.damage[-1]}; their time can be kept free in packets of the same "
            "length only: leave out --packet-ms, or let `sscodec decode` conceal them"
        )


def _checked(packet: Packet, codes: np.ndarray | DamagedError | None) -> np.ndarray:
    if isinstance(codes, np.ndarray):
        return codes
    raise DamagedError(f"packet {packet.sequence}: {codes}; `sscodec decode` conceals it")
