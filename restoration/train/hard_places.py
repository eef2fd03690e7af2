"""Places of whole photographs that a finder takes for damage: crops round them teach the next one what is none.

``python -m restoration.train.hard_places --photos FOLDER ... --weights FILE --out PLACES.csv`` asks the finder about
every photograph as the recipes do (``restoration/steps/searching.py``), every other one with an old print's tones and
grain. PLACES.csv has a line for each place: photograph (its file name), x and y of the middle (shares of
width and height), and how likely its surest pixel seemed. The same photographs and weights give the same file on one
machine. Look at the places before a net learns from them: a scratch on a scanned slide is damage.
"""

from __future__ import annotations

import argparse
import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from restoration.engine.outputs import write_atomically
from restoration.errors import UsageError
from restoration.steps.judging import judge
from restoration.steps.searching import search
from restoration.synthetic import ageing
from restoration.synthetic.shapes import Plane
from restoration.train.damage_crops import printed, read_photo
from restoration.train.data import family_of, find_photos

log = logging.getLogger(__name__)

_COLUMNS = ("photo", "x", "y", "likely")
_WORN = 0.5
"""Sensitivity of the recipes. Places are taken by the lower measure that worn prints get, so that near ones count."""


@dataclass(frozen=True)
class HardPlace:
    """A place of a photograph without damage that was taken for damage: file name, shares of width and height, and how
    likely its surest pixel seemed, 0..1.
    """

    photo: str
    x: float
    y: float
    likely: float


def places_of(net: Any, plane: Plane, photo: str, device: str = "cpu") -> Iterator[HardPlace]:
    """Where a finder would fill a whole photograph, H x W luma in [0, 1]."""
    found = search(net, plane, device)
    marked = judge(found, _WORN, (), worn=True).mask.astype(np.uint8)
    count, labels, _, middles = cv2.connectedComponentsWithStats(marked, connectivity=8)
    height, width = plane.shape
    for number in range(1, count):
        likely = float(found.likely[labels == number].max()) / 255
        yield HardPlace(photo, float(middles[number][0]) / width, float(middles[number][1]) / height, likely)


def _view(path: Path) -> Plane:
    """The photograph in plain gray or as a print; drawn from the file's name alone."""
    rng = np.random.default_rng(list(path.name.encode()))
    mix = rng.dirichlet((3.0, 5.0, 2.0))
    gray = ageing.film_response(read_photo(path), (float(mix[0]), float(mix[1]), float(mix[2])))
    return printed(gray, rng) if rng.random() < 0.5 else gray


def find_places(net: Any, photos: Iterable[Path], device: str = "cpu") -> Iterator[HardPlace]:
    """Hard places of all photographs, in order."""
    for number, path in enumerate(photos):
        yield from places_of(net, _view(path), path.name, device)
        if number % 100 == 99:
            log.info("%d photographs", number + 1)


def chosen(places: Iterable[HardPlace], most: int, left_out: Sequence[str] = ()) -> list[HardPlace]:
    """At most so many places of each photograph, the surest of them, and none of the families that are left out."""
    by_photo: dict[str, list[HardPlace]] = {}
    for place in places:
        if family_of(Path(place.photo)) not in left_out:
            by_photo.setdefault(place.photo, []).append(place)
    return [
        one for found in by_photo.values() for one in sorted(found, key=lambda place: place.likely, reverse=True)[:most]
    ]


def write_places(path: Path, places: Iterable[HardPlace]) -> None:
    """Write a file of places. :raises StorageError: the file system refused."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((one.photo, f"{one.x:.4f}", f"{one.y:.4f}", f"{one.likely:.4f}") for one in places)
    write_atomically(path, out.getvalue().encode())


def read_places(path: Path) -> list[HardPlace]:
    """Read a file of places. :raises UsageError: it is missing, or no such file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [HardPlace(row["photo"], float(row["x"]), float(row["y"]), float(row["likely"])) for row in rows]
    except (OSError, KeyError, TypeError, ValueError) as error:
        message = (
            f"{path} cannot be read as hard places ({error}); make it with python -m restoration.train.hard_places"
        )
        raise UsageError(message) from error


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module's docstring."""
    import torch

    from restoration.models.loading import fill, read_weights
    from restoration.models.nets import house_finder
    from restoration.train.loop import half_precision

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, action="append", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="Ask about every so-manieth photograph by name only.")
    parser.add_argument("--most", type=int, default=4, help="Places of one photograph; the surest are kept.")
    parser.add_argument("--left-out", action="append", default=[], help="Family whose photographs hold true damage.")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    net = house_finder.build(folded=True)
    fill(net, read_weights(asked.weights), asked.weights.name)
    photos = sorted(
        (path for paths in find_photos(asked.photos).values() for path in paths), key=lambda path: path.name
    )
    photos = photos[:: asked.every]
    with torch.inference_mode(), half_precision(torch.device(asked.device)):
        places = find_places(net.eval().to(asked.device), photos, asked.device)
        write_places(asked.out, chosen(places, asked.most, asked.left_out))


if __name__ == "__main__":
    main()
