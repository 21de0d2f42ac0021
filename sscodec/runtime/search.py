"""The search of the codebooks, as `sscodec.nn.rvq` explains it."""

from __future__ import annotations

import numpy as np

from sscodec.nn.config import SpectralConfig
from sscodec.nn.numbers import LOOK_AHEAD, PATHS
from sscodec.runtime.weights import Weights


class Quantizer:
    """A cascade of codebooks, each of which is read when it is first needed."""

    def __init__(self, config: SpectralConfig, weights: Weights) -> None:
        self._n_q = config.n_q
        self._weights = weights
        self._codebooks: dict[int, np.ndarray] = {}
        self._gains: dict[int, np.ndarray] = {}

    def codebook(self, k: int) -> np.ndarray:
        """float32 [size, dim]."""
        if k not in self._codebooks:
            self._codebooks[k] = self._weights.part("quantizer.codebooks", k)
        return self._codebooks[k]

    def gains(self, k: int) -> np.ndarray:
        """[dim + 2, size]: [x, gained, 1] times this is by how much each entry c lessens |x|^2 / 2, more than
        the `gained` before: x.c - |c|^2 / 2 + gained. One product, and no other pass over its result."""
        if k not in self._gains:
            codebook = self.codebook(k)
            offsets = -0.5 * np.einsum("sd,sd->s", codebook, codebook)
            rows = np.vstack([codebook.T, np.ones_like(offsets), offsets])
            self._gains[k] = np.ascontiguousarray(rows)
        return self._gains[k]

    def encode(self, x: np.ndarray, n_q: int) -> np.ndarray:
        """Codes int64 [batch, n_q, frames] of embeddings float32 [batch, frames, dim]."""
        batch, frames, dim = x.shape
        residual = x.reshape(-1, dim)
        codes: list[np.ndarray] = []
        for start in range(0, n_q, LOOK_AHEAD):
            together = range(start, min(start + LOOK_AHEAD, self._n_q))
            found, residual = self._search(residual, together)
            codes += found
        return np.stack(codes[:n_q]).reshape(n_q, batch, frames).transpose(1, 0, 2)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Sum of the entries that codes [batch, n_q, frames] name: float32 [batch, frames, dim].

        -1 names none, in any but the first codebook.
        """
        x = self.codebook(0)[codes[:, 0]]
        for k in range(1, codes.shape[1]):
            x += self.codebook(k)[codes[:, k]] * (codes[:, k, :, None] >= 0)
        return x

    def _search(self, x: np.ndarray, together: range) -> tuple[list[np.ndarray], np.ndarray]:
        """Codes [n] by each of some consecutive codebooks, and what they leave of x [n, dim]."""
        n, dim = x.shape
        row = np.arange(n)[:, None]
        left = np.empty((n, 1, dim + 2), np.float32)  # [n, paths, dim + 2]: x, gained, 1
        left[:, 0, :dim], left[:, :, dim], left[:, :, dim + 1] = x, 0, 1
        codes: list[np.ndarray] = []  # [n, paths] by each codebook so far
        space = np.empty((n * PATHS, len(self.codebook(together[0]))), np.float32)
        for k in together:
            codebook, paths = self.codebook(k), left.shape[1]
            table = np.matmul(left.reshape(-1, dim + 2), self.gains(k), out=space[: n * paths])
            gained, best = largest(table.reshape(n, -1), 1 if k == together[-1] else PATHS)
            path, entry = np.divmod(best, len(codebook))
            left = left[row, path]
            left[:, :, :dim] -= codebook[entry]
            left[:, :, dim] = gained
            codes = [*(chosen[row, path] for chosen in codes), entry]
        return [chosen[:, 0] for chosen in codes], left[:, 0, :dim]


def largest(table: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n largest numbers of each row, falling, and where: [rows, n] both. Overwrites the table."""
    row, values, places = np.arange(len(table)), [], []
    for _ in range(min(n, table.shape[1])):
        places.append(table.argmax(1))
        values.append(table[row, places[-1]])
        table[row, places[-1]] = -np.inf
    return np.stack(values, 1), np.stack(places, 1)
