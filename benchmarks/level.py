"""What the level of a sound does to its quality: a Markdown table.

usage: python benchmarks/level.py FOLDER [KBPS]

Every third sound in FOLDER, mixed to one channel, is brought to several peaks. As a file it is raised where
it is quiet; as arrays, and from a pipe, it is coded as it is. Means over the sounds.

Needs pip install 'sscodec[eval]'.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from sscodec.codec import Codec
from sscodec.evaluation.metrics import estoi, mel_distance, pesq, visqol_speech
from sscodec.evaluation.sounds import find_sounds, read_sound
from sscodec.files import decode_file, encode_file
from sscodec.level import amplitude
from sscodec.loader import Loader

PEAKS_DB = (-1, -12, -20, -30, -40, -50)
MEASURES = {"PESQ": pesq, "ESTOI": estoi, "ViSQOL speech": visqol_speech, "mel distance": mel_distance}


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    kbps = float(sys.argv[2]) if len(sys.argv) == 3 else 6.0
    loader = Loader(threads=1)
    codec = loader.load(loader.named())
    rate = codec.sample_rate
    sounds = [read_sound(found.path, rate, 0) / 2**15 for found in find_sounds(sys.argv[1:2])[::3]]
    print(f"| peak, dB | coded as | {' | '.join(MEASURES)} |\n|---|---|{'---|' * len(MEASURES)}")
    with tempfile.TemporaryDirectory() as name:
        for peak in PEAKS_DB:
            for way, road in (("a file", through_files), ("it is", through_arrays)):
                scores = []
                for sound in sounds:
                    gain = amplitude(peak) / np.abs(sound).max()
                    decoded = road((gain * sound).astype(np.float32), codec, loader, kbps, Path(name)) / gain
                    scores.append([measure(sound, decoded, rate) for measure in MEASURES.values()])
                means = " | ".join(f"{mean:.3f}" for mean in np.mean(scores, 0))
                print(f"| {peak} | {way} | {means} |", flush=True)


def through_files(sound: np.ndarray, codec: Codec, loader: Loader, kbps: float, folder: Path) -> np.ndarray:
    original, stream, decoded = folder / "original.wav", folder / "coded.ssc", folder / "decoded.wav"
    soundfile.write(original, sound, codec.sample_rate, "FLOAT")
    encode_file(original, stream, kbps=kbps, loader=loader, force=True)
    decode_file(stream, decoded, subtype="FLOAT", loader=loader, force=True)
    return soundfile.read(decoded)[0]


def through_arrays(sound: np.ndarray, codec: Codec, loader: Loader, kbps: float, folder: Path) -> np.ndarray:
    return codec.decode(codec.encode(sound, kbps=kbps))[: len(sound)].astype(float)


if __name__ == "__main__":
    main()
