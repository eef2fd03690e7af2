"""What libjxl says of a JPEG XL file before any pixel is decoded, through its C interface (libjxl 0.11: decode.h).

imagecodecs decodes the pixels, but hands on neither the size, nor the colours, nor what the extra channel is. The
library it brings is asked for them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from restoration.photo.codecs.wheels import wheel

_SUCCESS, _NEED_MORE, _BASIC_INFO, _COLOUR = 0, 2, 0x40, 0x100
_DATA = 1
"""JXL_COLOR_PROFILE_TARGET_DATA: the colours of the decoded pixels."""
_MOST_PROFILE = 1 << 24


class _BasicInfo(ctypes.Structure):
    """JxlBasicInfo (codestream_header.h), with room for what later versions add."""

    _fields_ = (
        ("have_container", ctypes.c_int),
        ("xsize", ctypes.c_uint32),
        ("ysize", ctypes.c_uint32),
        ("bits_per_sample", ctypes.c_uint32),
        ("exponent_bits_per_sample", ctypes.c_uint32),
        ("intensity_target", ctypes.c_float),
        ("min_nits", ctypes.c_float),
        ("relative_to_max_display", ctypes.c_int),
        ("linear_below", ctypes.c_float),
        ("uses_original_profile", ctypes.c_int),
        ("have_preview", ctypes.c_int),
        ("have_animation", ctypes.c_int),
        ("orientation", ctypes.c_int),
        ("num_color_channels", ctypes.c_uint32),
        ("num_extra_channels", ctypes.c_uint32),
        ("alpha_bits", ctypes.c_uint32),
        ("alpha_exponent_bits", ctypes.c_uint32),
        ("alpha_premultiplied", ctypes.c_int),
        ("rest", ctypes.c_uint8 * 512),
    )


class _ColourEncoding(ctypes.Structure):
    """JxlColorEncoding (color_encoding.h)."""

    _fields_ = (
        ("color_space", ctypes.c_int),
        ("white_point", ctypes.c_int),
        ("white_point_xy", ctypes.c_double * 2),
        ("primaries", ctypes.c_int),
        ("primaries_xy", ctypes.c_double * 6),
        ("transfer_function", ctypes.c_int),
        ("gamma", ctypes.c_double),
        ("rendering_intent", ctypes.c_int),
    )


@dataclass(frozen=True)
class JxlHeader:
    """Size as shown (orientation applied), depth, channels, and the colours of what is decoded.

    ``curve``: transfer function by its number (ITU-T H.273), or 0 if only the profile says it.
    """

    width: int
    height: int
    bits: int
    floats: bool
    colours: int
    extras: int
    alpha: bool
    premultiplied: bool
    moves: bool
    profile: bytes
    curve: int


def read_header(data: memoryview) -> JxlHeader:
    """Ask libjxl for a file's header.

    :raises PhotoRejected: unsupported_format: this machine has no libjxl.
    :raises ValueError: the header is damaged, or not whole.
    """
    library = _library()
    whole = bytes(data)
    with _decoder(library) as decoder:
        library.JxlDecoderSubscribeEvents(decoder, _BASIC_INFO | _COLOUR)
        library.JxlDecoderSetInput(decoder, whole, ctypes.c_size_t(len(whole)))
        library.JxlDecoderCloseInput(decoder)
        _expect(library.JxlDecoderProcessInput(decoder), _BASIC_INFO)
        info = _BasicInfo()
        _expect(library.JxlDecoderGetBasicInfo(decoder, ctypes.byref(info)), _SUCCESS)
        _expect(library.JxlDecoderProcessInput(decoder), _COLOUR)
        return _header(info, _profile(library, decoder), _curve(library, decoder))


def _header(info: _BasicInfo, profile: bytes, curve: int) -> JxlHeader:
    return JxlHeader(
        width=info.xsize,
        height=info.ysize,
        bits=info.bits_per_sample,
        floats=info.exponent_bits_per_sample > 0,
        colours=info.num_color_channels,
        extras=info.num_extra_channels,
        alpha=info.alpha_bits > 0,
        premultiplied=bool(info.alpha_premultiplied),
        moves=bool(info.have_animation),
        profile=profile,
        curve=curve,
    )


def _library() -> Any:
    """The libjxl that imagecodecs' own extension is linked with: its names are found through that extension."""
    extension = wheel("imagecodecs._jpegxl", "JPEG XL")
    library = ctypes.CDLL(extension.__file__)
    library.JxlDecoderCreate.restype = ctypes.c_void_p
    return library


@contextmanager
def _decoder(library: Any) -> Iterator[ctypes.c_void_p]:
    decoder = ctypes.c_void_p(library.JxlDecoderCreate(None))
    if not decoder:
        raise MemoryError
    try:
        yield decoder
    finally:
        library.JxlDecoderDestroy(decoder)


def _expect(status: int, wanted: int) -> None:
    if status == _NEED_MORE:
        raise ValueError("JPEG XL: not enough data")
    if status != wanted:
        raise ValueError(f"JPEG XL: the header cannot be read (status {status})")


def _profile(library: Any, decoder: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t(0)
    if library.JxlDecoderGetICCProfileSize(decoder, _DATA, ctypes.byref(size)) != _SUCCESS:
        return b""
    if size.value > _MOST_PROFILE:
        raise ValueError("JPEG XL: a colour profile larger than any")
    profile = ctypes.create_string_buffer(size.value)
    _expect(library.JxlDecoderGetColorAsICCProfile(decoder, _DATA, profile, size), _SUCCESS)
    return profile.raw


def _curve(library: Any, decoder: ctypes.c_void_p) -> int:
    encoding = _ColourEncoding()
    status = library.JxlDecoderGetColorAsEncodedProfile(decoder, _DATA, ctypes.byref(encoding))
    return int(encoding.transfer_function) if status == _SUCCESS else 0
