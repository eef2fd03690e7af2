"""Gray, tinted or colour? A tinted scan is made neutral, so that colorizers meet it as the gray print it once was.

A print of one ink on one paper has colours that depend on lightness alone, however brown it has become; a colour
photograph has not. So a* and b* are fitted as smooth curves of L* (the *tint curve*), and what remains decides: noise
and JPEG leave little, fading and stains lie along one line of the a*b* plane (from the ink to what it became), true
colours lie off any line. A print that has no black and no white left, and leans to one side all over, has faded
(:mod:`restoration.steps.fading`): if it is a colour print, little colour is left of it, so less is asked of its
colours. What is not the photograph does not count: mounts, colour targets and tinted borders, which end in a straight
line along the frame, and scratches. Mounts of another colour keep it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import ReasonCode
from restoration.models.registry import Models
from restoration.photo import bands
from restoration.photo.colour import gray_from_lightness, lightness, luminance_y, rgb_to_lab
from restoration.photo.outline.frame import PictureBox, picture_box
from restoration.photo.outline.opening import Opening, opening_as_detail, picture_opening
from restoration.photo.outline.several import photographs_on
from restoration.photo.picture import FloatImage, Picture
from restoration.photo.stains import stains_of, without_stains
from restoration.steps.destaining import destained, stain_on_a_face
from restoration.steps.fading import Fading, fading_of
from restoration.steps.measure import at_long_side
from restoration.steps.mounting import OTHER_COLOUR, Border, TintCurve, inside_of, mount_of
from restoration.steps.negatives import is_negative, positive_of
from restoration.steps.parameters import Triage
from restoration.steps.protocol import BaseStep, Frame, StepOutcome
from restoration.steps.turning import of_scan, turned_picture, way_up

ScanKind = Literal["gray", "tinted", "colour"]
TintKind = Literal["", "sepia", "yellowed", "cyanotype", "toned"]

_SIDE = 256
_SMOOTHING = 2.0
"""Sigma in pixels at the measured size: noise, JPEG blocks and colour fringes go, things of 2 % of the picture stay."""
_BORDER = 0.05
"""Share of each side that never counts."""
_WIDEST_BORDER = 0.18
_BORDER_LINE = 0.15
"""Share of such pixels that makes a line of pixels part of a border."""
_BESIDE_CARD = 3 * _SMOOTHING / _SIDE
"""Smoothing carries the card's colour so far into an oval picture, as a share of the long side."""
_QUIET = 0.1
_KNOTS = 5
_FIT_ROUNDS = 4
_ALONG = 0.46
"""Weight of what remains along its own main line: uneven fading, bleaching and stains lie there."""
_ACROSS = 3.1
"""Weight of what remains across that line. With the two, ``colour_spread`` = 6 lies in the gap between the prints of
one ink that were tried, real ones (at most 5.3) and worse ones built for the tests (5.9), and the palest of 180 colour
photographs of reference (6.3)."""
_PERCENTILE = 98
_NARROW = 9
_MARK_CONTRAST = 26.0
"""Narrow marks, in pixels at the measured size, that differ by so much in L* may be scratches or dust."""
_MOST_MARKS = 0.5

_BLUEST = -2.0
"""Mean b* of a print below which nothing is called a stain: what is brown in a blue print may be the one colour that a
photograph in blue light has.
"""
_SPREAD_BELOW_STAINS = 3.0
"""Spread of colours up to which a scan that looked like one in colour may be a stained print of one ink, once its
stains are off: 18 of 20 such prints made by code have less, and of thousands of colour photographs none.
"""
_FADED_ONE_INK = 0.7
"""Share of ``colour_spread`` from which a faded print without pink in its lights is one in colour."""
_COARSE = 6.0
"""Sigma in pixels at the measured size for colours of faded prints: things of 5 % of the picture stay, and no noise of
scanners or JPEG."""
_COARSE_ACROSS = 2.0
"""Weight of what remains of these across the main line."""
_COARSE_PERCENTILE = 99

Lab = NDArray[np.float64]


@dataclass(frozen=True)
class Chromatics:
    """What triage found: mean tint (a*, b*), its mean chroma, the spread of colours round the tint curve, borders."""

    tint_a: float
    tint_b: float
    tint_chroma: float
    spread: float
    border: Border = (0.0, 0.0, 0.0, 0.0)
    tint_curve: TintCurve | None = None
    coarse_spread: float = 0.0
    fading: Fading | None = None

    @property
    def faded(self) -> bool:
        """Whether the scan has faded, be it a print in colour or of one ink."""
        return self.fading is not None and self.fading.faded

    def kind(self, parameters: Triage) -> ScanKind:
        """Gray, tinted or colour by the recipe's thresholds; a faded print that may be in colour counts as such."""
        if self.spread > parameters.colour_spread or self._colours_left(parameters) > 1 or self.doubtful(parameters):
            return "colour"
        return "tinted" if self.tint_chroma > parameters.tint_chroma else "gray"

    def doubtful(self, parameters: Triage) -> bool:
        """Whether a faded print may be one in colour, or one of one ink with an uneven tint: a person must say."""
        left = self._colours_left(parameters)
        return self.spread <= parameters.colour_spread and parameters.faded_doubt < left <= 1

    def _colours_left(self, parameters: Triage) -> float:
        """Colours of a faded print, as a share of what makes it one in colour; 0 if it has not faded.

        Pink prints are judged by things of some size, since no print of one ink is pink; others, which may be silver
        prints that have turned yellow, by all that is left, of which more is asked.
        """
        if self.fading is None or not self.faded or not parameters.faded_spread:
            return 0.0
        if self.fading.pink:
            return self.coarse_spread / parameters.faded_spread
        return self.spread / (_FADED_ONE_INK * parameters.colour_spread)

    def tint_kind(self) -> TintKind:
        """Name of the tint by its hue: a word for people, nothing depends on it."""
        if np.hypot(self.tint_a, self.tint_b) < 1:
            return ""
        hue = np.degrees(np.arctan2(self.tint_b, self.tint_a)) % 360
        if 20 <= hue < 80:
            return "sepia"
        if 80 <= hue < 125:
            return "yellowed"
        return "cyanotype" if 190 <= hue < 310 else "toned"


class Step(BaseStep[Triage]):
    """Notes the kind of scan under ``triage`` and makes gray and tinted ones exactly neutral, with the same L*.

    ``picture_box`` says what borders take of each side, ``picture_oval`` or ``picture_corners`` which curve the picture
    ends at, if it is one: later steps leave alone what lies outside. ``photographs`` and ``arrangement`` say where
    several photographs are on one scan: a person may divide it, and a run whose recipe says ``several = "split"``; no
    step does (:mod:`restoration.photo.outline`). Stains are taken out first, if the recipe asks for it: their L* alone
    changes. If the recipe wants prints upright, ``upright`` says that this was seen to, and ``turned`` by how much scan
    and picture were turned; all places that later steps note are those of the turned picture.
    """

    name = "triage"

    def apply(self, frame: Frame, parameters: Triage, models: Models) -> StepOutcome:
        """Colour scans, and gray ones whose channels are equal already, come back untouched; so do negatives, unless
        the recipe wants them inverted.
        """
        negative = _is_negative(frame, parameters, models)
        if negative and parameters.negatives == "review":
            kind = "gray" if is_neutral(frame.picture.pixels) else "colour"
            frame.notes["triage"] = {"kind": kind, "negative": "left"}
            frame.left = ReasonCode.NEGATIVE
            return StepOutcome(frame.picture, "left_alone", frame.left, frame.notes["triage"])
        if not negative:
            outcome = _made_upright(frame, frame.picture, parameters, models)
            if parameters.detector and stain_on_a_face(outcome, models.load(parameters.detector)):
                outcome.detail["doubtful"] = True
            return outcome
        positive = frame.picture.with_pixels(positive_of(frame.picture.pixels))
        outcome = _with_cast(_made_upright(frame, positive, parameters, models))
        positive = turned_picture(positive, of_scan(frame))
        frame.mount = None  # it would show the film
        outcome.detail["negative"] = "inverted"
        return replace(outcome, status="applied", reason=None, base=positive)


def _is_negative(frame: Frame, parameters: Triage, models: Models) -> bool:
    if not parameters.detector:
        return False
    gray = np.rint(luminance_y(bands.overview(frame.picture.pixels)) * np.float32(255)).astype(np.uint8)
    return is_negative(models.load(parameters.detector), gray)


def _made_upright(frame: Frame, picture: Picture, parameters: Triage, models: Models) -> StepOutcome:
    """The positive sorted; first turned with its scan, if the recipe wants prints upright and this one is not.

    A scan of several prints stays as it lies: they may lie in several ways.
    """
    outcome = _sorted(frame, picture, parameters)
    if parameters.upright != "output" or "photographs" in outcome.detail:
        return outcome
    way = way_up(lightness(outcome.picture.pixels), parameters.detector, parameters.upright_model, models)
    if way.turn:
        frame.source = turned_picture(frame.source, way.turn)
        outcome = _with_cast(_sorted(frame, turned_picture(picture, way.turn), parameters))
        outcome.detail.update(way.as_detail())
        outcome = replace(outcome, status="applied", reason=None)
    outcome.detail["upright"] = "output"
    return outcome


def _with_cast(outcome: StepOutcome) -> StepOutcome:
    """The outcome, its detail saying whether a cast was removed: its status will say only that something was done."""
    outcome.detail.setdefault("cast_removed", outcome.status == "applied")
    return outcome


def _sorted(frame: Frame, picture: Picture, parameters: Triage) -> StepOutcome:
    """A positive, gray and tinted ones neutral; what it is is noted."""
    pixels = picture.pixels
    seen = bands.overview(pixels)
    luma = luminance_y(seen)
    box = picture_box(luma)
    opening = picture_opening(luma, box.inside(*luma.shape))
    del luma
    found = Chromatics(0.0, 0.0, 0.0, 0.0) if is_neutral(pixels) else chromatics(seen, opening, box)
    below = None
    if found.kind(parameters) == "colour" and parameters.stains == "correct":
        below = _below_stains(seen, opening, box, parameters)
        found = below or found
    kind = found.kind(parameters)
    detail: dict[str, Any] = {
        "kind": kind,
        "tint": found.tint_kind() if kind == "tinted" else "",
        "tint_a": round(found.tint_a, 2),
        "tint_b": round(found.tint_b, 2),
        "tint_chroma": round(found.tint_chroma, 2),
        "spread": round(found.spread, 2),
        "border": [round(share, 3) for share in found.border],
        "picture_box": [box.top, box.right, box.bottom, box.left],
    }
    if kind == "colour" and found.fading is not None and found.faded:
        detail["faded"] = found.fading.as_detail()
        detail["doubtful"] = found.doubtful(parameters)
    if below is not None:
        detail["doubtful"] = True
    if opening is not None:
        detail |= opening_as_detail(opening)
    several = photographs_on(seen) if parameters.several != "off" else None
    if several is not None:
        detail |= several.as_detail()
    frame.notes["triage"] = detail
    if kind == "colour" or found.tint_curve is None or is_neutral(pixels):
        return StepOutcome(picture, "not_needed", ReasonCode.NOT_NEEDED, detail)
    mount = mount_of(seen, found.tint_curve, found.border, box, opening)
    asked = parameters.stains == "correct" and found.tint_b > _BLUEST
    clean = destained(pixels, seen, inside_of(seen, box, opening), mount) if asked else None
    if clean is not None:
        pixels, mount = clean.pixels, clean.mount
        detail |= clean.as_detail()
    frame.mount = None if mount is None else bands.enlarged(mount, *pixels.shape[:2])
    outcome = StepOutcome(picture.with_pixels(gray_from_lightness(lightness(pixels))), "applied", detail=detail)
    return outcome if clean is None else replace(outcome, mask=clean.mask, damage=(clean.record,))


def _below_stains(seen: FloatImage, opening: Opening | None, box: PictureBox, parameters: Triage) -> Chromatics | None:
    """What a scan that has colours shows without its stains, if that is clearly a print of one ink; None if it is not.

    A person must look at what becomes of it: a face before a gray wall may be a stain of that kind.
    """
    stains = stains_of(seen, inside_of(seen, box, opening))
    if stains is None:
        return None
    below = chromatics(without_stains(seen, stains), opening, box)
    return below if below.spread <= _SPREAD_BELOW_STAINS and below.kind(parameters) != "colour" else None


def is_neutral(pixels: FloatImage) -> bool:
    """Whether the three channels are equal everywhere."""
    if bands.is_one_plane(pixels):
        return True
    for rows in bands.bands(pixels):
        red, green, blue = np.moveaxis(pixels[rows], 2, 0)
        if not (np.array_equal(red, green) and np.array_equal(red, blue)):
            return False
    return True


def chromatics(pixels: FloatImage, opening: Opening | None = None, box: PictureBox | None = None) -> Chromatics:
    """Tint and spread of a scan (H x W x 3 float32 sRGB in [0, 1]).

    Measured at 256 pixels, smoothed, without the outer 5 % on each side, without borders of another colour that end in
    a straight line (up to 18 %), without what lies outside an opening, and without narrow marks.
    """
    reduced = at_long_side(pixels, _SIDE)
    small = np.asarray(cv2.GaussianBlur(reduced, (0, 0), 1), np.float32)
    sharp = rgb_to_lab(reduced)
    lab = np.asarray(cv2.GaussianBlur(sharp, (0, 0), _SMOOTHING), np.float64)
    height, width = lab.shape[:2]
    top, right, bottom, left = _in_box(_border(lab), box, height, width)
    window = (slice(top, height - bottom), slice(left, width - right))
    counted = ~_narrow_marks(sharp[:, :, 0])
    if opening is not None:
        counted &= opening.shrunk(_BESIDE_CARD).inside(height, width)
    inside = lab[window][counted[window]]
    found = _measured(inside, (top / height, right / width, bottom / height, left / width))
    own = small[window][counted[window]]
    if not len(own):
        return found
    coarse = np.asarray(cv2.GaussianBlur(sharp, (0, 0), _COARSE), np.float64)[window][counted[window]]
    return replace(found, coarse_spread=_coarse_spread(coarse), fading=fading_of(own))


def _in_box(
    border: tuple[int, int, int, int], box: PictureBox | None, height: int, width: int
) -> tuple[int, int, int, int]:
    """The lines that are not the photograph, with those that lie outside its box and what smoothing carries in."""
    if box is None or box.whole:
        return border
    shares = zip((box.top, box.right, box.bottom, box.left), (height, width) * 2, border, strict=True)
    top, right, bottom, left = (max(n, round(share * side) + 3 if share else 0) for share, side, n in shares)
    return top, right, bottom, left


def _coarse_spread(lab: Lab) -> float:
    """Spread of colours (N x 3, L*a*b*) of things of some size round their tint curve."""
    residual = lab[:, 1:] - _fitted(lab[:, 0], lab[:, 1:])(lab[:, 0])
    _, axes = np.linalg.eigh(residual.T @ residual)
    along, across = np.percentile(np.abs(residual @ axes), _COARSE_PERCENTILE, axis=0)[::-1]
    return float(np.hypot(along, _COARSE_ACROSS * across))


def _border(lab: Lab) -> tuple[int, int, int, int]:
    """Lines of pixels at the top, right, bottom and left that are not the photograph."""
    height, width = lab.shape[:2]
    rows, columns = int(height * _WIDEST_BORDER), int(width * _WIDEST_BORDER)
    core = lab[rows : height - rows, columns : width - columns].reshape(-1, 3)
    if not core.size:
        return 0, 0, 0, 0
    print_of = _fitted(core[:, 0], core[:, 1:])
    away = lab[:, :, 1:] - print_of(lab[:, :, 0].ravel()).reshape(height, width, 2)
    other = np.hypot(away[:, :, 0], away[:, :, 1]) > OTHER_COLOUR
    top, right, bottom, left = (_border_depth(np.rot90(other, turns)) for turns in range(4))
    return top, right, bottom, left


def _border_depth(other: NDArray[np.bool_]) -> int:
    """How many lines at the top are border: up to the last place where lines of another colour end all at once.

    Behind that place it must be quiet: colours that go on into the picture are the picture's.
    """
    height, width = other.shape
    side = int(width * _WIDEST_BORDER)
    lines, inner = other.mean(axis=1), other[:, side : width - side].mean(axis=1)
    depth = int(height * _BORDER)
    for end in range(3, int(height * _WIDEST_BORDER)):
        before, behind = float(lines[end - 3 : end].mean()), float(inner[end + 2 : end + 6].mean())
        if before > _BORDER_LINE and behind < min(_QUIET, 0.3 * before):
            depth = max(depth, end + 2)
    return depth


def _measured(lab: Lab, border: Border) -> Chromatics:
    """What pixels (N x 3, L*a*b*) tell."""
    chroma = lab[:, 1:]
    print_of = _fitted(lab[:, 0], chroma)
    curve = print_of(lab[:, 0])
    mean = curve.mean(axis=0)
    return Chromatics(
        tint_a=float(mean[0]),
        tint_b=float(mean[1]),
        tint_chroma=float(np.hypot(curve[:, 0], curve[:, 1]).mean()),
        spread=_spread(chroma - curve),
        border=border,
        tint_curve=print_of,
    )


def _narrow_marks(luminance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels in and next to narrow marks that stand out in L*: scratches and dust have none of the paper's tint.

    Empty where almost everything is narrow (halftone, lettering): nothing would remain to be measured.
    """
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_NARROW, _NARROW))
    bright = cv2.morphologyEx(luminance, cv2.MORPH_TOPHAT, element)
    dark = cv2.morphologyEx(luminance, cv2.MORPH_BLACKHAT, element)
    marks = (np.maximum(bright, dark) > _MARK_CONTRAST).astype(np.uint8)
    near = np.asarray(cv2.dilate(marks, np.ones((5, 5), np.uint8))) > 0
    return near if near.mean() < _MOST_MARKS else np.zeros_like(near)


def _fitted(luminance: NDArray[np.float64], chroma: NDArray[np.float64]) -> TintCurve:
    """The tint curve: L* (N) to a*b* (N x 2), piecewise linear, fitted robustly (L1, by reweighting)."""
    low, high = np.percentile(luminance, [1, 99])

    def hats(values: NDArray[np.float64]) -> Lab:
        """Values (N x knots) of the hat functions whose knots divide the print's own range of lightness evenly."""
        place = np.clip((values - low) / max(high - low, 1.0), 0, 1) * (_KNOTS - 1)
        return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(_KNOTS))), np.float64)

    basis = hats(luminance)
    weight = np.ones(len(luminance))
    for _ in range(_FIT_ROUNDS):
        weighted = basis * weight[:, None]
        heights = np.linalg.solve(weighted.T @ basis + 1e-3 * np.eye(_KNOTS), weighted.T @ chroma)
        weight = 1 / np.maximum(np.hypot(*(chroma - basis @ heights).T), 0.5)
    return lambda values: np.asarray(hats(values) @ heights, np.float64)


def _spread(residual: NDArray[np.float64]) -> float:
    """98th percentile of what remains (N x 2), along its own main line counting less than across it."""
    _, axes = np.linalg.eigh(residual.T @ residual)
    along, across = residual @ axes[:, 1], residual @ axes[:, 0]
    return float(np.percentile(np.hypot(_ALONG * along, _ACROSS * across), _PERCENTILE))
