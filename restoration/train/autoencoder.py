"""Train the seed autoencoder as its authors did: gray to RGB, mean squared error, Adam, batches of 128, 80:20 split.

Two figures are reported on the held-out fifth: the mean squared error on [-1, 1], and the agreement that Keras calls
accuracy when it is asked for one on a regression (the share of pixels whose largest channel is the same). The split is
by photograph name, one person each in the portrait folders. Because a CPU is slow at 224 x 184, a first share of the
time can be spent at half size: the net is fully convolutional.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from restoration.models.nets import seed_autoencoder
from restoration.train.data import find_photos, read_small

log = logging.getLogger(__name__)

HALF_SIZE = (112, 96)
"""Height and width of the cheap first part of a run; multiples of 8, as the net needs."""


@dataclass(frozen=True)
class Config:
    """A run: ``minutes`` of wall clock, of which ``half_size_share`` at 112 x 96."""

    folders: tuple[str, ...]
    minutes: float = 40.0
    half_size_share: float = 0.7
    batch: int = 128
    learning_rate: float = 1e-3
    seed: int = 20261121
    threads: int = 0


def held_out(path: Path) -> bool:
    """Whether a photograph belongs to the held-out fifth, by the hash of its name."""
    return hashlib.sha256(path.stem.encode()).digest()[0] < 51


def load_photos(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """All photographs stretched to 224 x 184, N x 224 x 184 x 3 uint8 RGB."""
    height, width = seed_autoencoder.SIZE
    resized = [cv2.resize(read_small(p, 256), (width, height), interpolation=cv2.INTER_AREA) for p in paths]
    return np.stack(resized).astype(np.uint8)


def to_pair(photos: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Gray N x 1 x H x W in [0, 1] (Rec. 601) and RGB N x 3 x H x W in [-1, 1], at ``size``."""
    rgb = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255.0
    if size != seed_autoencoder.SIZE:
        rgb = F.interpolate(rgb, size=size, mode="area")
    gray = (rgb * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return gray, rgb * 2 - 1


@torch.no_grad()
def evaluate(net: torch.nn.Module, photos: NDArray[np.uint8]) -> dict[str, float]:
    """Mean squared error on [-1, 1] and argmax-channel agreement, over photographs at full size."""
    error, agreement = 0.0, 0.0
    for start in range(0, len(photos), 16):
        gray, truth = to_pair(photos[start : start + 16], seed_autoencoder.SIZE)
        with torch.autocast("cpu", torch.bfloat16):
            painted = net(gray).float()
        error += float(F.mse_loss(painted, truth, reduction="sum"))
        agreement += float((painted.argmax(dim=1) == truth.argmax(dim=1)).float().sum())
    pixels = len(photos) * seed_autoencoder.SIZE[0] * seed_autoencoder.SIZE[1]
    return {"mse": error / (3 * pixels), "argmax_agreement": agreement / pixels}


def train(config: Config, folder: Path) -> Path:
    """Train for the configured time; returns the weights' file (fp16 safetensors) beside ``run.json``."""
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [p for family in find_photos([Path(f) for f in config.folders]).values() for p in family]
    learn = load_photos([p for p in paths if not held_out(p)])
    check = load_photos([p for p in paths if held_out(p)])
    net = seed_autoencoder.build().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(net.parameters(), lr=config.learning_rate)
    started, seen = time.monotonic(), 0
    while (share := (time.monotonic() - started) / (60 * config.minutes)) < 1.0:
        full = share >= config.half_size_share
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * (1.0 if share < 0.6 else 0.3 if share < 0.85 else 0.1)
        chosen = learn[rng.integers(0, len(learn), config.batch)]
        height, width = seed_autoencoder.SIZE
        gray, truth = to_pair(chosen, (height, width) if full else HALF_SIZE)
        loss = _descend(net, optimiser, gray, truth, parts=8 if full else 2)
        seen += config.batch
        if (seen // config.batch) % 20 == 0:
            log.info("%d photographs, %.0f %%: mse %.5f", seen, 100 * share, loss)
    facts = {"photographs_seen": seen, "held_out": evaluate(net.eval(), check), "config": asdict(config)}
    (folder / "run.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    path = folder / "weights.safetensors"
    save_file({k: v.half().contiguous() for k, v in net.state_dict().items()}, str(path))
    return path


def _descend(
    net: torch.nn.Module, optimiser: torch.optim.Optimizer, gray: Tensor, truth: Tensor, *, parts: int
) -> float:
    """One step of Adam on a batch taken in parts, so that it fits the memory; returns the mean loss."""
    optimiser.zero_grad(set_to_none=True)
    total = 0.0
    for g, t in zip(gray.chunk(parts), truth.chunk(parts), strict=True):
        with torch.autocast("cpu", torch.bfloat16):
            painted = net(g.contiguous(memory_format=torch.channels_last))
        loss = F.mse_loss(painted.float(), t) / parts
        torch.autograd.backward(loss)
        total += float(loss.detach())
    optimiser.step()
    return total
