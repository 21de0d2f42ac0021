"""--denoise, --denoise-from and --denoise-to of encode and decode, and what info shows of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def late(decoding_model_folder):
    return decoding_model_folder


def shown(run, path):
    (info,) = json.loads(run("info", "--json", path).stdout)
    return info["denoise"], info["tags"]


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        (["--denoise"], {}),
        (["--denoise-from", 0], {}),
        (["--denoise-from", 1], {"denoise": "1.000-"}),
        (["--denoise-to", 2], {"denoise": "0.000-2.000"}),
        (["--denoise", "--denoise-from", 0.5, "--denoise-to", 2], {"denoise": "0.507-2.000"}),
    ],
)
def test_encode_and_info(run, recording, stream, options, tags):
    assert shown(run, stream) == (False, {})
    assert "noise removed" not in run("info", stream).stdout
    report = json.loads(run("encode", recording, "out.ssc", "--json", *options).stdout)
    assert report["denoise"] is True
    assert shown(run, "out.ssc") == (True, tags)
    text = run("info", "out.ssc").stdout
    assert ", noise removed\n" in text
    assert all(f"tag        denoise={value}\n" in text for value in tags.values())
    run("decode", "out.ssc")
    assert Path("out.wav").stat().st_size > 100_000


def test_pipes_equal_files(run, recording):
    run("encode", recording, "out.ssc", "--denoise-from", 1)
    piped = run("encode", "-", "--denoise-from", 1, stdin=recording.read_bytes())
    assert piped.stdout_bytes == Path("out.ssc").read_bytes()


def test_a_pipe_may_end_before_the_part_begins(run, recording):
    wav = bytearray(recording.read_bytes())
    wav[4:8] = wav[40:44] = b"\xff" * 4  # as ffmpeg writes to a pipe
    part, off = (
        run("encode", "-", *options, stdin=bytes(wav)).stdout_bytes
        for options in (["--denoise-from", 9], ["--tag", "denoisf=9.000-"])
    )
    # The packets, but for their checksums, which cover the header.
    assert len(part) == len(off)
    assert np.mean(np.frombuffer(part, np.uint8) == np.frombuffer(off, np.uint8)) > 0.98


def test_decode(run, recording, late):
    run("encode", recording, "a.ssc", "--model", late)
    reports = {}
    for name, options in {
        "off": [],
        "on": ["--denoise"],
        "part": ["--denoise-from", 1, "--denoise-to", 2],
    }.items():
        done = run("decode", "a.ssc", f"{name}.wav", "--model", late, "--rate", "model", "--json", *options)
        reports[name] = json.loads(done.stdout)["denoise"]
    assert reports == {"off": False, "on": True, "part": True}
    off, on, part = (soundfile.read(f"{name}.wav")[0] for name in ("off", "on", "part"))
    assert (part[:23900] == off[:23900]).all()
    step = 2**-15  # of 16 bits; some frames after a switch, the decoder has forgotten it
    assert abs(part[31000:47900] - on[31000:47900]).max() < 1.5 * step
    assert abs(part[55500:] - off[55500:]).max() < 1.5 * step
    assert (off != on).mean() > 0.5


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["encode", "in.wav", "--denoise-from", "3"], "from 3 s covers no frame of the sound of 2.5 s"),
        (
            ["encode", "in.wav", "--denoise-from", "2", "--denoise-to", "1"],
            "denoising must end after it begins",
        ),
        (["encode", "in.wav", "--denoise-from", "-1"], "denoising must begin at 0 s or later, not at -1 s"),
        (["encode", "in.wav", "--denoise-to", "nan"], "denoising must end after it begins"),
        (
            ["encode", "in.wav", "--denoise", "--model", "LATE"],
            "use sscodec decode --denoise, and encode without",
        ),
        (["encode", "in.wav", "--denoise", "--model", "NEVER"], "cannot remove noise: leave denoising out"),
        (["encode", "in.wav", "--tag", "denoise=1"], "choose another key"),
        (["encode", "in.wav", "-o", "out", "--denoise", "--model", "LATE"], "use sscodec decode --denoise"),
        (["decode", "a.ssc", "b.wav", "--denoise"], "use sscodec encode --denoise, and decode without"),
        (["decode", "a.ssc", "-", "--denoise"], "use sscodec encode --denoise, and decode without"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run, recording, late, plain_model_folder, command, message):
    run("encode", recording, "a.ssc")
    models = {"LATE": late, "NEVER": plain_model_folder}
    before = sorted(Path().rglob("*"))
    result = run(*(models.get(word, word) for word in command), code=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout_bytes == b""
    assert sorted(Path().rglob("*")) == before


def test_a_model_that_was_never_trained_to_says_so(run, recording, model_folder):
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(model_folder, "young"))
    weights = load_file(folder / "weights.safetensors")
    weights["film.gamma"][1] = weights["film.gamma"][0]
    save_file(weights, folder / "weights.safetensors")
    result = run("encode", recording, "a.ssc", "--denoise", "--model", folder, "--json")
    assert json.loads(result.stdout)["denoise"] is False
    told = "sscodec: this model was never trained to remove noise: --denoise changes nothing"
    assert result.stderr == f"{told}\n"
    assert run("encode", recording, "b.ssc", "--denoise", "--model", folder, "-q").stderr == ""
    batch = run("encode", recording, "-o", "out", "--denoise", "--model", folder)
    assert batch.stderr.splitlines()[:-1] == [told]
    # Nobody knows it of what was done before.
    again = run("encode", recording, "-o", "out", "--denoise", "--model", folder)
    assert len(again.stderr.splitlines()) == 1


def test_batches(run, recording, late):
    Path("corpus").mkdir()
    shutil.copy(recording, "corpus/a.wav")
    soundfile.write("corpus/short.wav", soundfile.read(recording)[0][:30000], 44100)
    options = ["--denoise-from", 1, "-o", "out", "-j", 1]
    result = run("encode", "corpus", *options, code=2)
    assert "short.wav" not in "".join(path.name for path in Path("out").iterdir())
    assert "covers no frame of the sound of 0.68" in result.stderr
    run("encode", recording, "alone.ssc", "--denoise-from", 1)
    assert Path("out/a.ssc").read_bytes() == Path("alone.ssc").read_bytes()
    Path("corpus/short.wav").unlink()
    assert "1 done before" in run("encode", "corpus", *options).stderr
    assert "other options" in run("encode", "corpus", "-o", "out", "-j", 1, code=6).stderr
    assert "other options" in run("encode", "corpus", "-o", "out", "-j", 1, "--denoise", code=6).stderr

    run("encode", "corpus", "-o", "late", "-j", 1, "--model", late)
    run("decode", "late", "-o", "back", "-j", 1, "--model", late, "--denoise")
    run("decode", "late/a.ssc", "alone.wav", "--model", late, "--denoise")
    assert Path("back/a.wav").read_bytes() == Path("alone.wav").read_bytes()
