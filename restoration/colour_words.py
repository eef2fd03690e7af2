"""Colours in one plain word each: what people are told of a colour that somebody gave."""

from __future__ import annotations

import math
from enum import StrEnum


class ColourWord(StrEnum):
    """The words. Pages and labels translate them."""

    BLACK = "black"
    GRAY = "gray"
    WHITE = "white"
    RED = "red"
    ORANGE = "orange"
    BROWN = "brown"
    YELLOW = "yellow"
    BEIGE = "beige"
    OLIVE = "olive"
    GREEN = "green"
    TURQUOISE = "turquoise"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"


_NO_HUE = 0.02
"""Below this chroma nobody names a hue."""
_BLACK_BELOW, _WHITE_ABOVE = 0.27, 0.93
_ALWAYS_BLACK_BELOW = 0.2

_HUES = (
    (38.0, ColourWord.RED),
    (90.0, ColourWord.ORANGE),
    (114.0, ColourWord.YELLOW),
    (170.0, ColourWord.GREEN),
    (212.0, ColourWord.TURQUOISE),
    (285.0, ColourWord.BLUE),
    (345.0, ColourWord.PURPLE),
    (360.0, ColourWord.RED),
)
"""Up to which hue angle, in degrees, a strong colour has the word; chosen by the named colours of CSS."""


def colour_word(colour: str) -> ColourWord:
    """The word for a colour given as ``#rrggbb``, by its lightness, chroma and hue in OKLCh."""
    lightness, chroma, hue = _oklch(colour)
    if chroma < _NO_HUE or lightness < _ALWAYS_BLACK_BELOW:
        return _without_hue(lightness)
    word = next((word for up_to, word in _HUES if hue < up_to), ColourWord.RED)
    toned = _TONED.get(word)
    return toned(lightness, chroma, hue) if toned else word


def _without_hue(lightness: float) -> ColourWord:
    if lightness < _BLACK_BELOW:
        return ColourWord.BLACK
    return ColourWord.WHITE if lightness > _WHITE_ABOVE else ColourWord.GRAY


def _red(lightness: float, chroma: float, hue: float) -> ColourWord:
    if lightness > 0.65:
        return ColourWord.RED if chroma > 0.17 and 20 < hue < 180 else ColourWord.PINK
    return ColourWord.BROWN if chroma < 0.07 and 15 < hue < 180 else ColourWord.RED


def _orange(lightness: float, chroma: float, hue: float) -> ColourWord:
    if chroma < 0.08 and lightness > 0.7:
        return ColourWord.BEIGE
    return ColourWord.BROWN if lightness < (0.7 if chroma < 0.13 else 0.58) else ColourWord.ORANGE


def _yellow(lightness: float, chroma: float, hue: float) -> ColourWord:
    if chroma < 0.07 and lightness > 0.7:
        return ColourWord.BEIGE
    return ColourWord.OLIVE if lightness < 0.66 else ColourWord.YELLOW


_TONED = {ColourWord.RED: _red, ColourWord.ORANGE: _orange, ColourWord.YELLOW: _yellow}
"""Hues whose pale and dark forms have words of their own."""


def _oklch(colour: str) -> tuple[float, float, float]:
    """Lightness (0..1), chroma and hue (degrees) in OKLCh: B. Ottosson, "A perceptual color space for image
    processing" (2020). Unlike CIELAB, it has one hue for blue and another for purple.
    """
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def _linear(value: float) -> float:
    """sRGB to linear light, 0..1 (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
