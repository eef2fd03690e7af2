"""Colours of a thing from another photograph that shows it in colour: the same house, the same flag, the same person.

What a pretrained encoder sees in both is compared place by place, by lightness alone, at an eighth of the working size.
Where two places are each other's best match, are alike, and the reference has one colour there, that colour becomes a
hint, on the ground of that photograph. Two photographs of unlike things have no such places, and then nothing is
suggested. What is alike need not be the same: two houses may look alike and be painted differently, and so may coats.
So a suggestion is no hint until a person, who knows that both photographs show the same, has put it on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.colour_hints import ColourHint, make_hint
from restoration.photo.colour import lab_to_rgb, lightness, rgb_to_lab
from restoration.photo.picture import FloatImage

if TYPE_CHECKING:
    import torch

MOST = 12
FEWEST = 4
"""Fewer alike places are chance: then nothing is suggested."""
ALIKE = 0.7
"""Least cosine between what the encoder sees at two places. Two views of one portrait (mirrored, cut, of other tones)
had twelve such places in 40 of 40 trials. Of 40 pairs of different portraits 8 had four and more: studio portraits
resemble each other, down to the cloth and the wall. Of 35 pairs of unlike scenes none had any.
"""
_SIDE = 256
_CELL = 8
_LEVELS = (2, 3, 4)
"""Sizes of the encoder that are compared: 1/8, 1/16 and 1/32 of the working size."""
_STRIDE = 32
_ONE_COLOUR = 8.0
"""A place whose a* or b* varies by more, as a standard deviation, has no one colour."""
_APART = 3
"""Hints lie at least so many cells apart."""

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Suggestion:
    """A hint, and how alike both places are, 0..1."""

    hint: ColourHint
    likeness: float


def suggest(net: Any, scan: FloatImage, reference: FloatImage, *, most: int = MOST) -> list[Suggestion]:
    """Colours for a scan from a photograph that shows the same in colour, the most alike first; none if it does not.

    :param net: a colorizer with a pretrained encoder (:mod:`restoration.models.nets.hinted_colorizer`), on the CPU.
    :param scan: H x W x 3 sRGB in [0, 1]; its lightness alone is looked at.
    :param reference: the photograph in colour, of any size.
    """
    target, lab = lightness(_small(scan)), rgb_to_lab(_small(reference))
    seen, seen_there = _described(net, target), _described(net, np.ascontiguousarray(lab[:, :, 0]))
    likeness = seen.reshape(-1, seen.shape[2]) @ seen_there.reshape(-1, seen_there.shape[2]).T
    if not likeness.size:
        return []
    there = likeness.argmax(axis=1)
    here = np.arange(len(there))
    colours, one_colour = _cells(lab, seen_there.shape[0], seen_there.shape[1])
    alike = likeness[here, there]
    good = (likeness.argmax(axis=0)[there] == here) & (alike > ALIKE) & one_colour[there]
    places = _spread(np.flatnonzero(good), alike, seen.shape[1], most)
    if len(places) < min(FEWEST, most):
        return []
    return [
        Suggestion(_hint(place, colours[there[place]], seen.shape[1], target.shape), round(float(alike[place]), 3))
        for place in places
    ]


def _small(pixels: FloatImage) -> FloatImage:
    """At the working size, at least one stride's pixels on each side."""
    scale = _SIDE / max(pixels.shape[:2])
    size = tuple(max(_CELL, round(side * scale)) for side in pixels.shape[1::-1])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(pixels, size, interpolation=method), np.float32)


def _described(net: Any, luminance: Plane) -> NDArray[np.float32]:
    """What the encoder sees in each cell of H x W L*, h x w x C of length 1; each of its sizes counts alike."""
    import torch

    height, width = luminance.shape
    padded = np.pad(luminance, ((0, -height % _STRIDE), (0, -width % _STRIDE)), mode="symmetric")
    with torch.inference_mode():
        maps = net.encoder(torch.from_numpy(padded[None, None]) / 50 - 1)
        chosen = [maps[level].float() for level in _LEVELS]
        size = chosen[0].shape[2:]
        # what is the same all over a picture is its film and its light, and tells no place from another
        centred = [one - one.mean(dim=(2, 3), keepdim=True) for one in chosen]
        joined = torch.cat([_at_size(one, size) for one in centred], dim=1)
        joined = torch.nn.functional.normalize(joined, dim=1)[0]
    cells = joined[:, : height // _CELL, : width // _CELL]
    return np.ascontiguousarray(cells.numpy().transpose(1, 2, 0))


def _at_size(seen: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """A map (1 x C x h x w) at another size, each place of length 1."""
    import torch

    enlarged = torch.nn.functional.interpolate(seen, size=tuple(size), mode="bilinear", align_corners=False)
    return torch.nn.functional.normalize(enlarged, dim=1)


def _cells(lab: FloatImage, rows: int, columns: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Mean L*a*b* of each cell (N x 3), and whether it is of one colour (N)."""
    cells = lab[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, columns, _CELL, 3)
    spread = cells[..., 1:].std(axis=(1, 3)).max(axis=-1)
    return cells.mean(axis=(1, 3)).reshape(-1, 3), (spread < _ONE_COLOUR).reshape(-1)


def _spread(places: NDArray[np.int64], alike: Plane, columns: int, most: int) -> list[int]:
    """The most alike of the places, none near another."""
    chosen: list[int] = []
    for place in sorted((int(one) for one in places), key=lambda one: -float(alike[one])):
        row, column = divmod(place, columns)
        near = any(max(abs(row - other // columns), abs(column - other % columns)) < _APART for other in chosen)
        if not near:
            chosen.append(place)
        if len(chosen) == most:
            break
    return chosen


def _hint(place: int, colour: NDArray[np.float32], columns: int, shape: tuple[int, ...]) -> ColourHint:
    row, column = divmod(place, columns)
    x, y = (column + 0.5) * _CELL / shape[1], (row + 0.5) * _CELL / shape[0]
    levels = np.rint(lab_to_rgb(colour[None, None].astype(np.float32))[0, 0] * 255).astype(int)
    return make_hint(((min(1.0, x), min(1.0, y)),), "#" + "".join(f"{level:02x}" for level in levels))
