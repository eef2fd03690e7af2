"""Train the judge of which way up a photograph lies.

Each view is shown in its four positions, and the loss is the cross-entropy of the softmax of the four answers: the
upright one is to be the highest. ``smoothing`` of the truth is spread over all four, since some photographs have no way
up that anybody could tell, and surety is what the answers are asked for. The encoder is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from restoration.models.nets.efficientnet_lite0 import EfficientNetLite0
from restoration.models.nets.house_upright import UprightHead
from restoration.steps.turning import TURNS
from restoration.train import loop
from restoration.train.data import find_photos, read_small
from restoration.train.encoder import read_encoder
from restoration.train.loop import Judged, Schedule, Stage
from restoration.train.upright_views import LONG_SIDE, Seen, SeenViews, Viewing, kept_views, thinned_out

_SHEET = 48
_COLUMNS = 8
_CELL = 160


@dataclass(frozen=True)
class Config(Schedule):
    """Everything a run depends on. ``draws`` views of every photograph are drawn as in
    :class:`restoration.train.upright_views.Viewing`; of a family only every ``thinned``-th is used. Not learned from
    are those of ``left_out`` (stems), which have no way up or do not lie so, and of ``folds`` parts that numbered
    ``fold``, if there are folds. Of a stage only the batch counts.
    """

    steps: int = 1500
    stages: tuple[Stage, ...] = (Stage(1.0, 224, 224, 64),)
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    adversarial_from: float = 2.0
    encoder: str = ""
    draws: int = 2
    smallest: float = 0.75
    aged_share: float = 0.7
    severity: float = 0.6
    tilt: float = 4.0
    smoothing: float = 0.05
    thinned: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    folds: int = 0
    fold: int = 0


def read_config(path: Path) -> Config:
    """Read a configuration. :raises UsageError: see :func:`restoration.train.loop.read_config`."""
    return loop.read_config(path, Config)


class Trainer(loop.Run[Config]):
    """One run. ``run()`` goes on from the folder's checkpoint where there is one."""

    def __init__(self, config: Config, folder: Path, *, init: Path | None = None, device: str = "cpu") -> None:
        """:param init: weights to start from, as they are shipped, with their encoder.

        :raises UsageError: there is no encoder, or a photograph cannot be read.
        """
        loop.start(config, device)
        head = UprightHead(**config.net)
        self.encoder = EfficientNetLite0()
        if init:
            shipped = {key: value.float() for key, value in load_file(str(init)).items()}
            self.encoder.load_state_dict(_part_of(shipped, "encoder."))
            head.load_state_dict(_part_of(shipped, "judge."))
        else:
            # what is shipped is in fp16: the head is to learn from what it will be shown
            read = read_encoder(Path(config.encoder))
            self.encoder.load_state_dict({key: value.half().float() for key, value in read.items()})
        super().__init__(config, folder, head, device)
        self.photos = thinned_out(find_photos([Path(f) for f in config.folders]), config.thinned)
        how = Viewing(config.smallest, config.aged_share, config.severity, config.tilt)
        self.kept = kept_views(folder, self.photos, how, config.draws, config.seed, self.encoder)

    @property
    def passed_over(self) -> frozenset[str]:
        """Stems of photographs that are not learned from."""
        held_out = self.photos[self.config.fold :: self.config.folds] if self.config.folds else ()
        return frozenset(self.config.left_out) | {path.stem for path in held_out}

    def samples(self, stage: Stage) -> Dataset[tuple[Tensor, ...]]:
        """Views as the encoder saw them."""
        return SeenViews(self.kept, self.passed_over, self.config.seed, 2**31)

    def judged(self, batch: tuple[Tensor, ...]) -> Judged:
        """Loss of one batch."""
        scores = self.scores(batch[0], self.net)
        truth = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
        return Judged(F.cross_entropy(scores, truth, label_smoothing=self.config.smoothing), scores, scores)

    @staticmethod
    def scores(seen: Tensor, head: torch.nn.Module) -> Tensor:
        """N x 4 x channels x 7 x 7 to N x 4, a number for each position."""
        numbers: Tensor = head(seen.flatten(0, 1))
        return numbers.reshape(-1, len(TURNS))

    def _likely(self, view: Seen) -> float:
        """How likely the averaged net finds a view's upright position, 0..1."""
        seen = torch.from_numpy(view[None].astype(np.float32)).to(self.device)
        return float(self.scores(seen, self.average).softmax(1)[0, 0])

    def shipped(self) -> dict[str, Tensor]:
        """The encoder and the averaged head in fp16."""
        named = {f"encoder.{key}": value for key, value in self.encoder.state_dict().items()}
        named |= {f"judge.{key}": value for key, value in self.average.state_dict().items()}
        return {key: value.half().contiguous().cpu() for key, value in named.items()}

    @torch.no_grad()
    def write_sheet(self, path: Path) -> None:
        """The photographs whose own position the net finds least likely: what has no way up is to be left out."""
        likely = np.array([self._likely(view) for view in self.kept.seen[: len(self.photos)]])
        worst = [self.photos[number] for number in np.argsort(likely)[:_SHEET]]
        cells = [_cell(photo) for photo in worst]
        cells += [np.zeros((_CELL, _CELL, 3), np.uint8)] * (-len(cells) % _COLUMNS)
        rows = [np.hstack(cells[at : at + _COLUMNS]) for at in range(0, len(cells), _COLUMNS)]
        if not cv2.imwrite(str(path), np.vstack(rows)):
            raise OSError(f"OpenCV could not write {path}")
        names = "\n".join(f"{likely[self.photos.index(photo)]:.3f} {photo.stem}" for photo in worst)
        path.with_suffix(".txt").write_text(names + "\n", encoding="utf-8")


def _part_of(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}


def _cell(photo: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A photograph in a square, blue first."""
    small = cv2.resize(read_small(photo, LONG_SIDE)[:, :, ::-1], (_CELL, _CELL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
