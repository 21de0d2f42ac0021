"""Size and speed of each entropy coder on real sounds, with the default model.

usage: python benchmarks/entropy.py FOLDER...

Every folder of sounds is a kind of its own. Sizes are of whole streams, container included, against raw codes
in the same run; so are the packets of white noise. Time is processor time of one thread.
"""

from __future__ import annotations

import io
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from timing import in_turn, write_section
from tqdm import tqdm

from sscodec.codec import Codec
from sscodec.container import CODER_NAMES, Packet
from sscodec.evaluation.sounds import read_sound
from sscodec.streams import AHEAD, DEFAULT_PACKET_MS, CodesWriter, PacketCoder, make_header

RATES = (4, 8, 16)
"""n_q"""
PACKETS_MS = (40, 200, 500, 1000, 2000, 5000)
SPEED_N_Q, SPEED_SECONDS, PASSES = 8, 64, 5


def size(codec: Codec, codes: np.ndarray, entropy: str, packet_ms: float) -> int:
    """Bytes of the stream of codes [1, n_q, frames]."""
    samples = codes.shape[2] * codec.hop
    header = make_header(
        codec.model, 1, codes.shape[1], codec.sample_rate, 1, samples, packet_ms, None, entropy=entropy
    )
    writer = CodesWriter(io.BytesIO(), header, codec.model)
    writer.write(codes)
    return writer.finish(samples, samples)


def sizes(codec: Codec, coded: list[np.ndarray], n_q: int, packet_ms: float) -> list[int]:
    """Bytes of all streams, coder by coder."""
    return [sum(size(codec, codes[:, :n_q], name, packet_ms) for codes in coded) for name in CODER_NAMES]


def speeds(codec: Codec, codes: np.ndarray) -> list[str]:
    """Rows of the table of speeds, on codes [1, n_q, frames]."""
    rows = []
    seconds = codes.shape[2] / codec.frame_rate
    packets = np.array_split(codes, round(seconds), axis=2)
    for name in CODER_NAMES:
        header = make_header(
            codec.model, 1, codes.shape[1], codec.sample_rate, 1, None, DEFAULT_PACKET_MS, None, entropy=name
        )
        coder = PacketCoder(header, codec.model)
        payloads = [Packet(0, 0, part.shape[2], *coder.encode(part)) for part in packets]
        times = in_turn(
            {
                "encode": lambda coder=coder: [coder.encode(part) for part in packets],
                "decode": lambda coder=coder, payloads=payloads: [coder.decode(item) for item in payloads],
                "file": lambda coder=coder, payloads=payloads: list(coder.decode_all(payloads, AHEAD)),
            },
            PASSES,
        )
        fastest = [f"{seconds / statistics.median(times[way]):.0f}" for way in ("encode", "decode", "file")]
        rows.append(f"| {name} | " + " | ".join(fastest) + " |")
    return rows


def main() -> None:
    torch.set_num_threads(1)
    codec = Codec.load()
    kinds: dict[str, list[np.ndarray]] = {}
    for folder in map(Path, sys.argv[1:]):
        for path in tqdm(sorted(p for p in folder.iterdir() if p.is_file()), desc=folder.name):
            audio = read_sound(path, codec.sample_rate, seconds=0) / np.float32(32768)
            codes = codec.encode(audio, n_q=max(RATES))
            kinds.setdefault(folder.name, []).append(codes[None])
    together = [codes for coded in kinds.values() for codes in coded]
    noise = 0.1 * np.random.default_rng(0).standard_normal(10 * codec.sample_rate)
    kinds = {**kinds, "all of these": together, "white noise": [codec.encode(noise, n_q=max(RATES))[None]]}
    text = "| | kbps | raw, bytes | static | context |\n|---|---:|---:|---:|---:|\n"
    for kind, coded in kinds.items():
        for n_q in RATES:
            raw, *others = sizes(codec, coded, n_q, DEFAULT_PACKET_MS)
            shares = " | ".join(f"{100 * (other / raw - 1):+.1f} %" for other in others)
            text += f"| {kind} | {codec.bitrates[n_q - 1]:g} | {raw} | {shares} |\n"
    text += "\n| packet, ms | raw, kbps | static, kbps | context, kbps |\n|---:|---:|---:|---:|\n"
    seconds = sum(codes.shape[2] for codes in together) / codec.frame_rate
    for packet_ms in PACKETS_MS:
        rates = [8 * found / seconds / 1000 for found in sizes(codec, together, SPEED_N_Q, packet_ms)]
        text += f"| {packet_ms} | " + " | ".join(f"{rate:.3f}" for rate in rates) + " |\n"
    text += "\n| x real time | encode | decode, packet by packet | decode, as of files |\n"
    text += "|---|---:|---:|---:|\n"
    frames = round(SPEED_SECONDS * codec.frame_rate)
    text += "\n".join(speeds(codec, np.concatenate(together, 2)[:, :SPEED_N_Q, :frames]))
    write_section("entropy", f"python benchmarks/entropy.py {' '.join(sys.argv[1:])}", text)


if __name__ == "__main__":
    main()
