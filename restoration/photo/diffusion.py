"""Filling a hole with what its rim suggests, smoothly: push and pull over a pyramid (after Gortler et al. 1996).

Known pixels are averaged into coarser and coarser levels until nothing is unknown; unknown pixels then take the
interpolated value of the next coarser level. Linear in the number of pixels, whatever the size of the hole.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SMALLEST = 2


def pushed_and_pulled(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The picture with its masked pixels filled; all others keep their values.

    :param picture: H x W x C (or H x W) float32.
    :param mask: H x W, true where the value is unknown; the mean of nothing is 0.5.
    """
    planes = np.ascontiguousarray(picture if picture.ndim == 3 else picture[:, :, None], np.float32)
    unknown = np.ascontiguousarray(mask).view(np.uint8)
    # most of the work is done at the picture's own size: there only what is masked is written
    weighted = _channels(cv2.copyTo(planes, 1 - unknown))
    flowing = np.ascontiguousarray(_from_coarser(weighted, (~mask).astype(np.float32)))
    result = _channels(cv2.copyTo(flowing, unknown, planes.copy()))
    return result if picture.ndim == 3 else result[:, :, 0]


def _filled(weighted: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of a level: ``weighted`` (value times knownness) where known, from the coarser level elsewhere."""
    return np.asarray(weighted + (1 - known)[:, :, None] * _from_coarser(weighted, known), np.float32)


def _from_coarser(weighted: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the next coarser level says of each pixel of a level; the mean of all that is known if there is none."""
    height, width = known.shape
    if min(height, width) <= _SMALLEST or bool((known > 0.99).all()):
        total = float(known.sum())
        mean = weighted.sum(axis=(0, 1)) / total if total > 0 else np.full(weighted.shape[2], 0.5, np.float32)
        return np.broadcast_to(np.asarray(mean, np.float32), weighted.shape)
    size = ((width + 1) // 2, (height + 1) // 2)
    small_known = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA), np.float32)
    small = _channels(cv2.resize(weighted, size, interpolation=cv2.INTER_AREA))
    # a level is as sure of a pixel as its surest quarter of known ones
    sure = np.minimum(1, small_known * 4)
    factor = np.asarray(sure / np.maximum(small_known, 1e-6), np.float32)[:, :, None]
    coarse = _filled(np.asarray(small * factor, np.float32), np.asarray(sure, np.float32))
    return _channels(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))


def _channels(planes: object) -> NDArray[np.float32]:
    found = np.asarray(planes, np.float32)
    return found if found.ndim == 3 else found[:, :, None]
