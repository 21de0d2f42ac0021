"""The command line with the tiny model as its default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result

import sscodec
from sscodec.cli import cli

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_folder: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))
    # Also for processes that are started from another folder than the checkout's.
    monkeypatch.setenv("PYTHONPATH", str(Path(sscodec.__file__).parent.parent))


@pytest.fixture
def run() -> Run:
    """A function that runs the command in this process, with `stdin` to read, and checks the exit code."""

    def invoke(*args: object, code: int = 0, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)
        assert result.exit_code == code, result.stderr
        assert "Traceback" not in result.stderr
        if code not in (0, 130):
            assert result.stderr.splitlines()[-1].startswith("sscodec: ")
        return result

    return invoke


@pytest.fixture
def recording(sound: Callable[..., object]) -> Path:
    """in.wav in the current folder: 2.5 s at 44.1 kHz."""
    path = Path("in.wav")
    soundfile.write(path, sound(2.5, rate=44100), 44100)
    return path


@pytest.fixture
def stream(recording: Path, run: Run) -> Path:
    """in.ssc in the current folder: the recording, 6 kbps."""
    run("encode", recording)
    return Path("in.ssc")
