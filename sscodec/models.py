"""Find, check and load models: folders with `config.toml`, `weights.safetensors` and `CARD.md`.

Installed models lie in `sscodec/_models/`, those of a checkout in `models/` at its top. Importing this module
imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import numbers
import operator
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sscodec.container import HASH_SIZE, MAX_CHANNELS
from sscodec.errors import ModelError, UsageError
from sscodec.home import home
from sscodec.nn.config import ModelConfig, SpectralConfig
from sscodec.pipes import is_file, is_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sscodec.entropy.model import EntropyModel
    from sscodec.nn.networks import Network
    from sscodec.runtime import Runtime

DEFAULT_MODEL = "sscodec-24khz"
MODEL_VARIABLE = "SSCODEC_MODEL"
"""Environment variable that names another default: an id, or the path of a folder."""
CONFIG_FILE = "config.toml"
WEIGHTS_FILE = "weights.safetensors"
ENTROPY_FILE = "entropy.safetensors"
DEFAULT_KBPS = 6.0
"""Of each channel."""
MAX_WEIGHTS_HEADER_BYTES = 100_000_000
"""The limit of the safetensors format itself."""


@dataclass(frozen=True)
class Model:
    """A model on disk; nothing but its config is read until it is asked for."""

    path: Path
    config: ModelConfig

    @property
    def id(self) -> str:
        """The name that streams carry; that of the folder, for installed models."""
        return self.config.name

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights file, 64 hexadecimal digits. Raises ModelError."""
        try:
            return sha256(self.path / WEIGHTS_FILE)
        except OSError as error:
            raise self._unreadable(error) from None

    @property
    def stream_hash(self) -> bytes:
        """The part of the hash that a stream's header stores, 8 bytes.

        As the config says it: `load` checks whether it is true, and large weights need not be read before.
        """
        return bytes.fromhex(self.config.weights_sha256 or self.sha256)[:HASH_SIZE]

    @property
    def read_hashes(self) -> list[bytes]:
        """What the streams of earlier models carry whose codes mean the same to this one."""
        return [bytes.fromhex(sha256)[:HASH_SIZE] for sha256 in self.config.reads]

    def reads(self, stream_hash: bytes) -> bool:
        """Whether this model decodes the streams with this hash."""
        return stream_hash in (self.stream_hash, *self.read_hashes)

    @property
    def size(self) -> int:
        """Of all its files, bytes."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())

    @cached_property
    def parameters(self) -> int:
        """Numbers in the weights file, codebooks included. Raises ModelError."""
        try:
            with (self.path / WEIGHTS_FILE).open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(min(size, MAX_WEIGHTS_HEADER_BYTES)))
            header.pop("__metadata__", None)
            return sum(math.prod(tensor["shape"]) for tensor in header.values())
        except OSError as error:
            raise self._unreadable(error) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, MemoryError):
            raise ModelError(
                f"{self.path / WEIGHTS_FILE}: not a safetensors file; install it again"
            ) from None

    @cached_property
    def denoises(self) -> bool:
        """Whether its switch for noise changes anything. Raises ModelError.

        Without a denoiser it is the rows of the FiLM layer that differ, where it was trained to.
        """
        if self.config.denoises is not None:
            return self.config.denoises
        from safetensors import SafetensorError, safe_open

        path = self.path / WEIGHTS_FILE
        try:
            with safe_open(path, framework="numpy") as file:
                names = [name for name in file.keys() if name.endswith(("film.gamma", "film.beta"))]  # noqa: SIM118
                rows = [file.get_tensor(name) for name in names]
            if any(row.ndim != 2 or len(row) != 2 for row in rows):
                raise ModelError(f"{path}: its FiLM tensors do not fit {CONFIG_FILE}; install it again")
        except OSError as error:
            raise self._unreadable(error) from None
        except SafetensorError as error:
            raise ModelError(f"{path}: cannot be read ({error}); install it again") from None
        return any(bool((off != on).any()) for off, on in rows)

    @cached_property
    def codebooks(self) -> NDArray[np.float32]:
        """What each code stands for, read from the weights: float32 [n_q, codebook_size, dim].

        Factorised entries are projected back. Raises ModelError.
        """
        import numpy as np
        from safetensors import SafetensorError, safe_open

        path = self.path / WEIGHTS_FILE
        try:
            with safe_open(path, framework="numpy") as file:
                books = file.get_tensor("quantizer.codebooks").astype(np.float32)
                if "quantizer.out_weight" not in file.keys():  # noqa: SIM118
                    return books
                weight, bias = (
                    file.get_tensor(f"quantizer.out_{name}").astype(np.float32) for name in ("weight", "bias")
                )
                return books @ weight.transpose(0, 2, 1) + bias[:, np.newaxis]
        except OSError as error:
            raise self._unreadable(error) from None
        except SafetensorError as error:
            raise ModelError(f"{path}: holds no codebooks ({error})") from None

    @property
    def has_entropy(self) -> bool:
        """Whether the folder holds an entropy model, which may still be unfit."""
        return is_file(self.path / ENTROPY_FILE)

    @cached_property
    def entropy(self) -> EntropyModel:
        """The entropy model. Raises ModelError where it is missing, damaged, or of another model's codes."""
        from sscodec.entropy.model import EntropyModel

        path = self.path / ENTROPY_FILE
        if not self.has_entropy:
            raise ModelError(f"{self.path}: has no entropy model ({ENTROPY_FILE}); use --entropy raw")
        found = EntropyModel.load(path, self.config.entropy_sha256)
        if found.model_sha256 not in (self.config.weights_sha256 or self.sha256, *self.config.reads):
            raise ModelError(
                f"{path}: learned from the codes of other weights; make it anew with "
                f"`python -m sscodec.training entropy {self.path} --data ...`"
            )
        return found

    def load(self, device: str = "cpu") -> Network:
        """The network in float32 on a torch device, ready for inference.

        Raises ModelError where the weights are unreadable, damaged or do not fit, UsageError for the device.
        """
        import torch
        from safetensors.torch import load_file

        from sscodec.nn.networks import build_network

        with self._loading():
            network = build_network(self.config)
            weights = load_file(self.path / WEIGHTS_FILE)
            network.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=True)
            broken = [name for name, tensor in weights.items() if not bool(tensor.isfinite().all())]
            if broken:
                raise ModelError(
                    f"{self.path / WEIGHTS_FILE}: {broken[0]} holds numbers that are not finite; "
                    "install it again"
                )
        try:
            return network.to(torch.device(device)).eval().requires_grad_(False)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"device {device!r} cannot be used ({reason}); try --device cpu") from None

    def runtime(self) -> Runtime:
        """A spectral network for inference, without torch. Raises ModelError as `load` does."""
        from sscodec.runtime import Runtime

        assert isinstance(self.config, SpectralConfig)
        with self._loading():
            return Runtime(self.config, self.path / WEIGHTS_FILE)

    @contextmanager
    def _loading(self) -> Iterator[None]:
        """Check the weights' hash, and make a ModelError of what goes wrong when they are read."""
        from safetensors import SafetensorError

        if self.config.weights_sha256 not in ("", self.sha256):
            raise ModelError(
                f"{self.path / WEIGHTS_FILE}: damaged, for {CONFIG_FILE} names another SHA-256; "
                "install it again"
            )
        try:
            yield
        except OSError as error:
            raise self._unreadable(error) from None
        except SafetensorError as error:
            raise ModelError(f"{self.path / WEIGHTS_FILE}: not a safetensors file ({error})") from None
        except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise ModelError(f"{self.path}: the weights do not fit {CONFIG_FILE} ({reason})") from None

    def _unreadable(self, error: OSError) -> ModelError:
        return ModelError(f"{self.path / WEIGHTS_FILE}: cannot read it ({error.strerror or error})")


def installed() -> Iterator[Model]:
    """The models that come with sscodec and those that were added, the default first.

    Raises ModelError for a malformed config.
    """
    folders = (folder for root in _roots() for folder in _entries(root) if _is_model(folder))
    for folder in sorted(folders, key=lambda folder: (folder.name != DEFAULT_MODEL, folder.name)):
        yield open_folder(folder)


def available() -> list[Model]:
    """The models that need not be named: that of SSCODEC_MODEL, if it names one, and the installed ones."""
    models = list(installed())
    if os.environ.get(MODEL_VARIABLE):
        with suppress(ModelError):  # what streams need may be among the others
            named = find()
            models = [named, *(model for model in models if model.path != named.path)]
    return models


def check_variable() -> None:
    """Raise ModelError where SSCODEC_MODEL is set and names no model."""
    if os.environ.get(MODEL_VARIABLE):
        find()


def find(name: str | Path | None = None) -> Model:
    """A model by its id or by the path of its folder.

    name: None takes the environment variable SSCODEC_MODEL, or else "sscodec-24khz".

    Raises ModelError where there is none.
    """
    name = str(name or os.environ.get(MODEL_VARIABLE) or DEFAULT_MODEL)
    if Path(name).name == name:
        for root in _roots():
            if _is_model(root / name):
                return open_folder(root / name)
    if _is_model(Path(name)):
        return open_folder(Path(name))
    if is_folder(name):
        raise ModelError(f"{name}: no model folder; it must hold {CONFIG_FILE} and {WEIGHTS_FILE}")
    known = ", ".join(model.id for model in installed()) or "none"
    raise ModelError(
        f"no model {name!r}; installed: {known}; give one of these or the path of a model folder"
    )


def find_for_stream(model_id: str, stream_hash: bytes, name: str | Path | None = None) -> Model:
    """A model that reads a stream: the one named, or whichever available one made it, or else reads it.

    model_id, stream_hash: what the stream's header says.

    Raises ModelError naming both hashes where it is not there.
    """
    needed = f"the stream needs model {model_id!r} with hash {stream_hash.hex()}"
    if name is not None:
        model = find(name)
        if not model.reads(stream_hash):
            raise ModelError(
                f"{needed}, but {model.path} has {model.stream_hash.hex()}; "
                "name the folder of the right model with --model, or leave the option out"
            )
        return model
    candidates = available()
    for model in candidates:
        if model.stream_hash == stream_hash:
            return model
    for model in candidates:
        if model.reads(stream_hash):
            return model
    check_variable()  # which was meant to name the right one, perhaps
    present = ", ".join(f"{model.id} ({model.stream_hash.hex()})" for model in candidates) or "none"
    raise ModelError(
        f"{needed}; available: {present}; "
        "name the folder of that model with --model, or install the version of sscodec that made the stream"
    )


def find_entropy(model_id: str, entropy_hash: bytes, model: Model | None = None) -> EntropyModel:
    """The entropy model that a stream was made with, of `model` or of whichever available one has it.

    model_id, entropy_hash: what the stream's header says.

    Raises ModelError naming both hashes where it is not there.
    """
    present: list[str] = []
    broken = None
    for candidate in _with_entropy(model):
        try:
            found = candidate.entropy
        except ModelError as error:  # no reason to refuse what another one decodes
            broken = broken or (error if candidate.id == model_id else None)
            continue
        if found.hash == entropy_hash:
            return found
        present.append(f"{candidate.id} ({found.hash.hex()})")
    raise broken or ModelError(
        f"the stream needs the entropy model of {model_id!r} with hash {entropy_hash.hex()}; available: "
        f"{', '.join(dict.fromkeys(present)) or 'none'}; "
        f"name the folder of its model with --model or {MODEL_VARIABLE}, "
        "or install the version of sscodec that made the stream"
    )


def _with_entropy(first: Model | None) -> Iterator[Model]:
    """The models that have an entropy model, `first` first."""
    if first is not None and first.has_entropy:
        yield first
    yield from (model for model in available() if model.has_entropy)


def bitrates(config: ModelConfig) -> tuple[float, ...]:
    """kbps of one channel with 1, 2, ... codebooks, before entropy coding."""
    return tuple(config.bitrate(n_q) / 1000 for n_q in range(1, config.n_q + 1))


def n_q_within(kbps: float, step: float, most: int, whose: str) -> int:
    """The most codebooks that `kbps` pays for, where each costs `step` kbps in all channels together.

    most: how many there are. Raises UsageError for less than one and more than all, naming `whose` they are.
    """
    if isinstance(kbps, bool) or not isinstance(kbps, numbers.Real):
        raise UsageError(f"kbps must be a number, not {kbps!r}")
    steps = kbps / step + 1e-6  # 4.35 / 0.15 is 28.999...
    if not 1 <= steps <= most + 2e-6:
        raise UsageError(f"kbps must be {step:g} to {step * most:g} for {whose}, not {kbps:g}")
    return int(steps)


def choose_n_q(config: ModelConfig, channels: int, n_q: int | None = None, kbps: float | None = None) -> int:
    """The codebooks for a rate of `kbps` in all channels together: the largest step that is not above it.

    Without n_q and kbps, what 6 kbps a channel buy, or the nearest that the model has. Raises UsageError out
    of range.
    """
    check_channels(channels)
    n_q = integer(n_q, "n_q")
    if n_q is not None and kbps is not None:
        raise UsageError("give n_q or kbps, not both")
    if n_q is not None:
        if not 1 <= n_q <= config.n_q:
            raise UsageError(f"n_q must be 1 to {config.n_q} for model {config.name}, not {n_q}")
        return n_q
    step = channels * config.bitrate(1) / 1000
    if kbps is None:
        kbps = min(max(DEFAULT_KBPS * channels, step), step * config.n_q)
    whose = f"model {config.name} and {channels} channel{'s' if channels > 1 else ''}"
    return n_q_within(kbps, step, config.n_q, whose)


def integer(value: object, name: str) -> int | None:
    """A whole number, NumPy's included, or None. Raises UsageError for all else: 2.5, True, "2"."""
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{name} must be a whole number, not {value!r}") from None


def check_channels(channels: int) -> None:
    """Raise UsageError for numbers of channels that cannot be coded."""
    count = integer(channels, "channels")
    if count is None or not 1 <= count <= MAX_CHANNELS:
        raise UsageError(f"channels must be 1 to {MAX_CHANNELS}, not {channels}")


def sha256(path: Path) -> str:
    """Of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def open_folder(folder: Path) -> Model:
    """The model in a folder. Raises ModelError for a missing or malformed config."""
    return Model(folder, ModelConfig.load(folder / CONFIG_FILE))


def _roots() -> list[Path]:
    package = Path(__file__).resolve().parent
    wheel = package / "_models"
    # Beside an installed package `models` would be somebody else's.
    return [wheel if is_folder(wheel) else package.parent / "models", home()]


def _entries(root: Path) -> list[Path]:
    try:
        return list(root.iterdir())
    except OSError:  # none is there, or none that this user may see
        return []


def _is_model(folder: Path) -> bool:
    """Whether a folder is a model; hidden ones are not whole yet."""
    files = is_file(folder / CONFIG_FILE) and is_file(folder / WEIGHTS_FILE)
    return files and not folder.name.startswith(".")
