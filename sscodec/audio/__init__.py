"""Sound in and out, block by block: reading, writing, resampling. Arrays are float32 [frames, channels]."""

from sscodec.audio.blocks import Rebuffer, Trimmer
from sscodec.audio.output import check_output, open_output
from sscodec.audio.raw import RawFormat
from sscodec.audio.reading import MAX_CHANNELS, AudioReader
from sscodec.audio.resampling import Resampler
from sscodec.audio.writing import OPUS_RATE, AudioWriter, choose_format, create_audio, suffix_of

__all__ = [
    "MAX_CHANNELS",
    "OPUS_RATE",
    "AudioReader",
    "AudioWriter",
    "RawFormat",
    "Rebuffer",
    "Resampler",
    "Trimmer",
    "check_output",
    "choose_format",
    "create_audio",
    "open_output",
    "suffix_of",
]
