"""Fuzz with random mutations of the corpus: `python fuzz/mutate.py --runs 1000000 --seed 0`.

Stops at the first input that crashes a target, takes it more than a second for each kB, or makes the process
grow beyond its limit, and writes that input to a file. Every run number has its own input, whatever the other
numbers were: `--first N --runs 1` repeats one.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from structure import seal
from targets import ALL, SHARES

CORPUS = Path(__file__).parent / "corpus"
MAX_SECONDS_PER_KB = 1.0
MAX_GROWTH_MB = 64
"""Of the resident memory over all runs, after the first thousand."""
MAX_INPUT_BYTES = 300_000


def load_corpus() -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.iterdir())]


def mutate(corpus: list[bytes], chance: random.Random) -> bytes:
    """One input of the corpus after one to eight mutations."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        _MUTATIONS[chance.randrange(len(_MUTATIONS))](data, corpus, chance)
    del data[MAX_INPUT_BYTES:]
    if chance.random() < 0.5:
        seal(data)
    return bytes(data)


def _flip_bit(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set_byte(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    if data:
        value = chance.choice((0, 1, 0x7F, 0x80, 0xFF, 0x93, 0xB0, 0xB1, 0xED, chance.randrange(256)))
        data[chance.randrange(len(data))] = value


def _set_number(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    """A number of 2, 4 or 8 bytes at one of its limits."""
    size = chance.choice((2, 4, 8))
    if len(data) >= size:
        start = chance.randrange(len(data) - size + 1)
        value = chance.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), chance.getrandbits(8 * size)))
        data[start : start + size] = value.to_bytes(size, "little")


def _cut(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.choice((1, 4, 30, 100, len(data)))]


def _insert(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.randbytes(chance.choice((1, 4, 30, 300)))


def _repeat(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + chance.choice((1, 8, 30, 200))] * chance.choice((1, 2, 20))


def _splice(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    other = chance.choice(corpus)
    start = chance.randrange(len(other) + 1)
    data[chance.randrange(len(data) + 1) :] = other[start:]


def _bury(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    """Long garbage, rarely: beyond what the reader takes in at once and what it searches."""
    if chance.random() < 0.01:
        unit = chance.choice(
            (b"\0", b"\x93", b"\x93SSC\x01\xff\xff", b"\x93ssc\x01\x50\0", b"\xb0\0\x80\x01")
        )
        start = chance.randrange(len(data) + 1)
        data[start:start] = unit * (chance.choice((5_000, 70_000, 200_000)) // len(unit))


def _set_varint(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    """A number of one to five bytes where a packet has its own: far ahead, or just behind."""
    places = [place for place in range(min(len(data), 2000)) if data[place] & 0xFC == 0xB0]
    if places:
        value, digits = chance.choice((2**32 - 1, 2**31, 10**6, 5000, 120, 3, 0)), bytearray()
        while value > 0x7F:
            digits.append(value & 0x7F | 0x80)
            value >>= 7
        place = chance.choice(places) + 1
        data[place : place + chance.choice((1, 1, len(digits) + 1))] = bytes([*digits, value])


_MUTATIONS = [
    _flip_bit,
    _flip_bit,
    _set_byte,
    _set_number,
    _cut,
    _insert,
    _repeat,
    _splice,
    _bury,
    _set_varint,
]


def resident_mb() -> float:
    """The most memory that this process has ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    options = parser.parse_args()
    corpus = load_corpus()
    signal.signal(signal.SIGVTALRM, _hangs)
    counts: Counter[str] = Counter()
    slowest, bytes_in, base = (0.0, 0), 0, 0.0
    started = time.perf_counter()
    for number in range(options.first, options.first + options.runs):
        if time.perf_counter() - started > options.seconds:
            break
        chance = random.Random(f"{options.seed} {number}")
        name = chance.choices(list(ALL), SHARES)[0]
        data = mutate(corpus, chance)
        begun = time.process_time()
        # A hang ends in an exception that shows where it was.
        signal.setitimer(signal.ITIMER_VIRTUAL, MAX_SECONDS_PER_KB * max(1.0, len(data) / 1000))
        try:
            ALL[name](data)
        except BaseException:
            sys.exit(_keep(data, f"run {number}: {name} failed"))
        slowest = max(slowest, ((time.process_time() - begun) / max(1.0, len(data) / 1000), number))
        counts[name] += 1
        bytes_in += len(data)
        if number == options.first + 1000:
            base = resident_mb()
        if base and resident_mb() > base + MAX_GROWTH_MB:
            sys.exit(_keep(data, f"run {number}: {name}: memory grew to {resident_mb():.0f} MB"))
        if number % 50_000 == 0:
            print(f"{number} runs, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print(
        f"{counts.total()} mutated inputs ({', '.join(f'{name} {n}' for name, n in counts.items())}), "
        f"{bytes_in / 1e6:.0f} MB, seed {options.seed}: no failure\n"
        f"slowest {slowest[0]:.4f} s for a kB (run {slowest[1]}); memory {base:.0f} MB after 1000 runs, "
        f"{resident_mb():.0f} MB at most; {time.perf_counter() - started:.0f} s"
    )


def _hangs(*_: object) -> None:
    raise TimeoutError(f"more than {MAX_SECONDS_PER_KB} s for each kB")


def _keep(data: bytes, what: str) -> str:
    import traceback

    path = Path("fuzz-failure.bin")
    path.write_bytes(data)
    traceback.print_exc()
    return f"{what}; the input is in {path}"


if __name__ == "__main__":
    main()
