"""Taking a printing screen out of the picture itself, before anything is looked for in it: dots look like dust."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from restoration.photo import bands
from restoration.photo.colour import luminance_y
from restoration.photo.picture import FloatImage
from restoration.photo.screen import remove_screen, screen_of
from restoration.steps.framing import kept_outside, own_box
from restoration.steps.protocol import Frame


def descreened(frame: Frame) -> tuple[Frame, dict[str, Any]]:
    """The frame with its screen taken out inside the picture's own box, and what the catalog keeps of that.

    ``screen_change`` is the mean change of luma in that box, 0..255: nothing else says how far the scan was changed,
    since the result is held against the picture without its screen. The same frame comes back where no screen is found.
    """
    box = own_box(frame)
    screen = screen_of(frame.picture.pixels[box])
    if screen is None:
        return frame, {"descreened": False}
    pixels = bands.copied(frame.picture.pixels)
    clean = remove_screen(pixels[box], screen)
    for rows in bands.bands(clean):
        pixels[box][rows] = clean[rows]
    del clean
    pixels = kept_outside(frame, pixels)
    detail = {
        "descreened": True,
        "screen_pitch": round(screen.pitch, 2),
        "screen_angle": round(screen.angle, 1),
        "screen_peaks": screen.peaks,
        "screen_change": round(_change(frame.picture.pixels[box], pixels[box]), 2),
    }
    return replace(frame, picture=frame.picture.with_pixels(pixels)), detail


def _change(before: FloatImage, after: FloatImage) -> float:
    """Mean absolute difference of luma, 0..255."""
    if not bands.is_large(before):
        return 255 * float(np.abs(luminance_y(after) - luminance_y(before)).mean(dtype=np.float64))
    parts = ((after[rows], before[rows]) for rows in bands.bands(before))
    total = sum(float(np.abs(luminance_y(new) - luminance_y(old)).sum(dtype=np.float64)) for new, old in parts)
    return float(255 * total / (before.shape[0] * before.shape[1]))
