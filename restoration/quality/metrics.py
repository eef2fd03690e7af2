"""Numbers that say how good a photograph is: pure functions on arrays, quick (OpenCV), equal to scikit-image's.

All take H x W x 3 float32 sRGB in [0, 1] unless they say otherwise. A number alone says little: PSNR and SSIM reward
leaving things as they are, colourfulness and sharpness reward exaggeration; read them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.colour import lightness, luminance_y, rgb_to_lab
from restoration.photo.picture import FloatImage

Direction = Literal["higher", "lower", "neither"]
_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_SSIM_C1 = 0.01**2
_SSIM_C2 = 0.03**2
_SHARPNESS_SIDE = 512
_SHARPNESS_PREFILTER = 0.8
_PSNR_CEILING = 100.0
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
NOISE_SCALE = float(np.sqrt(np.pi / 2) / 6.0)
"""Standard deviation of Gaussian noise for a mean :func:`noise_response` of 1 (Immerkaer 1996)."""
_NOISE_BLOCK = 16
_TONES_LEFT_OUT = 1 / 200


@dataclass(frozen=True)
class Metric:
    """What a metric means: whether more is better, the range of its values, and one sentence for people."""

    direction: Direction
    low: float
    high: float
    description: str


METRICS: dict[str, Metric] = {
    "psnr": Metric("higher", 0, _PSNR_CEILING, "Peak signal to noise ratio between two pictures, RGB, in dB."),
    "ssim_y": Metric("higher", -1, 1, "Structural similarity of luma between two pictures."),
    "delta_e00": Metric("lower", 0, 150, "Mean CIEDE2000 colour difference between two pictures."),
    "colourfulness": Metric("neither", 0, 400, "Colourfulness of Hasler and Suesstrunk, on 0..255; 0 is gray."),
    "colourfulness_abs": Metric(
        "neither", 0, 400, "Colourfulness as colorization papers compute it (absolute values)."
    ),
    "chroma": Metric("neither", 0, 182, "Mean CIELAB chroma; 0 is gray."),
    "sharpness": Metric("higher", 0, 400_000, "Variance of the Laplacian of smoothed luma, on 0..255, at 512 pixels."),
    "contrast_rms": Metric("higher", 0, 0.5, "Standard deviation of luma, on 0..1."),
    "contrast_michelson": Metric("higher", 0, 1, "Michelson contrast between the 1st and 99th percentile of luma."),
    "noise": Metric("lower", 0, 400, "Noise by Immerkaer's method: standard deviation of luma, on 0..255."),
    "luminance": Metric("neither", 0, 100, "Mean CIELAB lightness."),
}
"""Every metric by the name under which it is stored."""


def psnr(first: FloatImage, second: FloatImage) -> float:
    """Peak signal to noise ratio over all RGB samples, dB; 100 for equal pictures (and never more)."""
    error = mean_squared_error(first, second)
    return _PSNR_CEILING if error <= 10 ** (-_PSNR_CEILING / 10) else -10.0 * float(np.log10(error))


def mean_squared_error(first: FloatImage, second: FloatImage) -> float:
    """Mean squared difference over all RGB samples in [0, 1]; four times that is the loss of a net that works in
    [-1, 1].
    """
    difference = first.astype(np.float64) - second
    return float(np.mean(difference * difference))


def channel_agreement(first: FloatImage, second: FloatImage) -> float:
    """Share of pixels whose largest channel is the same in both, 0..1.

    What Keras reports when it is asked for the accuracy of a regression on RGB (argmax over the last axis; the first
    of equal channels counts). It is kept because the autoencoder's authors reported it, not because it says much.
    """
    return float(np.mean(first.argmax(axis=2) == second.argmax(axis=2)))


def ssim_y(first: FloatImage, second: FloatImage) -> float:
    """Mean SSIM of BT.601 luma (Wang et al. 2004): Gaussian 11 x 11, sigma 1.5, K 0.01 and 0.03, population covariance.

    Like scikit-image's with ``gaussian_weights``, the border of half a window is left out of the mean. Pictures below
    11 pixels a side are compared as one window.
    """
    x, y = luminance_y(first), luminance_y(second)
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x * mean_x
    variance_y = _window(y * y) - mean_y * mean_y
    covariance = _window(x * y) - mean_x * mean_y
    likeness = ((2 * mean_x * mean_y + _SSIM_C1) * (2 * covariance + _SSIM_C2)) / (
        (mean_x * mean_x + mean_y * mean_y + _SSIM_C1) * (variance_x + variance_y + _SSIM_C2)
    )
    pad = _SSIM_WINDOW // 2
    inner = likeness[pad:-pad, pad:-pad] if min(likeness.shape) > 2 * pad else likeness
    return float(np.mean(inner, dtype=np.float64))


def colourfulness_hs(pixels: FloatImage) -> float:
    """Colourfulness M3 of Hasler and Suesstrunk (2003), on 0..255: 0 gray, 15 slightly, 45 averagely, 82 highly."""
    return _colourfulness(*_opponents(pixels))


def colourfulness_abs(pixels: FloatImage) -> float:
    """The variant printed in colorization papers (DDColor's ``calculate_cf``): of absolute opponent values."""
    red_green, yellow_blue = _opponents(pixels)
    return _colourfulness(np.abs(red_green), np.abs(yellow_blue))


def mean_chroma(pixels: FloatImage) -> float:
    """Mean CIELAB chroma, sqrt(a*^2 + b*^2)."""
    lab = rgb_to_lab(pixels)
    return float(np.mean(np.hypot(lab[:, :, 1], lab[:, :, 2]), dtype=np.float64))


def sharpness(pixels: FloatImage) -> float:
    """Variance of the 3 x 3 Laplacian of luma (0..255) at a long side of 512 pixels.

    A Gaussian of sigma 0.8 goes first, so that grain and JPEG blocks win less. Smaller pictures are measured as they
    are.
    """
    luma = luminance_y(pixels) * np.float32(255)
    scale = _SHARPNESS_SIDE / max(luma.shape)
    if scale < 1:
        # a panorama may be less than a pixel high at this size
        height, width = (max(1, round(side * scale)) for side in luma.shape)
        luma = _array(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA))
    smooth = cv2.GaussianBlur(luma, (0, 0), _SHARPNESS_PREFILTER)
    return float(np.var(cv2.Laplacian(smooth, cv2.CV_32F), dtype=np.float64))


def contrast_rms(pixels: FloatImage) -> float:
    """Standard deviation of luma, 0..0.5."""
    return float(np.std(luminance_y(pixels), dtype=np.float64))


def contrast_michelson(pixels: FloatImage) -> float:
    """(p99 - p1) / (p99 + p1) of luma; percentiles, since the extremes of a scan are dust. 0 for a black picture."""
    low, high = np.percentile(luminance_y(pixels), [1, 99])
    return float((high - low) / (high + low)) if high + low > 0 else 0.0


def noise_immerkaer(pixels: FloatImage) -> float:
    """Standard deviation of noise in luma, 0..255 (Immerkaer 1996): response of a mask blind to edges and slopes."""
    return noise_of_plane(luminance_y(pixels) * np.float32(255))


def noise_of_plane(plane: NDArray[np.float32]) -> float:
    """Immerkaer's estimate for one H x W plane, in the plane's own unit; 0 below 3 pixels a side."""
    if min(plane.shape) < 3:
        return 0.0
    return float(NOISE_SCALE * np.mean(noise_response(plane)[1:-1, 1:-1], dtype=np.float64))


def noise_response(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Absolute response of Immerkaer's mask at every pixel of an H x W plane: noise, and little else."""
    return np.abs(_array(cv2.filter2D(plane, cv2.CV_32F, _NOISE_MASK)))


def flat_noise(pixels: FloatImage) -> float:
    """Immerkaer's noise of the flat parts of a picture, 0..255: grain is everywhere, texture and edges are not.

    The 20th percentile over blocks of 16 x 16 pixels, black and burnt-out blocks left out; 0 where there are no blocks.
    """
    if min(pixels.shape[:2]) < _NOISE_BLOCK:
        return 0.0
    parts = []
    for _, seen, inner in bands.overlapping(pixels, 1, multiple=_NOISE_BLOCK):
        luma = luminance_y(np.ascontiguousarray(pixels[seen])) * np.float32(255)
        parts.append(_noise_of_blocks(noise_response(luma)[inner], luma[inner]))
    usable = np.concatenate(parts)
    return float(np.percentile(usable, 20)) if usable.size else 0.0


def _noise_of_blocks(response: NDArray[np.float32], luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Noise of each whole block whose luma (0..255) is neither black nor burnt out."""
    height, width = (n // _NOISE_BLOCK * _NOISE_BLOCK for n in luma.shape)
    if height == 0:
        return np.empty(0, np.float32)
    size = (width // _NOISE_BLOCK, height // _NOISE_BLOCK)
    noise = _array(cv2.resize(response[:height, :width], size, interpolation=cv2.INTER_AREA))
    level = _array(cv2.resize(luma[:height, :width], size, interpolation=cv2.INTER_AREA))
    return (noise * np.float32(NOISE_SCALE))[(level > 12) & (level < 243)]


def mean_luminance(pixels: FloatImage) -> float:
    """Mean CIELAB L*, 0..100."""
    return float(np.mean(lightness(pixels), dtype=np.float64))


def tones(pixels: FloatImage) -> int:
    """How many of 256 levels of luma hold all but one in 200 pixels: 1 for a blank page, some 200 for a photograph.

    The rarest levels are left out, so that specks of dust do not make a picture of a blank one.
    """
    count = np.zeros(256, np.int64)
    for rows in bands.bands(pixels):
        levels = np.rint(np.clip(luminance_y(pixels[rows]), 0, 1) * np.float32(255)).astype(np.uint8)
        count += np.bincount(levels.ravel(), minlength=256)
    commonest_first = np.sort(count)[::-1]
    return int(np.searchsorted(np.cumsum(commonest_first), count.sum() * (1 - _TONES_LEFT_OUT))) + 1


def delta_e00(first: FloatImage, second: FloatImage) -> float:
    """Mean CIEDE2000 difference over all pixels; below 1 is invisible, above 10 plain to see."""
    return float(np.mean(ciede2000(rgb_to_lab(first), rgb_to_lab(second)), dtype=np.float64))


def ciede2000(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """CIEDE2000 of CIELAB colours (... x 3), with kL = kC = kH = 1. Formula: Sharma, Wu and Dalal (2005)."""
    one, two = first.astype(np.float64), second.astype(np.float64)
    chroma = np.hypot(one[..., 1], one[..., 2]), np.hypot(two[..., 1], two[..., 2])
    boost = 1 + 0.5 * (1 - _seventh((chroma[0] + chroma[1]) / 2))
    a = one[..., 1] * boost, two[..., 1] * boost
    chroma = np.hypot(a[0], one[..., 2]), np.hypot(a[1], two[..., 2])
    hue = np.arctan2(one[..., 2], a[0]) % (2 * np.pi), np.arctan2(two[..., 2], a[1]) % (2 * np.pi)
    turn, mean_hue = _hue_difference(chroma, hue)
    mean_l, mean_c = (one[..., 0] + two[..., 0]) / 2, (chroma[0] + chroma[1]) / 2
    weight_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    weight_c = 1 + 0.045 * mean_c
    weight_h = 1 + 0.015 * mean_c * _hue_weight(mean_hue)
    step_l = (two[..., 0] - one[..., 0]) / weight_l
    step_c = (chroma[1] - chroma[0]) / weight_c
    step_h = 2 * np.sqrt(chroma[0] * chroma[1]) * np.sin(turn / 2) / weight_h
    rotation = -2 * _seventh(mean_c) * np.sin(np.radians(60 * np.exp(-(((np.degrees(mean_hue) - 275) / 25) ** 2))))
    squared = step_l**2 + step_c**2 + step_h**2 + rotation * step_c * step_h
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float64)


def _hue_difference(
    chroma: tuple[NDArray[np.float64], NDArray[np.float64]], hue: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signed difference and mean of two hues in radians; where a colour is gray its hue does not count."""
    gray = chroma[0] * chroma[1] == 0
    turn = (hue[1] - hue[0] + np.pi) % (2 * np.pi) - np.pi
    apart = np.abs(hue[1] - hue[0]) > np.pi
    total = hue[0] + hue[1]
    mean = np.where(apart, np.where(total < 2 * np.pi, total + 2 * np.pi, total - 2 * np.pi), total) / 2
    return np.where(gray, 0.0, turn), np.where(gray, total, mean)


def _hue_weight(hue: NDArray[np.float64]) -> NDArray[np.float64]:
    degree = np.pi / 180
    return np.asarray(
        1
        - 0.17 * np.cos(hue - 30 * degree)
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + 6 * degree)
        - 0.20 * np.cos(4 * hue - 63 * degree),
        np.float64,
    )


def _seventh(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    power = chroma**7
    return np.asarray(np.sqrt(power / (power + 25.0**7)), np.float64)


def _opponents(pixels: FloatImage) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scaled = pixels * np.float32(255)
    red, green, blue = scaled[:, :, 0], scaled[:, :, 1], scaled[:, :, 2]
    return red - green, (red + green) * np.float32(0.5) - blue


def _colourfulness(red_green: NDArray[np.float32], yellow_blue: NDArray[np.float32]) -> float:
    spread = np.var(red_green, dtype=np.float64) + np.var(yellow_blue, dtype=np.float64)
    centre = np.mean(red_green, dtype=np.float64) ** 2 + np.mean(yellow_blue, dtype=np.float64) ** 2
    return float(np.sqrt(spread) + 0.3 * np.sqrt(centre))


def _window(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Gaussian mean; in float64, since variances are differences of nearly equal numbers."""
    smooth = cv2.GaussianBlur(
        plane.astype(np.float64), (_SSIM_WINDOW, _SSIM_WINDOW), _SSIM_SIGMA, borderType=cv2.BORDER_REFLECT
    )
    return np.asarray(smooth, np.float64)


def _array(image: object) -> NDArray[np.float32]:
    return np.asarray(image, np.float32)
