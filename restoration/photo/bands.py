"""Pictures too large to be held several times: they lie in nameless files, and are worked on by bands of rows.

Arrays above :data:`LARGE_PIXELS` are made by :func:`empty`, in a file of the system's folder for temporary files that
has no name and is gone when the array is. The system writes what lies there to disk when memory is wanted for something
else, so that only the disk bounds the size of a picture (``TMPDIR`` says which; a folder in memory would win nothing).
A gray picture of that size is one plane, seen three times (:func:`gray`). Smaller pictures are plain arrays, and every
function here then does what NumPy and OpenCV would do.
"""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from restoration.photo.freed import give_back_freed, watched_while

LARGE_PIXELS = 24_000_000
"""Pictures of more pixels are large."""
BAND_PIXELS = 4_000_000
"""A band has about so many pixels: some 50 MB of three float32 channels."""
OVERVIEW_SIDE = 2048
"""Long side of the copy of a large picture that is looked at for what concerns all of it."""

Array = NDArray[Any]
T = TypeVar("T", bound=np.generic)

_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def is_large(pixels: Array) -> bool:
    """Whether a picture or plane (H x W or H x W x C) has more than :data:`LARGE_PIXELS` pixels."""
    return bool(pixels.shape[0] * pixels.shape[1] > LARGE_PIXELS)


def empty(shape: tuple[int, ...], kind: DTypeLike = np.float32) -> Array:
    """An array of that shape, its values not set; in a nameless file if it is large.

    :raises OSError: the file cannot be made.
    """
    if shape[0] * shape[1] <= LARGE_PIXELS:
        return np.empty(shape, kind)
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        mapped = watched(mmap.mmap(file.fileno(), size))
    return np.frombuffer(mapped, kind).reshape(shape)


def watched(mapped: mmap.mmap) -> mmap.mmap:
    """The same mapping of a file, whose pages are given back with the others' from now on. It must be a shared one."""
    _maps.add(mapped)
    return mapped


def bands(pixels: Array) -> Iterator[slice]:
    """Slices of rows that together cover a picture; one slice for one that is not large."""
    height, width = pixels.shape[:2]
    step = max(1, BAND_PIXELS // max(1, width)) if is_large(pixels) else max(1, height)
    for start in range(0, height, step):
        yield slice(start, min(height, start + step))


def overlapping(pixels: Array, reach: int, multiple: int = 1) -> Iterator[tuple[slice, slice, slice]]:
    """Bands for filters: rows to be answered for, rows to be seen (``reach`` more on both sides, as far as the picture
    goes), and where the first lie in the second.

    :param multiple: bands begin at multiples of this.
    """
    height, width = pixels.shape[:2]
    step = max(1, BAND_PIXELS // max(1, width)) if is_large(pixels) else max(1, height)
    step = -(-step // multiple) * multiple
    for start in range(0, height, step):
        stop = min(height, start + step)
        seen = slice(max(0, start - reach), min(height, stop + reach))
        yield slice(start, stop), seen, slice(start - seen.start, stop - seen.start)


def copied(pixels: NDArray[T]) -> NDArray[T]:
    """A copy that may be changed; three true channels of a gray picture."""
    if not is_large(pixels):
        return pixels.copy()
    out = empty(pixels.shape, pixels.dtype)
    for rows in bands(pixels):
        out[rows] = pixels[rows]
    return out


def gray(plane: NDArray[T]) -> NDArray[T]:
    """A plane (H x W) as a picture of three equal channels; of a large one these are the plane itself, not to be
    written to.
    """
    if not is_large(plane):
        return np.repeat(plane[:, :, None], 3, axis=2)
    return np.broadcast_to(plane[:, :, None], (*plane.shape, 3))


def is_one_plane(pixels: Array) -> bool:
    """Whether a picture is a plane seen three times, as :func:`gray` makes it of a large one."""
    return pixels.ndim == 3 and pixels.strides[2] == 0


def equal(first: Array, second: Array) -> bool:
    """Whether two pictures are equal everywhere."""
    if first is second or first.shape != second.shape:
        return first is second
    return all(np.array_equal(first[rows], second[rows]) for rows in bands(first))


def resized(pixels: NDArray[T], width: int, height: int) -> NDArray[T]:
    """The picture reduced to ``width`` x ``height`` by area averaging (H x W or H x W x C, of its own type).

    OpenCV's ``INTER_AREA``, to within rounding if it is large.
    """
    if not is_large(pixels):
        return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA))
    if is_one_plane(pixels):
        return np.repeat(resized(pixels[:, :, 0], width, height)[:, :, None], 3, axis=2)
    return _reduced(pixels, width, height).astype(pixels.dtype)


def shares(mask: NDArray[np.bool_], width: int, height: int) -> NDArray[np.float32]:
    """How much of each pixel of a mask that is reduced to ``width`` x ``height`` is set, 0..1."""
    return _reduced(mask, width, height)


def _reduced(pixels: Array, width: int, height: int) -> NDArray[np.float32]:
    """Each band's rows are reduced across, then added to the rows they lie in by the share that does."""
    sums = empty((height, width, *pixels.shape[2:]))
    sums[:] = 0
    scale = height / pixels.shape[0]
    for rows in bands(pixels):
        part = np.ascontiguousarray(pixels[rows], np.float32)
        across = np.asarray(cv2.resize(part, (width, part.shape[0]), interpolation=cv2.INTER_AREA))
        first = int(rows.start * scale)
        last = min(height, int(np.ceil(rows.stop * scale)))
        # share of each row of the band in each row of the result; they add up to 1 for a row of the result
        tops = np.arange(rows.start, rows.stop) * scale
        lower, upper = np.arange(first, last)[:, None], np.arange(first, last)[:, None] + 1
        shares = np.clip(np.minimum(upper, tops + scale) - np.maximum(lower, tops), 0, None).astype(np.float32)
        sums[first:last] += (shares @ across.reshape(len(tops), -1)).reshape(last - first, *across.shape[1:])
    return np.rint(sums) if np.issubdtype(pixels.dtype, np.integer) else sums


def overview(pixels: NDArray[T], side: int = OVERVIEW_SIDE) -> NDArray[T]:
    """A large picture reduced to a long side of :data:`OVERVIEW_SIDE` pixels; the very array if it is not large."""
    scale = side / max(pixels.shape[:2])
    if not is_large(pixels) or scale >= 1:
        return pixels
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    return resized(pixels, width, height)


def enlarged(mask: NDArray[T], height: int, width: int) -> NDArray[T]:
    """A mask at the size of its picture; codes are never mixed. The very mask if it has that size."""
    if mask.shape == (height, width):
        return mask
    out = empty((height, width), mask.dtype)
    across = np.arange(width) * mask.shape[1] // width
    for rows in bands(out):
        out[rows] = mask[np.arange(rows.start, rows.stop) * mask.shape[0] // height][:, across]
    return out


def rows_enlarged(small: NDArray[np.float32], rows: slice, height: int, width: int) -> NDArray[np.float32]:
    """Rows of ``small`` enlarged to ``height`` x ``width`` bilinearly, without making the whole enlargement."""
    place = (np.arange(rows.start, rows.stop) + 0.5) * (small.shape[0] / height) - 0.5
    place = np.clip(place, 0, small.shape[0] - 1)
    above = np.floor(place).astype(int)
    below = np.minimum(above + 1, small.shape[0] - 1)
    share = (place - above).astype(np.float32)[:, None, None]
    tall = small[above] * (1 - share) + small[below] * share
    return np.asarray(cv2.resize(tall, (width, tall.shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def as_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture in [0, 1] as 0..255, rounded; always of its own three channels."""
    out = empty(pixels.shape, np.uint8)
    for rows in bands(pixels):
        out[rows] = np.rint(np.clip(pixels[rows], 0, 1) * 255)
    return out


def sampled(pixels: NDArray[T], most: int = BAND_PIXELS) -> NDArray[T]:
    """Pixels evenly spread over a large picture, at most so many, none averaged; the very array if it is not large."""
    if not is_large(pixels):
        return pixels
    step = int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / most)))
    return pixels[::step, ::step]


def counts(plane: NDArray[np.float32], low: float, high: float, within: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """How many values of a plane lie in each of 65,536 equal steps from ``low`` to ``high``.

    :param within: which pixels count; None for all.
    """
    factor = np.float32(65535 / (high - low))
    total = np.zeros(65536, np.int64)
    for rows in bands(plane):
        values = plane[rows] if within is None else plane[rows][within[rows]]
        steps = np.rint((np.clip(values, low, high) - np.float32(low)) * factor).astype(np.uint16)
        total += np.bincount(steps.ravel(), minlength=65536)
    return total


def percentiles(
    plane: NDArray[np.float32], shares: list[float], low: float, high: float, within: NDArray[np.bool_] | None = None
) -> list[float]:
    """Percentiles (0..100) of a large plane's values, to a 65,535th of the range from ``low`` to ``high``."""
    total = np.cumsum(counts(plane, low, high, within))
    places = np.asarray(shares) / 100 * max(int(total[-1]) - 1, 0)
    return [float(low + (high - low) * step / 65535) for step in np.searchsorted(total, places, side="right")]


@contextmanager
def given_back() -> Iterator[None]:
    """While this lasts, pages of nameless files that lie in memory are given back as soon as they are many.

    Nothing is lost: they stay in the file, and are mapped again when they are asked for. What a process holds then does
    not grow with what a library reads from end to end. Nor does what is freed stay with the process between two such
    times, if there are large pictures.
    """
    give_back()
    try:
        with watched_while(give_back):
            yield
    finally:
        if _maps:
            give_back_freed()


def give_back() -> None:
    """Give back all pages of nameless files that lie in memory now."""
    for mapped in list(_maps):
        try:
            mapped.madvise(mmap.MADV_DONTNEED)
        except ValueError:  # closed since
            continue
