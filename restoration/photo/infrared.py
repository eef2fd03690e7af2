"""What the infrared channel of a film scan tells: dyes are transparent to it, dust, hairs and scratches are not.

What is dark in infrared and not explained by the colours is a mark. Three things stand in the way. The silver of
black-and-white film is as opaque in infrared as in light, so the channel shows the picture itself and is not used.
Dyes, cyan most of all, absorb a little: that share is fitted and divided out. And the channel may lie some pixels
beside the colours, because it was scanned in another pass or with another focus: it is moved to where it fits best.

Densities are -log10 of light. Densities are had band by band; marks take some twelve bytes a pixel for a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.density import density_of
from restoration.photo.picture import FloatImage, Samples

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Use = Literal["used", "silver", "unlike"]

_SMALL = 384
"""Long side at which the channel is held against the colours, and its own unevenness is measured."""
_LEAST_LIGHT = 1e-3
_SILVER = 0.3
"""Where densities in infrared vary by this share of those in light, along with them, silver makes the picture. Dyes
reach a tenth, cyan of the densest kinds a quarter; silver one, or 0.45 in a channel with a gamma of 2.2."""
_ALONG = 0.6
_FLAT = 0.03
"""Standard deviation of density below which a picture has no drawing that anything could follow."""
_BLACK, _OPAQUE = 2.0, 1.2
"""Densities in light and in infrared beyond which a place is no film."""
_STRONG, _WEAK = 0.10, 0.04
"""Density of a mark at its darkest (it takes a fifth of the light), and as far as it goes on."""
_STRONG_NOISE, _WEAK_NOISE = 6.0, 3.0
"""The same in standard deviations of the channel's noise."""
_MOST_NOISE = 0.05
"""Where more is left that the colours do not explain, the channel is no infrared; scanners' noise is a fifth of it."""
_MOST_SHARE = 0.06
"""Marks on more of the picture are no dust: the channel is another."""
_BRIGHT = 0.5
"""What is brighter than its surroundings by as much may take so large a share of what is darker: dust is dark."""
_FEW = 2e-4
_LARGE = 0.012
"""Dark places of this radius (share of the long side) are mounts, masks, borders of the film: no dust."""
_REACH = 6
"""The channel is looked for within so many pixels."""
_SEEN, _ALIKE = 1.25, 0.03
"""The best shift is believed if fine structure correlates by so much there, and so many times more than usual."""
_WINDOW, _WINDOWS, _CLIPPED = 320, 4, 0.15
"""Side and number, in each direction, of the windows that are compared; fine densities are cut at the last."""
_BAND, _SAMPLED = 512, 64
_PAD = 8
_UNIT = 200.0
"""Densities are kept in bytes, so many steps to one, from 0."""


@dataclass(frozen=True)
class Infrared:
    """What was found. ``marks`` (H x W) is empty unless the channel was used; ``shift`` is (down, across) in pixels.

    ``follows`` is how far infrared densities vary with the picture's, as a share of them.
    """

    use: Use
    marks: Mask
    shift: tuple[float, float] = (0.0, 0.0)
    follows: float = 0.0


@dataclass(frozen=True)
class _Fit:
    """Infrared density by those of red, green and blue: offset and three slopes; its unevenness beside that."""

    slopes: NDArray[np.float32]
    uneven: Plane


def dust_of(infrared: Samples, pixels: FloatImage) -> Infrared:
    """Marks that a film scan's infrared channel shows, at their place in the colours.

    :param infrared: H x W, 0 for no light, as the scanner stored it (linear or with a gamma).
    :param pixels: H x W x 3 sRGB of the same scan, as it was scanned.
    """
    nothing = np.zeros(infrared.shape, bool)
    small_dark, small_colours = _reduced(infrared, pixels)
    follows, along = _following(small_dark, small_colours.mean(axis=2))
    # negative where the scan shows a negative as a positive
    if abs(follows) > _SILVER and abs(along) > _ALONG:
        return Infrared("silver", nothing, follows=follows)
    if float(np.ptp(small_dark)) == 0 and int(infrared.max()) == int(infrared.min()):
        return Infrared("unlike", nothing, follows=follows)
    shift = _shift(infrared, pixels)
    infrared = _moved(infrared, shift)
    fit = _fitted(*_reduced(infrared, pixels))
    darker, brighter = _residuals(infrared, pixels, fit)
    noise = _noise(infrared, pixels, fit)
    marks = _narrow(_connected(darker, noise))
    bright = float((brighter > _strong(noise)).mean())
    share = float(marks.mean())
    if noise > _MOST_NOISE or share > _MOST_SHARE or bright > max(_FEW, _BRIGHT * share):
        return Infrared("unlike", nothing, follows=follows)
    return Infrared("used", _wider(marks), shift, follows)


def _dark(samples: Samples) -> Plane:
    """Density of the channel's samples."""
    most = np.float32(255 if samples.dtype == np.uint8 else 65535)
    light = np.asarray(samples, np.float32) / most
    return np.asarray(-np.log10(np.maximum(light, np.float32(_LEAST_LIGHT))), np.float32)


def _reduced(infrared: Samples, pixels: FloatImage) -> tuple[Plane, FloatImage]:
    """Densities of both at the small size; light is averaged, not density."""
    height, width = infrared.shape
    scale = min(1.0, _SMALL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = _like(infrared, cv2.resize(infrared, size, interpolation=cv2.INTER_AREA))
    colours = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    return _dark(small), density_of(colours, least_light=_LEAST_LIGHT)


def _following(dark: Plane, picture: Plane) -> tuple[float, float]:
    """How much the channel's densities vary with the picture's (slope), and how closely (correlation)."""
    x, y = picture[_shown(dark, picture)], dark[_shown(dark, picture)]
    if x.size == 0:
        return 0.0, 0.0
    x, y = x - x.mean(), y - y.mean()
    if float(x.std()) < _FLAT or float(y.std()) == 0:
        return 0.0, 0.0
    both = float((x * y).mean())
    return both / float((x * x).mean()), both / float(x.std() * y.std())


def _shown(dark: Plane, picture: Plane) -> Mask:
    """Where the small picture is film and no mount: that is black in both."""
    return np.asarray(~((picture > _BLACK) & (dark > _OPAQUE)), np.bool_)


def _fitted(dark: Plane, colours: FloatImage) -> _Fit:
    """The channel's density by the colours', without the marks, and its unevenness (the lamp's) over the picture."""
    rows = np.concatenate([np.ones((dark.size, 1), np.float32), colours.reshape(-1, 3)], axis=1)
    wanted, kept = dark.ravel(), _shown(dark, colours.mean(axis=2)).ravel()
    if not kept.any():
        return _Fit(np.zeros(4, np.float32), np.full(dark.shape, np.median(dark), np.float32))
    seen = kept
    slopes = np.zeros(4, np.float32)
    for _ in range(4):
        slopes = np.linalg.lstsq(rows[kept], wanted[kept], rcond=None)[0].astype(np.float32)
        left = wanted - rows @ slopes
        middle = float(np.median(left[kept]))
        spread = max(1.4826 * float(np.median(np.abs(left[kept] - middle))), 1e-4)
        kept = seen & (np.abs(left - middle) < 3 * spread)
    rest = (wanted - rows @ slopes).reshape(dark.shape).astype(np.float32)
    side = 2 * max(2, min(dark.shape) // 24) + 1
    known = kept.reshape(dark.shape).astype(np.float32)
    blur = (side, side)
    weight = np.asarray(cv2.blur(known, blur), np.float32)
    uneven = np.asarray(cv2.blur(rest * known, blur), np.float32) / np.maximum(weight, np.float32(1e-3))
    uneven = np.where(weight > 0.05, uneven, np.float32(np.median(rest)))
    return _Fit(slopes, np.asarray(uneven, np.float32))


def _residuals(infrared: Samples, pixels: FloatImage, fit: _Fit) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """How much darker, and how much brighter, than the colours explain; H x W, ``_UNIT`` steps to a density."""
    height, width = infrared.shape
    darker, brighter = (np.zeros((height, width), np.uint8) for _ in range(2))
    for top in range(0, height, _BAND):
        rows = slice(max(0, top - _PAD), min(height, top + _BAND + _PAD))
        left, explained = _left(infrared, pixels, fit, rows)
        # where the colours have an edge the channel has a fainter one, perhaps some pixels beside it
        edge = cv2.morphologyEx(explained.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
        inner = slice(top - rows.start, min(height, top + _BAND) - rows.start)
        for out, sign in ((darker, 1), (brighter, -1)):
            beyond = (np.float32(sign) * left - np.float32(0.5) * edge)[inner] * np.float32(_UNIT)
            out[top : top + _BAND] = np.clip(np.rint(beyond), 0, 255).astype(np.uint8)
    return darker, brighter


def _left(infrared: Samples, pixels: FloatImage, fit: _Fit, rows: slice) -> tuple[Plane, Plane]:
    """What the colours do not explain of the channel's density, and what they do; some rows of them."""
    explained = density_of(pixels[rows], least_light=_LEAST_LIGHT) @ fit.slopes[1:] + fit.slopes[0]
    uneven = _rows_of(fit.uneven, rows, *infrared.shape)
    return _dark(infrared[rows]) - explained - uneven, np.asarray(explained, np.float32)


def _noise(infrared: Samples, pixels: FloatImage, fit: _Fit) -> float:
    """Standard deviation of what is left, by its median size, over some bands of the picture."""
    height = infrared.shape[0]
    tops = np.unique(np.linspace(0, max(0, height - _SAMPLED), 8).astype(int))
    left = np.concatenate(
        [_left(infrared, pixels, fit, slice(top, min(height, top + _SAMPLED)))[0].ravel() for top in tops.tolist()]
    )
    return 1.4826 * float(np.median(np.abs(left - np.median(left))))


def _rows_of(small: Plane, rows: slice, height: int, width: int) -> Plane:
    """Rows of a small plane enlarged to H x W bilinearly."""
    place = np.clip((np.arange(rows.start, rows.stop) + 0.5) * small.shape[0] / height - 0.5, 0, small.shape[0] - 1)
    above = place.astype(int)
    below = np.minimum(above + 1, small.shape[0] - 1)
    share = (place - above).astype(np.float32)[:, None]
    tall = small[above] * (1 - share) + small[below] * share
    return np.asarray(cv2.resize(tall, (width, tall.shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _strong(noise: float) -> float:
    return _UNIT * max(_STRONG, _STRONG_NOISE * noise)


def _connected(darker: NDArray[np.uint8], noise: float) -> Mask:
    """Places that are dark everywhere and very dark somewhere."""
    weak = (darker > _UNIT * max(_WEAK, _WEAK_NOISE * noise)).astype(np.uint8)
    count, labels = cv2.connectedComponents(weak, connectivity=8)
    keep = np.zeros(count, bool)
    keep[np.unique(np.asarray(labels)[darker > _strong(noise)])] = True
    keep[0] = False
    return np.asarray(keep[np.asarray(labels)], np.bool_)


def _wider(marks: Mask) -> Mask:
    """Each mark wider by a pixel: the channel is out of focus, and a soft edge would stay."""
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return np.asarray(cv2.dilate(marks.astype(np.uint8), element), np.uint8) > 0


def _narrow(dark: Mask) -> Mask:
    """The dark places that are nowhere as wide as a mount or a border."""
    radius = max(6.0, _LARGE * max(dark.shape))
    depth = np.asarray(cv2.distanceTransform(dark.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    count, labels = cv2.connectedComponents(dark.astype(np.uint8), connectivity=8)
    wide = np.zeros(count, bool)
    wide[np.unique(np.asarray(labels)[depth > radius])] = True
    return np.asarray(dark & ~wide[np.asarray(labels)], np.bool_)


def _shift(infrared: Samples, pixels: FloatImage) -> tuple[float, float]:
    """By how much the channel must be moved (down, across) to lie on the colours; none if that cannot be told.

    Marks are dark in both, and what dyes take of infrared follows the colours: fine structure of both densities is
    correlated best where they lie on each other (the other way round where the scan was inverted).
    """
    height, width = infrared.shape
    side = min(_WINDOW, height - 2 * _REACH, width - 2 * _REACH)
    if side < 4 * _REACH:
        return 0.0, 0.0
    together = np.zeros((2 * _REACH + 1, 2 * _REACH + 1), np.float64)
    energies = np.zeros(2)
    for top in _starts(height, side):
        for left in _starts(width, side):
            around = slice(top - _REACH, top + side + _REACH), slice(left - _REACH, left + side + _REACH)
            colours = _fine(density_of(pixels[around], least_light=_LEAST_LIGHT).mean(axis=2))
            channel = _fine(_dark(infrared[around]))[_REACH:-_REACH, _REACH:-_REACH]
            together += cv2.matchTemplate(colours, np.ascontiguousarray(channel), cv2.TM_CCORR)
            energies += (float((channel**2).sum()), float((colours**2).sum()))
    together = np.abs(together)
    scale = float(np.sqrt(energies[0] * energies[1]))
    down, across = (int(at) for at in np.unravel_index(together.argmax(), together.shape))
    if scale == 0 or together[down, across] < _ALIKE * scale or together.max() < _SEEN * np.median(together):
        return 0.0, 0.0
    return (
        down - _REACH + _between(together[:, across], down),
        across - _REACH + _between(together[down], across),
    )


def _starts(length: int, side: int) -> list[int]:
    return [int(at) for at in np.unique(np.linspace(_REACH, length - side - _REACH, _WINDOWS).astype(int))]


def _fine(density: Plane) -> Plane:
    """Fine structure, none of which counts for much more than the rest."""
    smooth = np.asarray(cv2.GaussianBlur(density, (0, 0), 3), np.float32)
    return np.asarray(np.clip(density - smooth, -_CLIPPED, _CLIPPED), np.float32)


def _between(values: NDArray[np.float64], place: int) -> float:
    """How far beside a whole pixel the peak lies: vertex of the parabola through it and its neighbours."""
    if not 0 < place < len(values) - 1:
        return 0.0
    before, here, after = (float(v) for v in values[place - 1 : place + 2])
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _moved(infrared: Samples, shift: tuple[float, float]) -> Samples:
    """The channel moved (down, across); its edge goes on where it leaves the picture."""
    if shift == (0.0, 0.0):
        return infrared
    matrix = np.array([[1, 0, shift[1]], [0, 1, shift[0]]], np.float64)
    size = (infrared.shape[1], infrared.shape[0])
    moved = cv2.warpAffine(infrared, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _like(infrared, moved)


def _like(infrared: Samples, found: object) -> Samples:
    """What OpenCV made of the channel, in its own type."""
    return np.asarray(found, np.uint8) if infrared.dtype == np.uint8 else np.asarray(found, np.uint16)
