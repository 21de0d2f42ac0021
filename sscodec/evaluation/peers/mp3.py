"""MP3 by LAME, its own program or the one within ffmpeg."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from sscodec.evaluation.peers.base import Coded, read_at, run_tool, tool_version, write_wav


class Mp3:
    name = "mp3"
    title = "MP3"
    rates = (16.0, 32.0, 64.0)
    counted = "the audio frames, without tags"

    def missing(self) -> str | None:
        there = shutil.which("lame") or shutil.which("ffmpeg")
        return None if there else "neither lame nor ffmpeg is installed"

    def version(self) -> str:
        if shutil.which("lame"):
            return "lame " + tool_version(["lame", "--version"], r"version ([\w.]+)")
        return "ffmpeg " + tool_version(["ffmpeg", "-version"], r"version (\S+)")

    def code(self, samples: np.ndarray, sample_rate: int, kbps: float, folder: Path) -> Coded:
        source = write_wav(folder, samples, sample_rate)
        coded, bare = folder / "coded.mp3", folder / "bare.mp3"
        # Decoders take the delay of the codec from a tag in a frame of its own. It is no sound, so what is
        # counted is a second file without it.
        if shutil.which("lame"):
            command = ["lame", "--silent", "-m", "m", "-b", f"{kbps:g}"]
            run_tool([*command, source, coded])
            run_tool([*command, "-t", source, bare])
        else:
            command = ["ffmpeg", "-v", "error", "-i", str(source), "-c:a", "libmp3lame", "-b:a", f"{kbps:g}k"]
            run_tool([*command, coded])
            run_tool([*command, "-write_xing", "0", "-id3v2_version", "0", bare])
        return Coded(read_at(coded, sample_rate), bare.stat().st_size, coded.stat().st_size)
