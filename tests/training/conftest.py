"""A small corpus to train on."""

import numpy as np
import pytest
import soundfile


@pytest.fixture(scope="session")
def sounds(tmp_path_factory):
    """Four seconds of a gliding tone with harmonics, per split, and a manifest of both."""
    folder = tmp_path_factory.mktemp("sounds")
    t = np.arange(4 * 8000) / 8000
    glide = 2 * np.pi * (150 * t + 30 * t**2)
    rows = ["split,path,kind"]
    for split in ("train", "valid"):
        wave = 0.3 * sum(np.sin(k * glide) / k for k in (1, 2, 3))
        soundfile.write(folder / f"{split}.wav", wave, 8000)
        rows.append(f"{split},{split}.wav,speech")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder
