"""Nameless files that two processes share, and pixels read from them.

What the other process wrote is copied, never mapped: it may write on, or cut the file off, while it is looked at, and
a process that touches a mapped page which is gone dies (SIGBUS).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.picture import FloatImage, Samples

_AT_ONCE = 1 << 30
_NO_ROOM = 1 << 20
_BAND_VALUES = 1 << 18
"""A band is so small that it stays in the processor's cache on its way."""


class FileTooShort(Exception):
    """The file ends before it should."""


def nameless_file() -> int:
    """Descriptor of a file without a name, on disk: large scans need not be held in memory for the sake of the way.

    :raises OSError: it cannot be made.
    """
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def read_only(descriptor: int) -> int:
    """Another descriptor of the same file, by which it cannot be written; the very same right if that cannot be had."""
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # no /proc
        return os.dup(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Make ``data`` the whole of a file. :raises OSError: no room."""
    os.ftruncate(descriptor, 0)
    view, place = memoryview(data), 0
    while place < len(data):
        place += os.pwrite(descriptor, view[place : place + _AT_ONCE], place)


def is_full(descriptor: int) -> bool:
    """Whether the disk that a file lies on has no room left, as it is now."""
    disk = os.fstatvfs(descriptor)
    return disk.f_bavail * disk.f_frsize < _NO_ROOM


def read_all(descriptor: int, size: int) -> bytes:
    """The first ``size`` bytes of a file. :raises FileTooShort: there are fewer."""
    data = bytearray(size)
    _fill(descriptor, memoryview(data), 0)
    return bytes(data)


def read_picture(descriptor: int, height: int, width: int, bits: int) -> FloatImage:
    """H x W x 3 samples of 8 or 16 bits at the beginning of a file, as floats in [0, 1]; of a large gray picture one
    plane.

    :raises FileTooShort: they are not all there.
    """
    kind, most = (np.uint8, np.float32(255)) if bits == 8 else (np.uint16, np.float32(65535))
    shape = (height, width, 3)
    is_large = height * width > bands.LARGE_PIXELS
    is_gray = is_large and all(_is_gray(view) for _, view in _views(descriptor, 0, shape, kind))
    pixels = bands.empty(shape[:2] if is_gray else shape)
    for rows, view in _views(descriptor, 0, shape, kind):
        np.divide(view[:, :, 0] if is_gray else view, most, out=pixels[rows], dtype=np.float32)
    return bands.gray(pixels) if is_gray else pixels


def read_plane(descriptor: int, place: int, height: int, width: int, bits: int) -> Samples:
    """H x W samples of 8 or 16 bits from a place in a file on. :raises FileTooShort: they are not all there."""
    kind = np.uint8 if bits == 8 else np.uint16
    samples = bands.empty((height, width), kind)
    for rows, view in _views(descriptor, place, (height, width), kind):
        samples[rows] = view
    return samples


def _views(
    descriptor: int, place: int, shape: tuple[int, ...], kind: type[np.generic]
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Rows of an array in a file, band by band, in memory of our own that is used again for the next band."""
    row_pixels = int(np.prod(shape[1:]))
    step = max(1, _BAND_VALUES // row_pixels)
    band = np.empty((min(step, shape[0]), *shape[1:]), kind)
    for start in range(0, shape[0], step):
        view = band[: min(step, shape[0] - start)]
        _fill(descriptor, view.data.cast("B"), place + start * row_pixels * band.itemsize)
        yield slice(start, start + len(view)), view


def _fill(descriptor: int, view: memoryview, place: int) -> None:
    done = 0
    while done < len(view):
        count = os.preadv(descriptor, [view[done : done + _AT_ONCE]], place + done)
        if not count:
            raise FileTooShort
        done += count


def _is_gray(view: NDArray[Any]) -> bool:
    return np.array_equal(view[..., 0], view[..., 1]) and np.array_equal(view[..., 0], view[..., 2])
