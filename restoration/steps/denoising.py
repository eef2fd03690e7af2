"""Taking off grain and noise by a net, if a picture has them; a clean one keeps its bytes.

A net takes grass, cloth and waves for grain, and what can be measured without one does too. But grain is everywhere,
and they are not: the net is asked at a few places, and only what it wants to take off in nearly all of them is grain.
Luma's correction is taken in part, since grain belongs to a photograph; blotches of colour never do, and go whole. The
net sees tiles, so that memory does not grow with the scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restoration.models.buckets import run_in_buckets
from restoration.photo import bands
from restoration.photo.boxes import Box
from restoration.photo.colour import luminance_y
from restoration.photo.picture import FloatImage
from restoration.quality.metrics import flat_noise
from restoration.steps.searching import tiles
from restoration.steps.triage import is_neutral

LEAST_NOISE = 1.2
"""Noise of flat areas (0..255) below which a picture has no grain, and the net need not be asked."""
LEAST_GRAIN = 0.85
"""Grain (0..255) from which a picture is grainy: :func:`grain_of`. Of 20 photographs of the reference set 19 have less
than 0.65; with noise of a deviation of 6 levels 19 of them have more than 1.0 (docs/repair.md).
"""

_STRIDE = 8
_WINDOW = 192
_BLOCK = 16
_PERCENTILE = 20.0
_FEWEST_BLOCKS = 8
_BLACK, _BURNT = 12, 243


@dataclass(frozen=True)
class Denoised:
    """The picture, the very same array if nothing was changed, and its grain: 0 if the net was not asked."""

    pixels: FloatImage
    grain: float


def denoise(net: Any, pixels: FloatImage, strength: float, device: str, *, box: Box | None = None) -> Denoised:
    """The picture without what film, scanner and file added, as far as ``strength`` says.

    :param net: N x 3 x H x W in [-1, 1] to the same shape: :mod:`restoration.models.nets.house_denoiser`.
    :param pixels: H x W x 3 sRGB in [0, 1].
    :param strength: share of luma's correction that is taken, 0..1; colour's is taken whole.
    :param box: rows and columns of the picture itself; nothing outside is measured or changed. None for all.
    :raises OutOfMemory: not even one tile fits the device.
    """
    own = box or (slice(0, pixels.shape[0]), slice(0, pixels.shape[1]))
    part = pixels[own]
    if strength <= 0 or flat_noise(part) < LEAST_NOISE:
        return Denoised(pixels, 0.0)
    grain = grain_of(net, part, device)
    if grain < LEAST_GRAIN:
        return Denoised(pixels, grain)
    change = correction(net, part, device)
    done, neutral = bands.copied(pixels), is_neutral(part)
    for rows in bands.bands(part):
        done[own][rows] = np.clip(part[rows] + taken(change[rows], strength, neutral=neutral), 0, 1)
    return Denoised(done, grain)


def grain_of(net: Any, pixels: FloatImage, device: str) -> float:
    """What the net would take off everywhere: the deviation of its correction of luma, 0..255, in small blocks.

    The 20th percentile over blocks of 16 x 16 pixels of six windows, black and burnt-out blocks left out. A picture of
    texture alone, without any calm place, cannot be told from a grainy one.
    """
    wanted, levels = [], []
    for window in _windows(pixels.shape[0], pixels.shape[1]):
        seen = np.ascontiguousarray(pixels[window])
        wanted.append(_blocks(255 * luminance_y(correction(net, seen, device))).std(axis=1))
        levels.append(_blocks(255 * luminance_y(seen)).mean(axis=1))
    deviation, level = np.concatenate(wanted), np.concatenate(levels)
    usable = deviation[(level > _BLACK) & (level < _BURNT)]
    return float(np.percentile(usable, _PERCENTILE)) if usable.size >= _FEWEST_BLOCKS else 0.0


def _windows(height: int, width: int) -> list[Box]:
    """Six windows spread over a picture, two by three; the whole of a small one."""
    if min(height, width) <= 2 * _WINDOW or max(height, width) <= 3 * _WINDOW:
        return [(slice(0, min(height, 3 * _WINDOW)), slice(0, min(width, 3 * _WINDOW)))]
    down, across = (2, 3) if width >= height else (3, 2)
    return [
        (slice(top, top + _WINDOW), slice(left, left + _WINDOW))
        for top in _starts(height, down)
        for left in _starts(width, across)
    ]


def _starts(length: int, count: int) -> list[int]:
    return [round(length * (2 * number + 1) / (2 * count) - _WINDOW / 2) for number in range(count)]


def _blocks(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """The plane's whole blocks, one a row."""
    height, width = (side // _BLOCK for side in plane.shape)
    cut = plane[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, width, _BLOCK)
    return cut.swapaxes(1, 2).reshape(-1, _BLOCK * _BLOCK)


def taken(change: FloatImage, strength: float, *, neutral: bool) -> FloatImage:
    """The part of a correction that is taken: luma's by ``strength``, colour's whole; none of colour if ``neutral``."""
    luma = luminance_y(change)[:, :, None]
    wanted = luma * np.float32(strength)
    return np.asarray(np.repeat(wanted, 3, axis=2) if neutral else change + (wanted - luma), np.float32)


def correction(net: Any, pixels: FloatImage, device: str) -> FloatImage:
    """What the net would add to a picture, H x W x 3 in the picture's own unit; tile by tile."""
    change = bands.empty(pixels.shape)
    for inside, seen in tiles(pixels.shape[0], pixels.shape[1]):
        top, left = inside[0].start - seen[0].start, inside[1].start - seen[1].start
        height, width = inside[0].stop - inside[0].start, inside[1].stop - inside[1].start
        change[inside] = _asked(net, pixels[seen], device)[top : top + height, left : left + width]
    return change


def _asked(net: Any, tile: FloatImage, device: str) -> NDArray[np.float32]:
    """The correction of one tile."""
    import torch

    height, width = tile.shape[:2]
    padded = np.pad(tile, ((0, -height % _STRIDE), (0, -width % _STRIDE), (0, 0)), mode="symmetric")
    given = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)) * np.float32(2) - np.float32(1))
    # one at a time: a tile's bits must not depend on the tiles beside it
    (answer,) = run_in_buckets(net, [given], device, bucket=1)
    change = ((answer - given) / 2)[:, :height, :width]
    return np.ascontiguousarray(change.permute(1, 2, 0).numpy(), np.float32)
