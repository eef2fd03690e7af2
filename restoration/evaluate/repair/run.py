"""One comparison of menders: every photograph whole, and damaged in each of the trials, through every mender.

The photographs count as whole: take ones without damage, or old ones in good order. What a mender changes about them
undamaged is part of the figures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from restoration.errors import PhotoRejected, ReasonCode
from restoration.evaluate.photos import Problem, list_photos
from restoration.evaluate.repair.menders import TRUE_MASK, Mask, Mended, Mender, menders
from restoration.evaluate.scoring import Score
from restoration.models.loading import LoadedModels
from restoration.photo.colour import gray_from_lightness, lightness
from restoration.photo.decode import Decoder
from restoration.photo.picture import FloatImage
from restoration.quality.metrics import ssim_y
from restoration.synthetic.trials import TRIALS, Trial, make_trial

SEED = 1
WHOLE = "undamaged"
"""Family of the scores on photographs as they are."""
CHANGED = 6 / 255
"""A pixel counts as changed if any channel differs by more than this."""
_TOLERANCE = 5
"""Side of the square in which a marked pixel may lie beside a true one: 2 pixels on each side."""


@dataclass(frozen=True)
class RepairRequest:
    """What to compare on which photographs. ``long_side`` brings larger ones down; 0 leaves all as they are."""

    photos: Path
    models: tuple[str, ...]
    seed: int = SEED
    long_side: int = 1024
    data_set: str = ""

    @property
    def title(self) -> str:
        """Name of the data set."""
        return self.data_set or self.photos.resolve().name


@dataclass
class RepairRun:
    """A run: iterate :meth:`scores`, then read ``problems`` and ``sheets``."""

    request: RepairRequest
    models: LoadedModels
    problems: list[Problem] = field(default_factory=list)
    sheets: dict[str, FloatImage] = field(default_factory=dict)
    found: list[Score] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    menders: list[Mender] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = list_photos(self.request.photos)
        self.menders = menders(self.request.models, self.models)

    def scores(self, advance: Callable[[], None] = lambda: None) -> Iterator[Score]:
        """All scores, photograph by photograph; what cannot be read becomes a problem."""
        with Decoder() as decoder:
            for name in self.names:
                try:
                    data = (self.request.photos / name).read_bytes()
                    truth = gray_truth(decoder.decode(data, name).pixels, self.request.long_side)
                except OSError as error:
                    self.problems.append(Problem(name, ReasonCode.SOURCE_MISSING, f"cannot be read: {error.strerror}"))
                except PhotoRejected as error:
                    self.problems.append(Problem(name, error.reason, error.message))
                else:
                    for score in self._of_photo(name, hashlib.sha256(data).hexdigest(), truth):
                        self.found.append(score)
                        yield score
                advance()

    def _of_photo(self, name: str, sha256: str, truth: FloatImage) -> Iterator[Score]:
        nothing = np.zeros(truth.shape[:2], bool)
        for mender in self.menders:
            if mender.name != TRUE_MASK:
                values = whole_figures(truth, mender.mend(truth, nothing))
                yield Score(mender.name, name, sha256, WHOLE, "", values)
        seed = self.request.seed + int(sha256[:8], 16)
        for kind in TRIALS:
            trial = make_trial(kind, truth, seed)
            shown = [trial.damaged]
            for mender in self.menders:
                mended = mender.mend(trial.damaged, trial.mask)
                shown.append(mended.pixels)
                yield Score(mender.name, name, sha256, kind, "", trial_figures(trial, mended))
            self.sheets.setdefault(kind, np.concatenate([*shown, truth], axis=1))


def gray_truth(pixels: FloatImage, long_side: int) -> FloatImage:
    """The photograph as a neutral picture, on the grid of 8 bits, brought down if its long side is larger."""
    gray = gray_from_lightness(lightness(pixels))
    scale = long_side / max(gray.shape[:2]) if long_side else 1.0
    if scale < 1:
        size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(np.rint(np.clip(gray, 0, 1) * 255) / np.float32(255), np.float32)


def whole_figures(truth: FloatImage, mended: Mended) -> dict[str, float]:
    """What was changed about a photograph to which nothing had happened."""
    changed = (np.abs(mended.pixels - truth) > CHANGED).any(axis=2)
    return {"whole_changed": float(changed.mean()), "clean_ssim_y": ssim_y(truth, mended.pixels)}


def trial_figures(trial: Trial, mended: Mended) -> dict[str, float]:
    """How much of the squared error inside the damage is gone, and how well the mask fits."""
    before = float(np.square(trial.damaged - trial.truth)[trial.mask].sum())
    after = float(np.square(mended.pixels - trial.truth)[trial.mask].sum())
    precision, recall = agreement(mended.mask, trial.mask)
    return {
        "damage_removed": 1 - after / max(before, 1e-9),
        "mask_f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "mask_precision": precision,
        "mask_recall": recall,
    }


def agreement(marked: Mask, true: Mask) -> tuple[float, float]:
    """Precision and recall of a mask, where 2 pixels beside count as there; both 1 if nothing is to be found or is."""
    right, all_marked, found, all_true = hits(marked, true)
    precision = right / all_marked if all_marked else float(not all_true)
    return precision, found / all_true if all_true else 1.0


def hits(marked: Mask, true: Mask) -> tuple[int, int, int, int]:
    """Pixels: marked rightly, marked, true ones found, true ones; 2 pixels beside count as there."""
    near = np.ones((_TOLERANCE, _TOLERANCE), np.uint8)
    wide_true = np.asarray(cv2.dilate(true.astype(np.uint8), near)) > 0
    wide_marked = np.asarray(cv2.dilate(marked.astype(np.uint8), near)) > 0
    return int((marked & wide_true).sum()), int(marked.sum()), int((true & wide_marked).sum()), int(true.sum())
