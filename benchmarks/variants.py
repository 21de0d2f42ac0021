"""What other ways to compute would give, into their marked section of docs/benchmarks.md.

usage: python benchmarks/variants.py

One thread, blocks of one second without their past, processor time, all variants in turn. torch.compile
needs a C++ compiler, OpenVINO the package openvino; what is not there is left out.
"""

import dataclasses
import statistics
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from timing import in_turn, ratios, write_section
from torch import Tensor, nn

from sscodec import models
from sscodec.nn import layers
from sscodec.nn.soundstream import SoundStream

PASSES = 15
N_Q = 8
Network = Callable[[Tensor], Tensor]


def with_elu(activation: Network, module: nn.Module) -> Network:
    def into(x: Tensor, out: Tensor | None = None) -> Tensor:
        y = activation(x)
        return y if out is None else out.copy_(y)

    def call(x: Tensor) -> Tensor:
        ours = layers.elu
        layers.elu = into
        try:
            return module(x)
        finally:
            layers.elu = ours

    return call


def bfloat16(module: nn.Module) -> Network:
    def call(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return module(x).float()

    return with_elu(F.elu, call)  # type: ignore[arg-type]


def compiled(module: nn.Module) -> Network:
    import torch._inductor.config as inductor

    inductor.freezing = True
    return with_elu(F.elu, torch.compile(module))


def openvino(module: nn.Module, example: Tensor, precision: str) -> Network:
    import openvino as ov

    def convert(x: Tensor) -> Any:
        return ov.convert_model(module, example_input=x, input=[list(x.shape)])

    # Without gradients the layers write in place, which a converted graph does slowly. The converter restores
    # the mode that it was told of; no_grad, the one that there was.
    with torch.no_grad(), mock.patch.object(torch, "is_grad_enabled", return_value=True):
        graph = with_elu(F.elu, convert)(example)  # type: ignore[arg-type]
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": precision}
    request = ov.Core().compile_model(graph, "CPU", options).create_infer_request()
    return lambda x: torch.from_numpy(request.infer([x.numpy()])[0])


def variants(plain: SoundStream, packed: SoundStream, side: str, x: Tensor) -> dict[str, Network]:
    module, ours = getattr(plain, side), getattr(packed, side)
    lean = SoundStream(dataclasses.replace(plain.config, c_enc=8, c_dec=8)).eval().requires_grad_(False)
    lean.pack()
    made: dict[str, Network] = {
        "as it is": ours,
        "weights not packed": module,
        "torch's own ELU": with_elu(F.elu, ours),
        "SiLU in place of ELU": with_elu(F.silu, ours),
        "8 channels in place of 16": getattr(lean, side),
        "bfloat16, autocast": bfloat16(module),
    }
    more: dict[str, Callable[[], Any]] = {
        "torch.compile, frozen": lambda: compiled(module),
        "OpenVINO, float32": lambda: openvino(module, x, "f32"),
        "OpenVINO, bfloat16": lambda: openvino(module, x, "bf16"),
    }
    for name, make in more.items():
        try:
            made[name] = make()
            made[name](x)
        except Exception as error:  # whatever it lacks here: a package, a compiler, an instruction
            made.pop(name, None)
            print(f"without {name}: {str(error).splitlines()[0][:200]}")
    return made


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plain, packed = models.find().load(), models.find().load()
    packed.pack()
    hop, frames = plain.config.hop, round(plain.config.frame_rate)
    audio = 0.1 * torch.randn(1, frames * hop)
    embedding = plain.encoder(audio)
    other_weights = ("SiLU", "8 channels")
    rows = ["| | variant | speed, as it is = 1 | codes alike, % | SNR, dB |", "|---|---|---|---:|---:|"]
    for side, x in (
        ("encoder", audio),
        ("decoder", plain.quantizer.decode(plain.quantizer.encode(embedding, N_Q))),
    ):
        made = variants(plain, packed, side, x)
        reference = made["as it is"](x)
        times = in_turn({name: lambda work=work, x=x: work(x) for name, work in made.items()}, PASSES)
        for name, work in made.items():
            alike = snr = ""
            if not name.startswith(other_weights):
                given = work(x)
                snr = f"{10 * torch.log10(reference.square().sum() / (given - reference).square().sum()):.0f}"
                if side == "encoder":
                    codes = [plain.quantizer.encode(y, N_Q) for y in (reference, given)]
                    alike = f"{100 * (codes[0] == codes[1]).float().mean():.1f}"
            speed = ratios(times["as it is"], times[name])
            rows.append(f"| {side} | {name} | {speed} | {alike} | {snr} |")
            print(rows[-1], statistics.median(times[name]))
    write_section("variants", "python benchmarks/variants.py", "\n".join(rows))


if __name__ == "__main__":
    main()
