"""Read sound from a file or a pipe, one second at a time, so that memory stays flat."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from sscodec import ffmpeg
from sscodec.audio import tags, wav
from sscodec.audio.raw import RawFormat
from sscodec.errors import InputError
from sscodec.pipes import input_name, is_file, open_input
from sscodec.storage import is_url

MAX_CHANNELS = 8
MAX_SAMPLE_RATE = 768_000
"""Hz. Beyond this a header is damaged, and blocks of one second would not fit into memory."""
UNKNOWN_FRAMES = 2**63 - 1
"""What libsndfile says for a FLAC file whose writer could not seek back to fill in its length."""


MAX_SPOOL_BYTES = 2 << 30
"""Of a pipe that has to be copied to the disk before it can be read."""
_BEGINNINGS = (
    *(b"fLaC", b"OggS", b"ID3", b"FORM", b"caff", b"riff", b"RIFF", b"RIFX", b"RF64", b".snd", b"dns."),
    *(b"NIST", b"Creative Voice File", b"MATLAB", b"\x64\xa3", b"\x00\x01\xa3\x64", b"2BIT", b"PVF1"),
)
"""First bytes of libsndfile's formats; MPEG audio without a tag begins with eleven bits that are set."""


class _Source(Protocol):
    sample_rate: int
    channels: int
    frames: int | None
    announced: int | None
    unbounded: bool
    mask: int
    tags: Mapping[str, str]

    def read(self, frames: int) -> np.ndarray: ...


class AudioReader:
    """Sound from a path, a file that is open, or standard input ("-"), as blocks of at most one second.

    A context manager. Raises InputError where the input is missing, is not audio, has more than 8 channels or
    cannot be read to its end.

    mono: mix the channels down to their mean. raw: what the samples are where no header tells it.
    """

    def __init__(
        self, source: str | Path | BinaryIO, mono: bool = False, raw: RawFormat | None = None
    ) -> None:
        self.name = input_name(source)
        self._mono = mono
        self._raw = raw
        self.position = 0
        """Samples of each channel that `blocks` has given so far."""
        with ExitStack() as stack:
            self._source = self._open(source, stack)
            self._check_header()
            self._stack = stack.pop_all()

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._source.sample_rate

    @property
    def channels(self) -> int:
        """Columns of a block: 1 when mixing down."""
        return 1 if self._mono else self._source.channels

    @property
    def source_channels(self) -> int:
        """Channels of the input itself."""
        return self._source.channels

    @property
    def frames(self) -> int | None:
        """Samples of each channel that the input has, as far as it tells; None where only its end will."""
        return self._source.frames

    @property
    def unbounded(self) -> bool:
        """Whether samples are stored as floating-point numbers, which may exceed full scale by any factor."""
        return self._source.unbounded

    @property
    def tags(self) -> dict[str, str]:
        """Title, artist and the like, and the layout of more than two channels, as far as the input tells."""
        found = {tag: value for tag, value in self._source.tags.items() if tag in tags.INFO_NAMES}
        layout = tags.layout_of(self._source.mask, self.source_channels)
        if layout and self.channels > 2:
            found[tags.LAYOUT] = layout
        return found

    @property
    def missing(self) -> int:
        """Samples of each channel that a WAV header announces beyond those that `blocks` has given."""
        return max(0, (self._source.announced or 0) - self.position)

    def blocks(self) -> Iterator[np.ndarray]:
        """float32 [frames, channels] arrays of at most a second; full scale is 1.0.

        Files give whole seconds; pipes give what has arrived.

        Raises InputError naming the place of a sample that is not finite.
        """
        while True:
            try:
                block = self._source.read(self.sample_rate)
            except (soundfile.SoundFileError, OSError) as error:
                where = f"{self.position / self.sample_rate:.0f} s"
                raise InputError(
                    f"{self.name}: cannot be read beyond {where} ({_reason(error)}); it is damaged or cut off"
                ) from None
            if len(block) == 0:
                return
            self._check_finite(block)
            self.position += len(block)
            yield block.mean(axis=1, keepdims=True, dtype=np.float32) if self._mono else block

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, source: str | Path | BinaryIO, stack: ExitStack) -> _Source:
        try:
            named = isinstance(source, (str, Path)) and is_file(source)
            if named and self._raw is None and ffmpeg.is_needed(source):
                return _ConvertedSource(ffmpeg.Conversion(source, stack))
            file = open_input(source, stack)
            if self._raw is not None:
                return _PcmSource(file, self._raw.as_wav())
            if _is_seekable_file(file):
                return _SoundfileSource(file, stack)
            # What can be read only once: a pipe, also one that has a name.
            format_, head = wav.read_header(file)
            if not head:
                raise InputError(f"{self.name}: is empty; pipe sound into it or name a file")
            if format_ is not None:
                return _PcmSource(file, format_)
            return _SoundfileSource(self._spool(file, head, stack), stack)
        except soundfile.SoundFileError as error:
            raise InputError(f"{self.name}: not a sound file that can be read ({_reason(error)})") from None
        except OSError as error:
            raise InputError(f"{self.name}: cannot open it ({error.strerror or error})") from None

    def _spool(self, file: BinaryIO, head: bytes, stack: ExitStack) -> BinaryIO:
        """A temporary file with all of a pipe whose first bytes are `head`.

        Ogg, MP3, AIFF and most other formats of libsndfile are read by seeking; from a pipe it cannot give
        back the bytes that it has probed. What no format begins with is refused before it fills a disk.
        """
        if not (head.startswith(_BEGINNINGS) or (head[0] == 0xFF and head[1:2] >= b"\xe0")):
            if is_url(self.name):
                raise InputError(f"{self.name}: not a sound file that can be read; fetch it and convert it")
            raise InputError(
                f"{self.name}: not a sound format that can be read from a pipe; name the file, or convert: "
                "ffmpeg -i FILE -f wav - | sscodec encode - ..."
            )
        # A buffer would seek when it is closed, and libsndfile has moved its descriptor meanwhile.
        spool = stack.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        try:
            spool.write(head)
            while part := file.read(1 << 20):
                if spool.tell() + len(part) > MAX_SPOOL_BYTES:
                    raise InputError(
                        f"{self.name}: more than {MAX_SPOOL_BYTES >> 30} GiB of a format that must be read "
                        "to its end first; name the file, or pipe WAV, which is read as it comes"
                    )
                spool.write(part)
            spool.seek(0)
        except OSError as error:
            raise InputError(
                f"{self.name}: cannot be kept in {tempfile.gettempdir()} ({error.strerror or error}); name "
                "the file, or pipe WAV, which is read as it comes"
            ) from None
        return spool

    def _check_header(self) -> None:
        if not 1 <= self._source.channels <= MAX_CHANNELS:
            raise InputError(
                f"{self.name}: has {self._source.channels} channels; at most {MAX_CHANNELS} can be coded"
            )
        if not 1 <= self.sample_rate <= MAX_SAMPLE_RATE:
            raise InputError(
                f"{self.name}: has a sample rate of {self.sample_rate} Hz; "
                f"at most {MAX_SAMPLE_RATE} Hz can be read"
            )

    def _check_finite(self, block: np.ndarray) -> None:
        if np.isfinite(block).all():
            return
        frame, channel = np.argwhere(~np.isfinite(block))[0]
        index = self.position + int(frame)
        raise InputError(
            f"{self.name}: sample {index} ({index / self.sample_rate:.6f} s) of channel {channel + 1} is "
            f"{block[frame, channel]}; repair the file, only finite samples can be coded"
        )


class _SequentialFile(soundfile.SoundFile):
    """Reads from start to end only.

    python-soundfile seeks after each read of a seekable file: libsndfile fails there with FLAC of unknown
    length, and restarts MP3 decoding.
    """

    def seekable(self) -> bool:
        return False


class _SoundfileSource:
    """A file that can be sought, in any format of libsndfile."""

    def __init__(self, file: BinaryIO, stack: ExitStack) -> None:
        if os.fstat(file.fileno()).st_size == 0:
            raise soundfile.SoundFileRuntimeError("it is empty")
        start = file.tell()
        format_, _ = wav.read_header(file)
        _rewind(file, start)
        # By descriptor, for callbacks into Python swallow exceptions; a copy, for SoundFile closes its own.
        self._file = stack.enter_context(_SequentialFile(os.dup(file.fileno())))
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int | None = None if self._file.frames == UNKNOWN_FRAMES else self._file.frames
        self.unbounded = self._file.subtype in ("FLOAT", "DOUBLE")
        # libsndfile takes a WAV file that was cut off for a shorter one.
        self.announced = None if format_ is None else format_.frames
        self.mask = 0 if format_ is None else format_.mask
        texts = {tag: getattr(self._file, name) for tag, name in tags.SOUNDFILE_NAMES.items()}
        self.tags: Mapping[str, str] = tags.usable(texts)

    def read(self, frames: int) -> np.ndarray:
        return self._file.read(frames, dtype="float32", always_2d=True)


class _PcmSource:
    """The samples of a WAV stream or of raw sound, as they arrive."""

    def __init__(self, file: BinaryIO, format_: wav.WavFormat) -> None:
        self._file = file
        self._format = format_
        self.sample_rate = format_.sample_rate
        self.channels = format_.channels
        self.frames = self.announced = self._left = format_.frames
        self.unbounded = format_.is_float
        self.mask, self.tags = format_.mask, format_.tags
        # A buffered pipe's read() waits for the full count; its read1() returns what has arrived.
        self._read = getattr(file, "read1", file.read)
        self._rest = b""  # part of a frame

    def read(self, frames: int) -> np.ndarray:
        frame_bytes = self._format.frame_bytes
        size = frame_bytes * (frames if self._left is None else min(frames, self._left))
        data = self._rest
        # A writer that was stopped may leave part of a frame.
        while len(data) < min(size, frame_bytes) and (part := self._read(size - len(data))):
            data += part
        whole = len(data) // frame_bytes * frame_bytes
        self._rest = data[whole:]
        if self._left is not None:
            self._left -= whole // frame_bytes
        return self._format.samples(data[:whole])


class _ConvertedSource(_PcmSource):
    """What ffmpeg makes of a file."""

    def __init__(self, conversion: ffmpeg.Conversion) -> None:
        format_, _ = wav.read_header(conversion.file)
        if format_ is None:
            conversion.finish()
            raise soundfile.SoundFileRuntimeError("ffmpeg finds no sound in it")
        super().__init__(conversion.file, format_)
        self._conversion = conversion

    def read(self, frames: int) -> np.ndarray:
        block = super().read(frames)
        if len(block) == 0:
            self._conversion.finish()
        return block


def _rewind(file: BinaryIO, start: int) -> None:
    """Move also the descriptor, which a buffer would spare itself: libsndfile reads on from there."""
    file.seek(0, os.SEEK_END)
    file.seek(start)


def _is_seekable_file(file: BinaryIO) -> bool:
    """Not of devices: /dev/zero can be sought, but has no end."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.seekable()
    except (AttributeError, io.UnsupportedOperation, OSError):
        return False


def _reason(error: Exception) -> str:
    """libsndfile's words, without the name of the file, which here is only a number."""
    text = getattr(error, "error_string", "") or str(error)
    return text.strip().rstrip(".") or "unknown error of libsndfile"
