"""Colour science: sRGB, linear light, CIELAB, and the one way in which chroma may be put onto a scan's lightness.

CIELAB is for D65 and the 2 degree observer, computed with the matrix and white point of scikit-image, so that the two
agree to 1e-3. All functions take and give float32; large pictures are worked on in strips, so that memory stays at a
few times that of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.picture import FloatImage

Plane = NDArray[np.float32]
"""H x W float32."""
Chroma = NDArray[np.float32]
"""H x W x 2 float32: CIELAB a* and b*."""

XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]], np.float64
)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB)
WHITE_D65 = np.array([0.95047, 1.0, 1.08883], np.float64)
NEUTRAL_WHITE = XYZ_FROM_RGB.sum(axis=1)
"""XYZ of RGB (1, 1, 1): with this white, equal channels are exactly a* = b* = 0 (within 0.005 of WHITE_D65)."""

_LAB_KNEE = 0.008856
_LAB_SLOPE = 7.787
_LAB_OFFSET = 16.0 / 116.0
_STRIP_PIXELS = 1 << 19
_BISECTIONS = 18
_GAMUT_SLACK = np.float32(1e-6)


def srgb_to_linear(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the sRGB transfer curve (IEC 61966-2-1). Any shape, nominal [0, 1] to [0, 1]; negatives stay linear."""
    encoded = np.asarray(encoded, np.float32)
    high = np.power((np.maximum(encoded, 0.0) + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(encoded > 0.04045, high, encoded / np.float32(12.92))


def linear_to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the sRGB transfer curve (IEC 61966-2-1). Any shape, nominal [0, 1] to [0, 1]; negatives stay linear."""
    linear = np.asarray(linear, np.float32)
    high = np.float32(1.055) * np.power(np.maximum(linear, 0.0), np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(linear > 0.0031308, high, linear * np.float32(12.92))


def luminance_y(pixels: FloatImage) -> Plane:
    """Luma Y' of BT.601 from encoded RGB: 0.299 R + 0.587 G + 0.114 B. H x W x 3 in [0, 1] to H x W in [0, 1]."""
    weights = np.array([[0.299, 0.587, 0.114]], np.float32)
    if not bands.is_large(pixels):
        return np.asarray(cv2.transform(np.asarray(pixels, np.float32), weights), np.float32)
    if bands.is_one_plane(pixels):
        return pixels[:, :, 0]
    out = bands.empty(pixels.shape[:2])
    for rows in bands.bands(pixels):
        out[rows] = cv2.transform(np.asarray(pixels[rows], np.float32), weights)
    return out


def lightness(pixels: FloatImage) -> Plane:
    """CIELAB L* (0..100) of H x W x 3 sRGB in [0, 1], without computing a* and b*."""
    out = bands.empty(pixels.shape[:2])
    shares = XYZ_FROM_RGB[1].astype(np.float32)
    for rows in _strips(pixels.shape[0], pixels.shape[1]):
        if bands.is_one_plane(pixels):
            luminance = srgb_to_linear(pixels[rows, :, 0]) * shares.sum()
        else:
            luminance = srgb_to_linear(pixels[rows]) @ shares
        out[rows] = 116.0 * _lab_curve(luminance) - 16.0
    return out


def gray_from_lightness(luminance: Plane) -> FloatImage:
    """Neutral picture of the given L* (0..100): H x W to H x W x 3 sRGB in [0, 1], the three channels equal."""
    gray = bands.empty(luminance.shape)
    for rows in bands.bands(luminance):
        linear = _lab_curve_inverse((luminance[rows] + np.float32(16)) / np.float32(116))
        np.clip(linear_to_srgb(linear), 0, 1, out=gray[rows])
    return bands.gray(gray)


def rgb_to_lab(pixels: FloatImage) -> FloatImage:
    """CIELAB (D65, 2 degrees) of sRGB. H x W x 3 in [0, 1] to H x W x 3: L* 0..100, a*, b* about -128..128."""
    out = bands.empty(pixels.shape)
    matrix = (XYZ_FROM_RGB / WHITE_D65[:, None]).astype(np.float32)
    for rows in _strips(pixels.shape[0], pixels.shape[1]):
        curve = _lab_curve(np.asarray(cv2.transform(srgb_to_linear(pixels[rows]), matrix), np.float32))
        out[rows, :, 0] = 116.0 * curve[:, :, 1] - 16.0
        out[rows, :, 1] = 500.0 * (curve[:, :, 0] - curve[:, :, 1])
        out[rows, :, 2] = 200.0 * (curve[:, :, 1] - curve[:, :, 2])
    return out


def lab_to_rgb(lab: FloatImage) -> FloatImage:
    """SRGB of CIELAB, clipped to [0, 1] channel by channel (which may change L*: see :func:`keep_luminance`)."""
    out = np.empty(lab.shape, np.float32)
    for rows in _strips(lab.shape[0], lab.shape[1]):
        linear = _linear_of_lab(lab[rows, :, 0], lab[rows, :, 1], lab[rows, :, 2], WHITE_D65)
        out[rows] = np.clip(linear_to_srgb(linear), 0, 1)
    return out


def keep_luminance(luminance: Plane, ab: Chroma, *, bits: Literal[8, 16] = 8) -> FloatImage:
    """Put chroma onto a scan's own lightness, in gamut, without changing that lightness.

    Colours outside sRGB are cured by scaling (a*, b*) towards zero, pixel by pixel, no further than needed. The result
    already lies on the grid of ``bits`` (every value is k / 255 or k / 65535), so that encoding changes nothing more:
    its L* is within 0.5 (8 bits; mean below 0.15) or 0.002 (16 bits) of ``luminance``. Zero chroma gives equal
    channels.

    :param luminance: H x W, L* of the scan, 0..100.
    :param ab: H x W x 2, wanted a* and b*.
    :returns: H x W x 3 float32 sRGB in [0, 1].
    """
    out = bands.empty((*luminance.shape, 3))
    for rows in _strips(*luminance.shape):
        target = np.clip(luminance[rows].astype(np.float32), 0, 100)
        a, b = ab[rows, :, 0].astype(np.float32), ab[rows, :, 1].astype(np.float32)
        linear = _linear_of_lab(target, a, b, NEUTRAL_WHITE)
        outside = ~_in_gamut(linear)
        if outside.any():
            linear[outside] = _reduced_chroma(target[outside], a[outside], b[outside])
        neutral = (a == 0) & (b == 0)  # the matrix rounds: without this a few gray pixels differ by one level
        linear[neutral] = linear[neutral, 1:2]
        out[rows] = _on_grid(linear_to_srgb(np.clip(linear, 0, 1)), bits)
    return out


def upsample_chroma(
    ab_small: Chroma, luminance_small: Plane, luminance_full: Plane, *, radius: int = 4, epsilon: float = 16.0
) -> Chroma:
    """Enlarge chroma so that its edges fall on the edges of the scan (fast guided filter, He & Sun 2015).

    In every window of the small picture a* and b* are fitted as linear functions of L*; the coefficients, which are
    smooth, are enlarged, and applied to the full-size L*.

    :param ab_small: h x w x 2, a* and b* at the colorizer's size.
    :param luminance_small: h x w, L* at that size (resized where its shape differs from ``ab_small``).
    :param luminance_full: H x W, L* of the scan.
    :param radius: half the window, in small pixels.
    :param epsilon: variance of L* (in L* squared) below which a window counts as flat; larger is smoother.
    :returns: H x W x 2 float32, within the range of ``ab_small``.
    """
    rows_of = chroma_rows(ab_small, luminance_small, luminance_full.shape, radius=radius, epsilon=epsilon)
    out = bands.empty((*luminance_full.shape, 2))
    for rows in _strips(*luminance_full.shape):
        out[rows] = rows_of(rows, luminance_full[rows])
    return out


def chroma_rows(
    ab_small: Chroma, luminance_small: Plane, shape: tuple[int, int], *, radius: int = 4, epsilon: float = 16.0
) -> Callable[[slice, Plane], Chroma]:
    """What :func:`upsample_chroma` does, for some rows at a time: takes rows and their L*, returns their a* and b*.

    :param shape: height and width of the whole scan.
    """
    height, width = shape
    ab_small = np.ascontiguousarray(ab_small, np.float32)
    guide = np.ascontiguousarray(luminance_small, np.float32)
    if guide.shape != ab_small.shape[:2]:
        small = cv2.resize(guide, (ab_small.shape[1], ab_small.shape[0]), interpolation=cv2.INTER_AREA)
        guide = np.asarray(small, np.float32)
    slope, offset = _guided_coefficients(guide, ab_small, radius, epsilon)
    low, high = ab_small.min(axis=(0, 1)), ab_small.max(axis=(0, 1))
    coefficients = np.concatenate([slope, offset], axis=2)

    def rows_of(rows: slice, luminance: Plane) -> Chroma:
        full = bands.rows_enlarged(coefficients, rows, height, width)
        return np.asarray(np.clip(full[:, :, :2] * luminance[:, :, None] + full[:, :, 2:], low, high), np.float32)

    return rows_of


def _strips(height: int, width: int) -> Iterator[slice]:
    """Slices of rows that together cover ``height``, each of about half a million pixels."""
    step = max(1, _STRIP_PIXELS // max(1, width))
    for start in range(0, height, step):
        yield slice(start, min(height, start + step))


def _lab_curve(ratio: NDArray[np.float32]) -> NDArray[np.float32]:
    high = np.cbrt(np.maximum(ratio, np.float32(_LAB_KNEE)))
    return np.where(ratio > _LAB_KNEE, high, np.float32(_LAB_SLOPE) * ratio + np.float32(_LAB_OFFSET))


def _lab_curve_inverse(value: NDArray[np.float32]) -> NDArray[np.float32]:
    low = (value - np.float32(_LAB_OFFSET)) / np.float32(_LAB_SLOPE)
    return np.where(value > 0.2068966, value * value * value, low)


def _linear_of_lab(
    luminance: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32], white: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Linear RGB, one more axis than the inputs; may lie outside [0, 1]."""
    middle = (luminance + np.float32(16)) / np.float32(116)
    curve = np.stack([middle + a / np.float32(500), middle, middle - b / np.float32(200)], axis=-1)
    matrix = (RGB_FROM_XYZ * white[None, :]).astype(np.float32)
    return np.asarray(_lab_curve_inverse(curve) @ matrix.T, np.float32)


def _in_gamut(linear: NDArray[np.float32]) -> NDArray[np.bool_]:
    inside = (linear >= -_GAMUT_SLACK) & (linear <= 1 + _GAMUT_SLACK)
    # three channels are soon compared, and slowly reduced: all() takes three times as long
    return np.asarray(inside[..., 0] & inside[..., 1] & inside[..., 2], np.bool_)


def _reduced_chroma(
    luminance: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Linear RGB (N x 3) of the most saturated colour of the same L* and hue that sRGB holds; by bisection."""
    low = np.zeros_like(luminance)
    step = np.float32(1)
    middle = (luminance + np.float32(16)) / np.float32(116)
    red_to_green, blue_to_yellow = a / np.float32(500), b / np.float32(-200)
    matrix = (RGB_FROM_XYZ * NEUTRAL_WHITE[None, :]).astype(np.float32)
    own = _lab_curve_inverse(middle)
    for _ in range(_BISECTIONS):
        step *= np.float32(0.5)
        scale = low + step
        first, last = (_lab_curve_inverse(middle + change * scale) for change in (red_to_green, blue_to_yellow))
        channels = [row[0] * first + row[1] * own + row[2] * last for row in matrix]
        lowest = np.minimum(np.minimum(channels[0], channels[1]), channels[2])
        highest = np.maximum(np.maximum(channels[0], channels[1]), channels[2])
        inside = (lowest >= -_GAMUT_SLACK) & (highest <= 1 + _GAMUT_SLACK)
        low = np.where(inside, scale, low)
    return _linear_of_lab(luminance, a * low, b * low, NEUTRAL_WHITE)


def _on_grid(encoded: FloatImage, bits: Literal[8, 16]) -> FloatImage:
    """Round to the grid. Half a level in all channels moves L* by 0.25 at most (8 bits), so nothing more is needed."""
    levels = np.float32(255 if bits == 8 else 65535)
    return np.asarray(np.rint(encoded * levels) / levels, np.float32)


def _guided_coefficients(guide: Plane, signal: Chroma, radius: int, epsilon: float) -> tuple[Chroma, Chroma]:
    """Smoothed slope and offset (h x w x 2 each) of ``signal`` as a linear function of ``guide``."""
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.boxFilter(image, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT), np.float32)

    mean_guide = mean(guide)
    variance = np.maximum(mean(np.asarray(guide * guide, np.float32)) - mean_guide * mean_guide, np.float32(0))
    mean_signal = mean(signal)
    covariance = mean(np.asarray(guide[:, :, None] * signal, np.float32)) - mean_guide[:, :, None] * mean_signal
    slope = np.asarray(covariance / (variance[:, :, None] + np.float32(epsilon)), np.float32)
    offset = np.asarray(mean_signal - slope * mean_guide[:, :, None], np.float32)
    return mean(slope), mean(offset)
