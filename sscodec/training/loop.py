"""The training loop (sections III-D and III-E), from top to bottom."""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import cos, inf, pi
from pathlib import Path
from threading import Event
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from tqdm import tqdm

from sscodec.errors import ModelError, UsageError
from sscodec.models import open_folder
from sscodec.nn.soundstream import SoundStream
from sscodec.training.data import Pool, Sampler
from sscodec.training.discriminators import (
    Discriminators,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)
from sscodec.training.losses import ReconstructionLoss
from sscodec.training.quantizer import CodebookLearner, perplexity
from sscodec.training.recipe import Recipe

SCALARS = (
    *("mel_log", "mel_linear", "wave", "commitment", "perplexity"),
    *("discriminator", "adversarial", "feature"),
)
"""What a step may report."""
LOG_EVERY = 50
"""Steps averaged in one row of the log; the host waits for the device only there."""


class Trainer:
    """All that a run carries from step to step; `state_dict` holds what resuming exactly needs."""

    def __init__(self, recipe: Recipe, pool: Pool, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = device
        self.step = 0
        self.elapsed = 0.0
        """Seconds trained in earlier sessions and this one."""
        self.sampler = Sampler(pool, recipe, device)
        self.model = SoundStream(recipe.model).to(device)
        self.weights = list(self.model.parameters())
        self.average: list[Tensor] = [weight.detach().clone() for weight in self.weights]
        self.learner = CodebookLearner(self.model.quantizer, recipe.codebook_decay, recipe.dead_count)
        self.reconstruction = ReconstructionLoss(
            recipe.model.sample_rate, recipe.windows, recipe.mels, recipe.wave_windows, recipe.wave_power
        ).to(device)
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
        self.discriminators: Discriminators | None = None
        if recipe.adversarial_start < 1:
            self.discriminators = Discriminators(
                recipe.wave_scales, recipe.wave_channels, recipe.stft_windows, recipe.stft_channels
            ).to(device)
            self.discriminators.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.discriminator_optimizer = torch.optim.AdamW(
                self.discriminators.parameters(),
                lr=recipe.discriminator_lr,
                betas=recipe.betas,
                weight_decay=recipe.weight_decay,
                fused=True,
            )
        self.kmeans_inputs: list[Tensor] = []

    def state_dict(self) -> dict[str, Any]:
        state = {
            "config": self.recipe.model.to_toml(),
            "step": self.step,
            "elapsed": self.elapsed,
            "model": self.model.state_dict(),
            "average": self.average,
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "quantizer_start": self.recipe.quantizer_start,
            "kmeans_inputs": self.kmeans_inputs,
        }
        if self.discriminators is not None:
            state["discriminators"] = self.discriminators.state_dict()
            state["discriminator_optimizer"] = self.discriminator_optimizer.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.elapsed = state["elapsed"]
        self.model.load_state_dict(state["model"])
        for ours, theirs in zip(self.average, state["average"], strict=True):
            ours.copy_(theirs)
        self.learner.load_state_dict(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        # A run that started from a model has none of its recipe's steps without the quantizer.
        self.recipe = replace(self.recipe, quantizer_start=state["quantizer_start"])
        self.kmeans_inputs = [x.to(self.device) for x in state["kmeans_inputs"]]
        if self.discriminators is not None and "discriminators" in state:
            self.discriminators.load_state_dict(state["discriminators"])
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])

    def start_from(self, folder: Path) -> None:
        """Take the weights and codebooks of a model folder; the optimizer starts afresh.

        Raises ModelError where they do not fit the recipe's [model].
        """
        source = open_folder(folder)
        shape = replace(source.config, name=self.recipe.model.name, weights_sha256="")
        if shape != self.recipe.model:
            raise ModelError(
                f"{folder}: its config.toml is not the recipe's [model]; use that config or another model"
            )
        self.model.load_state_dict(source.load(str(self.device)).state_dict())
        self.average = [weight.detach().clone() for weight in self.weights]
        frames = self.recipe.batch * self.recipe.crop_samples / self.recipe.model.hop * world()
        self.learner.adopt(frames)
        self.recipe = replace(self.recipe, quantizer_start=0)

    def progress(self, stopped: bool = False) -> float:
        """Fraction of the run that is done, the same on every process; infinite if the first was stopped."""
        recipe = self.recipe
        fraction = self.step / recipe.steps if recipe.steps else self.elapsed / (3600 * recipe.hours)
        if stopped:
            fraction = inf
        if dist.is_initialized():
            shared = torch.tensor([fraction], dtype=torch.float64, device=self.device)
            dist.broadcast(shared, 0)
            fraction = float(shared)
        return fraction

    def train_step(self, progress: float) -> dict[str, Tensor]:
        """One step of the generator and, in the adversarial phase, of the discriminators. Returns scalars."""
        recipe = self.recipe
        # Seeded by the step: resuming needs no generator state, and processes draw different examples.
        generator = torch.Generator().manual_seed((recipe.seed * 1_000_003 + self.step) * 1009 + rank())
        batch = self.sampler.batch(generator)
        rate = cosine(progress) * min(1.0, (self.step + 1) / max(recipe.lr_warmup, 1))
        scalars: dict[str, Tensor] = {}

        with self.autocast():
            x = self.model.embed(batch.audio, batch.denoise)
        x = x.float()
        if self.step >= recipe.quantizer_start:
            if self.kmeans_inputs:
                self.learner.initialise(
                    torch.cat(self.kmeans_inputs), x.shape[0] * x.shape[1] * world(), generator
                )
                self.kmeans_inputs = []
            quantized = self.learner.forward(x, self.draw_n_q(len(x), generator), generator)
            x, commitment = quantized.x, recipe.commitment * quantized.commitment
            scalars["commitment"] = quantized.commitment
            scalars["perplexity"] = perplexity(quantized.counts).mean()
        else:
            commitment = x.new_zeros(())
            frames = x.shape[0] * x.shape[1]
            if (recipe.quantizer_start - self.step - 1) * frames < recipe.kmeans_frames:
                self.kmeans_inputs.append(x.detach().reshape(-1, x.shape[2]).clone())
        with self.autocast():
            audio = self.model.synthesise(x, batch.denoise)
        audio = audio.float()

        losses = self.reconstruction(audio, batch.target)
        scalars.update(losses)
        loss = recipe.mel_log * losses["mel_log"] + recipe.mel_linear * losses["mel_linear"]
        loss = loss + recipe.wave * losses["wave"]
        if self.discriminators is not None and progress >= recipe.adversarial_start:
            gradient = self.adversarial_gradient(audio, batch.target, loss, scalars, rate)
            loss = (audio * gradient).sum()  # whose gradient at the audio is that one
        (loss + commitment).backward()
        self.apply(self.optimizer, self.weights, recipe.lr * rate, recipe.clip)
        torch._foreach_lerp_(
            self.average,
            list[Tensor](self.weights),
            1 - min(recipe.weight_ema, (1 + self.step) / (10 + self.step)),
        )
        self.step += 1
        return scalars

    def adversarial_gradient(
        self, audio: Tensor, target: Tensor, loss: Tensor, scalars: dict[str, Tensor], rate: float
    ) -> Tensor:
        """Gradient of all losses at the output audio [batch, samples], after a step of the discriminators."""
        recipe, judges = self.recipe, self.discriminators
        assert judges is not None
        if self.step % recipe.discriminator_every == 0:
            with self.autocast():
                judged = discriminator_loss(judges(target), judges(audio.detach()))
            judged.backward()
            self.apply(
                self.discriminator_optimizer,
                list(judges.parameters()),
                recipe.discriminator_lr * rate,
                recipe.clip,
            )
            scalars["discriminator"] = judged.detach()
        judges.requires_grad_(False)
        output = audio.detach().requires_grad_()
        with self.autocast():
            with torch.no_grad():
                real = judges(target)
            fake = judges(output)
            adversarial, feature = adversarial_loss(fake), feature_loss(real, fake)
        judges.requires_grad_(True)
        scalars["adversarial"], scalars["feature"] = adversarial.detach(), feature.detach()
        (gradient,) = torch.autograd.grad(loss, audio)
        (push,) = torch.autograd.grad(adversarial, output, retain_graph=True)
        (pull,) = torch.autograd.grad(feature, output)
        if recipe.balance:
            # The scales of feature losses differ between implementations; the norms of gradients compare.
            norm = gradient.norm()
            push = push * (norm / push.norm().clamp(min=1e-12))
            pull = pull * (norm / pull.norm().clamp(min=1e-12))
        return gradient + recipe.adversarial * push + recipe.feature * pull

    def draw_n_q(self, n: int, generator: torch.Generator) -> Tensor:
        """Quantizer dropout: int64 [n], the codebooks of each example."""
        recipe = self.recipe
        choices = torch.tensor(recipe.n_q_choices or range(1, recipe.model.n_q + 1))
        drawn = choices[torch.randint(len(choices), (n,), generator=generator)]
        full = torch.full((n,), recipe.model.n_q)
        return torch.where(torch.rand(n, generator=generator) < recipe.dropout, drawn, full).to(self.device)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bf16)

    def apply(
        self, optimizer: torch.optim.Optimizer, weights: list[nn.Parameter], lr: float, clip: float
    ) -> None:
        """Average the gradients over all processes, limit them, and take a step."""
        used = [weight for weight in weights if weight.grad is not None]
        if dist.is_initialized():
            flat = torch.cat([weight.grad.flatten() for weight in used if weight.grad is not None]) / world()
            dist.all_reduce(flat)
            for weight, grad in zip(used, flat.split([weight.numel() for weight in used]), strict=True):
                weight.grad = grad.view_as(weight)
        if clip:
            nn.utils.clip_grad_norm_(used, clip)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def cosine(progress: float) -> float:
    return 0.5 * (1 + cos(pi * min(progress, 1.0)))


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the others where torchrun started several processes."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        try:
            yield
        finally:
            dist.destroy_process_group()
    else:
        yield


def train(
    recipe: Recipe,
    sources: list[Path],
    out: Path,
    cache: Path,
    device: torch.device,
    init: Path | None = None,
) -> None:
    """Run a recipe into the folder `out`, going on from the checkpoint that lies there, if any.

    A new run starts from the weights in the model folder `init`, where given, and quantizes from step 0.
    Writes `last.pt` (the checkpoint) and `log.csv`. Raises UsageError where the losses stop being numbers.
    """
    with process_group(device):
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
        out.mkdir(parents=True, exist_ok=True)
        if rank() > 0:
            dist.barrier()  # the first decodes, the others take what it left in the cache
        pool = Pool.load(sources, recipe.model.sample_rate, cache)
        if rank() == 0 and dist.is_initialized():
            dist.barrier()
        trainer = Trainer(recipe, pool, device)
        checkpoint = out / "last.pt"
        if checkpoint.exists():
            trainer.load_state_dict(torch.load(checkpoint, map_location=device, weights_only=True))
        elif init is not None:
            trainer.start_from(init)
        run(trainer, checkpoint, out / "log.csv")


def run(trainer: Trainer, checkpoint: Path, log: Path) -> None:
    """Step until the recipe's end, or until SIGTERM or SIGINT; the first process logs and saves."""
    recipe, first = trainer.recipe, rank() == 0
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    started, saved = time.monotonic() - trainer.elapsed, time.monotonic()
    seconds_a_step = recipe.crop_samples / recipe.model.sample_rate * recipe.batch * world()
    sums: dict[str, Tensor] = {}
    logged, since = trainer.step, time.monotonic()
    bar = tqdm(
        total=1.0, disable=None if first else True, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
    )
    while (progress := trainer.progress(stopped.is_set())) < 1:
        for name, value in trainer.train_step(progress).items():
            sums[name] = sums.get(name, 0) + value.detach()
        trainer.elapsed = time.monotonic() - started
        if trainer.step % LOG_EVERY == 0:
            steps = trainer.step - logged
            means = {name: float(value) / steps for name, value in sums.items()}
            if not all(map(torch.isfinite, sums.values())):
                raise UsageError(
                    f"step {trainer.step}: a loss is not a number; lower lr or resume an older checkpoint"
                )
            rate = steps * seconds_a_step / (time.monotonic() - since)
            sums, logged, since = {}, trainer.step, time.monotonic()
            if first:
                row = {
                    "step": trainer.step,
                    "hours": round(trainer.elapsed / 3600, 4),
                    "audio_seconds": round(trainer.step * seconds_a_step),
                    "audio_per_second": round(rate, 1),
                    "lr": recipe.lr * cosine(progress),
                    **{name: round(value, 5) for name, value in means.items()},
                }
                append_row(log, row)
                bar.set_postfix(
                    step=trainer.step,
                    mel=f"{means['mel_log']:.3f}",
                    wave=f"{means['wave']:.3f}",
                    x=f"{rate:.0f}",
                )
        bar.update(min(progress, 1.0) - bar.n)
        if first and time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
            save(trainer, checkpoint)
            saved = time.monotonic()
    if first:
        save(trainer, checkpoint)
    bar.close()


COLUMNS = ("step", "hours", "audio_seconds", "audio_per_second", "lr", *SCALARS)


def append_row(log: Path, row: dict[str, float]) -> None:
    """Add a row to the CSV, which begins with its header."""
    new = not log.exists()
    with log.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def save(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint; the old one is there until the new one is whole."""
    temporary = path.with_suffix(".tmp")
    torch.save(trainer.state_dict(), temporary)
    temporary.replace(path)
