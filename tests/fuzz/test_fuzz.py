"""A short turn of the fuzzing that docs/reliability.md tells of, and the inputs of the corpus."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parents[2] / "fuzz"
sys.path.insert(0, str(FUZZ))

import make_corpus  # noqa: E402
import mutate  # noqa: E402
import targets  # noqa: E402

CORPUS = mutate.load_corpus()


@pytest.mark.parametrize("target", targets.ALL)
def test_the_corpus(target):
    for data in CORPUS:
        targets.ALL[target](data)


def test_the_corpus_is_what_its_script_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(make_corpus, "CORPUS", tmp_path)
    make_corpus.main()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in (FUZZ / "corpus").iterdir()
    }


@pytest.mark.parametrize("target", targets.ALL)
def test_mutated_inputs(target):
    for number in range(500):
        targets.ALL[target](mutate.mutate(CORPUS, random.Random(f"test {number}")))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(targets.ALL)), st.binary(max_size=300), st.sampled_from(CORPUS), st.data())
def test_any_bytes_in_any_place(target, garbage, data, draw):
    place = draw.draw(st.integers(0, len(data)))
    length = draw.draw(st.integers(0, 100))
    targets.ALL[target](garbage)
    targets.ALL[target](data[:place] + garbage + data[place + length :])


def test_what_fuzzing_would_find():
    """The targets do fail where the code is wrong."""
    with pytest.raises(AssertionError, match="another payload"):
        targets._decode([Forgetful()], b"\1", 1)


class Forgetful:
    """A coder that gives the same codes for all payloads."""

    def decode(self, payload, frames):
        return np.zeros((1, 1, frames), np.int32)

    def encode(self, codes):
        return b"\0"
