"""Photographs to be compared on: found, read like any scan, brought to one size, their faces found once.

With a reference a photograph is the colour truth, and its gray version has exactly its L*. Without one it is a real old
scan: triage makes a tinted one neutral, as a recipe would, and refuses a colour photograph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from restoration.engine.outputs import find_photographs
from restoration.errors import PhotoRejected, ReasonCode, RestorationError, UsageError
from restoration.models.registry import Models
from restoration.photo.colour import gray_from_lightness, lightness, rgb_to_lab
from restoration.photo.decode import Decoder
from restoration.photo.picture import FloatImage, Picture, ScanInfo
from restoration.quality import skin
from restoration.quality.bleed import lightness_edges
from restoration.quality.skin import Face, ItaGroup, Lab, Mask
from restoration.steps.parameters import Triage
from restoration.steps.protocol import Frame
from restoration.steps.triage import Step as TriageStep

DETECTOR = "centerface"
CONFIDENCE = 0.6
"""Lowest detector score; a little above the recipes' own, since a false face would be judged as skin."""
MIN_SIDE = 32
"""Shortest side, at the size of the comparison: the perceptual distance needs as much."""
MIN_FACE = 16.0
"""Faces narrower than this many pixels, at the size of the comparison, tell nothing about skin."""


@dataclass(frozen=True)
class Photo:
    """One photograph, ready for all models. ``truth`` is None for a real old photograph.

    ``skin`` is the skin that is judged; ``face`` the whole ellipses; both may be empty. ``angle`` is the typology angle
    of the largest face in degrees, None where no skin was found or there is no truth.
    """

    name: str
    sha256: str
    family: str
    gray: FloatImage
    truth: FloatImage | None
    edges: Mask
    face: Mask
    skin: Mask
    angle: float | None = None
    truth_lab: Lab | None = None

    @property
    def group(self) -> ItaGroup | None:
        """The group of the largest face."""
        return None if self.angle is None else skin.ita_group(self.angle)


@dataclass(frozen=True)
class Problem:
    """A photograph that could not be compared, and why. ``skipped`` ones are no failure: they do not belong here."""

    name: str
    reason: ReasonCode
    message: str
    skipped: bool = False


@dataclass
class Reader:
    """Reads photographs of one folder. A context manager: the decoding process ends with it."""

    folder: Path
    models: Models
    long_side: int
    with_reference: bool
    decoder: Decoder = field(default_factory=Decoder)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.decoder.close()

    def read(self, name: str) -> Photo | Problem:
        """One photograph by its name within the folder; what is wrong with it is an answer, not an error."""
        try:
            data = (self.folder / name).read_bytes()
            scan = self.decoder.decode(data, name)
            digest = hashlib.sha256(data).hexdigest()
            check_shape(scan, self.long_side)
            return self._of_truth(name, digest, scan) if self.with_reference else self._of_scan(name, digest, scan)
        except OSError as error:
            return Problem(name, ReasonCode.SOURCE_MISSING, f"the file cannot be read: {error.strerror}")
        except _ColourScan:
            return Problem(name, ReasonCode.ALREADY_COLOUR, "a colour photograph; it is left out", skipped=True)
        except PhotoRejected as error:
            return Problem(name, error.reason, error.message)

    def _of_truth(self, name: str, digest: str, scan: Picture) -> Photo:
        truth = resized(scan.pixels, self.long_side)
        gray = gray_from_lightness(lightness(truth))
        lab = rgb_to_lab(truth)
        faces = self._faces(gray)
        shape = lab.shape[:2]
        own = skin.true_skin(lab, skin.skin_mask(shape, faces))
        angle = None
        if faces:
            largest = skin.true_skin(lab, skin.skin_mask(shape, [max(faces, key=lambda face: face.area)]))
            angle = skin.typology_angle(lab, largest) if largest.sum() >= skin.MIN_PIXELS else None
        return Photo(
            name=name,
            sha256=digest,
            family=family_of(name),
            gray=gray,
            truth=truth,
            edges=lightness_edges(lab),
            face=skin.face_mask(shape, faces),
            skin=own,
            angle=angle,
            truth_lab=lab,
        )

    def _of_scan(self, name: str, digest: str, scan: Picture) -> Photo:
        picture = scan.with_pixels(resized(scan.pixels, self.long_side))
        frame = Frame(name, picture, picture)
        gray = TriageStep().apply(frame, Triage(), self.models).picture.pixels
        if frame.notes["triage"]["kind"] == "colour":
            raise _ColourScan("a colour photograph", photo=name)
        faces = self._faces(gray)
        shape = gray.shape[:2]
        return Photo(
            name=name,
            sha256=digest,
            family=family_of(name),
            gray=gray,
            truth=None,
            edges=lightness_edges(rgb_to_lab(gray)),
            face=skin.face_mask(shape, faces),
            skin=skin.skin_mask(shape, faces),
        )

    def _faces(self, gray: FloatImage) -> list[Face]:
        detector = self.models.load(DETECTOR)
        found = detector(np.rint(gray * 255).astype(np.uint8), CONFIDENCE)
        return [Face(one.box, one.landmarks) for one in found if one.box[2] >= MIN_FACE]


class _ColourScan(RestorationError):
    """A scan among the gray ones that has colours of its own."""


def list_photos(folder: Path) -> list[str]:
    """Names of the photographs under a folder, as sorted relative POSIX paths; hidden files are passed over.

    :raises UsageError: no such folder, or it holds no photographs.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name one that holds photographs")
    found, others, _ = find_photographs(folder, folder / ".none")
    if not found:
        raise UsageError(
            f"{folder} holds no photographs to compare on (of {others} files none is named like a picture)"
        )
    return found


def data_set_sha256(members: Iterator[tuple[str, str]]) -> str:
    """Hash of a data set: that of its sorted lines ``sha256  name``, whatever the order of reading."""
    lines = sorted(f"{digest}  {name}\n" for name, digest in members)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def family_of(name: str) -> str:
    """Family of a photograph: its file name up to the first underscore."""
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[0].split("_", 1)[0]


def resized(pixels: FloatImage, long_side: int) -> FloatImage:
    """The photograph with the given long side, on the grid of 8 bits; small ones are enlarged, so that all compare."""
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.clip(np.asarray(cv2.resize(pixels, size, interpolation=method), np.float32), 0, 1)
    return np.asarray(np.rint(small * np.float32(255)) / np.float32(255), np.float32)


def check_shape(scan: Picture, long_side: int) -> None:
    """:raises PhotoRejected: a strip whose short side would be below :data:`MIN_SIDE` pixels (TOO_SMALL)."""
    short = round(long_side * min(scan.height, scan.width) / max(scan.height, scan.width))
    if short < MIN_SIDE:
        raise PhotoRejected(
            f"it is {scan.width} x {scan.height}, a strip of {short} pixels at the compared size; at least {MIN_SIDE} "
            "are needed: compare it at a larger --long-side",
            reason=ReasonCode.TOO_SMALL,
        )


def frame_of(photo: Photo) -> Frame:
    """The gray photograph as a step takes it."""
    picture = Picture(photo.gray, ScanInfo("jpeg", photo.gray.shape[1], photo.gray.shape[0], 8, 1))
    return Frame(photo.name, picture, picture)
