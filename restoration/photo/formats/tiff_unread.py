"""Pages of TIFF files that libvips does not read, and the second reader (tifffile with imagecodecs) does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from restoration.photo.formats import directories as tag
from restoration.photo.formats.directories import Directory, TiffReader
from restoration.photo.formats.jpeg import Frame
from restoration.photo.formats.layout import Model, unsupported

SampleKind = Literal["uint", "signed", "float"]
UINT, SIGNED, FLOAT, VOID = 1, 2, 3, 4
"""Values of the tag SampleFormat."""
_KINDS: dict[int, SampleKind] = {UINT: "uint", SIGNED: "signed", FLOAT: "float", VOID: "uint"}
_PACKED = frozenset((bits, UINT) for bits in range(9, 16))
_WIDE = frozenset({(32, UINT), (64, FLOAT), (8, SIGNED), (16, SIGNED), (32, SIGNED)})
BITS: dict[Model, frozenset[tuple[int, int]]] = {
    "gray": _PACKED | _WIDE,
    "rgb": _PACKED | _WIDE | {(2, UINT), (4, UINT)},
    "ycbcr": frozenset({(12, UINT)}),
}
"""Bits and sample format that the second reader alone reads, of each colour model."""
_JPEG = 7
_COMPRESSIONS = {
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    34712: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_WHITES = {2**bits - 1 for bits in range(7, 33)}
_SMALLEST, _LARGEST = 340, 341
"""SMinSampleValue and SMaxSampleValue (TIFF 6.0, section 19)."""
_SAVE = "save the scan as 8- or 16-bit gray or RGB TIFF or PNG"


@dataclass(frozen=True)
class Page:
    """A page for the second reader: why it is one, in words, its size, and how its samples are stored.

    ``white``: the sample value of full light, if it is not the largest of these bits; 0 for floats and what is coded
    otherwise (L*a*b*).
    """

    why: str
    width: int
    height: int
    samples: int
    bits: int
    kind: SampleKind
    compression: int
    white: int


def page_to_read(reader: TiffReader, directory: Directory, model: Model, frame: Frame | None) -> Page | None:
    """The page if the second reader has to read it; None if libvips does.

    :param frame: the frame header of the page's first JPEG stream, if it has one.
    :raises PhotoRejected: unsupported_format, for what neither reads.
    """
    bits = reader.number(directory, tag.BITS, 1)
    kind = reader.number(directory, tag.FORMAT, UINT)
    compression = reader.number(directory, tag.COMPRESSION, 1)
    why = _COMPRESSIONS.get(compression, "") or (frame.reader if frame else "")
    if (bits, kind) in BITS.get(model, frozenset()) and not why:
        why = f"{bits}-bit samples"
    if not why:
        return None
    _refuse_mixtures(reader, directory, model, frame)
    return Page(
        f"TIFF with {why}",
        reader.number(directory, tag.WIDTH, 0),
        reader.number(directory, tag.HEIGHT, 0),
        reader.number(directory, tag.SAMPLES, 1),
        bits,
        _KINDS[kind],
        compression,
        _white(reader, directory, model, bits, _KINDS[kind]),
    )


def _refuse_mixtures(reader: TiffReader, directory: Directory, model: Model, frame: Frame | None) -> None:
    """Refuse what each reader does half: palettes, colours to be converted, streams of other depths than their page."""
    if reader.number(directory, tag.PHOTOMETRIC, 0) == 3:
        raise unsupported("a palette in a TIFF file of this compression is", _SAVE)
    if model == "ycbcr":
        whole = reader.values(directory, tag.SUBSAMPLING) == (1, 1)
        if (frame and frame.reader == "lossless JPEG") or not (frame or whole):
            raise unsupported("YCbCr in a TIFF file of this compression is", _SAVE)
    if model == "cmyk" and frame:
        raise unsupported(f"CMYK as {frame.reader} is", _SAVE)
    if frame and frame.bits != reader.number(directory, tag.BITS, 1):
        raise unsupported(f"a JPEG stream of {frame.bits} bits in a TIFF page that says otherwise is", _SAVE)


def _white(reader: TiffReader, directory: Directory, model: Model, bits: int, kind: SampleKind) -> int:
    """Sample value of full light. :raises PhotoRejected: unsupported_format: the file does not say it.

    Programs do not agree on what signed samples mean: they are read only if the file says that they go from 0 to a
    whole number of bits.
    """
    if kind == "float" or model in {"cielab", "icclab"}:
        return 0
    if kind == "uint":
        said = {int(value) for value in reader.values(directory, tag.MAX_VALUE)}
        return said.pop() if bits > 16 and len(said) == 1 and said <= _WHITES else 2**bits - 1
    least = set(reader.values(directory, _SMALLEST))
    most = {int(value) for value in reader.values(directory, _LARGEST)}
    if least != {0} or len(most) != 1 or not most <= _WHITES:
        raise unsupported(f"signed {bits}-bit samples whose file does not say which are black and white are", _SAVE)
    return most.pop()
