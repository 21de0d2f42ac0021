"""One training run, every hyper-parameter in one place with its unit, read from a TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from sscodec.errors import UsageError
from sscodec.nn.config import ModelConfig, build, read_toml

Part = Literal["all", "decoder"]


@dataclass(frozen=True)
class Recipe:
    """What `python -m sscodec.training` runs. The table [model] is a `ModelConfig`, [kinds] holds weights."""

    model: ModelConfig

    trains: Part = "all"
    """What learns. "decoder": that of a model (--init), on the codes that the codec makes with its encoder
    and codebooks, which stay as they are, and so does what codes mean."""

    # Data
    crop: float = 1.0
    """Seconds of one example."""
    batch: int = 8
    """Examples a step and process."""
    kinds: dict[str, float] = field(default_factory=lambda: {"speech": 0.6, "music": 0.3, "noise": 0.1})
    """Share of each kind of audio among the examples; kinds that are not named are not used."""
    narrowband: float = 1.0
    """Factor on the weight of files whose measured bandwidth is below 3/4 of half the sample rate."""
    gain_db: tuple[float, ...] = (-12.0, 6.0)
    """Range of the random gain, dB, drawn uniformly; lowered where the peak would pass 1."""
    speed: tuple[float, ...] = (1.0, 1.0)
    """Range of the random factor on speed, and so on pitch and formants: voices that the data lacks."""
    coloured: float = 0.0
    """Share of examples that are filtered: dull, bright, tilted or as from a telephone."""
    hum: float = 0.0
    """Share of examples with hum of the mains, which is a noise to be removed where they are denoised."""
    noisy: float = 0.0
    """Share of speech examples that become (noisy input, target, denoise) triples (section III-F)."""
    music_as_noise: float = 0.0
    """Share of these whose noise is music; the others take it from the kind noise, whatever its weight."""
    steady_noise: float = 0.0
    """Share of the noises, of either kind, that lose their events and keep their spectrum."""
    noise_gain_db: tuple[float, ...] = (-30.0, 0.0)
    """Range of the gain of the peak-normalised noise over the peak-normalised speech, dB."""

    # Length and optimizer
    seed: int = 1
    steps: int = 0
    """End after this many steps; 0: one of the next two decides."""
    cpu_minutes: float = 0.0
    """End after this much CPU time of the first process, resumed parts included; other work on the machine
    takes none of it."""
    hours: float = 0.0
    """End after this much wall-clock time, resumed parts included."""
    lr: float = 1e-3
    """Peak learning rate of AdamW."""
    lr_decay: float = 1.0
    """Fraction of the run, at its end, in which the rate follows half a cosine to zero."""
    film_lr: float = 20.0
    """Factor on it for FiLM, whose shifts have as far to go as embeddings are wide."""
    lr_warmup: int = 100
    """Steps of linear learning-rate warm-up."""
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest norm of the gradient of encoder, decoder and FiLM; 0: no limit."""
    weight_norm: bool = False
    """Learn lengths and directions of the convolutions' weights apart; they are exported as plain ones."""
    weight_ema: float = 0.999
    """Decay a step of the averaged weights that are exported."""
    bf16: bool = True
    """Run the convolutions in bfloat16 (autocast)."""

    # Quantizer (section III-C)
    quantizer_start: int = 500
    """Steps without the quantizer before k-means sets the codebooks; none with --init."""
    kmeans_frames: int = 16384
    """Frames collected for k-means."""
    codebook_decay: float = 0.99
    """Decay a step of the moving averages that the codebooks follow."""
    dead_count: float = 2.0
    """An entry whose averaged count a step falls below this is replaced by a random input frame."""
    commitment: float = 0.25
    """Weight of the commitment loss."""
    codebook: float = 1.0
    """Weight of the loss that factorised codebooks learn by."""
    dropout: float = 1.0
    """Share of examples whose n_q is drawn at random (quantizer dropout); the others use all codebooks."""
    n_q_choices: tuple[int, ...] = ()
    """The n_q drawn from; empty: uniformly from 1 to all."""
    unquantized: float = 0.0
    """Share of examples that pass by the quantizer."""

    # Reconstruction (section III-E)
    windows: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    """STFT windows of the multi-scale mel loss, samples; the hop is a quarter."""
    mels: int = 64
    """Bands, or as many as a window resolves."""
    mel_bands: tuple[int, ...] = ()
    """Bands of each window; empty: `mels`."""
    mel_log: float = 1.0
    """Weight of the log-mel term of eq. 5."""
    perceptual_start: float = 0.0
    """Fraction of a run from scratch after which the other losses join `wave`, `incoherence`
    and `mel_log`: beside them, the waveform is hardly found. With --init they count from the beginning."""
    mel_loud: float = 0.0
    """Weight of a mel term in amplitude ** 0.3, which unlike the log leaves near silence out of account."""
    envelope: float = 0.0
    """Weight of one minus the correlation of the envelopes of bands, after ESTOI."""
    dissimilarity: float = 0.0
    """Weight of one minus the similarity of neurograms, after ViSQOL."""
    disturbance: float = 0.0
    """Weight of the disturbance of loudness, after PESQ."""
    inharmonicity: float = 0.0
    """Weight of one minus the correlation of magnitudes across the harmonics."""
    wave: float = 1.0
    """Weight of ln(1 + the complex spectral error), which sees phase and level."""
    incoherence: float = 0.0
    """Weight of one minus the correlation of complex spectra, which sees phase alone."""
    wave_windows: tuple[int, ...] = (256, 1024)
    """Windows whose complex spectra it compares (among `windows`)."""
    wave_power: float = 0.5
    """How far the target's spectral envelope divides that error: 0 not at all, 1 entirely."""

    # Adversarial phase (sections III-D and III-E)
    adversarial_start: float = 1.0
    """Fraction of the run after which the discriminators join; 1: never."""
    adversarial: float = 0.5
    """Weight of the generator's hinge loss: the norm of its gradient at the output, over that of the
    reconstruction losses together (the gradient balancer of EnCodec)."""
    feature: float = 0.5
    """The same of the feature loss."""
    discriminator_lr: float = 1e-3
    discriminator_warmup: int = 200
    """Steps that the discriminators learn before the generator hears them: fresh ones lead it astray."""
    adversarial_ramp: int = 200
    """Steps after that in which both weights rise to their values."""
    balance: bool = True
    """Whether these two weights are of gradients; else they are of the losses themselves."""
    gan: Literal["hinge", "least_squares"] = "hinge"
    """The losses of section III-D, means over discriminators, or of arXiv 2306.06546, which are sums."""
    judged: float = 0.5
    """Part of each example that the discriminators see."""
    stft_windows: tuple[int, ...] = (512, 1024, 2048)
    """Windows of the STFT discriminators (the paper has one), samples; the hop is a quarter."""
    stft_channels: int = 32
    periods: tuple[int, ...] = ()
    """Of the discriminators that judge the wave folded at a period, samples."""
    period_channels: int = 32
    band_windows: tuple[int, ...] = ()
    """Windows of those that judge each band of the STFT by itself, samples; the hop is a quarter."""
    band_channels: int = 32

    # Bookkeeping
    checkpoint_minutes: float = 5.0

    def __post_init__(self) -> None:
        ranges = self.gain_db, self.speed, self.noise_gain_db
        for ok, message in [
            (
                sum(limit > 0 for limit in (self.steps, self.cpu_minutes, self.hours)) == 1,
                "one of steps, cpu_minutes and hours must be set",
            ),
            (round(self.crop * self.model.frame_rate) >= 1, "crop must be at least one frame"),
            (self.batch >= 1, "batch must be at least 1"),
            (self.clip >= 0, "clip must be 0 or more"),
            (bool(self.kinds) and min(self.kinds.values()) >= 0, "kinds must hold weights of 0 or more"),
            (
                all(0 <= share <= 1 for share in (self.noisy, self.music_as_noise, self.steady_noise)),
                "noisy, music_as_noise and steady_noise must be 0 to 1",
            ),
            (
                self.noisy == 0 or (self.kinds.get("speech", 0) > 0 and self.model.film != "none"),
                "noisy needs speech among kinds, and a model with film",
            ),
            (min(self.speed, default=0) > 0, "speed must be above 0"),
            (all(len(r) == 2 and r[0] <= r[1] for r in ranges), "ranges must be [low, high]"),
            (
                all(1 <= n <= self.model.n_q for n in self.n_q_choices),
                f"n_q_choices must be 1 to {self.model.n_q}",
            ),
            (set(self.wave_windows) <= set(self.windows), "wave_windows must be among windows"),
            (
                len(self.mel_bands) in (0, len(self.windows)) and min(self.mel_bands, default=1) >= 1,
                "mel_bands must hold one positive number for each of the windows, or none",
            ),
            (self.gan in ("hinge", "least_squares"), "gan must be hinge or least_squares"),
            (
                min((*self.periods, self.period_channels, self.band_channels)) >= 1,
                "periods, period_channels and band_channels must be positive",
            ),
            (0 <= self.unquantized < 1, "unquantized must be 0 or more, and below 1"),
            (0 <= self.perceptual_start <= 1, "perceptual_start must be 0 to 1"),
            (self.trains in get_args(Part), f"trains must be one of {', '.join(get_args(Part))}"),
            (not (self.trains == "decoder" and self.noisy), "a decoder has no use for noisy examples"),
            (0 <= self.adversarial_start <= 1, "adversarial_start must be 0 to 1"),
            (
                self.adversarial_start == 1
                or (0 < self.judged <= 1 and self.judged * self.crop_samples >= self.longest_judged),
                "judged must be a part of the crop that holds each of the stft_windows and band_windows",
            ),
            (0 <= self.lr_decay <= 1, "lr_decay must be 0 to 1"),
            (all(0 <= share <= 1 for share in (self.coloured, self.hum)), "coloured and hum must be 0 to 1"),
        ]:
            if not ok:
                raise UsageError(f"recipe: {message}")

    @property
    def bands(self) -> tuple[int, ...]:
        """Mel bands of each window."""
        return self.mel_bands or tuple(min(self.mels, window // 4) for window in self.windows)

    @property
    def longest_judged(self) -> int:
        """Samples of the longest window of a discriminator."""
        return max((*self.stft_windows, *self.band_windows), default=0)

    @property
    def crop_samples(self) -> int:
        """Samples of one example, whole frames."""
        return round(self.crop * self.model.frame_rate) * self.model.hop

    @classmethod
    def load(cls, path: str | Path, **changes: object) -> Recipe:
        """Read a TOML file; `changes` override its keys. Raises ModelError for bad files and keys."""
        table = read_toml(path)
        model = ModelConfig.of(table.pop("model", {}), f"{path} [model]")
        return build(cls, {**table, **changes}, str(path), model=model)
