"""Spectrograms and the plots."""

import io

import numpy as np
import pytest

from sscodec.errors import OutputError, UsageError
from sscodec.evaluation import spectrogram


def test_a_tone_of_full_scale_is_0_db_at_its_place():
    rate = 24000
    tone = np.sin(2 * np.pi * 3000 * np.arange(rate) / rate)
    found = spectrogram.of_samples("tone", tone, rate)
    middle = found.decibels[len(found.decibels) // 2]
    assert middle.argmax() == 3000 * spectrogram.WINDOW // rate
    assert middle.max() == pytest.approx(0, abs=0.1)
    assert middle[300:].max() < -80
    assert len(found.decibels) == pytest.approx(rate / spectrogram.HOP, abs=2)


def test_a_long_sound_has_no_more_columns(monkeypatch):
    monkeypatch.setattr(spectrogram, "MAX_COLUMNS", 50)
    sound = np.concatenate([np.zeros(60000), np.random.default_rng(0).standard_normal(60000)])
    blocks = np.split(sound, [7, 1000, 1001, 30000, 99999])
    power = spectrogram._power(blocks)
    assert 20 < len(power) <= 50
    loud = power.mean(1) > power.mean() / 10
    assert np.flatnonzero(loud)[0] == pytest.approx(len(power) / 2, abs=1)
    assert loud[len(power) // 2 + 1 :].all()


def test_nothing_and_silence():
    assert spectrogram.of_samples("", np.zeros(0), 8000).decibels.max() == spectrogram.FLOOR_DB
    assert spectrogram.of_samples("", np.zeros(8000), 8000).decibels.max() == spectrogram.FLOOR_DB


def test_pictures(tmp_path):
    plots = pytest.importorskip("sscodec.evaluation.plots")
    from PIL import Image

    tone = np.sin(np.arange(24000) / 5)
    shown = [spectrogram.of_samples("a", tone, 24000), spectrogram.of_samples("b", tone[:8000], 8000)]
    figure = plots.spectrograms(shown)
    for name in ("out.png", "out.svg", "out.pdf"):
        plots.save(figure, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    assert plots.svg(plots.spectrograms(shown)) == plots.svg(plots.spectrograms(shown))
    with pytest.raises(OutputError, match="exists already"):
        plots.save(figure, tmp_path / "out.png")
    with pytest.raises(UsageError, match="no format of pictures"):
        plots.save(figure, tmp_path / "out.wav")
    data = plots.spectrogram_image(shown[0], 0.0, 120, 50)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.size, picture.format) == ((120, 50), "WEBP")
