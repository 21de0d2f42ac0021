"""All that can be done with a model, done with each architecture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from architecture_samples import CONFIGS, install

import sscodec
from sscodec import models
from sscodec.batch import Task, Work
from sscodec.codec import Codec
from sscodec.streams import StreamFile


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request, tmp_path_factory):
    return install(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def as_default(folder, monkeypatch):
    monkeypatch.setenv("SSCODEC_MODEL", str(folder))


def codes_of(path):
    with StreamFile(path) as stream:
        return stream.codes()


def sound_of(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def test_files_and_pipes(run, recording):
    run("encode", recording, "--n-q", 6, "--packet-ms", 300)
    run("decode", "in.ssc", "out.wav")
    assert soundfile.info("out.wav").frames == soundfile.info(recording).frames
    assert np.abs(sound_of("out.wav")).max() > 0
    piped = run("encode", "-", "--n-q", 6, "--packet-ms", 300, stdin=recording.read_bytes()).stdout_bytes
    Path("piped.ssc").write_bytes(piped)
    np.testing.assert_array_equal(codes_of("piped.ssc"), codes_of("in.ssc"))
    decoded = run("decode", "-", stdin=Path("in.ssc").read_bytes()).stdout_bytes
    assert decoded == Path("out.wav").read_bytes()
    said = run("verify", "in.ssc").stdout
    assert said.startswith("in.ssc: whole") and said.endswith("2.500 s\n")


def test_the_stream_is_what_the_network_makes_of_the_whole(run, folder, sound):
    codec = Codec.load(folder)
    samples = sound(1.6, rate=codec.sample_rate, channels=2)
    soundfile.write("in.wav", samples, codec.sample_rate, subtype="FLOAT")
    run("encode", "in.wav", "--n-q", 4)
    codes = codes_of("in.ssc")
    assert (codes == codec.encode(samples.T, n_q=4)).mean() > 0.99
    run("decode", "in.ssc", "out.wav")
    expected = np.clip(codec.decode(codes)[:, : len(samples)], -1, 1)
    np.testing.assert_allclose(sound_of("out.wav").T, expected, atol=2e-4)


def test_peeling(run, recording):
    run("encode", recording, "--n-q", 7)
    run("transcode", "in.ssc", "few.ssc", "--n-q", 3)
    np.testing.assert_array_equal(codes_of("few.ssc"), codes_of("in.ssc")[:, :3])
    run("decode", "few.ssc", "few.wav")
    run("decode", "in.ssc", "first.wav", "--n-q", 3)
    assert Path("few.wav").read_bytes() == Path("first.wav").read_bytes()


def test_damage_is_told_concealed_and_repaired(run, recording):
    run("encode", recording, "--packet-ms", 100)
    data = bytearray(Path("in.ssc").read_bytes())
    run("decode", "in.ssc", "whole.wav")
    data[len(data) // 2] ^= 8
    Path("in.ssc").write_bytes(data)
    run("verify", "in.ssc", code=4)
    run("decode", "in.ssc", "out.wav", code=4)
    run("repair", "in.ssc", "saved.ssc")
    run("decode", "saved.ssc", "saved.wav", code=4)
    whole = sound_of("whole.wav")
    for name in ("out.wav", "saved.wav"):
        found = sound_of(name)
        assert found.shape == whole.shape
        np.testing.assert_allclose(found[:15000], whole[:15000], atol=2e-4)  # before the loss


@pytest.mark.parametrize("lost", [(), (3, 4, *range(9, 20))])
def test_live_packets(folder, sound, lost):
    codec = Codec.load(folder)
    samples = sound(1.0, rate=codec.sample_rate)[:, 0]
    encoder = sscodec.PacketEncoder(codec, n_q=4, packet_ms=40)
    packets = []
    for start in range(0, len(samples), 333):
        packets += encoder.push(samples[start : start + 333])
    packets += encoder.flush()
    decoder = sscodec.PacketDecoder(codec, encoder.header)
    heard = [decoder.push(packet) for number, packet in enumerate(packets) if number not in lost]
    out = np.concatenate(heard, axis=1)
    frames = -(-len(samples) // codec.hop)
    assert decoder.ended and out.shape == (1, frames * codec.hop)
    expected = codec.decode(codec.encode(samples, n_q=4))
    if lost:
        assert decoder.concealed > 0
        assert np.abs(out).max() <= 1.01 * np.abs(expected).max()
    else:
        assert np.mean(np.abs(out[0] - expected) > 1e-4) < 0.05  # but for codes that tipped over


def test_concealment_adds_up_and_fades(folder, sound):
    codec = Codec.load(folder)
    codes = codec.encode(sound(1.0, rate=codec.sample_rate)[:, 0], n_q=2)
    at_once, pieces = codec.stream_decoder(), codec.stream_decoder()
    hop = codec.hop
    heard = [at_once.push(codes[:, :30]), at_once.conceal(40), at_once.push(codes[:, 30:]), at_once.flush()]
    whole = np.concatenate(heard)
    assert len(whole) == (codes.shape[1] + 40) * hop
    assert not whole[46 * hop : 70 * hop].any()
    assert whole[70 * hop :].any()
    parts = [pieces.push(codes[:, :30]), *(pieces.conceal(n) for n in (1, 0, 8, 20, 11))]
    joined = np.concatenate([*parts, pieces.push(codes[:, 30:]), pieces.flush()])
    np.testing.assert_allclose(joined, whole, atol=1e-5)


def test_frames_of_fewer_codebooks(run, folder, sound):
    """-1 stands for codes that are left out: the sound is that of a decoder given as many as there are."""
    codec = Codec.load(folder)
    codes = codec.encode(sound(1.0, rate=codec.sample_rate)[:, 0], n_q=4)
    numbers = np.where(np.arange(codes.shape[1]) < 20, 4, 2)
    varying = np.where(np.arange(4)[:, None] < numbers, codes, -1)
    session = codec.stream_decoder()
    parts = [session.push(codes[:, :20]), session.push(codes[:2, 20:]), session.flush()]
    np.testing.assert_allclose(codec.decode(varying), np.concatenate(parts), atol=1e-5)
    two = np.where(np.arange(4)[:, None] < 2, codes, -1)
    np.testing.assert_allclose(codec.decode(two), codec.decode(codes[:2]), atol=1e-5)
    codec.save("varying.ssc", varying, entropy="raw", packet_ms=100)
    np.testing.assert_array_equal(codes_of("varying.ssc")[0], varying)
    run("decode", "varying.ssc", "out.wav", "--subtype", "FLOAT")
    np.testing.assert_allclose(sound_of("out.wav")[:, 0], codec.decode(varying), atol=1e-4)
    heard = codec.stream_decoder()
    heard.push(varying)
    assert np.isfinite(heard.conceal(30)).all()


def test_batches(run, recording):
    """As a worker does them."""
    options = {"n_q": 3, "kbps": None, "mono": False, "packet_ms": 1000.0, "tags": {}}
    encode = Work("encode", ".ssc", options=options)
    encode.prepare()
    outcome = encode.run(Task("in.wav", "coded/in.ssc"), lambda *_: None)
    assert (outcome.error, outcome.n_q, outcome.seconds) == (None, 3, 2.5)
    run("encode", "in.wav", "alone.ssc", "--n-q", 3)
    assert Path("coded/in.ssc").read_bytes() == Path("alone.ssc").read_bytes()
    assert encode.run(Task("in.wav", "coded/in.ssc"), lambda *_: None).skipped
    decode = Work("decode", ".wav", options={"rate": "original", "subtype": None, "n_q": None})
    assert decode.run(Task("coded/in.ssc", "back/in.wav"), lambda *_: None).error is None
    assert soundfile.info("back/in.wav").frames == soundfile.info("in.wav").frames


def test_evaluation(folder, sound, tmp_path):
    pytest.importorskip("scipy")
    from sscodec.evaluation import metrics
    from sscodec.evaluation.peers.ours import Ours

    ours = Ours(models.open_folder(folder))
    rate = ours.model.config.sample_rate
    samples = np.int16(30000 * sound(1.0, rate=rate)[:, 0])
    coded = ours.code(samples, rate, ours.rates[-1], tmp_path)
    assert len(coded.sound) == len(samples)
    assert np.isfinite(metrics.mel_distance(samples / 2**15, coded.sound.astype(float), rate))


def test_what_a_model_lacks_is_refused(run, folder, recording):
    assert "cannot remove noise" in run("encode", recording, "--denoise", code=2).stderr
    run("encode", recording)
    assert "cannot remove noise" in run("decode", "in.ssc", "o.wav", "--denoise", code=2).stderr
    assert not Path("o.wav").exists()
