"""Title, artist and the like travel both ways, and so does the layout of the channels."""

import struct
from pathlib import Path

import pytest
import soundfile

import sscodec
from sscodec.audio import wav
from sscodec.audio.tags import info_chunk, layout_of, mask_of, parse_info

TAGS = {"title": "Für Elise", "artist": "B", "album": "C", "date": "1810", "track": "3", "comment": "a b"}
NAMES = {"track": "tracknumber"}


def header_of(name):
    with sscodec.open(name) as stream:
        return stream.header


def tagged(path, sound):
    with soundfile.SoundFile(path, "w", 24000, 1) as file:
        for tag, value in TAGS.items():
            setattr(file, NAMES.get(tag, tag), value)
        file.write(sound)


def read_tags(path):
    with soundfile.SoundFile(path) as file:
        return {tag: getattr(file, NAMES.get(tag, tag)) for tag in TAGS}


@pytest.mark.parametrize("suffix", ["flac", "ogg", "wav"])
def test_tags_travel_both_ways(run, sound, suffix):
    tagged(f"in.{suffix}", sound(0.3))
    run("encode", f"in.{suffix}", "--tag", "mood=calm")
    expected = (
        TAGS
        if suffix != "wav"
        else {tag: value for tag, value in TAGS.items() if tag in header_of("in.ssc").tags}
    )
    assert header_of("in.ssc").tags == {**expected, "mood": "calm"}
    for target in ("out.flac", "out.wav"):
        run("decode", "in.ssc", target)
        assert read_tags(target) == {tag: expected.get(tag, "") for tag in TAGS}
    run("decode", "in.ssc", "bare.flac", "--no-tags")
    assert set(read_tags("bare.flac").values()) == {""}
    run("encode", f"in.{suffix}", "bare.ssc", "--no-tags")
    assert header_of("bare.ssc").tags == {}
    run("encode", f"in.{suffix}", "other.ssc", "--tag", "title=Other")
    assert header_of("other.ssc").tags["title"] == "Other"


def test_tags_and_layout_of_pipes(run, sound):
    samples = sound(0.3, channels=6)
    data = wav.header(24000, 6, "PCM_16", len(samples), mask=0x3F, info=info_chunk(TAGS))
    data += wav.encode_samples(samples, "PCM_16")
    result = run("encode", "-", "-", "--n-q", 2, stdin=data)
    Path("six.ssc").write_bytes(result.stdout_bytes)
    assert header_of("six.ssc").tags == {**TAGS, "original_layout": "FL+FR+FC+LFE+BL+BR"}
    run("decode", "six.ssc", "six.wav")
    back = Path("six.wav").read_bytes()
    assert struct.unpack_from("<HH", back, 20) == (0xFFFE, 6) and struct.unpack_from("<I", back, 40) == (
        0x3F,
    )
    assert read_tags("six.wav") == TAGS and soundfile.info("six.wav").frames == len(samples)
    Path("in.wav").write_bytes(data)
    run("encode", "in.wav", "file.ssc", "--n-q", 2)
    assert header_of("file.ssc").tags == header_of("six.ssc").tags
    run("encode", "in.wav", "mono.ssc", "--mono")
    assert "original_layout" not in header_of("mono.ssc").tags


def test_info_lists_that_are_broken_are_left_alone():
    chunk = info_chunk(TAGS)
    assert parse_info(chunk[8:]) == TAGS
    for size in range(len(chunk) - 8):
        assert set(parse_info(chunk[8 : 8 + size])) <= set(TAGS)
    assert parse_info(b"adtl" + chunk[12:]) == {}
    assert parse_info(b"INFOINAM\3\0\0\0a\xfcb\0")["title"] == "aüb"


def test_layouts():
    assert layout_of(0x3F, 6) == "FL+FR+FC+LFE+BL+BR" and mask_of("FL+FR+FC+LFE+BL+BR", 6) == 0x3F
    assert (
        layout_of(0x3F, 5) is None
        and mask_of("FR+FL", 2) == 0
        and mask_of("?", 1) == 0
        and mask_of(None, 2) == 0
    )
