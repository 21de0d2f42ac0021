"""A reader of whole files made from docs/format.md alone, without a line of sscodec. Damage is an error."""

from __future__ import annotations

import re
import struct
import zlib


def read_file(data: bytes) -> list[dict]:
    """Of each stream the header, with `packets` (sequence, frames, raw, payload) and `end`."""
    streams, place = [], 0
    while place < len(data) or not streams:
        stream, place = read_stream(data, place)
        streams.append(stream)
    return streams


def varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        shift += 7
        place += 1
        if byte < 128:
            assert shift <= 35 and (byte or shift == 7)
            return value, place


def read_header(data: bytes, place: int) -> tuple[dict, int]:
    assert data[place : place + 4] == b"\x93SSC" and data[place + 4] in (1, 2)
    (size,) = struct.unpack_from("<H", data, place + 5)
    assert size >= 61 and place + size <= len(data)
    header = data[place : place + size]
    (crc,) = struct.unpack("<I", header[-4:])
    assert zlib.crc32(header[:-4]) == crc
    names = "flags sample_rate hop channels n_q bits coder packet_frames bit_rate original_rate "
    names += "original_channels original_samples model_hash entropy_hash"
    h = dict(zip(names.split(), struct.unpack_from("<BIHBBBBHIIBQ8s8s", header, 7), strict=True))
    h["varying"] = header[4] == 2
    assert h["flags"] < 8 and (h["flags"] & 2 or not h["flags"] & 4)
    assert 1 <= h["sample_rate"] <= 768_000 and 1 <= h["original_rate"] <= 768_000 and h["hop"] >= 1
    assert 1 <= h["channels"] <= 8 and h["n_q"] >= 1 and 1 <= h["bits"] <= 16
    assert 1 <= h["packet_frames"] <= 4096 and h["original_channels"] >= 1
    exact = 2 * h["channels"] * h["n_q"] * h["bits"] * h["sample_rate"]
    assert h["bit_rate"] == (exact + h["hop"]) // (2 * h["hop"])
    assert raw_size(h, h["packet_frames"]) <= 65_536
    assert h["coder"] or h["entropy_hash"] == bytes(8)
    at = 54 + header[53]
    h["model_id"] = header[54:at].decode("ascii")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", h["model_id"])
    (count,) = struct.unpack_from("<H", header, at)
    at, h["tags"] = at + 2, {}
    for _ in range(count):
        stop = at + 1 + header[at]
        key = header[at + 1 : stop].decode("ascii")
        (length,) = struct.unpack_from("<H", header, stop)
        at = stop + 2 + length
        assert key and key not in h["tags"] and re.fullmatch(r"[ -<>-~]+", key)
        h["tags"][key] = header[stop + 2 : at].decode()
    h["gain"] = 0
    if h["flags"] & 2:
        h["gain"], at = header[at] * (-1 if h["flags"] & 4 else 1), at + 1
        assert h["gain"]
    assert at == size - 4
    h["copy"], h["crc"] = b"\x93ssc" + header[4:], crc
    return h, place + size


def raw_size(h: dict, frames: int) -> int:
    return -(-frames * (number_bits(h) + h["channels"] * h["n_q"] * h["bits"]) // 8)


def number_bits(h: dict) -> int:
    return (h["n_q"] - 1).bit_length() if h["varying"] else 0


def read_stream(data: bytes, begin: int) -> tuple[dict, int]:
    h, place = read_header(data, begin)
    h["packets"], expected, last, copies = [], 0, False, 0
    while True:
        if data.startswith(h["copy"], place):
            assert copies or place - begin >= 4096 or data[place + len(h["copy"])] == 0xED
            place, copies = place + len(h["copy"]), copies + 1
            continue
        start, marker = place, data[place]
        if marker == 0xED:
            frames, samples, original = struct.unpack_from("<QQQ", data, place + 1)
            assert struct.unpack_from("<I", data, place + 25)[0] == zlib.crc32(
                data[place : place + 25], h["crc"]
            )
            given = sum(packet[1] for packet in h["packets"])
            assert copies and frames >= given and frames == -(-samples // h["hop"]) <= 2**44
            apart = abs(samples * h["original_rate"] - original * h["sample_rate"])
            assert apart <= h["sample_rate"] + h["original_rate"]
            h["end"] = frames, samples, original
            return h, place + 29
        assert marker & 0xFC == 0xB0 and not last
        sequence, place = varint(data, place + 1)
        assert sequence >= expected
        expected, frames = sequence + 1, h["packet_frames"]
        if marker & 1:
            frames, place = varint(data, place)
            assert 1 <= frames < h["packet_frames"]
            last = True
        size, place = varint(data, place)
        raw = h["coder"] == 0 or bool(marker & 2)
        assert not (h["coder"] == 0 and marker & 2)
        assert size == raw_size(h, frames) if raw and not h["varying"] else size <= raw_size(h, frames)
        payload, place = data[place : place + size], place + size
        assert struct.unpack_from("<I", data, place)[0] == zlib.crc32(data[start:place], h["crc"])
        h["packets"].append((sequence, frames, raw, payload))
        place += 4


def raw_codes(h: dict, frames: int, payload: bytes) -> list:
    """Codes [channels][n_q][frames] of raw codes, -1 for none."""
    bits, place = "".join(f"{byte:08b}" for byte in payload), 0

    def take(width: int) -> int:
        nonlocal place
        place += width
        return int(bits[place - width : place] or "0", 2)

    numbers = [1 + take(number_bits(h)) if h["varying"] else h["n_q"] for _ in range(frames)]
    assert max(numbers, default=1) <= h["n_q"]
    codes = [[[-1] * frames for _ in range(h["n_q"])] for _ in range(h["channels"])]
    for frame in range(frames):
        for channel in range(h["channels"]):
            for k in range(numbers[frame]):
                codes[channel][k][frame] = take(h["bits"])
    assert len(payload) == -(-place // 8) and not bits[place:].strip("0")
    return codes
