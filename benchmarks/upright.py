"""Which way up: how many upright photographs a judge would turn, and how many turned ones it would set right.

Run: ``python benchmarks/upright.py --photos FOLDER [--photos FOLDER] [--weights FILE] [--faces] [--surety 0.92]
[--sheet FILE.jpg]``. FOLDER holds photographs that lie right and were not learned from. Each is made gray and looked at
in its four positions. FILE are weights of ``house-upright``; without it those that ship are asked. With ``--faces`` the
faces in it are asked first, as recipes do.

For each folder and surety the lines show the share of upright photographs that would be turned, and the shares of
those turned by 90, 180 and 270 degrees that would be set right, left alone, or turned another way. ``--sheet`` shows
the upright photographs that would be turned at the given surety, as they would be turned.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.models.loading import LoadedModels, fill, read_weights
from restoration.models.nets import house_upright
from restoration.photo.colour import gray_from_lightness, lightness
from restoration.steps.turning import LONGEST, SIDE, SURE, TURNS, Turn, probabilities, turn_of_faces, turned

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}
SURETIES = (0.5, 0.7, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.99)
_CELL, _COLUMNS = 240, 6


@dataclass(frozen=True)
class Seen:
    """One upright photograph: how likely each turn makes it upright, the turn that its faces ask for, if any, and
    whether its shape is too long for the judge to be asked.
    """

    path: Path
    likely: NDArray[np.float64]
    faces: Turn | None
    long: bool

    def turn_at(self, surety: float, lies: int) -> int:
        """By how many degrees it would be turned if it lay turned clockwise by ``lies``; the judge sees the same four
        pictures whichever way it lies.
        """
        if self.faces is not None:
            return (self.faces + lies) % 360
        best = int(self.likely.argmax())
        return (TURNS[best] + lies) % 360 if self.likely[best] >= surety and not self.long else 0


def gray_of(path: Path) -> NDArray[np.float32]:
    """The photograph in gray, sRGB-encoded, its long side at most 512."""
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if stored is None:
        raise SystemExit(f"{path} cannot be read")
    pixels = np.ascontiguousarray(stored[:, :, ::-1], np.float32) / np.float32(255)
    if (scale := SIDE / max(pixels.shape)) < 1:
        pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    return np.ascontiguousarray(gray_from_lightness(lightness(pixels))[:, :, 0])


def seen_of(path: Path, net: Any, detector: Any) -> Seen:
    """What judge and detector say of a photograph; no detector, no faces."""
    gray = gray_of(path)
    faces = turn_of_faces(detector, np.rint(gray * np.float32(255)).astype(np.uint8)) if detector else None
    return Seen(path, probabilities(gray, net, "cpu"), faces, max(gray.shape) > LONGEST * min(gray.shape))


def line(seen: Sequence[Seen], surety: float) -> str:
    """One line of the table."""
    wrong = sum(one.turn_at(surety, 0) != 0 for one in seen)
    parts = [f"{surety:6.3f}  upright turned {wrong:3d} ({100 * wrong / len(seen):5.2f} %)"]
    for lies in TURNS[1:]:
        turns = [one.turn_at(surety, lies) for one in seen]
        right, left = (100 * sum(turn == wanted for turn in turns) / len(seen) for wanted in (lies, 0))
        parts.append(f"{lies}: right {right:4.1f}, left {left:4.1f}, wrong {100 - right - left:4.2f}")
    return " | ".join(parts)


def write_sheet(seen: Sequence[Seen], surety: float, path: Path) -> None:
    """The upright photographs that would be turned, as they would be turned."""
    wrong = [one for one in seen if one.turn_at(surety, 0)]
    for one in wrong:
        print(f"  {one.path.parent.name}/{one.path.name}: {one.turn_at(surety, 0)}, {one.likely.max():.4f}")
    cells = [
        cv2.resize(turned(gray_of(one.path), one.turn_at(surety, 0)), (_CELL, _CELL), interpolation=cv2.INTER_AREA)
        for one in wrong
    ]
    cells += [np.zeros((_CELL, _CELL), np.float32)] * (-len(cells) % _COLUMNS)
    if cells:
        rows = [np.hstack(cells[at : at + _COLUMNS]) for at in range(0, len(cells), _COLUMNS)]
        cv2.imwrite(str(path), np.rint(np.vstack(rows) * 255).astype(np.uint8))


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", action="append", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--faces", action="store_true")
    parser.add_argument("--surety", type=float, default=SURE)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    models = LoadedModels(device="cpu", threads=given.threads)
    if given.weights:
        net: Any = house_upright.build()
        fill(net, read_weights(given.weights), given.weights.name)
        net.eval()
    else:
        net = models.load("house-upright")
    detector = models.load("centerface") if given.faces else None
    every: list[Seen] = []
    for folder in given.photos:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        seen = [seen_of(path, net, detector) for path in paths]
        every += seen
        print(f"{folder.name}: {len(seen)} photographs, {sum(one.faces is not None for one in seen)} with faces")
        for surety in SURETIES:
            print(line(seen, surety))
    if given.sheet:
        write_sheet(every, given.surety, given.sheet)


if __name__ == "__main__":
    main()
