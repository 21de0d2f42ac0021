"""What damage costs: the table of docs/reliability.md. `python benchmarks/damage.py`

No model is needed: streams of random codes are damaged, read, and compared with what they were. Every packet
that the damage did not touch must come out bit by bit, else the script fails. A stream has 60 s at 6 kbps.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from statistics import mean

from sscodec.container import Header, Packet, StreamWriter, read_streams
from sscodec.errors import SscodecError

FRAME_RATE = 75
SECONDS = 60
PACKET_MS = (1000, 40)
TRIALS = 300
BLOCK = 4096  # bytes of a block of a disk


class Stream:
    """A stream of random codes, and where its parts are."""

    def __init__(self, packet_ms: int, seconds: float, seed: int = 0) -> None:
        self.chance = random.Random(seed)
        self.header = Header(
            model_id="soundstream-24khz",
            model_hash=self.chance.randbytes(8),
            sample_rate=24_000,
            hop=320,
            channels=1,
            n_q=8,
            codebook_size=1024,
            packet_frames=round(packet_ms * FRAME_RATE / 1000),
            original_rate=24_000,
            original_channels=1,
        )
        file = io.BytesIO()
        writer = StreamWriter(file, self.header)
        self.packets: list[tuple[int, int, bytes, int]] = []  # begin, end, payload, frames
        left = round(seconds * FRAME_RATE)
        while left:
            frames = min(left, self.header.packet_frames)
            payload = self.chance.randbytes(self.header.raw_size(frames))
            begin = file.tell()
            writer.write(payload, frames)
            # The copy of the header may follow.
            end = file.getvalue().index(payload, begin) + len(payload) + 4
            self.packets.append((begin, end, payload, frames))
            left -= frames
        writer.finish(writer.frames * 320, writer.frames * 320)
        self.data = file.getvalue()

    def without(self, cuts: list[tuple[int, int]], filling: bool = False) -> tuple[bytes, list[bytes]]:
        """The stream without these stretches (or with zeros there), and the payloads that are still whole."""
        data = bytearray(self.data)
        for begin, end in sorted(cuts, reverse=True):
            data[begin:end] = bytes(end - begin) if filling else b""
        whole = [
            payload
            for begin, end, payload, _ in self.packets
            if not any(cut[0] < end and begin < cut[1] for cut in cuts)
        ]
        return bytes(data), whole

    def seconds_of(self, payloads: list[bytes]) -> float:
        frames = {payload: frames for _, _, payload, frames in self.packets}
        return sum(frames[payload] for payload in payloads) / FRAME_RATE

    @property
    def seconds(self) -> float:
        return sum(frames for *_, frames in self.packets) / FRAME_RATE


def read(data: bytes) -> list[bytes]:
    """The payloads of all streams; none where it is no stream."""
    try:
        return [
            item.payload
            for stream in read_streams(io.BytesIO(data))
            for item in stream
            if isinstance(item, Packet)
        ]
    except SscodecError:
        return []


def loss(stream: Stream, data: bytes, whole: list[bytes]) -> float:
    """Seconds that are lost. Fails where a packet that is whole was not given, or one that never was."""
    found = read(data)
    assert set(found) == set(whole), f"{len(whole)} packets are whole, {len(found)} were given"
    return stream.seconds - stream.seconds_of(found)


def cases(packet_ms: int) -> Iterator[tuple[str, list[float]]]:
    """Names of damages, and the seconds lost in each trial."""
    stream = Stream(packet_ms, SECONDS)
    chance, size = stream.chance, len(stream.data)

    def flips(bits: list[int]) -> list[float]:
        losses = []
        for bit in bits:
            data = bytearray(stream.data)
            data[bit // 8] ^= 1 << bit % 8
            losses.append(loss(stream, bytes(data), stream.without([(bit // 8, bit // 8 + 1)])[1]))
        return losses

    header = int.from_bytes(stream.data[5:7], "little")
    yield "1 flipped bit, anywhere", flips([chance.randrange(8 * size) for _ in range(TRIALS)])
    yield "1 flipped bit in the header (all of them)", flips(list(range(8 * header)))
    yield "1 flipped bit in the end marker (all of them)", flips(list(range(8 * (size - 29), 8 * size)))

    def cut(packets: list[int]) -> float:
        return loss(stream, *stream.without([stream.packets[number][:2] for number in packets]))

    numbers = range(len(stream.packets))
    yield "1 lost packet", [cut([number]) for number in chance.sample(numbers, min(60, len(numbers)))]
    few = max(1, len(numbers) // 100)
    yield (
        f"1 % lost packets ({few} of {len(numbers)})",
        [cut(chance.sample(numbers, few)) for _ in range(TRIALS // 3)],
    )
    losses = []
    for _ in range(TRIALS // 3):
        begin = chance.randrange(0, size, BLOCK)
        losses.append(loss(stream, *stream.without([(begin, min(size, begin + BLOCK))], filling=True)))
    yield f"a block of {BLOCK} bytes is zeros, anywhere", losses
    yield f"the first {BLOCK} bytes are zeros", [loss(stream, *stream.without([(0, BLOCK)], filling=True))]
    yield "the first 1000 bytes are missing", [loss(stream, *stream.without([(0, 1000)]))]
    payloads = [payload for _, _, payload, _ in stream.packets]
    garbage = stream.chance.randbytes(5000)
    yield "5000 bytes of garbage before", [loss(stream, garbage + stream.data, payloads)]
    yield "5000 bytes of garbage after", [loss(stream, stream.data + garbage, payloads)]
    other = Stream(packet_ms, 5, seed=1)
    both = [*payloads, *(payload for _, _, payload, _ in other.packets)]
    assert read(stream.data + other.data) == both
    yield "two files concatenated", [0.0]
    damaged = bytearray(other.data)
    damaged[9] ^= 1
    assert read(stream.data + bytes(damaged)) == both
    yield "two files concatenated, the second header damaged", [0.0]
    copy = stream.data.index(b"\x93ssc")
    data, _ = stream.without([(9, 10), (copy + 9, copy + 10)], filling=True)
    yield "header and its copy damaged", [loss(stream, data, [])]
    small = Stream(packet_ms, 3)
    losses = []
    for length in range(len(small.data)):
        data, whole = small.without([(length, len(small.data))])
        known = length >= header  # without a header, the copy is missing as well
        kept = small.seconds - loss(small, data, whole if known else [])
        at_best = max(0, length - header) / (len(small.data) - header) * small.seconds
        losses.append(at_best - kept)
    yield "a file of 3 s cut at every byte: lost of what was left", losses


def main() -> None:
    tables = [dict(cases(packet_ms)) for packet_ms in PACKET_MS]
    print("| damage | " + " | ".join(f"packets of {ms} ms: mean | worst" for ms in PACKET_MS) + " |")
    print("|---|" + "---|" * 2 * len(PACKET_MS))
    for rows in zip(*(table.items() for table in tables), strict=True):
        name = rows[0][0] if rows[0][0] == rows[1][0] else rows[0][0].split(" (")[0]
        cells = (f"{max(0.0, mean(losses)):.2f} s | {max(0.0, *losses, 0.0):.2f} s" for _, losses in rows)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
