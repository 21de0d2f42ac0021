"""Speed of the shipped model as a multiple of real time, on one thread, at several block lengths.

usage: python benchmarks/blocks.py [seconds of sound]

Every row is the median of five passes over the same sound in one process; rows are to be compared with each
other, not with other machines.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch

from sscodec import models
from sscodec.nn.streaming import DecoderSession, EncoderSession

PASSES = 5
N_Q = 8


def median_speed(seconds: float, work: Callable[[], object]) -> float:
    """Seconds of sound a second, median over the passes after one to warm up."""
    times = []
    for _ in range(PASSES + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return seconds / statistics.median(times[1:])


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    network = models.find().load()
    network.pack()
    hop, rate = network.config.hop, network.config.sample_rate
    audio = 0.1 * torch.randn(1, round(seconds * rate / hop) * hop)
    codes = EncoderSession(network, 1, N_Q).push(audio)

    def encode(frames: int) -> None:
        session = EncoderSession(network, 1, N_Q)
        for block in audio.split(frames * hop, 1):
            session.push(block)

    def decode(frames: int) -> None:
        session = DecoderSession(network, 1)
        for block in codes.split(frames, 2):
            session.push(block)

    print("| block, ms | encode, x real time | decode, x real time |")
    print("|---|---|---|")
    for frames in (1, 3, 15, 75, 375):
        row = [median_speed(seconds, lambda work=work, n=frames: work(n)) for work in (encode, decode)]
        print(f"| {1000 * frames * hop / rate:.0f} | {row[0]:.1f} | {row[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
