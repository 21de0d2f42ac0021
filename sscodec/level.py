"""The level of sound that is quiet or beyond full scale: the network is best at ordinary ones."""

from __future__ import annotations

import math
from collections.abc import Iterable

QUIET_DB = -16.0
"""Peak below which a sound is quiet, dB of full scale."""
RAISED_DB = -10.0
"""Peak to which it is raised, at most."""
LARGEST_GAIN_DB = 60
"""What is weaker still is the rounding of 16 bits."""
LOUD_DB = 6.0
"""Peak above which floating-point sound is lowered: what decoders of MP3 add to full scale is less."""
LARGEST_LOSS_DB = 255
"""The most that a header tells."""


def gain_of(peaks: Iterable[float], unbounded: bool = False) -> int:
    """Whole dB by which to raise a sound whose blocks have these peaks, or to lower it (below 0); mostly 0.

    unbounded: the samples may exceed full scale; otherwise nothing more is taken from `peaks` once they are
    known not to be quiet, so that all is read of quiet sound alone.
    """
    highest = 0.0
    for peak in peaks:
        highest = max(highest, peak)
        if highest >= amplitude(QUIET_DB) and not unbounded:
            return 0
    if not highest:
        return 0
    level = 20 * math.log10(highest)
    if level > LOUD_DB:
        return -min(LARGEST_LOSS_DB, math.ceil(level - RAISED_DB))
    return min(LARGEST_GAIN_DB, math.floor(RAISED_DB - level)) if level < QUIET_DB else 0


def amplitude(db: float) -> float:
    """The factor on samples that a gain of some dB is."""
    return 10.0 ** (db / 20)
