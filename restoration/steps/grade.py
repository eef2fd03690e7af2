"""Fading undone: on lightness alone black and white point by percentiles, then gentle local contrast.

A colour print that triage calls faded gets its colours back too (:mod:`restoration.steps.fading`).

Near both ends the curve bends instead of cutting off, so that a white blouse keeps its folds. A scan on which damage
was found and not mended is stretched less, and its local contrast is left: the damage would only stand out more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restoration.errors import ReasonCode
from restoration.models.registry import Models
from restoration.photo import bands
from restoration.photo.colour import gray_from_lightness, keep_luminance, lightness, rgb_to_lab
from restoration.photo.equalise import equalised
from restoration.photo.picture import FloatImage, Picture
from restoration.steps.fading import Fading, Unmixed, unmixed
from restoration.steps.framing import outside, own_values, with_mount
from restoration.steps.parameters import Grade
from restoration.steps.protocol import BaseStep, Frame, StepOutcome
from restoration.steps.triage import is_neutral

_FULL_RANGE = 90.0
"""A scan whose L* spans this much between the percentiles is not faded."""
_MOST_GAIN = 3.0
"""A blank or very foggy scan is not stretched further than this, since only its noise would grow."""
_KNEE = 0.1
"""From this share of the range to either end the curve bends."""
_LEFT_DAMAGE = 0.004
_GAIN_BESIDE_DAMAGE = 1.25
"""With more of the picture left damaged than that, contrast is raised by no more than this."""
_TILES = 8
_CLIP_LIMIT = 2.0


class Step(BaseStep[Grade]):
    """Stretches L*; a*, b* of colour scans stay as they are (less where sRGB cannot hold them).

    Of faded colour prints they are brought back (:mod:`restoration.steps.fading`). Notes ``faint_colours`` under
    ``grade`` then: whether so little was left that a person must look.
    """

    name = "grade"

    def apply(self, frame: Frame, parameters: Grade, models: Models) -> StepOutcome:
        """The graded picture, with black point, white point and gain in the detail, and how dyes were unmixed."""
        picture = frame.picture
        old = lightness(picture.pixels)
        new, detail = _graded(frame, old, parameters)
        colours = _unfaded(frame, parameters)
        if colours is not None:
            detail["unfaded"] = colours.as_detail()
            frame.notes["grade"] = {"faint_colours": colours.faint}
        if new is old and colours is None and frame.mount is None:
            return StepOutcome(picture, "not_needed", ReasonCode.NOT_NEEDED, detail)
        chroma = None if colours is None else _mixed(frame, colours.chroma, parameters.unfade)
        pixels = with_mount(frame, _with_lightness(picture, new, chroma))
        return StepOutcome(picture.with_pixels(pixels), "applied", detail=detail)


def _graded(frame: Frame, old: NDArray[np.float32], parameters: Grade) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The plane of L* graded, or the very plane if that is not needed; and what was measured."""
    low, high = _ends(frame, old, [parameters.low_percentile, parameters.high_percentile])
    beside_damage = float(frame.notes.get("repair", {}).get("left_share", 0.0)) > _LEFT_DAMAGE
    gain = min(100.0 / max(high - low, 1.0), _GAIN_BESIDE_DAMAGE if beside_damage else _MOST_GAIN)
    detail: dict[str, Any] = {"black": round(low, 2), "white": round(high, 2), "gain": round(gain, 3)}
    if beside_damage:
        detail["held_back"] = "damage was left"
    if high - low >= _FULL_RANGE or parameters.strength == 0:
        return old, detail
    parts = [old[rows] for rows in bands.bands(old)]
    ends = float(min(part.min() for part in parts)), float(max(part.max() for part in parts))
    local = None if beside_damage else _locally_equalised(old, lambda plane: _stretched(plane, low, high, gain, ends))
    new, beyond = bands.empty(old.shape), outside(frame)
    for rows in bands.bands(old):
        stretched = _stretched(old[rows], low, high, gain, ends)
        if local is not None:
            stretched += np.float32(parameters.local_contrast) * (local[rows] - stretched)
        np.clip(old[rows] + np.float32(parameters.strength) * (stretched - old[rows]), 0, 100, out=new[rows])
        np.copyto(new[rows], old[rows], where=beyond[rows])
    return new, detail


def _ends(frame: Frame, plane: NDArray[np.float32], shares: list[float]) -> tuple[float, float]:
    """Two percentiles of L* inside the picture; of a large one to a 65,535th of the range."""
    if not bands.is_large(plane):
        low, high = (float(p) for p in np.percentile(own_values(frame, plane), shares))
        return low, high
    within = outside(frame)
    np.logical_not(within, out=within)
    low, high = bands.percentiles(plane, shares, 0.0, 100.0, within)
    return low, high


def _unfaded(frame: Frame, parameters: Grade) -> Unmixed | None:
    """The colours of a print that triage calls a faded colour print, brought back; None of any other.

    Where a person must first say whether it is one, the colours stay as they are.
    """
    triage = frame.notes.get("triage", {})
    if "faded" not in triage or triage.get("doubtful") or parameters.unfade == 0:
        return None
    return unmixed(frame.picture.pixels, Fading.from_detail(triage["faded"]), ~outside(frame))


def _mixed(frame: Frame, chroma: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """``share`` of new chroma and the rest of what the picture has; all of that outside the picture."""
    pixels, beyond = frame.picture.pixels, outside(frame)
    mixed = bands.empty(chroma.shape)
    for rows in bands.bands(pixels):
        own = rgb_to_lab(pixels[rows])[:, :, 1:]
        mixed[rows] = own + np.float32(share) * (chroma[rows] - own)
        np.copyto(mixed[rows], own, where=beyond[rows, :, None])
    return mixed


def _stretched(
    plane: NDArray[np.float32], low: float, high: float, gain: float, ends: tuple[float, float]
) -> NDArray[np.float32]:
    """Linear stretch to 0..100 with soft ends; limited in gain, the middle of the old range stays in place.

    :param plane: L* of the picture or of some of its rows.
    :param ends: least and greatest L* of the whole picture.
    """
    limited = gain < 100.0 / max(high - low, 1.0)
    start = max(0.0, (low + high) / 2 - 50.0 / gain) if limited else low

    def on_line(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((values - np.float32(start)) * np.float32(gain / 100), np.float32)

    least, greatest = (float(end) for end in on_line(np.array(ends, np.float32)))
    bent = _bent(_bent(on_line(plane), greatest), 1 - least, mirrored=True)
    return np.asarray(bent * np.float32(100), np.float32)


def _bent(line: NDArray[np.float32], furthest: float, *, mirrored: bool = False) -> NDArray[np.float32]:
    """The upper end (mirrored: the lower one) brought to 1 without a cut: what lay at ``furthest`` lands there.

    Beyond the knee y = k + (1 - k) m s / (1 + (m - 1) s), with s from 0 to 1 and m = (furthest - k) / (1 - k): its
    slope at the knee is 1, and it never stops rising.
    """
    if furthest <= 1:
        return line
    knee = 1 - _KNEE
    values = 1 - line if mirrored else line
    beyond = np.maximum(values - np.float32(knee), 0)
    steep = (furthest - knee) / _KNEE
    share = beyond / np.float32(furthest - knee)
    end = np.float32(_KNEE * steep) * share / (1 + np.float32(steep - 1) * share)
    bent = np.minimum(values, np.float32(knee)) + end
    return np.asarray(1 - bent if mirrored else bent, np.float32)


def _locally_equalised(
    plane: NDArray[np.float32], stretch: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Stretched L*, locally equalised."""
    stretched = bands.empty(plane.shape)
    for rows in bands.bands(plane):
        stretched[rows] = stretch(plane[rows])
    return equalised(stretched, most=100.0, tiles=_TILES, limit=_CLIP_LIMIT)


def _with_lightness(picture: Picture, luminance: NDArray[np.float32], chroma: NDArray[np.float32] | None) -> FloatImage:
    """The picture with other L*, and other a*, b* if there are any."""
    if is_neutral(picture.pixels):
        return gray_from_lightness(luminance)
    pixels = bands.empty(picture.pixels.shape)
    for rows in bands.bands(pixels):
        own = rgb_to_lab(picture.pixels[rows])[:, :, 1:] if chroma is None else chroma[rows]
        pixels[rows] = keep_luminance(luminance[rows], own, bits=picture.info.bits)
    return pixels
