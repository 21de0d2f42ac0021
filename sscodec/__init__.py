"""sscodec: a neural audio codec for the shell and for Python (SoundStream, arXiv 2107.03312).

Whole sounds, as they are:

    stream = sscodec.encode("speech.wav", kbps=6)     # or an array: sscodec.encode(audio, rate)
    stream.save("speech.ssc")
    audio, rate = sscodec.decode("speech.ssc")        # float32 [samples] or [channels, samples]

Codes, at the rate of the model:

    codec = sscodec.Codec.load()
    codes = codec.encode(audio, kbps=6)               # float [samples] -> int16 [n_q, frames]
    audio = codec.decode(codes)

Streams without a network:

    with sscodec.open("speech.ssc") as stream:
        print(stream.header)
        codes = stream.codes()

Files to files: `encode_file`, `decode_file`, `transcode_file`, `repair_file`. Live sound: `PacketEncoder`,
`PacketDecoder`. All errors are a `SscodecError`. docs/python.md has programs.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = [
    "Codec",
    "DamagedError",
    "Denoise",
    "InputError",
    "ModelError",
    "OutputError",
    "PacketDecoder",
    "PacketEncoder",
    "SscodecError",
    "Stream",
    "UsageError",
    "decode",
    "decode_file",
    "encode",
    "encode_file",
    "open",
    "repair_file",
    "transcode_file",
]

_PLACES = {
    "DamagedError": ("errors", "DamagedError"),
    "InputError": ("errors", "InputError"),
    "ModelError": ("errors", "ModelError"),
    "OutputError": ("errors", "OutputError"),
    "SscodecError": ("errors", "SscodecError"),
    "UsageError": ("errors", "UsageError"),
    "Codec": ("codec", "Codec"),
    "Denoise": ("denoise", "Denoise"),
    "PacketDecoder": ("live", "PacketDecoder"),
    "PacketEncoder": ("live", "PacketEncoder"),
    "Stream": ("arrays", "Stream"),
    "decode": ("arrays", "decode"),
    "encode": ("arrays", "encode"),
    "decode_file": ("files", "decode_file"),
    "encode_file": ("files", "encode_file"),
    "open": ("streams", "StreamFile"),
    "repair_file": ("repair", "repair_file"),
    "transcode_file": ("transcode", "transcode_file"),
}

if TYPE_CHECKING:
    from sscodec.arrays import Stream, decode, encode
    from sscodec.codec import Codec
    from sscodec.denoise import Denoise
    from sscodec.errors import (
        DamagedError,
        InputError,
        ModelError,
        OutputError,
        SscodecError,
        UsageError,
    )
    from sscodec.files import decode_file, encode_file
    from sscodec.live import PacketDecoder, PacketEncoder
    from sscodec.repair import repair_file
    from sscodec.streams import StreamFile as open
    from sscodec.transcode import transcode_file


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: `sscodec --help` must not wait for NumPy and torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PLACES[name]
    return getattr(import_module(f"sscodec.{module}"), attribute)


def __dir__() -> list[str]:
    """What tab completion shows: the interface, also of what has not been imported yet."""
    return sorted([*__all__, "__doc__", "__file__", "__name__", "__path__", "__version__"])
