"""GFPGANv1Clean (Wang et al., CVPR 2021), the architecture of GFPGAN 1.2, 1.3 and 1.4.

In: N x 3 x 512 x 512 RGB in [-1, 1], faces aligned to the FFHQ template. Out: the same, not clipped.

Parameters and their names are the package's; the way through them is our own. The package builds a weight for every
face of a batch and convolves in groups; here the style scales the input, one dense convolution serves the whole batch,
and demodulation scales its output (StyleGAN2-ADA's non-fused form: the same sum in another order). What a restoration
does not need is not computed: the intermediate pictures, the style network and the random noise. Where the convolutions
run in bf16, styles, demodulation and the sum of pictures stay in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.compat import import_face_archs
from restoration.models.layout import in_channels_last

SLOPE = 0.2
GAIN = 2**0.5


def build(out_size: int = 512, channel_multiplier: int = 2, narrow: float = 1.0) -> nn.Module:
    """The empty net with the published settings; state-dict keys are those of the published files.

    The stored noise buffers are used: the same face gives the same bytes.
    """
    base = import_face_archs("gfpgan.archs.gfpganv1_clean_arch").GFPGANv1Clean

    class GfpganClean(base):  # type: ignore[misc, valid-type]
        training_only = ("toRGB.*", "stylegan_decoder.style_mlp.*")
        """Heads of the pyramid loss, and the mapping net that styles predicted from the face take the place of."""

        def forward(self, faces: Tensor) -> Tensor:
            return restored(self, faces)

    net: nn.Module = GfpganClean(
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
    return in_channels_last(net)


def restored(net: Any, faces: Tensor) -> Tensor:
    """The net's answer to N x 3 x S x S faces in [-1, 1], the same shape.

    :param net: a GFPGANv1Clean with ``different_w``, ``input_is_latent`` and ``sft_half``.
    """
    styles, conditions = _encoded(net, faces.contiguous(memory_format=torch.channels_last))
    decoder = net.stylegan_decoder
    noises = [getattr(decoder.noises, f"noise{i}") for i in range(decoder.num_layers)]
    x = decoder.constant_input.weight.expand(len(faces), -1, -1, -1)
    x = _style_conv(decoder.style_conv1, x, styles[:, 0], noises[0])
    image = _to_rgb(decoder.to_rgb1, x, styles[:, 1], None)
    for level, (scale, shift) in enumerate(conditions):
        layer = 2 * level
        x = _style_conv(decoder.style_convs[layer], x, styles[:, layer + 1], noises[layer + 1])
        kept, steered = x.chunk(2, dim=1)
        x = torch.cat([kept, steered * scale + shift], dim=1)
        x = _style_conv(decoder.style_convs[layer + 1], x, styles[:, layer + 2], noises[layer + 2])
        image = _to_rgb(decoder.to_rgbs[level], x, styles[:, layer + 3], image)
    return image


def modulated_conv(conv: Any, x: Tensor, style: Tensor) -> Tensor:
    """StyleGAN2's modulated convolution without a weight for each sample.

    Karras et al. 2020: conv(x, w * s) / norm(w * s), and s varies over input channels alone, so it may scale ``x``.

    :param conv: the package's ModulatedConv2d.
    :param x: N x C x H x W.
    :param style: N x 512.
    """
    with _whole(x):
        scale = conv.modulation(style.float())
        energy = scale.square() @ conv.weight[0].square().sum(dim=(2, 3)).t() if conv.demodulate else None
    x = x * scale[:, :, None, None].to(x.dtype)
    if conv.sample_mode == "upsample":
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    x = F.conv2d(x, conv.weight[0], padding=conv.padding)
    if energy is not None:
        x = x * torch.rsqrt(energy + conv.eps)[:, :, None, None].to(x.dtype)
    return x


def _whole(x: Tensor) -> torch.autocast:
    """Full precision for what follows: styles, demodulation and sums of pictures are few numbers, and half of one's
    digits is a face gone flat.
    """
    return torch.autocast(x.device.type, enabled=False)


def _encoded(net: Any, faces: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Styles (N x layers x 512), and scale and shift for each level from 8 pixels upwards."""
    x = F.leaky_relu(net.conv_body_first(faces), SLOPE)
    skips = []
    for down in net.conv_body_down:
        x = down(x)
        skips.append(x)
    x = F.leaky_relu(net.final_conv(x), SLOPE)
    # The linear layer knows features in the order channel, row, column, whatever way they lie in memory.
    with _whole(x):
        styles = net.final_linear(x.float().contiguous().flatten(1)).view(len(faces), -1, net.num_style_feat)
    conditions = []
    for up, scale, shift in zip(net.conv_body_up, net.condition_scale, net.condition_shift, strict=True):
        x = up(x + skips.pop())
        conditions.append((scale(x), shift(x)))
    return styles, conditions


def _style_conv(layer: Any, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
    x = modulated_conv(layer.modulated_conv, x, style) * GAIN
    return F.leaky_relu(x + (layer.weight * noise + layer.bias).to(x.dtype), SLOPE)


def _to_rgb(layer: Any, x: Tensor, style: Tensor, image: Tensor | None) -> Tensor:
    rgb: Tensor = modulated_conv(layer.modulated_conv, x, style).float() + layer.bias
    if image is None:
        return rgb
    return rgb + F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)
