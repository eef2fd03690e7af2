"""Train the second house colorizer: chroma as the eye sees it, hints that somebody gave, and how unsure it is.

The loss of :mod:`restoration.train.colorizer` judges the chroma. In a share of the samples the truth is told at some
random places, as in Zhang et al. 2017 (siggraph17): how many is drawn from a geometric distribution, how large each is
from 1 to 9 pixels. Somebody who hints knows better than the net, so in a part of these samples one thing in the picture
gets another colour, in the truth and in what is told: a hint has to colour that thing, and nothing else. The expected
error is learned by a Laplace likelihood of the error that was made; it does not steer the colours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.nets import hinted_colorizer
from restoration.models.nets.house_colorizer import AB_SCALE
from restoration.train import colorizer, loop
from restoration.train.colorizer import chroma_difference, painted_loss
from restoration.train.encoder import read_encoder
from restoration.train.loop import Judged
from restoration.train.samples import write_sheet

_ERROR_SCALE = 10.0
"""Errors are told in tens of CIEDE2000."""


@dataclass(frozen=True)
class Config(colorizer.Config):
    """See :class:`restoration.train.colorizer.Config`.

    ``encoder`` is the published file of EfficientNet-Lite0. ``hinted_share`` of the samples get hints, ``hints_mean``
    of them in the mean; in ``repainted_share`` of these a thing gets another colour. ``spread_weight`` is that of the
    expected error. The encoder learns too, at ``encoder_rate`` of the learning rate; at 0 it stays as it was published.
    ``compiled`` needs a C++ compiler.
    """

    encoder: str = ""
    encoder_rate: float = 0.0
    compiled: bool = False
    hinted_share: float = 0.35
    hints_mean: float = 8.0
    repainted_share: float = 0.0
    spread_weight: float = 0.02


def read_config(path: Path) -> Config:
    """Read a configuration. :raises UsageError: see :func:`restoration.train.loop.read_config`."""
    return loop.read_config(path, Config)


class Trainer(colorizer.Trainer):
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    config: Config

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        """:param init: weights to start from, as they are shipped."""
        super().__init__(config, folder, init=init, device=device)
        self.asked = torch.compile(self.net, dynamic=False) if config.compiled else self.net
        self.chance = torch.Generator()

    def fresh(self, init: Path | None) -> nn.Module:
        """The net to begin with."""
        config = self.config
        net = hinted_colorizer.build(**config.net, folded=init is not None)
        if init:
            net.load_state_dict({key: value.float() for key, value in load_file(str(init)).items()})
        elif config.encoder:
            net.encoder.load_state_dict(read_encoder(Path(config.encoder)))
        net.encoder.requires_grad_(config.encoder_rate > 0)
        return net

    def groups(self) -> list[dict[str, Any]]:
        """The encoder's weights learn at a rate of their own."""
        seeing = list(cast(hinted_colorizer.HintedColorizer, self.net).encoder.parameters())
        known = {id(weight) for weight in seeing}
        painting = [weight for weight in self.net.parameters() if id(weight) not in known]
        return [{"params": painting, "share": 1.0}, {"params": seeing, "share": self.config.encoder_rate}]

    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """Loss of the predicted chroma and of the expected error."""
        aged, truth, lightness, skin = batch
        truth, hints = self.told(truth, lightness)
        given = torch.cat([aged, hints], dim=1)
        with loop.half_precision(self.device):
            answer = self.asked(given.contiguous(memory_format=torch.channels_last)).float()
        # chroma is painted at a quarter of the side: at half of it nothing is lost, and the loss costs a quarter
        answer, truth, skin, lightness = (F.avg_pool2d(part, 2) for part in (answer, truth, skin, lightness))
        predicted, spread = answer[:, :2], answer[:, 2:].clamp(-4, 4)
        error = chroma_difference(predicted.detach(), truth) / _ERROR_SCALE
        unsure = (error * torch.exp(-spread) + spread).mean()
        loss = painted_loss(predicted, truth, skin, self.config) + self.config.spread_weight * unsure
        return Judged(loss, _shown(lightness, truth), _shown(lightness, predicted))

    def told(self, truth: Tensor, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """The truth (N x 2 x H x W), with another colour on a thing of some samples, and the hints that tell it.

        Hints are N x 3 x H x W: the truth at some places of some samples, and 1 there.
        """
        self.chance.manual_seed(self.config.seed + self.progress.samples)
        count, _, height, width = truth.shape
        truth, places = truth.clone(), torch.zeros(count, 1, height, width)
        for number in range(count):
            if self._draw() >= self.config.hinted_share:
                continue
            if self._draw() < self.config.repainted_share:
                y, x = int(height * self._draw()), int(width * self._draw())
                truth[number] = repainted(truth[number], lightness[number], (y, x), (self._draw(), self._draw()))
                _tell(places[number], (y, x), 1 + int(9 * self._draw()))
            points = 1 + int(torch.empty(1).geometric_(1 / self.config.hints_mean, generator=self.chance).item())
            for _ in range(min(points, 100)):
                size = 1 + int(9 * self._draw())
                _tell(places[number], (int(height * self._draw()), int(width * self._draw())), size)
        places = places.to(truth.device)
        return truth, torch.cat([truth * places, places], dim=1)

    def _draw(self) -> float:
        return float(torch.rand(1, generator=self.chance))

    def shipped(self) -> dict[str, Tensor]:
        """Weights as they are shipped; the gain multiplies chroma and leaves the expected error."""
        return colorizer.shipped(self.average, self.config.chroma_gain, channels=2)

    def write_sheet(self, path: Path) -> None:
        """Given, painted and true crops that stay the same through the run; without hints."""
        write_sheet(_Unhinted(self.average), self.samples(self.progress.stage), path, self.device)


_ONE_THING = (4, 3, 3)
"""Neighbours that differ by no more than this in L*, a* and b* (each 0..255) belong to one thing."""
_STRONGEST = 50.0


def _tell(places: Tensor, centre: tuple[int, int], size: int) -> None:
    """Mark a square of ``size`` pixels around a place of a sample (1 x H x W)."""
    top, left = (max(0, at - size // 2) for at in centre)
    places[:, top : top + size, left : left + size] = 1


def repainted(ab: Tensor, lightness: Tensor, place: tuple[int, int], draws: tuple[float, float]) -> Tensor:
    """Chroma (2 x H x W, ab/110) with another colour on the thing at a place: what is joined to it by small steps.

    :param lightness: 1 x H x W, L* / 50 - 1.
    :param draws: hue and strength of the colour that is added, 0..1 each.
    """
    thing = _thing(ab, lightness, place)
    hue, strength = 2 * math.pi * draws[0], _STRONGEST * (0.2 + 0.8 * draws[1]) / AB_SCALE
    added = torch.tensor([math.cos(hue), math.sin(hue)]) * strength
    mean = (ab.cpu() * thing).sum((1, 2)) / thing.sum().clamp(min=1)
    # its own mean is taken away, else a red dress with blue added would be violet, and never blue
    changed = ab.cpu() + thing * (added - mean)[:, None, None]
    return changed.clamp(-1, 1).to(ab.device)


def _thing(ab: Tensor, lightness: Tensor, place: tuple[int, int]) -> Tensor:
    """1 x H x W, 0..1 with soft edges."""
    lab = torch.cat([lightness * 127.5 + 127.5, ab * AB_SCALE + 128]).clamp(0, 255).byte().cpu().numpy()
    picture = np.ascontiguousarray(cv2.medianBlur(np.ascontiguousarray(lab.transpose(1, 2, 0)), 3))
    mask = np.zeros((picture.shape[0] + 2, picture.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (255 << 8)
    cv2.floodFill(picture, mask, place[::-1], (0, 0, 0), _ONE_THING, _ONE_THING, flags)
    grown = cv2.morphologyEx(mask[1:-1, 1:-1], cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(np.asarray(grown, np.float32) / 255, (0, 0), 0.8)
    return torch.from_numpy(np.asarray(soft, np.float32))[None]


def _shown(lightness: Tensor, ab: Tensor) -> Tensor:
    """What the discriminator sees: ab brought to the range of L."""
    return torch.cat([lightness, ab * 2.0], dim=1)


class _Unhinted(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, luminance: Tensor) -> Tensor:
        none = torch.zeros_like(luminance).expand(-1, 3, -1, -1)
        painted: Tensor = self.net(torch.cat([luminance, none], dim=1))[:, :2]
        return painted
