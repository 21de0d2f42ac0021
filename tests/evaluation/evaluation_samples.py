"""A codec and sounds of the tests' own; a module, for other processes must find it."""

from __future__ import annotations

import numpy as np

RATE = 24000
DELAY = 100
"""Samples by which `Crusher` is late."""


class Crusher:
    """Keeps a few bits of each sample, and is late; counts how often it is asked."""

    name = "crusher"
    title = "Crusher"
    rates = (3.0, 6.0)
    counted = "nothing real"

    def __init__(self) -> None:
        self.calls = 0

    def missing(self):
        return None

    def version(self):
        return "1"

    def code(self, samples, sample_rate, kbps, folder):
        from sscodec.evaluation.peers import Coded

        self.calls += 1
        assert not list(folder.iterdir())
        step = 2 ** (15 - kbps)
        sound = np.rint(samples / step) * step / 2**15
        size = round(len(samples) / sample_rate * kbps * 125)
        return Coded(np.concatenate([np.zeros(DELAY), sound]), size, size + 10)


def make_voice(seed: int, seconds: float = 1.5) -> np.ndarray:
    """Float [samples] with onsets: bursts of a tone with noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    bursts = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * (3 + seed / 7) * time))
    return bursts * (0.3 * np.sin(2 * np.pi * 200 * time) + 0.05 * rng.standard_normal(len(time)))
