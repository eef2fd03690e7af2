"""Printing screens: the regular dots of newsprint and book prints, found in the Fourier plane and taken out of it.

A halftone screen is a lattice. Its power lies in sharp peaks at two base frequencies and at their sums and multiples,
and at the same places in every part of the picture, wherever there is tone. A fence, a fabric or a row of windows is
regular too, but only somewhere. So the picture is cut into windows, each window's spectrum is held against its own
surroundings, and a peak counts only where the least of three quarters of all windows still show it.

The dots are taken out by Gaussian notches at the lattice (Gonzalez and Woods, Digital Image Processing, 4.10), in
overlapping windows that add up to the picture itself where nothing is taken out. Luma is H x W float32 in [0, 1],
sRGB-encoded; frequencies are in cycles a pixel, as (down, across).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.colour import luminance_y
from restoration.photo.notches import WINDOW, Notch, Plane, Vector, filter_plane, hann
from restoration.photo.picture import FloatImage

_LARGE, _SMALL = 128, 64
"""Sides of the windows a screen is looked for in; the small one where the picture's short side is below two large."""
_MOST_WINDOWS = 400
_LEAST_WINDOWS = 6
_DARKEST, _BRIGHTEST = 0.06, 0.94
_LEAST_DEVIATION = 2 / 255
"""A window beyond these has no tone that a screen could show in."""
_LEAST_SHARE = 25
"""Percentile of the windows whose evidence counts: three quarters of all must show a peak at least as clearly."""
_CLEAR = 2.7
"""Natural logarithm of power over its surroundings from which a base frequency is one (photographs stay below 2.2)."""
_ALSO = 1.5
"""The same for a further frequency where a screen has been found: other inks, and what inks make of each other."""
_VISIBLE = 1.3 / 255
"""Least amplitude of a base frequency, mean over the windows: what lies below cannot be seen."""
_LOWEST, _HIGHEST = 1 / 13, 0.70
_LEAST_WAVES = 6.5
"""A window holds at least so many rows of dots."""
_RING, _CORE = 15, 7
"""Sides, in bins, of the square whose rim a bin is held against, and of its inside, which a peak may fill."""
_UNLIKE = 1.25
"""The two bases are as long as each other up to this factor,"""
_OBLIQUE = 0.26
"""and at right angles up to this cosine (15 degrees)."""
_CANDIDATES = 16
_ORDERS = 4
_JPEG = 8
_AMPLITUDES = (2 / 255, 8 / 255, 45 / 255)
_WIDTHS = (0.08, 0.15, 0.36)
"""Standard deviation of a notch, as a share of the base frequency, for a peak of that amplitude. Of a faint screen the
peaks alone are seen; of bare ink on paper broad bands round them too, since there the picture is in the dots' size."""
_LEAST_WIDTH = 2.5 / WINDOW


@dataclass(frozen=True)
class Screen:
    """A printing screen, or several of different angles (colour prints).

    ``bases`` are the two base frequencies of the strongest; ``notches`` is all that is to be taken out, and
    ``by_channel`` the same of red, green and blue, where each has its own. ``evidence`` is how far the weaker base
    stands out (logarithm of power).
    """

    bases: tuple[Vector, Vector]
    notches: tuple[Notch, ...]
    evidence: float
    by_channel: tuple[Screen, ...] = ()

    @property
    def peaks(self) -> int:
        """How many frequencies are taken out, of the channel that has most."""
        return max(len(one.notches) for one in (self, *self.by_channel))

    @property
    def frequency(self) -> float:
        """Mean length of the bases, cycles a pixel."""
        return float(np.mean([np.hypot(*base) for base in self.bases]))

    @property
    def pitch(self) -> float:
        """Distance of neighbouring rows of dots, in pixels."""
        return 1 / self.frequency

    @property
    def angle(self) -> float:
        """Turn of the lattice from the horizontal, in degrees, 0 to 90 (a square lattice repeats after 90)."""
        down, across = self.bases[0]
        return float(np.rad2deg(np.arctan2(down, across)) % 90)


@dataclass(frozen=True)
class _Spectrum:
    """What the windows have in common, on the shifted Fourier plane of ``side`` x ``side`` bins."""

    side: int
    evidence: Plane
    amplitude: Plane


@dataclass(frozen=True)
class _Peak:
    frequency: Vector
    evidence: float
    amplitude: float

    @property
    def length(self) -> float:
        return float(np.hypot(*self.frequency))


def find_screen(luma: Plane) -> Screen | None:
    """The printing screen of a picture; None if there is none, or the picture is too small to tell.

    Pitches from 1.5 to 13 pixels are found, at any angle (to 9 where the short side is below 256). Frequencies on the
    grid of JPEG's blocks are passed over.

    :param luma: H x W in [0, 1].
    """
    spectrum = _common_spectrum(luma)
    if spectrum is None:
        return None
    pair = _base_pair(_peaks(spectrum, _CLEAR))
    if pair is None:
        return None
    length = min(peak.length for peak in pair)
    wide = _width(max(peak.amplitude for peak in pair), length)
    lattice = _lattice(pair)
    notches = [Notch(point, wide) for point in lattice]
    for peak in _peaks(spectrum, _ALSO):
        if _far(peak.frequency, lattice, spectrum.side):
            notches.append(Notch(peak.frequency, _width(peak.amplitude, min(length, peak.length))))
    bases = (pair[0].frequency, pair[1].frequency)
    return Screen(bases, tuple(notches), min(peak.evidence for peak in pair))


def _width(amplitude: float, length: float) -> float:
    """How wide a notch is, in cycles a pixel: wider for a stronger peak and for one farther out."""
    return max(_LEAST_WIDTH, float(np.interp(amplitude, _AMPLITUDES, _WIDTHS)) * length)


def _common_spectrum(luma: Plane) -> _Spectrum | None:
    short = min(luma.shape)
    side = _LARGE if short >= 2 * _LARGE else _SMALL
    if short < side:
        return None
    taper = hann(side)
    energy = float((taper * taper).sum())
    stands, total = [], np.zeros((side, side), np.float64)
    for window in _toned_windows(luma, side, taper):
        power = np.asarray(np.fft.fftshift(np.abs(np.fft.fft2(window)) ** 2) / energy, np.float32)
        total += power
        stands.append(_standing_out(power).astype(np.float16))
    if len(stands) < _LEAST_WINDOWS:
        return None
    evidence = _low_quarter(np.asarray(stands))
    # a wave of amplitude A has power (A / 2 * sum of the taper)^2 in its bin
    amplitude = 2 * np.sqrt(total / len(stands) * energy) / taper.sum()
    return _Spectrum(side, evidence, amplitude.astype(np.float32))


def _low_quarter(stands: NDArray[np.float16]) -> Plane:
    """The percentile ``_LEAST_SHARE`` over the first axis. As whole numbers of their order halves are sorted faster."""
    bits = stands.view(np.int16)
    order = np.where(bits < 0, bits ^ np.int16(0x7FFF), bits)
    place, share = divmod((len(stands) - 1) * _LEAST_SHARE, 100)
    order.partition((place, min(place + 1, len(stands) - 1)), axis=0)
    two = order[place : place + 2]
    halves = np.where(two < 0, two ^ np.int16(0x7FFF), two).view(np.float16)
    return np.asarray(np.percentile(halves, share, axis=0), np.float32)


def _toned_windows(luma: Plane, side: int, taper: Plane) -> Iterator[Plane]:
    """Tapered windows without their mean, evenly spread, of those that hold tone."""
    places = [(y, x) for y in _starts(luma.shape[0], side) for x in _starts(luma.shape[1], side)]
    if len(places) > _MOST_WINDOWS:
        places = [places[i] for i in np.linspace(0, len(places) - 1, _MOST_WINDOWS).astype(int)]
    for y, x in places:
        window = luma[y : y + side, x : x + side]
        mean = float((window * taper).sum() / taper.sum())
        tapered = (window - np.float32(mean)) * taper
        deviation = np.sqrt(float((tapered * tapered).sum() / (taper * taper).sum()))
        if _DARKEST < mean < _BRIGHTEST and deviation > _LEAST_DEVIATION:
            yield tapered


def _starts(length: int, side: int) -> NDArray[np.int64]:
    """Where windows begin: about half a side apart, the last one at the very end."""
    count = -(-(length - side) // (side // 2)) + 1
    return np.unique(np.linspace(0, length - side, count).astype(np.int64))


def _standing_out(power: Plane) -> Plane:
    """Logarithm of power, less its mean over a ring round each bin."""
    log = np.log(power + np.float32(1e-7))
    ring = _box_sum(log, _RING) - _box_sum(log, _CORE)
    return np.asarray(log - ring / np.float32(_RING**2 - _CORE**2), np.float32)


def _box_sum(plane: Plane, size: int) -> Plane:
    return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, (size, size), normalize=False), np.float32)


def _peaks(spectrum: _Spectrum, least: float) -> list[_Peak]:
    """All visible peaks of one half of the plane that stand out by ``least``, the clearest first."""
    side, evidence = spectrum.side, spectrum.evidence
    axis = (np.arange(side) - side // 2) / side
    down, across = np.meshgrid(axis, axis, indexing="ij")
    length = np.hypot(down, across)
    highest = evidence >= np.asarray(cv2.dilate(evidence, np.ones((5, 5), np.uint8)))
    half = (down > 0) | ((down == 0) & (across > 0)) | ((across == -0.5) & (down >= 0)) | (down == -0.5)
    chosen = highest & half & (evidence > least) & (spectrum.amplitude > _VISIBLE)
    chosen &= (
        (length >= max(_LOWEST, _LEAST_WAVES / side))
        & (length <= _HIGHEST)
        & ~(_on_jpeg_grid(down, side) & _on_jpeg_grid(across, side))
    )
    found = [_refined(spectrum, int(row), int(column)) for row, column in np.argwhere(chosen)]
    return sorted(found, key=lambda peak: -peak.evidence)


def _on_jpeg_grid(frequency: NDArray[np.float64], side: int) -> NDArray[np.bool_]:
    """Multiples of 1/8, where the edges of JPEG's blocks are, within three quarters of a bin."""
    steps = frequency * _JPEG
    return np.asarray(np.abs(steps - np.rint(steps)) < 0.75 * _JPEG / side, np.bool_)


def _refined(spectrum: _Spectrum, row: int, column: int) -> _Peak:
    """A peak between the bins: vertex of a parabola through the logarithm of its amplitude (Smith, Spectral Audio)."""
    side = spectrum.side
    log = np.log(spectrum.amplitude + 1e-9)

    def offset(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0

    up, down = log[(row - 1) % side, column], log[(row + 1) % side, column]
    left, right = log[row, (column - 1) % side], log[row, (column + 1) % side]
    here = log[row, column]
    y = row - side // 2 + offset(up, here, down)
    x = column - side // 2 + offset(left, here, right)
    value = float(spectrum.evidence[row, column])
    return _Peak((y / side, x / side), value, float(spectrum.amplitude[row, column]))


def _base_pair(peaks: Sequence[_Peak]) -> tuple[_Peak, _Peak] | None:
    """Two peaks of nearly one length and nearly at right angles; the pair whose weaker one is strongest."""
    pairs = [pair for pair in combinations(peaks[:_CANDIDATES], 2) if _square(*pair)]
    return max(pairs, key=lambda pair: min(peak.amplitude for peak in pair), default=None)


def _square(one: _Peak, other: _Peak) -> bool:
    ratio = one.length / other.length
    cosine = abs(float(np.dot(one.frequency, other.frequency))) / (one.length * other.length)
    return 1 / _UNLIKE < ratio < _UNLIKE and cosine < _OBLIQUE


def _lattice(pair: tuple[_Peak, _Peak]) -> list[Vector]:
    """The bases, their sums and multiples below the Nyquist frequency, one of each pair of opposites."""
    first, second = (np.asarray(peak.frequency) for peak in pair)
    orders = range(-_ORDERS, _ORDERS + 1)
    points = []
    for m, n in ((m, n) for m in orders for n in orders):
        point = m * first + n * second
        if (m > 0 or (m == 0 and n > 0)) and np.abs(point).max() <= 0.51:
            points.append((float(point[0]), float(point[1])))
    return points


def _far(frequency: Vector, lattice: Sequence[Vector], side: int) -> bool:
    """Whether a frequency is none of the lattice's."""
    here = np.asarray(frequency)
    gaps = [min(np.abs(here - point).max(), np.abs(here + point).max()) for point in np.asarray(lattice)]
    return float(min(gaps)) > 2 / side


def screen_of(pixels: FloatImage) -> Screen | None:
    """The screen of a picture by its luma, and what each colour channel shows of it; None if the luma shows none.

    :param pixels: H x W x 3 sRGB in [0, 1].
    """
    screen = find_screen(luminance_y(pixels))
    if screen is None or _is_gray(pixels):
        return screen
    # inks lie at angles of their own, and what is notched for an ink that a channel does not show is lost for nothing
    channels = [find_screen(pixels[:, :, channel]) for channel in range(3)]
    return replace(screen, by_channel=tuple(found or screen for found in channels))


def _is_gray(pixels: FloatImage) -> bool:
    if bands.is_one_plane(pixels):
        return True
    red, green, blue = np.moveaxis(pixels, 2, 0)
    return all(bool((red[r] == green[r]).all() and (green[r] == blue[r]).all()) for r in bands.bands(pixels))


def remove_screen(pixels: FloatImage, screen: Screen) -> FloatImage:
    """The picture without its screen, H x W x 3 sRGB in [0, 1], at its own depth.

    Memory beyond the result does not grow with the height of the picture.
    """
    planes = 1 if _is_gray(pixels) else 3
    out = bands.empty((*pixels.shape[:2], planes))
    for channel in range(planes):
        own = screen.by_channel[channel] if screen.by_channel else screen
        filter_plane(pixels[:, :, channel], own.notches, own.bases, out[:, :, channel])
    np.clip(out, 0, 1, out=out)
    return out if planes == 3 else bands.gray(out[:, :, 0])
