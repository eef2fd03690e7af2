"""Side-by-side pictures for the report: for every family its worst, its middle and its best photograph.

The order is that of the first model by dE00 (by bleed, where there is no truth), so that a report shows what goes wrong
and not only what went well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import PhotoFailed, ReasonCode
from restoration.evaluate.colorizers import Evaluation, Run
from restoration.evaluate.scoring import GRAY, Score
from restoration.photo.picture import FloatImage

MOST_FAMILIES = 20
"""Families with pictures, the largest first: with three each a report has at most 60 pictures."""
TILE = 256
"""Long side of each picture, in pixels."""
QUALITY = 88

_GAP, _LABEL = 6, 20
_PAPER, _INK = 255, 30


@dataclass(frozen=True)
class Case:
    """One photograph of the report: its family and its place there (worst, middle, best)."""

    photo: str
    family: str
    place: str
    scores: tuple[Score, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """What is shown side by side, from left to right."""
        return tuple(score.model for score in self.scores)


def ranked_by(evaluation: Evaluation) -> tuple[str, str]:
    """The model and the figure that decide which photographs are shown."""
    model = evaluation.models[0].name if evaluation.models else GRAY
    return model, "delta_e00" if evaluation.request.with_reference else "bleed"


def cases(evaluation: Evaluation) -> list[Case]:
    """The photographs to show, by family."""
    model, metric = ranked_by(evaluation)
    sizes = Counter(member.family for member in evaluation.members)
    families = sorted(sorted(sizes), key=lambda family: -sizes[family])[:MOST_FAMILIES]
    by_photo: dict[str, list[Score]] = {}
    for score in evaluation.scores:
        by_photo.setdefault(score.photo, []).append(score)
    found = []
    for family in sorted(families):
        own = [s for s in evaluation.scores if s.family == family and s.model == model]
        order = [s.photo for s in sorted(own, key=lambda s: (-s.values[metric], s.photo))]
        for place, photo in _places(order):
            found.append(Case(photo, family, place, tuple(by_photo[photo])))
    return found


def strips(run: Run, shown: list[Case]) -> Iterator[tuple[Case, NDArray[np.uint8]]]:
    """Every case with its picture: gray, each model, the truth, beside each other.

    :raises PhotoFailed: a photograph changed during the run.
    """
    pictures = run.pictures([case.photo for case in shown])
    for case, (_, found) in zip(shown, pictures, strict=True):
        yield case, strip(found)


def strip(pictures: Mapping[str, FloatImage]) -> NDArray[np.uint8]:
    """All pictures beside each other with their names above, H x W x 3 RGB."""
    tiles = [_tile(name, picture) for name, picture in pictures.items()]
    gap = np.full((tiles[0].shape[0], _GAP, 3), _PAPER, np.uint8)
    return np.concatenate([piece for tile in tiles for piece in (tile, gap)][:-1], axis=1)


def jpeg(sheet: NDArray[np.uint8]) -> bytes:
    """JPEG of H x W x 3 RGB; the same bytes for the same pixels. :raises PhotoFailed: OpenCV cannot encode it."""
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(sheet[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise PhotoFailed("OpenCV cannot encode the side-by-side picture", reason=ReasonCode.ENCODE_FAILED)
    return bytes(data.tobytes())


def _places(order: list[str]) -> list[tuple[str, str]]:
    """Worst, middle and best of an order that begins with the worst, each photograph once."""
    if len(order) == 1:
        return [("only one", order[0])]
    ends = [("worst", order[0]), ("best", order[-1])]
    return ends if len(order) == 2 else [ends[0], ("median", order[len(order) // 2]), ends[1]]


def _tile(name: str, picture: FloatImage) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = min(1.0, TILE / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    whole = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    label = np.full((_LABEL, whole.shape[1], 3), _PAPER, np.uint8)
    longest = max(4, whole.shape[1] // 7)
    text = name if len(name) <= longest else f"{name[: longest - 2]}.."
    cv2.putText(label, text, (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (_INK, _INK, _INK), 1, cv2.LINE_AA)
    return np.concatenate([label, whole], axis=0)
