"""Which clips are validated, and what counts of codes say."""

import numpy as np
import pytest
import soundfile
import torch

from sscodec.errors import InputError
from sscodec.nn.config import SoundStreamConfig
from sscodec.nn.soundstream import SoundStream
from sscodec.training.quantizer import evenness
from sscodec.training.validate import codebook_table, codebook_use, load_clips, validate


@pytest.fixture
def manifest(tmp_path):
    """Ten clips of speech and one of music, told apart by their levels."""
    rows = ["split,path,kind"]
    noise = np.random.default_rng(1).uniform(-1, 1, 4000)
    for i in range(10):
        soundfile.write(tmp_path / f"{i}.wav", noise * (i + 1) / 20, 8000)
        rows.append(f"valid,{i}.wav,speech")
    soundfile.write(tmp_path / "music.wav", noise / 40, 8000)
    rows.append("valid,music.wav,music")
    rows.append("train,nothing.wav,speech")
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "m.csv"


def test_a_limit_keeps_clips_from_all_over(manifest):
    clips = load_clips([manifest], 8000, 3)
    assert [round(20 * float(np.abs(clip).max())) - 1 for clip in clips["speech"]] == [0, 3, 6]
    assert len(clips["music"]) == 1
    assert len(load_clips([manifest], 8000, 0)["speech"]) == 10


def test_nothing_to_validate_says_so(manifest):
    manifest.write_text("split,path,kind\ntrain,0.wav,speech\n")
    with pytest.raises(InputError, match="split 'valid'"):
        load_clips([manifest], 8000)


def test_rows_of_kinds_and_of_all(manifest):
    torch.manual_seed(1)
    config = SoundStreamConfig(
        name="m", sample_rate=8000, strides=(4, 5), c_enc=4, c_dec=4, dim=8, n_q=4, codebook_size=16
    )
    model = SoundStream(config).eval()
    result = validate(model, load_clips([manifest], 8000, 2), [2, 100])
    assert [(row["kind"], row["n_q"], row["clips"]) for row in result.rows] == [
        *(("speech", 2, 2), ("speech", 4, 2), ("music", 2, 1), ("music", 4, 1), ("all", 2, 3), ("all", 4, 3))
    ]
    speech, music, everything = result.rows[1::2]
    assert "estoi" in speech and "estoi" not in music and "estoi" not in everything
    assert everything["mel"] == pytest.approx((2 * speech["mel"] + music["mel"]) / 3, abs=1e-4)
    frames = 3 * 4000 // 20
    assert result.counts.sum(1).tolist() == [frames] * 4


def test_codebook_use():
    counts = torch.tensor([[5, 5, 5, 5], [20, 0, 0, 0]])
    found = codebook_use(counts, 50.0)
    assert found == pytest.approx(
        {"perplexity": 2.5, "perplexity_min": 1.0, "used": 0.625, "used_min": 0.25, "entropy_kbps": 0.1}
    )
    assert codebook_table(counts).splitlines()[2:] == ["| 1 | 4 | 0.0 |", "| 2 | 1 | 75.0 |"]


def test_evenness_is_relative_to_what_the_frames_allow():
    counts = torch.zeros(3, 1024)
    counts[0, :8] = 1.0
    counts[1, 0] = 8.0
    counts[2, :2] = 4.0
    assert evenness(counts).tolist() == pytest.approx([1.0, 0.0, 1 / 3], abs=1e-4)
