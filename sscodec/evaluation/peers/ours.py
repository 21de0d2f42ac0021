"""This codec, by the same road as any other: a stream in a file, and that file decoded."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

import sscodec
from sscodec.codec import Codec
from sscodec.errors import UsageError
from sscodec.evaluation.peers.base import Coded
from sscodec.models import Model, bitrates, choose_n_q, open_folder
from sscodec.streams import DEFAULT_PACKET_MS, StreamFile, make_header

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
        codec = _codec(self.model.path)
        if sample_rate != codec.sample_rate:
            raise UsageError(f"the model codes {codec.sample_rate} Hz, not {sample_rate}")
        n_q = choose_n_q(codec.config, 1, kbps=kbps)
        path = folder / "coded.ssc"
        codes = codec.encode(samples.astype(np.float32) / 2**15, n_q=n_q)
        size = codec.save(path, codes, len(samples))
        with StreamFile(path, codec.model) as stream:
            decoded = codec.decode(stream.codes())[0]
        return Coded(decoded[: len(samples)], size, size, codec.config.bitrate(n_q) / 1000)


@cache
def _codec(folder: Path) -> Codec:
    return Codec.load(open_folder(folder))
