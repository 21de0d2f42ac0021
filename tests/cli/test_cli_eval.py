"""`sscodec eval` and `sscodec spectrogram`."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

FAST = ("--skip", "visqol_a,visqol_s,pesq,stoi,estoi,lsd", "--peers", "none", "--jobs", 1)


@pytest.fixture
def sounds(sound):
    for number, kind in enumerate(("speech", "music")):
        path = Path("sounds") / kind / f"{number}.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, sound(1.2 + number, rate=44100, channels=2), 44100)
    return Path("sounds")


def test_a_report(run, sounds):
    done = run("eval", sounds, "-o", "report", *FAST, "--kbps", "3,6")
    assert "speech, n = 1" in done.stdout
    assert "sscodec 6" in done.stdout
    assert done.stderr.splitlines()[-1] == f"sscodec: to look and listen: {Path('report/report.html')}"
    names = {path.name for path in Path("report").iterdir()}
    assert names == {"cache", "files.csv", "plots", "report.html", "report.json", "summary.csv", "summary.md"}
    again = run("eval", sounds, "-o", "report", *FAST, "--kbps", "3,6", "--json", "-q")
    assert json.loads(again.stdout) == json.loads(Path("report/report.json").read_text())
    assert again.stderr == ""


def test_the_usual_rates_are_those_of_the_model(run, sounds):
    rows = json.loads(run("eval", sounds / "speech/0.wav", *FAST, "--clips", 0, "--json").stdout)["rows"]
    assert [row["asked_kbps"] for row in rows] == [1.5, 3, 6]
    assert {row["kind"] for row in rows} == {"speech"}
    assert Path("sscodec-report/report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nosuch"], 3, "there is no such file or folder"),
        (["sounds", "--kbps", "99"], 2, "kbps must be 0.75 to 6"),
        (["sounds", "--kbps", "x"], 2, "--kbps must be numbers"),
        (["sounds", "--peers", "nosuch"], 2, "unknown peer"),
        (["sounds", "--skip", "nosuch"], 2, "unknown measure"),
        (["sounds", "--jobs", "0"], 2, "--jobs must be at least 1"),
        (["sounds", "--seconds", "-1"], 2, "must not be negative"),
        (["sounds", "-o", "sounds"], 6, "holds other things than a report"),
        (["sounds", "--model", "nosuch"], 5, "no model 'nosuch'"),
        ([], 2, "Missing argument"),
    ],
)
def test_errors(run, sounds, arguments, code, message):
    assert message in run("eval", *arguments, code=code).stderr
    assert not Path("sscodec-report").exists()


def test_missing_packages_are_named(run, recording, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "matplotlib" and find_spec(name))
    for arguments in (["eval", recording], ["spectrogram", recording, "-o", "out.png"]):
        assert "pip install 'sscodec[eval]'" in run(*arguments, code=1).stderr


def test_spectrogram(run, recording):
    run("spectrogram", recording, "-o", "one.png")
    run("spectrogram", recording, recording, "-o", "two.svg")
    assert Path("one.png").read_bytes().startswith(b"\x89PNG")
    assert Path("two.svg").read_text().count("in.wav") >= 2
    assert "exists already" in run("spectrogram", recording, "-o", "one.png", code=6).stderr
    run("spectrogram", recording, "-o", "one.png", "--force")
    assert "one or two" in run("spectrogram", *[recording] * 3, "-o", "x.png", code=2).stderr
    assert "no format of pictures" in run("spectrogram", recording, "-o", "x.txt", code=2).stderr
    assert "is the input" in run("spectrogram", recording, "-o", recording, "--force", code=6).stderr
    assert "cannot open" in run("spectrogram", "nosuch.wav", "-o", "x.png", code=3).stderr


@pytest.mark.parametrize("command", ["eval", "spectrogram"])
def test_help_waits_for_nothing_heavy(command):
    program = f"""
import sys
import sscodec.cli
try:
    sscodec.cli.cli.main(["{command}", "--help"])
finally:
    assert not {{"torch", "numpy", "matplotlib", "scipy"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
