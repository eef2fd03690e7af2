"""Train the house colorizer: regression of chroma as the eye sees it, then a small adversarial term for livelier ones.

The loss is the chroma part of CIEDE2000 on two scales, weighted towards skin and saturated truth (else the median of
all garments is gray); from ``adversarial_from`` of the way a patch discriminator (hinge, spectral norm) on (L, ab)
joins. A run goes through stages of growing resolution: small whole photographs first, because composition tells
colours apart better than texture does.
"""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.loading import LoadedModels
from restoration.models.nets import house_colorizer
from restoration.models.nets.blocks import fold_batch_norm
from restoration.models.nets.house_colorizer import AB_SCALE
from restoration.train import loop
from restoration.train.data import AgedCrops, Sampling, find_photos
from restoration.train.loop import Judged, Schedule, Stage
from restoration.train.samples import write_sheet
from restoration.train.skin import SkinFinder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config(Schedule):
    """Everything a run depends on. Read from TOML by :func:`read_config`; unknown keys are refused.

    ``skin_weight``: by how much more an error on somebody's skin counts. ``ita_weights``: how often people of an ITA
    group are drawn within their family, against 1 for all others. ``chroma_gain`` multiplies the chroma of the saved
    weights: regression paints duller than the truth. ``mean_share`` of the loss is :func:`mean_loss`, in which
    saturated truth weighs up to ``1 + mean_weight``.
    """

    stages: tuple[Stage, ...] = (Stage(0.85, 160, 128, 24), Stage(1.0, 224, 192, 12, smallest=0.75))
    aged_share: float = 0.7
    severity: float = 0.6
    chroma_weight: float = 0.6
    skin_weight: float = 0.0
    coarse_weight: float = 0.5
    mean_share: float = 0.0
    mean_weight: float = 3.0
    chroma_gain: float = 1.0
    family_weights: dict[str, float] = field(default_factory=dict)
    ita_weights: dict[str, float] = field(default_factory=dict)


def read_config(path: Path) -> Config:
    """Read a configuration. :raises UsageError: see :func:`restoration.train.loop.read_config`."""
    return loop.read_config(path, Config)


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


_MEAN_UP_TO = 25.0
"""Errors of a* and b* up to this are squared in :func:`mean_loss`, larger ones count in proportion."""


def mean_loss(predicted: Tensor, truth: Tensor, skin: Tensor, config: Config) -> Tensor:
    """Tenths of the Huber distance of ab/110 (N x 2 x H x W), on two scales.

    CIEDE2000 is smallest at the median of what a place may be, and that is gray if more than half of all things there
    are; this is smallest near their mean, which keeps the hue. Saturated truth weighs up to ``1 + mean_weight`` times
    more, skin (N x 1 x H x W in [0, 1]) ``1 + skin_weight``.
    """
    saturated = (truth.norm(dim=1, keepdim=True) * AB_SCALE / 40.0).clamp(max=1.0)
    weight = (1.0 + config.mean_weight * saturated) * (1.0 + config.skin_weight * skin)
    weight = weight / weight.mean().detach()
    fine = (weight * _huber(predicted, truth)).mean()
    coarse = (F.avg_pool2d(weight, 8) * _huber(F.avg_pool2d(predicted, 8), F.avg_pool2d(truth, 8))).mean()
    total: Tensor = (fine + config.coarse_weight * coarse) / 10.0
    return total


def _huber(predicted: Tensor, truth: Tensor) -> Tensor:
    gap = F.smooth_l1_loss(predicted * AB_SCALE, truth * AB_SCALE, reduction="none", beta=_MEAN_UP_TO)
    return gap.sum(dim=1, keepdim=True)


def painted_loss(predicted: Tensor, truth: Tensor, skin: Tensor, config: Config) -> Tensor:
    """:func:`chroma_loss` and, as far as the configuration says, :func:`mean_loss`."""
    seen = chroma_loss(predicted, truth, skin, config)
    if not config.mean_share:
        return seen
    return (1 - config.mean_share) * seen + config.mean_share * mean_loss(predicted, truth, skin, config)


class Trainer(loop.Run[Config]):
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        """:param init: weights to start from, as they are shipped: fine-tuning on another collection."""
        loop.start(config, device)
        self.config = config
        super().__init__(config, folder, self.fresh(init), device)
        self._crops: AgedCrops | None = None

    def fresh(self, init: Path | None) -> nn.Module:
        """The net to begin with."""
        net = house_colorizer.build(**self.config.net, folded=init is not None)
        if init:
            net.load_state_dict({key: value.float() for key, value in load_file(str(init)).items()})
        return net

    def samples(self, stage: Stage) -> AgedCrops:
        """Aged crops; the photographs are read once a run."""
        config = self.config
        sampling = Sampling(
            stage.height, stage.width, stage.smallest, aged_share=config.aged_share, severity=config.severity
        )
        if self._crops is None:
            self._crops = AgedCrops(
                find_photos([Path(f) for f in config.folders]),
                config.family_weights,
                sampling=sampling,
                seed=config.seed,
                length=2**31,
                finder=self._finder(),
                ita_weights=config.ita_weights,
            )
        self._crops.sampling = sampling
        return self._crops

    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """Loss of the predicted chroma; the discriminator sees luminance and chroma at half size."""
        aged, truth, lightness, skin = batch
        with torch.autocast(self.device.type, torch.bfloat16):
            predicted = self.net(aged.contiguous(memory_format=torch.channels_last)).float()
        loss = painted_loss(predicted, truth, skin, self.config)
        return Judged(loss, _shown(lightness, truth), _shown(lightness, predicted))

    def shipped(self) -> dict[str, Tensor]:
        """See :func:`shipped`."""
        return shipped(self.average, self.config.chroma_gain)

    def write_sheet(self, path: Path) -> None:
        """Given, painted and true crops that stay the same through the run."""
        write_sheet(self.average, self.samples(self.progress.stage), path, self.device)

    def _finder(self) -> SkinFinder | None:
        """None where the configuration gives skin no weight: then no detector is needed."""
        if not (self.config.skin_weight or self.config.ita_weights):
            return None
        log.info("looking for faces in the photographs")
        detector = LoadedModels(device="cpu", threads=self.config.threads).load("centerface")
        return SkinFinder(detector, self.folder / "faces.json")


def shipped(net: nn.Module, chroma_gain: float, *, channels: int | None = None) -> dict[str, Tensor]:
    """Weights as they are shipped: batch normalisation folded in, chroma multiplied, fp16, on the CPU.

    :param channels: so many of the head's answers are chroma; all of them where None.
    """
    folded = fold_batch_norm(deepcopy(net))
    weights = {key: value.clone() for key, value in folded.state_dict().items()}
    for key in ("head.weight", "head.bias"):
        weights[key][:channels] *= chroma_gain
    return {key: value.half().contiguous().cpu() for key, value in weights.items()}


def _shown(lightness: Tensor, ab: Tensor) -> Tensor:
    """What the discriminator sees: half size, ab brought to the range of L."""
    return F.avg_pool2d(torch.cat([lightness, ab * 2.0], dim=1), 2)
