"""Inputs that promise more than they hold, chains that go wrong late, and arrays of other shapes."""

import contextlib
import dataclasses
import io
import json
import multiprocessing
import os
import pickle
import tracemalloc
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import sscodec
from sscodec.cli import cli
from sscodec.codec import Codec
from sscodec.container import Framing, Header, Packet, read_streams
from sscodec.errors import DamagedError, InputError, ModelError, UsageError
from sscodec.live import MAX_LIVE_GAP_SECONDS
from sscodec.streams import CodesWriter, make_header

HOP, RATE = 320, 24_000


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch, model_folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))


@pytest.fixture(scope="module")
def codec(model_folder):
    return Codec.load(model_folder)


def run(*arguments, code=0, stdin=None):
    result = CliRunner().invoke(cli, [str(each) for each in arguments], input=stdin)
    assert result.exit_code == code, result.stderr
    assert all(line.startswith("sscodec: ") for line in result.stderr.splitlines())
    return result


def stream(codec, gaps=(), packets=2, channels=1, **changes):
    """Bytes of a stream of one-second packets of silence-like codes; gaps: packets missing after each."""
    header = make_header(codec.model, channels, 2, RATE, channels, None, 1000, None)
    header = dataclasses.replace(header, **changes)
    file = io.BytesIO()
    writer = CodesWriter(file, header, codec.model)
    sequence = 0
    for number in range(packets):
        writer.skip_to(sequence)
        writer.write(np.full((channels, 2, 75), number, np.int16))
        sequence += 1 + (gaps[number] if number < len(gaps) else 0)
    writer.finish(sequence * RATE, sequence * RATE, sequence * 75)
    return file.getvalue()


# Expansion


def test_the_sum_of_concealment_of_a_file_is_bounded(codec):
    Path("a.ssc").write_bytes(stream(codec, gaps=[400, 400], packets=3))
    report = sscodec.decode_file("a.ssc", "a.wav")
    assert report.samples == 402 * RATE == soundfile.info("a.wav").frames
    assert report.exit_code == 4 and "--max-concealment" in report.error
    assert sscodec.decode_file("a.ssc", "b.wav", max_concealment=800).samples == 803 * RATE
    # Of all streams together, too.
    Path("c.ssc").write_bytes(stream(codec, gaps=[400]) + stream(codec, gaps=[400]))
    assert sscodec.decode_file("c.ssc", "c.wav").samples == 403 * RATE
    error = run("decode", "c.ssc", "d.wav", code=4).stderr
    assert "400 s are missing, more than the 200 s that are still to be made up" in error
    assert "what was whole before is in d.wav" in error
    run("decode", "c.ssc", "e.wav", "--max-concealment", 1000, code=4)
    assert soundfile.info("e.wav").frames == 804 * RATE
    run("decode", "c.ssc", "f.wav", "--max-concealment", 0, code=4)
    assert soundfile.info("f.wav").frames == RATE


def test_a_gap_at_the_very_start_gives_no_file(codec):
    data = stream(codec, gaps=[10**6])
    header = next(read_streams(io.BytesIO(data))).header
    far = Framing(header).pack_packet(Packet(10**6, 75 * 10**6, 75, bytes(header.raw_size(75))))
    Path("a.ssc").write_bytes(header.to_bytes() + far)
    run("decode", "a.ssc", "a.wav", code=4)
    assert not Path("a.wav").exists()


def test_more_seconds_than_bytes_are_told(codec):
    Path("a.ssc").write_bytes(stream(codec, gaps=[590]))
    error = run("decode", "a.ssc", "a.wav", code=4).stderr
    assert f"{Path('a.ssc').stat().st_size} bytes hold 592 s" not in error or "forged" in error
    Path("b.ssc").write_bytes(stream(codec, gaps=[5000]))
    size = Path("b.ssc").stat().st_size
    assert (
        f"b.ssc: {size} bytes hold 5002 s, more than a second a byte" in run("decode", "b.ssc", code=4).stderr
    )


def test_a_packet_far_ahead_waits_for_its_successor(codec):
    encoder = sscodec.PacketEncoder(codec, n_q=2)
    framing = Framing(Header.from_bytes(encoder.header))

    def packet(number):
        return framing.pack_packet(Packet(number, 3 * number, 3, bytes(framing._header.raw_size(3))))

    decoder = sscodec.PacketDecoder(codec, encoder.header)
    assert decoder.push(packet(0)).shape[1] == 3 * HOP
    assert decoder.push(packet(2**32 - 1)).size == 0  # a forged one changes nothing
    assert decoder.push(packet(1)).shape[1] == 3 * HOP
    hours = 6 * 3600 * 25
    assert decoder.push(packet(hours)).size == 0
    sound = decoder.push(packet(hours + 1))  # the sender has come back
    assert sound.shape[1] == MAX_LIVE_GAP_SECONDS * RATE + 3 * HOP
    assert decoder.frames == 3 * (hours + 2)
    assert decoder.push(packet(hours + 2)).shape[1] == 3 * HOP
    assert decoder.concealed == MAX_LIVE_GAP_SECONDS * 75


def test_memory_does_not_grow_with_the_streams_of_a_chain(codec):
    bare = next(read_streams(io.BytesIO(stream(codec)))).header.to_bytes()
    for command in (["info"], ["info", "--json"], ["verify"], ["verify", "--json"], ["repair"]):
        peaks = []
        for count in (1500, 6000):
            Path("a.ssc").write_bytes(bare * count)
            tracemalloc.start()
            out = ["b.ssc", "--force", "-q"] if command == ["repair"] else []
            invoke = sscodec.cli.cli.get_command(click.Context(sscodec.cli.cli), command[0])
            with (
                Path(os.devnull).open("w") as void,
                contextlib.redirect_stdout(void),
                contextlib.redirect_stderr(void),
                contextlib.suppress(SystemExit),
            ):
                invoke.main([*command[1:], "a.ssc", *out], standalone_mode=False)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 1_000_000, command


# Chains


def later_version(codec):
    import zlib

    data = bytearray(next(read_streams(io.BytesIO(stream(codec)))).header.to_bytes())
    data[4] = 3
    return bytes(data[:-4]) + zlib.crc32(data[:-4]).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("second", "code", "message"),
    [
        (lambda codec: later_version(codec), 4, "format version 3: a newer sscodec is needed"),
        (lambda codec: stream(codec, channels=2), 4, "stream 2 has 2 channels, the first 1"),
        (lambda codec: stream(codec, model_hash=b"12345678"), 5, "the stream needs model 'tiny'"),
        (lambda codec: stream(codec, gaps=[100_000]), 4, "100000 s are missing"),
    ],
)
def test_a_later_stream_does_not_take_the_first_along(codec, second, code, message):
    first = stream(codec)
    Path("a.ssc").write_bytes(first + second(codec))
    error = run("decode", "a.ssc", "a.wav", code=code).stderr
    assert message in error and "what was whole before is in a.wav" in error
    assert soundfile.info("a.wav").frames in (2 * RATE, 3 * RATE)
    if "version" not in message:
        return
    result = run("verify", "a.ssc", code=4)
    assert message in result.stderr
    assert "2 packets, 2.000 s whole" in result.stdout
    result = run("info", "a.ssc", "--json", code=4)
    assert message in result.stderr
    whole, *rest = json.loads(result.stdout)
    assert whole["packets"] == 2
    assert all("error" in row and "packets" not in row for row in rest)
    assert message in run("repair", "a.ssc", "b.ssc", code=4).stderr
    assert Path("b.ssc").read_bytes() == first
    row = json.loads(run("decode", "a.ssc", "-o", "out", "--json", code=code).stdout)
    assert message in row["error"]["message"] and Path("out/a.wav").exists()


def test_version_0_is_not_newer(codec):
    import zlib

    data = bytearray(stream(codec))
    size = int.from_bytes(data[5:7], "little")
    data[4] = 0
    data[size - 4 : size] = zlib.crc32(data[: size - 4]).to_bytes(4, "little")
    assert "format version 0: no such version" in run("verify", "-", code=3, stdin=bytes(data[:size])).stderr


def test_damage_errors_of_transcode_name_the_file(codec):
    Path("a.ssc").write_bytes(stream(codec)[:-40])
    assert "sscodec: a.ssc: the stream is damaged" in run("transcode", "a.ssc", "b.ssc", code=4).stderr


# Arrays


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda codec: codec.encode(np.zeros((24_000, 2), np.float32)), "transpose it: audio.T"),
        (lambda codec: codec.encode(np.zeros(100, np.int16)), "divide integers by their full scale"),
        (lambda codec: codec.encode([1, [2]]), "must be a NumPy array"),
        (lambda codec: codec.encode(np.zeros(100, np.float32), n_q=2.5), "n_q must be a whole number"),
        (lambda codec: codec.encode(np.zeros(100, np.float32), n_q=True), "n_q must be a whole number"),
        (lambda codec: codec.encode(np.zeros(100, np.float32), kbps="6"), "kbps must be a number"),
        (lambda codec: codec.decode([[0.5]]), "codes must be integers"),
        (lambda codec: codec.decode(np.zeros((1, 5), int), n_q=1.0), "n_q must be a whole number"),
        (lambda codec: codec.stream_decoder().conceal(-1), "frames must be at least 0"),
        (lambda codec: codec.stream_decoder().conceal(1.5), "frames must be a whole number"),
        (lambda codec: codec.stream_encoder(channels=9), "channels must be 1 to 8"),
        (lambda codec: codec.stream_decoder(channels=0), "channels must be 1 to 8"),
    ],
)
def test_arrays_and_numbers_that_cannot_be(codec, call, message):
    with pytest.raises(UsageError, match=message):
        call(codec)


def test_lists_and_tensors_are_taken_for_arrays(codec):
    import torch

    audio = 0.1 * np.sin(np.arange(1000, dtype=np.float32))
    codes = codec.encode(audio)
    np.testing.assert_array_equal(codec.encode(torch.from_numpy(audio)), codes)
    np.testing.assert_array_equal(codec.encode(audio.tolist()), codes)
    np.testing.assert_array_equal(codec.decode(torch.from_numpy(codes)), codec.decode(codes.tolist()))
    np.testing.assert_array_equal(codec.encode(torch.from_numpy(audio).requires_grad_()), codes)


def test_codes_can_be_read_again_where_the_file_can(codec, pipe_in):
    data = stream(codec)
    Path("a.ssc").write_bytes(data)
    with sscodec.open("a.ssc") as opened:
        first = opened.codes()
        assert first.shape == (1, 2, 150)
        np.testing.assert_array_equal(opened.codes(), first)
        assert sum(codes.shape[-1] for codes in opened) == 150
    pipe_in(data)
    with sscodec.open("-") as opened:
        np.testing.assert_array_equal(opened.codes(), first)
        with pytest.raises(InputError, match="has been read already"):
            opened.codes()


@pytest.mark.parametrize("channels", [1, 2])
def test_the_short_road_gives_what_the_command_gives(codec, sound, channels):
    soundfile.write("quiet.wav", 0.01 * sound(0.7, 44_100, channels), 44_100, "FLOAT")
    sscodec.encode_file("quiet.wav", "a.ssc")
    sscodec.decode_file("a.ssc", "a.wav", subtype="FLOAT")
    audio, rate = sscodec.decode("a.ssc")
    written = soundfile.read("a.wav", dtype="float32")[0]
    assert rate == 44_100 and audio.dtype == np.float32
    np.testing.assert_array_equal(audio, written.T)
    at_model, rate = sscodec.decode("a.ssc", rate="model")
    assert rate == RATE
    with sscodec.open("a.ssc") as opened:
        codes, header = opened.codes(), opened.header
    assert header.gain_db > 20
    decoded = codec.decode(codes, gain_db=header.gain_db)
    np.testing.assert_array_equal(np.atleast_2d(at_model), decoded[:, : at_model.shape[-1]])
    Path("b.ssc").write_bytes(Path("a.ssc").read_bytes()[:-30])
    with pytest.raises(DamagedError, match=r"b\.ssc: .*; sscodec\.decode_file conceals"):
        sscodec.decode("b.ssc")


def test_a_codec_can_be_sent_to_another_process(codec):
    audio = 0.1 * np.sin(np.arange(1000, dtype=np.float32))
    again = pickle.loads(pickle.dumps(codec))
    np.testing.assert_array_equal(again.encode(audio), codec.encode(audio))


def test_a_codec_works_in_a_forked_process(codec):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        audio = np.tile(0.1 * np.sin(np.arange(24_000, dtype=np.float32)), 4)
        codes = codec.encode(audio)
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        child = context.Process(target=lambda: theirs.send(codec.encode(audio)))
        child.start()
        assert ours.poll(60), "the child hangs"
        np.testing.assert_array_equal(ours.recv(), codes)
        child.join(10)
    finally:
        torch.set_num_threads(before)


# Models


def test_model_folders_that_are_nonsense(model_folder, tmp_path):
    import shutil

    def changed(name, file, text):
        folder = shutil.copytree(model_folder, tmp_path / name)
        old = (folder / file).read_text() if file.endswith("toml") else ""
        (folder / file).write_text(text(old))
        return folder

    deep = changed("deep", "config.toml", lambda old: old + "x = " + "[" * 100_000)
    huge = changed("huge", "config.toml", lambda old: old.replace("dim = 8", "dim = 1" + 22 * "0"))
    for folder, message in [(deep, "nested too deeply"), (huge, "must be 1 to 65536")]:
        with pytest.raises(ModelError, match=message):
            Codec.load(folder)
    nested = changed("nested", "weights.safetensors", lambda _: "x")
    header = b"[" * 100_000
    (nested / "weights.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match="not a safetensors file"):
        _ = sscodec.codec.models.open_folder(nested).parameters
    sparse = changed("sparse", "config.toml", lambda old: old)
    with (sparse / "config.toml").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="which no config is"):
        Codec.load(sparse)
    with (sparse / "entropy.safetensors").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="which no entropy model is"):
        _ = dataclasses.replace(sscodec.codec.models.open_folder(model_folder), path=sparse).entropy


def test_weights_that_are_not_finite_or_do_not_fit(model_folder, tmp_path):
    import shutil

    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(model_folder, tmp_path / "nan")
    weights = load_file(folder / "weights.safetensors")
    film = weights["film.gamma"]
    weights["film.gamma"] = np.full_like(film, np.nan)
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(ModelError, match=r"film.gamma holds numbers that are not finite"):
        Codec.load(folder)
    weights["film.gamma"] = np.zeros((3, 5), np.float16)
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(ModelError, match="FiLM tensors do not fit"):
        _ = sscodec.codec.models.open_folder(folder).denoises


def test_what_terminals_would_obey_is_escaped(model_folder, tmp_path, monkeypatch):
    import shutil

    folder = shutil.copytree(model_folder, tmp_path / "esc")
    config = folder / "config.toml"
    licence = "MIT\\u001b[31m\\nforged line\\u009b\\u202e"
    config.write_text(config.read_text().replace('licence = "MIT"', f'licence = "{licence}"'))
    monkeypatch.setenv("SSCODEC_MODEL", str(folder))
    for arguments in ([], ["--json"]):
        text = run("models", *arguments).stdout
        assert all(char.isprintable() for line in text.splitlines() for char in line)
        assert "\nforged" not in text
    assert json.loads(text)[0]["licence"] == "MIT\x1b[31m\nforged line\x9b\u202e"
