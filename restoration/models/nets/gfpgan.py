"""GFPGANv1Clean (Wang et al., CVPR 2021), the architecture of GFPGAN 1.2, 1.3 and 1.4.

In: N x 3 x 512 x 512 RGB in [-1, 1], faces aligned to the FFHQ template. Out: the same, not clipped.
"""

from __future__ import annotations

import torch

from restoration.models.compat import import_face_archs


def build(out_size: int = 512, channel_multiplier: int = 2, narrow: float = 1.0) -> torch.nn.Module:
    """The empty net with the published settings; state-dict keys are those of the published files.

    The stored noise buffers are used (``randomize_noise=False``): the same face gives the same bytes.
    """
    base = import_face_archs("gfpgan.archs.gfpganv1_clean_arch").GFPGANv1Clean

    class GfpganClean(base):  # type: ignore[misc, valid-type]
        training_only = ("toRGB.*", "stylegan_decoder.style_mlp.*")
        """Heads of the pyramid loss, and the mapping net that styles predicted from the face take the place of."""

        def forward(self, faces: torch.Tensor) -> torch.Tensor:
            image: torch.Tensor = super().forward(faces, return_rgb=False, randomize_noise=False)[0]
            return image

    net: torch.nn.Module = GfpganClean(
        out_size=out_size,
        num_style_feat=512,
        channel_multiplier=channel_multiplier,
        decoder_load_path=None,
        fix_decoder=False,
        num_mlp=8,
        input_is_latent=True,
        different_w=True,
        narrow=narrow,
        sft_half=True,
    )
    return net
