"""Speed, memory and size of the published shapes of networks.

usage: python benchmarks/architectures.py [seconds of sound, default 10] [model ...]

Weights are random, which are as fast as others. Speed is seconds of sound a second of one core, in blocks of
one second as files are coded. Memory is the peak of whole commands.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from memory import run, write_sound

from sscodec.nn.config import EncodecConfig, ModelConfig, RvqganConfig

SHAPES: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        EncodecConfig("encodec-24khz"),
        RvqganConfig("dac-16khz", sample_rate=16000, strides=(2, 4, 5, 8), n_q=12),
        RvqganConfig("dac-24khz", sample_rate=24000, strides=(2, 4, 5, 8), n_q=32),
        RvqganConfig("dac-44khz"),
    )
}


def speed(name: str, root: Path, seconds: float) -> str:
    """Install a model with random weights in `root`; cells of the table."""
    import torch
    from safetensors.torch import save_file

    from sscodec.codec import Codec
    from sscodec.nn.networks import build_network

    torch.manual_seed(0)
    config, folder = SHAPES[name], root / name
    folder.mkdir()
    (folder / "config.toml").write_text(config.to_toml())
    save_file(build_network(config).state_dict(), folder / "weights.safetensors")
    codec = Codec.load(folder, threads=1)
    length = round(seconds * config.sample_rate)
    sound = 0.1 * np.random.default_rng(0).standard_normal(length).astype(np.float32)
    codec.decode(codec.encode(sound[: config.sample_rate]))
    start = time.process_time()
    codes = codec.encode(sound)
    middle = time.process_time()
    codec.decode(codes)
    times = middle - start, time.process_time() - middle
    return f"{codec.model.parameters / 1e6:.1f} | {seconds / times[0]:.2f} | {seconds / times[1]:.2f}"


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    print(f"| model | parameters, M | encode, x | decode, x | memory of {seconds:g} s, MB: encode | decode |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        wav, ssc, out = (str(Path(root) / name) for name in ("in.wav", "a.ssc", "out.wav"))
        write_sound(Path(wav), round(seconds))
        for name in sys.argv[2:] or SHAPES:
            # In a process of its own: a child's peak counts that of its parent.
            child = [sys.executable, __file__, "--speed", name, root, str(seconds)]
            cells = subprocess.run(child, check=True, capture_output=True, text=True).stdout.strip()
            command = [sys.executable, "-m", "sscodec"]
            options = ["--model", str(Path(root) / name), "--force", "--quiet", "--threads", "1"]
            memory = [
                run(*command, *words, *options) for words in (["encode", wav, ssc], ["decode", ssc, out])
            ]
            print(f"| {name} | {cells} | {memory[0]:.0f} | {memory[1]:.0f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--speed"]:
        print(speed(sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])))
    else:
        main()
