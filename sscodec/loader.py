"""Models loaded once, for work on many files."""

from __future__ import annotations

from pathlib import Path

from sscodec import models
from sscodec.codec import Codec
from sscodec.container import Header
from sscodec.errors import ModelError


class Loader:
    """Finds, hashes and loads each model once, however many files need it.

    model: id or path of a folder; None is the default one for encoding, and the one that a stream names for
    decoding. device, threads: as in `Codec.load`.
    """

    def __init__(
        self, model: str | Path | None = None, device: str = "cpu", threads: int | None = None
    ) -> None:
        self._name = model
        self._device = device
        self._threads = threads
        self._named: models.Model | None = None
        self._codecs: dict[bytes, Codec] = {}

    def named(self) -> models.Model:
        """The model to encode with, not loaded. Raises ModelError."""
        if self._named is None:
            self._named = models.find(self._name)
        return self._named

    def load(self, model: models.Model) -> Codec:
        """Raises ModelError and UsageError as `Codec.load` does."""
        key = model.stream_hash
        if key not in self._codecs:
            self._codecs[key] = Codec.load(model, self._device, self._threads)
        return self._codecs[key]

    def for_stream(self, header: Header) -> Codec:
        """The codec that a stream was made with. Raises ModelError where it is not there."""
        loaded = self._codecs.get(header.model_hash)
        model = loaded.model if loaded else self._find_for(header)
        ours = (model.config.sample_rate, model.config.hop, model.config.codebook_size)
        if (header.sample_rate, header.hop, header.codebook_size) != ours or header.n_q > model.config.n_q:
            raise ModelError(f"the stream and {model.path} have the same weights but another config.toml")
        return self.load(model)

    def _find_for(self, header: Header) -> models.Model:
        return models.find_for_stream(header.model_id, header.model_hash, self._name)
