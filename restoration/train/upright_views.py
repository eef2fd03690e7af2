"""Samples for the judge of which way up a photograph lies: gray, aged views, and what the encoder sees of them.

The encoder is left as it is, so each view is shown to it once, in its four positions, and what it saw is kept in a
file: the head learns from that in minutes.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from restoration.models.nets.efficientnet_lite0 import EfficientNetLite0
from restoration.models.nets.house_upright import CELLS, SEEN, seen_by
from restoration.steps.turning import TURNS, net_input, turned
from restoration.synthetic import ageing
from restoration.train.data import read_small
from restoration.train.loop import half_precision

log = logging.getLogger(__name__)

LONG_SIDE = 320
"""Photographs are brought to this long side first."""
_BORDER = 0.06
_OLD_BORDERS = 0.3
_TILTED = 0.4
_REPORTED = 200

Plane = NDArray[np.float32]
Seen = NDArray[np.float16]


@dataclass(frozen=True)
class Viewing:
    """How views are drawn: a part of at least ``smallest`` of each side, ``aged_share`` of them aged by ``severity``,
    some tilted by up to ``tilt`` degrees, some in a pale or dark border.
    """

    smallest: float = 0.75
    aged_share: float = 0.7
    severity: float = 0.6
    tilt: float = 4.0


@dataclass(frozen=True)
class Kept:
    """What the encoder saw: views x 4 positions x channels x 7 x 7, and the stem of each view's photograph."""

    seen: Seen
    stems: tuple[str, ...]


class SeenViews(Dataset[tuple[Tensor, ...]]):
    """Item ``i`` is drawn from ``(seed, i)`` alone: one view, 4 x channels x 7 x 7, its upright position first.

    :param passed_over: stems of photographs that are not drawn.
    """

    def __init__(self, kept: Kept, passed_over: Collection[str], seed: int, length: int) -> None:
        self._kept, self._seed, self._length = kept, seed, length
        self._views = [number for number, stem in enumerate(kept.stems) if stem not in passed_over]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor]:
        which = np.random.default_rng((self._seed, index)).integers(len(self._views))
        return (torch.from_numpy(self._kept.seen[self._views[int(which)]].astype(np.float32)),)


def thinned_out(families: Mapping[str, Sequence[Path]], thinned: Mapping[str, int]) -> list[Path]:
    """The photographs to show, in order: of a family every ``thinned``-th by name."""
    return [path for family in sorted(families) for path in families[family][:: thinned.get(family, 1)]]


def view(photo: NDArray[np.uint8], how: Viewing, rng: np.random.Generator) -> Plane:
    """A gray view of a colour photograph (H x W x 3), 224 squared, as the net sees it."""
    part = _part(photo, how, rng)
    if rng.random() < how.aged_share:
        plan = ageing.random_plan(rng, severity=how.severity)
        gray = ageing.age(part, plan, int(rng.integers(2**31))).pixels[:, :, 0]
    else:
        gray = ageing.film_response(part, ageing.PANCHROMATIC)
    if rng.random() < _TILTED:
        gray = _tilted(gray, float(rng.uniform(-how.tilt, how.tilt)))
    if rng.random() < _OLD_BORDERS:
        gray = _bordered(gray, rng)
    return net_input(np.ascontiguousarray(gray, np.float32))


def _part(photo: NDArray[np.uint8], how: Viewing, rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = photo.shape[:2]
    tall, wide = (max(32, round(side * rng.uniform(how.smallest, 1))) for side in (height, width))
    top, left = int(rng.integers(max(1, height - tall + 1))), int(rng.integers(max(1, width - wide + 1)))
    part = photo[top : top + tall, left : left + wide]
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return np.ascontiguousarray(part, np.float32) / np.float32(255)


def _tilted(gray: Plane, degrees: float) -> Plane:
    height, width = gray.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.05)
    return np.asarray(
        cv2.warpAffine(np.ascontiguousarray(gray), matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    )


def _bordered(gray: Plane, rng: np.random.Generator) -> Plane:
    tone = float(rng.uniform(0.75, 1) if rng.random() < 0.7 else rng.uniform(0, 0.2))
    across, down = (rng.uniform(0, _BORDER, 2) * side for side in (gray.shape[1], gray.shape[0]))
    (left, right), (top, bottom) = across.astype(int).tolist(), down.astype(int).tolist()
    return np.pad(gray, ((top, bottom), (left, right)), constant_values=tone)


def kept_views(
    folder: Path, photos: Sequence[Path], how: Viewing, draws: int, seed: int, encoder: EfficientNetLite0
) -> Kept:
    """What the encoder saw of ``draws`` views of each photograph; read from the folder if it is there already.

    :raises UsageError: a photograph cannot be read.
    """
    stems = tuple(path.stem for path in photos) * draws
    file, facts = folder / "seen.npy", folder / "seen.json"
    wanted = {"photos": list(stems), "seed": seed, "viewing": vars(how)}
    if facts.is_file() and json.loads(facts.read_text(encoding="utf-8")) == wanted:
        return Kept(np.load(file, mmap_mode="r"), stems)
    seen = np.lib.format.open_memmap(
        file, mode="w+", dtype=np.float16, shape=(len(stems), len(TURNS), SEEN, CELLS, CELLS)
    )
    encoder = encoder.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for number, stem in enumerate(stems):
        draw, which = divmod(number, len(photos))
        rng = np.random.default_rng((seed, draw, zlib.crc32(stem.encode())))
        seen[number] = _positions(view(read_small(photos[which], LONG_SIDE), how, rng), encoder)
        if number % _REPORTED == 0:
            log.info("%d of %d views shown to the encoder", number, len(stems))
    seen.flush()
    facts.write_text(json.dumps(wanted), encoding="utf-8")
    return Kept(seen, stems)


@torch.inference_mode()
def _positions(square: Plane, encoder: EfficientNetLite0) -> Seen:
    positions = torch.from_numpy(np.stack([turned(square, turn) for turn in TURNS]))[:, None]
    with half_precision(torch.device("cpu")):
        return np.asarray(seen_by(encoder, positions.contiguous(memory_format=torch.channels_last)).half().numpy())
