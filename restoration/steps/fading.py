"""Colour prints whose dyes have faded: noticed, and brought back by taking the fading out again. Nothing is guessed.

A chromogenic print is three layers of dye on white paper, each of which takes away one of the primary colours. Where
dyes fade, a layer's density D = -log10(linear light) shrinks by a share, the same everywhere; base and gelatine turn
yellow or pink. So the darkest places are no longer black, the lightest no longer white, and both, and all between,
lean to one side. Undone, each channel's densities are stretched so that they again go from paper to black, the three
apart.

What is left of differences between colours may still be weak, as the dyes' side absorptions mix them with gray. All
differences are then raised by one factor, up to what the palest tenth of photographs has, and only as far as the noise
allows. Lightness is not touched here: the scan's own is kept, and graded as any other photograph's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands, colour
from restoration.photo.density import BLACK, ENDS, PAPER, density_of, light_of
from restoration.photo.picture import FloatImage

Chroma = NDArray[np.float32]
Densities = tuple[float, float, float]
"""Of the red, green and blue channel."""

_LEAST_LIGHT = 1e-3
_SHORTEST = 0.3
"""Ranges of density below this are not stretched to the whole range: only noise would be."""

_FADED_RANGE = 1.2
"""The longest range of density of a faded print. Of 376 sound photographs of reference the shortest have 1.2 (three in
a thousand less), faded ones of those 0.5 to 1.1."""
_FADED_BLACK = 18.0
_FADED_BLACK_CHROMA = 6.0
_FADED_BLACK_A = -3.0
"""Lowest a* of the shadows: in albums cyan goes first; a print that lost more magenta, greenish, is not noticed."""
_FADED_WHITE_CHROMA = 5.0
"""Paper turns yellow or pink, as its b* and a* tell: never blue or green, which water and skies are."""
_ONE_SIDE = 0.6
"""Cosine between the casts of black, middle and white: they lean to one side."""
_PINK = 8.0
"""a* of the lightest places from which they are pink: paper of silver, gold, platinum or iron prints never is, for it
turns yellow."""
_PINK_SLOPE = 1.3
"""... if their b* is less than this times a*."""

_WORKING_SIDE = 1024
"""Long side at which colours are unmixed; the scan's lightness says where their edges are."""
_QUIETENED = 8
"""Half the window, in pixels, in which colours are smoothed along the edges of lightness: what noise and JPEG's blocks
leave of faint colours would be raised with them."""
_TARGET_CHROMA = 18.0
"""90th percentile of chroma; four in five photographs of reference have more."""
_MOST_CHROMA_GAIN = 2.5
_FAINT_CHROMA = 10.0
"""... and below this what was brought back is faint: of prints built with a tenth of their colour it has 5 to 10, with
a third of it 13 to 18. A person must say whether that is what the photograph looked like."""
_MOST_NOISE = 1.5
"""Standard deviation of noise of a*, b* up to which chroma may be raised: more is seen as spots of colour."""


@dataclass(frozen=True)
class Fading:
    """Densities of paper and black of a scan, by channel, and L*a*b* of its white, middle and black."""

    paper: Densities
    black: Densities
    colours: tuple[tuple[float, float, float], ...]

    @property
    def range(self) -> float:
        """The longest range of density of the three channels."""
        return max(black - paper for paper, black in zip(self.paper, self.black, strict=True))

    @property
    def faded(self) -> bool:
        """Whether the scan has neither black nor white, and one warm cast from the one to the other.

        True of faded colour prints, and of faded prints of one ink: what tells those apart is whether there are
        colours.
        """
        white, middle, black = (np.asarray(one[1:]) for one in self.colours)
        return (
            self.range < _FADED_RANGE
            and self.colours[2][0] > _FADED_BLACK
            and float(np.hypot(*black)) > _FADED_BLACK_CHROMA
            and float(black[0]) > _FADED_BLACK_A
            and float(white[0]) > -_FADED_WHITE_CHROMA
            and float(white[1]) > _FADED_WHITE_CHROMA
            and min(_cosine(white, middle), _cosine(middle, black), _cosine(white, black)) > _ONE_SIDE
        )

    @property
    def pink(self) -> bool:
        """Whether even the lightest places are pink, as they are where a colour print's cyan has gone."""
        _, a, b = self.colours[0]
        return a >= _PINK and b < _PINK_SLOPE * a

    def as_detail(self) -> dict[str, Any]:
        """Plain numbers for the record; :meth:`from_detail` reads them."""
        return {
            "paper": [round(value, 3) for value in self.paper],
            "black": [round(value, 3) for value in self.black],
            "colours": [[round(value, 1) for value in one] for one in self.colours],
        }

    @classmethod
    def from_detail(cls, detail: dict[str, Any]) -> Fading:
        """The fading of a record."""
        paper, black = (_three(detail[name]) for name in ("paper", "black"))
        return cls(paper, black, tuple(_three(one) for one in detail["colours"]))


@dataclass(frozen=True)
class Unmixed:
    """What :func:`unmixed` found: a* and b* (H x W x 2) as they were before the dyes faded, and by what means.

    ``strength`` is the 90th percentile of their chroma in the photograph itself.
    """

    chroma: Chroma
    gains: Densities
    chroma_gain: float
    noise: float
    strength: float

    @property
    def faint(self) -> bool:
        """Whether little colour was there to be brought back."""
        return self.strength < _FAINT_CHROMA

    def as_detail(self) -> dict[str, Any]:
        """Plain numbers for the record."""
        return {
            "density_gains": [round(gain, 3) for gain in self.gains],
            "chroma_gain": round(self.chroma_gain, 3),
            "chroma_noise": round(self.noise, 3),
            "chroma": round(self.strength, 1),
        }


def fading_of(pixels: NDArray[np.float32]) -> Fading:
    """How far a scan has faded.

    :param pixels: N x 3 sRGB in [0, 1], the photograph's own pixels, slightly smoothed.
    """
    densities = density_of(pixels, least_light=_LEAST_LIGHT)
    paper, middle, black = np.percentile(densities, [ENDS[0], 50, ENDS[1]], axis=0)
    points = np.stack([paper, middle, black]).astype(np.float32)
    lab = colour.rgb_to_lab(np.ascontiguousarray(light_of(points)[None]))[0]
    return Fading(_three(paper), _three(black), tuple(_three(one) for one in lab))


def unmixed(pixels: FloatImage, fading: Fading, within: NDArray[np.bool_]) -> Unmixed:
    """Colours as they were before the dyes faded.

    :param pixels: H x W x 3 sRGB in [0, 1].
    :param within: H x W, where the photograph itself is; the noise and strength of colours are measured there.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORKING_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(bands.resized(pixels, *size), np.float32)
    inside = np.asarray(cv2.resize(within.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)) > 0
    gains = _three([(BLACK - PAPER) / max(b - p, _SHORTEST) for p, b in zip(fading.paper, fading.black, strict=True)])
    paper = np.asarray(fading.paper, np.float32)
    stretched = (density_of(small, least_light=_LEAST_LIGHT) - paper) * np.asarray(gains, np.float32) + np.float32(
        PAPER
    )
    chroma = np.ascontiguousarray(colour.rgb_to_lab(light_of(stretched))[:, :, 1:])
    guide = colour.lightness(small)
    chroma = colour.upsample_chroma(chroma, guide, guide, radius=_QUIETENED)
    noise, gain = _chroma_gain(chroma, inside)
    middle = np.median(chroma[inside] if inside.any() else chroma.reshape(-1, 2), axis=0)
    raised = middle + np.float32(gain) * (chroma - middle)
    strength = float(np.percentile(np.hypot(*(raised[inside] if inside.any() else raised.reshape(-1, 2)).T), 90))
    if size != (width, height):
        raised = colour.upsample_chroma(raised, guide, colour.lightness(pixels))
    return Unmixed(np.asarray(raised, np.float32), gains, gain, noise, strength)


def _chroma_gain(chroma: Chroma, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Noise of a*, b* (the median way in which pixels differ from their neighbours), and the factor it allows."""
    fine = chroma - np.asarray(cv2.GaussianBlur(chroma, (0, 0), 1.5))
    smooth = np.asarray(cv2.GaussianBlur(chroma, (0, 0), 2))
    if not inside.any():
        return 0.0, 1.0
    noise = 1.4826 * float(np.median(np.abs(fine[inside])))
    strength = float(np.percentile(np.hypot(*smooth[inside].T), 90))
    wanted = min(_TARGET_CHROMA / max(strength, 1e-3), _MOST_CHROMA_GAIN, _MOST_NOISE / max(noise, 1e-3))
    return noise, max(1.0, wanted)


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    length = float(np.hypot(*one) * np.hypot(*other))
    return float(one @ other) / length if length > 1e-6 else 0.0


def _three(values: Any) -> Densities:
    first, second, third = (float(value) for value in values)
    return first, second, third
