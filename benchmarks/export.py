"""Size and speed of models written as ONNX, and what 8 bits for the decoder's weights cost.

usage: python benchmarks/export.py [--speech FOLDER --music FOLDER] MODEL ...

One thread, processor time; "MODEL" is an id or a folder. Quality, at 6 kbps, is measured with the first ten
seconds of 8 sounds of speech and 4 of music, if folders of them are given. A section of docs/benchmarks.md.
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import onnx
import onnxruntime
import soundfile
import soxr
from onnxruntime.quantization import QuantType, quantize_dynamic
from timing import in_turn, write_section

from sscodec.codec import Codec
from sscodec.evaluation.metrics import mel_distance
from sscodec.evaluation.naturalness import p808
from sscodec.export.folder import graphs
from sscodec.models import Model, find

PASSES = 15
N_Q = 8
SECOND = 75
"""Frames of a block."""
SECONDS = 10
CLIPS = {"speech": 8, "music": 4}


class Side:
    """A graph and its state."""

    def __init__(self, path: Path, facts: dict[str, Any], side: str, save: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        if save is not None:  # with all weights in float32
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            options.optimized_model_filepath = str(save)
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.size = path.stat().st_size
        self.names = [output.name for output in self.session.get_outputs()]
        self.shapes = {s["name"]: s["shape"] for s in facts["states"][side]}
        self.reset()

    def reset(self) -> None:
        self.state = {name: np.zeros(shape, np.float32) for name, shape in self.shapes.items()}

    def push(self, **x: np.ndarray) -> np.ndarray:
        found = dict(zip(self.names, self.session.run(None, {**x, **self.state}), strict=True))
        self.state = {name: found.pop(f"next_{name}") for name in self.state}
        (result,) = found.values()
        return result

    def decode(self, codes: np.ndarray) -> np.ndarray:
        self.reset()
        blocks = range(0, codes.shape[1], SECOND)
        return np.concatenate([self.push(codes=codes[:, i : i + SECOND]) for i in blocks], 1)[0]


def sides(model: Model, folder: Path) -> dict[str, Side]:
    """The encoder, and the decoder with weights of several kinds."""
    found = {}
    for int8 in False, True:
        *files, facts = graphs(model, int8)
        for side, file in zip(("encoder", "decoder"), files, strict=True):
            name = f"{side}{', --int8' * int8}"
            path = folder / f"{name}.onnx"
            path.write_bytes(file.SerializeToString())
            if side == "decoder" or not int8:
                found[name] = Side(path, facts, side)
    wide, dynamic = folder / "float32.onnx", folder / "dynamic.onnx"
    Side(folder / "decoder.onnx", facts, "decoder", wide)
    transforms = [node.name for node in onnx.load(wide).graph.node if node.op_type == "MatMul"]
    # Without the reduced range, sums of 16 bits overflow where a CPU has no VNNI.
    quantize_dynamic(
        wide,
        dynamic,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=transforms,
    )
    found["decoder, quantised dynamically"] = Side(dynamic, facts, "decoder")
    return found


def works(model: Model, found: dict[str, Side], frames: int) -> dict[str, Callable[[], object]]:
    """What is timed, each for one block: the graphs, and the codec beside them."""
    rng, codec = np.random.default_rng(0), Codec.load(model, threads=1)
    audio = 0.1 * rng.standard_normal((1, frames * model.config.hop), dtype=np.float32)
    codes = rng.integers(0, model.config.codebook_size, (N_Q, frames))
    return {
        **{
            name: partial(side.push, **({"audio": audio} if name == "encoder" else {"codes": codes}))
            for name, side in found.items()
        },
        "`Codec.encode`": lambda: codec.encode(audio[0], n_q=model.config.n_q),
        "`Codec.decode`": lambda: codec.decode(codes),
    }


def speeds(model: Model, found: dict[str, Side]) -> list[str]:
    rows: dict[str, list[str]] = {}
    for frames in 1, SECOND:
        for name, times in in_turn(works(model, found, frames), PASSES).items():
            size = f"{found[name].size / 1e6:.1f}" if name in found else ""
            rows.setdefault(name, [size]).append(f"{1000 * median(times):.1f}")
            if frames == SECOND:
                rows[name].append(f"{frames / model.config.frame_rate / median(times):.0f}")
    return [f"| {model.id} {name} | {' | '.join(cells)} |" for name, cells in rows.items()]


def losses(model: Model, found: dict[str, Side], folders: dict[str, Path]) -> list[str]:
    rate, codec = model.config.sample_rate, Codec.load(model, threads=1)
    decoders = {name: side for name, side in found.items() if name.startswith("decoder")}
    mel: dict[str, list[float]] = {name: [] for name in decoders}
    mos: dict[str, list[float]] = {name: [] for name in decoders}
    for kind, folder in folders.items():
        files = sorted(folder.iterdir())
        for file in files[:: len(files) // CLIPS[kind]][: CLIPS[kind]]:
            sound, its_rate = soundfile.read(file, always_2d=True)
            sound = soxr.resample(sound.mean(1), its_rate, rate)[: SECONDS * rate]
            codes = codec.encode(sound.astype(np.float32), n_q=N_Q).astype(np.int64)
            for name, side in decoders.items():
                decoded = side.decode(codes)[: len(sound)].astype(np.float64)
                mel[name].append(mel_distance(sound, decoded, rate))
                if kind == "speech":
                    mos[name].append(p808(sound, decoded, rate))
    return [
        f"| {model.id} {name} | {fmean(mel[name]):.4f} | {max(np.subtract(mel[name], mel['decoder'])):.4f} "
        f"| {fmean(mos[name]):.3f} | {min(np.subtract(mos[name], mos['decoder'])):.3f} |"
        for name in decoders
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--music", type=Path)
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    folders = {kind: getattr(given, kind) for kind in CLIPS if getattr(given, kind)}
    speed = [
        "| | MB | ms, block of 1 frame | ms, block of 75 frames | x real time, 75 frames |",
        "|---|---:|---:|---:|---:|",
    ]
    quality = [
        "| | mel distance | most lost | P.808 | most lost |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in given.models:
        model = find(name)
        with tempfile.TemporaryDirectory() as folder:
            found = sides(model, Path(folder))
            speed += speeds(model, found)
            if folders:
                quality += losses(model, found, folders)
    text = [*speed, "", *(quality if folders else [])]
    write_section("onnx", f"python benchmarks/export.py {shlex.join(sys.argv[1:])}", "\n".join(text))


if __name__ == "__main__":
    main()
