"""Faces in and out of the restorer's frame: the FFHQ template at 512 pixels, cropping, masks and pasting.

Matrices are 2 x 3 and take (x, y) of the photograph to (x, y) of the template. Pixels are sRGB-encoded float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import linear_to_srgb, srgb_to_linear
from restoration.photo.picture import FloatImage

SIDE = 512
TEMPLATE = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ],
    np.float64,
)
"""Where FFHQ-trained restorers expect eyes, nose and mouth corners (facexlib's template, 512 x 512)."""

BORDER = (132 / 255, 133 / 255, 135 / 255)
"""What facexlib puts beyond the photograph's edge (RGB)."""

Matrix = NDArray[np.float64]
Points = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A rectangle of a photograph in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def alignment(landmarks: Points) -> Matrix | None:
    """Similarity (rotation, scale, shift) that takes 5 landmarks (5 x 2) to the template; None where there is none.

    Least median of squares, as facexlib does it: one landmark far off does not bend the face.
    """
    matrix, _ = cv2.estimateAffinePartial2D(landmarks.astype(np.float64), TEMPLATE, method=cv2.LMEDS)
    if matrix is None:
        return None
    found = np.asarray(matrix, np.float64)
    return found if np.isfinite(found).all() and scale_of(found) > 0 else None


def scale_of(matrix: Matrix) -> float:
    """Template pixels for one photograph pixel."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def moved(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """N x 2 points through a matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def face_region(matrix: Matrix, height: int, width: int, margin: int = 4) -> Region:
    """The part of an H x W photograph that the template's square covers, with a margin; at least one pixel."""
    corners = np.array([(0, 0), (SIDE, 0), (0, SIDE), (SIDE, SIDE)], np.float64)
    back = moved(np.asarray(cv2.invertAffineTransform(matrix), np.float64), corners)
    low = np.floor(back.min(axis=0)).astype(int) - margin
    high = np.ceil(back.max(axis=0)).astype(int) + margin
    left, top = (int(np.clip(v, 0, limit - 1)) for v, limit in zip(low, (width, height), strict=True))
    right, bottom = (int(np.clip(v, 1, limit)) for v, limit in zip(high, (width, height), strict=True))
    return Region(left, top, max(1, right - left), max(1, bottom - top))


def extent(mask: NDArray[np.float32], region: Region) -> Region:
    """The smallest part of a region outside of which its mask is zero; one pixel where all of it is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return Region(region.left, region.top, 1, 1)
    top, left = int(rows[0]), int(columns[0])
    return Region(region.left + left, region.top + top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)


def within(matrix: Matrix, region: Region) -> Matrix:
    """The same alignment for coordinates counted from the region's corner."""
    shift = np.array([[1, 0, region.left], [0, 1, region.top], [0, 0, 1]], np.float64)
    return np.asarray(matrix @ shift, np.float64)


def crop(pixels: FloatImage, matrix: Matrix) -> FloatImage:
    """The aligned face, 512 x 512 x 3. Large faces are smoothed before they are shrunk: grain would alias."""
    region = face_region(matrix, pixels.shape[0], pixels.shape[1], margin=16)
    part = np.ascontiguousarray(pixels[region.slices])
    scale = scale_of(matrix)
    if scale < 1:
        part = _smoothed(part, 1 / scale)
    return np.asarray(
        cv2.warpAffine(
            part,
            within(matrix, region),
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=BORDER,
        ),
        np.float32,
    )


def uncrop(face: FloatImage, matrix: Matrix, region: Region) -> FloatImage:
    """An aligned face, or a change of one (512 x 512 x 3), back in the photograph's geometry: the region's pixels.

    Not clipped: bicubic interpolation may leave the range of its input.
    """
    scale = scale_of(matrix)
    if scale > 1:
        face = _smoothed(face, scale)
    back = cv2.warpAffine(
        face,
        within(matrix, region),
        (region.width, region.height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(back, np.float32)


def ellipse_mask(matrix: Matrix, landmarks: Points, region: Region) -> NDArray[np.float32]:
    """Weight 0..1 of the restored face for every pixel of the region: an ellipse round the landmarks, feathered.

    Computed at the photograph's resolution, upright in the face's own frame. One inside, zero from the ellipse
    outwards, a smoothstep (3t^2 - 2t^3) over the outer third; zero at the template's edge, so that no square shows.
    """
    marks = moved(matrix, landmarks.astype(np.float64))
    eyes, mouth = marks[:2].mean(axis=0), marks[3:].mean(axis=0)
    tall = float(np.hypot(*(mouth - eyes)))
    wide = max(float(np.hypot(*(marks[1] - marks[0]))), 0.75 * tall)
    centre = ((eyes + mouth) / 2 + np.array([0.0, -0.12 * tall])).astype(np.float32)
    local = within(matrix, region).astype(np.float32)
    columns, rows = np.arange(region.width, dtype=np.float32), np.arange(region.height, dtype=np.float32)[:, None]
    x = local[0, 0] * columns + local[0, 1] * rows + local[0, 2]
    y = local[1, 0] * columns + local[1, 1] * rows + local[1, 2]
    across, down = (x - centre[0]) * np.float32(1 / (1.3 * wide)), (y - centre[1]) * np.float32(1 / (1.6 * tall))
    radius = np.sqrt(across * across + down * down)
    edge = np.minimum(np.minimum(x, SIDE - 1 - x), np.minimum(y, SIDE - 1 - y))
    share = np.clip(np.minimum((1 - radius) * 3, edge / 24), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def blended(base: FloatImage, over: FloatImage, weight: NDArray[np.float32]) -> FloatImage:
    """Mix two pictures in linear light.

    :param weight: H x W, share of ``over``, 0..1; where it is 0, the very values of ``base`` are kept.
    """
    mixed = base.copy()
    touched = weight > 0
    share = weight[touched][:, None]
    linear = srgb_to_linear(base[touched]) * (1 - share) + srgb_to_linear(over[touched]) * share
    mixed[touched] = linear_to_srgb(linear)
    return mixed


def _smoothed(image: FloatImage, factor: float) -> FloatImage:
    """Gaussian prefilter for shrinking by ``factor``: what a box of that width would pass."""
    sigma = 0.4 * float(np.sqrt(max(factor * factor - 1, 0)))
    if sigma < 0.15:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
