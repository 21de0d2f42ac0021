import io

import numpy as np
import pytest
import soundfile

import sscodec
from sscodec.codec import Codec
from sscodec.container import Header, StreamWriter
from sscodec.entropy import RawCoder
from sscodec.entropy.prediction import predict
from sscodec.errors import DamagedError, InputError, ModelError, OutputError, UsageError
from sscodec.files import decode_file, encode_file

RATES = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000]


@pytest.fixture(scope="module")
def codec(model_folder):
    return Codec.load(model_folder)


@pytest.fixture
def recording(tmp_path, sound):
    """A WAV file of 2.5 s."""
    path = tmp_path / "in.wav"
    soundfile.write(path, sound(2.5)[:, 0], 24000)
    return path


@pytest.fixture
def stream(tmp_path, recording, model_folder):
    """The recording, encoded in packets of 0.2 s."""
    path = tmp_path / "in.ssc"
    encode_file(recording, path, model=model_folder, packet_ms=200)
    return path


def test_properties(codec):
    assert (codec.sample_rate, codec.hop, codec.frame_rate, codec.n_q) == (24000, 320, 75.0, 8)
    assert codec.bitrates == (0.75, 1.5, 2.25, 3.0, 3.75, 4.5, 5.25, 6.0)
    assert codec.model.id == "tiny"


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 24000, 24001, 60000])
def test_lengths(codec, sound, samples):
    audio = sound(frames=samples)[:, 0]
    codes = codec.encode(audio, n_q=3)
    assert codes.dtype == np.int16
    assert codes.shape == (3, -(-samples // 320))
    decoded = codec.decode(codes)
    assert decoded.dtype == np.float32
    assert decoded.shape == (codes.shape[1] * 320,)


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_channels_are_coded_on_their_own(codec, sound, channels):
    audio = sound(channels=channels).T
    codes = codec.encode(audio, n_q=4)
    assert codes.shape == (channels, 4, 113)
    assert codec.decode(codes).shape == (channels, 113 * 320)
    agreement = np.mean([codes[i] == codec.encode(audio[i], n_q=4) for i in range(channels)])
    assert agreement > 0.98


def test_fewer_codebooks_are_a_prefix(codec, sound):
    audio = sound()[:, 0]
    codes = codec.encode(audio, n_q=8)
    np.testing.assert_array_equal(codec.encode(audio, n_q=3), codes[:3])
    np.testing.assert_array_equal(codec.decode(codes, n_q=3), codec.decode(codes[:3]))


def test_bitrate_of_all_channels(codec, sound):
    assert codec.encode(sound()[:, 0], kbps=6).shape[0] == 8
    assert codec.encode(sound(channels=2).T, kbps=6).shape[1] == 4
    assert codec.encode(sound()[:, 0]).shape[0] == 8


@pytest.mark.parametrize("block", [1, 100, 320, 1000, 50000])
def test_sessions_take_any_block_length(codec, sound, block):
    audio = sound(frames=5000 if block == 1 else 36001, channels=2).T
    encoder, decoder = codec.stream_encoder(2, n_q=4), codec.stream_decoder(2)
    parts = [encoder.push(audio[:, i : i + block]) for i in range(0, audio.shape[1], block)]
    codes = np.concatenate([*parts, encoder.flush()], axis=-1)
    whole = codec.encode(audio, n_q=4)
    assert codes.shape == whole.shape
    assert np.mean(codes == whole) > 0.98
    decoded = np.concatenate([decoder.push(part) for part in [*parts, codes[..., -1:]]], axis=-1)
    assert decoded.shape == (2, codes.shape[-1] * 320)
    np.testing.assert_allclose(decoded, codec.decode(codes), atol=1e-4)


def test_arrays_that_cannot_be_coded(codec):
    with pytest.raises(UsageError, match="must be float"):
        codec.encode(np.zeros(1000, np.int16))
    with pytest.raises(UsageError, match=r"\[samples\]"):
        codec.encode(np.zeros((1, 1, 1, 1000), np.float32))
    audio = np.zeros((2, 60000))
    audio[1, 50000] = np.nan
    with pytest.raises(InputError, match="sample 50000 of channel 2 is not finite"):
        codec.encode(audio)
    with pytest.raises(UsageError, match="must be integers"):
        codec.decode(np.zeros((2, 10), np.float32))
    with pytest.raises(UsageError, match="0 to 1023, not 0 to 1024"):
        codec.decode(np.array([[0, 1024]]))
    with pytest.raises(UsageError, match="1 to 8 codebooks, not 9"):
        codec.decode(np.zeros((9, 10), np.int16))
    with pytest.raises(UsageError, match="n_q must be 1 to 2"):
        codec.decode(np.zeros((2, 10), np.int16), n_q=3)
    with pytest.raises(UsageError, match="n_q must be 1 to 8"):
        codec.encode(np.zeros(1000), n_q=9)
    with pytest.raises(UsageError, match="threads"):
        Codec.load(codec.model, threads=0)
    for call in (
        lambda: codec.encode(np.zeros((0, 100))),
        lambda: codec.stream_encoder(0),
        lambda: codec.stream_encoder(-1, 3),
        lambda: codec.stream_decoder(0),
        lambda: codec.decode(np.zeros((0, 8, 3), np.int16)),
    ):
        with pytest.raises(UsageError, match="channels must be 1 to 8"):
            call()
    for codes in (np.zeros(3, np.int16), np.zeros((1, 1, 1, 3), np.int16)):
        with pytest.raises(UsageError, match="codes must be"):
            codec.save("never.ssc", codes)
    for tags in ({"take": 3}, {3: "take"}):
        with pytest.raises(UsageError, match="tags must be text"):
            codec.save("never.ssc", np.zeros((1, 3), np.int16), tags=tags)


def test_what_is_refused_does_not_change_what_an_encoder_gives(codec, sound):
    encoder = codec.stream_encoder(2, 4)
    encoder.push(sound(frames=400, channels=2).T)
    with pytest.raises(UsageError):
        encoder.push(sound(frames=400)[:, 0])
    assert encoder.flush().shape == (2, 4, 1)


def test_numbers_of_numpy_are_numbers(codec, tmp_path):
    codec.save(tmp_path / "a.ssc", np.zeros((2, 3), np.int16), samples=np.int64(700))
    with sscodec.open(tmp_path / "a.ssc") as stream:
        assert stream.header.original_samples == 700


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_files_keep_their_exact_length(tmp_path, sound, model_folder, rate, channels):
    frames = round(1.1 * rate) + 7
    soundfile.write(tmp_path / "in.wav", sound(rate=rate, channels=channels, frames=frames), rate)
    encoded = encode_file(tmp_path / "in.wav", tmp_path / "a.ssc", model=model_folder, n_q=2)
    assert encoded.channels == channels
    assert encoded.seconds == frames / rate
    assert encoded.bytes == (tmp_path / "a.ssc").stat().st_size
    decoded = decode_file(tmp_path / "a.ssc", tmp_path / "out.wav", model=model_folder)
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.frames, info.samplerate, info.channels) == (frames, rate, channels)
    assert (decoded.samples, decoded.sample_rate, decoded.damage) == (frames, rate, [])


@pytest.mark.parametrize("rate", [8000, 24000, 44100, 96000])
@pytest.mark.parametrize("frames", [0, 1, 2, 5])
def test_hardly_any_samples(tmp_path, model_folder, rate, frames):
    soundfile.write(tmp_path / "in.wav", np.zeros(frames), rate)
    encode_file(tmp_path / "in.wav", tmp_path / "a.ssc", model=model_folder)
    decode_file(tmp_path / "a.ssc", tmp_path / "out.wav", model=model_folder)
    assert soundfile.info(tmp_path / "out.wav").frames == frames


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_silence_and_full_scale_noise(tmp_path, model_folder, level):
    noise = np.random.default_rng(0).uniform(-level, level, 30000)
    soundfile.write(tmp_path / "in.wav", noise, 24000)
    encode_file(tmp_path / "in.wav", tmp_path / "a.ssc", model=model_folder)
    decode_file(tmp_path / "a.ssc", tmp_path / "out.wav", model=model_folder, subtype="FLOAT")
    out = soundfile.read(tmp_path / "out.wav")[0]
    assert out.shape == (30000,)
    assert np.isfinite(out).all()


@pytest.mark.parametrize(("rate", "expected"), [("model", 24000), (8000, 8000), (44100, 44100)])
def test_output_rate(tmp_path, sound, model_folder, rate, expected):
    soundfile.write(tmp_path / "in.wav", sound(rate=16000, frames=20001), 16000)
    encode_file(tmp_path / "in.wav", tmp_path / "a.ssc", model=model_folder)
    decode_file(tmp_path / "a.ssc", tmp_path / "out.wav", model=model_folder, rate=rate)
    info = soundfile.info(tmp_path / "out.wav")
    assert info.samplerate == expected
    assert abs(info.frames - 20001 * expected / 16000) <= 0.5
    with pytest.raises(UsageError, match="rate must be"):
        decode_file(tmp_path / "a.ssc", tmp_path / "out.wav", model=model_folder, rate=0, force=True)


@pytest.fixture
def stream_of_seconds(tmp_path, recording, model_folder):
    """The recording, encoded in packets of a second: the blocks in which arrays are coded, too."""
    path = tmp_path / "seconds.ssc"
    encode_file(recording, path, model=model_folder)
    return path


def test_files_and_arrays_give_the_same_codes(codec, recording, stream_of_seconds, tmp_path, model_folder):
    stream = stream_of_seconds
    audio = soundfile.read(recording, dtype="float32")[0]
    with sscodec.open(stream) as opened:
        assert opened.header.tags == {}
        codes = opened.codes()
    assert codes.dtype == np.int16
    np.testing.assert_array_equal(codes[0], codec.encode(audio))
    decode_file(stream, tmp_path / "out.wav", model=model_folder, subtype="FLOAT")
    np.testing.assert_array_equal(
        soundfile.read(tmp_path / "out.wav")[0], codec.decode(codes[0])[: len(audio)]
    )


def test_decoding_with_fewer_codebooks(codec, stream_of_seconds, tmp_path, model_folder):
    stream = stream_of_seconds
    decode_file(stream, tmp_path / "out.wav", model=model_folder, subtype="FLOAT", n_q=2)
    with sscodec.open(stream) as opened:
        expected = codec.decode(opened.codes()[0], n_q=2)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav")[0], expected[:60000])
    with pytest.raises(UsageError, match="n_q must be 1 to 8, the codebooks of the stream"):
        decode_file(stream, tmp_path / "more.wav", model=model_folder, n_q=9)


def test_save_and_open(codec, sound, tmp_path, model_folder):
    audio = sound(channels=2).T
    codes = codec.encode(audio, n_q=3)
    size = codec.save(tmp_path / "a.ssc", codes, samples=36000, packet_ms=100, tags={"title": "Hé"})
    assert (tmp_path / "a.ssc").stat().st_size == size
    with sscodec.open(tmp_path / "a.ssc") as opened:
        assert opened.header.tags == {"title": "Hé"}
        packets = list(opened)
    assert [packet.shape[-1] for packet in packets] == [8] * 14 + [1]
    np.testing.assert_array_equal(np.concatenate(packets, axis=-1), codes)
    decode_file(tmp_path / "a.ssc", tmp_path / "a.wav", model=model_folder)
    assert soundfile.info(tmp_path / "a.wav").frames == 36000
    with pytest.raises(OutputError, match="exists already"):
        codec.save(tmp_path / "a.ssc", codes)
    with pytest.raises(UsageError, match="samples"):
        codec.save(tmp_path / "b.ssc", codes, samples=10**6)
    codec.save(tmp_path / "one.ssc", codes[0])
    with sscodec.open(tmp_path / "one.ssc") as opened:
        np.testing.assert_array_equal(opened.codes(), codes[:1])


def test_packets_down_to_one_frame(recording, tmp_path, model_folder, codec):
    encode_file(recording, tmp_path / "a.ssc", model=model_folder, packet_ms=1)
    with sscodec.open(tmp_path / "a.ssc") as opened:
        packets = list(opened)
    assert {packet.shape for packet in packets} == {(1, 8, 1)}
    # Short packets are coded one by one, as they are when sound comes live.
    audio = np.pad(soundfile.read(recording, dtype="float32")[0], (0, -60000 % 320))
    encoder = codec.stream_encoder(n_q=8)
    frames = [encoder.push(audio[start : start + 320]) for start in range(0, len(audio), 320)]
    np.testing.assert_array_equal(np.concatenate(packets, axis=-1)[0], np.concatenate(frames, axis=-1))
    with pytest.raises(UsageError, match="packet_ms must be above 0"):
        encode_file(recording, tmp_path / "b.ssc", model=model_folder, packet_ms=0)


def damage(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 0x55
    path.write_bytes(data)


def test_a_lost_packet_is_concealed_in_its_length(stream, tmp_path, model_folder):
    decode_file(stream, tmp_path / "whole.wav", model=model_folder, subtype="FLOAT")
    damage(stream, stream.stat().st_size // 2)
    report = decode_file(stream, tmp_path / "out.wav", model=model_folder, subtype="FLOAT")
    assert len(report.damage) == 1
    assert "15 frames (0.200 s) lost" in report.damage[0]
    whole, out = (soundfile.read(tmp_path / name)[0] for name in ("whole.wav", "out.wav"))
    assert len(out) == len(whole)
    first = int(np.flatnonzero(out != whole)[0])
    assert first % (15 * 320) == 0
    last = first + 15 * 320
    assert 0 < np.abs(out[first:last]).max() <= np.abs(whole[first - 17 * 320 : first]).max()
    assert abs(out[last - 1]) < 1e-4
    # The decoder finds back to the same sound.
    np.testing.assert_allclose(out[-4800:], whole[-4800:], atol=1e-4)
    with sscodec.open(stream) as opened, pytest.raises(DamagedError, match="checksum"):
        opened.codes()


@pytest.mark.parametrize("rate", ["model", 44100])
def test_a_truncated_stream_gives_what_is_there(stream, tmp_path, model_folder, rate):
    decode_file(stream, tmp_path / "whole.wav", model=model_folder, rate=rate)
    stream.write_bytes(stream.read_bytes()[:1300])
    report = decode_file(stream, tmp_path / "out.wav", model=model_folder, rate=rate)
    assert "whatever followed 1.400 s is lost" in report.damage[0]
    assert report.seconds == pytest.approx(1.4, abs=1e-4)
    whole, out = (soundfile.read(tmp_path / name)[0] for name in ("whole.wav", "out.wav"))
    assert len(out) == report.samples
    np.testing.assert_allclose(out[:-100], whole[: len(out) - 100], atol=1e-4)


def test_a_damaged_header_leaves_nothing(stream, tmp_path, model_folder):
    damage(stream, 20)
    report = decode_file(stream, tmp_path / "copy.wav", model=model_folder)
    assert (len(report.damage), report.samples) == (1, 60000)
    stream.write_bytes(stream.read_bytes()[:1500])
    with pytest.raises(DamagedError, match="header"):
        decode_file(stream, tmp_path / "out.wav", model=model_folder)
    assert not (tmp_path / "out.wav").exists()


def test_without_an_end_marker_the_header_tells_the_length(tmp_path, model_folder, sound):
    soundfile.write(tmp_path / "a.wav", sound(rate=44100, frames=40000), 44100)
    encode_file(tmp_path / "a.wav", tmp_path / "a.ssc", model=model_folder)
    data = (tmp_path / "a.ssc").read_bytes()
    (tmp_path / "a.ssc").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    report = decode_file(tmp_path / "a.ssc", tmp_path / "out.wav", model=model_folder)
    assert (report.samples, len(report.damage)) == (40000, 1)


def test_garbage_around_a_stream_costs_no_codes(stream, tmp_path):
    with sscodec.open(stream) as clean:
        codes = clean.codes()
    (tmp_path / "a.ssc").write_bytes(b"garbage" + stream.read_bytes() + b"garbage")
    with sscodec.open(tmp_path / "a.ssc") as dirty:
        np.testing.assert_array_equal(dirty.codes(), codes)


def forged(codec, path, frames, samples, original_samples):
    """A stream that says of its length what it is told to."""
    model = codec.model
    header = Header(
        model_id=model.id,
        model_hash=model.stream_hash,
        sample_rate=24000,
        hop=320,
        channels=1,
        n_q=1,
        codebook_size=1024,
        packet_frames=1,
        original_rate=24000,
        original_channels=1,
    )
    with path.open("wb") as file:
        writer = StreamWriter(file, header)
        payload = RawCoder(header).encode(np.zeros((1, 1, 1), np.int32))
        writer.write(payload, 1)
        writer._sequence = writer.frames = frames - 1
        writer.write(payload, 1)
        writer.finish(samples, original_samples)


def test_numbers_out_of_all_proportion_do_not_fill_the_disk(codec, tmp_path, model_folder):
    with pytest.raises(UsageError, match="640 samples at 24000 Hz are not"):
        forged(codec, tmp_path / "a.ssc", 2, 640, 10**15)
    forged(codec, tmp_path / "b.ssc", 10**9, 320 * 10**9, 320 * 10**9)
    report = decode_file(tmp_path / "b.ssc", tmp_path / "b.wav", model=model_folder)
    assert report.samples <= 320 and report.exit_code == 4
    assert "13333333 s are missing, more than the 600 s" in report.error


def test_a_length_that_its_frames_do_not_have_is_refused(codec, tmp_path):
    codes = np.zeros((1, 150), np.int16)
    for samples in (5, 149 * 320, 150 * 320 + 1):
        with pytest.raises(UsageError, match="150 frames of 320 hold 47681 to 48000 samples"):
            codec.save(tmp_path / "a.ssc", codes, samples=samples)
    assert not (tmp_path / "a.ssc").exists()
    codec.save(tmp_path / "a.ssc", codes, samples=149 * 320 + 1)


def test_the_wrong_model_is_refused(stream, tmp_path, model_folder, other_model_folder, monkeypatch):
    with pytest.raises(ModelError) as error:
        decode_file(stream, tmp_path / "out.wav", model=other_model_folder)
    for folder in (model_folder, other_model_folder):
        assert sscodec.codec.models.find(folder).stream_hash.hex() in str(error.value)
    assert "--model" in str(error.value)
    monkeypatch.setenv("SSCODEC_MODEL", str(other_model_folder))
    with pytest.raises(ModelError, match=r"available: .*other"):
        decode_file(stream, tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_a_stream_that_contradicts_its_model(stream, tmp_path, model_folder):
    import shutil

    folder = shutil.copytree(model_folder, tmp_path / "copy")
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("sample_rate = 24000", "sample_rate = 16000"))
    with pytest.raises(ModelError, match="another config"):
        decode_file(stream, tmp_path / "out.wav", model=folder)


def test_chained_streams_follow_each_other(stream, tmp_path, model_folder, sound):
    soundfile.write(tmp_path / "b.wav", sound(rate=44100, frames=44101), 44100)
    encode_file(tmp_path / "b.wav", tmp_path / "b.ssc", model=model_folder)
    (tmp_path / "chain.ssc").write_bytes(stream.read_bytes() + (tmp_path / "b.ssc").read_bytes())
    report = decode_file(tmp_path / "chain.ssc", tmp_path / "out.wav", model=model_folder)
    assert report.streams == 2
    # Both at the rate of the first.
    assert report.samples == 60000 + round(44101 * 24000 / 44100)
    assert soundfile.info(tmp_path / "out.wav").frames == report.samples


def test_chained_streams_are_decoded_with_all_their_codebooks(tmp_path, model_folder, sound):
    soundfile.write(tmp_path / "a.wav", sound(), 24000)
    alone = []
    for n_q in (2, 8):
        encode_file(tmp_path / "a.wav", tmp_path / f"{n_q}.ssc", model=model_folder, n_q=n_q)
        decode_file(tmp_path / f"{n_q}.ssc", tmp_path / f"{n_q}.wav", model=model_folder)
        alone.append(soundfile.read(tmp_path / f"{n_q}.wav")[0])
    chain = (tmp_path / "2.ssc").read_bytes() + (tmp_path / "8.ssc").read_bytes()
    (tmp_path / "chain.ssc").write_bytes(chain)
    decode_file(tmp_path / "chain.ssc", tmp_path / "out.wav", model=model_folder)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav")[0], np.concatenate(alone))
    assert (alone[0] != alone[1]).mean() > 0.5


def test_chained_streams_of_other_channels_end_the_output(stream, tmp_path, model_folder, sound):
    soundfile.write(tmp_path / "b.wav", sound(channels=2), 24000)
    encode_file(tmp_path / "b.wav", tmp_path / "b.ssc", model=model_folder)
    (tmp_path / "chain.ssc").write_bytes(stream.read_bytes() + (tmp_path / "b.ssc").read_bytes())
    report = decode_file(tmp_path / "chain.ssc", tmp_path / "out.wav", model=model_folder)
    assert "stream 2 has 2 channels, the first 1" in report.error and report.exit_code == 4
    assert soundfile.info(tmp_path / "out.wav").frames == report.samples == 60000


def test_a_chain_from_pipe_to_pipe_is_refused(stream, model_folder, pipe_in, capsysbinary):
    pipe_in(stream.read_bytes() * 2)
    with pytest.raises(InputError, match="chain"):
        decode_file("-", "-", model=model_folder)
    assert soundfile.info(io.BytesIO(capsysbinary.readouterr().out)).frames == 60000


def test_a_pipe_of_unknown_length_has_a_header_that_says_so(
    recording, tmp_path, model_folder, pipe_in, capsysbinary
):
    wav = bytearray(recording.read_bytes())
    wav[4:8] = wav[40:44] = b"\xff" * 4
    pipe_in(bytes(wav))
    encode_file("-", "-", model=model_folder)
    pipe_in(capsysbinary.readouterr().out)
    decode_file("-", "-", model=model_folder)
    decoded = capsysbinary.readouterr().out
    assert decoded[40:44] == b"\xff" * 4
    assert soundfile.info(io.BytesIO(decoded)).frames == 60000


def test_a_failure_midway_leaves_nothing(tmp_path, model_folder):
    samples = np.zeros(100000, np.float32)
    samples[90000] = np.nan
    soundfile.write(tmp_path / "in.wav", samples, 24000, subtype="FLOAT")
    with pytest.raises(InputError, match="sample 90000"):
        encode_file(tmp_path / "in.wav", tmp_path / "a.ssc", model=model_folder)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_progress(recording, tmp_path, model_folder):
    calls = []
    encode_file(recording, tmp_path / "a.ssc", model=model_folder, progress=lambda *call: calls.append(call))
    assert calls[-1] == (2.5, 2.5)
    calls.clear()
    decode_file(
        tmp_path / "a.ssc", tmp_path / "a.wav", model=model_folder, progress=lambda *c: calls.append(c)
    )
    assert calls[-1] == (2.5, 2.5)
    assert calls == sorted(calls)


def test_lost_codes_are_guessed_by_the_entropy_model_where_there_is_one(entropy_folder, codec, sound):
    guessing = Codec.load(entropy_folder)
    codes = codec.encode(sound(0.5)[:, 0])
    expected = predict(guessing.model.entropy.network, codes[np.newaxis], 3)
    whole = guessing.decode(np.concatenate([codes, expected[0].astype(np.int16)], axis=-1))
    decoder, plain = guessing.stream_decoder(), codec.stream_decoder()
    decoder.push(codes), plain.push(codes)
    sound_of = decoder.conceal(3)
    gain = np.clip((4800 - np.arange(1, 961)) / (4800 - 1440), 0, 1)
    peak = np.abs(whole[:-960][-17 * 320 :]).max()
    np.testing.assert_allclose(sound_of, np.clip(whole[-960:], -peak, peak) * gain, atol=1e-5)
    assert not np.allclose(sound_of, plain.conceal(3))
    again = guessing.stream_decoder()  # piece by piece it is the same
    again.push(codes)
    pieces = np.concatenate([again.conceal(1), again.conceal(2)])
    np.testing.assert_allclose(pieces, sound_of, atol=1e-5)
