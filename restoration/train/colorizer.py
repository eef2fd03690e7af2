"""Train the house colorizer: regression of chroma as the eye sees it, then a small adversarial term for livelier ones.

The loss is the chroma part of CIEDE2000, weighted towards saturated truth (else the median of all garments is gray), on
two scales; from ``adversarial_from`` of the way a patch discriminator (hinge, spectral norm) on (L, ab) joins. A run
goes through stages of growing resolution: small whole photographs first, because composition tells colours apart better
than texture does. Weights are averaged exponentially. One configuration and one seed give one file on one device; where
a wall-clock limit shortens a run, the card names the steps that were made.
"""

from __future__ import annotations

import json
import logging
import os
import time
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import DataLoader, Subset

from restoration.errors import UsageError
from restoration.models.loading import LoadedModels
from restoration.models.nets import house_colorizer
from restoration.models.nets.house_colorizer import AB_SCALE
from restoration.train.data import AgedCrops, Sample, Sampling, find_photos
from restoration.train.samples import write_sheet
from restoration.train.skin import SkinFinder

log = logging.getLogger(__name__)

COUNTERS = ("step", "samples", "seconds")
"""What a checkpoint keeps of a run's :class:`Progress`."""


@dataclass(frozen=True)
class Stage:
    """A part of a run, up to the share ``until`` of it: crops of ``height`` x ``width``, ``batch`` at a time, cut with
    sides between ``smallest`` and 1 of the largest box in the photograph.
    """

    until: float
    height: int
    width: int
    batch: int
    smallest: float = 0.5


@dataclass(frozen=True)
class Config:
    """Everything a run depends on. Read from TOML by :func:`read_config`; unknown keys are refused.

    ``skin_weight``: by how much more an error on somebody's skin counts. ``ita_weights``: how often people of an ITA
    group are drawn within their family, against 1 for all others. ``chroma_gain`` multiplies the chroma of the saved
    weights: regression paints duller than the truth.
    """

    folders: tuple[str, ...]
    steps: int = 8000
    stages: tuple[Stage, ...] = (Stage(0.85, 160, 128, 24), Stage(1.0, 224, 192, 12, smallest=0.75))
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    warmup: int = 200
    average: float = 0.999
    aged_share: float = 0.7
    severity: float = 0.6
    chroma_weight: float = 2.0
    skin_weight: float = 0.0
    coarse_weight: float = 0.5
    adversarial_from: float = 0.45
    adversarial_weight: float = 0.04
    chroma_gain: float = 1.0
    seed: int = 20261121
    max_minutes: float = 0.0
    threads: int = 0
    workers: int = 1
    save_every: int = 250
    sheet_every: int = 1000
    net: dict[str, Any] = field(default_factory=dict)
    family_weights: dict[str, float] = field(default_factory=dict)
    ita_weights: dict[str, float] = field(default_factory=dict)


def read_config(path: Path) -> Config:
    """Read a configuration.

    :raises UsageError: the file is missing, is not TOML, or holds an unknown key.
    """
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a training configuration: {error}") from error
    unknown = set(body) - {f.name for f in fields(Config)}
    if unknown:
        raise UsageError(f"{path} has unknown keys: {', '.join(sorted(unknown))}")
    try:
        stages = tuple(Stage(**stage) for stage in body.pop("stages", ())) or Config.stages
    except TypeError as error:
        raise UsageError(
            f"{path}: a stage needs until, height, width, batch and, if wanted, smallest: {error}"
        ) from error
    if stages[-1].until != 1.0 or any(a.until >= b.until for a, b in pairwise(stages)):
        raise UsageError(f"{path}: the stages' `until` must rise and end at 1.0")
    return Config(**{**body, "stages": stages, "folders": tuple(body.get("folders", ()))})


class PatchDiscriminator(nn.Module):
    """Judges patches of (L, ab) as photographed or painted; N x 3 x H x W to N x 1 x H/8 x W/8."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(inside, outside, 4, 2, 1)), nn.LeakyReLU(0.2)]
        layers.append(spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, lab: Tensor) -> Tensor:
        """Higher means more like a photograph."""
        score: Tensor = self.layers(lab)
        return score


def chroma_difference(predicted: Tensor, truth: Tensor) -> Tensor:
    """CIEDE2000 between colours of one lightness, N x 2 x H x W (ab/110) each to N x 1 x H x W, differentiable.

    Sharma, Wu and Dalal 2005 with dL = 0, and without the hue-dependent terms T and R_T, whose kinks would steer hues.
    """
    plain, true = predicted * AB_SCALE, truth * AB_SCALE
    mean_chroma = (_length(plain) + _length(true)) / 2
    seventh = mean_chroma.clamp(max=150.0) ** 7
    stretch = 1.5 - 0.5 * (seventh / (seventh + 25.0**7) + 1e-12).sqrt()
    plain = torch.cat([plain[:, :1] * stretch, plain[:, 1:]], dim=1)
    true = torch.cat([true[:, :1] * stretch, true[:, 1:]], dim=1)
    chroma, true_chroma = _length(plain), _length(true)
    mean_chroma = (chroma + true_chroma) / 2
    by_chroma = (chroma - true_chroma).square()
    by_hue = ((plain - true).square().sum(dim=1, keepdim=True) - by_chroma).clamp(min=0.0)
    difference: Tensor = (
        by_chroma / (1 + 0.045 * mean_chroma).square() + by_hue / (1 + 0.015 * mean_chroma).square() + 0.25
    ).sqrt()
    return difference


def _length(ab: Tensor) -> Tensor:
    """Length of ab vectors over channels, kept above zero so that its slope stays finite."""
    return (ab.square().sum(dim=1, keepdim=True) + 1e-2).sqrt()


def chroma_loss(predicted: Tensor, truth: Tensor, skin: Tensor, config: Config) -> Tensor:
    """Tenths of CIEDE2000 of ab/110 (N x 2 x H x W), on two scales.

    Saturated truth weighs up to ``1 + chroma_weight`` times more, skin (N x 1 x H x W in [0, 1]) ``1 + skin_weight``.
    """
    saturated = (truth.norm(dim=1, keepdim=True) * AB_SCALE / 40.0).clamp(max=1.0)
    weight = (1.0 + config.chroma_weight * saturated) * (1.0 + config.skin_weight * skin)
    fine = (weight * chroma_difference(predicted, truth)).mean()
    coarse_gap = chroma_difference(F.avg_pool2d(predicted, 8), F.avg_pool2d(truth, 8))
    coarse = (F.avg_pool2d(weight, 8) * coarse_gap).mean()
    total: Tensor = (fine + config.coarse_weight * coarse) / 10.0
    return total


@dataclass
class Progress:
    """Where a run stands: steps made, samples drawn, and the share of it that is done by steps or by the clock."""

    config: Config
    step: int = 0
    samples: int = 0
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """0 at the start, 1 when done."""
        by_clock = self.seconds / (60 * self.config.max_minutes) if self.config.max_minutes > 0 else 0.0
        return min(1.0, max(self.step / self.config.steps, by_clock))

    @property
    def stage(self) -> Stage:
        """The stage that the next step belongs to."""
        return next((s for s in self.config.stages if self.share < s.until), self.config.stages[-1])

    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to 2 %."""
        peak = self.config.learning_rate
        if self.step < self.config.warmup:
            return peak * (self.step + 1) / self.config.warmup
        return peak * (0.02 + 0.98 * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * self.share)))))


class Trainer:
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        if self.device.type == "cuda":
            # Without these the sums of cuBLAS and of the upsampling's gradient come in another order each time.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.net = house_colorizer.build(**config.net, folded=init is not None)
        if init:
            self.net.load_state_dict({k: v.float() for k, v in load_file(str(init)).items()})
        self.net.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average = deepcopy(self.net).eval().requires_grad_(False)
        self.judge = PatchDiscriminator().to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        self.judge_optimiser = torch.optim.AdamW(self.judge.parameters(), lr=4e-4, betas=(0.5, 0.98))
        self.progress = Progress(config)

    def run(self) -> Path:
        """Train to the end; returns the file of averaged weights (fp16 safetensors)."""
        self._resume()
        started = time.monotonic() - self.progress.seconds
        while self.progress.share < 1.0:
            stage = self.progress.stage
            log.info("stage up to %.0f %%: %d x %d pixels, %d a step", 100 * stage.until, *_shape(stage), stage.batch)
            for batch in self._batches(stage):
                numbers = self._step(batch)
                self.progress.step += 1
                self.progress.samples += stage.batch
                self.progress.seconds = time.monotonic() - started
                if self.progress.step % 50 == 0:
                    log.info("step %d, %.1f %%: %s", self.progress.step, 100 * self.progress.share, numbers)
                if self.progress.step % self.config.save_every == 0:
                    self._save()
                if self.progress.step % self.config.sheet_every == 0:
                    self._write_sheet()
                if self.progress.share >= stage.until:
                    break
        self._save()
        self._write_sheet()
        return self.folder / "weights.safetensors"

    def _batches(self, stage: Stage) -> Iterator[Sample]:
        config = self.config
        height, width = _shape(stage)
        sampling = Sampling(height, width, stage.smallest, aged_share=config.aged_share, severity=config.severity)
        if not hasattr(self, "photos"):
            self.photos = AgedCrops(
                find_photos([Path(f) for f in config.folders]),
                config.family_weights,
                sampling=sampling,
                seed=config.seed,
                length=2**31,
                finder=self._finder(),
                ita_weights=config.ita_weights,
            )
        self.photos.sampling = sampling
        first = self.progress.samples
        steps_left = config.steps - self.progress.step
        loader = DataLoader(
            Subset(self.photos, range(first, first + steps_left * stage.batch)),
            batch_size=stage.batch,
            num_workers=config.workers,
            pin_memory=self.device.type == "cuda",
        )
        yield from loader

    def _finder(self) -> SkinFinder | None:
        """None where the configuration gives skin no weight: then no detector is needed."""
        if not (self.config.skin_weight or self.config.ita_weights):
            return None
        log.info("looking for faces in the photographs")
        return SkinFinder(
            LoadedModels(device="cpu", threads=self.config.threads).load("centerface"), self.folder / "faces.json"
        )

    def _step(self, batch: Sample) -> dict[str, float]:
        aged, truth, lightness, skin = (part.to(self.device, non_blocking=True) for part in batch)
        rate = self.progress.learning_rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        adversarial = self.progress.share >= self.config.adversarial_from
        with torch.autocast(self.device.type, torch.bfloat16):
            predicted = self.net(aged.contiguous(memory_format=torch.channels_last)).float()
        loss = chroma_loss(predicted, truth, skin, self.config)
        numbers = {"loss": float(loss.detach()), "rate": rate}
        if adversarial:
            numbers["judge"] = self._teach_judge(lightness, predicted.detach(), truth)
            with torch.autocast(self.device.type, torch.bfloat16):
                opinion = self.judge(_judged(lightness, predicted)).float().mean()
            loss = loss - self.config.adversarial_weight * opinion
            numbers["opinion"] = float(opinion.detach())
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        numbers["gradient"] = float(nn.utils.clip_grad_norm_(self.net.parameters(), 1.0))
        self.optimiser.step()
        self._follow()
        return {key: round(value, 5) for key, value in numbers.items()}

    def _teach_judge(self, lightness: Tensor, painted: Tensor, truth: Tensor) -> float:
        with torch.autocast(self.device.type, torch.bfloat16):
            real = self.judge(_judged(lightness, truth)).float()
            fake = self.judge(_judged(lightness, painted)).float()
        loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        self.judge_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.judge_optimiser.step()
        return float(loss.detach())

    def _write_sheet(self) -> None:
        """The averaged net on a few crops that stay the same through the run, as ``samples/<step>.png``."""
        folder = self.folder / "samples"
        folder.mkdir(exist_ok=True)
        write_sheet(self.average, self.photos, folder / f"{self.progress.step:06d}.png", self.device)

    @torch.no_grad()
    def _follow(self) -> None:
        rate = min(self.config.average, (1 + self.progress.step) / (10 + self.progress.step))
        for mean, now in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - rate)
            else:
                mean.copy_(now)

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name in ("net", "average", "judge", "optimiser", "judge_optimiser"):
            getattr(self, name).load_state_dict(state[name])
        for name in COUNTERS:
            setattr(self.progress, name, state[name])
        log.info("going on from step %d", self.progress.step)

    def _save(self) -> None:
        names = ("net", "average", "judge", "optimiser", "judge_optimiser")
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in names}
        state |= {name: getattr(self.progress, name) for name in COUNTERS}
        torch.save(state, self.folder / "checkpoint.pt.part")
        (self.folder / "checkpoint.pt.part").replace(self.folder / "checkpoint.pt")
        save_file(shipped(self.average, self.config.chroma_gain), str(self.folder / "weights.safetensors"))
        facts = {"step": self.progress.step, "seconds": round(self.progress.seconds), "config": asdict(self.config)}
        (self.folder / "run.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def shipped(net: nn.Module, chroma_gain: float) -> dict[str, Tensor]:
    """Weights as they are shipped: batch normalisation folded in, chroma multiplied, fp16, on the CPU."""
    folded = house_colorizer.fold_batch_norm(deepcopy(net))
    weights = {key: value.clone() for key, value in folded.state_dict().items()}
    for key in ("head.weight", "head.bias"):
        weights[key] *= chroma_gain
    return {key: value.half().contiguous().cpu() for key, value in weights.items()}


def _shape(stage: Stage) -> tuple[int, int]:
    return stage.height, stage.width


def _judged(lightness: Tensor, ab: Tensor) -> Tensor:
    """What the discriminator sees: half size, ab brought to the range of L."""
    return F.avg_pool2d(torch.cat([lightness, ab * 2.0], dim=1), 2).contiguous(memory_format=torch.channels_last)
