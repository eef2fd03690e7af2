"""Train the house denoiser: take off what film, scanner and file added, and nothing else.

The loss is a Charbonnier distance of the colours, one of their luma, where people see noise and softness first, and one
of luma's steps between neighbouring pixels, which keeps edges. There is no discriminator: it would invent texture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from restoration.models.nets import house_denoiser
from restoration.train import loop
from restoration.train.data import find_photos
from restoration.train.denoising_crops import Spoiling, SpoiltCrops
from restoration.train.loop import Judged, Schedule, Stage
from restoration.train.samples import FIRST_SAMPLE

_LUMA = (0.299, 0.587, 0.114)
_SMOOTH = 1e-3
"""Distances below this (one level of 255 is 0.008) count by their square: what is nearly right is not pushed about."""


@dataclass(frozen=True)
class Config(Schedule):
    """Everything a run depends on. ``gray_share``, ``clean_share`` and ``soft_share`` as in
    :class:`restoration.train.denoising_crops.Spoiling`; ``luma_weight`` and ``step_weight`` weigh luma's distance and
    that of its steps against the colours' own.
    """

    stages: tuple[Stage, ...] = (Stage(0.5, 96, 96, 16), Stage(1.0, 128, 128, 16))
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    adversarial_from: float = 2.0
    gray_share: float = 0.65
    clean_share: float = 0.15
    soft_share: float = 0.1
    luma_weight: float = 1.0
    step_weight: float = 0.3


def read_config(path: Path) -> Config:
    """Read a configuration. :raises UsageError: see :func:`restoration.train.loop.read_config`."""
    return loop.read_config(path, Config)


class Trainer(loop.Run[Config]):
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        """:param init: weights to start from, as they are shipped."""
        loop.start(config, device)
        net = house_denoiser.build(**config.net)
        if init:
            net.load_state_dict({key: value.float() for key, value in load_file(str(init)).items()})
        super().__init__(config, folder, net, device)
        self.families = find_photos([Path(f) for f in config.folders])

    def samples(self, stage: Stage) -> SpoiltCrops:
        """Spoilt crops of the stage's size."""
        how = Spoiling(self.config.gray_share, self.config.clean_share, self.config.soft_share)
        return SpoiltCrops(self.families, how, (stage.height, stage.width), self.config.seed, 2**31)

    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """Loss of one batch."""
        given, truth = batch
        with loop.half_precision(self.device):
            made = self.net(given.contiguous(memory_format=torch.channels_last)).float()
        return Judged(self.loss(made, truth), truth, made)

    def loss(self, made: Tensor, truth: Tensor) -> Tensor:
        """See the module's docstring. N x 3 x H x W each."""
        colours = made - truth
        luma = torch.einsum("nchw,c->nhw", colours, torch.tensor(_LUMA, device=colours.device))
        steps = _distance(luma.diff(dim=1)) + _distance(luma.diff(dim=2))
        return _distance(colours) + self.config.luma_weight * _distance(luma) + self.config.step_weight * steps

    def shipped(self) -> dict[str, Tensor]:
        """The averaged weights in fp16."""
        return {key: value.half().contiguous().cpu() for key, value in self.average.state_dict().items()}

    @torch.no_grad()
    def write_sheet(self, path: Path) -> None:
        """Twelve crops that stay the same through the run: given, made, true."""
        crops = self.samples(Stage(1.0, 128, 128, 1))
        rows = []
        for number in range(12):
            given, truth = crops[FIRST_SAMPLE + number]
            made = self.average(given[None].to(self.device)).float().cpu()[0]
            rows.append(torch.cat([given, made, truth], dim=2))
        sheet = torch.cat([torch.cat(rows[at::3], dim=1) for at in range(3)], dim=2)
        pixels = ((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        if not cv2.imwrite(str(path), np.ascontiguousarray(pixels[:, :, ::-1])):
            raise OSError(f"OpenCV could not write {path}")


def _distance(difference: Tensor) -> Tensor:
    """Mean Charbonnier distance: absolute, but smooth at 0, where it is 0."""
    return ((difference.square() + _SMOOTH**2).sqrt() - _SMOOTH).mean()
