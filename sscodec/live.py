"""Sound to packets and packets to sound, piece by piece: for files, and for networks that lose some.

Nothing here waits, reads a clock or starts a thread: `push` takes what there is and gives what comes of it,
so it fits into any loop, asyncio's included.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, cast

import numpy as np

from sscodec import models
from sscodec.codec import Codec, StreamDecoder, StreamEncoder, checked_sound
from sscodec.container import MAX_DAMAGE_LINES, CoderName, End, Framing, Gap, Header, Packet
from sscodec.denoise import Denoise
from sscodec.errors import DamagedError, ModelError
from sscodec.level import amplitude
from sscodec.streams import CodesWriter, PacketCoder, check_n_q, make_header

LIVE_PACKET_MS = 40.0
MAX_CONCEALMENT_SECONDS = 600.0
"""Of all losses of a file together: more is a forged number rather than a loss, and nobody wants the disk
filled with silence."""
MAX_LIVE_GAP_SECONDS = 10.0
"""Concealed at once in live sound: more would only be heard as a delay."""


class SoundEncoder:
    """Sound at the model's rate into the packets of one stream; each is written as soon as it is full.

    The network works in blocks of one packet, or of one second where packets are longer. How the sound is cut
    for `push` does not matter: the bytes are the same. denoise: what the header was made with. The sound is
    made louder by the header's gain.
    """

    def __init__(self, codec: Codec, file: BinaryIO, header: Header, denoise: Denoise | bool = False) -> None:
        from sscodec.audio import Rebuffer

        self._encoder = StreamEncoder(codec, header.channels, header.n_q, denoise)
        self._writer = CodesWriter(file, header, codec.model)
        self._rebuffer = Rebuffer(min(header.packet_frames, codec.block_frames) * codec.hop)
        self._channels = header.channels
        self._gain = np.float32(amplitude(header.gain_db))
        self.samples = 0
        """Of each channel, pushed so far."""

    def push(self, audio: np.ndarray) -> None:
        """float audio [channels, samples]. Raises what StreamEncoder.push and StreamWriter.write raise.

        What is refused changes nothing.
        """
        checked = checked_sound(audio, self._channels, self.samples)
        self.samples += checked.shape[1]
        checked *= self._gain
        for block in self._rebuffer.push(checked):
            self._writer.write(self._encoder.push(block))

    def finish(self, original_samples: int) -> int:
        """Write what is left and the end marker; the bytes of the whole stream.

        original_samples: of each channel, at the rate of the original.
        """
        for block in self._rebuffer.flush():
            self._writer.write(self._encoder.push(block))
        self._writer.write(self._encoder.flush())
        return self._writer.finish(self.samples, original_samples)


class SoundDecoder:
    """What a StreamReader gives, into sound at the model's rate; what is lost is concealed.

    n_q: use the first codebooks only. denoise: as in `Codec.decode`. max_concealment: seconds that may be
    made up in all. The header's gain is taken back. Raises UsageError and ModelError.
    """

    def __init__(
        self,
        codec: Codec,
        header: Header,
        n_q: int | None = None,
        denoise: Denoise | bool = False,
        max_concealment: float = MAX_CONCEALMENT_SECONDS,
    ) -> None:
        check_n_q(header, n_q)
        self.recurs = bool(getattr(codec.config, "lstm_layers", 0))
        """Whether sound depends on all codes before, and not on those of a few seconds."""
        self._header = header
        self._max_concealment = max_concealment
        self._n_q = n_q
        self._codes = PacketCoder(header, codec.model)
        self._decoder = StreamDecoder(codec, header.channels, denoise)
        self._gain = np.float32(amplitude(header.gain_db))
        self._block = codec.block_frames
        self.concealed = 0
        """Frames, so far."""
        self.damage: list[str] = []
        """A line for each packet that arrived whole but does not hold codes, and each `note`."""

    def push(self, item: Packet | Gap) -> Iterator[np.ndarray]:
        """As `decode`, of one item."""
        return self.decode([item])

    def decode(self, items: Iterable[Packet | Gap], ahead: int = 1, begin: int = 0) -> Iterator[np.ndarray]:
        """float32 [channels, samples] blocks of at most a second.

        begin: a frame; what ends before it is silence, and is not decoded.
        Raises DamagedError where more is lost than may be made up, before any of it.

        ahead: as of `PacketCoder.decode_all`.
        """
        items = iter(items)
        for item in items:
            if item.first_frame + (item.frames or 0) > begin:
                items = itertools.chain([item], items)
                break
            yield from self._skip(item.frames or 0)
        for item, codes in self._codes.decode_all(items, ahead):
            if isinstance(codes, np.ndarray):
                for start in range(0, codes.shape[2], self._block):
                    sound = self._decoder.push(codes[:, : self._n_q, start : start + self._block])
                    yield sound / self._gain
                continue
            if isinstance(item, Packet):
                self.note(f"packet {item.sequence}: {codes}; {item.frames} frames lost")
            yield from self.conceal(item.frames or 0)

    def conceal(self, frames: int) -> Iterator[np.ndarray]:
        """Sound in place of lost frames, as `push` gives it; see StreamDecoder.conceal."""
        rate = self._header.frame_rate
        if self.concealed + frames > self._max_concealment * rate:
            raise DamagedError(
                f"{frames / rate:.0f} s are missing, more than the {self._max_concealment:.0f} s that are "
                "still to be made up: forged, or a long loss, for which --max-concealment allows more"
            )
        for start in range(0, frames, self._block):
            count = min(self._block, frames - start)
            self.concealed += count
            yield self._decoder.conceal(count).reshape(self._header.channels, -1) / self._gain

    def flush(self) -> np.ndarray:
        """float32 [channels, samples]: the sound that still waits for codes, at the end."""
        return self._decoder.flush().reshape(self._header.channels, -1) / self._gain

    def _skip(self, frames: int) -> Iterator[np.ndarray]:
        """Silence in place of frames that nobody wants to hear."""
        self._decoder.skip(frames)
        for start in range(0, frames, self._block):
            samples = min(self._block, frames - start) * self._header.hop
            yield np.zeros((self._header.channels, samples), np.float32)

    def note(self, line: str) -> None:
        """Add a line to `damage`, as long as there are fewer than MAX_DAMAGE_LINES."""
        if len(self.damage) < MAX_DAMAGE_LINES:
            self.damage.append(line)


class PacketEncoder:
    """Sound into packets for a network that may lose some.

    n_q: as in `Codec.stream_encoder`. packet_ms: at least a frame; each packet is given when it is full.
    denoise: as in `Codec.encode`. entropy: as in `Codec.save`. Raises UsageError and ModelError.
    """

    def __init__(
        self,
        codec: Codec,
        channels: int = 1,
        n_q: int | None = None,
        packet_ms: float = LIVE_PACKET_MS,
        tags: Mapping[str, str] | None = None,
        denoise: Denoise | bool = False,
        entropy: CoderName | None = None,
    ) -> None:
        n_q = models.choose_n_q(codec.config, channels, n_q)
        rate = codec.sample_rate
        header = make_header(
            codec.model, channels, n_q, rate, channels, None, packet_ms, tags, denoise, entropy
        )
        self._parts = _Parts()
        self._encoder = SoundEncoder(codec, cast(BinaryIO, self._parts), header, denoise)
        self.header: bytes = self._parts.take()[0]
        """What a PacketDecoder must have before the first packet: send it in a way that loses nothing."""

    def push(self, audio: np.ndarray) -> list[bytes]:
        """The packets that float audio [channels, samples] (or [samples]) at the model's rate completes."""
        self._encoder.push(audio)
        return self._parts.take()

    def flush(self) -> list[bytes]:
        """The last packet, and the end marker. Nothing may be pushed after."""
        self._encoder.finish(self._encoder.samples)
        return self._parts.take()


class PacketDecoder:
    """Packets of a PacketEncoder into sound, in spite of loss, damage, delay and repetition.

    Time stays right: every packet's sound comes at its place, and what is missing before it is concealed.
    header: that of the encoder. denoise: as in `Codec.decode`. Raises DamagedError for another header,
    ModelError where the codec is not the one, UsageError for denoise where it cannot be.
    """

    def __init__(
        self, codec: Codec, header: bytes, n_q: int | None = None, denoise: Denoise | bool = False
    ) -> None:
        self._header = Header.from_bytes(header)
        if not codec.model.reads(self._header.model_hash):
            raise ModelError(f"the packets need model {self._header.model_id!r}, not {codec.model.id!r}")
        self._framing = Framing(self._header)
        # What is live may run for weeks: each gap is bounded, not their sum.
        self._decoder = SoundDecoder(codec, self._header, n_q, denoise, math.inf)
        live = round(MAX_LIVE_GAP_SECONDS * self._header.frame_rate)
        self._longest = max(self._header.packet_frames, live)
        self._jump: int | None = None  # the sequence that would confirm a packet that was far ahead
        self.damage = self._decoder.damage
        """A line for each loss and each packet that was of no use; the first MAX_DAMAGE_LINES of them."""
        self.frames = 0
        """Of the stream so far: decoded, concealed, and what a gap had beyond MAX_LIVE_GAP_SECONDS."""
        self.ended = False

    @property
    def concealed(self) -> int:
        """Of the frames given so far, concealed."""
        return self._decoder.concealed

    def push(self, data: bytes) -> np.ndarray:
        """float32 [channels, samples]: the sound of the packet that arrived, after what is missing before it.

        A network that looks ahead (`config.delay`) gives it so much later, and the rest with the end marker.
        Nothing comes of a packet that is damaged, repeated or too late; of the end marker, what is missing at
        the end. The last frame is filled up with silence.

        No more than MAX_LIVE_GAP_SECONDS are concealed at once. A packet that is further ahead must be
        confirmed by its successor (as in RFC 3550, A.1), for its number may be forged: it is passed over, the
        next one is taken, and the time between is left out.
        """
        if data == self._framing.header_copy:
            return self._join([])
        try:
            part = self._framing.parse_part(data)
        except DamagedError as error:
            return self._refuse(f"{error}, {len(data)} bytes")
        if isinstance(part, End):
            missing, self.ended = max(0, part.frames - self.frames), True
            return self._join([*self._conceal(missing), self._decoder.flush()])
        if part.first_frame < self.frames:
            return self._refuse(f"packet {part.sequence} came too late")
        if part.first_frame - self.frames > self._longest and part.sequence != self._jump:
            self._jump = part.sequence + 1
            return self._refuse(f"packet {part.sequence} is far ahead, and waits for its successor")
        blocks = [*self._conceal(part.first_frame - self.frames), *self._decoder.push(part)]
        self.frames += part.frames
        return self._join(blocks)

    def lose(self) -> np.ndarray:
        """Sound for the next packet, which has not come in time; should it come still, it is too late."""
        return self._join(self._conceal(self._header.packet_frames))

    def _conceal(self, frames: int) -> list[np.ndarray]:
        blocks = list(self._decoder.conceal(min(frames, self._longest)))
        if frames:
            self._decoder.note(f"{frames} frames lost at {self.frames / self._header.frame_rate:.3f} s")
            self.frames += frames
        return blocks

    def _refuse(self, reason: str) -> np.ndarray:
        self._decoder.note(reason)
        return self._join([])

    def _join(self, blocks: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros((self._header.channels, 0), np.float32), *blocks], axis=1)


class _Parts:
    """A file for a StreamWriter that keeps what each call wrote apart."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes | memoryview) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> list[bytes]:
        parts, self._parts = self._parts, []
        return parts
