"""How far the streams of a seekable file reach."""

import io
import os
import tracemalloc
from pathlib import Path

import pytest
from container_samples import make_header, make_sample

from sscodec.container import End, StreamWriter, scan
from sscodec.errors import UsageError

SAMPLE = make_sample(make_header(), [4, 4, 4, 3])


def test_chained_streams() -> None:
    file = io.BytesIO(SAMPLE.data * 2)
    for start in (0, len(SAMPLE.data)):
        file.seek(start)
        extent = scan(file)
        assert (extent.header, extent.packets) == (SAMPLE.header, 4)
        assert extent.end == End(15, 15 * 320, 8820)
        assert extent.stop == start + len(SAMPLE.data)


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
    assert scan(Counting(big.data)).packets == 10
    assert asked < 70_000


def test_memory_does_not_grow_with_the_packets(tmp_path: Path) -> None:
    peaks = []
    for count in (3_000, 30_000):
        with (tmp_path / "a.ssc").open("wb") as file:
            writer = StreamWriter(file, make_header(packet_frames=1, n_q=1))
            for _ in range(count):
                writer.write(b"\0\0", 1)
            writer.finish(count * 320, count * 588)
        with (tmp_path / "a.ssc").open("rb") as file:
            tracemalloc.start()
            assert scan(file).packets == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


def test_every_truncation() -> None:
    for size in range(SAMPLE.offset(1), len(SAMPLE.data)):
        extent = scan(io.BytesIO(SAMPLE.data[:size]))
        assert extent.end is None
        assert extent.packets == sum(SAMPLE.offset(part + 1) <= size for part in range(1, 5))


def test_repeated_packets_stop_the_scan() -> None:
    extent = scan(io.BytesIO(b"".join([*SAMPLE.parts[:2], SAMPLE.parts[1], *SAMPLE.parts[2:]])))
    assert (extent.packets, extent.end) == (1, None)


def test_pipes_cannot_be_scanned() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb"), pytest.raises(UsageError):  # noqa: PTH123
        scan(source)
