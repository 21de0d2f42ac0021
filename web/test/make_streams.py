"""Streams whole and damaged, with what sscodec reads of them.

python web/test/make_streams.py > web/test/data/streams.json
"""

from __future__ import annotations

import base64
import io
import json
import sys
import zlib
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path += [str(Path(__file__).parents[2] / "tests" / room) for room in ("", "container")]

from container_samples import make_header
from entropy_samples import StreamLayout, likely_codes, without

from sscodec import models
from sscodec.container import Packet, read_streams
from sscodec.entropy.model import EntropyModel
from sscodec.errors import SscodecError
from sscodec.streams import CodesWriter, PacketCoder

TESTS = Path(__file__).parents[2] / "tests"
MODEL = EntropyModel.load(TESTS / "data" / "entropy.safetensors")
CHANCE = np.random.default_rng(7)


def stream(
    coder: int, channels: int, frames: int, packet_frames: int = 8, n_q: int = 4, **fields: Any
) -> bytes:
    layout = StreamLayout(channels, n_q, 64)
    if coder and frames:
        codes = likely_codes(coder, layout, MODEL, frames, seed=channels)
        codes[:, :, frames // 2 : frames // 2 + packet_frames] = CHANCE.integers(0, 64)
    else:
        codes = CHANCE.integers(0, 64, (channels, n_q, frames))
    codes[:, :, :packet_frames] = 0 if coder else codes[:, :, :packet_frames]
    codes = without(codes, CHANCE) if fields.get("varying") else codes
    header = make_header(
        coder=coder,
        channels=channels,
        n_q=n_q,
        codebook_size=64,
        packet_frames=packet_frames,
        entropy_hash=MODEL.hash if coder else bytes(8),
        **fields,
    )
    file = io.BytesIO()
    writer = CodesWriter(file, header, None)
    writer.write(codes)
    samples = max(0, frames * header.hop - 100)
    writer.finish(samples, round(samples * header.original_rate / header.sample_rate))
    return file.getvalue()


def read(data: bytes) -> dict[str, object]:
    streams: list[dict[str, object]] = []
    error = False
    try:
        for reader in read_streams(io.BytesIO(data)):
            coder = PacketCoder(reader.header, None)
            items: list[object] = []
            for item in reader:
                if isinstance(item, Packet):
                    try:
                        codes = coder.decode(item).ravel().tolist()
                    except SscodecError:
                        codes = None
                    items.append([item.first_frame, item.frames, codes])
                elif item.frames:
                    items.append([item.first_frame, item.frames])
            end = reader.end
            head = reader.header
            streams.append(
                {
                    "header": [head.model_id, head.channels, head.n_q, head.gain_db, dict(head.tags)],
                    "items": items,
                    "end": end and [end.frames, end.samples, end.original_samples],
                    "damaged": bool(reader.damage),
                }
            )
    except SscodecError:
        error = True
    return {"streams": streams, "error": error}


def damaged(whole: dict[str, bytes]) -> dict[str, bytes]:
    """Bytes changed, lost, repeated, swapped: of every kind, a dozen."""
    files = {}
    names = [name for name, data in whole.items() if len(data) < 4000]
    for number in range(80):
        data = bytearray(whole[names[number % len(names)]])
        place, size = int(CHANCE.integers(len(data))), int(CHANCE.integers(1, 120))
        match number % 6:
            case 0:
                data[place] ^= 1 << int(CHANCE.integers(8))
            case 1:
                del data[place : place + size]
            case 2:
                data[place:place] = data[: place + size]
            case 3:
                data[place : place + size] = CHANCE.bytes(size)
            case 4:
                del data[place:]
            case 5:
                data[:size] = bytes(size)
        files[f"damaged {number}"] = bytes(data)
    return files


def main() -> None:
    with patch.object(models, "find_entropy", lambda *_: MODEL):
        whole = {
            "raw, mono": stream(0, 1, 21),
            "raw, stereo": stream(0, 2, 30, gain_db=-12, tags={"title": "Ö", "artist": "a b"}),
            "static, stereo": stream(1, 2, 40, gain_db=30),
            "context, mono": stream(2, 1, 45, 15),
            "context, three channels": stream(2, 3, 33, n_q=3),
            "context, long packets": stream(2, 1, 300, 128),
            "raw, long": stream(0, 1, 1700, 75),
            "no frames": stream(2, 1, 0),
            "raw, varying": stream(0, 2, 30, varying=True),
            "static, varying": stream(1, 2, 30, varying=True),
            "context, varying": stream(2, 2, 40, varying=True),
            "one codebook, varying": stream(2, 1, 20, n_q=1, varying=True),
        }
        whole["chain"] = whole["raw, mono"] + whole["context, mono"] + whole["static, stereo"]
        files = {**whole, **damaged(whole)}
        # A header of version 3 whose CRC is right, after a stream.
        later = bytearray(stream(0, 1, 9))
        size = int.from_bytes(later[5:7], "little")
        later[4] = 3
        later[size - 4 : size] = zlib.crc32(later[: size - 4]).to_bytes(4, "little")
        files["later version"] = bytes(later)
        files["a later version in a chain"] = whole["raw, mono"] + bytes(later)
        rows = [
            {"name": name, "data": base64.b64encode(data).decode(), **read(data)}
            for name, data in files.items()
        ]
    print("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]")


main()
