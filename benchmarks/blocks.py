"""Speed of the default model as a multiple of real time, on one thread, at several block lengths.

usage: python benchmarks/blocks.py [seconds of sound]

Every row is the median of five passes over the same sound in one process; rows are to be compared with each
other, not with other machines.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from sscodec import Codec

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


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    codec = Codec.load(threads=1)
    engine, hop, rate = codec._engine, codec.hop, codec.sample_rate
    length = round(seconds * rate / hop) * hop
    audio = 0.1 * np.random.default_rng(0).standard_normal((1, length)).astype(np.float32)
    codes = codec.encode(audio, n_q=N_Q)

    def encode(frames: int) -> None:
        session = engine.encoder(1, N_Q)
        for start in range(0, length, frames * hop):
            session.push(audio[:, start : start + frames * hop])
        session.flush()

    def decode(frames: int) -> None:
        session = engine.decoder(1)
        for start in range(0, codes.shape[2], frames):
            session.push(codes[:, :, start : start + frames])

    print("| block, ms | encode, x real time | decode, x real time |")
    print("|---|---|---|")
    for frames in (1, 3, 15, 75, 375):
        row = [median_speed(seconds, lambda work=work, n=frames: work(n)) for work in (encode, decode)]
        print(f"| {1000 * frames * hop / rate:.0f} | {row[0]:.1f} | {row[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
