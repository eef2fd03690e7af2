"""Taking off grain, noise, JPEG blocks and slight blur by a net, where a picture has them; a clean one keeps its bytes.

Two gates stand before a change. What can be measured must speak for it: noise of flat areas, blocks, soft edges. Then
the net itself must want to change more than a trifle. Luma's correction is taken in part, since grain belongs to a
photograph; blotches of colour never do, and go whole. The net sees tiles, so that memory does not grow with the scan.
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
from restoration.quality.flaws import blockiness, edge_softness
from restoration.quality.metrics import flat_noise
from restoration.steps.searching import tiles
from restoration.steps.triage import is_neutral

LEAST_NOISE = 3.0
"""Noise of flat areas (0..255) from which a picture counts as noisy."""
LEAST_BLOCKS = 0.35
"""Height of JPEG's grid (0..255) from which a picture counts as compressed."""
SOFT = (0.7, 2.0)
"""Between these widths of its sharpest edges (sigma, pixels) a picture counts as slightly soft. Softer ones are scans
larger than what they hold, and nobody can know what is missing."""
LEAST_CORRECTION = 0.6
"""Mean correction (0..255) below which the net wants nothing worth changing."""

_STRIDE = 8
_MIDDLE = 4096


@dataclass(frozen=True)
class Flaws:
    """What can be measured of a picture: noise and blocks on 0..255, softness in pixels."""

    noise: float
    blocks: float
    softness: float

    @property
    def any(self) -> bool:
        """Whether one of them is beyond its bound."""
        return self.noise > LEAST_NOISE or self.blocks > LEAST_BLOCKS or SOFT[0] < self.softness < SOFT[1]


@dataclass(frozen=True)
class Denoised:
    """The picture, the very same array where nothing was changed; the mean correction the net would make (0..255, 0
    where it was not asked); what was measured before.
    """

    pixels: FloatImage
    correction: float
    flaws: Flaws


def flaws_of(pixels: FloatImage) -> Flaws:
    """Measure a picture, H x W x 3 sRGB in [0, 1]; blocks and softness of a large one in its middle."""
    rows, columns = (_middle(side) for side in pixels.shape[:2])
    luma = luminance_y(pixels[rows, columns] if bands.is_large(pixels) else pixels)
    return Flaws(flat_noise(pixels), blockiness(luma), edge_softness(luma))


def _middle(side: int) -> slice:
    length = min(side, _MIDDLE)
    return slice((side - length) // 2, (side + length) // 2)


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
    flaws = flaws_of(part)
    if strength <= 0 or not flaws.any:
        return Denoised(pixels, 0.0, flaws)
    change = correction(net, part, device)
    sums = [float(np.abs(change[rows]).sum(dtype=np.float64)) for rows in bands.bands(change)]
    mean = 255 * sum(sums) / change.size
    if mean < LEAST_CORRECTION:
        return Denoised(pixels, mean, flaws)
    done, neutral = bands.copied(pixels), is_neutral(part)
    for rows in bands.bands(part):
        done[own][rows] = np.clip(part[rows] + taken(change[rows], strength, neutral=neutral), 0, 1)
    return Denoised(done, mean, flaws)


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
