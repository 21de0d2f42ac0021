"""Entropy models: what the coders learned from the codes of one audio model, in a file beside its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sscodec.container import HASH_SIZE
from sscodec.entropy.network import ContextNetwork, Parameters
from sscodec.entropy.ranges import TOTAL_BITS
from sscodec.errors import ModelError

MAX_BYTES = 256 << 20
_STATIC = "static"
_MODEL_KEY = "model_sha256"


@dataclass(frozen=True, eq=False)
class EntropyModel:
    """Probabilities of the codes of one audio model. Raises ModelError for tensors that do not fit."""

    static: NDArray[np.int32]
    """[n_q, K]: weights of each code whatever came before, which sum to 2**24 - K for each codebook."""
    context: Parameters
    """The network that predicts codes from those before."""
    model_sha256: str
    """SHA-256 of the weights of the audio model whose codes these are, hexadecimal."""
    sha256: str = ""
    """Of the file, hexadecimal."""

    @property
    def hash(self) -> bytes:
        """What streams call it by: the first 8 bytes of the file's SHA-256."""
        return bytes.fromhex(self.sha256)[:HASH_SIZE]

    def __post_init__(self) -> None:
        n_q, size = self.context.embed.shape[:2]
        if self.static.dtype != np.int32 or self.static.shape != (n_q, size):
            raise ModelError(
                f"static must be int32 [{n_q}, {size}], not {self.static.dtype} {self.static.shape}"
            )
        sums = self.static.sum(1, dtype=np.int64)
        if (self.static < 0).any() or (sums != (1 << TOTAL_BITS) - size).any():
            raise ModelError(f"the weights of a codebook in static do not sum to 2**{TOTAL_BITS} - {size}")

    @classmethod
    def load(cls, path: Path, sha256: str = "") -> EntropyModel:
        """Read a file that `save` wrote. Raises ModelError for one that is missing, damaged or unfit.

        sha256: what the config beside the file says of it, hexadecimal; empty: nothing.
        """
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ModelError(f"larger than {MAX_BYTES >> 20} MiB, which no entropy model is")
            found = hashlib.sha256(data).hexdigest()
            if sha256 not in ("", found):
                raise ModelError("damaged, for its config names another SHA-256; install it again")
            tensors = load(data)
            context = Parameters(**{field.name: tensors[field.name] for field in fields(Parameters)})
            return cls(
                tensors[_STATIC],
                context,
                bytes(tensors[_MODEL_KEY].tobytes()).hex(),
                found,
            )
        except OSError as error:
            raise ModelError(f"{path}: cannot read it ({error.strerror or error})") from None
        except SafetensorError as error:
            raise ModelError(f"{path}: not a safetensors file ({error}); install it again") from None
        except KeyError as error:
            raise ModelError(f"{path}: lacks the tensor {error}") from None
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from None

    def save(self, path: Path) -> None:
        """Write the file."""
        tensors = {field.name: getattr(self.context, field.name) for field in fields(Parameters)}
        tensors[_STATIC] = self.static
        tensors[_MODEL_KEY] = np.frombuffer(bytes.fromhex(self.model_sha256), np.uint8)
        path.write_bytes(save(tensors))

    @cached_property
    def tables(self) -> NDArray[np.float32]:
        """`static` as the range coder takes it."""
        return self.static.astype(np.float32)

    @cached_property
    def network(self) -> ContextNetwork:
        """`context`, ready to predict."""
        return ContextNetwork(self.context)
