"""Entropy models with random numbers in place of learned ones, valid for any codebooks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from sscodec.container import CODER_NAMES
from sscodec.entropy import coder_for
from sscodec.entropy.model import EntropyModel
from sscodec.entropy.network import DILATIONS, Parameters
from sscodec.entropy.ranges import weights_of


@dataclass(frozen=True)
class StreamLayout:
    channels: int = 1
    n_q: int = 1
    codebook_size: int = 32
    varying: bool = False


def random_model(
    n_q: int,
    size: int,
    seed: int = 0,
    widths: tuple[int, int, int] = (5, 7, 6),
    model_sha256: str = "00" * 32,
) -> EntropyModel:
    """widths: E, D and H. Some codes are a thousand times as probable as others, as learned ones are."""
    chance = np.random.default_rng(seed)
    embedding, width, head = widths

    def weights(*shape: int) -> np.ndarray:
        return chance.integers(-60, 61, shape).astype(np.int8)

    def biases(*shape: int, most: int = 4000) -> np.ndarray:
        return chance.integers(-most, most + 1, shape).astype(np.int32)

    context = Parameters(
        embed=weights(n_q, size, embedding),
        frame_weight=weights(width, embedding),
        frame_bias=biases(width),
        layer_weight=weights(len(DILATIONS), width, 2 * width),
        layer_bias=biases(len(DILATIONS), width),
        past_weight=weights(n_q, head, width),
        part_weight=weights(n_q, head, embedding),
        head_bias=biases(n_q, head),
        score_weight=weights(n_q, size, head),
        score_bias=biases(n_q, size, most=20_000),
    )
    static = weights_of(chance.integers(-800, 0, (n_q, size)).astype(np.int32)).astype(np.int32)
    return EntropyModel(static, context, model_sha256)


def likely_codes(
    coder: int, layout: StreamLayout, model: EntropyModel, frames: int, seed: int = 0
) -> np.ndarray:
    """Codes int32 [channels, n_q, frames] drawn from the probabilities that a coder gives them."""
    chance = np.random.default_rng(seed)

    class Draws:
        """Takes the place of the range decoder."""

        only_zeros_follow = False

        def __init__(self, payload: bytes) -> None:
            pass

        def decode(self, ends: np.ndarray) -> int:
            return int(ends.searchsorted(chance.random() * 2**24, "right"))

        def finish(self) -> None:
            pass

    module = f"sscodec.entropy.{CODER_NAMES[coder]}"
    with patch(f"{module}.RangeDecoder", Draws):
        return coder_for(coder, layout, model).decode(b"", frames)


def without(codes: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The codes with -1 in the last codebooks of frames, whose numbers of codebooks wander."""
    _, n_q, frames = codes.shape
    numbers = np.clip(chance.integers(1, n_q + 1) + chance.integers(-1, 2, frames).cumsum(), 1, n_q)
    return np.where(np.arange(n_q)[:, None] < numbers, codes, -1)


def unlikely_codes(model: EntropyModel, channels: int, frames: int) -> np.ndarray:
    """The codes that the static coder finds the least probable, int64 [channels, n_q, frames]."""
    worst = model.static.argmin(1)
    return np.broadcast_to(worst[:, np.newaxis], (channels, len(worst), frames))


def install_entropy(folder: Path, seed: int = 0) -> EntropyModel:
    """Give a model folder an entropy model, and its config the hash of it."""
    from sscodec.models import open_folder

    model = open_folder(folder)
    made = random_model(model.config.n_q, model.config.codebook_size, seed, model_sha256=model.sha256)
    path = folder / "entropy.safetensors"
    made.save(path)
    config, digest = folder / "config.toml", hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [line for line in config.read_text().splitlines() if not line.startswith("entropy_sha256")]
    config.write_text("\n".join([*lines, f'entropy_sha256 = "{digest}"\n']))
    return EntropyModel.load(path)
