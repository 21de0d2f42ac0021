"""This codec, by the same road as any other: a stream in a file, and that file decoded."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

import sscodec
from sscodec.errors import UsageError
from sscodec.evaluation.peers.base import Coded
from sscodec.files import decode_file, encode_file
from sscodec.loader import Loader
from sscodec.models import Model, bitrates
from sscodec.streams import DEFAULT_PACKET_MS, make_header

USUAL_RATES = (1.5, 3.0, 6.0, 12.0, 18.0)


class Ours:
    name = "sscodec"
    title = "sscodec"
    counted = "the whole .ssc file: header, packets, checksums and all"

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def rates(self) -> tuple[float, ...]:
        """The usual ones that the model has."""
        steps = bitrates(self.model.config)
        return tuple(kbps for kbps in USUAL_RATES if steps[0] <= kbps <= steps[-1]) or steps[-1:]

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        rate = self.model.config.sample_rate
        header = make_header(self.model, 1, 1, rate, 1, None, DEFAULT_PACKET_MS, None)
        # The header has the coder of this version and the hashes of what the stream depends on.
        layout = hashlib.sha256(repr(header).encode()).hexdigest()[:8]
        return f"sscodec {sscodec.__version__} {self.model.id} {self.model.stream_hash.hex()} {layout}"

    def code(self, samples: np.ndarray, sample_rate: int, kbps: float, folder: Path) -> Coded:
        loader = _loader(self.model.path)
        if sample_rate != self.model.config.sample_rate:
            raise UsageError(f"the model codes {self.model.config.sample_rate} Hz, not {sample_rate}")
        original, stream, decoded = folder / "original.wav", folder / "coded.ssc", folder / "decoded.wav"
        soundfile.write(original, samples, sample_rate, subtype="PCM_16")
        report = encode_file(original, stream, kbps=kbps, loader=loader)
        decode_file(stream, decoded, subtype="FLOAT", loader=loader)
        sound = soundfile.read(decoded, dtype="float32")[0]
        return Coded(sound, report.bytes, report.bytes, report.nominal_kbps)


@cache
def _loader(folder: Path) -> Loader:
    return Loader(folder)
