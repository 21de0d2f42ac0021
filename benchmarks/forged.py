"""What forged streams cost `verify`: the numbers of docs/reliability.md.

usage: python benchmarks/forged.py

Streams of the default model with 12 codebooks, in packets that claim 4096 frames and hold next to nothing,
and one whose packets hold the most probable codes of 512 frames: the most symbols that a byte can stand for.
"""

import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np

from sscodec import models
from sscodec.cli.verify import Verdict, check_file
from sscodec.container import Header, StreamWriter
from sscodec.streams import PacketCoder, make_header

N_Q, FRAMES = 12, 512


def probable_codes(model: models.Model) -> np.ndarray:
    """int32 [1, N_Q, FRAMES]: in each place what the network finds the most probable."""
    network = model.entropy.network
    memory, codes = network.start(1), np.zeros((1, N_Q, FRAMES), np.int32)
    for frame in range(FRAMES):
        known, sums = memory.known[0], np.zeros((1, network.embedding), np.int32)
        for k in range(N_Q):
            codes[0, k, frame] = network.scores(known, sums, k)[0].argmax()
            sums = sums + network.embed(k, codes[:, k, frame])
        network.remember(memory, sums[None])
    return codes


def measure(name: str, header: Header, payloads: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "forged.ssc")
        with path.open("wb") as file:
            writer = StreamWriter(file, header)
            for payload in payloads:
                writer.write(payload, header.packet_frames)
            writer.finish(writer.frames * header.hop, writer.frames * header.hop)
        size, seconds = path.stat().st_size, writer.frames / header.frame_rate
        began = time.process_time()
        check_file(Verdict(str(path)))
        took = time.process_time() - began
    print(f"| {name} | {size} | {seconds:.0f} | {took:.2f} | {took / size * 1000:.2f} |")


def main() -> None:
    model = models.find()
    long = make_header(model, 1, N_Q, model.config.sample_rate, 1, None, 54_613, None)
    short = dataclasses.replace(long, packet_frames=FRAMES)
    payload, _ = PacketCoder(short, model).encode(probable_codes(model))
    print(
        "| payloads | bytes | seconds claimed | verify, CPU s | CPU s for a kB |\n|---|---:|---:|---:|---:|"
    )
    measure("16 empty ones", long, [b""] * 16)
    measure("15 of one byte", long, [bytes([17 * i + 1]) for i in range(15)])
    measure(f"8 of {len(payload)} bytes, the most probable codes", short, [payload] * 8)


if __name__ == "__main__":
    main()
