"""Many files at once, with real worker processes."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

COMMAND = [sys.executable, "-m", "sscodec"]


@pytest.fixture
def corpus(sound):
    """corpus/ with 2 + 1 sound files, one of them in stereo, and text that calls itself WAV."""
    Path("corpus/b").mkdir(parents=True)
    soundfile.write("corpus/one.wav", sound(1.2), 24000)
    soundfile.write("corpus/two.flac", sound(0.5, rate=44100, channels=2), 44100)
    soundfile.write("corpus/b/three.wav", sound(2.0), 24000)
    Path("corpus/b/bad.wav").write_text("no sound")
    return Path("corpus")


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_a_corpus_there_and_back(run, corpus):
    result = run("encode", corpus, "-r", "-o", "out", "-j", 2, "--json", code=3)
    rows = {row["input"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert sorted(rows) == [f"corpus/{name}" for name in ("b/bad.wav", "b/three.wav", "one.wav", "two.flac")]
    assert tree("out") == ["b/three.ssc", "one.ssc", "two.ssc"]
    bad, good = rows.pop("corpus/b/bad.wav"), rows["corpus/one.wav"]
    assert "not a sound file" in bad["error"]["message"]
    assert bad["error"]["exit_code"] == 3
    assert bad["seconds"] is None
    size = Path("out/one.ssc").stat().st_size
    assert good == {
        "version": 1,
        "input": "corpus/one.wav",
        "output": "out/one.ssc",
        "skipped": False,
        "seconds": 1.2,
        "bytes": size,
        "kbps": pytest.approx(size * 8 / 1200),
        "n_q": 8,
        "denoise": False,
        "missing_seconds": 0.0,
        "damage": [],
        "error": None,
    }
    for name, row in rows.items():
        run("encode", name, "alone.ssc", "--force")
        assert Path(row["output"]).read_bytes() == Path("alone.ssc").read_bytes()

    failure, summary = result.stderr.splitlines()[-2:]
    assert failure.startswith("sscodec: corpus/b/bad.wav: not a sound file")
    assert summary.startswith("sscodec: 3 encoded (4 s of sound, ")
    assert summary.endswith("x real time), 0 done before, 1 failed")

    Path("corpus/b/bad.wav").unlink()
    result = run("encode", corpus, "-r", "-o", "out", "-j", 1)
    assert result.stderr == "sscodec: 0 encoded (0 s of sound, 0.0x real time), 3 done before, 0 failed\n"

    result = run("decode", "out", "-ro", "back", "--format", "flac", "-qj1")
    assert (result.stdout, result.stderr) == ("", "")
    assert tree("back") == ["b/three.flac", "one.flac", "two.flac"]
    assert soundfile.info("back/two.flac").channels == 2


def test_names_from_a_list(run, corpus):
    Path("list").write_bytes(b"corpus/one.wav\n\ncorpus/b/three.wav\n")
    run("encode", "--files-from", "list", "-o", "lines", "-j", 1)
    assert tree("lines") == ["corpus/b/three.ssc", "corpus/one.ssc"]
    odd = b"corpus/new\nline \xff.wav"
    Path("corpus/one.wav").rename(os.fsdecode(odd))
    result = run(
        "encode",
        "corpus/two.flac",
        "--files-from",
        "-",
        "-0",
        "-j1",
        "-o",
        "nul",
        "--json",
        stdin=odd + b"\0",
    )
    assert [Path(row["output"]).name for row in map(json.loads, result.stdout.splitlines())] == [
        "two.ssc",
        "new\nline \udcff.ssc",
    ]
    assert tree("nul") == [os.fsdecode(odd)[:-4] + ".ssc", "two.ssc"]


def test_nothing_to_do_is_no_failure(run):
    Path("empty").mkdir()
    assert "nothing to encode: no file that ends with .aif" in run("encode", "empty", "-o", "out").stderr
    assert run("decode", "--files-from", "-", "-o", "out", "-q", stdin=b"").stderr == ""
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["a.wav", "b.wav", "c.wav"], 2, "sscodec encode -d FOLDER a.wav b.wav c.wav"),
        (["corpus"], 2, "corpus: is a folder; give a folder for the outputs too"),
        (["corpus", "-r"], 2, "give it with -d FOLDER"),
        (["--files-from", "-"], 2, "give it with -d FOLDER"),
        (["a.wav", "-0"], 2, "--null is about --files-from"),
        (["-o", "out"], 2, "there is no input"),
        (["-", "-o", "out"], 2, "'-' is no file"),
        (["corpus", "-o", "out", "-j", "0"], 2, "--jobs must be at least 1"),
        (["corpus", "-o", "out", "-j", "many"], 2, "'many' is not a valid integer"),
        (["corpus", "-o", "corpus/one.wav"], 6, "corpus/one.wav: is no folder"),
        (["corpus", "corpus/b/one.mp3", "-o", "out"], 2, "would both become out/one.ssc"),
        (["corpus", "-o", "out", "--files-from", "nosuch"], 3, "nosuch: cannot read it"),
        (["corpus", "-o", "out", "--model", "nosuch"], 5, "no model 'nosuch'"),
        (["corpus", "-o", "out", "--n-q", "99"], 2, "n_q must be 1 to 8"),
    ],
)
def test_wrong_usage_is_told_before_any_work(run, corpus, arguments, code, message):
    before = tree(".")
    result = run("encode", *arguments, code=code)
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert tree(".") == before


def test_two_arguments_without_a_folder_are_input_and_output(run, corpus):
    result = run("encode", "corpus/one.wav", "corpus/b/three.wav", code=2)
    assert "sscodec encode -d FOLDER corpus/one.wav" in result.stderr
    run("encode", "corpus/one.wav", "corpus/b/three.wav", "-o", "out", "-qj1")
    assert tree("out") == ["one.ssc", "three.ssc"]


def test_format_is_for_outputs_without_a_name(run, stream):
    run("decode", stream, "--format", "flac")
    assert soundfile.info("in.flac").format == "FLAC"
    run("decode", stream, "out.wav", "--format", "flac", code=2)
    run("decode", "-", "--format", "flac", code=2, stdin=b"")


def test_the_parent_never_imports_torch(corpus):
    program = """
import sys
import sscodec.cli
try:
    sscodec.cli.cli.main(["encode", "corpus/one.wav", "-o", "out", "-j", "1"])
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, tree("out")) == (0, ["one.ssc"]), done.stderr


@pytest.mark.parametrize(
    ("end", "code", "group"),
    [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False), (signal.SIGHUP, 129, True)],
    ids=["ctrl-c", "terminated", "terminal closed"],
)
def test_a_batch_that_is_stopped_leaves_whole_files_and_goes_on(run, corpus, end, code, group):
    """A named pipe that nobody feeds to its end keeps the batch busy for as long as it takes."""
    os.mkfifo("slow.wav")
    command = [
        "env",
        "--default-signal=INT,HUP",
        *COMMAND,
        "encode",
        "corpus/one.wav",
        "slow.wav",
        "-o",
        "out",
        "-j1",
    ]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as running,
        Path("slow.wav").open("wb") as pipe,
    ):
        pipe.write(Path("corpus/b/three.wav").read_bytes()[:50000])
        pipe.flush()
        deadline = time.monotonic() + 60
        while len(tree("out")) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        part, whole = tree("out")
        assert part.startswith(".slow.ssc.")
        assert whole == "one.ssc"
        (os.killpg if group else os.kill)(running.pid, end)
        error = running.stderr.read()
        assert running.wait(60) == code
    assert b"Traceback" not in error
    assert tree("out") == ["one.ssc"]
    Path("slow.wav").unlink()
    Path("corpus/b/three.wav").rename("slow.wav")
    result = run("encode", "corpus/one.wav", "slow.wav", "-o", "out", "-j1")
    assert "1 encoded" in result.stderr
    assert "1 done before" in result.stderr
    run("info", "out/one.ssc", "out/slow.ssc")


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["", "NO_COLOR"])
def test_a_terminal_gets_text_without_colour(corpus, environment):
    """Cursor movements of a progress bar are no colours (those are escape, "[", numbers, "m")."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "encode", "corpus", "-ro", "out", "-j", "1"],
        stderr=theirs,
        stdout=theirs,
        env={**os.environ, **environment, "TERM": "xterm-256color"},
        timeout=60,
        check=False,
    )
    os.close(theirs)
    text = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 3
    assert "3 encoded" in text
    assert "\x1b[" not in text.replace("\x1b[A", "")


def test_the_bar_counts_files_and_seconds(monkeypatch, capsys):
    from sscodec.cli.progress import batch_bar

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with batch_bar(False, 3) as show:
        show(2, 12.0)
        time.sleep(1.01)  # the bar holds back for a second
        show(3, 30.0)
    text = capsys.readouterr().err
    assert "3/3 files, 30 s of sound, " in text
    assert "x real time [" in text
    with batch_bar(True, 3) as show:
        assert show is None
