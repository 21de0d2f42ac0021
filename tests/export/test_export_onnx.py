"""ONNX Runtime gives what the codec gives, however the sound is cut in blocks."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from architecture_samples import CONFIGS, build, install

import sscodec
from sscodec.codec import Codec
from sscodec.models import open_folder
from sscodec.nn.config import ModelConfig, SoundStreamConfig, SpectralConfig

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from sscodec.export.folder import export, graphs  # noqa: E402

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"
DOCUMENT = Path(sscodec.__file__).parent.parent / "docs/onnx.md"
SMALL_SPECTRAL = {"width": 24, "encoder_blocks": 2, "decoder_blocks": 3, "dim": 12, "codebook_size": 64}
SMALL_SOUNDSTREAM = {"c_enc": 2, "c_dec": 2, "dim": 8, "codebook_size": 64}
SHAPES: dict[str, ModelConfig] = {
    "spectral": SpectralConfig("spectral", n_q=8, **SMALL_SPECTRAL),
    "spectral-plain": SpectralConfig(
        "spectral-plain", n_q=5, film="none", hop=123, kernel=1, expansion=2, **SMALL_SPECTRAL
    ),
    "soundstream": SoundStreamConfig("soundstream", n_q=8, denoiser=4, pitch_taps=2, **SMALL_SOUNDSTREAM),
    "soundstream-late": SoundStreamConfig("soundstream-late", n_q=3, film="decoder", **SMALL_SOUNDSTREAM),
    "soundstream-plain": SoundStreamConfig(
        "soundstream-plain", n_q=1, film="none", strides=(3, 5), sample_rate=16000, **SMALL_SOUNDSTREAM
    ),
}


@pytest.fixture(scope="module", params=SHAPES)
def case(request, tmp_path_factory):
    """A codec, the folder with its graphs, a sound of whole frames, and its codes."""
    folder = tmp_path_factory.mktemp("onnx")
    model = build(SHAPES[request.param], folder / request.param)
    export(model, folder / "out")
    codec = Codec.load(model)
    sound = soundfile.read(SPEECH, dtype="float32")[0][20_000:44_321]
    sound = np.pad(sound, (0, -len(sound) % model.config.hop))
    return codec, folder / "out", sound, codec.encode(sound, n_q=model.config.n_q).astype(np.int64)


class Stream:
    """One side of the files in a folder, with the state of a stream."""

    def __init__(self, folder: Path, side: str) -> None:
        facts = json.loads((folder / "model.json").read_text())
        self.session = onnxruntime.InferenceSession(
            folder / f"{side}.onnx", providers=["CPUExecutionProvider"]
        )
        self.state = {s["name"]: np.zeros(s["shape"], s["dtype"]) for s in facts["states"][side]}

    def push(self, **x: np.ndarray) -> np.ndarray:
        names = [output.name for output in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(None, {**x, **self.state}), strict=True))
        self.state = {name: found.pop(f"next_{name}") for name in self.state}
        (result,) = found.values()
        return result


def encoded(config, folder, sound, frames):
    """Codes of sound in blocks of some frames."""
    stream, step = Stream(folder, "encoder"), frames * config.hop
    audio = np.pad(sound, (0, config.lookahead))[None]
    parts = [stream.push(audio=audio[:, i : i + step]) for i in range(0, audio.shape[1], step)]
    codes = np.concatenate(parts, 1)
    assert codes.shape == (config.n_q, audio.shape[1] // config.hop) and codes.dtype == np.int64
    return codes[:, config.lookahead // config.hop :]


def decoded(folder, codes, frames):
    stream = Stream(folder, "decoder")
    parts = [stream.push(codes=codes[:, i : i + frames]) for i in range(0, codes.shape[1], frames)]
    return np.concatenate(parts, 1)


@pytest.mark.parametrize("frames", [1, 7, 1000])
def test_it_is_the_codec_block_by_block(case, frames):
    codec, folder, sound, codes = case
    ours = encoded(codec.model.config, folder, sound, frames)
    assert len(np.unique(codes)) > 32
    assert (ours == codes).mean() >= 0.999
    audio, expected = decoded(folder, codes, frames), codec.decode(codes)
    assert audio.dtype == np.float32 and expected.std() > 1e-3
    np.testing.assert_allclose(audio, expected.reshape(1, -1), atol=1e-4)


def test_fewer_codebooks_are_the_first_rows(case):
    codec, folder, sound, codes = case
    for n_q in {1, -(-len(codes) // 2)}:
        assert (
            codec.encode(sound, n_q=n_q) == encoded(codec.model.config, folder, sound, 75)[:n_q]
        ).mean() > 0.999
        audio = decoded(folder, codes[:n_q], 75)
        np.testing.assert_allclose(audio, codec.decode(codes[:n_q]).reshape(1, -1), atol=1e-4)


def test_frames_of_fewer_codebooks(case):
    codec, folder, _, codes = case
    codes = codes.copy()
    codes[1:, ::2], codes[max(1, len(codes) - 1) :, 1::2] = -1, -1
    np.testing.assert_allclose(decoded(folder, codes, 75), codec.decode(codes).reshape(1, -1), atol=1e-4)


def test_silence_stays_finite(case):
    codec, folder, _, _ = case
    codes = encoded(codec.model.config, folder, np.zeros(10 * codec.model.config.hop, np.float32), 4)
    assert np.isfinite(decoded(folder, codes, 4)).all()


def test_the_files_say_what_they_are(case):
    codec, folder, _, _ = case
    model, config = codec.model, codec.model.config
    facts = json.loads((folder / "model.json").read_text())
    assert facts["model"] == model.id and facts["weights_sha256"] == model.sha256
    for name in ("sample_rate", "hop", "n_q", "codebook_size", "lookahead", "architecture", "licence"):
        assert facts[name] == getattr(config, name)
    for side, main in ("encoder", "audio"), ("decoder", "codes"):
        file = onnx.load(folder / f"{side}.onnx")
        found = {prop.key: prop.value for prop in file.metadata_props}
        assert found["weights_sha256"] == model.sha256 and found["hop"] == str(config.hop)
        assert json.loads(found["states"]) == facts["states"][side]
        names = [state["name"] for state in facts["states"][side]]
        assert [value.name for value in file.graph.input] == [main, *names]
        assert all(name.startswith("state_") for name in names)
        outputs = {value.name for value in file.graph.output}
        assert outputs == {"codes" if side == "encoder" else "audio", *(f"next_{name}" for name in names)}


def test_weights_are_stored_in_half_precision_where_they_are(case):
    codec, folder, _, _ = case
    size = sum((folder / f"{side}.onnx").stat().st_size for side in ("encoder", "decoder"))
    codebooks = codec.model.codebooks.size
    assert size < 2 * (codec.model.parameters + codebooks) + 200_000


def test_weights_in_8_bits(case, tmp_path):
    codec, folder, _, codes = case
    export(codec.model, tmp_path, int8=True)
    encoders = [(path / "encoder.onnx").stat().st_size for path in (folder, tmp_path)]
    assert abs(encoders[0] - encoders[1]) < 4  # "true" for "false"
    assert json.loads((tmp_path / "model.json").read_text())["int8"] is True
    sound, expected = decoded(tmp_path, codes, 75), decoded(folder, codes, 75)
    np.testing.assert_allclose(decoded(tmp_path, codes, 7), sound, atol=1e-4)
    assert 1e-5 < (sound - expected).std() < 0.2 * expected.std()


def test_python_of_the_document(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = build(SHAPES["spectral"], tmp_path / "model")
    export(model, tmp_path / "player")
    sound = soundfile.read(SPEECH, dtype="float32")[0][:30_001]
    soundfile.write("in.wav", sound, 24000, subtype="FLOAT")
    (program,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(program, "onnx.md", "exec"), {})
    codec = Codec.load(model)
    expected = codec.decode(codec.encode(sound, n_q=8)).reshape(-1)[: len(sound)]
    np.testing.assert_allclose(soundfile.read("out.wav")[0], expected, atol=2e-4)


def test_command(tmp_path, monkeypatch, model_folder):
    from click.testing import CliRunner

    from sscodec.cli import cli

    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli, ["export", "onnx", *map(str, arguments)])
        assert (result.exit_code, result.stdout) == (code, "") and "Traceback" not in result.stderr
        return result.stderr

    out = tmp_path / "a" / "b"
    assert run("-o", out).splitlines()[2].startswith(f"sscodec: {out / 'model.json'}: ")
    assert sorted(path.name for path in out.iterdir()) == ["decoder.onnx", "encoder.onnx", "model.json"]
    before = (out / "decoder.onnx").read_bytes()
    assert "exists already" in run("-o", out, code=6)
    assert run("-o", out, "--force", "-q") == ""
    assert (out / "decoder.onnx").read_bytes() == before
    for architecture in CONFIGS.keys() - {"soundstream", "spectral"}:
        folder = install(architecture, tmp_path)
        (error,) = run(folder, "-o", tmp_path / "none", code=5).splitlines()
        assert error.endswith("soundstream and spectral are")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    assert "cannot create" in run("-o", tmp_path / "file" / "x", code=6)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'sscodec[onnx]'" in run("-o", tmp_path / "c", code=1)


def test_a_file_of_a_damaged_model_is_not_written(tmp_path):
    model = build(SHAPES["soundstream"], tmp_path / "model")
    weights = model.path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2] + b"\0\0")
    with pytest.raises(sscodec.ModelError, match="damaged"):
        graphs(open_folder(model.path))
