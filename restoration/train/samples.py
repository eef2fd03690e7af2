"""Sample sheets: what a colorizer paints while it is trained, as pictures that a person can look at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from restoration.models.nets.house_colorizer import AB_SCALE
from restoration.train.data import AgedCrops

COLUMNS = 12
FIRST_SAMPLE = 2**30
"""Samples of a sheet are drawn from here on, which no run reaches, so that they are the same in all its sheets."""


@torch.no_grad()
def write_sheet(net: nn.Module, photos: AgedCrops, path: Path, device: torch.device, *, columns: int = COLUMNS) -> None:
    """Write a PNG of three rows: what the net is given, what it paints, and the truth.

    :param net: in eval mode; N x 1 x H x W luminance to N x 2 x H x W chroma, see the net's own docstring.
    :raises OSError: the file cannot be written.
    """
    samples = [photos[FIRST_SAMPLE + column] for column in range(columns)]
    given = torch.stack([sample[0] for sample in samples])
    painted = net(given.to(device)).float().cpu()
    rows = (
        [(aged, torch.zeros_like(ab)) for aged, ab, *_ in samples],
        list(zip(given, painted, strict=True)),
        [(lightness, ab) for _, ab, lightness, _ in samples],
    )
    sheet = np.vstack([np.hstack([_to_bgr(lightness, ab) for lightness, ab in row]) for row in rows])
    written, body = cv2.imencode(".png", sheet)
    if not written:
        raise OSError(f"OpenCV could not encode {path.name}")
    path.write_bytes(body.tobytes())


def _to_bgr(lightness: Tensor, ab: Tensor) -> NDArray[np.uint8]:
    """1 x H x W (L* / 50 - 1) and 2 x H x W (ab / 110) to H x W x 3 uint8 blue green red."""
    lab = torch.cat([(lightness + 1) * 50, ab * AB_SCALE]).permute(1, 2, 0).numpy()
    bgr = cv2.cvtColor(np.ascontiguousarray(lab, dtype=np.float32), cv2.COLOR_LAB2BGR)
    return np.asarray(np.rint(np.clip(bgr, 0, 1) * 255), dtype=np.uint8)
