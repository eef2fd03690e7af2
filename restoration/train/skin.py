"""Where the skin is in training photographs, and which ITA group each person belongs to.

With it the loss can care for faces, and people of skin tones that are rare in the photographs can be drawn more often.
Faces are found on the gray picture by the detector that recipes use, once: a file beside the checkpoint keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import rgb_to_lab
from restoration.quality.skin import MIN_PIXELS, Face, ita_group, skin_mask, true_skin, typology_angle

if TYPE_CHECKING:
    from restoration.models.nets.detection import Detection

CONFIDENCE = 0.5
NO_SKIN = ""
"""Group of a photograph without a face."""


@dataclass(frozen=True)
class FoundSkin:
    """``mask``: H x W, 255 on skin and 0 elsewhere; ``group``: the person's ITA group, empty where there is no face."""

    mask: NDArray[np.uint8]
    group: str


class SkinFinder:
    """Finds skin in photographs, remembering the faces in a JSON file by the photograph's name and size."""

    def __init__(self, detector: Callable[[NDArray[np.uint8], float], Sequence[Detection]], memory: Path) -> None:
        self._detector = detector
        self._memory = memory
        self._known: dict[str, list[Any]] = json.loads(memory.read_text("utf-8")) if memory.exists() else {}
        self._fresh = 0

    def find(self, name: str, rgb: NDArray[np.uint8]) -> FoundSkin:
        """Skin of a photograph (H x W x 3 uint8 sRGB); ``name`` is under which its faces are remembered."""
        height, width = rgb.shape[:2]
        lab = rgb_to_lab(np.asarray(rgb, np.float32) / np.float32(255))
        skin = true_skin(lab, skin_mask((height, width), self._faces(f"{name} {width}x{height}", rgb)))
        group = ita_group(typology_angle(lab, skin)) if int(skin.sum()) >= MIN_PIXELS else NO_SKIN
        return FoundSkin(np.where(skin, 255, 0).astype(np.uint8), group)

    def save(self) -> None:
        """Write down the faces found since the last time."""
        if self._fresh:
            self._memory.write_text(json.dumps(self._known), encoding="utf-8")
            self._fresh = 0

    def _faces(self, key: str, rgb: NDArray[np.uint8]) -> list[Face]:
        if key not in self._known:
            gray = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            found = self._detector(np.asarray(gray, np.uint8), CONFIDENCE)
            self._known[key] = [[list(face.box), face.landmarks.tolist()] for face in found]
            self._fresh += 1
        return [Face((x, y, w, h), np.asarray(marks, np.float32)) for (x, y, w, h), marks in self._known[key]]
