"""Compare colorizers on colour photographs whose colours were taken away.

Every photograph is brought to one long side, made gray with its own L*, colorized by each model through the same step
that a recipe uses, and compared with the truth. A gray pass-through is always among the rows: it is the floor, and
PSNR and SSIM are kind to it. Photographs are grouped by family (file name up to the first underscore).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np

from restoration.errors import UsageError
from restoration.models.registry import Models
from restoration.photo.colour import gray_from_lightness, lightness
from restoration.photo.picture import FloatImage, Picture, ScanInfo
from restoration.quality import metrics
from restoration.steps.colorize import Step
from restoration.steps.parameters import Colorize
from restoration.steps.protocol import Frame

GRAY = "gray"
"""Name of the row that paints nothing."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Score:
    """One model on one photograph. ``colour_share`` is its colourfulness over the truth's."""

    model: str
    photo: str
    family: str
    delta_e00: float
    psnr: float
    ssim_y: float
    colourfulness: float
    truth_colourfulness: float

    @property
    def colour_share(self) -> float:
        """1.0 where the result is as colourful as the truth."""
        return self.colourfulness / max(self.truth_colourfulness, 1e-6)


@dataclass(frozen=True)
class Row:
    """Means of one model over one family, or over all photographs where ``family`` is ``all``."""

    model: str
    family: str
    photos: int
    delta_e00: float
    psnr: float
    ssim_y: float
    colourfulness: float
    truth_colourfulness: float


def evaluate(folder: Path, names: Sequence[str], models: Models, *, long_side: int = 256) -> Iterator[Score]:
    """Score every named model, and the gray pass-through, on every photograph of the folder.

    :raises UsageError: the folder holds no photographs, or one of them cannot be read.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(f"{folder} holds no photographs to compare on")
    step = Step()
    for path in paths:
        truth = _read(path, long_side)
        gray = gray_from_lightness(lightness(truth))
        yield _score(GRAY, path, truth, gray)
        for name in names:
            yield _score(name, path, truth, paint(step, name, path.name, gray, models))


def paint(step: Step, model: str, name: str, gray: FloatImage, models: Models) -> FloatImage:
    """The picture as the named model would colour it; H x W x 3 in, H x W x 3 out, sRGB in [0, 1]."""
    info = ScanInfo("jpeg", gray.shape[1], gray.shape[0], 8, 1)
    picture = Picture(gray, info)
    return step.apply(Frame(name, picture, picture), Colorize(model=model), models).picture.pixels


def summarize(scores: Sequence[Score]) -> list[Row]:
    """Means by model and family, and over all; in the order of first appearance."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.model, score.family), []).append(score)
        groups.setdefault((score.model, "all"), []).append(score)
    return [
        Row(
            model,
            family,
            len(members),
            fmean(s.delta_e00 for s in members),
            fmean(s.psnr for s in members),
            fmean(s.ssim_y for s in members),
            fmean(s.colourfulness for s in members),
            fmean(s.truth_colourfulness for s in members),
        )
        for (model, family), members in groups.items()
    ]


def _read(path: Path, long_side: int) -> FloatImage:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UsageError(f"{path} cannot be read as a photograph; remove it from the folder")
    scale = long_side / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.ascontiguousarray(small[:, :, ::-1]).astype(np.float32) / np.float32(255)


def _score(model: str, path: Path, truth: FloatImage, painted: FloatImage) -> Score:
    return Score(
        model,
        path.name,
        path.stem.split("_", 1)[0],
        metrics.delta_e00(truth, painted),
        metrics.psnr(truth, painted),
        metrics.ssim_y(truth, painted),
        metrics.colourfulness_hs(painted),
        metrics.colourfulness_hs(truth),
    )
