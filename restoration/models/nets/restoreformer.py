"""RestoreFormer (Wang et al., CVPR 2022).

In: N x 3 x 512 x 512 RGB in [-1, 1], faces aligned to the FFHQ template. Out: the same, not clipped.
"""

from __future__ import annotations

import torch

from restoration.models.compat import import_face_archs


def build() -> torch.nn.Module:
    """The empty net with the published settings; state-dict keys are those of the published file."""
    base = import_face_archs("gfpgan.archs.restoreformer_arch").RestoreFormer

    class RestoreFormer(base):  # type: ignore[misc, valid-type]
        def forward(self, faces: torch.Tensor) -> torch.Tensor:
            image: torch.Tensor = super().forward(faces)[0]
            return image

    net: torch.nn.Module = RestoreFormer()
    return net
