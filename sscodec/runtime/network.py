"""The network of `sscodec.nn.spectral` for inference, equation by equation."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from sscodec.nn.config import SpectralConfig
from sscodec.nn.numbers import (
    COMPRESSION,
    DECODER_TAPS,
    FLOOR,
    LEVEL_SCALE,
    LEVEL_SHIFT,
    MAX_LOG_GAIN,
    SPECTRUM_SCALE,
)
from sscodec.runtime.layers import (
    State,
    channel_filter,
    film,
    linear,
    normalise,
    relu,
    with_past,
)
from sscodec.runtime.search import Quantizer
from sscodec.runtime.transform import analyse, synthesise
from sscodec.runtime.weights import Shape, Weights


class Spectral:
    """path: of weights.safetensors. Raises what `Weights` does.

    Encoder, quantizer and decoder are read when they are first needed.
    """

    def __init__(self, config: SpectralConfig, path: Path) -> None:
        self.config = config
        self._weights = Weights(path, shapes(config))

    def embed(self, audio: np.ndarray, denoise: np.ndarray | None, state: State) -> np.ndarray:
        """Audio float32 [batch, frames * hop + hop] to embeddings float32 [batch, frames, dim].

        denoise: bool [frames], whether noise is to be removed; None: nowhere.
        """
        return self._encoder(analyse(audio, self.config.hop, state), denoise, state)

    def quantize(self, x: np.ndarray, n_q: int) -> np.ndarray:
        """Codes int64 [batch, n_q, frames] of embeddings [batch, frames, dim]."""
        return self._quantizer.encode(x, n_q)

    def dequantize(self, codes: np.ndarray) -> np.ndarray:
        """Embeddings float32 [batch, frames, dim] of codes [batch, n_q, frames], any n_q >= 1."""
        return self._quantizer.decode(codes)

    def synthesise(self, x: np.ndarray, state: State) -> np.ndarray:
        """Embeddings [batch, frames, dim] to audio float32 [batch, frames * hop]."""
        return synthesise(self._decoder(x, state), self.config.hop, state)

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.config, self._weights)

    @cached_property
    def _quantizer(self) -> Quantizer:
        return Quantizer(self.config, self._weights)

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self.config, self._weights)


class Encoder:
    """Spectra complex64 [batch, frames, hop + 1] to embeddings [batch, frames, dim] of mean square 1."""

    def __init__(self, config: SpectralConfig, weights: Weights) -> None:
        self._width = config.width
        self._first = weights.linear("encoder.first")
        filmed = config.film == "encoder"
        self._blocks = [Block(weights, f"encoder.blocks.{k}", filmed) for k in range(config.encoder_blocks)]
        self._last = weights.linear("encoder.last")

    def __call__(self, spectra: np.ndarray, denoise: np.ndarray | None, state: State) -> np.ndarray:
        batch, frames, bins = spectra.shape
        x = features(spectra, state.room("features", batch, frames, 3 * bins))
        x = linear(x, self._first, state.room("x", batch, frames, self._width))
        for block in self._blocks:
            x = block(x, denoise, state)
        x = linear(x, self._last, state.room("embeddings", batch, frames, len(self._last.bias))).copy()
        power = np.einsum("bfc,bfc->bf", x, x) / x.shape[2]
        x *= (1 / np.sqrt(power + FLOOR))[:, :, None]
        return x


class Decoder:
    """Embeddings [batch, frames, dim] to spectra complex64 [batch, frames, hop + 1]: e^m (u + iv)."""

    def __init__(self, config: SpectralConfig, weights: Weights) -> None:
        self._width, self._bins = config.width, config.hop + 1
        self._first = weights.linear("decoder.first.product")
        self._blocks = [Block(weights, f"decoder.blocks.{k}") for k in range(config.decoder_blocks)]
        self._last = weights.linear("decoder.last")

    def __call__(self, x: np.ndarray, state: State) -> np.ndarray:
        batch, frames, dim = x.shape
        whole = with_past(x, DECODER_TAPS - 1, "decoder.first", state)
        taps = state.room("taps", batch, frames, DECODER_TAPS * dim)
        for k in range(DECODER_TAPS):
            taps[:, :, k * dim : (k + 1) * dim] = whole[:, k : k + frames]
        x = linear(taps, self._first, state.room("x", batch, frames, self._width))
        for block in self._blocks:
            x = block(x, None, state)
        parts = linear(normalise(x), self._last, state.room("parts", batch, frames, 3 * self._bins))
        log_gain, real, imaginary = np.split(parts, 3, axis=2)
        gain = np.exp(np.minimum(log_gain, MAX_LOG_GAIN, out=log_gain), out=log_gain)
        spectra = np.empty((batch, frames, self._bins), np.complex64)
        np.multiply(real, gain, out=spectra.real)
        np.multiply(imaginary, gain, out=spectra.imag)
        return spectra


class Block:
    """x + scale * narrow(relu(widen(film(normalise(filter(x))))))."""

    def __init__(self, weights: Weights, name: str, filmed: bool = False) -> None:
        self._name = name
        self._taps = weights[f"{name}.filter.weight"]
        self._film = (weights[f"{name}.film.gamma"], weights[f"{name}.film.beta"]) if filmed else None
        self._widen, self._narrow = weights.linear(f"{name}.widen"), weights.linear(f"{name}.narrow")
        # The scale goes into the last product.
        scale = weights[f"{name}.scale"]
        for array in self._narrow:
            array *= scale

    def __call__(self, x: np.ndarray, denoise: np.ndarray | None, state: State) -> np.ndarray:
        """In place: [batch, frames, width]."""
        batch, frames, width = x.shape
        y = state.room("y", batch, frames, width)
        normalise(channel_filter(x, self._taps, self._name, state, y))
        if self._film is not None:
            film(y, *self._film, denoise)
        inner = linear(y, self._widen, state.room("inner", batch, frames, len(self._widen.bias)))
        x += linear(relu(inner), self._narrow, y)
        return x


def features(spectra: np.ndarray, out: np.ndarray) -> np.ndarray:
    """What the encoder hears: the compressed spectrum and the levels, [batch, frames, 3 * bins]."""
    bins = spectra.shape[2]
    real, imaginary = spectra.real, spectra.imag
    log = np.log(real * real + imaginary * imaginary + np.float32(FLOOR**2))  # twice that of the magnitude
    factor = np.exp(np.float32((COMPRESSION - 1) / 2) * log)
    factor *= np.float32(SPECTRUM_SCALE)
    np.multiply(real, factor, out=out[:, :, :bins])
    np.multiply(imaginary, factor, out=out[:, :, bins : 2 * bins])
    np.multiply(log, np.float32(LEVEL_SCALE / 2), out=log)
    np.add(log, np.float32(LEVEL_SHIFT), out=out[:, :, 2 * bins :])
    return out


def shapes(config: SpectralConfig) -> dict[str, Shape]:
    """Of all weights, by name."""
    width, inner, bins = config.width, config.expansion * config.width, 3 * (config.hop + 1)
    found: dict[str, Shape] = {"quantizer.codebooks": (config.n_q, config.codebook_size, config.dim)}

    def product(name: str, inputs: int, outputs: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = (outputs, inputs), (outputs,)

    product("encoder.first", bins, width)
    product("encoder.last", width, config.dim)
    product("decoder.first.product", DECODER_TAPS * config.dim, width)
    product("decoder.last", width, bins)
    for side, blocks in ("encoder", config.encoder_blocks), ("decoder", config.decoder_blocks):
        for block in (f"{side}.blocks.{k}" for k in range(blocks)):
            found[f"{block}.filter.weight"] = (config.kernel, width)
            found[f"{block}.scale"] = (width,)
            product(f"{block}.widen", width, inner)
            product(f"{block}.narrow", inner, width)
            if side == config.film:
                found[f"{block}.film.gamma"] = found[f"{block}.film.beta"] = (2, width)
    return found
