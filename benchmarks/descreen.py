"""How well printing screens are found and taken out, on newsprint made by code from whole photographs.

Run: ``python benchmarks/descreen.py [--photos FOLDER] [--most 12] [--seed 7] [--pitches 4 7] [--json FILE]``. Without
a folder the photographs that scikit-image and scikit-learn carry are used. Every one is printed through screens of
several pitches, strengths and angles (``restoration/synthetic/printed.py``; angles and the scanner's softness are drawn
from the seed), in gray and in four inks. Each row is the mean over the photographs:

* ``found``: how many of them the screen was found in;
* ``dots``: power at the two base frequencies, dB below that of the full range, before and after, and how far it fell
  where it fell least;
* ``SSIM``: of luma against the photograph before it was printed, before, after, and the least gain.

The last line is the whole photographs themselves: in how many of them a screen was found (there is none).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from restoration.photo.colour import luminance_y
from restoration.photo.picture import FloatImage
from restoration.photo.screen import Screen, find_screen, remove_screen, screen_of
from restoration.quality.metrics import ssim_y
from restoration.synthetic.printed import Press, printed

PITCHES = (2.5, 3.2, 4.0, 5.3, 7.0, 9.0, 12.0)
STRENGTHS = (0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Trial:
    """One print of one photograph; figures are None where no screen was found."""

    dots_before: float
    dots_after: float
    ssim_before: float
    ssim_after: float


def photographs(folder: Path | None, most: int) -> list[FloatImage]:
    """Up to ``most`` photographs, evenly spread over the folder's names."""
    if folder is None:
        from skimage import data
        from sklearn.datasets import load_sample_images

        raw = [data.astronaut(), data.chelsea(), data.coffee(), *load_sample_images().images]
        return [np.ascontiguousarray(one, np.float32) / 255 for one in raw][:most]
    names = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".tif"})
    chosen = names[:: max(1, len(names) // most)][:most]
    return [np.ascontiguousarray(cv2.imread(str(name))[:, :, ::-1], np.float32) / 255 for name in chosen]


def dots_level(pixels: FloatImage, screen: Screen) -> float:
    """Power of luma within one bin of the base frequencies, dB of the full range, mean over windows of 128 pixels."""
    luma, side = luminance_y(pixels), min(128, *pixels.shape[:2])
    taper = np.outer(np.hanning(side), np.hanning(side))
    places = np.rint(np.asarray(screen.bases) * side).astype(int)
    powers = []
    for top in range(0, luma.shape[0] - side + 1, side // 2):
        for left in range(0, luma.shape[1] - side + 1, side // 2):
            window = luma[top : top + side, left : left + side]
            plane = np.abs(np.fft.fft2((window - window.mean()) * taper) * 2 / taper.sum()) ** 2
            near = [
                plane[(y + dy) % side, (x + dx) % side] for y, x in places for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            ]
            powers.append(np.mean(near))
    return float(10 * np.log10(np.mean(powers) + 1e-12))


def tried(picture: FloatImage, press: Press, seed: int) -> Trial | None:
    """Print, find, remove, measure; None where no screen was found."""
    scan = printed(picture, press, seed)
    screen = screen_of(scan)
    if screen is None:
        return None
    clean = remove_screen(scan, screen)
    before, after = dots_level(scan, screen), dots_level(clean, screen)
    return Trial(before, after, ssim_y(picture, scan), ssim_y(picture, clean))


def row(photos: list[FloatImage], pitch: float, strength: float, colour: bool, seed: int) -> dict[str, object]:
    """One row of the table."""
    rng = np.random.default_rng((seed, round(pitch * 10), round(strength * 10), int(colour)))
    trials = []
    for number, picture in enumerate(photos):
        press = Press(pitch, float(rng.uniform(0, 90)), strength, float(rng.uniform(0.4, 0.9)), colour=colour)
        trials.append(tried(picture, press, seed + number))
    found = [trial for trial in trials if trial is not None]
    means = {name: round(float(np.mean([asdict(t)[name] for t in found])), 3) for name in Trial.__dataclass_fields__}
    least = {
        "least_fall": round(min(t.dots_before - t.dots_after for t in found), 1),
        "least_gain": round(min(t.ssim_after - t.ssim_before for t in found), 3),
    }
    head = {"inks": 4 if colour else 1, "pitch": pitch, "strength": strength, "found": len(found), "of": len(photos)}
    return {**head, **means, **least}


def line(one: dict[str, object]) -> str:
    """A row as a line of a Markdown table."""
    return (
        "| {inks} | {pitch} | {strength} | {found}/{of} | {dots_before:.1f} | {dots_after:.1f} | {least_fall:.1f} "
        "| {ssim_before:.3f} | {ssim_after:.3f} | {least_gain:.3f} |"
    ).format(**one)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--most", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--pitches", type=float, nargs="*", default=PITCHES)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    photos = photographs(arguments.photos, arguments.most)
    print(
        "| inks | pitch | strength | found | dots before, dB | after | least fall | SSIM before | after | least gain |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    rows = []
    for colour in (False, True):
        for pitch in arguments.pitches:
            for strength in STRENGTHS if not colour else STRENGTHS[1:]:
                rows.append(row(photos, pitch, strength, colour, arguments.seed))
                print(line(rows[-1]), flush=True)
    false = sum(find_screen(luminance_y(photo)) is not None for photo in photos)
    print(f"\nwhole photographs taken for printed ones: {false} of {len(photos)}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "false": false, "photos": len(photos)}, indent=1))


if __name__ == "__main__":
    main()
