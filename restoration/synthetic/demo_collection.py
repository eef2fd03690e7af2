"""The demo collection: photographs that installed packages carry, aged by :mod:`restoration.synthetic.ageing`.

Sources and rights: matplotlib's portrait of Grace Hopper (US Navy, public domain), scikit-image's Eileen Collins (NASA,
public domain), coffee cup and cat (CC0), scikit-learn's Chinese temple and flower (CC BY). Each is aged in several
ways, so that the collection holds many kinds of damage and, beside it in ``truth/``, what the photographs looked like.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np

from restoration.errors import EnvironmentProblem
from restoration.photo.picture import FloatImage
from restoration.synthetic.ageing import ORTHOCHROMATIC, AgeingPlan, age


@dataclass(frozen=True)
class Origin:
    """A photograph that a package carries."""

    package: str
    path: str
    title: str
    creator: str
    rights: str
    year: str


ORIGINS: dict[str, Origin] = {
    "hopper": Origin(
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        "Grace Hopper in uniform",
        "James S. Davis, US Navy",
        "Public domain (US federal government)",
        "1984",
    ),
    "astronaut": Origin(
        "skimage",
        "data/astronaut.png",
        "Eileen Collins, astronaut",
        "NASA",
        "Public domain (US federal government)",
        "1993",
    ),
    "temple": Origin(
        "sklearn",
        "datasets/images/china.jpg",
        "Pavilion of the Summer Palace",
        "Danielle Buma",
        "CC BY 2.0",
        "2008",
    ),
    "flower": Origin("sklearn", "datasets/images/flower.jpg", "Dahlia", "vultilion", "CC BY 2.0", "2008"),
    "coffee": Origin("skimage", "data/coffee.png", "Cup of coffee", "Rachel Michetti", "CC0 1.0", "2013"),
    "cat": Origin("skimage", "data/chelsea.png", "Chelsea the cat", "Stefan van der Walt", "CC0 1.0", "2012"),
}
"""Where each photograph comes from, by short name."""

PLANS: dict[str, AgeingPlan] = {
    "faded": AgeingPlan(fade=0.8, grain=0.3, vignette=0.3),
    "sepia-scratched": AgeingPlan(fade=0.3, grain=0.2, scratches=0.35, dust=0.3, tint="sepia"),
    "creased": AgeingPlan(response=ORTHOCHROMATIC, crease=0.5, dust=0.4, grain=0.3, blur=0.1),
    "yellowed": AgeingPlan(fade=0.5, blur=0.15, jpeg=0.4, tint="yellowed"),
    "cyanotype": AgeingPlan(fade=0.2, grain=0.2, tint="cyanotype"),
    "newsprint": AgeingPlan(halftone=0.4, fade=0.3, jpeg=0.3),
    "colour-print": AgeingPlan(keep_colour=True, fade=0.4, dust=0.2),
}
"""How each scan of the collection was aged, by short name."""

SCANS: tuple[tuple[str, str], ...] = (
    ("hopper", "faded"),
    ("hopper", "sepia-scratched"),
    ("hopper", "creased"),
    ("astronaut", "faded"),
    ("astronaut", "yellowed"),
    ("astronaut", "creased"),
    ("temple", "sepia-scratched"),
    ("temple", "cyanotype"),
    ("flower", "colour-print"),
    ("coffee", "yellowed"),
    ("cat", "newsprint"),
    ("cat", "faded"),
)
"""The scans of the collection: photograph and ageing."""


def read_origin(name: str) -> FloatImage:
    """The colour photograph as its package carries it, H x W x 3 float32 sRGB in [0, 1].

    :raises EnvironmentProblem: the package is not installed or no longer carries the file.
    """
    origin = ORIGINS[name]
    try:
        with as_file(files(origin.package) / origin.path) as path:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except ModuleNotFoundError as error:
        raise EnvironmentProblem(f"the demo needs the package {origin.package}; install the extra 'demo'") from error
    if image is None:
        raise EnvironmentProblem(f"{origin.package} no longer carries {origin.path}; install the locked version")
    return np.ascontiguousarray(image[:, :, ::-1]).astype(np.float32) / 255.0


def build(folder: Path) -> list[Path]:
    """Write the collection: JPEG scans and ``metadata.csv`` in ``scans/``, the truth as PNG in ``truth/``.

    One scan is a duplicate and one file is damaged beyond reading, as in any real delivery. Building again gives the
    same bytes. Returns the files under ``scans/``, which are what is uploaded.
    """
    scans, truth = folder / "scans", folder / "truth"
    for part in (scans / "portraits", scans / "scenes", truth):
        part.mkdir(parents=True, exist_ok=True)
    written, rows = [], []
    for number, (name, plan) in enumerate(SCANS, start=1):
        photo = read_origin(name)
        aged = age(photo, PLANS[plan], seed=1900 + number)
        place = "portraits" if name in ("hopper", "astronaut") else "scenes"
        path = scans / place / f"{name}-{plan}.jpg"
        _write(path, aged.pixels, [cv2.IMWRITE_JPEG_QUALITY, 93])
        _write(truth / f"{name}-{plan}.png", photo, [])
        written.append(path)
        rows.append(_row(path.relative_to(scans), name, plan))
    written += _delivery_faults(scans)
    return [*written, _write_sidecar(scans / "metadata.csv", rows)]


def _write(path: Path, pixels: FloatImage, options: list[int]) -> None:
    eight = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    packed = cv2.imencode(path.suffix, eight[:, :, ::-1], options)[1]
    path.write_bytes(packed.tobytes())


def _delivery_faults(scans: Path) -> list[Path]:
    """A second copy under another name, and a scan that was cut off while it was copied."""
    source = (scans / "portraits" / "hopper-faded.jpg").read_bytes()
    twin, cut = scans / "portraits" / "hopper-faded-copy.jpg", scans / "scenes" / "cut-off.jpg"
    twin.write_bytes(source)
    cut.write_bytes(source[: len(source) // 3])
    return [twin, cut]


def _row(path: Path, name: str, plan: str) -> dict[str, str]:
    origin = ORIGINS[name]
    return {
        "filename": path.as_posix(),
        "title": origin.title,
        "creator": origin.creator,
        "date": origin.year,
        "rights": origin.rights,
        "source": f"{origin.package}/{origin.path}",
        "description": f"Aged by this project's own code ({plan}); the truth is kept beside the collection.",
    }


def _write_sidecar(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
