"""A filter for what the decoder is worst at: noise between the harmonics of a voice."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.layers import State

WINDOW_S = 0.03
"""Of the correlation, to the end of a frame."""
LOWEST, HIGHEST = 60, 500
"""Pitch, Hz."""
ANALYSIS_RATE = 6000
"""Hz, about; pitch is looked for below 1 kHz, where the decoder follows the waveform."""
MULTIPLE = 0.9
"""A period is a multiple of another one whose correlation is this part of its own."""
FADE_S = 0.005
"""From one frame's filter to the next one's."""
SILENCE = 1e-8
"""Energy of a window over that of all that is looked at: below, it is what rounding makes of silence."""


class PitchFilter(nn.Module):
    """Long-term postfilter, steered by the decoder: to each sample come those one and more periods before.

    Speech codecs have had such filters since the eighties. Convolutions cannot do it: their taps do not
    follow the pitch. The decoder gives the sound s0, and for each of `taps` a signal that is delayed by as
    many periods: s0 + c * sum_k (s_k[n - k T] - s_k[n]). What it puts into s_k is filtered as by a comb. The
    period T of each frame and its certainty c are found in s0, so no bits are spent on them. Causal, without
    delay; it has nothing to learn, but passes gradients to the decoder.
    """

    lowpass: Tensor
    fade: Tensor

    def __init__(self, sample_rate: int, hop: int, taps: int) -> None:
        super().__init__()
        self.hop = hop
        self.taps = taps
        self.step = math.gcd(hop, max(1, sample_rate // ANALYSIS_RATE))
        """Samples to one of the analysis."""
        rate = sample_rate / self.step
        self.window = round(WINDOW_S * rate)
        self.shortest, self.longest = round(rate / HIGHEST), round(rate / LOWEST)
        """Lags, samples of the analysis."""
        length = 8 * self.step + 1
        lowpass = torch.hann_window(length + 2, periodic=False)[1:-1]
        self.register_buffer("lowpass", (lowpass / lowpass.sum())[None, None], persistent=False)
        self.analysed = (self.window + self.longest) * self.step + length - 1
        """Samples of the past that the analysis of the first frame takes."""
        self.past = max(self.analysed, taps * self.longest * self.step)
        fade = ((torch.arange(hop) + 0.5) / (FADE_S * sample_rate)).clamp(max=1)
        self.register_buffer("fade", fade, persistent=False)

    def forward(self, signals: Tensor, state: State | None = None) -> Tensor:
        """float32 [batch, frames * hop, 1 + taps] to audio [batch, frames * hop]."""
        signals = signals.transpose(1, 2)
        tail = None if state is None else state.get(self)
        if tail is None:
            tail = signals.new_zeros(*signals.shape[:2], self.past)
        whole = torch.cat([tail, signals], 2)
        if state is not None:
            state[self] = whole[:, :, -self.past :].clone()
        with torch.no_grad():
            lag, certainty = self.periods(whole[:, 0])
            place = torch.arange(self.past, whole.shape[2], device=whole.device)
            lags = lag.repeat_interleave(self.hop, 1)
            fade = certainty[:, :-1, None] * (1 - self.fade), certainty[:, 1:, None] * self.fade
        audio = signals[:, 0]
        for tap in range(1, 1 + self.taps):
            for part, delay in zip(fade, (lags[:, : -self.hop], lags[:, self.hop :]), strict=True):
                before = whole[:, tap].gather(1, place - tap * delay)
                audio = audio + part.flatten(1) * (before - signals[:, tap])
        return audio

    def periods(self, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Of audio [batch, past + frames * hop]: lags int64 in samples and certainties of 0 to 1, both
        [batch, 1 + frames], from the frame before on."""
        whole = whole[:, self.past - self.analysed :]
        with torch.autocast(whole.device.type, enabled=False):
            low = F.conv1d(whole[:, None], self.lowpass, stride=self.step)[:, 0]
        # The last sample of a segment is the last of its frame.
        segment = low.unfold(1, self.longest + self.window, self.hop // self.step)
        now, size = segment[:, :, self.longest :], segment.shape[2]
        spectra = torch.fft.rfft(segment), torch.fft.rfft(now, size)
        products = torch.fft.irfft(spectra[0] * spectra[1].conj(), size)
        # Doubles: the difference of two sums after a loud sound is small.
        sums = F.pad(segment.double().square().cumsum(2), (1, 0))
        energy = sums[:, :, self.window :] - sums[:, :, : -self.window]
        scale = (energy * energy[:, :, -1:]).sqrt()
        heard = (energy > SILENCE * sums[:, :, -1:]) & (scale > 0)
        # By lag: from none to the longest.
        correlation = (products[:, :, : self.longest + 1] / scale).to(whole)
        correlation = correlation.where(heard, torch.zeros_like(correlation)).flip(2)
        lag = correlation[:, :, self.shortest : self.longest].argmax(2) + self.shortest
        highest = at(correlation, lag)
        found = lag
        for divisor in (2, 3, 4):
            shorter = (lag / divisor).round().long().clamp(min=self.shortest)
            close = torch.stack([at(correlation, shorter + offset) for offset in (-1, 0, 1)])
            value, best = close.max(0)
            ok = (value > MULTIPLE * highest) & (lag >= divisor * self.shortest)
            found = torch.where(ok, shorter + best - 1, found)
        left, value, right = (at(correlation, found + offset) for offset in (-1, 0, 1))
        bend = (left + right - 2 * value).clamp(max=-1e-6)
        shift = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
        certainty = (2 * value - 1).clamp(0, 1)
        return ((found + shift) * self.step).round().long(), certainty


def at(table: Tensor, place: Tensor) -> Tensor:
    """The numbers [batch, frames] at places int64 [batch, frames] of the rows of table."""
    return table.gather(2, place[:, :, None])[:, :, 0]
