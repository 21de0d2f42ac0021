"""The training loop (sections III-D and III-E), from top to bottom."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import cos, inf, isfinite, pi
from pathlib import Path
from threading import Event
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from tqdm import tqdm

from sscodec.errors import ModelError, UsageError
from sscodec.models import open_folder
from sscodec.nn.factorised import FactorisedQuantizer
from sscodec.nn.networks import build_network
from sscodec.training import logs
from sscodec.training.data import Batch, Pool, Sampler
from sscodec.training.discriminators import judging_gain
from sscodec.training.export import averaged, load_judges, settle
from sscodec.training.judges import LOSSES, Judges
from sscodec.training.losses import ReconstructionLoss
from sscodec.training.norm import normalise, set_weights
from sscodec.training.perception import TERMS
from sscodec.training.quantizer import CodebookLearner, evenness, perplexity
from sscodec.training.recipe import Recipe
from sscodec.training.rvqgan import FactorisedLearner
from sscodec.training.validate import COLUMNS as MEASURED
from sscodec.training.validate import Clips, load_clips, validate

LOG_COLUMNS = (
    *("step", "hours", "cpu_minutes", "audio_seconds", "audio_per_second", "lr"),
    *("mel_log", "mel_loud", "wave", "incoherence", *TERMS, "commitment", "perplexity", "evenness"),
    *("discriminator", "adversarial", "feature"),
)
"""Time without that of validations; means over the steps since the row before."""
VALIDATION_COLUMNS = ("step", "hours", "cpu_minutes", "audio_seconds", *MEASURED)
FINDERS = "wave", "incoherence", "mel_log"
"""The losses that count from the first step: what finds the waveform."""
LOG_EVERY = 50
"""Steps averaged in one row of the log; the host waits for the device only there."""
COLLAPSED = 0.5
"""A run ends where its evenness, averaged over codebooks and steps, falls below this: perplexity 17 of 288.

Of each step, because the replacement of dead entries changes which few of them a collapsed codebook uses.
"""
COLLAPSE_GRACE = 500
"""Steps from the start of the quantizer until that is looked at: dead entries get time to be replaced."""


class Trainer:
    """All that a run carries from step to step; `state_dict` holds what resuming exactly needs."""

    def __init__(self, recipe: Recipe, pool: Pool, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = device
        self.step = 0
        self.elapsed = 0.0
        """Seconds trained in earlier sessions and this one."""
        self.cpu_elapsed = 0.0
        """The same in CPU seconds of this process."""
        self.audio_seconds = 0.0
        """Audio seen, over all processes."""
        self.judged_steps = 0
        """Of the discriminators."""
        self.validated = 0.0
        """Progress of the run at the last validation."""
        self.denoises = recipe.noisy > 0
        """Whether there were examples with the denoising condition, here or in what the run goes on from."""
        self.sampler = Sampler(pool, recipe, device)
        self.model = build_network(recipe.model).to(device)
        if recipe.weight_norm:
            normalise(self.model)
        self.weights = list(self.model.parameters())
        self.average: list[Tensor] = [weight.detach().clone() for weight in self.weights]
        quantizer = self.model.quantizer
        self.learner = (
            FactorisedLearner(quantizer)
            if isinstance(quantizer, FactorisedQuantizer)
            else CodebookLearner(quantizer, recipe.codebook_decay, recipe.dead_count)
        )
        self.reconstruction = ReconstructionLoss(
            recipe.model.sample_rate,
            recipe.windows,
            recipe.bands,
            recipe.wave_windows,
            recipe.wave_power,
            [name for name in TERMS if getattr(recipe, name)],
        ).to(device)
        named = list(self.model.named_parameters())
        film = [weight for name, weight in named if "film." in name]
        rest = [weight for name, weight in named if "film." not in name]
        self.optimizer = torch.optim.AdamW(
            [{"params": rest, "factor": 1.0}, {"params": film, "factor": recipe.film_lr}],
            lr=recipe.lr,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.discriminators: Judges | None = None
        if recipe.adversarial_start < 1:
            self.discriminators = Judges(recipe).to(device)
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
            "weight_norm": self.recipe.weight_norm,
            "step": self.step,
            "elapsed": self.elapsed,
            "cpu_elapsed": self.cpu_elapsed,
            "audio_seconds": self.audio_seconds,
            "judged_steps": self.judged_steps,
            "validated": self.validated,
            "denoises": self.denoises,
            "model": self.model.state_dict(),
            "average": self.average,
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "quantizer_start": self.recipe.quantizer_start,
            "perceptual_start": self.recipe.perceptual_start,
            "kmeans_inputs": self.kmeans_inputs,
        }
        if self.discriminators is not None:
            state["discriminators"] = self.discriminators.state_dict()
            state["discriminator_optimizer"] = self.discriminator_optimizer.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.elapsed = state["elapsed"]
        # Checkpoints of the first weights have none of these.
        self.cpu_elapsed = state.get("cpu_elapsed", 0.0)
        self.audio_seconds = state.get("audio_seconds", self.step * self.seconds_a_step)
        self.judged_steps = state.get("judged_steps", 0)
        self.validated = state.get("validated", 0.0)
        self.model.load_state_dict(state["model"])
        for ours, theirs in zip(self.average, state["average"], strict=True):
            ours.copy_(theirs)
        denoised = state.get("denoises", False)
        if self.denoises and not denoised:
            # The condition starts from what the network does without it.
            names = [name for name, _ in self.model.named_parameters()]
            with torch.no_grad():
                settle(dict(zip(names, self.weights, strict=True)))
                settle(dict(zip(names, self.average, strict=True)))
        self.denoises = self.denoises or denoised
        self.learner.load_state_dict(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        # A run that started from a model has none of what its recipe begins with.
        self.recipe = replace(
            self.recipe,
            quantizer_start=state["quantizer_start"],
            perceptual_start=state.get("perceptual_start", 0.0),
        )
        self.kmeans_inputs = [x.to(self.device) for x in state["kmeans_inputs"]]
        self.pack()
        if self.discriminators is not None and "discriminators" in state:
            self.discriminators.load_state_dict(state["discriminators"])
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])

    def start_from(self, folder: Path) -> None:
        """Take the weights and codebooks of a model folder, and discriminators that lie there; the optimizers
        start afresh.

        Raises ModelError where they do not fit the recipe's [model].
        """
        source = open_folder(folder)
        if source.config.shape != self.recipe.model.shape:
            raise ModelError(
                f"{folder}: its config.toml is not the recipe's [model]; use that config or another model"
            )
        weights = source.load(str(self.device)).state_dict()
        set_weights(self.model, weights)
        self.denoises = self.denoises or source.denoises
        self.average = [weight.detach().clone() for weight in self.weights]
        frames = self.recipe.batch * self.recipe.crop_samples / self.recipe.model.hop * world()
        self.learner.adopt(frames)
        judges = load_judges(folder)
        if self.discriminators is not None and judges is not None:
            weights, self.judged_steps = judges
            self.discriminators.load_state_dict(weights)
        self.recipe = replace(self.recipe, quantizer_start=0, perceptual_start=0.0)
        self.pack()

    def pack(self) -> None:
        """Let what is not trained code faster."""
        if self.recipe.trains == "decoder":
            self.model.pack(self.model.encoder)
            self.model.pack(self.model.quantizer)

    @property
    def seconds_a_step(self) -> float:
        """Seconds of audio, over all processes."""
        return self.recipe.crop_samples / self.recipe.model.sample_rate * self.recipe.batch * world()

    def spent(self) -> dict[str, float]:
        """What the run has taken so far, as its logs have it."""
        return {
            "step": self.step,
            "hours": round(self.elapsed / 3600, 4),
            "cpu_minutes": round(self.cpu_elapsed / 60, 3),
            "audio_seconds": round(self.audio_seconds),
        }

    def progress(self, stopped: bool = False) -> float:
        """Fraction of the run that is done, the same on every process; infinite if the first was stopped."""
        recipe = self.recipe
        if recipe.steps:
            fraction = self.step / recipe.steps
        elif recipe.cpu_minutes:
            fraction = self.cpu_elapsed / (60 * recipe.cpu_minutes)
        else:
            fraction = self.elapsed / (3600 * recipe.hours)
        if stopped:
            fraction = inf
        if dist.is_initialized():
            shared = torch.tensor([fraction], dtype=torch.float64, device=self.device)
            dist.broadcast(shared, 0)
            fraction = float(shared)
        return fraction

    def rate(self, progress: float) -> float:
        """Factor on the learning rates."""
        left = min(1.0, (1 - progress) / self.recipe.lr_decay) if self.recipe.lr_decay else 1.0
        return cosine(1 - left) * min(1.0, (self.step + 1) / max(self.recipe.lr_warmup, 1))

    def train_step(self, progress: float) -> dict[str, Tensor]:
        """One step of the generator and, in the adversarial phase, of the discriminators. Returns scalars."""
        recipe = self.recipe
        # Seeded by the step: resuming needs no generator state, and processes draw different examples.
        generator = torch.Generator().manual_seed((recipe.seed * 1_000_003 + self.step) * 1009 + rank())
        batch = self.sampler.batch(generator)
        rate = self.rate(progress)
        scalars: dict[str, Tensor] = {}

        audio, commitment = self.output(batch, generator, scalars)

        losses = self.reconstruction(audio, batch.target)
        scalars.update(losses)
        counted = [name for name in losses if name in FINDERS or progress >= recipe.perceptual_start]
        loss = torch.stack([getattr(recipe, name) * losses[name] for name in counted]).sum()
        if self.discriminators is not None and progress >= recipe.adversarial_start:
            gradient = self.adversarial_gradient(audio, batch.target, loss, scalars, rate, generator)
            loss = (audio * gradient).sum()  # whose gradient at the audio is that one
        (loss + commitment).backward()
        self.apply(self.optimizer, self.weights, recipe.lr * rate, recipe.clip)
        torch._foreach_lerp_(
            self.average,
            list[Tensor](self.weights),
            1 - min(recipe.weight_ema, (1 + self.step) / (10 + self.step)),
        )
        self.step += 1
        self.audio_seconds += self.seconds_a_step
        return scalars

    def output(
        self, batch: Batch, generator: torch.Generator, scalars: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Audio [batch, samples] of the part that learns, and the weighted commitment loss."""
        if self.recipe.trains == "decoder":
            x, commitment = self.coded(batch, generator), torch.zeros((), device=self.device)
        else:
            x, commitment = self.quantized(batch, generator, scalars)
        with self.autocast():
            audio = self.model.synthesise(x, batch.denoise)
        return audio.float(), commitment

    def quantized(
        self, batch: Batch, generator: torch.Generator, scalars: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Embeddings by way of the codebooks, which learn from them, and the weighted commitment loss."""
        recipe = self.recipe
        with self.autocast():
            x = self.model.embed(batch.audio, batch.denoise)
        x = x.float()
        if self.step >= recipe.quantizer_start:
            if self.kmeans_inputs and isinstance(self.learner, CodebookLearner):
                self.learner.initialise(
                    torch.cat(self.kmeans_inputs), x.shape[0] * x.shape[1] * world(), generator
                )
                self.kmeans_inputs = []
            quantized = self.learner.forward(x, self.draw_n_q(len(x), generator), generator)
            scalars["commitment"] = quantized.commitment
            scalars["perplexity"] = perplexity(quantized.counts).mean()
            scalars["evenness"] = evenness(quantized.counts).mean()
            pull = recipe.commitment * quantized.commitment + recipe.codebook * quantized.codebook
            return quantized.x, pull
        frames = x.shape[0] * x.shape[1]
        if (recipe.quantizer_start - self.step - 1) * frames < recipe.kmeans_frames:
            self.kmeans_inputs.append(x.detach().reshape(-1, x.shape[2]).clone())
        return x, x.new_zeros(())

    @torch.no_grad()
    def coded(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Embeddings as a decoder gets them."""
        quantizer = self.model.quantizer
        whole = self.model.embed(batch.audio, None)
        n_q = self.draw_n_q(len(whole), generator).tolist()
        each = zip(whole.split(1), n_q, strict=True)
        return torch.cat([quantizer.decode(quantizer.encode(x, n)) if n else x for x, n in each])

    def adversarial_gradient(
        self,
        audio: Tensor,
        target: Tensor,
        loss: Tensor,
        scalars: dict[str, Tensor],
        rate: float,
        generator: torch.Generator,
    ) -> Tensor:
        """Gradient of all losses at the output audio [batch, samples], and a step of the discriminators.

        They see a part of each example, at a place drawn at random.
        """
        recipe, judges = self.recipe, self.discriminators
        assert judges is not None
        length = round(recipe.judged * audio.shape[1])
        start = int(torch.randint(audio.shape[1] - length + 1, (1,), generator=generator))
        part = slice(start, start + length)
        output = audio[:, part].detach().requires_grad_()
        with self.autocast():
            theirs = target[:, part]
            gain = judging_gain(theirs)
            real, fake = judges(theirs, gain), judges(output, gain)
            judged, adversarial, feature = LOSSES[recipe.gan](real, fake)
        scalars["discriminator"] = judged.detach()
        scalars["adversarial"], scalars["feature"] = adversarial.detach(), feature.detach()
        (gradient,) = torch.autograd.grad(loss, audio)
        heard = (self.judged_steps - recipe.discriminator_warmup + 1) / max(recipe.adversarial_ramp, 1)
        if heard > 0:
            # The scales of feature losses differ between implementations; the norms of gradients compare.
            heard, norm = min(heard, 1.0), gradient[:, part].norm()
            for weight, term in ((recipe.adversarial, adversarial), (recipe.feature, feature)):
                (push,) = torch.autograd.grad(term, output, retain_graph=True)
                scale = norm / push.norm().clamp(min=1e-12) if recipe.balance else 1.0
                gradient[:, part] += heard * weight * scale * push
        weights = list(judges.parameters())
        for each, grad in zip(weights, torch.autograd.grad(judged, weights), strict=True):
            each.grad = grad
        self.apply(self.discriminator_optimizer, weights, recipe.discriminator_lr * rate, recipe.clip)
        self.judged_steps += 1
        return gradient

    def draw_n_q(self, n: int, generator: torch.Generator) -> Tensor:
        """Quantizer dropout: int64 [n], the codebooks of each example; 0 for those that pass by all."""
        recipe = self.recipe
        choices = torch.tensor(recipe.n_q_choices or range(1, recipe.model.n_q + 1))
        drawn = choices[torch.randint(len(choices), (n,), generator=generator)]
        full = torch.full((n,), recipe.model.n_q)
        n_q = torch.where(torch.rand(n, generator=generator) < recipe.dropout, drawn, full)
        if recipe.unquantized:
            n_q[torch.rand(n, generator=generator) < recipe.unquantized] = 0
        return n_q.to(self.device)

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
                # In the weight's own layout: the fused optimizer goes by places in memory, not by indices.
                weight.grad = torch.empty_like(weight).copy_(grad.view_as(weight))
        if clip:
            nn.utils.clip_grad_norm_(used, clip)
        for group in optimizer.param_groups:
            group["lr"] = lr * group.get("factor", 1.0)
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
    validations: int = 0,
) -> None:
    """Run a recipe into the folder `out`, going on from the checkpoint that lies there, if any.

    A new run starts from the weights in the model folder `init`, where given, and quantizes from step 0.
    Writes `last.pt` (the checkpoint) and `log.csv`, and measures `validations` times, evenly spread, the last
    time at the end, into `validation.csv`. Raises UsageError where the losses stop being numbers or the
    codebooks collapse.
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
        elif recipe.trains != "all":
            raise UsageError(f"name the model folder whose {recipe.trains} is to be trained with --init")
        clips: Clips = {}
        if validations and rank() == 0:
            clips = load_clips(sources, recipe.model.sample_rate)
        run(trainer, out, clips, validations)


def run(trainer: Trainer, out: Path, clips: Clips, validations: int) -> None:
    """Step until the recipe's end, or until SIGTERM or SIGINT; the first process logs, measures and saves."""
    recipe, first = trainer.recipe, rank() == 0
    checkpoint, log, measured = out / "last.pt", out / "log.csv", out / "validation.csv"
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if first:
        logs.rewind(log, LOG_COLUMNS, trainer.step)
        logs.rewind(measured, VALIDATION_COLUMNS, trainer.step)
    # A run that was made longer is validated again in the part that it gained.
    trainer.validated = min(trainer.validated, trainer.progress())
    start = trainer.audio_seconds, trainer.elapsed
    sums: dict[str, Tensor] = {}
    logged, since = trainer.step, trainer.elapsed
    clock = time.monotonic, time.process_time
    saved = time.monotonic()
    wall, cpu = (read() for read in clock)
    bar = tqdm(
        total=1.0, disable=None if first else True, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
    )
    while True:
        progress = trainer.progress(stopped.is_set())
        done = min(progress, 1.0)
        if first and progress < inf and int(done * validations) > int(trainer.validated * validations):
            rows = validate(averaged(trainer.state_dict()), clips).rows
            logs.append(measured, VALIDATION_COLUMNS, [{**trainer.spent(), **row} for row in rows])
            trainer.validated = done
            save(trainer, checkpoint)
            wall, cpu = (read() for read in clock)  # the time of a validation is not the run's
        bar.update(done - bar.n)
        if progress >= 1:
            break
        for name, value in trainer.train_step(progress).items():
            sums[name] = sums.get(name, 0) + value.detach()
        now = [read() for read in clock]
        trainer.elapsed += now[0] - wall
        trainer.cpu_elapsed += now[1] - cpu
        wall, cpu = now
        if trainer.step % LOG_EVERY == 0:
            steps = trainer.step - logged
            means = {name: float(value) / steps for name, value in sums.items()}
            if not all(map(isfinite, means.values())):
                raise UsageError(
                    f"step {trainer.step}: a loss is not a number; lower lr or resume an older checkpoint"
                )
            rate = steps * trainer.seconds_a_step / (trainer.elapsed - since)
            sums, logged, since = {}, trainer.step, trainer.elapsed
            if first:
                row = {
                    **trainer.spent(),
                    "audio_per_second": round(rate, 1),
                    "lr": recipe.lr * trainer.rate(progress),
                    **{name: round(value, 5) for name, value in means.items()},
                }
                logs.append(log, LOG_COLUMNS, [row])
                bar.set_postfix(
                    step=trainer.step,
                    mel=f"{means['mel_log']:.3f}",
                    wave=f"{means['wave']:.3f}",
                    x=f"{rate:.0f}",
                )
            grace = trainer.step < recipe.quantizer_start + COLLAPSE_GRACE
            if not grace and means.get("evenness", 1) < COLLAPSED:
                raise UsageError(
                    f"step {trainer.step}: the codebooks collapsed, evenness {means['evenness']:.2f}; "
                    "raise quantizer_start or kmeans_frames, or lower lr"
                )
        if first and time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
            save(trainer, checkpoint)
            saved = time.monotonic()
    bar.close()
    if first:
        save(trainer, checkpoint)
        audio, seconds = trainer.audio_seconds - start[0], trainer.elapsed - start[1]
        if audio:
            rate = audio / seconds
            print(f"step {trainer.step}: {audio:.0f} s of audio, {rate:.1f} a second", file=sys.stderr)


def save(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint; the old one is there until the new one is whole."""
    temporary = path.with_suffix(".tmp")
    torch.save(trainer.state_dict(), temporary)
    temporary.replace(path)
