"""The adapters of other codecs. Those whose programs are not installed are skipped."""

import sys
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("scipy")

from sscodec.errors import SscodecError, UsageError
from sscodec.evaluation import peers
from sscodec.evaluation.alignment import evidence, find_delay
from sscodec.evaluation.peers.base import run_tool
from sscodec.evaluation.peers.dac import Dac
from sscodec.evaluation.peers.encodec import Encodec
from sscodec.evaluation.peers.opus import packet_bytes

RATE = 24000


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: peer.name)
def test_a_sound_goes_through(peer, tmp_path):
    if missing := peer.missing():
        pytest.skip(missing)
    time = np.arange(3 * RATE) / RATE
    bursts = np.sin(2 * np.pi * 2.3 * time) > 0
    noise = np.random.default_rng(0).standard_normal(len(time))
    sound = bursts * (0.3 * np.sin(2 * np.pi * 180 * time) + 0.03 * noise)
    kbps = peer.rates[-1]
    coded = peer.code(np.int16(sound * 2**15), RATE, kbps, tmp_path)
    assert 0.5 * kbps < coded.bytes * 8 / 3 / 1000 < 1.5 * kbps
    assert coded.file_bytes >= coded.bytes
    delay = find_delay([evidence(sound, coded.sound.astype(float), RATE)], RATE)
    assert abs(delay.samples) < 0.1 * RATE
    assert sound.std() / 4 < coded.sound.std() < 2 * sound.std()
    assert peer.version()


def test_our_bytes_are_the_file(model_folder, tmp_path):
    from sscodec.models import open_folder

    ours = peers.Ours(open_folder(model_folder))
    assert ours.rates == (1.5, 3.0, 6.0)
    samples = np.int16(8000 * np.sin(np.arange(30000) / 20))
    coded = ours.code(samples, RATE, 3.0, tmp_path)
    assert coded.bytes == coded.file_bytes == (tmp_path / "coded.ssc").stat().st_size
    assert coded.nominal_kbps == 3.0
    assert coded.sound.shape == samples.shape


def test_peers_are_chosen_by_name_and_rate(monkeypatch):
    monkeypatch.setattr(type(peers.PEERS[0]), "missing", lambda self: None)
    chosen, notes = peers.choose_peers("opus@12,opus@6,opus@12")
    assert [contender.label for contender in chosen] == ["Opus 12", "Opus 6"]
    assert [contender.key for contender in chosen] == ["opus-12", "opus-6"]
    assert notes == []
    assert peers.choose_peers("none") == ([], [])
    chosen, _ = peers.choose_peers("opus")
    assert [contender.kbps for contender in chosen] == list(peers.PEERS[0].rates)
    for wrong in ("nosuch", "opus@x", "opus,"):
        with pytest.raises(UsageError, match="--peers"):
            peers.choose_peers(wrong)


def test_absent_peers_are_told_and_left_out(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("TORCH_HOME", "/nowhere")
    chosen, notes = peers.choose_peers(None)
    assert chosen == []
    assert [note.split(":")[0] for note in notes] == [f"without {peer.title}" for peer in peers.PEERS]
    with pytest.raises(UsageError, match="MP3 cannot be used: neither lame nor ffmpeg"):
        peers.choose_peers("mp3")


def test_a_program_that_fails_is_an_error_of_one_line():
    with pytest.raises(SscodecError, match=r"exit code 3 \(last\)"):
        run_tool([sys.executable, "-c", "import sys; print('first\\nlast\\n', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(SscodecError, match="cannot be started"):
        run_tool(["/no/such/program"])


def test_only_sound_packets_count():
    def page(*segments):
        return b"OggS" + bytes(22) + bytes([len(segments), *segments]) + bytes(sum(segments))

    assert (
        packet_bytes(page(19) + page(60) + page(255, 10, 20) + page(255) + page(5)) == 255 + 10 + 20 + 255 + 5
    )


def test_neural_peers_by_stand_ins(monkeypatch, tmp_path):
    """Shapes and sizes, with modules that only look like the real ones."""
    torch = pytest.importorskip("torch")
    sound = np.int16(1000 * np.sin(np.arange(RATE)))

    class Model:
        bits_per_codebook = 10

        def set_target_bandwidth(self, kbps):
            self.books = round(kbps / 0.75)

        def preprocess(self, audio, rate):
            assert rate == RATE
            return audio

        def encode(self, audio, books=None):
            codes = torch.zeros(1, books or self.books, 75, dtype=torch.long)
            return [(codes, None)] if books is None else (audio, codes, None, None, None)

        def decode(self, latent):
            return latent if isinstance(latent, torch.Tensor) else torch.zeros(1, 1, RATE)

    for peer, module in ((Encodec(), "encodec"), (Dac(), "dac")):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
        monkeypatch.setattr(f"sscodec.evaluation.peers.{module}._model", Model)
        coded = peer.code(sound, RATE, 6.0, tmp_path)
        assert coded.bytes == 750
        assert coded.sound.shape == (RATE,)
        with pytest.raises(UsageError, match="rate"):
            peer.code(sound, RATE, 5.0, tmp_path)
