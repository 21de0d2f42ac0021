"""sscodec: a neural audio codec for the shell (SoundStream, arXiv 2107.03312).

codec = sscodec.Codec.load()
codes = codec.encode(audio, kbps=6)  # float [samples] at codec.sample_rate -> int16 [n_q, frames]
audio = codec.decode(codes)

audio, rate = sscodec.decode("speech.ssc")

with sscodec.open("speech.ssc") as stream:
    print(stream.header)
    codes = stream.codes()
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Codec",
    "Denoise",
    "PacketDecoder",
    "PacketEncoder",
    "decode",
    "decode_file",
    "encode_file",
    "open",
    "repair_file",
    "transcode_file",
]

_PLACES = {
    "Codec": ("codec", "Codec"),
    "Denoise": ("denoise", "Denoise"),
    "PacketDecoder": ("live", "PacketDecoder"),
    "PacketEncoder": ("live", "PacketEncoder"),
    "decode": ("arrays", "decode"),
    "decode_file": ("files", "decode_file"),
    "encode_file": ("files", "encode_file"),
    "open": ("streams", "StreamFile"),
    "repair_file": ("repair", "repair_file"),
    "transcode_file": ("transcode", "transcode_file"),
}

if TYPE_CHECKING:
    from sscodec.arrays import decode
    from sscodec.codec import Codec
    from sscodec.denoise import Denoise
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
