"""ICC profiles: what they say of themselves, and small ones made of primaries and a curve (ICC.1:2022, matrix/TRC)."""

from __future__ import annotations

import struct

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
Primaries = tuple[float, float, float, float, float, float, float, float]
"""CIE xy of white, red, green and blue, as in PNG's cHRM."""

SRGB_PRIMARIES: Primaries = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""Parameters g, a, b, c, d of a parametric curve of type 3: (a x + b)^g from d on, c x below."""

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def colour_space(profile: bytes) -> str:
    """Signature of the device space: "RGB", "GRAY", "CMYK" and others."""
    return profile[16:20].decode("latin-1").strip()


def profile_name(profile: bytes) -> str:
    """Description inside a profile (desc tag, ASCII or mluc), or "unnamed"; empty without a profile."""
    if not profile:
        return ""
    count = min(int.from_bytes(profile[128:132], "big"), 100)
    for entry in range(132, 132 + 12 * count, 12):
        if profile[entry : entry + 4] == b"desc":
            start, size = (int.from_bytes(profile[entry + k : entry + k + 4], "big") for k in (4, 8))
            return _description(profile[start : start + size])[:120] or "unnamed"
    return "unnamed"


def _description(tag: bytes) -> str:
    if tag[:4] == b"desc":
        return printable(tag[12 : 12 + int.from_bytes(tag[8:12], "big")].decode("latin-1"))
    size, start = int.from_bytes(tag[20:24], "big"), int.from_bytes(tag[24:28], "big")
    return printable(tag[start : start + size].decode("utf-16-be", "replace"))


def printable(text: str) -> str:
    """The text without control characters and white space round it."""
    return "".join(c for c in text if c.isprintable()).strip()


def made_profile(name: str, primaries: Primaries, curve: tuple[float, ...]) -> bytes:
    """An RGB display profile of version 4.

    :param curve: (gamma,), or the five parameters of :data:`SRGB_CURVE`.
    :raises ValueError: the primaries span no gamut.
    """
    columns = _colorants(primaries)
    tags = {
        **_told(name),
        **{key: _xyz(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve)),
    }
    return _packed(b"RGB ", tags)


def made_gray_profile(name: str, curve: tuple[float, ...]) -> bytes:
    """A gray display profile of version 4, for D50 white. :param curve: as for :func:`made_profile`."""
    return _packed(b"GRAY", {**_told(name), b"kTRC": _curve(curve)})


def _told(name: str) -> dict[bytes, bytes]:
    """Description and white."""
    text = name.encode("utf-16-be")
    said = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    return {b"desc": said, b"wtpt": _xyz(_D50)}


def _curve(parameters: tuple[float, ...]) -> bytes:
    kind = {1: 0, 5: 3}[len(parameters)]
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, parameters))


def _packed(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """The profile's header, its table of tags and their bodies."""
    place = 132 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for key, body in tags.items():
        table += struct.pack(">4sII", key, place + len(bodies), len(body))
        bodies += body.ljust(-(-len(body) // 4) * 4, b"\0")
    size = 128 + len(table) + len(bodies)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x04300000, b"mntr", space, b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp"
    return (head.ljust(68, b"\0") + b"".join(map(_fixed, _D50))).ljust(128, b"\0") + table + bodies


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(colour: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, colour))


def _colorants(primaries: Primaries) -> list[tuple[float, float, float]]:
    """XYZ of red, green and blue, adapted to D50 (Lindbloom's way from primaries to a matrix; Bradford)."""
    if min(primaries[1::2]) <= 0:
        raise ValueError("primaries without luminance")
    white, *lights = (_of_xy(*primaries[k : k + 2]) for k in (0, 2, 4, 6))
    matrix = _columns(*lights)
    scale = _times(_inverse(matrix), white)
    cones_here, cones_there = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    adapted = []
    for light, factor in zip(lights, scale, strict=True):
        cones = _times(_BRADFORD, (light[0] * factor, light[1] * factor, light[2] * factor))
        moved = [cone * there / here for cone, here, there in zip(cones, cones_here, cones_there, strict=True)]
        adapted.append(_times(_inverse(_BRADFORD), (moved[0], moved[1], moved[2])))
    return adapted


def _of_xy(x: float, y: float) -> tuple[float, float, float]:
    return (x / y, 1.0, (1 - x - y) / y)


def _columns(a: tuple[float, float, float], b: tuple[float, float, float], c: tuple[float, float, float]) -> Matrix:
    return ((a[0], b[0], c[0]), (a[1], b[1], c[1]), (a[2], b[2], c[2]))


def _times(matrix: Matrix, vector: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return (x, y, z)


def _inverse(matrix: Matrix) -> Matrix:
    """Inverse by cofactors. :raises ValueError: there is none."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    one, two, three = e * i - f * h, f * g - d * i, d * h - e * g
    determinant = a * one + b * two + c * three
    if abs(determinant) < 1e-9:
        raise ValueError("primaries on one line")
    rows = (
        (one, c * h - b * i, b * f - c * e),
        (two, a * i - c * g, c * d - a * f),
        (three, b * g - a * h, a * e - b * d),
    )
    first, second, third = ((row[0] / determinant, row[1] / determinant, row[2] / determinant) for row in rows)
    return (first, second, third)
