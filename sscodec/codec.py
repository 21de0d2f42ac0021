"""A model ready to code: sound to codes and back, as whole arrays or block by block.

Sound is float [samples] or [channels, samples] with full scale 1.0; codes are integers [n_q, frames] or
[channels, n_q, frames]. torch is imported for the models and devices that need it, by `Codec.load`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sscodec import engine, models
from sscodec.container import MAX_CHANNELS, MAX_RATE, CoderName
from sscodec.denoise import Denoise, denoised_frames, mask
from sscodec.entropy.layout import check_missing
from sscodec.entropy.prediction import REACH, predict
from sscodec.errors import InputError, ModelError, UsageError
from sscodec.level import amplitude
from sscodec.nn.config import ModelConfig
from sscodec.streams import DEFAULT_PACKET_MS, CodesWriter, code_dtype, make_header

MAX_THREADS = 1024
CONCEALED_SECONDS = 0.2
"""Sound that a decoder makes up where packets are lost, before it falls silent."""
HELD_SECONDS = 0.06
"""Of it, before it begins to fade: most losses are shorter."""

RELEASE = 0.9
"""By which the peak that was heard just before is lower with each frame."""


class Codec:
    """A model ready to code. Make one with `Codec.load`."""

    def __init__(self, model: models.Model, loaded: engine.Engine, device: str = "cpu") -> None:
        self.model = model
        self._engine = loaded
        self._device = device
        self._process = os.getpid()

    def __repr__(self) -> str:
        low, high = self.bitrates[0], self.bitrates[-1]
        return (
            f"<sscodec.Codec {self.model.id}: {self.sample_rate} Hz, hop {self.hop}, {self.n_q} codebooks, "
            f"{low:g} to {high:g} kbps a channel, on {self._device}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by model and device: another process, such as a worker of a DataLoader, loads it anew."""
        return Codec.load, (self.model, self._device)

    def _sound_after_fork(self) -> None:
        """In a forked process, threads that were not forked must not be waited for."""
        if self._process == os.getpid():
            return
        if self._device != "cpu":
            raise UsageError(
                f"a codec on {self._device} does not outlive a fork: start processes with 'spawn'"
            )
        self._engine.after_fork()
        self._process = os.getpid()

    @classmethod
    def load(
        cls, model: str | Path | models.Model | None = None, device: str = "cpu", threads: int | None = None
    ) -> Codec:
        """Load a model, given by id or by the path of its folder; None: the default one.

        device: a torch device such as "cpu", "cuda" or "cuda:1".
        threads: of the CPU, for the whole process; None leaves the choice to torch, or to NumPy's BLAS.

        Raises ModelError for the model, UsageError for the device or the threads.
        """
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"threads must be 1 to {MAX_THREADS}, not {threads}")
        found = model if isinstance(model, models.Model) else models.find(model)
        return cls(found, engine.load(found, device, threads), device)

    def _guess(self, past: np.ndarray, frames: int) -> np.ndarray:
        """Codes of lost frames, [channels, n_q, frames], from those before them.

        What the entropy model finds the most probable; without one, the last frame over and over.
        """
        try:
            network = self.model.entropy.network
            return predict(network, past, frames)
        except ModelError:
            return past[..., -1:].repeat(frames, axis=-1)

    @property
    def config(self) -> ModelConfig:
        return self.model.config

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.config.sample_rate

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.config.hop

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.config.frame_rate

    @property
    def n_q(self) -> int:
        """Codebooks; the most that `encode` uses."""
        return self.config.n_q

    @property
    def codebooks(self) -> np.ndarray:
        """What each code stands for: float32 [n_q, codebook_size, dim]. Raises ModelError."""
        return self.model.codebooks

    def embed(self, codes: np.ndarray) -> np.ndarray:
        """What the decoder gets of codes: float32 [..., dim, frames] of integers [..., n_q, frames].

        It is the sum of the entries of all codebooks. Of a tensor, a tensor on the same device. Raises
        UsageError and ModelError.
        """
        if is_tensor(codes):
            return like(self.embed(from_tensor(codes)), codes)
        codes = as_array(codes, "codes")
        books = self.codebooks
        if codes.ndim < 2 or not np.issubdtype(codes.dtype, np.integer) or codes.shape[-2] > len(books):
            raise UsageError(f"codes must be integers [..., up to {len(books)}, frames], not {codes.shape}")
        if codes.size and not 0 <= codes.min() <= codes.max() < books.shape[1]:
            raise UsageError(f"codes must be 0 to {books.shape[1] - 1}")
        chosen = (books[number][codes[..., number, :]] for number in range(codes.shape[-2]))
        return np.moveaxis(sum(chosen, np.float32(0)), -1, -2)

    @property
    def bitrates(self) -> tuple[float, ...]:
        """kbps of one channel with 1, 2, ... n_q codebooks, before entropy coding."""
        return models.bitrates(self.config)

    @property
    def block_frames(self) -> int:
        """Frames of a block of about one second: what whole sounds and files are coded in.

        One length for all of them, for other lengths round differently (by about 1e-7): a code may tip over.
        """
        return max(1, round(self.frame_rate))

    @property
    def denoises(self) -> bool:
        """Whether `denoise` changes anything: False where the model was never trained to remove noise."""
        return self.model.denoises

    def encode(
        self,
        audio: np.ndarray,
        n_q: int | None = None,
        kbps: float | None = None,
        denoise: Denoise | bool = False,
        *,
        sample_rate: int | None = None,
    ) -> np.ndarray:
        """Codes int16 [n_q, frames] of float audio [samples], [channels, n_q, frames] of [channels, samples],
        and [batch, channels, n_q, frames] of [batch, channels, samples], each sound on its own.

        Of a tensor, a tensor (int64) on the same device. The audio is at the model's sample rate, or at
        `sample_rate` Hz, and resampled; the last frame is filled up with silence. n_q or kbps (the
        total of all channels, see `models.choose_n_q`) sets the rate. denoise: let the model remove noise, in
        all of the sound (True) or in a part.

        Raises UsageError for arguments out of range and for a model that removes no noise when it encodes,
        InputError for samples that are not finite.
        """
        if is_tensor(audio):
            return like(self.encode(from_tensor(audio), n_q, kbps, denoise, sample_rate=sample_rate), audio)
        audio = as_array(audio, "audio")
        if audio.ndim == 3 and len(audio):
            return np.stack(
                [self.encode(each, n_q, kbps, denoise, sample_rate=sample_rate) for each in audio]
            )
        if audio.ndim not in (1, 2):
            raise UsageError(
                f"audio must be [samples], [channels, samples] or [batch, channels, samples], "
                f"not {list(audio.shape)}"
            )
        channels = 1 if audio.ndim == 1 else len(audio)
        if channels > MAX_CHANNELS:
            raise UsageError(
                f"audio of shape {list(audio.shape)} has {channels} channels, at most {MAX_CHANNELS} can be "
                "coded; [samples, channels], as soundfile gives it? transpose it: audio.T"
            )
        if sample_rate is not None:
            audio = resampled(checked_sound(audio, channels, 0), sample_rate, self.sample_rate, audio.ndim)
        session = self.stream_encoder(channels, models.choose_n_q(self.config, channels, n_q, kbps), denoise)
        step = self.block_frames * self.hop
        starts = range(0, max(1, audio.shape[-1]), step)
        parts = [session.push(audio[..., start : start + step]) for start in starts]
        return np.concatenate([*parts, session.flush()], axis=-1)

    def decode(
        self,
        codes: np.ndarray,
        n_q: int | None = None,
        denoise: Denoise | bool = False,
        gain_db: int = 0,
        *,
        sample_rate: int | None = None,
    ) -> np.ndarray:
        """float32 audio [frames * hop] of codes [n_q, frames], [channels, frames * hop] of 3-D codes and
        [batch, channels, frames * hop] of 4-D codes. Of a tensor, a tensor on the same device.

        sample_rate: resample to so many Hz.

        n_q: use fewer codebooks than there are. Frames that have fewer themselves hold -1 in the last ones.
        denoise: as in `encode`, for models that remove noise when they decode. gain_db: take this back, as
        the header of the stream says that the codes come from.

        Raises UsageError for codes that the model cannot have made, and for denoise where it cannot be.
        """
        options: dict[str, Any] = {"denoise": denoise, "gain_db": gain_db, "sample_rate": sample_rate}
        if is_tensor(codes):
            return like(self.decode(from_tensor(codes), n_q, **options), codes)
        codes = as_array(codes, "codes")
        if codes.ndim == 4 and len(codes):
            return np.stack([self.decode(each, n_q, **options) for each in codes])
        if codes.ndim not in (2, 3):
            raise UsageError(f"codes must be [n_q, frames] or [channels, n_q, frames], not {codes.shape}")
        n_q = models.integer(n_q, "n_q")
        if n_q is not None and not 1 <= n_q <= codes.shape[-2]:
            raise UsageError(f"n_q must be 1 to {codes.shape[-2]}, the codebooks that there are, not {n_q}")
        session = self.stream_decoder(1 if codes.ndim == 2 else len(codes), denoise)
        starts = range(0, max(1, codes.shape[-1]), self.block_frames)
        parts = [session.push(codes[..., :n_q, start : start + self.block_frames]) for start in starts]
        audio = np.concatenate([*parts, session.flush()], axis=-1)
        if sample_rate is not None:
            audio = resampled(np.atleast_2d(audio), self.sample_rate, sample_rate, audio.ndim)
        return audio / np.float32(amplitude(gain_db)) if gain_db else audio

    def stream_encoder(
        self, channels: int = 1, n_q: int | None = None, denoise: Denoise | bool = False
    ) -> StreamEncoder:
        """A session that encodes sound as it comes; n_q: None is 6 kbps a channel. Raises UsageError."""
        return StreamEncoder(self, channels, models.choose_n_q(self.config, channels, n_q), denoise)

    def stream_decoder(self, channels: int = 1, denoise: Denoise | bool = False) -> StreamDecoder:
        """A session that decodes codes as they come. Raises UsageError."""
        return StreamDecoder(self, channels, denoise)

    def save(
        self,
        path: str | Path,
        codes: np.ndarray,
        samples: int | None = None,
        packet_ms: float = DEFAULT_PACKET_MS,
        tags: Mapping[str, str] | None = None,
        force: bool = False,
        denoise: Denoise | bool = False,
        entropy: CoderName | None = None,
    ) -> int:
        """Write codes [n_q, frames] or [channels, n_q, frames] as a stream and return its size in bytes.

        samples: of each channel, where the last frame is not full; they must end in it.
        Frames may have fewer codebooks than others, and then hold -1 in the last ones: they are not stored.
        force: replace an existing file. denoise: as in the call of `encode` that made the codes. entropy: the
        coder; None is "context" where the model has an entropy model, else "raw".

        Raises UsageError, OutputError and ModelError.
        """
        from sscodec.audio import open_output

        codes = as_array(codes, "codes")
        if codes.ndim not in (2, 3):
            raise UsageError(f"codes must be [n_q, frames] or [channels, n_q, frames], not {codes.shape}")
        codes = codes[np.newaxis] if codes.ndim == 2 else codes
        channels, n_q, frames = codes.shape
        samples = frames * self.hop if samples is None else samples
        header = make_header(
            self.model,
            channels,
            n_q,
            self.sample_rate,
            channels,
            samples,
            packet_ms,
            tags,
            denoise,
            entropy,
            varying=bool(codes.min(initial=0) < 0),
        )
        with open_output(path, force=force) as file:
            writer = CodesWriter(file, header, self.model)
            writer.write(codes)
            return writer.finish(samples, samples)


class StreamEncoder:
    """Sound in, codes out, block by block; keeps what does not fill a frame until the next block."""

    def __init__(self, codec: Codec, channels: int, n_q: int, denoise: Denoise | bool = False) -> None:
        codec._sound_after_fork()
        self._session = codec._engine.encoder(channels, n_q)
        self._denoised = denoised_frames(denoise, codec.config, "encoder")
        self._dtype = code_dtype(codec.config.codebook_size)
        self._channels = channels
        self._flat = channels == 1
        self._samples = 0
        self._frames = 0

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Codes int16 [channels, n_q, frames] of the frames that float audio [channels, samples] completes.

        One channel may come as [samples], and then gives [n_q, frames]. Raises UsageError and InputError.
        """
        batch = checked_sound(audio, self._channels, self._samples)
        self._flat = np.ndim(audio) == 1
        self._samples += batch.shape[1]
        self._advance(self._session.completes(batch.shape[1]))
        return self._give(self._session.push(batch))

    def flush(self) -> np.ndarray:
        """Codes of the last frames, filled up with silence; none where no sample is left over."""
        self._advance(self._session.remaining)
        return self._give(self._session.flush())

    def _advance(self, frames: int) -> None:
        """Tell the session in which of the next frames noise is removed."""
        if self._denoised:
            self._session.denoise = mask(self._denoised, self._frames, frames)
        self._frames += frames

    def _give(self, codes: np.ndarray) -> np.ndarray:
        array = codes.astype(self._dtype)
        return array[0] if self._flat else array


def checked_sound(audio: np.ndarray, channels: int, position: int) -> np.ndarray:
    """A copy, float32 [channels, samples], of float [channels, samples], or of [samples] of one channel.

    position: of its first sample. Raises UsageError for other arrays, InputError for what is not finite.
    """
    audio = as_array(audio, "audio")
    batch = audio[np.newaxis] if audio.ndim == 1 else audio
    if batch.ndim != 2 or len(batch) != channels or not np.issubdtype(audio.dtype, np.floating):
        raise UsageError(
            f"audio must be float [{channels}, samples] with full scale 1.0, "
            f"not {audio.dtype} {list(audio.shape)}"
            + ("; divide integers by their full scale" if np.issubdtype(audio.dtype, np.integer) else "")
        )
    with np.errstate(over="ignore"):  # infinite, and told so
        batch = np.array(batch, dtype=np.float32, order="C")
    if not np.isfinite(batch).all():
        channel, sample = np.argwhere(~np.isfinite(batch))[0]
        raise InputError(f"sample {position + sample} of channel {channel + 1} is not finite")
    return batch


def resampled(audio: np.ndarray, rate: int, new_rate: int, ndim: int) -> np.ndarray:
    """float32 [channels, samples] at another rate, as long as before; ndim 1: [samples]."""
    from sscodec.audio import Resampler

    rates = [models.integer(each, "sample_rate") for each in (rate, new_rate)]
    for each in rates:
        if each is None or not 1 <= each <= MAX_RATE:
            raise UsageError(f"sample_rate must be 1 to {MAX_RATE} Hz, not {each}")
    resampler = Resampler(rate, new_rate, len(audio))
    blocks = [resampler.push(np.ascontiguousarray(audio.T, np.float32)), resampler.flush()]
    result = np.ascontiguousarray(np.concatenate(blocks).T)
    return result[0] if ndim == 1 else result


def is_tensor(values: Any) -> bool:
    """Whether it is torch's, without importing torch."""
    return type(values).__module__.partition(".")[0] == "torch" and hasattr(values, "detach")


def from_tensor(values: Any) -> Any:
    """A NumPy array of a tensor on any device; anything else as it is."""
    if not is_tensor(values):
        return values
    values = values.detach().cpu()
    return (values.float() if values.is_floating_point() else values).numpy()


def like(array: np.ndarray, tensor: Any) -> Any:
    """A tensor of an array on the device of another; of integers int64, with which torch can index."""
    import torch

    array = array.astype(np.int64) if np.issubdtype(array.dtype, np.integer) else array
    return torch.from_numpy(array).to(tensor.device)


def as_array(values: Any, what: str) -> np.ndarray:
    """An array of what NumPy takes for one: lists and tensors of the CPU, too. Raises UsageError."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{what} must be a NumPy array or become one, which this does not ({reason})"
        ) from None


class StreamDecoder:
    """Codes in, sound out, block by block; `conceal` takes the place of codes that are lost.

    Sound is given when the codes are there that it depends on: `config.delay` samples later, where a network
    looks ahead. `flush` gives the rest.
    """

    def __init__(self, codec: Codec, channels: int, denoise: Denoise | bool = False) -> None:
        models.check_channels(channels)
        codec._sound_after_fork()
        self._engine = codec._engine
        self._config = codec.config
        self._guess = codec._guess
        self._channels = channels
        self._denoised = denoised_frames(denoise, codec.config, "decoder")
        self._frames = 0  # decoded and concealed
        self._flat = channels == 1
        self._begin()

    def _begin(self) -> None:
        self._session = self._engine.decoder(self._channels)
        self._past: np.ndarray | None = None  # codes [channels, n_q, up to REACH] of the last frames
        self._concealed = 0  # frames since
        # Of each frame whose sound is still to come: how many are concealed before it; -1: nor is it.
        self._waiting = np.zeros(0, np.int64)
        self._peak = np.zeros((self._channels, 1), np.float32)  # of the sound of late that is not concealed

    def push(self, codes: np.ndarray) -> np.ndarray:
        """float32 audio [channels, samples] of integer codes [channels, n_q, frames].

        One channel may come as [n_q, frames], and then gives [samples]. -1 stands in the last codebooks of
        frames that have fewer than others. Raises UsageError.
        """
        codes = as_array(codes, "codes")
        batch = codes[np.newaxis] if codes.ndim == 2 else codes
        size = self._config.codebook_size
        if batch.ndim != 3 or len(batch) != self._channels or not np.issubdtype(codes.dtype, np.integer):
            raise UsageError(
                f"codes must be integers [{self._channels}, n_q, frames], "
                f"not {codes.dtype} {list(codes.shape)}"
            )
        if not 1 <= batch.shape[1] <= self._config.n_q:
            raise UsageError(f"codes must be of 1 to {self._config.n_q} codebooks, not {batch.shape[1]}")
        if batch.size and not -1 <= batch.min() <= batch.max() < size:
            raise UsageError(f"codes must be 0 to {size - 1}, not {batch.min()} to {batch.max()}")
        check_missing(batch)
        audio = self._synthesise(batch, np.full(batch.shape[-1], -1))
        self._frames += batch.shape[-1]
        self._flat = codes.ndim == 2
        if batch.shape[-1]:
            self._remember(batch)
            self._concealed = 0
        return self._give(audio)

    def conceal(self, frames: int) -> np.ndarray:
        """float32 audio in place of lost frames, of the shape that `push` gave last.

        The codes are guessed from those before, and their sound is no louder than what was heard just before.
        After HELD_SECONDS it is faded, to silence after CONCEALED_SECONDS. The state is carried on as if that
        had been the sound; after the silence, decoding begins anew. Calls add up: a loss may be concealed
        piece by piece. Raises UsageError for a number that is none of frames.
        """
        count = models.integer(frames, "frames")
        if count is None or count < 0:
            raise UsageError(f"frames must be at least 0, not {frames}")
        audible = 0 if self._past is None else min(count, self._fade - self._concealed)
        parts = [np.zeros((self._channels, (count - audible) * self._config.hop), np.float32)]
        if self._past is not None and audible:
            codes = self._guess(self._past, audible)
            places = np.arange(self._concealed, self._concealed + audible)
            parts.insert(0, self._synthesise(codes, places))
            self._remember(codes)
            self._concealed += audible
            if self._concealed >= self._fade:
                parts.insert(1, self._finish())
                self._begin()
        self._frames += count
        return self._give(np.concatenate(parts, axis=1))

    def flush(self) -> np.ndarray:
        """The sound that still waits for codes. Nothing may be pushed after."""
        return self._give(self._finish())

    @property
    def _fade(self) -> int:
        """Frames that are concealed until there is silence."""
        return max(1, round(CONCEALED_SECONDS * self._config.frame_rate))

    def _give(self, audio: np.ndarray) -> np.ndarray:
        return audio[0] if self._flat else audio

    def _finish(self) -> np.ndarray:
        return self._faded(self._session.flush())

    def skip(self, frames: int) -> None:
        """Leave frames out, of which nothing is to be heard; decoding begins anew after them."""
        self._frames += frames
        self._begin()

    def _remember(self, codes: np.ndarray) -> None:
        past = self._past
        if past is not None and past.shape[1] == codes.shape[1]:
            codes = np.concatenate([past, codes], axis=-1)
        self._past = codes[..., -REACH:].copy()

    def _synthesise(self, codes: np.ndarray, places: np.ndarray) -> np.ndarray:
        """float32 audio [channels, samples] that codes [channels, n_q, frames] complete.

        places: of each frame, as in `_waiting`.
        """
        if self._denoised:
            self._session.denoise = mask(self._denoised, self._frames, codes.shape[-1])
        self._waiting = np.concatenate([self._waiting, places])
        return self._faded(self._session.push(codes))

    def _faded(self, audio: np.ndarray) -> np.ndarray:
        """The sound of the frames that waited longest; what is concealed of it no louder, and faded."""
        hop, end = self._config.hop, self._fade * self._config.hop
        held = round(HELD_SECONDS * self._config.sample_rate)
        places, self._waiting = np.split(self._waiting, [audio.shape[1] // hop])
        for run in np.split(np.arange(len(places)), np.flatnonzero(np.diff(places >= 0)) + 1):
            if not len(run):
                continue
            part = audio[:, run[0] * hop : (run[-1] + 1) * hop]
            if places[run[0]] < 0:
                peak = np.abs(part[:, -REACH * hop :]).max(axis=1, keepdims=True)
                self._peak = np.maximum(peak, self._peak * RELEASE ** len(run))
            else:
                passed = int(places[run[0]]) * hop + np.arange(1, part.shape[1] + 1, dtype=np.float32)
                gain = np.clip((end - passed) / max(1, end - held), 0, 1)
                part[:] = np.clip(part, -self._peak, self._peak) * gain
        return audio
