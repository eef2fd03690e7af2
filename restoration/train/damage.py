"""Train the house finder: what is damage, of which kind, and what only looks like it.

The loss is binary cross entropy on what is to be filled, weighted towards the undamaged pixels that a finder would
destroy, plus Dice of damaged crops (so that a hair of a hundred pixels counts like a hole of ten thousand; an undamaged
crop has nothing to overlap with), plus cross entropy of the kinds where there is one. Stains and lettering are kinds
that are not filled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.damage_kinds import FILLED_KINDS
from restoration.models.nets import house_finder
from restoration.models.nets.blocks import fold_batch_norm
from restoration.synthetic.damage import KINDS
from restoration.train import loop
from restoration.train.damage_crops import DamagedCrops, Place, Wear
from restoration.train.data import SUFFIXES, family_of, find_photos
from restoration.train.encoder import read_encoder
from restoration.train.hard_places import read_places
from restoration.train.loop import Judged, Schedule, Stage
from restoration.train.samples import FIRST_SAMPLE

_FILLED = [number for number, kind in enumerate(KINDS) if kind in FILLED_KINDS]
_COLOURS = np.array(
    [(0, 0, 0), (255, 60, 60), (255, 200, 0), (60, 120, 255), (60, 255, 60), (200, 80, 255), (120, 120, 120)], np.uint8
)


@dataclass(frozen=True)
class Config(Schedule):
    """Everything a run depends on.

    ``old`` are folders of old photographs whose damage nobody marked; of these every ``old_held_out``-th by name, and
    families named in ``old_left_out``, are kept for scoring. ``encoder`` is the published file of EfficientNet-Lite0;
    without one, and without weights to start from, the encoder is random. ``innocent_weight`` is what a damaged answer
    on an undamaged pixel costs. ``things_share`` of the crops have things in them that are no damage, whose pixels
    count ``thing_weight`` times; ``hard_share`` is cut round the places of the file ``hard_places``. ``compiled`` needs
    a C++ compiler and saves a quarter of the time. ``tie_kinds``: the weights to start from know kinds at one pixel of
    four, as version 2.0 does.
    """

    stages: tuple[Stage, ...] = (Stage(1.0, 192, 192, 16),)
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    adversarial_from: float = 2.0
    encoder: str = ""
    compiled: bool = False
    old: tuple[str, ...] = ()
    old_left_out: tuple[str, ...] = ()
    old_held_out: int = 3
    clean_share: float = 0.3
    old_weight: float = 0.3
    old_share: float = 0.2
    things_share: float = 0.0
    thing_weight: float = 1.0
    hard_places: str = ""
    hard_share: float = 0.0
    innocent_weight: float = 1.0
    dice_weight: float = 1.0
    kind_weight: float = 0.25
    tie_kinds: bool = False


def read_config(path: Path) -> Config:
    """Read a configuration. :raises UsageError: see :func:`restoration.train.loop.read_config`."""
    return loop.read_config(path, Config)


class Trainer(loop.Run[Config]):
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        """:param init: weights to start from, as they are shipped: batch normalisation is folded in already."""
        loop.start(config, device)
        net = house_finder.build(**config.net, folded=init is not None)
        if init:
            weights = {key: value.float() for key, value in load_file(str(init)).items()}
            net.load_state_dict(house_finder.with_tied_kinds(weights) if config.tie_kinds else weights)
        elif config.encoder:
            net.encoder.load_state_dict(read_encoder(Path(config.encoder), house_finder.SIZES))
        super().__init__(config, folder, net, device)
        self.asked = torch.compile(self.net, dynamic=False) if config.compiled else self.net
        self.folded = init is not None
        self.families = find_photos([Path(f) for f in config.folders])
        self.old = old_photos(config)
        self.hard = _hard_places(config, self.families)

    def samples(self, stage: Stage) -> DamagedCrops:
        """Damaged crops of the stage's size."""
        config = self.config
        how = Wear(
            config.clean_share,
            config.old_weight,
            config.old_share,
            config.things_share,
            config.thing_weight,
            config.hard_share,
        )
        size = (stage.height, stage.width)
        return DamagedCrops(self.families, self.old, how, size, config.seed, 2**31, self.hard)

    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """Loss of one batch."""
        given, kinds, weights = batch
        with loop.half_precision(self.device):
            answer = self.asked(given.contiguous(memory_format=torch.channels_last)).float()
        return Judged(self.loss(answer, kinds.long(), weights), given, given)

    def loss(self, answer: Tensor, kinds: Tensor, weights: Tensor) -> Tensor:
        """See the module's docstring. N x 7 x H x W, N x H x W, N x H x W."""
        wanted = torch.isin(kinds, torch.tensor(_FILLED, device=kinds.device)).float()
        cost = weights * torch.where(wanted > 0, 1.0, self.config.innocent_weight)
        entropy = F.binary_cross_entropy_with_logits(answer[:, 0], wanted, cost, reduction="sum") / weights.sum().clamp(
            min=1
        )
        found = torch.sigmoid(answer[:, 0]) * weights
        both, true = (found * wanted).sum((1, 2)), (wanted * weights).sum((1, 2))
        dice = (1 - (2 * both + 20) / (found.sum((1, 2)) + true + 20)) * (true > 20)
        there = kinds > 0
        # of every pixel: the head's four neighbours have weights of their own, and what is not asked for is not learned
        named = F.cross_entropy(answer[:, 1:], (kinds - 1).clamp(min=0), reduction="none")
        kind = (named * there).sum() / there.sum().clamp(min=1)
        return 4 * entropy + self.config.dice_weight * dice.mean() + self.config.kind_weight * kind

    def shipped(self) -> dict[str, Tensor]:
        """The averaged weights in fp16, batch normalisation folded in."""
        folded = house_finder.build(**self.config.net, folded=self.folded)
        folded.load_state_dict(self.average.state_dict())
        fold_batch_norm(folded.eval())
        return {key: value.half().contiguous().cpu() for key, value in folded.state_dict().items()}

    @torch.no_grad()
    def write_sheet(self, path: Path) -> None:
        """Twelve crops that stay the same through the run: given, found, true; kinds in colours."""
        net: nn.Module = self.average
        rows = []
        crops = self.samples(Stage(1.0, 224, 224, 1))
        for number in range(12):
            given, kinds, weights = crops[FIRST_SAMPLE + number]
            answer = net(given[None].to(self.device)).float().cpu()[0]
            rows.append(np.concatenate([_gray(given), _painted(answer), _truth(kinds, weights)], axis=1))
        sheet = np.concatenate([np.concatenate(rows[at::3], axis=0) for at in range(3)], axis=1)
        if not cv2.imwrite(str(path), np.ascontiguousarray(sheet[:, :, ::-1])):
            raise OSError(f"OpenCV could not write {path}")


def old_photos(config: Config) -> list[Path]:
    """Old photographs to learn from, without those that are kept for scoring."""
    learned: list[Path] = []
    for folder in config.old:
        found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
        learned += [
            path
            for number, path in enumerate(found)
            if number % config.old_held_out and family_of(path) not in config.old_left_out
        ]
    return learned


def _hard_places(config: Config, families: Mapping[str, Sequence[Path]]) -> list[Place]:
    """The places of the configuration's file, in those photographs that are learned from."""
    if not config.hard_places:
        return []
    by_name = {path.name: path for paths in families.values() for path in paths}
    places = read_places(Path(config.hard_places))
    return [Place(by_name[one.photo], one.x, one.y) for one in places if one.photo in by_name]


def _gray(given: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    plane = ((given[0] + 1) * 127.5).round().byte().numpy()
    return np.asarray(np.repeat(plane[:, :, None], 3, axis=2), np.uint8)


def _painted(answer: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    likely = torch.sigmoid(answer[0]).numpy()[:, :, None]
    named = _COLOURS[answer[1:].argmax(0).numpy() + 1].astype(np.float32)
    return np.asarray((named * likely).round(), np.uint8)


def _truth(kinds: Tensor, weights: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    colours = np.asarray(_COLOURS[kinds.numpy()], np.uint8)
    colours[(weights.numpy() == 0) & (kinds.numpy() == 0)] = 40
    return colours
