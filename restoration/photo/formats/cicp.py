"""Coding-independent code points (ITU-T H.273), by which PNG, HEIF and AVIF name their colours, as profiles."""

from __future__ import annotations

from restoration.photo.formats.icc import SRGB_CURVE, SRGB_PRIMARIES, Primaries, made_profile

_BT709_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_PRIMARIES: dict[int, Primaries] = {
    1: SRGB_PRIMARIES,
    5: (0.3127, 0.329, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_CURVES: dict[int, tuple[float, ...]] = {
    **dict.fromkeys((1, 6, 14, 15), _BT709_CURVE),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: SRGB_CURVE,
}
"""Primaries 1 BT.709, 5 and 6 BT.601, 9 BT.2020, 12 P3; curves by their number. Others are films' (PQ, HLG) or rare."""


def is_known(primaries: int, curve: int) -> bool:
    """Whether colours of these code points are read."""
    return primaries in _PRIMARIES and curve in _CURVES


def profile_of_code(primaries: int, curve: int) -> bytes:
    """A profile of known code points; empty for sRGB."""
    if (primaries, curve) == (1, 13):
        return b""
    return made_profile(f"cICP {primaries}/{curve}", _PRIMARIES[primaries], _CURVES[curve])
