"""The index of a seekable file."""

import io
import os

import pytest
from container_samples import make_header, make_sample

from sscodec.container import End, scan
from sscodec.errors import DamagedError, UsageError

SAMPLE = make_sample(make_header(), [4, 4, 4, 3])


def test_index_of_chained_streams() -> None:
    file = io.BytesIO(SAMPLE.data * 2)
    for start in (0, len(SAMPLE.data)):
        file.seek(start)
        index = scan(file)
        assert index.header == SAMPLE.header
        assert index.end == End(15, 15 * 320, 1000)
        assert index.stop == start + len(SAMPLE.data)
        assert [each.offset for each in index.packets] == [
            start + SAMPLE.offset(part) for part in range(1, 5)
        ]
        assert [each.size for each in index.packets] == [len(part) for part in SAMPLE.parts[1:5]]
        for frame in range(15):
            packet = index.read(file, index.find(frame))
            assert packet.payload == SAMPLE.payloads[frame // 4]
            assert packet.first_frame <= frame < packet.first_frame + packet.frames
        for frame in (-1, 15):
            with pytest.raises(UsageError):
                index.find(frame)


def test_payloads_are_not_read() -> None:
    asked = 0

    class Counting(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            nonlocal asked
            data = super().read1(size)
            asked += len(data)
            return data

    big = make_sample(make_header(n_q=100, packet_frames=500), [500] * 10)
    assert len(big.data) > 600_000
    assert len(scan(Counting(big.data)).packets) == 10
    assert asked < 70_000


def test_every_truncation() -> None:
    for size in range(SAMPLE.offset(1), len(SAMPLE.data)):
        index = scan(io.BytesIO(SAMPLE.data[:size]))
        assert index.end is None
        assert len(index.packets) == sum(SAMPLE.offset(part + 1) <= size for part in range(1, 5))


def test_every_flipped_bit() -> None:
    for bit in range(8 * SAMPLE.offset(1), 8 * len(SAMPLE.data)):
        data = bytearray(SAMPLE.data)
        data[bit // 8] ^= 1 << bit % 8
        file = io.BytesIO(bytes(data))
        index = scan(file)
        for location in index.packets:
            try:
                packet = index.read(file, location)
            except DamagedError:
                continue
            assert packet.payload == SAMPLE.payloads[packet.sequence]


def test_repeated_packets_stop_the_scan() -> None:
    index = scan(io.BytesIO(b"".join([*SAMPLE.parts[:2], SAMPLE.parts[1], *SAMPLE.parts[2:]])))
    assert (len(index.packets), index.end) == (1, None)


def test_read_beyond_the_end() -> None:
    index = scan(io.BytesIO(SAMPLE.data))
    with pytest.raises(DamagedError):
        index.read(io.BytesIO(), index.packets[0])


def test_pipes_cannot_be_scanned() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb"), pytest.raises(UsageError):  # noqa: PTH123
        scan(source)
