"""Writing a stream to a file or pipe."""

from typing import BinaryIO

from sscodec.container.framing import MAX_SEQUENCE, End, Framing, Packet, check_end
from sscodec.container.header import COPY_AFTER, RAW_CODER, Header
from sscodec.errors import OutputError, UsageError


class StreamWriter:
    """Writes the header at once, then packets, and among them a copy of the header, then the end marker.

    Never seeks.

    Every packet is flushed, so that a pipe carries it at once. Raises OutputError when the file cannot be
    written, except that BrokenPipeError (the reader of a pipe has gone) is left as it is; UsageError for
    arguments that the format cannot hold.
    """

    bytes_written: int  # of this stream so far
    frames: int  # written so far

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._header = header
        self._framing = Framing(header)
        self._sequence = 0
        self._finished = False
        self._copied = False
        self.bytes_written = 0
        self.frames = 0
        self._write(header.to_bytes())

    def write(self, payload: bytes, frames: int, fallback: bool = False) -> None:
        """Write one packet of `frames` frames: header.packet_frames, or fewer in the last packet.

        With `fallback` the payload is raw codes although the stream has another coder. That is how a coder's
        payload that would exceed the raw size is written: a payload longer than header.raw_size(frames) is an
        error.
        """
        full, raw_size = self._header.packet_frames, self._header.raw_size(frames)
        if self._finished:
            raise UsageError("the stream is finished: no packet can follow")
        if self.frames != self._sequence * full:
            raise UsageError("only the last packet of a stream may have fewer frames than packet_frames")
        if not 1 <= frames <= full:
            raise UsageError(f"a packet of this stream holds 1 to {full} frames, not {frames}")
        if self._sequence > MAX_SEQUENCE:
            raise UsageError(f"a stream holds {MAX_SEQUENCE + 1} packets at most: begin another")
        if fallback and self._header.coder == RAW_CODER:
            raise UsageError("a stream of raw codes has no other coder to fall back from")
        if len(payload) > raw_size:
            raise UsageError(f"{len(payload)} bytes of payload are more than raw codes take ({raw_size})")
        raw = fallback or self._header.coder == RAW_CODER
        if raw and not self._header.varying and len(payload) != raw_size:
            raise UsageError(f"raw codes of {frames} frames are {raw_size} bytes, not {len(payload)}")
        packet = Packet(self._sequence, self.frames, frames, bytes(payload), fallback)
        self._write(self._framing.pack_packet(packet))
        self._sequence += 1
        self.frames += frames
        if not self._copied and self.bytes_written >= COPY_AFTER:
            self._write_copy()

    def skip_to(self, sequence: int) -> None:
        """Go on with the packet of this number: those before it are lost, and their time is kept free."""
        if sequence < self._sequence:
            raise UsageError(f"packet {sequence} is not after packet {self._sequence - 1}")
        self._sequence = sequence
        self.frames = sequence * self._header.packet_frames

    def finish(self, samples: int, original_samples: int, frames: int | None = None) -> int:
        """Write the end marker and return the bytes of the whole stream; the file stays open.

        `samples`: model-rate samples per channel that are sound; they end in the last frame.
        `original_samples`: the same time at the original rate, in samples per channel; it overrides what the
        header says. `frames`: of the whole stream, where its last packets are lost.
        """
        if self._finished:
            raise UsageError("the stream is finished already")
        if frames is not None:
            if frames < self.frames:
                raise UsageError(f"{self.frames} frames are written already, more than {frames}")
            self.frames = frames
        end = End(self.frames, samples, original_samples)
        check_end(self._header, end)
        if not self._copied:
            self._write_copy()
        self._write(self._framing.pack_end(end))
        self._finished = True
        return self.bytes_written

    def _write_copy(self) -> None:
        self._write(self._framing.header_copy)
        self._copied = True

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                written = self._file.write(rest)  # an unbuffered file may take only a part
                if written is None:
                    raise OutputError("the output is a non-blocking file: use a blocking one")
                rest = rest[written:]
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"the output cannot be written ({error.strerror or error})") from error
        self.bytes_written += len(data)
