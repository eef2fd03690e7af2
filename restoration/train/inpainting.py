"""Train the house inpainter: fill holes so that they are near the truth and look like the rest of the photograph.

The loss is an absolute distance inside the hole (its rim included), plus one of VGG features on a part of each picture.
Towards the end a patch discriminator with spectral norm joins, for the texture that regression smooths away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from restoration.models.nets import house_inpainter
from restoration.train import loop
from restoration.train.data import find_photos
from restoration.train.features import VggFeatures
from restoration.train.holes import Holes
from restoration.train.loop import Judged, Schedule, Stage
from restoration.train.samples import FIRST_SAMPLE


@dataclass(frozen=True)
class Config(Schedule):
    """Everything a run depends on.

    ``gray_share`` of the crops are gray or tinted. From the share ``feature_from`` of the run on, features are compared
    on a part of ``feature_side`` pixels round the hole.
    """

    stages: tuple[Stage, ...] = (Stage(0.6, 128, 128, 12), Stage(1.0, 192, 192, 5))
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    adversarial_from: float = 0.75
    adversarial_weight: float = 0.004
    gray_share: float = 0.75
    feature_weight: float = 0.05
    feature_side: int = 64
    feature_from: float = 0.5


def read_config(path: Path) -> Config:
    """Read a configuration. :raises UsageError: see :func:`restoration.train.loop.read_config`."""
    return loop.read_config(path, Config)


class Trainer(loop.Run[Config]):
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        """:param init: weights to start from, as they are shipped."""
        loop.start(config, device)
        net = house_inpainter.build(**config.net)
        if init:
            net.load_state_dict({key: value.float() for key, value in load_file(str(init)).items()})
        super().__init__(config, folder, net, device)
        self.features = VggFeatures().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.families = find_photos([Path(f) for f in config.folders])

    def samples(self, stage: Stage) -> Holes:
        """Pictures with holes, of the stage's size."""
        size = (stage.height, stage.width)
        return Holes(self.families, size, self.config.gray_share, self.config.seed, 2**31)

    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """Loss of the filled pictures; the discriminator sees them whole."""
        given, truth = batch
        with loop.half_precision(self.device):
            made = self.net(given.contiguous(memory_format=torch.channels_last)).float()
        mask = given[:, 3:]
        loss = ((made - truth).abs() * mask).sum() / (3 * mask.sum()).clamp(min=1)
        if self.progress.share >= self.config.feature_from:
            made_part, true_part = self._parts(made, mask), self._parts(truth, mask)
            loss = loss + self.config.feature_weight * self.features(made_part, true_part)
        return Judged(loss, truth, made)

    def _parts(self, pictures: Tensor, masks: Tensor) -> Tensor:
        """Of each picture the part round the middle of its hole, ``feature_side`` pixels."""
        side = self.config.feature_side
        height, width = pictures.shape[2:]
        parts = []
        for picture, mask in zip(pictures, masks, strict=True):
            middle = mask[0].nonzero().float().mean(0)
            top = int(min(max(float(middle[0]) - side / 2, 0), height - side))
            left = int(min(max(float(middle[1]) - side / 2, 0), width - side))
            parts.append(picture[:, top : top + side, left : left + side])
        return torch.stack(parts)

    def shipped(self) -> dict[str, Tensor]:
        """The averaged weights in fp16."""
        return {key: value.half().contiguous().cpu() for key, value in self.average.state_dict().items()}

    @torch.no_grad()
    def write_sheet(self, path: Path) -> None:
        """Twelve pictures that stay the same through the run: the hole, diffusion, the net, the truth."""
        columns = []
        holes = self.samples(Stage(1.0, 192, 192, 1))
        for number in range(12):
            given, truth = holes[FIRST_SAMPLE + number]
            made = self.average(given[None].to(self.device)).float().cpu()[0]
            shown = torch.where(given[3:] > 0, torch.tensor(1.0), given[:3])
            columns.append(torch.cat([shown, given[:3], made, truth], dim=2))
        sheet = torch.cat([torch.cat(columns[at::2], dim=1) for at in range(2)], dim=2)
        pixels = ((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        if not cv2.imwrite(str(path), np.ascontiguousarray(pixels[:, :, ::-1])):
            raise OSError(f"OpenCV could not write {path}")
