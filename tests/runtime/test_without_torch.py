"""A spectral model needs no torch: one that cannot be imported stands in its way."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"
LIVE = """
import sys
import numpy as np
import sscodec

codec = sscodec.Codec.load(sys.argv[1])
encoder = sscodec.PacketEncoder(codec, packet_ms=40)
decoder = sscodec.PacketDecoder(codec, encoder.header)
packets = [*encoder.push(np.zeros(4800, np.float32)), *encoder.flush()]
assert sum(decoder.push(packet).shape[1] for packet in packets) == 4800
assert decoder.lose().shape == (1, 960)
assert codec.decode(codec.encode(np.zeros((2, 999), np.float32))).shape == (2, 1280)
assert "torch" not in sys.modules
"""


@pytest.fixture
def python(tmp_path):
    """Run Python where torch is broken, and give what it prints."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('no torch here')\n")

    def run(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(broken)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


def test_encode_and_decode(python, spectral, tmp_path):
    model = ("--model", spectral.path)
    python("-m", "sscodec", "encode", SPEECH, tmp_path / "a.ssc", *model, "--n-q", 4, "--threads", 1)
    python("-m", "sscodec", "decode", tmp_path / "a.ssc", tmp_path / "a.wav", *model)
    sound, rate = soundfile.read(tmp_path / "a.wav")
    original = soundfile.info(SPEECH)
    assert (rate, len(sound)) == (original.samplerate, original.frames)
    assert sound.std() > 0


def test_batches(python, spectral, tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", np.full(7000, 0.1), 24_000)
    model = ("--model", spectral.path)
    python(
        "-m", "sscodec", "encode", tmp_path / "a.wav", tmp_path / "b.wav", "-o", tmp_path / "out",
        "--n-q", 2, "--jobs", 2, *model,
    )  # fmt: skip
    python("-m", "sscodec", "decode", tmp_path / "out", "-o", tmp_path / "back", *model)
    assert [soundfile.info(tmp_path / "back" / f"{name}.wav").frames for name in "ab"] == [7000, 7000]


def test_live(python, spectral):
    python("-c", LIVE, spectral.path)
