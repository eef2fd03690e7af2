"""Damage is found, mended, and recorded: what was filled is an invention, and people can see where it is.

Dots of a printing screen are taken out first. Marks are found by a net (or by their shape alone), thin ones filled from
their surroundings, wide ones by an inpainting net. Only marked pixels are filled, at the scan's full depth; a clean
scan comes back as it came. Strong grain is reduced by a filter, or grain, noise and blocks by a net. A hole that takes
what nobody can know of a face is left to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import FILLED_KINDS, MASK_CODES, DamageKind, Mending
from restoration.errors import ReasonCode
from restoration.models.nets.detection import Detection
from restoration.models.registry import ModelEntry, Models
from restoration.photo import bands
from restoration.photo.colour import luminance_y
from restoration.photo.damage import Damage, Mask, find_damage
from restoration.photo.picture import FloatImage
from restoration.quality.metrics import flat_noise
from restoration.steps import denoising, filling
from restoration.steps.descreening import descreened
from restoration.steps.finding import Detector
from restoration.steps.framing import kept_outside, outside, own_box
from restoration.steps.infrared import with_infrared
from restoration.steps.inpainters import Inpainter, inpainter_of
from restoration.steps.judging import Marks, decide, lost_face_parts
from restoration.steps.parameters import Repair
from restoration.steps.protocol import BaseStep, DamageRecord, Frame, StepOutcome
from restoration.steps.searching import search, searched_size

_METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}
_NOISE_FLOOR = 4.0
"""Noise of flat areas (0..255) below which grain is left alone: film scans and JPEG lie below, coarse grain above."""
_GRAIN_RADIUS = 2
_CONFIDENCE = 0.5


@dataclass(frozen=True)
class _Found:
    """What was found, the faces it was held against, the net that found it, and what infrared told of it."""

    marks: Marks
    faces: tuple[Detection, ...] = ()
    model: ModelEntry | None = None
    infrared: dict[str, Any] = field(default_factory=dict)


class Step(BaseStep[Repair]):
    """Notes ``damage_share``, ``left_share``, ``face_part_missing`` and ``many_alike`` under ``repair``.

    Too much damage (heavy_damage) and holes in faces (face_part_missing) are left to a person.
    """

    name = "repair"

    def apply(self, frame: Frame, parameters: Repair, models: Models) -> StepOutcome:
        """The repaired picture, where it was filled, and a record of each kind of damage.

        :raises ModelError: a net is missing or broken.
        :raises OutOfMemory: not even one tile fits the device.
        """
        scanned = frame
        frame, printed = descreened(scanned) if parameters.descreen else (scanned, {"descreened": False})
        pixels = frame.picture.pixels
        found = _find(frame, parameters, models)
        marks = found.marks
        share = round(float(marks.mask.mean()), 6)
        noise = flat_noise(pixels)
        detail: dict[str, Any] = {"damage": share, "noise": round(noise, 2), "grain_reduced": False, **printed}
        detail |= found.infrared
        notes: dict[str, Any] = {"damage_share": share, "many_alike": marks.alike, "face_part_missing": False}
        notes["left_share"] = share
        frame.notes["repair"] = notes
        if share > parameters.max_share:
            records = _records(marks, np.zeros(marks.mask.shape, bool), filled=None)
            detail["descreened"] = False
            detail.pop("screen_change", None)
            return StepOutcome(scanned.picture, "left_alone", ReasonCode.HEAVY_DAMAGE, detail, damage=records)
        scale = frame.picture.height / marks.mask.shape[0]
        wanted = _without_lost_faces(marks, found.faces, parameters, scale)
        notes["face_part_missing"] = bool((marks.mask & ~wanted).any())
        notes["left_share"] = round(float((marks.mask & ~wanted).mean()), 6)
        painter = _inpainter(parameters.inpainter, models) if parameters.inpainter else None
        filled = filling.fill(pixels, wanted, method=_METHODS[parameters.method], inpainter=painter)
        inpainter = models.entry(parameters.inpainter) if filled.by_net.any() else None
        repaired = filled.pixels
        detail["filled"] = round(float(wanted.mean()), 6)
        detail["filled_by_net"] = round(float(filled.by_net.mean()), 6)
        repaired, denoiser = _calmed(frame, repaired, noise, parameters, models, detail)
        repaired = kept_outside(frame, repaired)
        outcome = _outcome(scanned, repaired, marks, wanted, filled, inpainter or denoiser or found.model, detail)
        return outcome if frame is scanned else replace(outcome, base=frame.picture)


def _inpainter(name: str, models: Models) -> Inpainter:
    return inpainter_of(models.load(name), models.entry(name), models.device)


def _calmed(
    frame: Frame, repaired: FloatImage, noise: float, parameters: Repair, models: Models, detail: dict[str, Any]
) -> tuple[FloatImage, ModelEntry | None]:
    """The mended picture with less grain, by the recipe's net or by the filter, and the net where it changed something.

    What was filled is there already: a net that met holes and scratches would smear them.
    """
    if parameters.denoise <= 0:
        return repaired, None
    if not parameters.denoiser:
        detail["grain_reduced"] = noise > _NOISE_FLOOR
        return reduce_grain(repaired, noise, parameters.denoise) if noise > _NOISE_FLOOR else repaired, None
    net = models.load(parameters.denoiser)
    done = denoising.denoise(net, repaired, parameters.denoise, models.device, box=own_box(frame))
    changed = done.pixels is not repaired
    detail["denoised"], detail["grain"] = changed, round(done.grain, 2)
    return done.pixels, models.entry(parameters.denoiser) if changed else None


def _outcome(
    frame: Frame,
    repaired: FloatImage,
    marks: Marks,
    wanted: Mask,
    filled: filling.Filled,
    model: ModelEntry | None,
    detail: dict[str, Any],
) -> StepOutcome:
    height, width = frame.picture.height, frame.picture.width
    records = tuple(
        replace(record, model=model) if record.mending is Mending.NET else record
        for record in _records(marks, wanted, filled)
    )
    if repaired is frame.picture.pixels:
        return StepOutcome(frame.picture, "not_needed", ReasonCode.NOT_NEEDED, detail, model, damage=records)
    codes = np.where(wanted, marks.codes, 0).astype(np.uint8) if wanted.any() else None
    mask = None if codes is None else bands.enlarged(codes, height, width)
    picture = frame.picture.with_pixels(repaired)
    return StepOutcome(picture, "applied", None, detail, model, mask=mask, damage=records)


def _find(frame: Frame, parameters: Repair, models: Models) -> _Found:
    """All marks inside the picture's own box, by the recipe's finder; of a large scan at half its size."""
    pixels = frame.picture.pixels
    luma, beyond = luminance_y(pixels), outside(frame)
    height, width = searched_size(*luma.shape)
    if luma.shape != (height, width):
        luma, beyond = bands.resized(luma, width, height), bands.enlarged(beyond, height, width)
    shapes = _marks_of(find_damage(luma, parameters.sensitivity), height, width)
    shapes.codes[beyond] = 0
    if not parameters.finder:
        marks, told = with_infrared(frame, shapes, beyond)
        return _Found(marks, infrared=told)
    found = search(models.load(parameters.finder), luma, models.device)
    for plane in (found.likely, found.writing):
        plane[beyond] = 0
    faces: Sequence[Detection] = ()
    if parameters.detector and ((found.likely > 127) | (shapes.codes > 0)).any():
        faces = _faces(models.load(parameters.detector), pixels, height, width)
    marks, told = with_infrared(frame, decide(found, shapes.codes, parameters.sensitivity, faces), beyond)
    return _Found(marks, tuple(faces), models.entry(parameters.finder), told)


def _faces(detector: Detector, pixels: FloatImage, height: int, width: int) -> Sequence[Detection]:
    """Faces of a picture, as they lie in a copy of it of that size; looked for in an overview of a large one."""
    seen = bands.overview(pixels)
    found = detector(bands.as_bytes(seen), _CONFIDENCE)
    if seen.shape[:2] == (height, width):
        return found
    across, down = width / seen.shape[1], height / seen.shape[0]
    factors = np.array([across, down], np.float32)
    return [
        Detection(
            (face.box[0] * across, face.box[1] * down, face.box[2] * across, face.box[3] * down),
            face.confidence,
            face.landmarks * factors,
        )
        for face in found
    ]


def _marks_of(damage: Damage, height: int, width: int) -> Marks:
    """What the finder without a net found, at the scan's own size."""
    codes = np.zeros((height, width), np.uint8)
    regions = {}
    spots, creases, scratches = damage.spots, damage.creases, damage.scratches
    for kind, mask in ((DamageKind.DUST, spots), (DamageKind.CREASE, creases), (DamageKind.SCRATCH, scratches)):
        if mask.any():
            codes[mask_at_size(mask, height, width)] = MASK_CODES[kind]
        regions[kind] = int(cv2.connectedComponents(mask.astype(np.uint8))[0]) - 1
    return Marks(codes, np.zeros((height, width), bool), regions)


def _without_lost_faces(marks: Marks, faces: Sequence[Detection], parameters: Repair, scale: float) -> Mask:
    """What is to be filled: everything, except holes in faces of which they take too much.

    :param scale: pixels of the picture for one of the marks'.
    """
    wanted = marks.mask
    if parameters.face_parts == "fill":
        return wanted
    holes = np.asarray((marks.codes == MASK_CODES[DamageKind.HOLE]) | filling.wide_places(wanted, scale), np.bool_)
    for face in lost_face_parts(holes, faces):
        x, y, width, height = (round(value) for value in face.box)
        inside = np.zeros(wanted.shape, bool)
        inside[max(0, y) : y + height, max(0, x) : x + width] = True
        wanted = wanted & ~(holes & inside)
    return wanted


def _records(marks: Marks, wanted: Mask, filled: filling.Filled | None) -> tuple[DamageRecord, ...]:
    """One record for each kind that was found."""
    records = []
    for kind in DamageKind:
        share = round(marks.share(kind), 6)
        if not share and not marks.regions.get(kind, 0):
            continue
        mended, how = 0.0, Mending.NONE
        if kind in FILLED_KINDS and filled is not None:
            place = wanted & (marks.codes == MASK_CODES[kind])
            mended = round(float(place.mean()), 6)
            by_net = bool(place.any()) and float(filled.by_net[place].mean()) > 0.5
            how = (Mending.NET if by_net else Mending.SURROUNDINGS) if mended else Mending.NONE
        records.append(DamageRecord(kind, share, mended, marks.regions.get(kind, 0), how))
    return tuple(records)


def mask_at_size(mask: Mask, height: int, width: int) -> Mask:
    """A mask of the working size at the scan's own, widened to cover the soft edges of the marks."""
    scale = height / mask.shape[0]
    size = 2 * max(1, round(1.5 * scale)) + 1
    full = mask.astype(np.uint8)
    if mask.shape != (height, width):
        full = np.asarray(cv2.resize(full, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(full, element), np.uint8) > 0


def reduce_grain(pixels: FloatImage, noise: float, strength: float) -> FloatImage:
    """Smooth luma where it varies by no more than the noise does (self-guided filter, He et al. 2013); colour is kept.

    :param noise: standard deviation of the grain, 0..255.
    :param strength: share of the smoothed picture in the result, 0..1.
    """
    one_plane = bands.is_one_plane(pixels)
    source = pixels[:, :, :1] if one_plane else pixels
    out = bands.empty(source.shape)
    for rows, seen, inner in bands.overlapping(pixels, 2 * _GRAIN_RADIUS):
        luma = luminance_y(pixels[seen])
        smooth = _guided(luma, float((2 * noise / 255) ** 2))
        change = (smooth[inner] - luma[inner]) * np.float32(strength)
        np.clip(source[rows] + change[:, :, None], 0, 1, out=out[rows])
    return bands.gray(out[:, :, 0]) if one_plane else out


def _guided(plane: NDArray[np.float32], epsilon: float) -> NDArray[np.float32]:
    size = (2 * _GRAIN_RADIUS + 1, 2 * _GRAIN_RADIUS + 1)
    mean = cv2.boxFilter(plane, cv2.CV_32F, size)
    variance = np.maximum(cv2.boxFilter(plane * plane, cv2.CV_32F, size) - mean * mean, 0)
    slope = variance / (variance + np.float32(epsilon))
    offset = mean - slope * mean
    return np.asarray(
        cv2.boxFilter(slope, cv2.CV_32F, size) * plane + cv2.boxFilter(offset, cv2.CV_32F, size), np.float32
    )
