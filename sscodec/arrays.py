"""A whole stream as an array: the short road, with its own level, length and rate."""

from __future__ import annotations

from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import numpy as np

from sscodec.errors import DamagedError
from sscodec.files import decode_stream, output_rate
from sscodec.live import SoundDecoder
from sscodec.loader import Loader
from sscodec.pipes import input_name
from sscodec.streams import check_n_q, naming, open_streams, packets_ahead


def decode(
    path: str | Path,
    rate: int | str = "original",
    n_q: int | None = None,
    *,
    model: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> tuple[np.ndarray, int]:
    """Audio and its sample rate in Hz: float32 [samples], or [channels, samples] of more than one channel.

    It is as loud and as long as what was encoded. rate: "original", "model" or Hz. n_q: use the first
    codebooks only. model, device, threads: as in `Codec.load`; None finds the model that the stream names.
    Models are loaded once. Chained streams follow each other, at the rate of the first.

    Raises DamagedError where anything is lost (`decode_file` conceals it), InputError, ModelError and
    UsageError.
    """
    loader = _loader(model, device, threads)
    blocks: list[np.ndarray] = []
    name = input_name(path)
    with ExitStack() as stack:
        file, streams = open_streams(path, stack)
        first = None
        for stream in streams:
            first = first or stream.header
            if stream.header.channels != first.channels:
                raise DamagedError(f"{name}: its streams have different numbers of channels")
            check_n_q(first, n_q)
            few = None if n_q is None else min(n_q, stream.header.n_q)
            decoder = SoundDecoder(loader.for_stream(stream.header), stream.header, few)
            damage: list[str] = []
            with naming(name):
                blocks += decode_stream(
                    stream, packets_ahead(file), decoder, output_rate(first, rate), damage
                )
            if damage:
                raise DamagedError(f"{name}: {damage[0]}; sscodec.decode_file conceals what is lost")
    assert first is not None
    audio = np.ascontiguousarray(np.concatenate(blocks).T)
    return (audio[0] if first.channels == 1 else audio), output_rate(first, rate)


@lru_cache(maxsize=4)
def _loader(model: str | Path | None, device: str, threads: int | None) -> Loader:
    return Loader(model, device, threads)
