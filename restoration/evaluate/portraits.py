"""Faces that restorers are compared on: found, aligned like those that the house restorer learns from, degraded.

With a reference a photograph is a sharp portrait. Its best face, aligned to the FFHQ template and reduced to 256 x 256,
is the truth; what restorers are given is that face degraded, drawn from the seed and the photograph's content alone, so
that neither order nor name nor company changes it. Without one it is a real old photograph, and all its faces are given
as they are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import PhotoRejected, ReasonCode
from restoration.evaluate.photos import CONFIDENCE, DETECTOR, Problem, family_of
from restoration.models.nets.house_restorer import SIDE
from restoration.models.registry import Models
from restoration.photo.decode import Decoder
from restoration.photo.picture import FloatImage
from restoration.steps import alignment
from restoration.steps.finding import find_faces
from restoration.steps.parameters import Faces
from restoration.synthetic.degradation import degrade, random_degradation

if TYPE_CHECKING:
    from restoration.models.nets.detection import Detection

SMALLEST_SIDE = 224
"""Portraits with a shorter long side hold faces that are themselves degraded: they are no truth."""
RECIPES = Faces()
"""How recipes find faces where they say nothing else; old photographs are looked at in the same way."""


@dataclass(frozen=True)
class Face:
    """One aligned face: 256 x 256 x 3 sRGB in [0, 1], as given to restorers, and its truth where that is known.

    ``number`` counts the faces of a photograph from 1; a portrait's best face, which stands for it, has 0.
    ``landmarks`` are eyes, nose and mouth corners (5 x 2) in pixels of the face.
    """

    photo: str
    sha256: str
    family: str
    number: int
    given: FloatImage
    truth: FloatImage | None
    landmarks: alignment.Points

    @property
    def subject(self) -> str:
        """Name of the photograph, with the face's number where there may be several."""
        return subject_of(self.photo, self.number)


@dataclass
class FaceReader:
    """Reads photographs of one folder. A context manager: the decoding process ends with it."""

    folder: Path
    models: Models
    seed: int
    with_reference: bool
    decoder: Decoder = field(default_factory=Decoder)

    def __enter__(self) -> FaceReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.decoder.close()

    def read(self, name: str) -> list[Face | Problem]:
        """The faces of one photograph by its name; what is wrong with it is an answer, not an error."""
        try:
            data = (self.folder / name).read_bytes()
            scan = self.decoder.decode(data, name)
        except OSError as error:
            return [Problem(name, ReasonCode.SOURCE_MISSING, f"the file cannot be read: {error.strerror}")]
        except PhotoRejected as error:
            return [Problem(name, error.reason, error.message)]
        digest = hashlib.sha256(data).hexdigest()
        if self.with_reference:
            return [self._portrait(name, digest, scan.pixels)]
        return self._all_faces(name, digest, scan.pixels)

    def _portrait(self, name: str, digest: str, pixels: FloatImage) -> Face | Problem:
        height, width = pixels.shape[:2]
        if max(height, width) < SMALLEST_SIDE:
            words = f"it is {width} x {height}; a portrait of less than {SMALLEST_SIDE} pixels is no truth for faces"
            return Problem(name, ReasonCode.TOO_SMALL, words, skipped=True)
        found = self.models.load(DETECTOR)(_bytes(pixels), CONFIDENCE)
        made = aligned(pixels, found[0]) if found else None
        if made is None:
            return Problem(name, ReasonCode.NO_FACES, "no face was found in it; it is left out", skipped=True)
        truth, landmarks = made
        return Face(name, digest, family_of(name), 0, degraded(truth, digest, self.seed), truth, landmarks)

    def _all_faces(self, name: str, digest: str, pixels: FloatImage) -> list[Face | Problem]:
        found = find_faces(self.models.load(DETECTOR), _bytes(pixels), RECIPES.confidence).faces
        if not found:
            return [Problem(name, ReasonCode.NO_FACES, "no face was found in it; it is left out", skipped=True)]
        made = [aligned(pixels, one) if _eyes_apart(one) >= RECIPES.min_eye_distance else None for one in found]
        faces: list[Face | Problem] = [
            Face(name, digest, family_of(name), number, one[0], None, one[1])
            for number, one in enumerate(made, start=1)
            if one is not None
        ]
        if small := len(found) - len(faces):
            words = f"{small} of {len(found)} faces are too small or too slanted, as recipes have it; they are left out"
            faces.append(Problem(name, ReasonCode.FACE_TOO_SMALL, words, skipped=True))
        return faces


def aligned(pixels: FloatImage, found: Detection) -> tuple[FloatImage, alignment.Points] | None:
    """A face on the FFHQ template at half its size, on the grid of 8 bits, with its landmarks; None where the
    landmarks allow no alignment.
    """
    matrix = alignment.alignment(found.landmarks)
    if matrix is None:
        return None
    crop = alignment.crop(np.asarray(pixels, np.float32), matrix)
    small = np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    face = np.rint(np.clip(small, 0, 1) * 255).astype(np.float32) / np.float32(255)
    marks = alignment.moved(matrix, found.landmarks.astype(np.float64))
    ratio = SIDE / alignment.SIDE
    return face, np.asarray((marks + 0.5) * ratio - 0.5, np.float32)  # pixels' centres, not their corners


def degraded(truth: FloatImage, sha256: str, seed: int) -> FloatImage:
    """The face after one draw of the training's degradation; seed and content hash (hexadecimal) decide which."""
    rng = np.random.default_rng((seed, int(sha256, 16)))
    return degrade(truth, random_degradation(rng), int(rng.integers(2**31)))


def subject_of(photo: str, number: int) -> str:
    """Name of a face within an evaluation."""
    return f"{photo}#{number}" if number else photo


def _eyes_apart(found: Detection) -> float:
    return float(np.hypot(*(found.landmarks[1] - found.landmarks[0])))


def _bytes(pixels: FloatImage) -> NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
