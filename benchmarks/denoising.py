"""What a denoiser gains on photographs spoilt by a known amount, beside the step's own filter and OpenCV's NLM.

Run: ``python benchmarks/denoising.py --photos FOLDER [--photos FOLDER] [--weights FILE] [--count 40] [--shrink 1.0]
[--strength 1.0] [--every] [--threads 2]``. FOLDER holds sound photographs that were not trained on; every other one is
made gray. ``--shrink`` brings them down first, so that their own JPEG blocks count less. FILE are weights of
``house-denoiser``; without it only the filter and NLM are measured.

Each trial spoils every photograph in one way, seeded by its name, and rounds it to 8 bits. The table shows the PSNR of
what was given and what each way gains over it, in dB: mean over the photographs. ``net`` is the net behind the step's
gates, as recipes get it; with ``--every``, without them. NLM is ``fastNlMeansDenoisingColored`` with the strength of
the measured noise. The lines ``clean`` show what each way does to photographs that nothing was done to: PSNR against
themselves, the largest change of a pixel, the share of pixels changed by more than 6 levels, and of photographs
changed.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from restoration.models.loading import fill, read_weights
from restoration.models.nets import house_denoiser
from restoration.photo.picture import FloatImage
from restoration.quality.metrics import flat_noise, psnr
from restoration.steps import denoising
from restoration.steps.repair import reduce_grain
from restoration.synthetic import ageing

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}
FILTER_FLOOR = 4.0
"""Noise from which the step's filter is used."""
PLAIN_TO_SEE = 6 / 255
ONE_MEGAPIXEL = (1000, 1000)

Random = np.random.Generator
Spoiler = Callable[[FloatImage, Random], FloatImage]
Way = Callable[[FloatImage], FloatImage]


def noise(sigma: float) -> Spoiler:
    """White noise: one for all channels of a gray picture, one each in colour."""

    def spoil(picture: FloatImage, rng: Random) -> FloatImage:
        channels = 1 if np.array_equal(picture[:, :, 0], picture[:, :, 2]) else 3
        drawn = rng.standard_normal((*picture.shape[:2], channels), np.float32)
        return picture + drawn * np.float32(sigma / 255)

    return spoil


def blur(sigma: float) -> Spoiler:
    """A Gaussian blur."""
    return lambda picture, _: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def jpeg(quality: int) -> Spoiler:
    """Once through JPEG."""
    return lambda picture, _: ageing.jpeg_noise(picture, quality)


def grain(strength: float) -> Spoiler:
    """Silver grain as ageing draws it."""
    return lambda picture, rng: ageing.grain(picture, strength, rng)


def after(*spoilers: Spoiler) -> Spoiler:
    """One after the other."""

    def spoil(picture: FloatImage, rng: Random) -> FloatImage:
        for each in spoilers:
            picture = each(picture, rng)
        return picture

    return spoil


TRIALS: dict[str, Spoiler] = {
    "noise 8": noise(8),
    "noise 14": noise(14),
    "noise 20": noise(20),
    "JPEG 70": jpeg(70),
    "JPEG 55": jpeg(55),
    "JPEG 40": jpeg(40),
    "blur 0.6": blur(0.6),
    "blur 1.0": blur(1.0),
    "blur 1.5": blur(1.5),
    "grain": grain(0.6),
    "noise 8, JPEG 70": after(noise(8), jpeg(70)),
    "grain, JPEG 55": after(grain(0.5), jpeg(55)),
    "blur 0.8, noise 8, JPEG 70": after(blur(0.8), noise(8), jpeg(70)),
    "blur 1.2, grain": after(blur(1.2), grain(0.4)),
}


def in_bytes(picture: FloatImage) -> FloatImage:
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.float32) / np.float32(255)


def pictures(folders: list[Path], count: int, shrink: float) -> Iterator[tuple[str, FloatImage]]:
    """``count`` photographs, evenly spread over the names; every other one gray."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    chosen = [paths[at] for at in np.unique(np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int))]
    for number, path in enumerate(chosen):
        pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[:, :, ::-1], np.float32) / np.float32(255)
        if shrink < 1:
            pixels = np.asarray(cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
        if number % 2:
            pixels = ageing.gray_to_rgb(ageing.film_response(pixels, ageing.PANCHROMATIC))
        yield path.name, in_bytes(np.ascontiguousarray(pixels))


def filtered(strength: float) -> Way:
    def way(picture: FloatImage) -> FloatImage:
        level = flat_noise(picture)
        return reduce_grain(picture, level, strength) if level > FILTER_FLOOR else picture

    return way


def non_local(picture: FloatImage) -> FloatImage:
    level = flat_noise(picture)
    eight = np.rint(picture[:, :, ::-1] * 255).astype(np.uint8)
    done = cv2.fastNlMeansDenoisingColored(eight, None, max(level, 1.0), max(level, 1.0), 7, 21)
    return np.ascontiguousarray(done[:, :, ::-1]).astype(np.float32) / np.float32(255)


def by_net(net: Any, strength: float, *, gated: bool) -> Way:
    def way(picture: FloatImage) -> FloatImage:
        if gated:
            return denoising.denoise(net, picture, strength, "cpu").pixels
        neutral = np.array_equal(picture[:, :, 0], picture[:, :, 2])
        change = denoising.taken(denoising.correction(net, picture, "cpu"), strength, neutral=neutral)
        return np.clip(picture + change, 0, 1)

    return way


def load(path: Path) -> Any:
    net = house_denoiser.build()
    fill(net, read_weights(path), path.name)
    return net.eval().requires_grad_(False)


def gains(ways: dict[str, Way], shown: list[tuple[str, FloatImage]]) -> None:
    """Print the table of gains."""
    print(f"{'':28s}{'given':>8s}" + "".join(f"{name:>10s}" for name in ways))
    for trial, spoiler in TRIALS.items():
        rows = []
        for name, truth in shown:
            rng = np.random.default_rng(zlib.crc32(f"{trial}/{name}".encode()))
            given = in_bytes(spoiler(truth, rng))
            base = psnr(given, truth)
            rows.append([base, *(psnr(in_bytes(way(given)), truth) - base for way in ways.values())])
        mean = np.mean(rows, axis=0)
        print(f"{trial:28s}{mean[0]:8.2f}" + "".join(f"{value:+10.2f}" for value in mean[1:]), flush=True)


def harm(ways: dict[str, Way], shown: list[tuple[str, FloatImage]]) -> None:
    """Print what is done to photographs that nothing was done to."""
    print(f"\n{'clean':12s}{'PSNR dB':>10s}{'largest':>10s}{'over 6':>10s}{'changed':>10s}")
    for name, way in ways.items():
        rows = []
        for _, truth in shown:
            change = np.abs(in_bytes(way(truth)) - truth).max(axis=2)
            rows.append([psnr(in_bytes(way(truth)), truth), 255 * change.max(), 100 * (change > PLAIN_TO_SEE).mean(),
                         100 * bool(change.any())])  # fmt: skip
        table = np.array(rows)
        print(f"{name:12s}{table[:, 0].mean():10.2f}{table[:, 1].max():10.0f}"
              f"{table[:, 2].mean():9.2f}%{table[:, 3].mean():9.0f}%", flush=True)  # fmt: skip


def speed(ways: dict[str, Way]) -> None:
    """Print seconds for one megapixel of noise, which no gate holds back."""
    given = in_bytes(noise(12)(np.full((*ONE_MEGAPIXEL, 3), 0.5, np.float32), np.random.default_rng(0)))
    for name, way in ways.items():
        way(given)
        started = time.perf_counter()
        way(given)
        print(f"{name}: {time.perf_counter() - started:.2f} s for a megapixel")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, action="append", required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--shrink", type=float, default=1.0)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--every", action="store_true", help="without the step's gates")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    cv2.setNumThreads(asked.threads)
    ways: dict[str, Way] = {}
    if asked.weights:
        ways["net"] = by_net(load(asked.weights), asked.strength, gated=not asked.every)
    ways |= {"filter": filtered(asked.strength), "NLM": non_local}
    shown = list(pictures(asked.photos, asked.count, asked.shrink))
    if not shown:
        parser.error("the folders hold no photographs")
    gains(ways, shown)
    harm(ways, shown)
    speed(ways)


if __name__ == "__main__":
    main()
