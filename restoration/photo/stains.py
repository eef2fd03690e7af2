"""Stains on a print of one ink, told by their colour and taken out of its densities; the drawing below them stays.

Such a print has one colour at each tone: the densities of green and blue follow from that of red. What yellowed, what
water left and foxing absorb adds to them, most in blue, some in green, least in red, whatever the tone below. So what
green and blue have *more* than the print's own curve gives them is the stain, and the smaller part that it adds to red
follows from its hue. All three are taken off; nothing is painted.

A patch is a stain if it is clearly off the curve and of one hue throughout: where a picture's own tones are off the
curve, where toning was uneven and where colours were painted, the hue wanders from place to place or is pink. Faint
ones, silvering and even yellowing are not told, and stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.density import density_of, light_of
from restoration.photo.picture import FloatImage

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Density of red (N) to what another channel has more than it (N)."""

_SIDE = 1024
"""Long side at which stains are looked for."""
_UNIT = 1 / 512
"""Lengths below are shares of the long side: pixels at 512."""
_SEEN_SMOOTHED = 2.0
_TAKEN_SMOOTHED = 1.0
_JPEG_SMOOTHED = 0.6
_LEAST_LIGHT = 2e-3
_DARKEST = 0.08
"""sRGB of the darkest channel below which a pixel tells nothing of its hue;"""
_SURE = 0.3
"""from here on all."""
_KNOTS = 4
_BELOW_CURVE = 0.4
"""Share of the pixels that lie below the curve: stains add to densities and take nothing from them."""
_STIFF = 1e-3
_FIT_ROUNDS = 10
_FIT_PIXELS = 20_000
_LEAST_RANGE = 0.05
_LEAST_EXCESS = 0.045
_EXCESS_BY_NOISE = 2.0
"""A patch is where blue exceeds the curve by this density, and by so many times the print's own spread round it."""
_CLEAR = 0.07
_CLEAR_BY_NOISE = 3.3
"""It is a stain if its mean excess is so large,"""
_ONE_HUE = 0.06
"""if green's excess is the same share of blue's throughout, up to this deviation (as a share of blue's mean),"""
_HUES = (0.05, 0.62)
"""and if that share says yellow to brown: pink ones are painted cheeks, or toning that wandered."""
_SMALL = 5e-3
_SMALL_BY_NOISE = 6.0
_SMALL_SURE = 0.45
"""Patches of less of the picture exceed its spread by more, and lie where hues can be told: JPEG's blocks and shadows
in eyes and folds are as large.
"""
_LEAST_AREA = 1.5e-4
_LEAST_PIXELS = 9
_ALONE = 4e-3
"""One or two stains take so much of the picture together: less is a shadow in an eye, or what JPEG made of a fold;"""
_MANY = 3
"""from so many on, small ones count, and fainter ones of their hue."""
_LIKE_HUE = 0.12
_LIKE_PIXELS = 5
_REACH = 10.0
"""A stain's soft rim is taken off so far beyond the patch,"""
_RIM = (0.01, 0.04)
"""as far as blue exceeds the curve: nothing below the first of these, all above the second."""
_RED_BY_GREEN = 0.4
"""Red's excess, as a share of that of green over red: the browner a stain the more of red it takes. Carefully less than
tea, rust and old glue have (0.2 to 1), since the drawing itself is in red."""
_MOST_SHARE = 0.6
"""If more of the picture seems stained than this, the curve is not the print's own."""


@dataclass(frozen=True)
class Stains:
    """Stains of a picture, at the working size (h x w).

    ``excess`` is the density that they add to blue beyond red, ``green`` the share of it that they add to green beyond
    red, 0..1. ``patches`` counts them.
    """

    excess: Plane
    green: Plane
    patches: int

    @property
    def visible(self) -> Mask:
        """Where a stain can be seen, h x w."""
        return np.asarray(self.excess > _RIM[1], np.bool_)


def stains_of(pixels: FloatImage, within: Mask) -> Stains | None:
    """The stains of a print of one ink; None if there are none that are sure.

    :param pixels: H x W x 3 sRGB in [0, 1], the scan before it is made neutral, or a smaller copy.
    :param within: H x W, where the print itself is.
    """
    scale = min(1.0, _SIDE / max(pixels.shape))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    inside = np.asarray(cv2.resize(within.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)) > 0
    unit = max(size) * _UNIT
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), max(_JPEG_SMOOTHED, _JPEG_SMOOTHED * unit)), np.float32)
    darkest = small.min(axis=2)
    counted = inside & (darkest > _DARKEST)
    if counted.sum() < _FIT_PIXELS // 20:
        return None
    excess = _excess(small, counted)
    sure = np.asarray(np.clip(darkest / _SURE, 0.02, 1) ** 2 * inside, np.float32)
    seen = _smoothed(excess, sure, _SEEN_SMOOTHED * unit)
    blue = seen[:, :, 1][counted]
    below = blue[blue <= np.median(blue)]
    noise = 1.4826 * float(np.median(np.abs(below - np.median(blue))))
    hues = _hues_of_stains(seen, sure, counted, noise)
    area = float((hues > 0).sum()) / max(float(inside.sum()), 1)
    patches = int(cv2.connectedComponents((hues > 0).astype(np.uint8))[0]) - 1
    if not patches or area > _MOST_SHARE or (patches < _MANY and area < _ALONE):
        return None
    taken = _smoothed(excess, sure, _TAKEN_SMOOTHED * unit)[:, :, 1]
    return _laid_out(hues, seen[:, :, 1], taken, inside, unit, patches)


def without_stains(pixels: FloatImage, stains: Stains) -> FloatImage:
    """The picture (H x W x 3 sRGB in [0, 1], any size) with the stains' densities taken off."""
    height, width = pixels.shape[:2]
    both = np.stack([stains.excess, stains.green], axis=2)
    out = bands.empty((height, width, 3))
    for rows in bands.bands(pixels):
        excess, green = np.moveaxis(bands.rows_enlarged(both, rows, height, width), 2, 0)
        here = excess > 0
        own, red = pixels[rows][here], _RED_BY_GREEN * green[here]
        taken = excess[here][:, None] * np.stack([red, red + green[here], red + 1], axis=1)
        out[rows] = pixels[rows]
        out[rows][here] = np.maximum(light_of(density_of(own, least_light=_LEAST_LIGHT) - taken), own)
    return out


class _Patches:
    """Connected places off the print's curve, by their label: area (pixels), mean excess of blue, hue (green's share of
    it), how far the hue wanders, and how sure their pixels are of it (0..1).
    """

    def __init__(self, marked: Mask, seen: Plane, sure: Plane) -> None:
        count, numbered, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8), connectivity=8)
        self.labels = np.asarray(numbered, np.int32)
        self.area = np.asarray(stats)[:, cv2.CC_STAT_AREA]
        places = np.flatnonzero(self.labels)
        flat = self.labels.ravel()[places]
        green, blue = seen.reshape(-1, 2)[places].astype(np.float64).T
        weight = sure.ravel()[places] + 1e-6

        def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(np.bincount(flat, values * weight, int(count)) + 1e-12, np.float64)

        all_of = total(np.ones(len(flat)))
        green_blue, blue_blue = total(green * blue), total(blue * blue)
        self.mean = total(blue) / all_of
        self.hue = green_blue / blue_blue
        self.sure = (all_of / np.maximum(np.bincount(flat, minlength=int(count)), 1)).astype(np.float64)
        apart = total(green * green) - self.hue * green_blue
        self.wandering = np.sqrt(np.maximum(apart, 0) / all_of) / self.mean


def _excess(small: FloatImage, counted: Mask) -> Plane:
    """Densities of green and blue beyond the print's own curves, h x w x 2."""
    density = density_of(small, least_light=_LEAST_LIGHT)
    red = density[:, :, 0].astype(np.float64)
    chosen = np.flatnonzero(counted)
    chosen = chosen[:: max(1, len(chosen) // _FIT_PIXELS)]
    planes = []
    for channel in (1, 2):
        more = density[:, :, channel].astype(np.float64) - red
        curve = _own_curve(red.ravel()[chosen], more.ravel()[chosen])
        planes.append(more - curve(red.ravel()).reshape(red.shape))
    return np.stack(planes, axis=2).astype(np.float32)


def _own_curve(red: NDArray[np.float64], more: NDArray[np.float64]) -> Curve:
    """The print's own curve: piecewise linear, nearly straight, a quantile of the pixels (by reweighting)."""
    low, high = np.percentile(red, [1, 99])

    def hats(values: NDArray[np.float64]) -> NDArray[np.float64]:
        place = np.clip((values - low) / max(high - low, _LEAST_RANGE), 0, 1) * (_KNOTS - 1)
        return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(_KNOTS))), np.float64)

    basis, weight = hats(red), np.ones(len(red))
    bends = np.diff(np.eye(_KNOTS), 2, axis=0)
    stiff = bends.T @ bends * (_STIFF * len(red))
    for _ in range(_FIT_ROUNDS):
        weighted = basis * weight[:, None]
        normal = weighted.T @ basis + stiff * weight.mean() + 1e-6 * np.eye(_KNOTS)
        heights = np.linalg.solve(normal, weighted.T @ more)
        away = more - basis @ heights
        weight = np.where(away > 0, _BELOW_CURVE, 1 - _BELOW_CURVE) * 2 / np.maximum(np.abs(away), 0.01)
    return lambda values: np.asarray(hats(values) @ heights, np.float64)


def _smoothed(excess: Plane, sure: Plane, sigma: float) -> Plane:
    """Excess smoothed, by how much each pixel can tell."""
    total = np.asarray(cv2.GaussianBlur(sure, (0, 0), sigma), np.float32) + np.float32(1e-4)
    return np.asarray(cv2.GaussianBlur(excess * sure[:, :, None], (0, 0), sigma) / total[:, :, None], np.float32)


def _hues_of_stains(seen: Plane, sure: Plane, counted: Mask, noise: float) -> Plane:
    """Hue of the stains, 0 where there is none, h x w; beside several, smaller and fainter ones of their hue count."""
    marked = (seen[:, :, 1] > max(_LEAST_EXCESS, _EXCESS_BY_NOISE * noise)) & counted
    found = _Patches(marked, seen, sure)
    least = max(_LEAST_PIXELS, _LEAST_AREA * marked.size)
    chosen = (found.mean >= max(_CLEAR, _CLEAR_BY_NOISE * noise)) & (found.wandering <= _ONE_HUE)
    chosen &= (found.hue > _HUES[0]) & (found.hue < _HUES[1]) & (found.area >= least)
    told = (found.area >= _SMALL * marked.size) | (
        (found.mean >= _SMALL_BY_NOISE * noise) & (found.sure >= _SMALL_SURE)
    )
    chosen &= told
    chosen[0] = False
    if chosen.sum() >= _MANY:
        alike = np.abs(found.hue - np.median(found.hue[chosen])) < _LIKE_HUE
        alike &= (found.wandering <= _LIKE_HUE) & told
        chosen |= alike & (found.area >= _LIKE_PIXELS)
        chosen[0] = False
    return np.asarray(np.where(chosen, found.hue, 0)[found.labels], np.float32)


def _laid_out(hues: Plane, seen: Plane, taken: Plane, inside: Mask, unit: float, patches: int) -> Stains:
    """The stains' densities: those of their patches, and of their soft rims round them."""
    size = 2 * max(1, round(_REACH * unit / 2)) + 1
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    green = np.asarray(cv2.dilate(hues, element), np.float32)
    reach = np.asarray(cv2.GaussianBlur((green > 0).astype(np.float32), (0, 0), size / 6), np.float32)
    share = np.clip((seen - np.float32(_RIM[0])) / np.float32(_RIM[1] - _RIM[0]), 0, 1)
    excess = np.maximum(taken, 0) * share * reach * inside
    return Stains(np.asarray(excess, np.float32), green, patches)
