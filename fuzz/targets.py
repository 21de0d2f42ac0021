"""What is fuzzed: functions of bytes that return for any input, and fail only where the code is wrong."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import sscodec.live
from sscodec.audio.wav import MAX_CHUNK_BYTES, read_header
from sscodec.codec import Codec
from sscodec.container import MAX_DAMAGE_LINES, Gap, Header, Packet, read_streams
from sscodec.container.framing import END_SIZE, MAX_HEAD_SIZE
from sscodec.entropy import CONTEXT, RAW, STATIC, Coder, coder_for
from sscodec.entropy.model import EntropyModel
from sscodec.errors import DamagedError, ModelError, SscodecError
from sscodec.files import decode_stream
from sscodec.live import MAX_LIVE_GAP_SECONDS, PacketDecoder, SoundDecoder
from sscodec.models import Model
from sscodec.nn.config import ModelConfig, SoundStreamConfig, parse_toml
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
    varying = data[2] > 127
    _decode(_coders(RAW, StreamLayout(channels, n_q, 2**bits, varying)), data[4:], data[3])
    small = StreamLayout(data[0] % 3 + 1, data[1] % MAX_N_Q + 1, 2 ** (data[2] % 6 + 1), varying)
    for coder in (STATIC, CONTEXT):
        _decode(_coders(coder, small), data[4:], data[3] % 32)


def live(data: bytes) -> None:
    """Datagrams of a live stream, with a codec that only counts: time stays right, and arrays small."""
    try:
        header = Header.from_bytes(_header_first(data))
        if (header.sample_rate, header.hop) != (SILENT.sample_rate, SILENT.hop):
            return  # no model of that kind
        decoder = PacketDecoder(cast(Codec, SILENT), header.to_bytes())
    except SscodecError as error:
        _is_told_well(error)
        return
    for datagram in _datagrams(data, decoder):
        before = decoder.frames
        sound = decoder.push(datagram)
        frames = sound.shape[1] // SILENT.hop
        assert decoder.frames - before >= frames
        longest = max(MAX_LIVE_GAP_SECONDS * SILENT.frame_rate, decoder._header.packet_frames)
        assert frames <= longest + decoder._header.packet_frames
    assert len(decoder.damage) <= MAX_DAMAGE_LINES + 1


def decoding(data: bytes) -> None:
    """A file to sound, with a codec that only counts: what is made up stays within its bound."""
    most, concealed, damage = 20.0, 0.0, []
    try:
        for stream in read_streams(io.BytesIO(data)):
            header = stream.header
            if (header.sample_rate, header.hop) != (SILENT.sample_rate, SILENT.hop):
                return  # no model of that kind
            if header.coder != RAW:
                return
            decoder = SoundDecoder(cast(Codec, SILENT), header, max_concealment=most - concealed)
            samples = sum(map(len, decode_stream(stream, 8, decoder, header.sample_rate, damage)))
            if stream.end is not None:
                assert samples == stream.end.samples
            concealed += decoder.concealed / header.frame_rate
            assert concealed <= most
    except SscodecError as error:
        _is_told_well(error)


def model_folder(data: bytes) -> None:
    """A config, the header of weights, an entropy model."""
    with TemporaryDirectory(dir=_MEMORY) as name:
        folder = Path(name)
        for file in ("weights.safetensors", "entropy.safetensors"):
            (folder / file).write_bytes(data)
        for call in (
            lambda: ModelConfig.of(parse_toml(data.decode("utf-8", "replace"), "config"), "config"),
            lambda: Model(folder, SoundStreamConfig("tiny")).parameters,
            lambda: Model(folder, SoundStreamConfig("tiny")).denoises,
            lambda: EntropyModel.load(folder / "entropy.safetensors").network,
        ):
            try:
                call()
            except SscodecError as error:
                _is_told_well(error)


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
    """Of each stream, up to one of a chain that cannot be read at all."""
    found = []
    try:
        for stream in read_streams(io.BytesIO(data)):
            found.append([item for item in stream if isinstance(item, Packet)])
    except DamagedError:
        if not found:
            raise
    return found


def _is_told_well(error: SscodecError) -> None:
    assert str(error) and "\n" not in str(error)


class _Silent:
    """A codec of one layout without a network: it reads all streams of it, and gives silence."""

    sample_rate, hop, frame_rate, block_frames = 24_000, 320, 75.0, 75
    config = SoundStreamConfig("tiny")

    class model:
        id = "tiny"
        has_entropy = False

        @staticmethod
        def reads(stream_hash: bytes) -> bool:
            return True


class _SilentDecoder:
    """Takes the place of StreamDecoder."""

    def __init__(self, codec: Any, channels: int, denoise: Any = False) -> None:
        self._channels = channels

    def push(self, codes: Any) -> NDArray[np.float32]:
        return self.conceal(codes.shape[2])

    def conceal(self, frames: int) -> NDArray[np.float32]:
        return np.zeros((self._channels, frames * SILENT.hop), np.float32)

    def flush(self) -> NDArray[np.float32]:
        return self.conceal(0)


SILENT = _Silent()
_without_network = patch.object(sscodec.live, "StreamDecoder", _SilentDecoder)
"""Only while a target runs: what imports this module may decode in earnest."""


def _header_first(data: bytes) -> bytes:
    return data[: int.from_bytes(data[5:7], "little")]


def _datagrams(data: bytes, decoder: PacketDecoder) -> Iterator[bytes]:
    """What follows the header, cut where packets end, or anywhere."""
    rest = data[len(_header_first(data)) :]
    for _ in range(200):
        if not rest:
            return
        try:
            size = decoder._framing.parse_head(memoryview(rest)[:MAX_HEAD_SIZE]).packet_size
        except DamagedError:
            size = END_SIZE
        yield rest[:size]
        rest = rest[size:]


_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

ALL = {
    "streams": streams,
    "repair": repair,
    "payloads": payloads,
    "wav_header": wav_header,
    "live": _without_network(live),
    "decoding": _without_network(decoding),
    "model_folder": model_folder,
}
SHARES = (6, 3, 2, 1, 3, 3, 1)
"""How often each is taken."""
