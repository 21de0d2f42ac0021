"""Where in a sound a model removes noise: its FiLM condition over time (arXiv 2107.03312, section III-F)."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sscodec.errors import UsageError
from sscodec.nn.config import ModelConfig

TAG = "denoise"
"""The header's tag that names the part where noise was removed, in seconds; none where it was everywhere."""
_ADVICE = {
    "encoder": "removes noise when encoding: use sscodec encode --denoise, and decode without it",
    "decoder": "removes noise when decoding: use sscodec decode --denoise, and encode without it",
    "none": "cannot remove noise: leave denoising out, or take another model",
}


@dataclass(frozen=True)
class Denoise:
    """The part of a sound in which noise is removed: all frames that begin in it. By default the whole.

    Raises UsageError for a part that cannot be.
    """

    start: float = 0.0
    """Seconds, inclusive."""
    end: float = math.inf
    """Seconds, exclusive."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < math.inf:
            raise UsageError(f"denoising must begin at 0 s or later, not at {self.start:g} s")
        if not self.start < self.end:
            raise UsageError(
                f"denoising must end after it begins: from {self.start:g} s to {self.end:g} s is nothing"
            )


def denoised_frames(
    denoise: Denoise | bool,
    config: ModelConfig,
    side: Literal["encoder", "decoder"],
    seconds: float | None = None,
) -> range:
    """Numbers of the frames in which noise is removed; empty for False, and all there can be for True.

    side: where it is asked for. seconds: length of the sound, where it is known.

    Raises UsageError where the model does not do it on that side, and where no frame begins in the part.
    """
    if denoise is False:
        return range(0)
    if config.film != side:
        raise UsageError(f"model {config.name} {_ADVICE[config.film]}")
    part = Denoise() if denoise is True else denoise
    frames = range(_first_frame(part.start, config), _first_frame(part.end, config))
    last = math.inf if seconds is None else seconds * config.frame_rate
    if not frames or 0 < frames.start >= last:
        end = "" if part.end == math.inf else f" to {part.end:g} s"
        length = "" if seconds is None else f" of {seconds:g} s"
        raise UsageError(
            f"denoising from {part.start:g} s{end} covers no frame of the sound{length}; "
            f"frames begin every {1000 / config.frame_rate:.3g} ms"
        )
    return frames


def mask(frames: range, first: int, count: int) -> np.ndarray:
    """bool [count]: which of the frames with the numbers first, first + 1, ... are in `frames`."""
    numbers = np.arange(first, first + count)
    return (numbers >= frames.start) & (numbers < frames.stop)


def part_tag(frames: range, config: ModelConfig) -> dict[str, str]:
    """The tag for denoised frames: "1.000-5.000", or "1.000-" up to the end; none for no or all frames.

    The times are those at which frames begin, so a frame's number can be had from them by rounding.
    """
    if not frames or frames == range(sys.maxsize):
        return {}
    end = "" if frames.stop == sys.maxsize else f"{frames.stop / config.frame_rate:.3f}"
    return {TAG: f"{frames.start / config.frame_rate:.3f}-{end}"}


def _first_frame(seconds: float, config: ModelConfig) -> int:
    """The first frame that begins at that time or after it; sys.maxsize for the end of time."""
    # Through whole samples: 0.28 s * 75 frames/s is 21.000000000000004.
    samples = seconds * config.sample_rate
    return sys.maxsize if samples > 2**62 else -(-round(samples) // config.hop)
