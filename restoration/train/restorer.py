"""Train the house restorer: faces back from blur, lost resolution, noise and JPEG, and good faces left alone.

The loss is a Charbonnier distance of pixels plus a distance of VGG features on a part of each picture. Where whole
faces are seen, a distance of identity joins; from ``adversarial_from`` of the way a patch discriminator does, for the
texture that regression smooths away.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from restoration.models.loading import LoadedModels
from restoration.models.nets import house_restorer
from restoration.train import loop
from restoration.train.data import find_photos
from restoration.train.faces import DegradedFaces, Faults, aligned_faces
from restoration.train.features import VggFeatures
from restoration.train.identity import IdentityDistance
from restoration.train.loop import Judged, Schedule, Stage
from restoration.train.samples import FIRST_SAMPLE

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config(Schedule):
    """Everything a run depends on.

    ``feature_side`` is the side of the part of a picture whose features are compared. ``identity_weight`` counts in
    stages that show whole faces, 256 pixels a side.
    """

    stages: tuple[Stage, ...] = (Stage(0.5, 128, 128, 16), Stage(1.0, 256, 256, 6))
    learning_rate: float = 6e-4
    weight_decay: float = 0.0
    pixel_weight: float = 4.0
    feature_weight: float = 0.6
    feature_side: int = 96
    identity_weight: float = 0.2
    clean_share: float = 0.08
    gray_share: float = 0.5
    aged_share: float = 0.3


def read_config(path: Path) -> Config:
    """Read a configuration. :raises UsageError: see :func:`restoration.train.loop.read_config`."""
    return loop.read_config(path, Config)


class Trainer(loop.Run[Config]):
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        """:param init: weights to start from, as they are shipped."""
        loop.start(config, device)
        net = house_restorer.build(**config.net)
        if init:
            net.load_state_dict({key: value.float() for key, value in load_file(str(init)).items()})
        super().__init__(config, folder, net, device)
        self.features = VggFeatures().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.identity = IdentityDistance().to(self.device)
        self._faces: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None = None

    def samples(self, stage: Stage) -> DegradedFaces:
        """Degraded faces; they are found and aligned once a folder."""
        config = self.config
        if self._faces is None:
            log.info("aligning faces")
            paths = [p for family in find_photos([Path(f) for f in config.folders]).values() for p in family]
            detector = LoadedModels(device="cpu", threads=config.threads).load("centerface")
            self._faces = aligned_faces(paths, detector, self.folder / "faces.npy")
            log.info("%d faces", len(self._faces))
        faults = Faults(config.clean_share, config.gray_share, config.aged_share)
        return DegradedFaces(self._faces, faults, (stage.height, stage.width), config.seed, 2**31)

    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """Loss of the restored faces; the discriminator sees them as they are."""
        given, truth = batch
        with torch.autocast(self.device.type, torch.bfloat16):
            made = self.net(given.contiguous(memory_format=torch.channels_last)).float()
        pixels = ((made - truth).square() + 1e-6).sqrt().mean()
        window = self._window(truth)
        with torch.autocast(self.device.type, torch.bfloat16):
            looks = self.features(made[window], truth[window])
        loss = self.config.pixel_weight * pixels + self.config.feature_weight * looks
        if self.config.identity_weight and made.shape[2:] == (house_restorer.SIDE, house_restorer.SIDE):
            loss = loss + self.config.identity_weight * self.identity(made, truth)
        return Judged(loss, truth, made)

    def shipped(self) -> dict[str, Tensor]:
        """The averaged weights in fp16."""
        return {key: value.half().contiguous().cpu() for key, value in self.average.state_dict().items()}

    @torch.no_grad()
    def write_sheet(self, path: Path) -> None:
        """Given, restored and true faces that stay the same through the run."""
        whole = Stage(1.0, house_restorer.SIDE, house_restorer.SIDE, 1)
        pairs = [self.samples(whole)[FIRST_SAMPLE + number] for number in range(10)]
        given = torch.stack([pair[0] for pair in pairs])
        made = self.average(given.to(self.device)).float().cpu()
        rows = [torch.cat(list(part), dim=2) for part in (given, made, torch.stack([pair[1] for pair in pairs]))]
        sheet = ((torch.cat(rows, dim=1).clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        if not cv2.imwrite(str(path), np.ascontiguousarray(sheet[:, :, ::-1])):
            raise OSError(f"OpenCV could not write {path}")

    def _window(self, pictures: Tensor) -> tuple[slice, ...]:
        """A part of the pictures, another one each step: features of whole pictures would cost more than the net."""
        height, width = pictures.shape[2:]
        side = min(self.config.feature_side, height, width)
        rng = np.random.default_rng((self.config.seed, self.progress.step))
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        return slice(None), slice(None), slice(top, top + side), slice(left, left + side)
