"""A filter that lets through what is speech, for the switch of section III-F."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sscodec.nn.layers import State

BANDS = 64
"""At most: low ones are no narrower than a bin of the spectrum."""
LAYERS = 2
MEMORY_S = 1.0
"""Of the mean level of each band, which tells what is always there."""
EDGE = 0.08
"""The window at its last sample; what it divides there must not be lost in rounding."""
EDGE_S = 16 / 24000
"""The window's fall to it."""
FLOOR = 1e-9
"""Power of a band that counts as silent; a full-scale sine has some 5e4."""


class Denoiser(nn.Module):
    """A gain of 0 to 1 for each band and frame, which a recurrent network finds in the levels so far.

    A FiLM layer at the bottleneck can switch only what the encoder keeps apart there, and an encoder that
    keeps noise apart spends bits on it when the switch is off. Ahead of the encoder a filter leaves all as it
    was when it is off. The window reaches over some frames, to the end of the one that is wanted, and falls
    only at its very end: so the last frame of its inverse is whole, and nothing waits for later samples.
    """

    window: Tensor
    bands: Tensor
    averages: Tensor

    def __init__(self, sample_rate: int, hop: int, units: int) -> None:
        super().__init__()
        self.hop = hop
        self.size = 1 << (3 * hop - 1).bit_length()
        """Samples of the window."""
        self.memory = max(1.0, MEMORY_S * sample_rate / hop)
        """Frames."""
        fall = max(1, round(EDGE_S * sample_rate))
        rise = torch.hann_window(2 * (self.size - fall), periodic=False)[: self.size - fall]
        edge = EDGE + (1 - EDGE) * torch.hann_window(2 * fall, periodic=False)[fall:]
        self.register_buffer("window", torch.cat([rise, edge]), persistent=False)
        bands = spread_bands(sample_rate, self.size)
        self.register_buffer("bands", bands, persistent=False)
        self.register_buffer("averages", bands / bands.sum(0), persistent=False)
        count = bands.shape[1]
        self.first = nn.Linear(2 * count, units)
        self.recurrent = nn.GRU(units, units, LAYERS, batch_first=True)
        self.last = nn.Linear(units, count)
        nn.init.constant_(self.last.bias, 1.5)  # a gain of 0.8: from silence nothing can be learned

    def forward(self, audio: Tensor, state: State | None = None) -> Tensor:
        """float32 [batch, frames * hop] to the same without noise."""
        state = {} if state is None else state
        tail = state.get(self)
        if tail is None:
            tail = audio.new_zeros(len(audio), self.size - self.hop)
        whole = torch.cat([tail, audio], 1)
        state[self] = whole[:, audio.shape[1] :].clone()
        spectra = torch.fft.rfft(whole.unfold(1, self.size, self.hop) * self.window)
        power = spectra.real.square() + spectra.imag.square()
        levels = (power @ self.averages + FLOOR).log()
        means = self.means(levels, state)
        x = torch.tanh(self.first(torch.cat([0.3 * (levels - means), 0.2 * means + 1], 2)))
        seen, state[self.recurrent] = self.recurrent(x, state.get(self.recurrent))
        gain = torch.sigmoid(self.last(x + seen)) @ self.bands.T
        frames = torch.fft.irfft(spectra * gain, self.size)[:, :, -self.hop :]
        return (frames / self.window[-self.hop :]).flatten(1)

    @torch.no_grad()
    def means(self, levels: Tensor, state: State) -> Tensor:
        """The mean of levels [batch, frames, bands] up to each frame, of all at first, then of the last ones.

        The state holds the last mean and, behind it, the number of frames that are in it.
        """
        last = state.get(self.first)
        if last is None:
            last = levels.new_zeros(len(levels), levels.shape[2] + 1)
        mean, count, each = last[:, :-1], last[:, -1:], []
        for level in levels.unbind(1):
            count = (count + 1).clamp(max=self.memory)
            mean = mean + (level - mean) / count
            each.append(mean)
        state[self.first] = torch.cat([mean, count], 1)
        return torch.stack(each, 1)


def spread_bands(sample_rate: int, size: int) -> Tensor:
    """What of each bin of a spectrum belongs to which of the bands: [size / 2 + 1, bands], rows of sum 1.

    Triangles between centres that lie evenly on the mel scale, where these are no closer than bins are.
    """
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    step, centres = sample_rate / size, [0.0]
    for mel in torch.linspace(0, top, BANDS, dtype=torch.float64)[1:-1].tolist():
        centres.append(max(700 * (10 ** (mel / 2595) - 1), centres[-1] + step))
    inner = [centre for centre in centres if centre < sample_rate / 2 - step / 2]
    edges = torch.tensor([*inner, sample_rate / 2], dtype=torch.float64)
    bins = torch.arange(size // 2 + 1, dtype=torch.float64) * step
    upper = torch.searchsorted(edges, bins, right=True).clamp(1, len(edges) - 1)
    part = ((bins - edges[upper - 1]) / (edges[upper] - edges[upper - 1])).clamp(0, 1)
    bands = torch.zeros(len(bins), len(edges), dtype=torch.float64)
    rows = torch.arange(len(bins))
    bands[rows, upper - 1] += 1 - part
    bands[rows, upper] += part
    return bands.float()
