"""Runs every recipe of docs/cookbook.md in a folder of its own, with the tiny model.

The words after ```sh say what a recipe needs (`needs=`: programs, `python=`: packages; without them it is
skipped), which files it leaves (`leaves=`), and that it runs until it is stopped (`watches=`: the folder that
a sound is put into).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile

import sscodec

ROOT = Path(sscodec.__file__).parent.parent
RECIPES = re.findall(
    r"^## (.+?)$|^```sh(.*?)\n(.*?)^```$", (ROOT / "docs/cookbook.md").read_text(), re.MULTILINE | re.DOTALL
)
SECONDS = 120


def cases():
    title = ""
    for heading, words, script in RECIPES:
        title = heading or title
        if script:
            facts = dict(word.split("=") for word in words.split())
            yield pytest.param(script, facts, id=f"{title}: {script.split(maxsplit=1)[0]}")


@pytest.fixture
def kitchen(tmp_path, sound, model_folder, monkeypatch):
    """What the recipes take for granted: commands in `bin`, and the folder `host` for the far machine."""
    monkeypatch.chdir(tmp_path)
    for folder in ("bin", "host", "corpus/sub", "incoming"):
        Path(folder).mkdir(parents=True)
    programs = {
        "sscodec": f'exec "{sys.executable}" -m sscodec "$@"',
        "python3": f'exec "{sys.executable}" "$@"',
        "ssh": f'shift; cd "{tmp_path}/host" && exec sh -c "$*"',
    }
    for name, line in programs.items():
        Path("bin", name).write_text(f"#!/bin/sh\n{line}\n")
        Path("bin", name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    soundfile.write("talk.wav", sound(1.0), 24000)
    soundfile.write("corpus/a.wav", sound(0.6), 24000)
    soundfile.write("corpus/sub/b.flac", sound(0.4, rate=44100, channels=2), 44100)
    sscodec.encode_file("talk.wav", "talk.ssc")


@pytest.mark.parametrize(("script", "facts"), list(cases()))
def test_recipe(kitchen, script, facts):
    needs = [name for name in facts.get("needs", "").split(",") if name]
    missing = [name for name in needs if shutil.which(name) is None]
    missing += [name for name in facts.get("python", "").split(",") if name and not find_spec(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    if "film.mkv" in script:
        subprocess.run(["ffmpeg", "-v", "error", "-i", "talk.wav", "film.mkv"], timeout=SECONDS, check=True)
    leaves = [Path(name) for name in facts.get("leaves", "").split(",") if name]
    command = ["bash", "-euo", "pipefail", "-c", script]
    if "watches" in facts:
        error = run_until(command, Path(facts["watches"], "new.wav"), leaves)
    else:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        error = done.stderr
        assert done.returncode == 0, error
    assert all(path.stat().st_size > 0 for path in leaves), error


def run_until(command, new, leaves):
    """Run a recipe that has no end, put a sound where it watches, and stop it when it has done its work."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        try:
            deadline = time.monotonic() + SECONDS
            while not all(path.exists() for path in leaves) and time.monotonic() < deadline:
                if not new.exists() or time.time() - new.stat().st_ctime > 5:
                    # Again after a while: it may have come before anyone watched.
                    shutil.copy("talk.wav", new)
                time.sleep(0.1)
        finally:
            os.killpg(running.pid, signal.SIGTERM)
        return running.stderr.read()
