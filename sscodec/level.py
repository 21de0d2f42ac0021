"""The level of quiet sound, which is raised before it is encoded: the network is best at ordinary ones."""

from __future__ import annotations

import math
from collections.abc import Iterable

QUIET_DB = -16.0
"""Peak below which a sound is quiet, dB of full scale."""
RAISED_DB = -10.0
"""Peak to which it is raised, at most."""
LARGEST_GAIN_DB = 60
"""What is weaker still is the rounding of 16 bits."""


def gain_of(peaks: Iterable[float]) -> int:
    """Whole dB by which to raise a sound whose blocks have these peaks; 0 where it is not quiet.

    Nothing more is taken from `peaks` once that is known, so all is read of quiet sound alone.
    """
    highest = 0.0
    for peak in peaks:
        highest = max(highest, peak)
        if highest >= amplitude(QUIET_DB):
            return 0
    return min(LARGEST_GAIN_DB, math.floor(RAISED_DB - 20 * math.log10(highest))) if highest else 0


def amplitude(db: float) -> float:
    """The factor on samples that a gain of some dB is."""
    return 10.0 ** (db / 20)
