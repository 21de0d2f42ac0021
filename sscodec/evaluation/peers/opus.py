"""Opus, as `opusenc` and `opusdec` of opus-tools make it with their defaults."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from sscodec.evaluation.peers.base import Coded, read_at, run_tool, tool_version, write_wav


class Opus:
    name = "opus"
    title = "Opus"
    rates = (6.0, 9.0, 12.0, 16.0, 24.0)
    counted = "the Opus packets, without the Ogg container"

    def missing(self) -> str | None:
        there = shutil.which("opusenc") and shutil.which("opusdec")
        return None if there else "opusenc and opusdec are not installed (opus-tools)"

    def version(self) -> str:
        return tool_version(["opusenc", "--version"], r"(libopus [\w.-]+)")

    def code(self, samples: np.ndarray, sample_rate: int, kbps: float, folder: Path) -> Coded:
        source = write_wav(folder, samples, sample_rate)
        coded, decoded = folder / "coded.opus", folder / "decoded.wav"
        # Room for later tags and the tags themselves would count for nothing but file_bytes.
        plain = ("--padding", "0", "--discard-comments")
        run_tool(["opusenc", "--quiet", "--bitrate", f"{kbps:g}", *plain, source, coded])
        run_tool(["opusdec", "--quiet", "--rate", str(sample_rate), coded, decoded])
        data = coded.read_bytes()
        return Coded(read_at(decoded, sample_rate), packet_bytes(data), len(data))


def packet_bytes(ogg: bytes) -> int:
    """Bytes of all packets of an Ogg Opus file but its two headers."""
    position, complete, size = 0, 0, 0
    while position < len(ogg):
        segments = ogg[position + 27 : position + 27 + ogg[position + 26]]
        for length in segments:
            size += length if complete >= 2 else 0
            complete += length < 255  # a shorter segment ends its packet
        position += 27 + len(segments) + sum(segments)
    return size
