"""The shape of a network, read from a model folder's `config.toml`. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from sscodec.errors import ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_TOML_BYTES = 1 << 20
FilmSide = Literal["encoder", "decoder", "none"]


@dataclass(frozen=True)
class ModelConfig:
    """What all architectures have in common; each has a class of its own with what makes its shape.

    Raises ModelError where values are unknown or contradict each other.
    """

    name: str
    """Identifier of the model, written into every stream: 1 to 64 letters, digits and '._-'."""
    architecture: str = "soundstream"
    """Which network it is, a key of `ARCHITECTURES`."""
    sample_rate: int = 24000
    """Hz."""
    n_q: int = 24
    """Number of codebooks (N_q)."""
    codebook_size: int = 1024
    """Entries of a codebook (N), a power of two."""
    film: FilmSide = "none"
    """Where the denoising condition acts (arXiv 2107.03312, section III-F)."""
    licence: str = "MIT"
    """SPDX expression for the weights."""
    weights_sha256: str = ""
    """SHA-256 of `weights.safetensors`, hexadecimal; weights with another are refused. Empty: unchecked."""
    entropy_sha256: str = ""
    """The same of `entropy.safetensors`."""
    reads: tuple[str, ...] = ()
    """SHA-256 of earlier weights with this encoder and these codebooks, whose streams this model reads."""

    def __post_init__(self) -> None:
        valid_name = (
            self.name.isascii() and self.name.replace(".", "").replace("_", "").replace("-", "").isalnum()
        )
        for ok, message in [
            (
                valid_name and 1 <= len(self.name) <= 64 and self.name[0].isalnum(),
                "name must be 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first",
            ),
            (
                ARCHITECTURES.get(self.architecture) is type(self),
                f"architecture must be one of {', '.join(ARCHITECTURES)}",
            ),
            (1000 <= self.sample_rate <= 768_000, "sample_rate must be 1000 to 768000 Hz"),
            (1 <= self.n_q <= 255, "n_q must be 1 to 255"),
            (
                2 <= self.codebook_size <= 65536 and self.codebook_size.bit_count() == 1,
                "codebook_size must be a power of two from 2 to 65536",
            ),
            (all(map(_is_sha256, self.reads)), "reads must be SHA-256 of 64 hexadecimal digits"),
            (
                all(sha == "" or _is_sha256(sha) for sha in (self.weights_sha256, self.entropy_sha256)),
                "weights_sha256 and entropy_sha256 must be empty, or 64 hexadecimal digits",
            ),
            (self.film in get_args(FilmSide), f"film must be one of {', '.join(get_args(FilmSide))}"),
            *self.limits(),
        ]:
            if not ok:
                raise ModelError(f"model config: {message}")

    def limits(self) -> list[tuple[bool, str]]:
        """What must be true of an architecture's own fields, and what to say where it is not."""
        raise NotImplementedError

    @property
    def hop(self) -> int:
        """Samples per frame."""
        raise NotImplementedError

    @property
    def lookahead(self) -> int:
        """Samples after a frame's own that its codes depend on."""
        return 0

    @property
    def delay(self) -> int:
        """Samples after a frame's own whose codes its sound depends on."""
        return 0

    @property
    def denoises(self) -> bool | None:
        """Whether the switch for noise changes anything; None: its weights tell."""
        return None if self.film != "none" else False

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop

    @property
    def code_bits(self) -> int:
        """Bits of one code, log2(N)."""
        return self.codebook_size.bit_length() - 1

    @property
    def shape(self) -> ModelConfig:
        """What all models have in common whose weights fit each other: no name, no hashes."""
        return dataclasses.replace(
            self, name="shape", licence="", weights_sha256="", entropy_sha256="", reads=()
        )

    def bitrate(self, n_q: int) -> float:
        """Bits per second of one channel coded with `n_q` codebooks."""
        return n_q * self.code_bits * self.frame_rate

    @staticmethod
    def load(path: str | Path) -> ModelConfig:
        """Read a TOML file. Raises ModelError for a missing or malformed file and for unknown keys."""
        return ModelConfig.of(read_toml(path), str(path))

    @staticmethod
    def of(table: dict[str, Any], where: str) -> ModelConfig:
        """The config of the architecture that the table names. Raises ModelError, naming `where`."""
        name = table.get("architecture", "soundstream")
        if not isinstance(name, str) or name not in ARCHITECTURES:
            raise ModelError(f"{where}: architecture must be one of {', '.join(ARCHITECTURES)}, not {name!r}")
        config: ModelConfig = build(ARCHITECTURES[name], table, where)
        return config

    def to_toml(self) -> str:
        """The text of a `config.toml` that `load` reads back to an equal config."""
        lines = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            text = (
                str(list(value))
                if isinstance(value, tuple)
                else f'"{value}"'
                if isinstance(value, str)
                else str(value)
            )
            lines.append(f"{field.name} = {text}\n")
        return "".join(lines)


@dataclass(frozen=True)
class SoundStreamConfig(ModelConfig):
    """Hyper-parameters of one SoundStream network (arXiv 2107.03312, section III)."""

    film: FilmSide = "encoder"
    strides: tuple[int, ...] = (2, 4, 5, 8)
    """Downsampling of each encoder block; their product is the hop, in samples."""
    c_enc: int = 16
    """Channels of the encoder's first layer; each block doubles them."""
    c_dec: int = 16
    """Channels of the decoder's last block."""
    dim: int = 128
    """Dimension of an embedding (D of the paper)."""
    denoiser: int = 0
    """Units of the network that removes noise there, 0 (none, FiLM alone) to 4096. Not in the paper."""
    pitch_taps: int = 0
    """Periods that the filter behind the decoder reaches back, 0 (no filter) to 4. Not in the paper."""

    def limits(self) -> list[tuple[bool, str]]:
        return [
            (bool(self.strides) and min(self.strides) >= 1, "strides must be positive"),
            (self.hop <= 65535, "the product of strides must be at most 65535"),
            (
                1 <= min(self.c_enc, self.c_dec, self.dim) <= max(self.c_enc, self.c_dec, self.dim) <= 65536,
                "c_enc, c_dec and dim must be 1 to 65536",
            ),
            (0 <= self.denoiser <= 4096, "denoiser must be 0 to 4096"),
            (not (self.denoiser and self.film == "none"), "a denoiser needs film to be encoder or decoder"),
            (0 <= self.pitch_taps <= 4, "pitch_taps must be 0 to 4"),
        ]

    @property
    def hop(self) -> int:
        return math.prod(self.strides)

    @property
    def denoises(self) -> bool | None:
        return True if self.denoiser else super().denoises


@dataclass(frozen=True)
class SpectralConfig(ModelConfig):
    """Hyper-parameters of a network at the frame rate, between short Fourier transforms."""

    architecture: str = "spectral"
    film: FilmSide = "encoder"
    hop: int = 320
    """Samples per frame. A transform covers two frames."""
    width: int = 384
    """Channels of a block."""
    expansion: int = 3
    """How many times wider its inner layer is."""
    kernel: int = 7
    """Frames that its filter covers, its own and those before."""
    encoder_blocks: int = 6
    decoder_blocks: int = 8
    dim: int = 128
    """Dimension of an embedding."""

    def limits(self) -> list[tuple[bool, str]]:
        sizes = self.width, self.expansion, self.kernel, self.encoder_blocks, self.decoder_blocks, self.dim
        return [
            (2 <= self.hop <= 65535, "hop must be 2 to 65535"),
            (
                min(sizes) >= 1 and max(sizes) <= 65536,
                "width, expansion, kernel, encoder_blocks, decoder_blocks and dim must be 1 to 65536",
            ),
            (self.film in ("encoder", "none"), "film must be encoder or none"),
        ]

    @property
    def lookahead(self) -> int:
        return self.hop


class Window(NamedTuple):
    """Frames that a frame depends on, beside its own."""

    before: int
    after: int


@dataclass(frozen=True)
class RvqganConfig(ModelConfig):
    """Hyper-parameters of one Improved RVQGAN (arXiv 2306.06546, section 3), those at 44.1 kHz by default."""

    architecture: str = "rvqgan"
    sample_rate: int = 44100
    n_q: int = 9
    strides: tuple[int, ...] = (2, 4, 8, 8)
    """Downsampling of each encoder block; their product is the hop, in samples."""
    c_enc: int = 64
    """Channels of the encoder's first layer; each block doubles them."""
    c_dec: int = 96
    """Channels of the decoder's last block."""
    dim: int = 1024
    """Dimension of an embedding."""
    codebook_dim: int = 8
    """Dimension of a look-up; 0: codebooks as in SoundStream, without a projection."""
    activation: Literal["snake", "elu"] = "snake"

    def limits(self) -> list[tuple[bool, str]]:
        widths = self.c_enc, self.c_dec, self.dim
        return [
            *_stride_limits(self.strides),
            (min(widths) >= 1 and max(widths) <= 65536, "c_enc, c_dec and dim must be 1 to 65536"),
            (0 <= self.codebook_dim <= 65536, "codebook_dim must be 0 to 65536"),
            (self.activation in ("snake", "elu"), "activation must be snake or elu"),
            (self.film == "none", "film must be none"),
        ]

    @property
    def hop(self) -> int:
        return math.prod(self.strides)

    @property
    def lookahead(self) -> int:
        return self.encoder_window.after * self.hop

    @property
    def delay(self) -> int:
        return self.decoder_window.after * self.hop

    @property
    def encoder_window(self) -> Window:
        """Frames of sound that the codes of one depend on."""
        first, last = -1, 1  # positions that position 0 sees, layer by layer from the last one
        for stride in reversed(self.strides):
            margin = (stride + 1) // 2
            first, last = first * stride - margin - _UNITS, last * stride - margin + 2 * stride - 1 + _UNITS
        return Window(-((first - 3) // self.hop), (last + 3) // self.hop)

    @property
    def decoder_window(self) -> Window:
        """Frames of codes that the sound of one depends on."""
        first, last = -3, self.hop - 1 + 3
        for stride in self.strides:
            margin = (stride + 1) // 2
            first, last = (first - _UNITS + margin) // stride - 1, (last + _UNITS + margin) // stride
        return Window(3 - first, last + 3)


_UNITS = 3 * (1 + 3 + 9)
"""Positions that three residual units of kernel 7 see to each side."""


@dataclass(frozen=True)
class EncodecConfig(ModelConfig):
    """Hyper-parameters of a causal EnCodec (arXiv 2210.13438, section 3.1), those at 24 kHz by default."""

    architecture: str = "encodec"
    n_q: int = 32
    strides: tuple[int, ...] = (2, 4, 5, 8)
    """Downsampling of each encoder block; their product is the hop, in samples."""
    channels: int = 32
    """Of the encoder's first layer and the decoder's last; each block doubles them."""
    dim: int = 128
    """Dimension of an embedding."""
    lstm_layers: int = 2

    def limits(self) -> list[tuple[bool, str]]:
        return [
            *_stride_limits(self.strides),
            (
                2 <= self.channels <= 65536 and 1 <= self.dim <= 65536,
                "channels must be 2 to 65536, and dim 1 to 65536",
            ),
            (1 <= self.lstm_layers <= 16, "lstm_layers must be 1 to 16"),
            (self.film == "none", "film must be none"),
        ]

    @property
    def hop(self) -> int:
        return math.prod(self.strides)


def _stride_limits(strides: tuple[int, ...]) -> list[tuple[bool, str]]:
    return [
        (1 <= len(strides) <= 16 and min(strides) >= 1, "strides must be positive, at most 16 of them"),
        (math.prod(strides) <= 65535, "the product of strides must be at most 65535"),
    ]


ARCHITECTURES: dict[str, type[ModelConfig]] = {
    "soundstream": SoundStreamConfig,
    "spectral": SpectralConfig,
    "rvqgan": RvqganConfig,
    "encodec": EncodecConfig,
}
"""By the key `architecture` of `config.toml`; without it a model is a SoundStream."""


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def read_toml(path: str | Path) -> dict[str, Any]:
    """The table in a TOML file. Raises ModelError for a missing or malformed one."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_TOML_BYTES + 1)
        if len(data) > MAX_TOML_BYTES:
            raise ModelError(f"{path}: larger than {MAX_TOML_BYTES} bytes, which no config is")
        return parse_toml(data.decode().replace("\r\n", "\n"), str(path))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not a valid TOML file ({error})") from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The table in TOML text. Raises ModelError, naming `where`, for malformed text."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{where}: not a valid TOML file ({error})") from None
    except RecursionError:
        raise ModelError(f"{where}: not a valid TOML file (nested too deeply)") from None


def build(cls: type[Any], table: dict[str, Any], where: str, **given: Any) -> Any:
    """Make the dataclass `cls` from a TOML table; `given` fields are passed on as they are.

    A value must be of its field's type (integers serve as floats).
    Raises ModelError for keys that `cls` lacks, missing keys and values of another type.
    """
    fields = {field.name: field for field in dataclasses.fields(cls) if field.name not in given}
    types = get_type_hints(cls)
    values = {}
    for name, value in table.items():
        if name not in fields:
            raise ModelError(f"{where}: unknown key {name!r}; known are {', '.join(fields)}")
        values[name] = _typed(value, types[name], f"{where}: {name}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ModelError(f"{where}: missing key {name!r}")
    try:
        return cls(**values, **given)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


def _typed(value: Any, expected: Any, where: str) -> Any:
    """value, if it is of the type that is expected: a class, tuple[X, ...], dict[str, X] or a Literal."""
    kind, parts = get_origin(expected) or expected, get_args(expected)
    if kind is Literal:
        kind = type(parts[0])
    if kind is float and type(value) is int:
        return float(value)
    if kind is tuple and isinstance(value, list):
        return tuple(_typed(item, parts[0], where) for item in value)
    if kind is dict and isinstance(value, dict):
        return {key: _typed(item, parts[1], f"{where}.{key}") for key, item in value.items()}
    if type(value) is not kind:
        raise ModelError(f"{where} must be of type {kind.__name__}, not {type(value).__name__}")
    return value
