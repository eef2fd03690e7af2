"""How much of the error of stained prints is removed, by kind, and how many whole prints are taken for stained.

Prints are made by code from colour photographs (gray, sepia or yellowed; faded; with grain; JPEG), stains by
:mod:`restoration.synthetic.stained`: ``python benchmarks/stains.py FOLDER [SEED]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from restoration.photo.colour import lightness
from restoration.photo.picture import FloatImage
from restoration.photo.stains import stains_of, without_stains
from restoration.steps.parameters import Triage
from restoration.steps.triage import chromatics
from restoration.synthetic.ageing import ORTHOCHROMATIC, PANCHROMATIC, AgeingPlan, age, jpeg_noise
from restoration.synthetic.stained import KINDS, stained

SEEN = 0.1
"""Where a stain's cover exceeds this its error is counted."""


def main() -> None:
    """Print a line for whole prints, and one for each kind of stain."""
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    paths = sorted(p for p in Path(sys.argv[1]).rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    prints = [_print(path, seed + number) for number, path in enumerate(paths)]
    whole = sum(stains_of(one, np.ones(one.shape[:2], bool)) is not None for one in prints)
    print(f"whole prints: {whole} of {len(prints)} taken for stained", flush=True)
    for number, kind in enumerate(KINDS):
        rows = np.array([_measured(one, kind, seed + i) for i, one in enumerate(prints) if i % len(KINDS) == number])
        found = rows[:, 0] > 0
        median = float(np.median(rows[found, 1])) if found.any() else 0.0
        print(
            f"{kind}: {len(rows)} prints, found {found.mean():.0%}, error removed {rows[:, 1].mean():.0%}, median of "
            f"those found {median:.0%}, least {rows[:, 1].min():.0%}, looked like colour {rows[:, 2].mean():.0%}",
            flush=True,
        )


def _print(path: Path, seed: int) -> FloatImage:
    rng = np.random.default_rng(seed)
    photo = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1]).astype(np.float32) / np.float32(255)
    plan = AgeingPlan(
        response=PANCHROMATIC if rng.random() < 0.6 else ORTHOCHROMATIC,
        fade=float(rng.uniform(0, 0.5)),
        grain=float(rng.uniform(0, 0.15)),
        tint=("none", "sepia", "yellowed", "none")[int(rng.integers(4))],
        jpeg=float(rng.uniform(0, 0.25)),
    )
    return age(photo, plan, seed).pixels


def _measured(clean: FloatImage, kind: str, seed: int) -> tuple[float, float, float]:
    """Whether a stain was found, what share of its squared error of L* went, and whether it looked like colour."""
    rng = np.random.default_rng((seed, 1))
    dirty, cover = stained(clean, kind, float(rng.uniform(0.35, 1.1)), rng)
    scan = jpeg_noise(dirty, int(rng.integers(82, 97)))
    colour = float(chromatics(scan).kind(Triage()) == "colour")
    stains = stains_of(scan, np.ones(scan.shape[:2], bool))
    if stains is None:
        return 0.0, 0.0, colour
    truth, here = lightness(clean), cover > SEEN
    before, after = (np.square(lightness(one) - truth)[here].sum() for one in (scan, without_stains(scan, stains)))
    return 1.0, float(1 - after / max(float(before), 1e-6)), colour


if __name__ == "__main__":
    main()
