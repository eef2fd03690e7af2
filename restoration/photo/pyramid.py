"""Which files make up a picture's tiles: IIIF Image API 3.0, level 0, where a server computes nothing.

Pure arithmetic, without any imaging library: the worker cuts these files, the publisher unpacks exactly these, and a
viewer asks for no others. Rounding is the specification's and OpenSeadragon's: sizes round up, and a region that is the
whole picture is called ``full``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

THUMBNAIL_SIDE = 400
"""Long side of the thumbnail, in pixels."""
LARGEST_SIDE = 2048
"""Long side up to which the whole picture is there as one file; larger ones are there whole in this size."""

CONTEXT = "http://iiif.io/api/image/3/context.json"
PROTOCOL = "http://iiif.io/api/image"
INFO = "info.json"
MAX_SIDE = 1_000_000
MAX_TILES = 100_000
"""An ``info.json`` that implies more tiles at full size than this is not believed."""

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Pyramid:
    """The tiles of one picture: ``width`` x ``height`` pixels, tiles of ``side``.

    The whole picture is there as one file too: as ``thumbnail``, and with at most ``limit`` pixels on its long side.
    """

    width: int
    height: int
    side: int
    thumbnail: Size
    limit: int

    @classmethod
    def of(cls, width: int, height: int, side: int) -> Pyramid:
        """The tiles of a picture of that size."""
        coarsest = _level(width, height, _factors(width, height, side)[-1])
        thumbnail = coarsest if max(coarsest) <= THUMBNAIL_SIDE else _fit(width, height, THUMBNAIL_SIDE)
        return cls(width, height, side, thumbnail, min(LARGEST_SIDE, max(width, height)))

    @property
    def largest(self) -> Size:
        """The largest size in which the whole picture is there as one file."""
        return _fit(self.width, self.height, self.limit)

    @property
    def factors(self) -> tuple[int, ...]:
        """Scale factors 1, 2, 4, ... up to the first at which the picture fits into one tile."""
        return _factors(self.width, self.height, self.side)

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Sizes in which the whole picture can be asked for by width and height, smallest first."""
        return tuple(sorted({self.thumbnail, _level(self.width, self.height, self.factors[-1])}))

    def paths(self) -> list[str]:
        """Every file but ``info.json``, once each: ``region/size/0/default.jpg``.

        A last tile of one pixel can be the same request at two scales.
        """
        whole = [whole_path(None), *map(whole_path, self.sizes)]
        return list(dict.fromkeys([*whole, *(path for factor in self.factors for path in self._tiles(factor))]))

    def _tiles(self, factor: int) -> Iterator[str]:
        """Tiles at one scale, but one that shows the whole picture."""
        width, height = _level(self.width, self.height, factor)
        step = self.side * factor
        for y in range(0, height, self.side):
            for x in range(0, width, self.side):
                left, top = x * factor, y * factor
                across, down = min(step, self.width - left), min(step, self.height - top)
                size = (min(self.side, width - x), min(self.side, height - y))
                if (across, down) != (self.width, self.height):
                    yield f"{left},{top},{across},{down}/{size[0]},{size[1]}/0/default.jpg"

    def info(self, address: str) -> dict[str, Any]:
        """The picture's ``info.json``.

        ``maxWidth`` alone limits both sides, says the specification; tiles are never wider.

        :param address: absolute address of the folder it lies in, without a slash at its end.
        """
        return {
            "@context": CONTEXT,
            "id": address,
            "type": "ImageService3",
            "protocol": PROTOCOL,
            "profile": "level0",
            "width": self.width,
            "height": self.height,
            **({"maxWidth": self.limit} if self.limit < max(self.width, self.height) else {}),
            "sizes": [{"width": width, "height": height} for width, height in self.sizes],
            "tiles": [{"width": self.side, "height": self.side, "scaleFactors": list(self.factors)}],
        }

    @classmethod
    def from_info(cls, data: bytes) -> Pyramid:
        """Read an ``info.json`` that :meth:`info` made.

        :raises ValueError: it is another one's, or says something impossible.
        """
        try:
            info = json.loads(data)
            width, height = _side(info["width"]), _side(info["height"])
            sizes = [(_side(size["width"]), _side(size["height"])) for size in info["sizes"]]
            limit = _side(info.get("maxWidth", max(width, height)))
            pyramid = cls(width, height, _side(info["tiles"][0]["width"]), sizes[0], limit)
            same = (
                pyramid.info(info["id"]) == info and -(-width // pyramid.side) * -(-height // pyramid.side) <= MAX_TILES
            )
        except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is not the info.json of a picture's tiles: {error!r}") from error
        if not same:
            raise ValueError("this info.json does not describe tiles of this software")
        return pyramid


def whole_path(size: Size | None) -> str:
    """The file with the whole picture in a size; None for the largest there is."""
    return f"full/{f'{size[0]},{size[1]}' if size else 'max'}/0/default.jpg"


def info_bytes(info: dict[str, Any]) -> bytes:
    """An ``info.json`` as it is written: the same facts, the same bytes."""
    return json.dumps(info, indent=1, ensure_ascii=False).encode() + b"\n"


def _factors(width: int, height: int, side: int) -> tuple[int, ...]:
    factors = [1]
    while max(_level(width, height, factors[-1])) > side:
        factors.append(2 * factors[-1])
    return tuple(factors)


def _level(width: int, height: int, factor: int) -> Size:
    return -(-width // factor), -(-height // factor)


def _fit(width: int, height: int, side: int) -> Size:
    scale = side / max(width, height)
    return (width, height) if scale >= 1 else (max(1, round(width * scale)), max(1, round(height * scale)))


def _side(value: Any) -> int:
    if type(value) is not int or not 0 < value <= MAX_SIDE:
        raise TypeError(f"{value!r} is no number of pixels")
    return value
