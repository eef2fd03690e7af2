"""Chunks of a PNG file that say what its colours are and how large it was; cICP counts before all others, sRGB next."""

from __future__ import annotations

import struct
import zlib

from restoration.photo.formats.cicp import is_known, profile_of_code
from restoration.photo.formats.icc import SRGB_CURVE, SRGB_PRIMARIES, Primaries, made_profile
from restoration.photo.formats.layout import Facts, Resolution, unsupported

_START = 8
_MOST_PROFILE = 1 << 24
_LIKE_SRGB = 0.05
"""Share by which gAMA may differ from sRGB's and still mean it: programs write 0.45455 for sRGB, and round."""
_SRGB_GAMMA = 1 / 2.2
_NEAR = 0.003


def read_png(data: memoryview) -> Facts:
    """What the chunks before the pixels say; a profile made of cICP or of gAMA and cHRM if they do not mean sRGB.

    :raises PhotoRejected: unsupported_format, for colours of films (PQ, HLG and others in cICP).
    """
    chunks = _chunks(data)
    facts = Facts()
    pixels = chunks.get(b"pHYs", b"")
    if len(pixels) == 9 and pixels[8] == 1:
        across, down = struct.unpack(">II", pixels[:8])
        facts.resolution = Resolution.of(across * 0.0254, down * 0.0254)
    if len(code := chunks.get(b"cICP", b"")) == 4:
        facts.profile = _of_code(code)
    elif b"iCCP" in chunks:
        facts.profile = _embedded(chunks[b"iCCP"])
    elif b"sRGB" not in chunks:
        facts.profile = _of_gamma(chunks)
    return facts


def _chunks(data: memoryview) -> dict[bytes, bytes]:
    """The first chunk of each kind before the pixels, as far as they can be followed; long ones are cut off."""
    found: dict[bytes, bytes] = {}
    place = _START
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), bytes(data[place + 4 : place + 8])
        if kind in {b"IDAT", b"IEND"}:
            break
        found.setdefault(kind, bytes(data[place + 8 : place + 8 + min(size, _MOST_PROFILE)]))
        place += size + 12
    return found


def _embedded(chunk: bytes) -> bytes:
    """The profile in an iCCP chunk, which libpng leaves out if gray has an RGB one; empty if it is damaged or huge."""
    packed = chunk[chunk.find(b"\0") + 2 :]
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed, _MOST_PROFILE)
    except zlib.error:
        return b""
    return profile if unpacker.eof else b""


def _of_code(code: bytes) -> bytes:
    primaries, curve, matrix, full = code
    if not is_known(primaries, curve) or matrix != 0 or full != 1:
        raise unsupported(
            f"PNG with colours by cICP {primaries}/{curve}/{matrix}/{full} is", "save the scan as sRGB PNG"
        )
    return profile_of_code(primaries, curve)


def _of_gamma(chunks: dict[bytes, bytes]) -> bytes:
    """Profile of gAMA and cHRM; empty if there is no gAMA, or the two mean sRGB."""
    if len(chunks.get(b"gAMA", b"")) != 4:
        return b""
    gamma = int.from_bytes(chunks[b"gAMA"], "big") / 100_000
    primaries = _primaries(chunks.get(b"cHRM", b""))
    plain = abs(gamma - _SRGB_GAMMA) <= _LIKE_SRGB * _SRGB_GAMMA
    if not 0.1 <= gamma <= 5 or (plain and primaries == SRGB_PRIMARIES):
        return b""
    curve = SRGB_CURVE if plain else (1 / gamma,)
    try:
        return made_profile(f"gAMA {gamma:g}", primaries, curve)
    except ValueError:
        return made_profile(f"gAMA {gamma:g}", SRGB_PRIMARIES, curve)


def _primaries(chunk: bytes) -> Primaries:
    """Primaries of cHRM; exactly sRGB's if it is missing, or close to them."""
    if len(chunk) != 32:
        return SRGB_PRIMARIES
    numbers = [value / 100_000 for value in struct.unpack(">8I", chunk)]
    if all(abs(one - other) <= _NEAR for one, other in zip(numbers, SRGB_PRIMARIES, strict=True)):
        return SRGB_PRIMARIES
    white_x, white_y, red_x, red_y, green_x, green_y, blue_x, blue_y = numbers
    return (white_x, white_y, red_x, red_y, green_x, green_y, blue_x, blue_y)
