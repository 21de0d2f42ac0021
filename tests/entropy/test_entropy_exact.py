"""The same codes give the same bytes, whatever the threads, the kernels or the library of the products."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import entropy_digest as digest
import numpy as np
import pytest
from entropy_samples import random_model

import sscodec
from sscodec.entropy import network

PROGRAM = Path(__file__).with_name("entropy_digest.py")
ROOT = Path(sscodec.__file__).parent.parent
HERE = digest.digest()


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_threads(threads):
    assert run(OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads) == HERE


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="kernels of x86 processors")
@pytest.mark.parametrize("core", ["Prescott", "Nehalem", "Sandybridge", "Haswell", "SkylakeX"])
def test_kernels_of_other_processors(core):
    assert run(OPENBLAS_CORETYPE=core) == HERE


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_products_of_another_library(monkeypatch, dtype):
    monkeypatch.setattr(network, "_product", digest.product_in(dtype))
    assert digest.digest() == HERE


def test_frames_may_come_in_any_blocks():
    model = random_model(2, 16).network
    sums = np.random.default_rng(0).integers(-300, 300, (40, 2, 5)).astype(np.int32)
    whole = model.remember(model.start(2), sums)
    for step in (1, 3, 7, 9, 20):
        memory = model.start(2)
        parts = [model.remember(memory, sums[at : at + step]) for at in range(0, 40, step)]
        assert np.array_equal(np.concatenate(parts), whole)


def test_signals_do_not_see_each_other():
    model = random_model(2, 16).network
    sums = np.random.default_rng(0).integers(-300, 300, (40, 2, 5)).astype(np.int32)
    whole = model.remember(model.start(2), sums)
    assert np.array_equal(model.remember(model.start(1), sums[:, 1:])[:, 0], whole[:, 1])


def run(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == -signal.SIGILL:
        pytest.skip("this machine cannot run these kernels")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
