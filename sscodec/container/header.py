"""The stream header: everything a decoder must know before the first packet.

All numbers are little-endian. `docs/format.md` is normative for the layout.
"""

import operator
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sscodec.container.coders import CODER_NAMES
from sscodec.errors import DamagedError, InputError, UsageError

MAGIC = b"\x93SSC"
COPY_MAGIC = b"\x93ssc"  # begins the copy of a header, which is equal in all but this
COPY_AFTER = 4096  # bytes: the copy comes after the packet that reaches it, beyond any lost block of a disk
VERSION = 2
"""The latest. Streams whose frames all have the same number of codebooks are of version 1, byte for byte."""
RAW_CODER = 0  # entropy coder id of plain fixed-width codes; the container treats every other id alike

HASH_SIZE = 8  # bytes kept of a SHA-256
MAX_RATE = 768_000  # Hz
MAX_CHANNELS = 8
MAX_PACKET_FRAMES = 4096
MAX_HEADER_SIZE = 65_535  # bytes
MAX_PAYLOAD_SIZE = 65_536  # bytes; bounds the memory of a reader and the work of a search for the next packet

UNKNOWN_SAMPLES = 2**64 - 1  # stands for "not known yet" in the original_samples field

_PREFIX = struct.Struct("<4sBH")  # magic, version, header size: the same in every version
_FIXED = struct.Struct("<BIHBBBBHIIBQ8s8s")  # flags .. entropy_hash
_CRC = struct.Struct("<I")
_FLAG_DENOISE = 0x01
_FLAG_GAIN = 0x02
_FLAG_LOWERED = 0x04  # only beside _FLAG_GAIN
_MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)  # never a path: ids become folder names
_TAG_KEY = re.compile(r"[ -<>-~]{1,255}", re.ASCII)  # printable ASCII without "="

PREFIX_SIZE = _PREFIX.size
MIN_HEADER_SIZE = _PREFIX.size + _CRC.size  # of any version; smaller sizes are damage


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of one stream; raises UsageError when a field is out of range.

    `tags` is copied and must not be changed afterwards.
    """

    model_id: str  # letters, digits, ".", "_" and "-"
    model_hash: bytes  # first 8 bytes of the SHA-256 of the weights
    sample_rate: int  # Hz, of the model
    hop: int  # model-rate samples per frame
    channels: int  # coded channels
    n_q: int  # codebooks per channel and frame; the most of them, where frames have different numbers
    codebook_size: int  # entries of a codebook, a power of two from 2 to 65536
    coder: int = RAW_CODER  # entropy coder id
    entropy_hash: bytes = bytes(HASH_SIZE)  # first 8 bytes of the SHA-256 of the entropy model; zeros for raw
    packet_frames: int  # frames of every packet but the last
    original_rate: int  # Hz, of the audio that was encoded
    original_channels: int
    original_samples: int | None = None  # per channel at original_rate; None: not known when encoding began
    denoise: bool = False  # the encoder removed noise
    varying: bool = False  # each frame tells how many of the first codebooks it has (version 2)
    gain_db: int = 0  # by which the sound was made louder (or softer) before; decoding takes it back
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", dict(self.tags))
        if not _MODEL_ID.fullmatch(self.model_id):
            raise UsageError(
                f"model id {self.model_id!r} must be a letter or digit and then up to 254 of those and '._-'"
            )
        for name in ("model_hash", "entropy_hash"):
            if len(getattr(self, name)) != HASH_SIZE:
                raise UsageError(f"{name} must be {HASH_SIZE} bytes, not {len(getattr(self, name))}")
        self._check_ranges()
        if self.codebook_size & (self.codebook_size - 1):
            raise UsageError(f"codebook_size must be a power of two, not {self.codebook_size}")
        if self.coder == RAW_CODER and any(self.entropy_hash):
            raise UsageError("entropy_hash must be zeros for raw codes: there is no entropy model")
        if self.raw_size(self.packet_frames) > MAX_PAYLOAD_SIZE:
            raise UsageError(
                f"{self.packet_frames} frames take {self.raw_size(self.packet_frames)} bytes, "
                f"more than a packet holds ({MAX_PAYLOAD_SIZE}): lower packet_frames"
            )
        if self.bitrate >= 2**32:
            raise UsageError(f"a nominal bit rate of {self.bitrate} bits/s does not fit the header")
        self._check_tags()
        if len(self._body()) + _PREFIX.size + _CRC.size > MAX_HEADER_SIZE:
            raise UsageError(f"the tags make the header larger than {MAX_HEADER_SIZE} bytes: shorten them")

    def _check_ranges(self) -> None:
        ranges = {
            "sample_rate": (1, MAX_RATE),
            "hop": (1, 65_535),
            "channels": (1, MAX_CHANNELS),
            "n_q": (1, 255),
            "codebook_size": (2, 65_536),
            "coder": (0, 255),
            "packet_frames": (1, MAX_PACKET_FRAMES),
            "original_rate": (1, MAX_RATE),
            "original_channels": (1, 255),
            "gain_db": (-255, 255),
        }
        if self.original_samples is not None:
            ranges["original_samples"] = (0, UNKNOWN_SAMPLES - 1)
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            try:
                number = operator.index(value)  # NumPy's integers, too
            except TypeError:
                number = low - 1
            if not low <= number <= high:
                raise UsageError(f"{name} must be an integer from {low} to {high}, not {value!r}")
            object.__setattr__(self, name, number)

    def _check_tags(self) -> None:
        if len(self.tags) > 65_535:
            raise UsageError(f"{len(self.tags)} tags are too many: 65535 at most")
        for key, value in self.tags.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise UsageError(f"tags must be text, not {key!r}: {value!r}")
            if not _TAG_KEY.fullmatch(key):
                raise UsageError(f"tag key {key!r} must be 1 to 255 printable ASCII characters without '='")
            try:
                size = len(value.encode())
            except UnicodeEncodeError as error:
                raise UsageError(f"the value of tag {key!r} is not valid Unicode text") from error
            if size > 65_535:
                raise UsageError(f"the value of tag {key!r} takes {size} bytes: 65535 at most")

    @property
    def version(self) -> int:
        """Of the format."""
        return 2 if self.varying else 1

    @property
    def bits(self) -> int:
        """Bits of one raw code: log2(codebook_size)."""
        return self.codebook_size.bit_length() - 1

    @property
    def coder_name(self) -> str:
        """Of the entropy coder: "raw", "static" or "context", or the id where this version has none."""
        return CODER_NAMES[self.coder] if self.coder < len(CODER_NAMES) else str(self.coder)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop

    @property
    def bitrate(self) -> int:
        """Nominal rate of the raw codes of all channels and codebooks in bits/s, rounded half up."""
        per_hop = self.channels * self.n_q * self.bits * self.sample_rate
        return (2 * per_hop + self.hop) // (2 * self.hop)

    def raw_size(self, frames: int) -> int:
        """Bytes of `frames` frames of raw codes, of all codebooks: the largest payload that they may take."""
        numbers = (self.n_q - 1).bit_length() if self.varying else 0
        return (frames * (numbers + self.channels * self.n_q * self.bits) + 7) // 8

    def _body(self) -> bytes:
        """Everything between the prefix and the CRC."""
        model_id = self.model_id.encode()
        parts = [
            _FIXED.pack(
                (_FLAG_DENOISE if self.denoise else 0)
                | (_FLAG_GAIN if self.gain_db else 0)
                | (_FLAG_LOWERED if self.gain_db < 0 else 0),
                self.sample_rate,
                self.hop,
                self.channels,
                self.n_q,
                self.bits,
                self.coder,
                self.packet_frames,
                self.bitrate,
                self.original_rate,
                self.original_channels,
                UNKNOWN_SAMPLES if self.original_samples is None else self.original_samples,
                self.model_hash,
                self.entropy_hash,
            ),
            struct.pack("<B", len(model_id)) + model_id,
            struct.pack("<H", len(self.tags)),
        ]
        for key, value in self.tags.items():
            text = value.encode()
            parts.append(struct.pack("<B", len(key)) + key.encode() + struct.pack("<H", len(text)) + text)
        if self.gain_db:
            parts.append(struct.pack("<B", abs(self.gain_db)))
        return b"".join(parts)

    def to_bytes(self) -> bytes:
        """The header as it stands in the file, magic to CRC-32; one header has one encoding."""
        body = self._body()
        data = _PREFIX.pack(MAGIC, self.version, _PREFIX.size + len(body) + _CRC.size) + body
        return data + _CRC.pack(zlib.crc32(data))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Header":
        """Parse exactly one header.

        Raises InputError when it is no header or one of another version, DamagedError when it is damaged.
        """
        size = header_size(data)
        if len(data) != size:
            raise DamagedError(f"the stream header is cut short: {len(data)} of {size} bytes")
        if not has_valid_crc(data):
            raise DamagedError("the stream header is damaged: its checksum does not match")
        if not 1 <= (version := data[4]) <= VERSION:
            advice = (
                "a newer sscodec is needed to read it"
                if version > VERSION
                else "no such version was ever used"
            )
            raise InputError(f"the stream has format version {version}: {advice}")
        try:
            return _parse_body(data[_PREFIX.size : -_CRC.size], varying=version == 2)
        except (UsageError, struct.error, IndexError, UnicodeDecodeError) as error:
            raise DamagedError(f"the stream header is not valid: {error}") from error


def header_size(start: bytes) -> int:
    """Bytes of the header that begins with `start` (at least the prefix of 7 bytes), as it says itself.

    Raises InputError when this is no header, DamagedError when the prefix is cut short or not possible.
    """
    if not start:
        raise InputError("the input is empty: not an sscodec stream")
    if not MAGIC.startswith(start[: len(MAGIC)]):
        raise InputError("not an sscodec stream: it does not begin with the .ssc magic bytes")
    if len(start) < _PREFIX.size:
        raise DamagedError(f"the stream header is cut short after {len(start)} bytes")
    size: int = _PREFIX.unpack_from(start)[2]
    if size < MIN_HEADER_SIZE:
        raise DamagedError(f"the stream header is damaged: it cannot be {size} bytes long")
    return size


def copy_of(header: bytes) -> bytes:
    """The copy, as it stands later in the file, of a header as `Header.to_bytes` gives it."""
    return COPY_MAGIC + header[len(MAGIC) :]


def has_valid_crc(data: bytes | memoryview) -> bool:
    """Whether the last four bytes are the CRC-32 of those before."""
    return zlib.crc32(memoryview(data)[: -_CRC.size]) == _CRC.unpack_from(data, len(data) - _CRC.size)[0]


def _parse_body(body: bytes, varying: bool) -> Header:
    flags, rate, hop, channels, n_q, bits, coder, packet_frames, bitrate, *rest = _FIXED.unpack_from(body)
    original_rate, original_channels, original_samples, model_hash, entropy_hash = rest
    if flags & ~(_FLAG_DENOISE | _FLAG_GAIN | _FLAG_LOWERED) or (
        flags & _FLAG_LOWERED and not flags & _FLAG_GAIN
    ):
        raise UsageError(f"reserved flags are set ({flags:#04x})")
    if not 1 <= bits <= 16:
        raise UsageError(f"codes must have 1 to 16 bits, not {bits}")
    position = _FIXED.size
    model_id, position = _text(body, position, "<B")
    (count,) = struct.unpack_from("<H", body, position)
    position += 2
    tags: dict[str, str] = {}
    for _ in range(count):
        key, position = _text(body, position, "<B")
        if key in tags:
            raise UsageError(f"tag {key!r} is given twice")
        tags[key], position = _text(body, position, "<H")
    gain_db = 0
    if flags & _FLAG_GAIN:
        gain_db = body[position] if position < len(body) else 0
        if not gain_db:
            raise UsageError("the gain is missing, or 0 dB")
        position += 1
    if position != len(body):
        raise UsageError(f"{len(body) - position} bytes follow the last field")
    header = Header(
        model_id=model_id,
        model_hash=model_hash,
        sample_rate=rate,
        hop=hop,
        channels=channels,
        n_q=n_q,
        codebook_size=2**bits,
        coder=coder,
        entropy_hash=entropy_hash,
        packet_frames=packet_frames,
        original_rate=original_rate,
        original_channels=original_channels,
        original_samples=None if original_samples == UNKNOWN_SAMPLES else original_samples,
        denoise=bool(flags & _FLAG_DENOISE),
        varying=varying,
        gain_db=-gain_db if flags & _FLAG_LOWERED else gain_db,
        tags=tags,
    )
    if bitrate != header.bitrate:
        raise UsageError(f"the nominal bit rate is {bitrate} bits/s, not {header.bitrate} as the codes take")
    return header


def _text(body: bytes, position: int, length_format: str) -> tuple[str, int]:
    """The length-prefixed text at `position`, and the position after it."""
    (length,) = struct.unpack_from(length_format, body, position)
    position += struct.calcsize(length_format)
    if position + length > len(body):
        raise UsageError("a text reaches beyond the end of the header")
    return body[position : position + length].decode(), position + length
