"""CenterFace (Xu et al., 2019): faces and five landmarks, through OpenCV's own ONNX runtime.

The net works at a stride of 4. Per cell it gives a score, the logarithm of the box's size over 4, the offset of the
box's centre within the cell, and five landmarks as shares of the box, counted from its top left corner.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import ModelError, ReasonCode
from restoration.models.nets.detection import Detection, Faces, detection, joined, suppress
from restoration.models.registry import ModelEntry

OUTPUTS = ("537", "538", "539", "540")
STRIDE = 4
SIDE_MULTIPLE = 32
NMS_OVERLAP = 0.3
MAX_SIDE = 1600
"""Long side of the input in pixels, unless the registry entry has a working side of its own."""
FIRST_SIDE = 640
"""Long side of the first look; where it finds no face, or a small one, the full working side takes its place."""
SMALL = 64.0
"""Pixels of the first look below which a face is small."""
CLOSE_UP_SIDE = 512
"""Large pictures are looked at a second time at this long side: the net misses faces that are larger than it knows."""


class CenterFace:
    """The detector. Holds no state of a picture between calls."""

    def __init__(self, onnx: NDArray[np.uint8], max_side: int, max_faces: int) -> None:
        self._onnx = onnx
        self.max_side = max_side
        self.max_faces = max_faces

    def __call__(self, image: NDArray[np.uint8], confidence: float) -> list[Detection]:
        """Find all faces, best first; ``max_faces`` of them are as many as a caller should use.

        :param image: H x W x 3 RGB, 0..255; worked on at ``max_side`` at most.
        :param confidence: lowest score, 0..1.
        """
        long_side = max(image.shape[:2])
        side = min(self.max_side, long_side, FIRST_SIDE)
        found = [self._at(image, side / long_side, confidence)]
        if min(self.max_side, long_side) > side and _has_small_or_none(found[0], long_side / side):
            side = min(self.max_side, long_side)
            found = [self._at(image, side / long_side, confidence)]
        if side > 1.5 * CLOSE_UP_SIDE:
            found.append(self._at(image, CLOSE_UP_SIDE / long_side, confidence))
        boxes, scores, points = joined(found)
        order = suppress(boxes, scores, NMS_OVERLAP)
        return [detection(boxes[i], float(scores[i]), points[i], image.shape[1], image.shape[0]) for i in order]

    def _at(self, image: NDArray[np.uint8], scale: float, confidence: float) -> Faces:
        """Boxes, scores and landmarks in the picture's pixels, found at one working size."""
        height, width = image.shape[:2]
        size = tuple(max(1, -(-round(side * scale) // SIDE_MULTIPLE)) * SIDE_MULTIPLE for side in (width, height))
        # cv2.resize of blobFromImage is bilinear without a prefilter: shrink by area first
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        # a net of its own for each picture: OpenCV 4.14 applies its layer fusion again when the input's shape changes,
        # and every answer after the first shape is wrong; reading the 7 MB anew costs 10 ms
        net = cv2.dnn.readNetFromONNX(self._onnx)
        net.setInput(cv2.dnn.blobFromImage(small, 1.0, size, swapRB=False, crop=False))
        heat, scales, offsets, marks = net.forward(list(OUTPUTS))
        boxes, scores, points = decode(heat[0, 0], scales[0], offsets[0], marks[0], confidence)
        factor = np.array([width / size[0], height / size[1]], np.float32)
        return boxes * np.tile(factor, 2), scores, points * factor


def _has_small_or_none(faces: Faces, factor: float) -> bool:
    """Whether a look found no face, or one smaller than SMALL of its pixels; ``factor`` picture pixels make one."""
    boxes = faces[0]
    return len(boxes) == 0 or float((boxes[:, 2:] - boxes[:, :2]).max(axis=1).min()) < SMALL * factor


def load(path: Path, entry: ModelEntry) -> CenterFace:
    """The detector from its verified ONNX file. :raises ModelError: OpenCV cannot read it."""
    options = dict(entry.options)
    onnx = np.frombuffer(path.read_bytes(), np.uint8)
    try:
        cv2.dnn.readNetFromONNX(onnx)
    except cv2.error as error:
        raise ModelError(f"OpenCV cannot read {path}: {error}", reason=ReasonCode.MODEL_CORRUPT) from error
    return CenterFace(onnx, entry.size.working_side or MAX_SIDE, int(options.get("max_faces", 200)))


def decode(
    heat: NDArray[np.float32],
    scales: NDArray[np.float32],
    offsets: NDArray[np.float32],
    marks: NDArray[np.float32],
    confidence: float,
) -> Faces:
    """Cells above ``confidence`` as boxes (N x 4: x1, y1, x2, y2), scores (N) and landmarks (N x 5 x 2), net pixels.

    :param heat: h x w scores; ``scales`` and ``offsets`` 2 x h x w and ``marks`` 10 x h x w, y before x throughout.
    """
    rows, columns = np.nonzero(heat > confidence)
    size = np.exp(scales[:, rows, columns]).T[:, ::-1] * STRIDE
    cells = np.stack([columns, rows], axis=1).astype(np.float32)
    centre = (cells + offsets[:, rows, columns].T[:, ::-1] + 0.5) * STRIDE
    corner = centre - size / 2
    shares = marks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    points = corner[:, None, :] + shares * size[:, None, :]
    boxes = np.concatenate([corner, corner + size], axis=1)
    return boxes.astype(np.float32), heat[rows, columns].astype(np.float32), points.astype(np.float32)
