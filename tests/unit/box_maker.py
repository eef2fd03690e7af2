"""Files made of boxes, written by code, right or wrong: JPEG 2000, HEIF and AVIF.

The three pictures in HEVC are of 64 x 64 pixels in squares of 16, coded without loss (x265, three planes of 4:4:4 in
the order green, blue, red by the identity matrix); no wheel of this project encodes HEVC.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field

import numpy as np

from restoration.photo.formats.isobox import boxes

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
EXIF_UUID = b"JpgTiffExif->JP2"
_ESSENTIAL = frozenset({b"irot", b"imir", b"av1C", b"hvcC"})
"""Properties that a reader must know to read the picture."""


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full_box(kind: bytes, version: int, flags: int, *bodies: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *bodies)


# -- JPEG 2000 --------------------------------------------------------------------------------------------------------
def colour(number: int = 0, profile: bytes = b"") -> bytes:
    """A colr box by number, or by a profile."""
    return (
        box(b"colr", bytes([2, 0, 0]), profile)
        if profile
        else box(b"colr", bytes([1, 0, 0]), struct.pack(">I", number))
    )


def channels(*described: tuple[int, int, int]) -> bytes:
    """A cdef box: number, type and association of each channel."""
    return box(b"cdef", struct.pack(">H", len(described)), *(struct.pack(">HHH", *one) for one in described))


def palette(table: np.ndarray) -> bytes:
    """pclr and cmap boxes for one component: N x columns of 8 bits."""
    rows, columns = table.shape
    entries = box(b"pclr", struct.pack(">HB", rows, columns), bytes([7] * columns), table.astype(np.uint8).tobytes())
    return entries + box(b"cmap", *(struct.pack(">HBB", 0, 1, column) for column in range(columns)))


def resolution(kind: bytes, across: int, down: int) -> bytes:
    """A res superbox of pixels a metre."""
    return box(b"res ", box(kind, struct.pack(">HHHHbb", down, 1, across, 1, 0, 0)))


def jp2(codestream: bytes, *header: bytes, more: bytes = b"", brand: bytes = b"jp2 ") -> bytes:
    """A file round a codestream; ``more`` are boxes before it."""
    width, height, parts = *struct.unpack(">II", codestream[8:16]), struct.unpack(">H", codestream[40:42])[0]
    first = box(b"ihdr", struct.pack(">IIHBBBB", height, width, parts, codestream[42], 7, 0, 0))
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", brand, bytes(4), b"jp2 ")
    return start + box(b"jp2h", first, *header) + more + box(b"jp2c", codestream)


# -- HEIF -------------------------------------------------------------------------------------------------------------
@dataclass
class Item:
    """An item: its type, its bytes, its properties, and what it refers to, by the kind of reference."""

    kind: bytes
    data: bytes
    properties: list[bytes] = field(default_factory=list)
    refers: dict[bytes, list[int]] = field(default_factory=dict)
    content: bytes = b""
    hidden: bool = False


def size(width: int, height: int) -> bytes:
    return full_box(b"ispe", 0, 0, struct.pack(">II", width, height))


def turned(quarters: int) -> bytes:
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    return box(b"imir", bytes([axis]))


def code(primaries: int, curve: int, matrix: int, full: int = 1) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, curve, matrix, full << 7))


def alpha() -> bytes:
    return full_box(b"auxC", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")


def heif(*items: Item, brand: bytes = b"heic", primary: int = 1) -> bytes:
    """A file of these items, numbered from 1."""
    kinds = [
        full_box(b"infe", 2, int(item.hidden), struct.pack(">HH", number, 0), item.kind, b"\0",
                 item.content + b"\0" if item.content else b"")
        for number, item in enumerate(items, 1)
    ]  # fmt: skip
    owned = [one for item in items for one in item.properties]
    links, first = b"", 1
    for number, item in enumerate(items, 1):
        links += struct.pack(">HB", number, len(item.properties))
        links += bytes(0x80 * (one[4:8] in _ESSENTIAL) + first + k for k, one in enumerate(item.properties))
        first += len(item.properties)
    pointers = [
        box(kind, struct.pack(">HH", number, len(to)), *(struct.pack(">H", one) for one in to))
        for number, item in enumerate(items, 1)
        for kind, to in item.refers.items()
    ]
    start = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    place, meta = 0, b""
    for _ in range(2):  # where the bytes lie depends on how long the boxes before them are
        offsets = [place + sum(len(item.data) for item in items[:k]) for k in range(len(items))]
        places = b"".join(
            struct.pack(">HHHII", number, 0, 1, offset, len(item.data))
            for (number, item), offset in zip(enumerate(items, 1), offsets, strict=True)
        )
        meta = full_box(
            b"meta", 0, 0,
            full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", 0, 0, struct.pack(">H", primary)),
            full_box(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(items)), places),
            full_box(b"iinf", 0, 0, struct.pack(">H", len(items)), *kinds),
            full_box(b"iref", 0, 0, *pointers) if pointers else b"",
            box(b"iprp", box(b"ipco", *owned), full_box(b"ipma", 0, 0, struct.pack(">I", len(items)), links)),
        )  # fmt: skip
        place = len(start) + len(meta) + 8
    return start + meta + box(b"mdat", *(item.data for item in items))


def item_of_avif(data: bytes, *more: bytes, **options: object) -> Item:
    """The picture of an AVIF file that holds one, with its configuration and size, and further properties."""
    view = memoryview(data)
    (body,) = [bytes(view[start:end]) for kind, start, end in boxes(view) if kind == b"mdat"]
    place = data.index(b"ispe") - 4
    start = data.index(b"av1C") - 4
    configuration = data[start : start + int.from_bytes(data[start : start + 4], "big")]
    return Item(b"av01", body, [data[place : place + 20], configuration, *more], **options)  # type: ignore[arg-type]


def squares(most: int) -> np.ndarray:
    """The picture in HEVC, 64 x 64 x 3: red grows to the right, green downwards, blue with both."""
    down, right = np.mgrid[:64, :64] // 16 * 21
    return np.dstack([right * most // 63, down * most // 63, (down + right) * most // 126])


def item_of_hevc(name: str, *more: bytes, **options: object) -> Item:
    """One of the pictures ``rgb8``, ``rgb10`` and ``gray8`` (which is the red of the first)."""
    configuration, body = (base64.b64decode(text) for text in _HEVC[name])
    return Item(b"hvc1", body, [configuration, size(64, 64), *more], **options)  # type: ignore[arg-type]


_HEVC = {
    "rgb8": (
        "AAAAd2h2Y0MBBAgAAACeOAAAAAD/8AD8//j4AAAPA2AAAQAXQAEMAf//BAgAAAMAnjgAAAMAAP+6AkBhAAEAKkIBAQQIAAADAJ44AAADAAD/"
        "kAQQILLdSSU1zcBDQAEAAAMAGQAAAwABCGIAAQAIRAHBcDBgkSA=",
        "AAAD7igBrwW4FHuiWf//u/91/bfrvnvnvnvnvn/n/n/n/n/n/n/nyof//Ina///zYeZkk6A91/1/1/1/2LuLuLuLuLuLuLuCc//ZBz//+7/3"
        "X9t+u+e+e+e+e+f+f+f+f+f+f+f+fvAmYrYliFkrLYHjOX7UxAFmubWgTq9mzZs2mjRo0aNGe+/zQUAecsZlT5FsTiwLAsCwLfN83zfN83zf"
        "Mm6ZP+X8VdMO0Az6XPSf0N5s3DcNw3DdB0HQdB0HQdBxajTQQCGhaQcHYHGjRo0edOnTp06bfAABYL8nsusr/S2nlde36H8IoQ91kAABgKIm"
        "8tIl11GZzscPZxhB0NUgAEXAjlvJQo0uodyLj2TvLRifIF6vApi0AAbxrxYqjOlBU//mH03R3jQp+5RdoA5zFZbY+L58+fPpo0aNGjRoEAAE"
        "MDDGxLaRRviwum/eAOAi6BcRQAAmHVUaYhamvveIDhaVUyZbKQQAGGnLbOzXSwOFc5c+/O1PyJ4EaDmAiIA6hQBdLLdZ8q3mzZs2eKFChQoU"
        "I3XrsA4p2SOVzJBICPI8jyPJ1XVdV1XVdV1Upg4jnAB7DK/wAf4v8T8D0aNGjRp06dOnTp0gUWABxzpGcPmKyMMYxjGMYzVNU1TVNU1TVGgA"
        "UNlS0OAAKplA/16RyWwFmA++4yCyZeKXUgBSNTmfZ12Hjx48g1atWrVq034AJf1yGyIvrOTTldUnPdSNIflDNQAOQwcqFM7AERPWdwyiH4gT"
        "4+YADiMkKtTnxjbv5D4dSqDu2rOem/uEr4AG2cTWup+t3bkKO2vMMutJRiDpwBTNZ+id4bEiRIkUxYsWLFiwywASrwGPcVZl0Q/tXD1ELceC"
        "BSgbIbSWHABIoHSAVvg/L/e973ve/EsSxLEsSxLEn9ZgCFiKQ0PwxkyZMmXXr169evWyAAhoWk1ZZuEEel4DG5HhZpQb6tqEGOFrsWgAvFSy"
        "jcLo4sWLFkQoUKFChQB2EGyGAAQqMOhZcN/+oIQhCEIQxvG8bxvG8bxuHAABDQtIODsDjRo0aPOnTp06dON4AQ4KYaUsE+9ga1Iq7PghnEz7"
        "KeABSNToQv3wmZKx6yQ2SYwdvTFgAn+6IPIJ9KhxK5ZBy1viC09lImTP4IAEc/MlLIFkNoUTc2x37eW8bZOAAHyQqHWDaSxYsWLVSpUqVKlP"
        "XADKSAM9YUD/1AiZLlMLHALHXaATtv1RuwAAWi9jb7QiKVKlSqCRIkSJEh+lgVASGAAAMVMikteehIkSJE7NmzZs2bDpgqQ/0oAAbhvY0NmS"
        "/nz58/W7du3bt2la0VGH2gACYd7eqdda/fv38CzZs2bNmxfpPcA=",
    ),
    "rgb10": (
        "AAAAeGh2Y0MBBAgAAACcOAAAAAD/8AD8//r6AAAPA2AAAQAXQAEMAf//BAgAAAMAnDgAAAMAAP+6AkBhAAEAK0IBAQQIAAADAJw4AAADAAD/"
        "kAQQIJst1JJTXNwENAAQAAADAZAAAAMAEIBiAAEACEQBwXAwYJEg",
        "AAADnSgBrwW4FHuiWf//77/99f97f7u/t7+3v7e/t7+3/7f/t/+3/7f/t/+3/7fKh//8idr///z8H58k52ozVhKYEpgSmBKYEqPyo/Kj8qPy"
        "o/Kj8qPymnP/2Qc///77/99f97f7u/t7+3v7e/t7+3/7f/t/+3/7f/t/+3/7fvAmYrYliFkrLYHjOX7UxAFns1vZgNjMrsikopKKSikopgqY"
        "KmCpgqYKmCpgqS+/zQUAefMpnmQ/mBvLGckxyTHJMckxyVBJUElQSVBJUElQSVBJObpk/5fwjZmwpMcAz+oc/UH/Tt+lz6KPoo+ij6KPosOi"
        "w6LDosOiw6LDosOilBuH2AG7oXnQhU+nG9VTlU5VOVTlVVFVRVUVVFVRVUVVFSU6JB9hFOdKy5SARvD0OHE4TbANO8TvE7xO8TwL8C/AvwL8"
        "C/AvwL752KySZYH9EV2EAnd6Eby5u31yCaCmgpoKaCmjHox6MejHox6MejHoLJa+AYnWiprOPrB7VSlPAU8BTwFPAU9jz2PPY89jz2PPY89j"
        "zwIAGSWgGuMwuwDP07fpwelZ0RM3TN0zdM3TOBzgc4HOBzgc4HOBzdSlYAOPoAjz+fz3XnSOZk5mTmZOZk5nMmcyZzJnMmcyZzJnMmZQAOfn"
        "hommAAINkATHwIa5SVWEdhHYR2EdhoQaEGhBoQaEGhBoQSFzBAIEtlMAJHhD3B1cCxfNHOxzsc7HOx0Q9EPRD0Q9EPRD0Q87b+Esq6lp0AAK"
        "XuiF3Pv3KjuAW1bbVttW21bbWXNZc1lzWXNZc1lzWXNW4iQBC8c043ji8sPM/nP5z+c/nP9//f/3/9//f/3/9/+fgwxpMQmSALzXw2vKC2t1"
        "XImiJoiaImiKXyl8pfKXyl8pfKXyaqBJiNfwawAA4ugdLQHfPrGdkpoGmgaaBpoGmj9aP1o/Wj9aP1o/Wj9aBwAAM3UJOn4qZGRhrk65OuTr"
        "k66COgjoI6COgjoI6COUNQWFaDYAAKbcnC45LeWafN+Dfg34N+DgKoCqAqgKoCqAqgKn4rcZb9XIAAV+1Z9qH2dew7q26turbq26vGrxq8av"
        "Grxq8avGrc3hEyyMgAB6Zeuy5oKpNF0pzKcynMpzKkcpHKRykcpHKRykcnUMrSqpkAAT28TN3+nV94Qk0pNKTSk0pOZzmc5nOZzmc5nOZzT2"
        "iUO/tAAF/rp/XH9Zfqb6O+jvo76O+kHpB6QekHpB6QekHo8SFJQ=",
    ),
    "gray8": (
        "AAAAcWh2Y0MBBAgAAACf+AAAAAD/8AD8/Pj4AAAPA2AAAQAXQAEMAf//BAgAAAMAn/gAAAMAAP+6AkBhAAEAJkIBAQQIAAADAJ/4AAADAAD/"
        "wIIEFlupJKa5sCAAAAMDIAAAAwAhYgABAAZEAcFxiRI=",
        "AAAEWygBrgtwGUuzf//5dXK5h9ENMqsqsqsqsw2w2w2w2w2w2w2w/p6rcPqpjgFfZ17L+wPVXDcNw3DcTRNE0TRNE0TRJgAAFOz3I13AYbjG"
        "MY/EisKq3FXvG5AAEw6qcuqUhKlKxJpNn5JtBsJnAAETBdgL+A8CA5ZgiqZ8VTR1of4fRSP//TPZOIrIM6EGgO9kZgnkHUMgAI1/SiwYajNC"
        "8wX859sL8Q7SkAA4TMmuY9ruiYLzDv6BhacgCd0wAA5y25UI26/fuYX/3Sb+6T+vs4AEj9m+Oj69372cPTLKYZZVfLoSYADpmokzPK+jp3ve"
        "973vioKgqCoKgqCoFWABvGu9siigfPK6ZbyXUj6/CoKcQAGAoiTggeEMF5Fh6ribVcWoM0AA2ziZqROkFCf2AsAkPgEiZSyIIACZPXD5rdN9"
        "Z9l2XZdl4xDEMQxDEMQxAAADAa54bkU/dZEiNkSyFEsSTSJIKoAD+GOCm4mbo0To9XrWk9a2vc5gAzkRiCPoLQYKwyGf83T/nWDZrgAEn8sv"
        "Pm6DTx4VPOm3znJUHkWACXdjnDCBsk1+Ov39e7mWb92KB///RrobXTedRvOsLqYSwZnLABlo40PjcLDhuQYjEioYkV5YNQAg4hcMj78DBf6A"
        "aZ8JTPhb+aMIAG6bY3HK+N/1PCqKM2+70EN46AEd+9w4q+/iMpSlV34TDx8YiwEAC+0m57Ua2o0VRlTaaHbTShX8ABGv6X0PQeSJCtSV5v8v"
        "OALtGEZf//03aVWN6Zf9MwxkpiDBMhtgAws7L+gEpph/HX643/5pbM/fgAqWXpBerACuP7SBHt6WTU30Re///UzKA6Cx8iY+USQwgQ0Q8ADd"
        "NsmaUqflyzu89RabqLVTdTgBgKIk4IHhDBeRYeq4m1XFqCUvq///CiguJ//zJ/5pZUislHkQ0AGsej5aQriUBGyJHkq3ws8lnVAF/owgzDBx"
        "U5jGMoRNFRjxx/lwAJB8k9JYlN69Pzv+o4X1HHzaSAEj9m+Oj69372cPTLKYZZVfI0tgDGyyvP+qOgW1rW1csmOVctIiACt4dTWo2lEZwEuH"
        "nN017BXlhU//7T0nO4QriqVxqpHk0oUbAAjv3v3WlSAYLK8Fbtv7duSiDEAPkdaMvE3Vy5C+vaV7rSvlupFcAPkdZb1oR5eLgJcpbO3QhFdb"
        "UAPwarZ3jYxM4LzCHG0rHwVI5vAAmvMPhONo61ZtTZSb8aTf3+/YATblNwJmU79+fXhDsRIdiTcAFoAXGvuMYi8WkVrWuWkD4ZyonU4AXarM"
        "JGayeHgJcCICC5ghYFPuX//Rywe/ZvJ0nk9nU5KGHBfAFnuM2Y7jFPnqnKVOMIpxkFaDAC901aCsiu//7GIMy1YmWsqM+3AEJDuUVTi+Aec5"
        "zx7mITHQ8LNAEKDf0KzI3/CLNRkZ5R9DM6dQkAKDtn1igdGBAPnwzcwqbmKrWqAFC2lap4GqpUh/VgV9ECvrM0p0",
    ),
}
