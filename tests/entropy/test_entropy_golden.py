"""Payloads that were written once and must stay what they are: a coder with other bytes takes another id.

`entropy.safetensors` holds random numbers; `entropy-payloads.json` codes [channels][n_q][frames] and, for
each coder, their payload.
"""

import json
from pathlib import Path

import entropy_reference as reference
import numpy as np
import pytest
from entropy_samples import StreamLayout

from sscodec.container import CODER_NAMES
from sscodec.entropy import coder_for
from sscodec.entropy.model import EntropyModel

DATA = Path(__file__).parents[1] / "data"
SAMPLES = json.loads((DATA / "entropy-payloads.json").read_text())
MODEL = EntropyModel.load(DATA / "entropy.safetensors")


def test_the_model(tmp_path):
    assert MODEL.sha256 == "8e5b89e4c769664013fb7902c2271b67090e38615e9e67a6009559c562d2469e"
    assert MODEL.hash.hex() == "8e5b89e4c7696640"
    assert MODEL.model_sha256 == "0123456789abcdef" * 4
    MODEL.save(tmp_path / "again")
    assert EntropyModel.load(tmp_path / "again").context.embed.tolist() == MODEL.context.embed.tolist()


@pytest.mark.parametrize("number", range(len(CODER_NAMES)))
@pytest.mark.parametrize("sample", SAMPLES, ids=["likely", "random", "zeros"])
def test_payloads(sample, number):
    codes, payload = np.array(sample["codes"]), bytes.fromhex(sample[CODER_NAMES[number]])
    channels, n_q, frames = codes.shape
    coder = coder_for(number, StreamLayout(channels, n_q, 64), MODEL)
    assert coder.encode(codes) == payload
    assert np.array_equal(coder.decode(payload, frames), codes)


@pytest.mark.parametrize("sample", SAMPLES, ids=["likely", "random", "zeros"])
def test_the_document_decodes_them_from_the_files(sample):
    tensors = reference.read_tensors((DATA / "entropy.safetensors").read_bytes())
    shape = np.array(sample["codes"]).shape
    for name, decode in (("static", reference.decode_static), ("context", reference.decode_context)):
        assert decode(tensors, bytes.fromhex(sample[name]), *shape)[0] == sample["codes"]
