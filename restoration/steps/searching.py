"""Asking a net where a scan is damaged: at the scan's own scale by tiles, and at halves of it for what is large.

A hair of one pixel is seen at full size, a tear of sixty pixels on a scan of six thousand at a quarter of it. Tiles
overlap by more than the net looks, so that no seam is seen, and memory does not grow with the scan.

Scans above :data:`FINEST_PIXELS` are looked at from half their size on, and in no more pixels than that: they have more
than the print has detail (4 x 5 inches at 4,000 dpi: a hair is ten of them wide, and three at the 1,340 dpi at which it
is looked for), and their own size alone would cost three quarters of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import DamageKind
from restoration.models.buckets import run_in_buckets
from restoration.photo import bands

Plane = NDArray[np.float32]
Bytes = NDArray[np.uint8]

TILE = 1024
"""Side of what a tile answers for, in pixels."""
MARGIN = 96
"""What a tile sees beyond that, on each side."""
SMALLEST_LEVEL = 240
"""Long side below which a scan is not halved any more; once it always is."""
FINEST_PIXELS = 36_000_000
"""Scans of more pixels than a side of 6,000 holds are not looked at in their own size; first at half of it at most."""
_STRIDE = 32
_LOGIT_STEPS, _MIDDLE = 16, 128
"""Logits are kept in bytes, 16 steps to one, from -8 to 8: less memory, and the same bits everywhere."""
_ALONE = 1.0
"""By how many logits less sure the scan's own size is alone."""
_HARDLY = 6
"""A pixel whose logit lies so far below zero is no part of any mark."""
_SHARES = np.rint(255 / (1 + np.exp(-(np.arange(256) - _MIDDLE) / _LOGIT_STEPS))).astype(np.uint8)


@dataclass(frozen=True)
class Found:
    """What a net says of a scan, H x W each.

    ``likely``: how likely a pixel is damaged and to be filled, 0..255. ``kind``: number of the likeliest kind in
    ``tuple(DamageKind)``. ``writing``: how likely it is lettering, 0..255. Both are 0 where damage is hardly possible.
    """

    likely: Bytes
    kind: Bytes
    writing: Bytes

    def part(self, rows: slice) -> Found:
        """What is said of some rows; written to, it is written to this."""
        return Found(self.likely[rows], self.kind[rows], self.writing[rows])


def searched_size(height: int, width: int) -> tuple[int, int]:
    """Height and width at which a scan is first looked at: its own; half of it, or what FINEST_PIXELS allow, if it has
    more of them.
    """
    if height * width <= FINEST_PIXELS:
        return height, width
    scale = max(2.0, (height * width / FINEST_PIXELS) ** 0.5)
    return int(height / scale), int(width / scale)


def search(net: Any, luma: Plane, device: str) -> Found:
    """Ask the net about the whole scan.

    A mark must be seen at two neighbouring sizes, each halving the other: the mean of their logits counts, and of all
    such pairs the surest. One size alone takes twice as many heads, leaves and window panes for damage. Only the scan's
    own size may also speak alone, by ``_ALONE`` less sure: specks and scratches of a pixel are gone at half of it.

    :param net: a finder, N x 1 x H x W in [-1, 1] to N x 7 x H x W logits: :mod:`restoration.models.nets.house_finder`.
    :param luma: H x W, 0..1.
    :raises OutOfMemory: not even one tile fits the device.
    """
    height, width = luma.shape
    fine, scale = _one_level(net, luma, device), 2
    found = Found(_less_sure(fine.likely, _ALONE), bands.copied(fine.kind), bands.copied(fine.writing))
    while scale == 2 or max(height, width) / scale >= SMALLEST_LEVEL:
        size = (max(1, width // scale), max(1, height // scale))
        small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
        coarse = _enlarged(_one_level(net, small, device), height, width)
        for rows in bands.bands(luma):
            _take_surer(found.part(rows), _agreed(fine.part(rows), coarse.part(rows)))
        fine, scale = coarse, scale * 2
    cv2.LUT(found.likely, _SHARES, dst=found.likely)
    return found


def _less_sure(likely: Bytes, logits: float) -> Bytes:
    """Logits in bytes, each lower by so much, and none below the least that a byte holds."""
    steps, lower = round(logits * _LOGIT_STEPS), bands.empty(likely.shape, np.uint8)
    np.maximum(likely, steps, out=lower)
    lower -= np.uint8(steps)
    return lower


def _agreed(fine: Found, coarse: Found) -> Found:
    """What two sizes say together; the kind is that of the surer one."""
    kind = fine.kind.copy()
    np.copyto(kind, coarse.kind, where=coarse.likely > fine.likely)
    likely, writing = (
        np.asarray(cv2.addWeighted(getattr(fine, name), 0.5, getattr(coarse, name), 0.5, 0), np.uint8)
        for name in ("likely", "writing")
    )
    return Found(likely, kind, writing)


def _take_surer(found: Found, other: Found) -> None:
    """Let ``found`` say what the surer of both says."""
    np.copyto(found.kind, other.kind, where=other.likely > found.likely)
    cv2.max(found.likely, other.likely, dst=found.likely)
    cv2.max(found.writing, other.writing, dst=found.writing)


def _enlarged(found: Found, height: int, width: int) -> Found:
    """The answer at twice its size or more; into files if that is large."""

    def one(plane: Bytes, way: int) -> Bytes:
        larger = bands.empty((height, width), np.uint8)
        return np.asarray(cv2.resize(plane, (width, height), dst=larger, interpolation=way), np.uint8)

    linear, nearest = cv2.INTER_LINEAR, cv2.INTER_NEAREST
    return Found(one(found.likely, linear), one(found.kind, nearest), one(found.writing, linear))


def _one_level(net: Any, luma: Plane, device: str) -> Found:
    """The answer at one size; ``likely`` still as logits in bytes."""
    planes = [bands.empty(luma.shape, np.uint8) for _ in range(3)]
    for inside, seen in tiles(luma.shape[0], luma.shape[1]):
        answers = _asked(net, luma[seen], device)
        top, left = inside[0].start - seen[0].start, inside[1].start - seen[1].start
        height, width = inside[0].stop - inside[0].start, inside[1].stop - inside[1].start
        for plane, answer in zip(planes, answers, strict=True):
            plane[inside] = answer[top : top + height, left : left + width]
    return Found(*planes)


Box = tuple[slice, slice]


def tiles(height: int, width: int) -> Iterator[tuple[Box, Box]]:
    """What each tile answers for, and what it sees, as rows and columns of the scan.

    A scan that has no more pixels than a tile sees is one tile, whatever its shape. Elsewhere tiles are as few as see
    ``TILE`` and two margins at most, and about equal, since what is looked at twice is what costs.
    """
    whole = height * width <= (TILE + 2 * MARGIN) ** 2
    rows, columns = ([slice(0, length)] if whole else list(_parts(length)) for length in (height, width))
    for inside in product(rows, columns):
        yield inside, (_seen(inside[0], height), _seen(inside[1], width))


def _parts(length: int) -> Iterator[slice]:
    """Parts of a length: the first and the last one reach a margin farther than the others, as they see but one.

    What is seen begins at multiples of the net's stride, as it does without tiles: elsewhere a net answers otherwise.
    """
    count = max(1, -(-(length - 2 * MARGIN) // TILE))
    step = -(-(length - 2 * MARGIN) // (count * _STRIDE)) * _STRIDE
    for number in range(count):
        start = MARGIN + number * step if number else 0
        yield slice(start, MARGIN + (number + 1) * step if number < count - 1 else length)


def _seen(part: slice, length: int) -> slice:
    return slice(max(0, part.start - MARGIN), min(length, part.stop + MARGIN))


def _asked(net: Any, luma: Plane, device: str) -> tuple[Bytes, Bytes, Bytes]:
    """One tile's answers: likely, kind, writing."""
    import torch

    height, width = luma.shape
    below, beside = -height % _STRIDE, -width % _STRIDE
    padded = np.pad(luma, ((0, below), (0, beside)), mode="symmetric")
    given = torch.from_numpy(np.ascontiguousarray(padded[None] * np.float32(2) - np.float32(1)))
    # one at a time: a tile's bits must not depend on the tiles beside it
    (answer,) = run_in_buckets(net, [given], device, bucket=1)
    answer = answer[:, :height, :width]
    likely = np.asarray((answer[0] * _LOGIT_STEPS + _MIDDLE).round().clamp(0, 255).byte().numpy(), np.uint8)
    kind, writing = np.zeros_like(likely), np.zeros_like(likely)
    # of most pixels nobody will ask for the kind, and telling it for all takes as long as a tenth of the net does
    worth = likely > _MIDDLE - _LOGIT_STEPS * _HARDLY
    kinds = torch.softmax(answer[1:, torch.from_numpy(worth)], dim=0)
    kind[worth] = kinds.argmax(dim=0).numpy()
    writing[worth] = (kinds[tuple(DamageKind).index(DamageKind.WRITING)] * 255).round().byte().numpy()
    return likely, kind, writing
