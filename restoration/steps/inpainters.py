"""Inpainting nets as filling sees them: one way to ask, whatever a net was made for.

An :class:`Inpainter` is shown a wide place with what surrounds it, filled by diffusion already, and answers with the
same picture in which the hole is painted. How large a picture it likes, and how much of the surroundings, it says
itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from restoration.errors import ModelError, ReasonCode
from restoration.models.buckets import run_in_buckets
from restoration.models.registry import ModelEntry
from restoration.photo.picture import FloatImage

if TYPE_CHECKING:
    import torch

Mask = NDArray[np.bool_]
Paint = Callable[[FloatImage, Mask], FloatImage]
"""Takes H x W x 3 sRGB in [0, 1], filled by diffusion, and the hole; returns the picture with the hole painted."""

_STRIDE = 8
_HOUSE_SIDE = 256
_LAMA_SIDE = 1024
_LAMA_CONTEXT = 128


@dataclass(frozen=True)
class Context:
    """How much is seen round a wide place on each side: a share of its longer side, and at least so many pixels."""

    share: float
    least: int

    def margin(self, long_side: int) -> int:
        """Pixels on each side of a place."""
        return max(self.least, round(self.share * long_side))


CONTEXT = Context(0.75, 48)
"""Without a net, and for the house inpainter."""


@dataclass(frozen=True)
class Inpainter:
    """A net that fills holes.

    A place and its surroundings whose long side is above ``side`` are brought down to it, so that memory does not grow
    with the scan. Places that are longer than ``piece`` but narrow are taken in pieces of that size (0: never).
    """

    paint: Paint
    side: int
    context: Context = CONTEXT
    piece: int = 0


def inpainter_of(net: Any, entry: ModelEntry, device: str) -> Inpainter:
    """The inpainter that a loaded net is; its entry's ``working_side``, where it has one, replaces the usual one.

    :raises ModelError: nets of that architecture fill no holes (MODEL_UNKNOWN).
    """
    way = _WAYS.get(entry.architecture)
    if way is None:
        raise ModelError(
            f"model {entry.name!r} (architecture {entry.architecture!r}) fills no holes; an inpainter has one of "
            f"{', '.join(sorted(_WAYS))}",
            reason=ReasonCode.MODEL_UNKNOWN,
        )
    return way(net, device, entry.size.working_side)


def house_way(net: Any, device: str = "cpu", side: int = 0) -> Inpainter:
    """:mod:`restoration.models.nets.house_inpainter`, by default at the size it is trained at."""
    return Inpainter(lambda picture, hole: _by_house(net, picture, hole, device), side or _HOUSE_SIDE)


def lama_way(net: Any, device: str = "cpu", side: int = 0) -> Inpainter:
    """:mod:`restoration.models.nets.lama`.

    It is shown as much of the surroundings on each side as the hole is long, so that it can go on with their patterns;
    a third of ``side`` is therefore the longest piece that it sees at the scan's own size.
    """
    from restoration.models.nets.lama import painted

    side = side or _LAMA_SIDE
    context = Context(1.0, min(_LAMA_CONTEXT, side // 3))
    return Inpainter(lambda picture, hole: painted(net, picture, hole, device), side, context, piece=side // 3)


_WAYS: dict[str, Callable[[Any, str, int], Inpainter]] = {"house-inpainter": house_way, "lama": lama_way}


def _by_house(net: Any, picture: FloatImage, hole: Mask, device: str) -> FloatImage:
    """The house inpainter's picture: pixels and answer in [-1, 1], sides multiples of 8."""
    import torch

    height, width = hole.shape
    below, beside = -height % _STRIDE, -width % _STRIDE
    given = np.concatenate([picture * np.float32(2) - np.float32(1), hole[:, :, None].astype(np.float32)], axis=2)
    padded = np.pad(given, ((0, below), (0, beside), (0, 0)), mode="symmetric")
    tensor: torch.Tensor = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))
    # one at a time: a place's bits must not depend on the places beside it
    (made,) = run_in_buckets(net, [tensor], device, bucket=1)
    pixels = (made.numpy().transpose(1, 2, 0)[:height, :width] + np.float32(1)) / np.float32(2)
    return np.ascontiguousarray(pixels, np.float32)
