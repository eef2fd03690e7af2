"""dlib's face descriptor (a 29-layer ResNet, 128 numbers), centred so that its cosine tells people apart.

Raw descriptors of any two faces share a large common part: their cosine is above 0.8 for strangers too. The mean
descriptor of many people is therefore subtracted first (entry option ``centre``); then strangers lie about 0 and the
same person well above 0.5.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restoration.models.nets.dlib_resnet import NUMBERS, DlibResnet, load_net
from restoration.models.registry import ModelEntry

CHIP_SIDE = 150
TEMPLATE = np.array([[47.5, 46.6], [100.5, 46.6], [74.0, 76.6], [50.4, 103.0], [97.6, 103.0]], np.float32)
"""Eyes, nose, mouth corners in dlib's 150-pixel chip (its mean face with 0.25 padding)."""


class DlibIdentity:
    """Callable: luminance of a picture and five landmarks to a centred descriptor."""

    def __init__(self, net: DlibResnet, centre: NDArray[np.float64]) -> None:
        self._net = net
        self._centre = centre

    def to(self, device: str) -> DlibIdentity:
        """The same on another device."""
        return DlibIdentity(self._net.to(device), self._centre)

    def __call__(self, gray: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
        """Centred 128-number descriptor.

        :param gray: H x W luminance, 0..255.
        :param landmarks: 5 x 2 in pixels of ``gray``: eyes, nose, mouth corners, left ones first.
        """
        found, _ = cv2.estimateAffinePartial2D(landmarks.astype(np.float64), TEMPLATE, method=cv2.LMEDS)
        if found is None:
            return np.zeros(NUMBERS)
        matrix = np.asarray(found, np.float64)
        shrink = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        chip = torch.from_numpy(warp_down(gray, matrix, shrink, CHIP_SIDE)).to(self._net.mean)
        with torch.inference_mode():
            raw = self._net(chip.expand(1, 3, -1, -1))[0]
        return np.asarray(raw.double().cpu().numpy() - self._centre, np.float64)


def warp_down(gray: NDArray[np.uint8], matrix: NDArray[np.float64], scale: float, side: int) -> NDArray[np.uint8]:
    """Warp to ``side`` x ``side``, blurring first where the warp shrinks, so that film grain does not alias."""
    if scale < 0.75:
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), 0.5 / scale), np.uint8)
    warped = cv2.warpAffine(gray, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def load(path: Path, entry: ModelEntry) -> DlibIdentity:
    """The identity model from its verified file. :raises ModelError: it is not dlib's descriptor."""
    centre = np.asarray(dict(entry.options).get("centre", np.zeros(NUMBERS)), np.float64)
    return DlibIdentity(load_net(path), centre)
