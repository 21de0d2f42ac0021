"""Packets and end marker: exact bytes, the writer's rules, the overhead."""

import io
import struct
import zlib

import pytest
from container_samples import Pipe, as_file, finish, make_header, make_sample, read_all

from sscodec.container import End, StreamWriter
from sscodec.errors import OutputError, UsageError


def crc(header: bytes, part: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(header[:-4] + part))


def test_exact_bytes() -> None:
    header = make_header(coder=2, packet_frames=300, n_q=1)  # 375 bytes of raw codes
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    start = header.to_bytes()
    assert file.getvalue() == start
    writer.write(b"x" * 200, 300)
    full = b"\xb0\x00\xc8\x01" + b"x" * 200
    writer.write(b"y" * 300, 240, fallback=True)
    last = b"\xb3\x01\xf0\x01\xac\x02" + b"y" * 300
    assert writer.finish(172_700, 317_336) == writer.bytes_written == len(file.getvalue())
    end = b"\xed" + struct.pack("<QQQ", 540, 172_700, 317_336)
    first, second, third = [part + crc(start, part) for part in (full, last, end)]
    assert file.getvalue() == start + first + second + b"\x93ssc" + start[4:] + third


def test_sequence_numbers_grow_beyond_one_byte() -> None:
    sample = make_sample(make_header(packet_frames=1), [1] * 130)
    assert sample.parts[128][:3] == b"\xb0\x7f\x03"
    assert sample.parts[129][:4] == b"\xb0\x80\x01\x03"
    assert len(read_all(sample.data)[1]) == 130


def test_no_packets() -> None:
    sample = make_sample(make_header(), [])
    reader, packets, gaps = read_all(sample.data)
    assert (packets, gaps, reader.end) == ([], [], End(0, 0, 0))


@pytest.mark.parametrize(
    ("payload", "frames", "fallback", "message"),
    [
        (bytes(10), 0, False, "1 to 4 frames"),
        (bytes(10), 5, False, "1 to 4 frames"),
        (bytes(11), 4, False, "more than raw"),
        (bytes(9), 4, False, "are 10 bytes"),
        (bytes(10), 4, True, "no other coder"),
    ],
)
def test_packets_that_the_format_cannot_hold(
    payload: bytes, frames: int, fallback: bool, message: str
) -> None:
    writer = StreamWriter(io.BytesIO(), make_header())
    with pytest.raises(UsageError, match=message):
        writer.write(payload, frames, fallback)


def test_fallback_payload_is_of_raw_size() -> None:
    writer = StreamWriter(io.BytesIO(), make_header(coder=1))
    with pytest.raises(UsageError, match="are 10 bytes"):
        writer.write(bytes(9), 4, fallback=True)
    writer.write(b"", 4)  # a coder may need no bytes at all


def test_order_of_calls() -> None:
    writer = StreamWriter(io.BytesIO(), make_header())
    writer.write(bytes(8), 3)
    with pytest.raises(UsageError, match="only the last packet"):
        writer.write(bytes(10), 4)
    for samples, original_samples in [
        (961, 1766),
        (640, 1176),  # a whole frame short
        (-1, 0),
        (960, -1),
        (960, 1764 + 3),  # beyond what rounding on either side explains
        (960, 1764 - 3),
        (960, 2**64 - 1),
    ]:
        with pytest.raises(UsageError):
            writer.finish(samples, original_samples)
    writer.finish(960, 1764)
    with pytest.raises(UsageError, match="finished"):
        writer.write(bytes(10), 4)
    with pytest.raises(UsageError, match="finished"):
        writer.finish(960, 1764)


def test_short_writes() -> None:
    sample = make_sample(make_header(), [4, 3])
    pipe = Pipe(step=3)
    writer = StreamWriter(as_file(pipe), sample.header)
    for payload, frames in zip(sample.payloads, sample.frames, strict=True):
        writer.write(payload, frames)
    assert finish(writer, sample.header, 7) == len(pipe.data)
    assert bytes(pipe.data) == b"".join([*sample.parts[:-1], sample.copy, sample.parts[-1]])


class FailingFile(io.RawIOBase):
    def __init__(self, error: OSError | None) -> None:
        self.error = error

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> None:  # type: ignore[override]
        if self.error:
            raise self.error


def test_write_errors() -> None:
    for error in (OSError(28, "No space left on device"), None):
        with pytest.raises(OutputError):
            StreamWriter(FailingFile(error), make_header())  # type: ignore[arg-type]
    with pytest.raises(BrokenPipeError):
        StreamWriter(FailingFile(BrokenPipeError()), make_header())  # type: ignore[arg-type]


@pytest.mark.parametrize(("n_q", "size", "share"), [(8, 45_663, 0.015), (4, 23_163, 0.03)])
def test_overhead_of_one_minute(n_q: int, size: int, share: float) -> None:
    header = make_header(model_id="soundstream-24khz", n_q=n_q, packet_frames=75)
    sample = make_sample(header, [75] * 60)
    payload = sum(map(len, sample.payloads))
    assert payload == n_q * 10 * 75 * 60 // 8
    assert len(sample.data + sample.copy) == size <= 45_900
    assert (size - payload) / size <= share
