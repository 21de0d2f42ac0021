"""The front door: outputs by name, what success says, aliases and hints."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sscodec
import sscodec.codec

COMMAND = [sys.executable, "-m", "sscodec"]


def on_terminal(*args):
    """Exit code and standard error, which is a terminal."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, *map(str, args)], stderr=theirs, stdout=subprocess.PIPE, timeout=60, check=False
    )
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 4096):
            text += part
    except OSError:  # how Linux says that the terminal is gone
        pass
    os.close(ours)
    return done.returncode, text.decode().replace("\r\n", "\n")


def test_o_is_a_file_or_a_folder(run, recording):
    run("encode", recording, "-o", "x.ssc")
    assert Path("x.ssc").is_file()
    run("encode", recording, "-o", "new.d/")
    run("encode", recording, "-o", "plain")
    run("encode", recording, "-d", "named.ssc")
    Path("there.ssc").mkdir()
    run("encode", recording, "-o", "there.ssc")
    for folder in ("new.d", "plain", "named.ssc", "there.ssc"):
        assert Path(folder, "in.ssc").read_bytes() == Path("x.ssc").read_bytes()
    run("decode", "x.ssc", "-o", "x.flac")
    run("decode", "x.ssc", "-o", "sound/")
    assert soundfile.info("x.flac").frames == soundfile.info("sound/x.wav").frames == 110250
    run("transcode", "x.ssc", "-o", "y.ssc", "--n-q", 2)
    run("transcode", "x.ssc", "-o", "low/", "--n-q", 2)
    run("transcode", "x.ssc", "-d", "lower", "--n-q", 2)
    assert Path("low/x.ssc").read_bytes() == Path("lower/x.ssc").read_bytes() == Path("y.ssc").read_bytes()
    run("repair", "x.ssc", "-o", "z.ssc")
    assert Path("z.ssc").read_bytes() == Path("x.ssc").read_bytes()
    assert run("encode", recording, "-o", "-").stdout_bytes[:4] == b"\x93SSC"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["encode", "in.wav", "in.wav", "-o", "new.ssc"], "a folder is -d new.ssc"),
        (["encode", "in.wav", "-o", "a.ssc", "-d", "b"], "leave out -o or -d"),
        (["transcode", "in.ssc", "a.ssc", "-o", "b.ssc"], "given twice"),
        (["transcode", "in.ssc"], "Missing argument 'OUT'"),
        (["repair", "-", "-d", "b"], "give it with -o FILE"),
        (
            ["encode", "in.wav", "--quality", "5"],
            "No such option: --quality; the quality is the bitrate: -b KBPS",
        ),
        (["encode", "in.wav", "--start", "5"], "cut it first: ffmpeg"),
        (["encode", "in.wav", "-b", "6000"], "6000 bits a second are -b 6"),
        (["encode", "in.wav", "-b", "much"], "no number of kbps"),
        (["compress", "in.wav"], "Did you mean `sscodec encode`?"),
        (["in.wav"], "sscodec encode in.wav"),
        (["help", "nosuch"], "No such command 'nosuch'"),
    ],
)
def test_what_was_meant(run, stream, arguments, told):
    assert told in run(*arguments, code=2).stderr


def test_aliases(run, recording):
    run("encode", recording, "a.ssc", "--kbps", 3)
    for number, options in enumerate((["-b", "3"], ["--bitrate", "3k"], ["-b", "3kbps"])):
        run("encode", recording, f"{number}.ssc", *options)
        assert Path(f"{number}.ssc").read_bytes() == Path("a.ssc").read_bytes()
    run("encode", recording, "a.ssc", "-y")
    run("encode", recording, "a.ssc", "--overwrite")
    assert run("-V").stdout == run("--version").stdout
    assert run("help").stdout == run("--help").stdout
    assert run("help", "encode").stdout == run("encode", "--help").stdout


def test_success_is_one_line_on_a_terminal(run, recording):
    code, said = on_terminal("encode", recording, "a.ssc")
    size = Path("a.ssc").stat().st_size
    times = recording.stat().st_size / size
    assert code == 0
    assert said.startswith(
        f"a.ssc: 2.5 s, {size * 8 / 2.5 / 1000:.1f} kbps, {size} bytes ({times:.0f}x smaller), "
    )
    assert said.endswith("x real time\n") and said.count("\n") == 1
    assert on_terminal("decode", "a.ssc", "a.wav")[1].startswith("a.wav: 2.5 s, 44100 Hz, 220544 bytes, ")
    assert on_terminal("transcode", "a.ssc", "b.ssc", "--n-q", 1)[1].startswith("b.ssc: 2.5 s, ")
    for silent in (["-q"], ["--json"]):
        assert on_terminal("encode", recording, "a.ssc", "-f", *silent) == (0, "")
    assert on_terminal("encode", recording, "-") == (0, "")


def test_no_terminal_no_line_but_with_verbose(run, recording):
    assert run("encode", recording, "a.ssc").stderr == ""
    said = run("encode", recording, "a.ssc", "-f", "-v").stderr
    assert said.startswith("a.ssc: 2.5 s, ") and said.endswith("tiny, 8 codebooks, raw codes\n")


def test_the_default_is_6_kbps_a_channel(run, sound):
    soundfile.write("two.wav", sound(0.5, channels=2), 24000)
    run("encode", "two.wav")
    assert "(12 nominal, 6 a channel)" in run("info", "two.ssc").stdout
    assert "6 kbps a channel by default" in run("models").stdout


def test_low_rates_are_warned_of(run, recording):
    assert "0.75 kbps a channel is below 1.5" in run("encode", recording, "a.ssc", "-b", 0.75).stderr
    assert "0.75 kbps a channel is below 1.5" in run("encode", recording, "-d", "out", "-b", 0.75).stderr
    assert run("encode", recording, "b.ssc", "-b", 1.5).stderr == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["encode", "~/nosuch.wav"],
            f"the shell has left ~ alone; write {Path('~').expanduser()}/nosuch.wav",
        ),
        (
            ["encode", "in.ssc", "again.ssc"],
            "in.ssc: is a stream already; `sscodec decode` makes sound of it",
        ),
        (["encode", "im.wav"], "im.wav: does not exist; is it in.wav?"),
        (["encode", "*.mp3"], "no file that fits the pattern"),
        (["encode", "im.wav", "nosuch/a.ssc"], "is it in.wav?"),
        (
            ["decode", "in.wav", "a.wav"],
            "not an sscodec stream but sound; `sscodec encode` makes a stream of it",
        ),
        (["transcode", "in.wav", "a.ssc"], "not an sscodec stream but sound"),
        (["decode", ".", "-"], "is a folder"),
    ],
)
def test_mistyped_inputs_are_told_first(run, stream, arguments, told):
    code = 2 if arguments[1] == "." else 3
    assert told in run(*arguments, code=code).stderr


def test_a_missing_output_folder_is_told_before_the_work(run, recording):
    assert "the folder" in run("encode", recording, "nosuch/a.ssc", code=6).stderr


def test_a_part_is_the_same_samples(run, sound):
    for rate, channels in ((24000, 1), (44100, 2)):
        soundfile.write("long.wav", sound(9.3, rate=rate, channels=channels), rate)
        run("encode", "long.wav", "long.ssc", "-f", "--packet-ms", 700)
        run("decode", "long.ssc", "whole.wav", "-f")
        whole, _ = soundfile.read("whole.wav", dtype="int16")
        for start, end in ((4.1, 5.25), (None, 0.5), (6.0, None), (8.9, 20)):
            options = [
                f"--{name}={time}" for name, time in (("start", start), ("end", end)) if time is not None
            ]
            run("decode", "long.ssc", "part.wav", "-f", *options)
            part, _ = soundfile.read("part.wav", dtype="int16")
            first, last = round((start or 0) * rate), len(whole) if end is None else round(end * rate)
            assert np.array_equal(part, whole[first:last])
            audio, _ = sscodec.decode("long.ssc", start=start, end=end)
            assert audio.shape[-1] == len(part)


def test_a_part_decodes_its_packets_and_a_warm_up_only(run, sound, monkeypatch):
    soundfile.write("long.wav", sound(12), 24000)
    run("encode", "long.wav")
    frames = []
    real = sscodec.codec.StreamDecoder.push
    monkeypatch.setattr(
        sscodec.codec.StreamDecoder,
        "push",
        lambda self, codes: frames.append(codes.shape[-1]) or real(self, codes),
    )
    run("decode", "long.ssc", "part.wav", "--start", 8, "--end", 8.5)
    assert sum(frames) == 3 * 75


def test_parts_of_chains_and_pipes(run, stream):
    data = stream.read_bytes()
    Path("chain.ssc").write_bytes(data * 3)
    run("decode", "chain.ssc", "whole.wav")
    run("decode", "chain.ssc", "part.wav", "--start", 2.0, "--end", 5.5)
    whole, part = (soundfile.read(name, dtype="int16")[0] for name in ("whole.wav", "part.wav"))
    assert np.array_equal(part, whole[88200:242550])
    run("decode", "-", "piped.wav", "--start", 2.0, "--end", 2.25, stdin=data)
    assert soundfile.info("piped.wav").frames == 11025
    assert "the sound ends at 2.500 s" in run("decode", "in.ssc", "no.wav", "--start", 3, code=2).stderr
    assert "the sound ends" in run("decode", "-", "no.wav", "--start", 3, code=2, stdin=data).stderr
    assert "end must be later" in run("decode", "in.ssc", "no.wav", "--start", 1, "--end", 1, code=2).stderr
    assert "for one input" in run("decode", "in.ssc", "-d", "out", "--start", 1, code=2).stderr
    assert not Path("no.wav").exists()


def test_opus_as_a_suffix(run, stream):
    run("decode", stream, "out.opus")
    info = soundfile.info("out.opus")
    assert (info.format, info.subtype, info.samplerate, info.frames) == ("OGG", "OPUS", 48000, 120000)


def test_a_dry_run_writes_nothing(run, recording):
    result = run("encode", recording, "-d", "out", "--dry-run")
    assert (result.stdout, result.stderr) == ("in.wav -> out/in.ssc\n", "")
    assert not Path("out").exists()
    run("encode", recording, "-d", "out")
    assert run("encode", recording, "-d", "out", "--dry-run").stdout == "in.wav -> out/in.ssc (exists)\n"
    row = json.loads(run("encode", recording, "-d", "out", "--dry-run", "--json").stdout)
    assert row == {"version": 1, "input": "in.wav", "output": "out/in.ssc", "exists": True}


@pytest.mark.parametrize("command", ["info", "verify"])
def test_folders_are_looked_into(run, stream, command):
    Path("deep/er").mkdir(parents=True)
    assert "-r looks into" in run(command, "deep", code=3).stderr
    Path("deep/er/x.ssc").write_bytes(stream.read_bytes())
    assert [row["input"] for row in json.loads(run(command, "-r", "deep", "--json").stdout)] == [
        "deep/er/x.ssc"
    ]
    assert "deep/er/x.ssc" in run(command, "deep/er").stdout


def test_play_streams_to_the_player_that_is_there(run, stream, monkeypatch):
    player = Path("bin/aplay")
    player.parent.mkdir()
    player.write_text(f"#!/bin/sh\n[ \"$*\" = '-q -' ] && /bin/cat > {Path.cwd()}/heard.wav\n")
    player.chmod(0o755)
    monkeypatch.setenv("PATH", str(player.parent.absolute()))
    run("play", stream)
    run("decode", stream, "same.wav")
    assert soundfile.read("heard.wav")[0].tolist() == soundfile.read("same.wav")[0].tolist()
    run("play", stream, "--start", 1, "--end", 1.5)
    assert soundfile.info("heard.wav").frames == 22050
    player.write_text("#!/bin/sh\nexit 3\n")
    assert "aplay" in run("play", stream, code=6).stderr
    player.unlink()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "there is no player" in run("play", stream, code=6).stderr
