"""What is fuzzed: functions of bytes that return for any input, and fail only where the code is wrong."""

from __future__ import annotations

import io
import sys
from functools import cache
from pathlib import Path
from typing import Any

from sscodec.audio.wav import MAX_CHUNK_BYTES, read_header
from sscodec.container import Gap, Packet, read_streams
from sscodec.entropy import CONTEXT, RAW, STATIC, Coder, coder_for
from sscodec.entropy.model import EntropyModel
from sscodec.errors import DamagedError, ModelError, SscodecError
from sscodec.repair import repair_streams

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from entropy_samples import StreamLayout, random_model

MAX_N_Q, MAX_CODEBOOK_SIZE = 4, 1024
"""Of the entropy models: larger ones take more time, and no other path."""


def streams(data: bytes) -> None:
    """The reader and the coders: time without hole or overlap, whatever is in the packets."""
    try:
        for stream in read_streams(io.BytesIO(data)):
            coders = _coders(stream.header.coder, stream.header)
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
        repair_streams(read_streams(io.BytesIO(data)), repaired)
    except SscodecError as error:
        _is_told_well(error)
        return
    before, after = (_packets(each) for each in (data, repaired.getvalue()))
    assert before == after, "a packet was lost or changed"
    for stream in read_streams(io.BytesIO(repaired.getvalue())):
        assert all(item.length == 0 for item in stream if isinstance(item, Gap)), "garbage was written"
        assert not stream.truncated
    again = io.BytesIO()
    repair_streams(read_streams(io.BytesIO(repaired.getvalue())), again)
    assert repaired.getvalue() == again.getvalue(), "a second repair changes what the first wrote"


def payloads(data: bytes) -> None:
    """Every coder with every layout, and a payload that no checksum vouches for."""
    if len(data) < 4:
        return
    channels, n_q, bits = data[0] % 8 + 1, data[1] % 32 + 1, data[2] % 16 + 1
    _decode(_coders(RAW, StreamLayout(channels, n_q, 2**bits)), data[4:], data[3])
    small = StreamLayout(data[0] % 3 + 1, data[1] % MAX_N_Q + 1, 2 ** (data[2] % 6 + 1))
    for coder in (STATIC, CONTEXT):
        _decode(_coders(coder, small), data[4:], data[3] % 32)


def wav_header(data: bytes) -> None:
    """The parser of WAV from pipes."""
    format_, head = read_header(io.BytesIO(data))
    assert data.startswith(head)
    if format_ is not None:
        assert format_.channels > 0 and format_.frame_bytes > 0
        rest = data[len(head) :]
        format_.samples(rest[: len(rest) // format_.frame_bytes * format_.frame_bytes])
    assert len(head) <= 20 * (MAX_CHUNK_BYTES + 9)


@cache
def _model(codebook_size: int) -> EntropyModel:
    return random_model(MAX_N_Q, codebook_size)


def _coders(coder: int, layout: Any) -> list[Coder]:
    size = min(layout.codebook_size, MAX_CODEBOOK_SIZE)
    try:
        return [coder_for(coder, layout, _model(size))]
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
            again = coder.encode(codes)
            assert again == payload, "another payload gives the same codes"


def _packets(data: bytes) -> list[list[Packet]]:
    return [
        [item for item in stream if isinstance(item, Packet)] for stream in read_streams(io.BytesIO(data))
    ]


def _is_told_well(error: SscodecError) -> None:
    assert str(error) and "\n" not in str(error)


ALL = {"streams": streams, "repair": repair, "payloads": payloads, "wav_header": wav_header}
