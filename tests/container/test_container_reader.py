"""Reading whole and damaged streams."""

import io
import os
import random
import threading
from fractions import Fraction

import pytest
from container_samples import Pipe, Sample, as_file, check_time, make_header, make_sample, read_all
from hypothesis import given
from hypothesis import strategies as st
from test_container_header import headers

from sscodec.container import (
    End,
    Framing,
    Gap,
    Header,
    Packet,
    StreamReader,
    StreamWriter,
    read_streams,
    scan,
)
from sscodec.container.reader import MAX_DAMAGE_LINES
from sscodec.errors import DamagedError, InputError, SscodecError

HEADER = make_header()
SAMPLE = make_sample(HEADER, [4, 4, 4, 3])
OTHER = make_sample(make_header(model_id="other"), [4] * 6, seed=100)


def packet(sample: Sample, number: int) -> Packet:
    first_frame = number * sample.header.packet_frames
    return Packet(number, first_frame, sample.frames[number], sample.payloads[number])


def all_packets(sample: Sample) -> list[Packet]:
    return [packet(sample, number) for number in range(len(sample.frames))]


def test_whole_stream() -> None:
    reader, packets, gaps = read_all(SAMPLE.data)
    assert reader.header == HEADER
    assert packets == all_packets(SAMPLE)
    assert gaps == [] and reader.damage == [] and not reader.truncated
    assert reader.end == End(15, 15 * 320, 8820)
    assert reader.bytes_read == len(SAMPLE.data)


@given(headers(), st.integers(0, 3), st.data())
def test_round_trip_of_any_stream(header: Header, full: int, data: st.DataObject) -> None:
    frames = [header.packet_frames] * full + data.draw(
        st.lists(st.integers(1, header.packet_frames), max_size=1)
    )
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    expected = []
    for number, count in enumerate(frames):
        fallback = header.coder != 0 and data.draw(st.booleans())
        size = header.raw_size(count)
        if header.coder and not fallback:
            size = data.draw(st.integers(0, size))
        payload = random.Random(number).randbytes(size)
        writer.write(payload, count, fallback)
        expected.append(Packet(number, number * header.packet_frames, count, payload, fallback))
    most = writer.frames * header.hop
    samples = data.draw(st.integers(max(0, most - header.hop + 1), most))
    rates = header.original_rate, header.sample_rate
    shift = data.draw(st.integers(-1, 1)) if samples else 0
    original_samples = max(0, round(Fraction(samples * rates[0], rates[1]) + shift * Fraction(1, 2)))
    writer.finish(samples, original_samples)
    reader, packets, gaps = read_all(file.getvalue())
    assert (reader.header, packets, gaps) == (header, expected, [])
    assert reader.end == End(sum(frames), samples, original_samples)


@pytest.mark.parametrize("step", [1, 2, 7, 100])
def test_short_reads(step: int) -> None:
    reader = StreamReader(as_file(Pipe(SAMPLE.data, step)))
    assert list(reader) == all_packets(SAMPLE)
    assert reader.end is not None


def test_packets_of_a_pipe_come_before_it_ends() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb") as sink:  # noqa: PTH123
        # A hang would mean that the reader waits for more than a packet.
        timer = threading.Timer(10, sink.close)
        timer.start()
        sink.write(SAMPLE.parts[0] + SAMPLE.parts[1])
        sink.flush()
        reader = StreamReader(source)
        assert next(reader) == packet(SAMPLE, 0)
        assert not sink.closed
        timer.cancel()


def test_every_truncation() -> None:
    for size in range(len(SAMPLE.data)):
        data = SAMPLE.data[:size]
        if size < SAMPLE.offset(1):
            with pytest.raises(InputError if size == 0 else DamagedError):
                read_all(data)
            continue
        reader, packets, gaps = read_all(data)
        whole = sum(size >= SAMPLE.offset(part + 1) for part in range(1, 5))
        assert packets == all_packets(SAMPLE)[:whole]
        assert reader.truncated and reader.end is None
        assert len(gaps) == 1 and gaps[0].frames is None
        assert gaps[0].offset + gaps[0].length == size


def test_every_flipped_bit() -> None:
    for bit in range(8 * len(SAMPLE.data)):
        data = bytearray(SAMPLE.data)
        data[bit // 8] ^= 1 << bit % 8
        if bit // 8 < SAMPLE.offset(1):
            with pytest.raises(SscodecError):
                read_all(bytes(data))
            continue
        part = max(part for part in range(6) if SAMPLE.offset(part) <= bit // 8)
        reader, packets, gaps = read_all(bytes(data))
        assert packets == [each for each in all_packets(SAMPLE) if each.sequence != part - 1]
        assert len(gaps) == 1
        assert (gaps[0].offset, gaps[0].length) == (SAMPLE.offset(part), len(SAMPLE.parts[part]))
        if part == 5:
            assert gaps[0].frames is None and reader.truncated
        else:
            assert gaps[0].frames == SAMPLE.frames[part - 1]
            assert reader.end == End(15, 15 * 320, 8820)


@pytest.mark.parametrize(
    "end",
    [
        End(15, 14 * 320, 8232),  # a whole frame short
        End(15, 5, 9),
        End(15, 15 * 320 + 1, 8821),
        End(15, 15 * 320, 8823),  # another length at the other rate
        End(15, 15 * 320, 2**64 - 1),
        End(2**45, 2**45 * 320, 2**45 * 588),  # more than packets have numbers for
        End(0, 0, 0),
    ],
)
def test_an_end_marker_that_contradicts_itself_or_the_packets_is_damage(end: End) -> None:
    data = b"".join(SAMPLE.parts[:-1]) + Framing(SAMPLE.header).pack_end(end)
    reader, packets, gaps = read_all(data)
    assert packets == all_packets(SAMPLE)
    assert reader.truncated and reader.end is None and len(gaps) == 1
    assert scan(io.BytesIO(data)).end is None


@given(st.sets(st.integers(0, 299)), st.booleans())
def test_dropped_packets_keep_the_time_right(dropped: set[int], last_too: bool) -> None:
    dropped |= {300} if last_too else set()
    sample = LONG
    kept = [number for number in range(301) if number not in dropped]
    data = sample.parts[0] + b"".join(sample.parts[1 + number] for number in kept) + sample.parts[-1]
    reader, packets, gaps = read_all(data)
    assert packets == [packet(sample, number) for number in kept]
    lost = sum(sample.frames[number] for number in dropped)
    assert sum(gap.frames or 0 for gap in gaps) == lost
    assert all(gap.length == 0 and gap.reason == "packets are missing" for gap in gaps)
    assert reader.end is not None and reader.end.frames == sum(sample.frames)


LONG = make_sample(make_header(packet_frames=2), [2] * 300 + [1])


@given(
    st.dictionaries(st.integers(0, 299), st.sampled_from(["drop", "flip", "garbage", "repeat"]), max_size=20)
)
def test_any_damage(wounds: dict[int, str]) -> None:
    parts = list(LONG.parts)
    for number, kind in wounds.items():
        whole = parts[1 + number]
        parts[1 + number] = {
            "drop": b"",
            "flip": b"\x7f" + whole[1:],
            "garbage": b"\xb0\x93SSC\x01\xff\xff\xed\xb1\x05" + whole,
            "repeat": whole * 2,
        }[kind]
    lost = {number for number, kind in wounds.items() if kind in ("drop", "flip")}
    reader, packets, gaps = read_all(b"".join(parts))
    assert packets == [each for each in all_packets(LONG) if each.sequence not in lost]
    assert sum(gap.frames or 0 for gap in gaps) == 2 * len(lost)
    assert bool(gaps) == bool(wounds) and reader.end is not None


@given(st.binary(max_size=500))
def test_random_bytes_after_the_header(garbage: bytes) -> None:
    reader, packets, gaps = read_all(SAMPLE.parts[0] + garbage)
    assert packets == [] and reader.truncated and len(gaps) == 1


def test_swapped_packets() -> None:
    first, second, third = SAMPLE.parts[1:4]
    reader, packets, gaps = read_all(
        SAMPLE.parts[0] + second + first + third + SAMPLE.parts[4] + SAMPLE.parts[5]
    )
    assert [each.sequence for each in packets] == [1, 2, 3]
    assert [(gap.first_frame, gap.frames) for gap in gaps] == [(0, 4), (8, 0)]
    assert "repeated or out of order" in reader.damage[1]


def test_short_packet_in_the_middle_keeps_the_time_right() -> None:
    short = make_sample(HEADER, [4, 1]).parts[2]
    _, packets, gaps = read_all(b"".join([*SAMPLE.parts[:2], short, *SAMPLE.parts[3:]]))
    assert [each.frames for each in packets] == [4, 1, 4, 3]
    assert [(gap.first_frame, gap.frames) for gap in gaps] == [(5, 3)]


def test_end_marker_of_a_shorter_stream_is_refused() -> None:
    shorter = make_sample(HEADER, [4]).parts[-1]
    reader, packets, _ = read_all(b"".join(SAMPLE.parts[:-1]) + shorter)
    assert len(packets) == 4 and reader.truncated


def test_damage_is_described_in_one_line() -> None:
    data = bytearray(SAMPLE.data)
    data[SAMPLE.offset(2) + 5] ^= 1
    reader, _, gaps = read_all(bytes(data))
    assert gaps == [
        Gap(4, 4, SAMPLE.offset(2), len(SAMPLE.parts[2]), "the checksum of a packet does not match")
    ]
    assert reader.damage == [
        f"byte {gaps[0].offset}: the checksum of a packet does not match, 17 bytes passed over; "
        "4 frames (0.053 s) lost at 0.053 s"
    ]


# Chained streams


def read_chain(data: bytes) -> list[tuple[StreamReader, list[Packet]]]:
    streams = []
    for reader in read_streams(io.BytesIO(data)):
        items = list(reader)
        check_time(items)
        streams.append((reader, [item for item in items if isinstance(item, Packet)]))
    return streams


def test_chain() -> None:
    streams = read_chain(SAMPLE.data + OTHER.data + SAMPLE.data)
    assert [packets for _, packets in streams] == [all_packets(each) for each in (SAMPLE, OTHER, SAMPLE)]
    assert not any(reader.damage for reader, _ in streams)
    assert [reader.offset for reader, _ in streams] == [0, len(SAMPLE.data), len(SAMPLE.data + OTHER.data)]


def test_chain_from_a_pipe_with_unread_streams() -> None:
    pipe = Pipe(SAMPLE.data + OTHER.data)
    assert [reader.header.model_id for reader in read_streams(as_file(pipe))] == ["tiny", "other"]


def test_chain_with_a_truncated_stream() -> None:
    for size in range(SAMPLE.offset(1), len(SAMPLE.data)):
        (first, packets), (second, others) = read_chain(SAMPLE.data[:size] + OTHER.data)
        assert first.truncated and len(first.damage) == 1
        assert packets == [each for each in all_packets(SAMPLE) if SAMPLE.offset(each.sequence + 2) <= size]
        assert not second.damage and others == all_packets(OTHER)


def test_garbage_in_a_chain_is_reported() -> None:
    (first, _), (second, _) = read_chain(SAMPLE.data + b"\x93junk\n" + OTHER.data + b"end")
    assert len(first.damage) == len(second.damage) == 1
    assert "6 bytes passed over" in first.damage[0] and "3 bytes passed over" in second.damage[0]
    assert first.end and second.end


def test_stream_with_a_damaged_header_in_a_chain() -> None:
    damaged = bytearray(OTHER.data)
    damaged[10] ^= 1
    (first, packets), (_, last) = read_chain(SAMPLE.data + damaged + SAMPLE.data)
    assert packets == last == all_packets(SAMPLE)
    assert f"a stream with a damaged header, {len(damaged)} bytes passed over" in first.damage[0]


def test_packets_do_not_pass_for_those_of_another_stream() -> None:
    header_lost = OTHER.data[OTHER.offset(1) :]  # its packets 4 and 5 would follow those of SAMPLE
    reader, packets, _ = read_all(SAMPLE.data[: SAMPLE.offset(5)] + header_lost)
    assert packets == all_packets(SAMPLE) and reader.truncated


# Bounds


def test_promised_lengths_allocate_nothing() -> None:
    pipe = Pipe(b"\x93SSC\x01\xff\xff", step=10**6)
    with pytest.raises(DamagedError, match="cut short: 7 of 65535 bytes"):
        StreamReader(as_file(pipe))
    assert pipe.most_asked <= 65_536
    start = make_header(coder=1, n_q=128, packet_frames=400).to_bytes()  # packets of up to 64000 bytes
    for head, reason in [
        (b"\xb0\x00\x80\xf4\x03", "a packet is cut short"),
        (b"\xb0\x00\x81\xf4\x03", "the head of a packet is not valid"),  # one byte more
        (b"\xb0\x00\xff\xff\xff\xff\x0f", "the head of a packet is not valid"),
        (b"\xb1\x00\xff\xff\x03", "the head of a packet is not valid"),  # 65535 frames
        (b"\xed", "the end marker is cut short"),
    ]:
        pipe = Pipe(start + head, step=10**6)
        assert [item.reason for item in StreamReader(as_file(pipe)) if isinstance(item, Gap)] == [reason]
        assert pipe.most_asked <= 65_536


@pytest.mark.parametrize("unit", [b"\xb0\x00\xff\xff\x03", b"\x93SSC\x01\xff\xff", b"\xed", b"\xb0", b"\x00"])
def test_long_garbage(unit: bytes) -> None:
    garbage = unit * (300_000 // len(unit))
    sizes = []

    class Counting(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            sizes.append(size)
            return super().read1(size)

    big = make_sample(make_header(coder=0, n_q=128, packet_frames=3), [3, 3, 3])
    reader = StreamReader(Counting(b"".join([*big.parts[:2], garbage, *big.parts[2:]])))
    items = list(reader)
    assert [each.payload for each in items if isinstance(each, Packet)] == big.payloads
    assert len(reader.damage) == 1 and reader.end is not None
    assert len(sizes) < 50 and set(sizes) == {65_536}


def test_list_of_damage_is_bounded() -> None:
    sample = make_sample(make_header(packet_frames=1), [1] * (2 * MAX_DAMAGE_LINES + 100))
    reader = StreamReader(io.BytesIO(b"".join([sample.parts[0], *sample.parts[1:-1:2], sample.parts[-1]])))
    assert sum(isinstance(item, Gap) for item in reader) == MAX_DAMAGE_LINES + 50
    assert len(reader.damage) == MAX_DAMAGE_LINES + 1
    assert "more damage" in reader.damage[-1]


def test_read_errors() -> None:
    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    class NonBlocking(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return None  # type: ignore[return-value]

    for file in (Failing(), NonBlocking()):
        with pytest.raises(InputError):
            StreamReader(file)
