"""Change the sample rate of a stream."""

from __future__ import annotations

import numpy as np
import soxr

QUALITY = "HQ"
"""20 bits, flat to 91 % of the lower Nyquist frequency; more would be below what any 24 kHz codec keeps."""


class Resampler:
    """Resamples blocks float32 [frames, channels] without seams. Equal rates pass through untouched.

    n frames give n * out_rate / in_rate frames in all, to within one; the delay of the filter is compensated.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int) -> None:
        self._channels = channels
        self._soxr = None
        if in_rate != out_rate:
            self._soxr = soxr.ResampleStream(in_rate, out_rate, channels, dtype="float32", quality=QUALITY)

    def push(self, block: np.ndarray) -> np.ndarray:
        """Frames that are ready after this block; the filter keeps some back."""
        return block if self._soxr is None else self._soxr.resample_chunk(np.ascontiguousarray(block))

    def flush(self) -> np.ndarray:
        """Frames that the filter has kept back. Nothing may be pushed after."""
        tail = np.zeros((0, self._channels), np.float32)
        return tail if self._soxr is None else self._soxr.resample_chunk(tail, last=True)
