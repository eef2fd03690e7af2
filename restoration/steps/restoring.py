"""Aligned faces through a restorer's net, whatever side it works at.

Steps hold faces at 512 pixels. A net that works at 512 answers with the face; of one that works at less only its
correction is taken, enlarged and added to the face it was given, so that detail it never saw is not lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from restoration.errors import PhotoFailed, ReasonCode
from restoration.models.buckets import run_in_buckets
from restoration.models.registry import ModelEntry
from restoration.photo.picture import FloatImage
from restoration.steps import alignment

if TYPE_CHECKING:
    import torch


def restored_faces(
    net: Any, entry: ModelEntry, faces: Sequence[FloatImage], device: str
) -> list[FloatImage | PhotoFailed]:
    """One answer a face, in order: the restored face, or why there is none.

    :param faces: 512 x 512 x 3, sRGB-encoded, 0..1, aligned to the FFHQ template; answers are the same.
    :raises OutOfMemory: not even one face at a time fits the device.
    """
    side = entry.size.fixed[0] if entry.size.fixed else alignment.SIDE
    given = [_reduced(face, side) for face in faces]
    outputs = run_in_buckets(net, [_to_net(face) for face in given], device)
    return [_answer(*each, entry.name) for each in zip(faces, given, outputs, strict=True)]


def _reduced(face: FloatImage, side: int) -> FloatImage:
    if side == alignment.SIDE:
        return face
    return np.asarray(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _answer(face: FloatImage, given: FloatImage, output: torch.Tensor, name: str) -> FloatImage | PhotoFailed:
    made = (output.clamp(-1, 1).numpy().transpose(1, 2, 0) + np.float32(1)) / np.float32(2)
    if not np.isfinite(made).all():
        return PhotoFailed(f"{name} gave values that are no numbers", reason=ReasonCode.STEP_FAILED)
    if made.shape == face.shape:
        return np.ascontiguousarray(made)
    size = (face.shape[1], face.shape[0])
    correction = cv2.resize(np.ascontiguousarray(made - given), size, interpolation=cv2.INTER_CUBIC)
    return np.clip(face + np.asarray(correction, np.float32), 0, 1)


def _to_net(face: FloatImage) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1) * np.float32(2) - np.float32(1)))
