"""The copy of the header: where it stands, and what it saves."""

import io
import random

import pytest
from container_samples import Pipe, Sample, as_file, check_time, make_header, make_sample, read_all
from hypothesis import given, settings
from hypothesis import strategies as st

from sscodec.container import Gap, Packet, StreamReader, read_streams, scan
from sscodec.container.search import SEARCH_SIZE
from sscodec.container.source import MAX_HELD
from sscodec.errors import DamagedError, InputError

SAMPLE = make_sample(make_header(), [4, 4, 4, 3])
OTHER = make_sample(make_header(model_id="other"), [4] * 6, seed=100)
BIG = make_sample(make_header(n_q=100, packet_frames=16), [16] * 12, seed=7)  # packets of 2 kB


def with_copy(sample: Sample, place: int = -1) -> list[bytes]:
    """The parts of a stream with its copy where the writer puts it, or elsewhere."""
    return [*sample.parts[:place], sample.copy, *sample.parts[place:]]


WHOLE, OTHER_WHOLE = b"".join(with_copy(SAMPLE)), b"".join(with_copy(OTHER))


def payloads_of(data: bytes) -> list[list[bytes]]:
    """Of all streams of a chain. Time must be without hole or overlap in each."""
    found = []
    for reader in read_streams(io.BytesIO(data)):
        items = list(reader)
        check_time(items)
        found.append([item.payload for item in items if isinstance(item, Packet)])
    return found


@pytest.mark.parametrize("place", [1, 2, -1])
def test_copies_are_passed_over(place: int) -> None:
    reader, packets, gaps = read_all(b"".join(with_copy(SAMPLE, place)))
    assert (len(packets), gaps, reader.truncated) == (4, [], False)


def test_every_flipped_bit_of_the_header_is_made_good() -> None:
    for bit in range(8 * len(SAMPLE.parts[0])):
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        reader, packets, gaps = read_all(bytes(data))
        assert (reader.header, [each.payload for each in packets]) == (SAMPLE.header, SAMPLE.payloads)
        assert gaps == [Gap(0, 0, 0, len(SAMPLE.parts[0]), "the header is damaged, its copy was used")]
        assert reader.end is not None and reader.offset == 0


def test_every_flipped_bit_of_the_copy_costs_nothing() -> None:
    start = len(WHOLE) - len(SAMPLE.parts[-1]) - len(SAMPLE.copy)
    for bit in range(8 * start, 8 * (start + len(SAMPLE.copy))):
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        reader, packets, gaps = read_all(bytes(data))
        assert [each.payload for each in packets] == SAMPLE.payloads
        assert [(gap.offset, gap.frames, gap.length) for gap in gaps] == [(start, 0, len(SAMPLE.copy))]
        assert reader.end is not None


def test_a_file_without_its_beginning() -> None:
    ends = [sum(map(len, with_copy(SAMPLE)[: part + 1])) for part in range(6)]
    for cut in range(1, ends[4]):
        _, packets, _ = read_all(WHOLE[cut:])
        assert [each.payload for each in packets] == [
            payload for number, payload in enumerate(SAMPLE.payloads) if ends[number] >= cut
        ]


def test_header_and_copy_damaged() -> None:
    data = bytearray(WHOLE)
    data[10] ^= 1
    data[-len(SAMPLE.parts[-1]) - 10] ^= 1
    with pytest.raises(DamagedError, match="checksum"):
        read_all(bytes(data))


def test_the_copy_of_a_long_stream_is_beyond_the_first_4096_bytes() -> None:
    parts = with_copy(BIG, 4)  # header and three packets
    start = sum(map(len, parts[:4]))
    assert start - len(parts[3]) < 4096 <= start
    _, packets, _ = read_all(bytes(4096) + b"".join(parts)[4096:])
    assert [each.payload for each in packets] == BIG.payloads[3:]
    index = scan(io.BytesIO(b"".join(parts)))
    assert index.end is not None and index.packets == 12


@pytest.mark.parametrize("sample", [SAMPLE, OTHER])
@pytest.mark.parametrize("garbage", [1, 7, 1000, SEARCH_SIZE - 1])
def test_garbage_before_a_stream(sample: Sample, garbage: int) -> None:
    reader, packets, gaps = read_all(random.Random(0).randbytes(garbage) + b"".join(with_copy(sample)))
    assert [each.payload for each in packets] == sample.payloads
    assert gaps == [Gap(0, 0, 0, garbage, "bytes that belong to no stream")]
    assert reader.bytes_read == garbage + len(sample.data + sample.copy)


def test_a_stream_far_into_a_file_is_not_searched_for() -> None:
    pipe = Pipe(bytes(10 * SEARCH_SIZE) + WHOLE, step=10**6)
    with pytest.raises(InputError, match="not an sscodec stream"):
        StreamReader(as_file(pipe))
    assert pipe.position <= SEARCH_SIZE + 65_536


@pytest.mark.parametrize("garbage", [0, 5, 60_000, SEARCH_SIZE, 3 * SEARCH_SIZE])
def test_a_damaged_header_in_a_chain(garbage: int) -> None:
    damaged = bytearray(OTHER_WHOLE)
    damaged[8] ^= 1
    data = WHOLE + random.Random(1).randbytes(garbage) + damaged + WHOLE
    assert payloads_of(data) == [SAMPLE.payloads, OTHER.payloads, SAMPLE.payloads]


def test_one_burst_over_the_end_of_a_stream_and_the_next_header() -> None:
    seam = len(WHOLE)
    for start in range(len(SAMPLE.parts[0]), seam + 1, 3):
        data = bytearray(WHOLE + OTHER_WHOLE)
        data[start : seam + 20] = bytes(seam + 20 - start)
        first, second = payloads_of(bytes(data))
        assert first == SAMPLE.payloads[: len(first)] and second == OTHER.payloads


def test_copies_without_packets_end_in_streams_without_packets() -> None:
    copies = [SAMPLE.copy, OTHER.copy, BIG.copy]
    assert payloads_of(b"?".join([WHOLE[:-5], *copies, *copies])) == [SAMPLE.payloads] + [[]] * 5
    assert payloads_of(b"".join([b"?", *copies, *copies])) == [[]] * 6


def test_what_is_held_for_a_copy_is_bounded() -> None:
    damage = random.Random(2).randbytes(2 * MAX_HELD)
    data = WHOLE[:-5] + damage + OTHER_WHOLE[5:]
    assert payloads_of(data) == [SAMPLE.payloads, OTHER.payloads]


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 200), st.binary(max_size=30))
def test_a_burst_costs_only_the_packets_that_it_hits(start: int, length: int, filling: bytes) -> None:
    place, whole, starts = 0, [], 0
    for number, part in enumerate(with_copy(SAMPLE)):
        if place + len(part) <= start or place >= start + length:
            starts += part[:1] == b"\x93"
            whole += SAMPLE.payloads[number - 1 : number] if 1 <= number <= 4 else []
        place += len(part)
    if not starts:
        return
    _, packets, _ = read_all(WHOLE[:start] + filling + WHOLE[start + length :])
    assert {each.payload for each in packets} >= set(whole)


def test_no_byte_beyond_a_packet_is_waited_for() -> None:
    sample = make_sample(make_header(n_q=1, packet_frames=1), [1] * 300)  # the shortest heads and longer ones
    pipe = Pipe(sample.data)
    reader = StreamReader(as_file(pipe))
    for number in range(300):
        assert isinstance(next(reader), Packet)
        assert pipe.position == sample.offset(number + 2)
