"""Shared by all tests: a tiny model with random weights, and synthetic sounds."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before torch is imported: small convolutions on many threads are slow, and slower still beside other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The models of whoever runs the tests are not theirs.
os.environ["SSCODEC_MODELS"] = os.devnull

import numpy as np
import pytest
from hypothesis import settings

Sound = Callable[..., np.ndarray]

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")


def build_model(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A model folder with random float16 weights, small enough for thousands of times real time."""
    import torch
    from safetensors.torch import save_file

    from sscodec.nn.config import SoundStreamConfig
    from sscodec.nn.soundstream import SoundStream

    shape = {"c_enc": 2, "c_dec": 2, "dim": 8, "n_q": 8} | changes
    config = SoundStreamConfig(name=folder.name, **shape)
    torch.manual_seed(seed)
    network = SoundStream(config)
    if network.film is not None:
        network.film.gamma.data[1] = 0.25  # for the switch to be heard
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(config.to_toml())
    weights = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 kHz, hop 320, 8 codebooks of 1024: 0.75 to 6 kbps."""
    return build_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def other_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `model_folder` with other weights."""
    return build_model(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="session")
def decoding_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `model_folder`, but it is the decoder that removes noise."""
    return build_model(tmp_path_factory.mktemp("models") / "late", film="decoder")


@pytest.fixture(scope="session")
def plain_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `model_folder`, but it cannot remove noise."""
    return build_model(tmp_path_factory.mktemp("models") / "plain", film="none")


@pytest.fixture(scope="session")
def entropy_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of `model_folder` with an entropy model (of random numbers) beside the weights."""
    import shutil

    from entropy_samples import install_entropy

    folder = shutil.copytree(model_folder, tmp_path_factory.mktemp("models") / "tiny")
    install_entropy(folder)
    return folder


@pytest.fixture
def sound() -> Sound:
    """A function that makes float32 [frames, channels]: a sweep with noise, another in each channel."""

    def make(
        seconds: float = 1.5, rate: int = 24000, channels: int = 1, frames: int | None = None
    ) -> np.ndarray:
        frames = round(seconds * rate) if frames is None else frames
        noise = np.random.default_rng(rate + channels).standard_normal((frames, channels))
        time = np.arange(frames)[:, np.newaxis] / rate
        pitch = 200.0 + 100 * np.arange(channels)
        return (0.3 * np.sin(2 * np.pi * pitch * time * (1 + time)) + 0.03 * noise).astype(np.float32)

    return make


@pytest.fixture
def pipe_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """A function that makes bytes the standard input, to be read once from start to end, as a pipe is."""

    def feed(data: bytes) -> None:
        class Pipe(io.RawIOBase):
            """Hands out a few bytes at a time."""

            position = 0

            def readable(self) -> bool:
                return True

            def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
                part = data[self.position : self.position + min(len(buffer), 1777)]
                buffer[: len(part)] = part
                self.position += len(part)
                return len(part)

        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Pipe())))

    return feed
