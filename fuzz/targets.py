"""What is fuzzed: functions of bytes that return for any input, and fail only where the code is wrong."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from sscodec.audio.wav import MAX_CHUNK_BYTES, read_header
from sscodec.container import Gap, Packet, read_streams
from sscodec.entropy import CODER_NAMES, Coder, coder_for
from sscodec.errors import DamagedError, ModelError, SscodecError
from sscodec.repair import repair_streams


def streams(data: bytes) -> None:
    """The reader and the coders: time without hole or overlap, whatever is in the packets."""
    try:
        for stream in read_streams(io.BytesIO(data)):
            coders = _coders(stream.header)
            frame = 0
            gaps = 0
            for item in stream:
                assert item.first_frame == frame, "a hole or an overlap in time"
                frame += item.frames or 0
                if isinstance(item, Gap):
                    gaps += 1
                    assert 0 <= item.offset <= item.offset + item.length <= len(data)
                else:
                    _decode(coders, item.payload, item.frames)
            assert len(stream.damage) == min(gaps, 1001)
            assert stream.truncated == (stream.end is None)
    except SscodecError as error:
        _is_told_well(error)


def repair(data: bytes) -> None:
    """What was repaired holds the same packets and no damaged bytes, and another repair changes nothing."""
    repaired = io.BytesIO()
    try:
        repair_streams(io.BytesIO(data), repaired)
    except SscodecError as error:
        _is_told_well(error)
        return
    before, after = (_packets(each) for each in (data, repaired.getvalue()))
    assert before == after, "a packet was lost or changed"
    for stream in read_streams(io.BytesIO(repaired.getvalue())):
        assert all(item.length == 0 for item in stream if isinstance(item, Gap)), "garbage was written"
        assert not stream.truncated
    again = io.BytesIO()
    repair_streams(io.BytesIO(repaired.getvalue()), again)
    assert repaired.getvalue() == again.getvalue(), "a second repair changes what the first wrote"


def payloads(data: bytes) -> None:
    """Every coder with every layout, and a payload that no checksum vouches for."""
    if len(data) < 4:
        return
    channels, n_q, bits = data[0] % 8 + 1, data[1] % 32 + 1, data[2] % 16 + 1
    for coder in CODER_NAMES:
        _decode(_coders(_Layout(channels, n_q, 2**bits, coder)), data[4:], data[3])


def wav_header(data: bytes) -> None:
    """The parser of WAV from pipes."""
    format_, head = read_header(io.BytesIO(data))
    assert data.startswith(head)
    if format_ is not None:
        assert format_.channels > 0 and format_.frame_bytes > 0
        rest = data[len(head) :]
        format_.samples(rest[: len(rest) // format_.frame_bytes * format_.frame_bytes])
    assert len(head) <= 20 * (MAX_CHUNK_BYTES + 9)


@dataclass
class _Layout:
    channels: int
    n_q: int
    codebook_size: int
    coder: int = 0


def _coders(layout: Any) -> list[Coder]:
    try:
        return [coder_for(layout)]
    except ModelError:
        return []


def _decode(coders: list[Coder], payload: bytes, frames: int) -> None:
    for coder in coders:
        try:
            codes = coder.decode(payload, frames)
        except DamagedError as error:
            _is_told_well(error)
        else:
            assert codes.shape[-1] == frames
            assert coder.encode(codes) == payload, "another payload gives the same codes"


def _packets(data: bytes) -> list[list[Packet]]:
    return [
        [item for item in stream if isinstance(item, Packet)] for stream in read_streams(io.BytesIO(data))
    ]


def _is_told_well(error: SscodecError) -> None:
    assert str(error) and "\n" not in str(error)


ALL = {"streams": streams, "repair": repair, "payloads": payloads, "wav_header": wav_header}
