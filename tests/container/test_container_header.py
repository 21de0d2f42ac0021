"""The header: exact bytes, limits, damage."""

import dataclasses
import string
import struct
import zlib
from typing import Any

import pytest
from container_samples import make_header
from hypothesis import assume, given
from hypothesis import strategies as st

from sscodec.container import MAX_PACKET_FRAMES, MAX_PAYLOAD_SIZE, Header
from sscodec.errors import DamagedError, InputError, SscodecError, UsageError

TAG_KEYS = st.text([chr(code) for code in range(0x20, 0x7F) if chr(code) != "="], min_size=1, max_size=20)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    def number(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    coder = number(0, 255)
    letters = string.ascii_letters + string.digits
    fields: dict[str, Any] = {
        "model_id": draw(st.sampled_from(letters)) + draw(st.text(letters + "._-", max_size=254)),
        "model_hash": draw(st.binary(min_size=8, max_size=8)),
        "sample_rate": number(1, 768_000),
        "hop": number(1, 65_535),
        "channels": number(1, 8),
        "n_q": number(1, 255),
        "codebook_size": 2 ** number(1, 16),
        "coder": coder,
        "entropy_hash": draw(st.binary(min_size=8, max_size=8)) if coder else bytes(8),
        "original_rate": number(1, 768_000),
        "original_channels": number(1, 255),
        "original_samples": draw(st.none() | st.integers(0, 2**64 - 2)),
        "denoise": draw(st.booleans()),
        "gain_db": number(-255, 255),
        "tags": draw(st.dictionaries(TAG_KEYS, st.text(max_size=50), max_size=5)),
    }
    frame_bits = fields["channels"] * fields["n_q"] * (fields["codebook_size"].bit_length() - 1)
    assume(frame_bits * fields["sample_rate"] / fields["hop"] < 2**32 - 1)
    most = min(MAX_PACKET_FRAMES, MAX_PAYLOAD_SIZE * 8 // frame_bits)
    return Header(packet_frames=number(1, most), **fields)


def with_field(data: bytes, offset: int, field_format: str, value: int) -> bytes:
    """Header bytes with one field replaced and the checksum made right again."""
    changed = bytearray(data)
    struct.pack_into(field_format, changed, offset, value)
    struct.pack_into("<I", changed, len(changed) - 4, zlib.crc32(changed[:-4]))
    return bytes(changed)


def test_exact_bytes() -> None:
    header = make_header(
        coder=1,
        entropy_hash=b"entropy!",
        channels=2,
        original_samples=0x0102030405060708,
        denoise=True,
        tags={"title": "Ö", "n": ""},
    )
    body = bytes.fromhex(
        "93 53 53 43  01  51 00  01  c0 5d 00 00  40 01  02  02  0a  01  04 00  b8 0b 00 00"
        "44 ac 00 00  02  08 07 06 05 04 03 02 01  01 23 45 67 89 ab cd ef"
    )
    body += b"entropy!" + b"\x04tiny" + b"\x02\x00" + b"\x05title\x02\x00\xc3\x96" + b"\x01n\x00\x00"
    body = body[:5] + struct.pack("<H", len(body) + 4) + body[7:]
    assert header.to_bytes() == body + struct.pack("<I", zlib.crc32(body))


def test_a_gain_is_the_last_byte() -> None:
    plain, raised = make_header(denoise=True).to_bytes(), make_header(denoise=True, gain_db=24).to_bytes()
    assert raised[7] == 3 and raised[5] == plain[5] + 1
    assert raised[8:-4] == plain[8:-4] + b"\x18"
    with pytest.raises(DamagedError, match="the gain is missing, or 0 dB"):
        Header.from_bytes(with_field(raised, len(raised) - 5, "B", 0))


@given(headers())
def test_round_trip(header: Header) -> None:
    data = header.to_bytes()
    again = Header.from_bytes(data)
    assert again == header
    assert list(again.tags) == list(header.tags)
    assert again.to_bytes() == data
    assert Header(**dataclasses.asdict(again)) == header


@given(st.binary(max_size=200))
def test_arbitrary_bodies_raise_only_our_errors(body: bytes) -> None:
    data = b"\x93SSC\x01" + struct.pack("<H", len(body) + 11) + body
    with pytest.raises(SscodecError):
        Header.from_bytes(data + struct.pack("<I", zlib.crc32(data)))


def test_rates() -> None:
    header = make_header(channels=2, n_q=8, packet_frames=75)
    assert (header.bitrate, header.frame_rate, header.bits) == (12_000, 75.0, 10)
    assert (header.raw_size(75), header.raw_size(1)) == (1500, 20)
    assert make_header(n_q=1, codebook_size=2, sample_rate=1, hop=2).bitrate == 1  # a half is rounded up


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": ""},
        {"model_id": "../weights"},
        {"model_id": "x" * 256},
        {"model_id": "tiny\n"},
        {"model_id": "größe"},
        {"model_hash": b"short"},
        {"entropy_hash": b"\0" * 7 + b"x"},
        {"sample_rate": 0},
        {"sample_rate": 24_000.0},
        {"hop": 65_536},
        {"channels": 9},
        {"n_q": 256},
        {"codebook_size": 1000},
        {"codebook_size": 1},
        {"coder": 256},
        {"packet_frames": 0},
        {"packet_frames": 4097},
        {"original_rate": 768_001},
        {"original_channels": 0},
        {"original_samples": 2**64 - 1},
        {"original_samples": -1},
        {"gain_db": -256},
        {"gain_db": 256},
        {"packet_frames": 4096, "n_q": 13},  # more than 65536 bytes a packet
        {
            "n_q": 255,
            "channels": 8,
            "packet_frames": 1,
            "sample_rate": 768_000,
            "hop": 1,
        },  # bit rate above u32
        {"tags": {"": "x"}},
        {"tags": {"a=b": "x"}},
        {"tags": {"k" * 256: "x"}},
        {"tags": {"key": "\ud800"}},
        {"tags": {"key": "x" * 65_536}},
        {"tags": {"a": "x" * 40_000, "b": "x" * 40_000}},
        {"tags": {str(number): "" for number in range(70_000)}},
    ],
)
def test_fields_out_of_range(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as raised:
        make_header(**change)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("offset", "field_format", "value", "message"),
    [
        (7, "B", 4, "reserved flags"),
        (7, "B", 8, "reserved flags"),
        (7, "B", 2, "the gain is missing"),
        (8, "<I", 0, "sample_rate"),
        (8, "<I", 25_000, "bit rate"),
        (14, "B", 9, "channels"),
        (16, "B", 0, "bits"),
        (16, "B", 255, "bits"),
        (18, "<H", 65_535, "packet_frames"),
        (20, "<I", 1501, "bit rate"),
        (45, "B", 1, "entropy_hash"),
        (53, "B", 255, "beyond the end"),
        (53, "B", 3, "not valid"),
        (54, "B", 0xFF, "not valid"),
        (58, "<H", 1, "not valid"),
    ],
)
def test_invalid_fields_with_a_right_checksum(
    offset: int, field_format: str, value: int, message: str
) -> None:
    with pytest.raises(DamagedError, match=message):
        Header.from_bytes(with_field(make_header().to_bytes(), offset, field_format, value))


def test_repeated_tags_are_refused() -> None:
    data = make_header(tags={"a": "1", "b": "2"}).to_bytes().replace(b"\x01b", b"\x01a")
    with pytest.raises(DamagedError, match="twice"):
        Header.from_bytes(with_field(data, 4, "B", 1))


def test_newer_version_is_told_from_damage() -> None:
    data = make_header().to_bytes()
    with pytest.raises(InputError, match="a newer sscodec is needed"):
        Header.from_bytes(with_field(data, 4, "B", 3))
    with pytest.raises(DamagedError):
        Header.from_bytes(data[:4] + b"\x03" + data[5:])


@pytest.mark.parametrize("data", [b"", b"RIFF....WAVE", b"\x93SSX\x01\x50\x00"])
def test_other_files_are_not_streams(data: bytes) -> None:
    with pytest.raises(InputError, match="not an sscodec stream"):
        Header.from_bytes(data)


def test_every_truncation_and_flip_raises() -> None:
    data = make_header(tags={"title": "Ö"}).to_bytes()
    for size in range(1, len(data)):
        with pytest.raises(DamagedError):
            Header.from_bytes(data[:size])
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InputError if bit < 32 else DamagedError):
            Header.from_bytes(bytes(flipped))
