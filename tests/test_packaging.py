"""The source distribution and the wheel that is built from it, installed somewhere else."""

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import sscodec

ROOT = Path(sscodec.__file__).parent.parent

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("build", "hatchling"))),
    reason="build and hatchling are not installed",
)


def test_sdist_and_wheel_install_elsewhere(tmp_path, monkeypatch):
    monkeypatch.delenv("SSCODEC_MODEL", raising=False)
    dist, place = tmp_path / "dist", tmp_path / "place"
    # The wheel is made from what the source distribution holds.
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--skip-dependency-check",
        "--outdir",
        dist,
        ROOT,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = dist.glob("*.whl")
    (source,) = dist.glob("*.tar.gz")
    assert wheel.name == f"sscodec-{sscodec.__version__}-py3-none-any.whl"
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "docs/format.md", "tests/conftest.py"} <= names
    assert not any(name.startswith((".venv", "shared", "runs")) for name in names)
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        place,
        wheel,
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    # Without site-packages' own path to this checkout, whatever it is.
    there = {**os.environ, "PYTHONPATH": str(place)}
    program = "import sscodec, sscodec.__main__ as m; print(sscodec.__file__); m.main()"
    run = [sys.executable, "-c", program, "models", "--json"]
    done = subprocess.run(run, check=True, capture_output=True, text=True, cwd="/", env=there, timeout=60)
    file, listed = done.stdout.split("\n", 1)
    assert Path(file).is_relative_to(place)
    (default, *_) = json.loads(listed)
    assert Path(default["path"]).is_relative_to(place) and default["entropy_hash"]
