"""Boxes of ISO base media files (ISO/IEC 14496-12, 4.2), of which JPEG 2000, JPEG XL, HEIF and AVIF are made."""

from __future__ import annotations

from collections.abc import Iterator

_MOST_BOXES = 100_000


def boxes(data: memoryview, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of each box's body, as far as they can be followed; one that is cut off ends where it is."""
    end = len(data) if end is None else min(end, len(data))
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind, header = int.from_bytes(data[start : start + 4], "big"), bytes(data[start + 4 : start + 8]), 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        if size == 0:
            size = end - start
        if size < header:
            return
        yield kind, start + header, min(end, start + size)
        start += size


def number(data: memoryview, place: int, size: int) -> int:
    """An unsigned number, most significant byte first. :raises ValueError: it lies outside the file."""
    found = data[place : place + size]
    if place < 0 or len(found) != size:
        raise ValueError(f"a box points to byte {place}, outside the file")
    return int.from_bytes(found, "big")


def is_cut_off(data: memoryview) -> bool:
    """Whether the last box of a file says that it is longer than the file."""
    start = 0
    for _ in range(_MOST_BOXES):
        if start + 8 > len(data):
            return start != len(data)
        size = int.from_bytes(data[start : start + 4], "big")
        size = int.from_bytes(data[start + 8 : start + 16], "big") if size == 1 else size
        if size < 8:
            return False
        start += size
    return False
