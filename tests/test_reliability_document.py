"""The example of docs/reliability.md, over the loopback interface and with loss."""

import random
import re
import socket
from pathlib import Path

import numpy as np
import pytest

from sscodec.codec import Codec

DOCUMENT = (Path(__file__).parents[1] / "docs" / "reliability.md").read_text(encoding="utf-8")


@pytest.fixture
def example():
    match = re.search(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert match
    assert len(match[1].split("\n")) - match[1].count("\n\n") <= 24
    namespace: dict = {}
    exec(match[1], namespace)
    return namespace


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.5])
def test_the_example(example, model_folder, sound, monkeypatch, loss):
    codec = Codec.load(model_folder)
    chance = random.Random(1)
    dropped = []

    class Lossy(socket.socket):
        def sendto(self, data, address):
            if data[0] == 0xB0 and chance.random() < loss:
                dropped.append(data)
                return len(data)
            if loss and chance.random() < 0.05:
                data = data[:-1] + bytes([data[-1] ^ 1]) if data[0] == 0xB0 else data
            return super().sendto(data, address)

    monkeypatch.setattr(socket, "socket", Lossy)
    audio = sound(2.0)[:, 0]
    blocks = [audio[start : start + 480] for start in range(0, len(audio), 480)]
    headers, heard = [], []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        # One after the other in one thread: the system keeps what has not been received yet.
        example["send"](codec, blocks, receiver.getsockname(), headers.append)
        report = example["receive"](codec, receiver, headers[0], heard.append)
    heard = np.concatenate(heard, axis=1)
    assert heard.shape == (1, 150 * 320)
    assert np.isfinite(heard).all()
    assert bool(report) == bool(dropped) == bool(loss)
