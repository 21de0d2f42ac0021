"""Write the inputs that fuzzing starts from: `python fuzz/make_corpus.py`. They are the same each time."""

from __future__ import annotations

import io
import random
import sys
import tempfile
import zlib
from pathlib import Path
from unittest.mock import patch

import numpy as np

from sscodec import models
from sscodec.audio import wav
from sscodec.container import Header, StreamWriter
from sscodec.entropy import CONTEXT, RAW, STATIC
from sscodec.nn.config import SoundStreamConfig
from sscodec.streams import CodesWriter

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from entropy_samples import random_model, without

CORPUS = Path(__file__).parent / "corpus"


def header(**changes: object) -> Header:
    fields = {
        "model_id": "tiny",
        "model_hash": bytes(range(8)),
        "sample_rate": 24_000,
        "hop": 320,
        "channels": 1,
        "n_q": 2,
        "codebook_size": 1024,
        "packet_frames": 4,
        "original_rate": 44_100,
        "original_channels": 2,
    }
    return Header(**{**fields, **changes})  # type: ignore[arg-type]


def stream(frames: list[int], first: int = 0, **changes: object) -> bytes:
    """A stream of packets from number `first` on with these numbers of frames and random codes."""
    head, file = header(**changes), io.BytesIO()
    writer = StreamWriter(file, head)
    chance = random.Random(0)
    writer.skip_to(first)
    for count in frames:
        writer.write(chance.randbytes(head.raw_size(count)), count)
    samples = writer.frames * head.hop
    writer.finish(samples, samples * head.original_rate // head.sample_rate)
    return file.getvalue()


def varying(coder: int) -> bytes:
    """Frames of different numbers of codebooks, coded by the entropy model of the targets."""
    entropy_hash = bytes(range(8)) if coder else bytes(8)
    file, chance = io.BytesIO(), np.random.default_rng(0)
    with patch.object(models, "find_entropy", lambda *_: random_model(4, 64)):
        head = header(coder=coder, entropy_hash=entropy_hash, varying=True, n_q=4, codebook_size=64)
        writer = CodesWriter(file, head)
        for frames in (4, 4, 3):
            writer.write(without(chance.integers(0, 64, (1, 4, frames)), chance))
        writer.finish(11 * 320, 11 * 588)
    return file.getvalue()


def gap() -> bytes:
    """Packets missing, of the layout that `targets.decoding` decodes."""
    first, second = stream([4, 4]), stream([4], 9)
    return first[: first.index(b"\xb0\x01")] + second[second.index(b"\xb0\x09") :]


def later_version(data: bytes) -> bytes:
    size = int.from_bytes(data[5:7], "little")
    head = data[:4] + b"\3" + data[5 : size - 4]
    return head + zlib.crc32(head).to_bytes(4, "little") + data[size:]


def entropy() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "entropy.safetensors")
        random_model(1, 2).save(path)
        return path.read_bytes()


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    small, other = stream([4, 4, 4, 4]), stream([3] * 5 + [1], model_id="other", packet_frames=3, channels=2)
    inputs = {
        "small.ssc": small,
        "other.ssc": other,
        "empty.ssc": stream([]),
        "tags.ssc": stream([4, 4], tags={"title": "Ö", "artist": "nobody"}, original_samples=2560),
        "coder.ssc": stream([4, 4], coder=2, entropy_hash=bytes(range(8))),
        "one_frame_packets.ssc": stream([1] * 16, 120, packet_frames=1, n_q=1),
        "long.ssc": stream([75] * 7, packet_frames=75, n_q=8),
        "chain.ssc": small + other + small,
        "truncated.ssc": small[:-40] + other,
        "header_lost.ssc": small + b"\0" * 20 + other[20:],
        "beginning_lost.ssc": small[80:],
        "garbage.ssc": b"\x93SSC\x01\xff\xff" + small[:100] + b"\xb0\0\xff\xff\x03" * 9 + small[100:],
        "coded.ssc": stream([4, 4, 3], coder=1, entropy_hash=bytes(range(8)), codebook_size=4),
        "varying_raw.ssc": varying(RAW),
        "varying_static.ssc": varying(STATIC),
        "varying_context.ssc": varying(CONTEXT),
        "gap.ssc": gap(),
        "later_version.ssc": small + later_version(small),
        "config.toml": SoundStreamConfig("tiny").to_toml().encode(),
        "entropy.safetensors": entropy(),
        "pcm.wav": wav.header(24_000, 2, "PCM_24", 10) + bytes(60),
        "unknown_length.wav": wav.header(8000, 1, "FLOAT", None) + bytes(40),
        "rf64.wav": wav.header(48_000, 8, "PCM_32", 2**40) + bytes(64),
    }
    for name, data in inputs.items():
        (CORPUS / name).write_bytes(data)


if __name__ == "__main__":
    main()
