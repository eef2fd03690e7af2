"""How much of the error of dusty slides is removed with and without their infrared channel, and what is harmed.

Slides are made by code from photographs (:mod:`restoration.synthetic.slides`):
``python benchmarks/infrared.py FOLDER``.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from restoration.models.loading import LoadedModels
from restoration.photo.picture import Picture, ScanInfo
from restoration.steps.parameters import Repair
from restoration.steps.protocol import Frame
from restoration.steps.repair import Step
from restoration.synthetic.slides import Slide, slide

SIDE = 700
FINDERS = {
    "grade-only": {"finder": "", "inpainter": "", "detector": "", "sensitivity": 0.4, "denoise": 0.0},
    "memorial-portrait": {"finder": "house-finder", "detector": "centerface", "sensitivity": 0.5, "denoise": 0.0},
}


def main() -> None:
    """Print one line a recipe and way."""
    paths = sorted(p for p in Path(sys.argv[1]).rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".tif"})
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    paths = paths[:: max(1, len(paths) // count)][:count]
    models = LoadedModels(device="cpu", threads=2)
    for name, parameters in FINDERS.items():
        for used in (False, True):
            rows = np.array(
                [_measured(path, seed, Repair(**parameters), models, used) for seed, path in enumerate(paths)]
            )
            removed, found, beside, harm = rows.mean(axis=0)
            words = "with infrared" if used else "without"
            print(
                f"{name} {words}: {len(rows)} slides, error removed {removed:.1%}, dust found {found:.1%}, "
                f"clean pixels changed on dusty ones {beside:.4%}, on clean ones {harm:.4%}",
                flush=True,
            )


def _measured(path: Path, seed: int, parameters: Repair, models: LoadedModels, used: bool) -> tuple[float, ...]:
    pixels = cv2.imread(str(path))[:, :, ::-1].astype(np.float32) / np.float32(255)
    scale = SIDE / max(pixels.shape[:2])
    photo = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    photo = np.clip(photo, 0, 1)
    dusty, clean = slide(photo, seed), slide(photo, seed, specks=0, hairs=0)
    out, mask = _repaired(dusty, parameters, models, used)
    near = cv2.dilate(dusty.dust.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    error = np.abs(dusty.pixels - photo)[near].sum()
    removed = 1 - np.abs(out - photo)[near].sum() / error
    _, unneeded = _repaired(clean, parameters, models, used)
    return float(removed), float(mask[dusty.dust].mean()), float((mask & ~near).mean()), float(unneeded.mean())


def _repaired(scan: Slide, parameters: Repair, models: LoadedModels, used: bool) -> tuple[np.ndarray, np.ndarray]:
    height, width = scan.infrared.shape
    picture = Picture(scan.pixels, ScanInfo("tiff", width, height, 16, 4), scan.infrared)
    picture = picture if used else replace(picture, extra=None)
    outcome = Step().apply(Frame("slide", picture, picture), parameters, models)
    mask = np.zeros((height, width), bool) if outcome.mask is None else outcome.mask > 0
    return outcome.picture.pixels, mask


if __name__ == "__main__":
    main()
