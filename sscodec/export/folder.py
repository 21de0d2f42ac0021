"""A folder with a model's `encoder.onnx`, `decoder.onnx` and `model.json`."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import sscodec
from sscodec.audio.output import check_output, open_output
from sscodec.errors import ModelError, OutputError
from sscodec.export.graph import Graph
from sscodec.models import Model

ENCODER_FILE, DECODER_FILE, MODEL_FILE = "encoder.onnx", "decoder.onnx", "model.json"


def check_architecture(model: Model) -> None:
    """Raise ModelError where it has no graph."""
    if model.config.architecture not in ("soundstream", "spectral"):
        raise ModelError(
            f"{model.path}: models of the architecture {model.config.architecture} are not exported to ONNX; "
            "soundstream and spectral are"
        )


def export(model: Model, folder: Path, int8: bool = False, force: bool = False) -> list[Path]:
    """Write the three files into a folder, which is made if need be; their paths.

    int8: keep the decoder's weights in 8 bits. force: replace existing files.

    Raises ModelError and OutputError. No file is half-written, but some of the three may be there.
    """
    check_architecture(model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot create it ({error.strerror or error})") from None
    paths = [folder / name for name in (ENCODER_FILE, DECODER_FILE, MODEL_FILE)]
    for path in paths:
        check_output(path, model.path, force)
    encoder, decoder, facts = graphs(model, int8)
    contents = [encoder.SerializeToString(), decoder.SerializeToString(), _text(facts).encode()]
    for path, content in zip(paths, contents, strict=True):
        with open_output(path, force=force) as file:
            file.write(content)
    return paths


def graphs(model: Model, int8: bool = False) -> tuple[Any, Any, dict[str, Any]]:
    """The `ModelProto` of encoder and decoder, and what `model.json` holds. Raises ModelError."""
    check_architecture(model)
    network: Any = model.load()
    side = _architecture(model)
    config = model.config
    encoder, decoder = Graph("encoder"), Graph("decoder", int8)
    audio = encoder.input("audio", np.float32, [1, "samples"])
    encoder.output("codes", side.encoder(encoder, network, audio), np.int64, [config.n_q, "frames"])
    codes = decoder.input("codes", np.int64, ["n_q", "frames"])
    decoder.output("audio", side.decoder(decoder, network, codes), np.float32, [1, "samples"])
    facts = {
        "model": model.id,
        "weights_sha256": model.sha256,
        "reads": list(config.reads),
        "architecture": config.architecture,
        "licence": config.licence,
        "sample_rate": config.sample_rate,
        "hop": config.hop,
        "n_q": config.n_q,
        "codebook_size": config.codebook_size,
        "lookahead": config.lookahead,
        "int8": int8,
        "sscodec": sscodec.__version__,
    }
    files = [graph.model(_metadata(facts, graph)) for graph in (encoder, decoder)]
    return *files, {**facts, "states": {"encoder": encoder.states, "decoder": decoder.states}}


def _architecture(model: Model) -> ModuleType:
    if model.config.architecture == "spectral":
        from sscodec.export import spectral

        return spectral
    from sscodec.export import soundstream

    return soundstream


def _metadata(facts: dict[str, Any], graph: Graph) -> dict[str, str]:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    return {**text, "states": json.dumps(graph.states)}


def _text(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=2) + "\n"
