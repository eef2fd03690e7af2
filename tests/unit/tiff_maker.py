"""TIFF files of any layout, written by code: tags, strips and directories as a test wants them, right or wrong."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 18: 8}
_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 6: "b", 7: "B", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d",
          13: "I", 16: "Q", 18: "Q"}  # fmt: skip
Tags = Mapping[int, tuple[int, Any]]
"""Tag number to type and values: (3, [8, 8, 8]) for three SHORTs; bytes for BYTE, ASCII and UNDEFINED."""


@dataclass
class Page:
    """A directory: its tags, the chunks (strips or tiles) that they point to, and its SubIFDs."""

    tags: dict[int, tuple[int, Any]]
    chunks: Sequence[bytes] = ()
    tiled: bool = False
    children: Sequence[Page] = field(default_factory=tuple)


def tiff(pages: Sequence[Page], *, order: str = "<", big: bool = False, last_pointer: int = 0) -> bytes:
    """Bytes of a TIFF (or BigTIFF) file whose chain of directories ends in ``last_pointer``."""
    word = "Q" if big else "I"
    magic = b"II" if order == "<" else b"MM"
    start = struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
    out = bytearray(magic + start)
    place = len(out) - (8 if big else 4)
    for page in pages:
        offset, following = _page(out, page, order, big)
        struct.pack_into(order + word, out, place, offset)
        place = following
    struct.pack_into(order + word, out, place, last_pointer)
    return bytes(out)


def _page(out: bytearray, page: Page, order: str, big: bool) -> tuple[int, int]:
    """Write a page; where its directory begins, and where its pointer to the next one lies."""
    word, word_kind = ("Q", 16) if big else ("I", 4)
    tags: dict[int, tuple[int, Any]] = dict(page.tags)
    children = [_page(out, child, order, big)[0] for child in page.children]
    if children:
        tags[330] = (18 if big else 13, children)
    if page.chunks:
        offsets = []
        for chunk in page.chunks:
            offsets.append(len(out))
            out += chunk + b"\0" * (len(chunk) % 2)
        tags[324 if page.tiled else 273] = (word_kind, offsets)
        tags[325 if page.tiled else 279] = (word_kind, [len(chunk) for chunk in page.chunks])
    inline = 8 if big else 4
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        values = list(values) if isinstance(values, (bytes, list, tuple)) else [values]
        body = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
        count = len(body) // _SIZES[kind]
        if len(body) > inline:
            out += b"\0" * (len(out) % 2)
            place = len(out)
            out += body
            body = struct.pack(order + word, place)
        entries += struct.pack(order + "HH" + word, tag, kind, count) + body.ljust(inline, b"\0")
    out += b"\0" * (len(out) % 2)
    offset = len(out)
    out += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries
    following = len(out)
    out += b"\0" * inline
    return offset, following


def page(samples: np.ndarray, photometric: int, *, order: str = "<", more: Tags | None = None, **how: Any) -> Page:
    """An uncompressed page of H x W or H x W x N samples of any type; ``more`` adds tags or replaces them.

    ``tile``: side of square tiles; ``planar``: one strip a channel; ``bits``: packed to that depth (integers).
    """
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    height, width, count = samples.shape
    bits = how.get("bits") or samples.dtype.itemsize * 8
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    tags: dict[int, tuple[int, Any]] = {
        256: (4, width), 257: (4, height), 258: (3, [bits] * count), 259: (3, 1), 262: (3, photometric),
        277: (3, count), 278: (4, height), 284: (3, 2 if how.get("planar") else 1), 339: (3, [kind] * count),
    }  # fmt: skip
    samples = samples.astype(samples.dtype.newbyteorder(order))
    chunks = [samples.tobytes()]
    if how.get("bits"):
        chunks = [packed(samples, bits)]
    elif how.get("planar"):
        chunks = [np.ascontiguousarray(samples[:, :, band]).tobytes() for band in range(count)]
    elif side := how.get("tile"):
        tags |= {322: (4, side), 323: (4, side)}
        del tags[278]
        whole = np.pad(samples, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge")
        chunks = [
            np.ascontiguousarray(whole[y : y + side, x : x + side]).tobytes()
            for y in range(0, height, side)
            for x in range(0, width, side)
        ]
    tags |= dict(more or {})
    return Page(tags, chunks, tiled=bool(how.get("tile")))


def packed(samples: np.ndarray, bits: int) -> bytes:
    """Samples (H x W x N) as bits, most significant first, each row filled up to a whole byte."""
    rows = samples.reshape(samples.shape[0], -1).astype(np.uint32)
    planes = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(planes.reshape(rows.shape[0], -1).astype(np.uint8), axis=1).tobytes()
