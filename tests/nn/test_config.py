"""The typed config: reading, defaults, refusals."""

import pytest

from sscodec.errors import ModelError
from sscodec.nn.config import ModelConfig, SoundStreamConfig, SpectralConfig


def test_defaults_are_the_paper_at_24_khz():
    config = SoundStreamConfig(name="m")
    assert config.hop == 320
    assert config.frame_rate == 75
    assert config.code_bits == 10
    assert [config.bitrate(n) for n in (1, 4, 8, 16, 24)] == [750, 3000, 6000, 12000, 18000]


def test_toml_round_trip(tmp_path):
    config = SoundStreamConfig(
        **{"name": "m.1", "strides": (4, 4, 5, 8), "c_enc": 8, "n_q": 16, "codebook_size": 32},
        **{"film": "decoder", "reads": ("0" * 64, "f" * 64)},
    )
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert ModelConfig.load(path) == config


def test_architectures_have_fields_of_their_own(tmp_path):
    config, path = SpectralConfig("m", hop=160, width=64), tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert ModelConfig.load(path) == config
    assert (config.frame_rate, config.lookahead, SoundStreamConfig("m").lookahead) == (150, 160, 0)
    path.write_text('name = "m"\narchitecture = "spectral"\nstrides = [2, 4]\n')
    with pytest.raises(ModelError, match="unknown key 'strides'"):
        ModelConfig.load(path)
    path.write_text('name = "m"\narchitecture = "wavelet"\n')
    with pytest.raises(ModelError, match="architecture must be one of soundstream, spectral"):
        ModelConfig.load(path)
    with pytest.raises(ModelError, match="architecture"):
        SoundStreamConfig("m", architecture="spectral")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "m"\nchannels = 3\n', "unknown key 'channels'"),
        ("n_q = 3\n", "missing key 'name'"),
        ('name = "m"\nn_q = "3"\n', "n_q must be of type int"),
        ('name = "m"\nn_q = true\n', "n_q must be of type int"),
        ('name = "m"\nn_q = 3.0\n', "n_q must be of type int"),
        ('name = "m"\nn_q = 0\n', "n_q must be"),
        ('name = "m"\ncodebook_size = 1000\n', "power of two"),
        ('name = "m"\nstrides = [2, "4"]\n', "strides must be of type int"),
        ('name = "m"\nstrides = [2, 0]\n', "strides"),
        ('name = "m"\nstrides = []\n', "strides"),
        ('name = "m"\nfilm = "both"\n', "film"),
        ('name = "m"\nreads = ["3f"]\n', "64 hexadecimal digits"),
        ('name = "m"\nreads = [3]\n', "reads must be of type str"),
        ('name = "m"\npitch_taps = 5\n', "pitch_taps must be 0 to 4"),
        ('name = "../m"\n', "name"),
        ("name = \n", "not a valid TOML"),
    ],
)
def test_refuses(tmp_path, text, said):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ModelError, match=said):
        SoundStreamConfig.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        SoundStreamConfig.load(tmp_path / "none.toml")
