"""What every training run of this project shares: stages, learning rate, adversarial steps, averaging, checkpoints.

A run is described by a configuration (a :class:`Schedule` with its net's own additions), lives in one folder, and goes
on from its checkpoint. One configuration and one seed give one file on one device; where a wall-clock limit shortens a
run, its ``run.json`` names the steps that were made.
"""

from __future__ import annotations

import json
import logging
import os
import time
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import DataLoader, Dataset, Subset

from restoration.errors import UsageError

log = logging.getLogger(__name__)

COUNTERS = ("step", "samples", "seconds")
"""What a checkpoint keeps of a run's :class:`Progress`."""

PARTS = ("net", "average", "judge", "optimiser", "judge_optimiser")
"""What a checkpoint keeps of a run besides."""


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
class Schedule:
    """What every configuration has.

    ``steps`` end a run, or ``max_minutes`` of wall clock where that is above 0. From the share ``adversarial_from`` on
    a discriminator takes part with ``adversarial_weight``. ``average`` is the decay of the averaged weights, which are
    the ones that are saved.
    """

    folders: tuple[str, ...]
    steps: int = 8000
    stages: tuple[Stage, ...] = (Stage(1.0, 160, 128, 24),)
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: int = 200
    average: float = 0.999
    adversarial_from: float = 0.8
    adversarial_weight: float = 0.01
    seed: int = 20261121
    max_minutes: float = 0.0
    threads: int = 0
    workers: int = 1
    save_every: int = 250
    sheet_every: int = 1000
    net: dict[str, Any] = field(default_factory=dict)


C = TypeVar("C", bound=Schedule)


def read_config(path: Path, kind: type[C]) -> C:
    """Read a configuration of the given kind from TOML.

    :raises UsageError: the file is missing, is no TOML, holds an unknown key, or its stages make no sense.
    """
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a training configuration: {error}") from error
    unknown = set(body) - {f.name for f in fields(kind)}
    if unknown:
        raise UsageError(f"{path} has unknown keys: {', '.join(sorted(unknown))}")
    stages = _stages(body.pop("stages", []), path) or kind.stages
    # TOML has lists where a configuration, which may not change, has tuples
    settled: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in body.items()}
    return kind(**{**settled, "stages": stages, "folders": tuple(body.get("folders", ()))})


def _stages(tables: list[dict[str, Any]], path: Path) -> tuple[Stage, ...]:
    try:
        stages = tuple(Stage(**table) for table in tables)
    except TypeError as error:
        needs = "a stage needs until, height, width, batch and, if wanted, smallest"
        raise UsageError(f"{path}: {needs}: {error}") from error
    if stages and (stages[-1].until != 1.0 or any(a.until >= b.until for a, b in pairwise(stages))):
        raise UsageError(f"{path}: the stages' `until` must rise and end at 1.0")
    return stages


class PatchDiscriminator(nn.Module):
    """Judges patches as photographed or made; N x 3 x H x W to N x 1 x H/8 x W/8. Spectral norm keeps it smooth."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(inside, outside, 4, 2, 1)), nn.LeakyReLU(0.2)]
        layers.append(spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Higher means more like a photograph."""
        score: Tensor = self.layers(pictures)
        return score


@dataclass
class Progress:
    """Where a run stands: steps made, samples drawn, and the share of it that is done by steps or by the clock."""

    config: Schedule
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


@dataclass(frozen=True)
class Judged:
    """One step's own loss, and what the discriminator is shown of it: N x 3 x H x W, true and made (with gradient)."""

    loss: Tensor
    true: Tensor
    made: Tensor


class Run(ABC, Generic[C]):
    """One training run in one folder: ``checkpoint.pt``, ``weights.safetensors``, ``run.json`` and ``samples/``."""

    def __init__(self, config: C, folder: Path, net: nn.Module, device: str) -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)
        self.net = net.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average = deepcopy(self.net).eval().requires_grad_(False)
        self.judge = PatchDiscriminator().to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.groups(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        self.judge_optimiser = torch.optim.AdamW(self.judge.parameters(), lr=4e-4, betas=(0.5, 0.98))
        self.progress = Progress(config)

    def groups(self) -> list[dict[str, Any]]:
        """What the optimiser changes, in groups; ``share`` of a group is that of the learning rate it gets."""
        return [{"params": list(self.net.parameters()), "share": 1.0}]

    @abstractmethod
    def samples(self, stage: Stage) -> Dataset[tuple[Tensor, ...]]:
        """The run's samples at a stage's size; item ``i`` must depend on ``i`` and the seed alone."""

    @abstractmethod
    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """The loss of one batch, which is on the device already."""

    @abstractmethod
    def shipped(self) -> dict[str, Tensor]:
        """The averaged weights in the form in which they are shipped."""

    @abstractmethod
    def write_sheet(self, path: Path) -> None:
        """A sample sheet of the averaged net, for people."""

    def run(self) -> Path:
        """Train to the end, from the folder's checkpoint where there is one; returns the file of averaged weights."""
        self._resume()
        started = time.monotonic() - self.progress.seconds
        while self.progress.share < 1.0:
            stage = self.progress.stage
            log.info("up to %.0f %%: %d x %d, %d a step", 100 * stage.until, stage.height, stage.width, stage.batch)
            for batch in self.batches(stage):
                numbers = self.step(batch)
                self.progress.step += 1
                self.progress.samples += stage.batch
                self.progress.seconds = time.monotonic() - started
                self._report(numbers)
                if self.progress.share >= stage.until:
                    break
        self._save()
        self._write_sheet()
        return self.folder / "weights.safetensors"

    def batches(self, stage: Stage) -> Iterator[tuple[Tensor, ...]]:
        """Batches from where the run stands to its last step."""
        first = self.progress.samples
        steps_left = self.config.steps - self.progress.step
        yield from DataLoader(
            Subset(self.samples(stage), range(first, first + steps_left * stage.batch)),
            batch_size=stage.batch,
            num_workers=self.config.workers,
            pin_memory=self.device.type == "cuda",
        )

    def step(self, batch: tuple[Tensor, ...]) -> dict[str, float]:
        """One step of the net, and of the discriminator where it takes part; returns numbers for the log."""
        rate = self.progress.learning_rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        judged = self.judged(tuple(part.to(self.device, non_blocking=True) for part in batch))
        loss, numbers = judged.loss, {"loss": float(judged.loss.detach()), "rate": rate}
        if self.progress.share >= self.config.adversarial_from:
            numbers["judge"] = self._teach_judge(judged)
            opinion = self._opinion(judged.made).mean()
            loss = loss - self.config.adversarial_weight * opinion
            numbers["opinion"] = float(opinion.detach())
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        numbers["gradient"] = float(nn.utils.clip_grad_norm_(self.net.parameters(), 1.0))
        self.optimiser.step()
        self._follow()
        return {key: round(value, 5) for key, value in numbers.items()}

    def _opinion(self, pictures: Tensor) -> Tensor:
        with half_precision(self.device):
            opinion: Tensor = self.judge(pictures.contiguous(memory_format=torch.channels_last)).float()
        return opinion

    def _teach_judge(self, judged: Judged) -> float:
        true, made = self._opinion(judged.true), self._opinion(judged.made.detach())
        loss = F.relu(1 - true).mean() + F.relu(1 + made).mean()
        self.judge_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.judge_optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        rate = min(self.config.average, (1 + self.progress.step) / (10 + self.progress.step))
        for mean, now in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - rate)
            else:
                mean.copy_(now)

    def _report(self, numbers: dict[str, float]) -> None:
        step, share = self.progress.step, self.progress.share
        if step % 50 == 0:
            left = self.progress.seconds * (1 - share) / max(share, 1e-9) / 60
            log.info("step %d, %.1f %%, about %.0f minutes left: %s", step, 100 * share, left, numbers)
        if step % self.config.save_every == 0:
            self._save()
        if step % self.config.sheet_every == 0:
            self._write_sheet()

    def _write_sheet(self) -> None:
        folder = self.folder / "samples"
        folder.mkdir(exist_ok=True)
        self.write_sheet(folder / f"{self.progress.step:06d}.png")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        for name in COUNTERS:
            setattr(self.progress, name, state[name])
        log.info("going on from step %d", self.progress.step)

    def _save(self) -> None:
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in PARTS}
        state |= {name: getattr(self.progress, name) for name in COUNTERS}
        torch.save(state, self.folder / "checkpoint.pt.part")
        (self.folder / "checkpoint.pt.part").replace(self.folder / "checkpoint.pt")
        save_file(self.shipped(), str(self.folder / "weights.safetensors"))
        facts = {"step": self.progress.step, "seconds": round(self.progress.seconds), "config": asdict(self.config)}
        (self.folder / "run.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def half_precision(device: torch.device) -> torch.autocast:
    """Autocast to bf16 where the device computes in it; elsewhere it would only be slower."""
    able = device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def start(config: Schedule, device: str) -> None:
    """Seed and settle torch for a run; call it before the net is built."""
    if device.startswith("cuda"):
        # Without these the sums of cuBLAS and of the upsampling's gradient come in another order each time.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
