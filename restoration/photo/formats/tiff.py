"""Directories of a TIFF file: which picture in it is the scan, what its samples mean, and what is not read.

libvips reads the pixels, but takes every fourth sample for alpha, the first directory for the scan, and 12 bits in 16
for black. So the directories are read here first (TIFF 6.0, BigTIFF, and the Supplements 1 and 2), and the file is
handed to libvips with that one directory in its chain, in a private copy of the few bytes that this changes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from restoration.photo.formats import directories as tag
from restoration.photo.formats.blocks import TAGS, Blocks, tiff_blocks
from restoration.photo.formats.directories import VALUE_BYTES, Directory, Entry, TiffReader, resolution_of
from restoration.photo.formats.jpeg import Frame, frame_of
from restoration.photo.formats.layout import COLOURS, Facts, Layout, Model, unsupported
from restoration.photo.formats.pages import find_pages
from restoration.photo.formats.tiff_unread import BITS, FLOAT, SIGNED, UINT, VOID, Page, page_to_read

_JPEG, _OLD_JPEG = 7, 6
_MODELS: dict[int, Model] = {
    0: "gray", 1: "gray", 2: "rgb", 3: "rgb", 5: "cmyk", 6: "ycbcr", 8: "cielab", 9: "icclab",
}  # fmt: skip
_PALETTE = 3
_READ_BITS: dict[Model, frozenset[tuple[int, int]]] = {
    "gray": frozenset({(1, UINT), (2, UINT), (4, UINT), (8, UINT), (16, UINT), (16, FLOAT), (32, FLOAT)}),
    "rgb": frozenset({(8, UINT), (16, UINT), (16, FLOAT), (32, FLOAT)}),
    "cmyk": frozenset({(8, UINT), (16, UINT)}),
    "cielab": frozenset({(8, UINT), (16, UINT), (32, FLOAT)}),
    "icclab": frozenset({(8, UINT), (16, UINT)}),
    "ycbcr": frozenset({(8, UINT)}),
}
"""Bits and sample format (1 whole numbers, 3 floats) that are read of each colour model."""
_FORMAT_WORDS = {1: "unsigned", 2: "signed", 3: "floating-point", 4: "untyped", 5: "complex", 6: "complex"}
_PARTIAL_WHITES = frozenset(2**bits - 1 for bits in range(9, 16))
_ALPHAS = {1: True, 2: False}
"""ExtraSamples that are alpha, and whether the colours were multiplied with it."""
_SAVE = "save the scan as 8- or 16-bit gray or RGB TIFF or PNG"


@dataclass
class TiffScan:
    """The directory that is the scan, with what it says; ``patches`` are bytes to change before libvips reads it.

    ``blocks`` are those of that directory and of the file's first one; ``page`` is for the second reader, if libvips
    does not read it.
    """

    facts: Facts
    blocks: Blocks
    patches: dict[int, bytes] = field(default_factory=dict)
    page: Page | None = None


def read_tiff(data: memoryview, number: int = 1, facts: Facts | None = None) -> TiffScan:
    """Find a page of a TIFF file, and what it says.

    :param number: which of the full-size pages, from 1.
    :param facts: filled as far as the file is read; ``pages`` is known even if the page itself is refused.
    :raises PhotoRejected: unsupported_format, with what to do about it; truncated or corrupt: the page is not there.
    :raises ValueError: the first directory, or that of the page, is damaged.
    """
    reader = TiffReader(data)
    facts = Facts() if facts is None else facts
    pages = find_pages(reader, facts)
    page = pages.page(number)
    # what is written at the file's beginning is told of its first photograph alone, and so are notes on its structure
    chosen, first = page.full, page.named
    if number > 1:
        facts.notes.clear()
    scan = TiffScan(facts, tiff_blocks(reader, [chosen] if chosen is first else [chosen, first]))
    facts.resolution = resolution_of(reader, chosen if tag.X_RESOLUTION in chosen.entries else first)
    if chosen is not first:
        facts.orientation = reader.number(chosen, tag.ORIENTATION, reader.number(first, tag.ORIENTATION, 1))
        facts.profile = reader.raw(chosen, tag.PROFILE) or reader.raw(first, tag.PROFILE)
    facts.layout, scan.page = _layout(reader, chosen)
    if scan.page:
        facts.orientation = reader.number(chosen, tag.ORIENTATION, 1)
        facts.profile = facts.profile or reader.raw(chosen, tag.PROFILE)
    _patch(reader, chosen, scan)
    return scan


def _layout(reader: TiffReader, directory: Directory) -> tuple[Layout, Page | None]:
    """What the samples mean, and the page if libvips does not read it. :raises PhotoRejected: unsupported_format."""
    photometric = reader.number(directory, tag.PHOTOMETRIC, -1)
    model = _MODELS.get(photometric)
    if model is None:
        number = photometric if photometric >= 0 else "(none)"
        raise unsupported(f"a TIFF file of photometric interpretation {number} is", _SAVE)
    compression = reader.number(directory, tag.COMPRESSION, 1)
    frame = _frame(reader, directory, compression, model)
    samples = reader.number(directory, tag.SAMPLES, 1)
    palette = photometric == _PALETTE
    bits = _bits(reader, directory, "gray" if palette else model, samples)
    _refuse_unread_samples(reader, directory, model, samples, bits)
    page = page_to_read(reader, directory, model, frame)
    plain_ycbcr = compression != _JPEG and reader.values(directory, tag.SUBSAMPLING) == (1, 1)
    if palette or (model == "ycbcr" and not plain_ycbcr):
        return Layout("rgb"), page  # libvips looks colours up, libtiff or the second reader converts
    alpha, premultiplied = _alpha(reader, directory, COLOURS[model], samples)
    layout = Layout(
        model,
        alpha,
        premultiplied,
        white=_white(reader, directory, bits) if model in {"gray", "rgb"} else 0,
        inverted=photometric == 0 and (samples > 1 or page is not None),
        ycbcr=_ycbcr(reader, directory) if model == "ycbcr" else (),
        extra=_extra(reader, directory, COLOURS[model], samples) if model in {"gray", "rgb"} else None,
    )
    return layout, page


def _frame(reader: TiffReader, directory: Directory, compression: int, model: Model) -> Frame | None:
    """Frame header of the first JPEG stream, if the page has one. :raises PhotoRejected: unsupported_format."""
    if compression == _OLD_JPEG:
        raise unsupported("old-style JPEG inside TIFF (compression 6) is", _SAVE)
    return frame_of(_first_chunk(reader, directory), inside=model) if compression == _JPEG else None


def _refuse_unread_samples(reader: TiffReader, directory: Directory, model: Model, samples: int, bits: int) -> None:
    palette = reader.number(directory, tag.PHOTOMETRIC, -1) == _PALETTE
    colours = 1 if palette else COLOURS[model]
    if samples < colours:
        raise ValueError(f"{samples} samples a pixel are too few for its colour model")
    if palette and bits > 8:
        raise unsupported(f"a palette of {bits} bits is", _SAVE)
    if model == "cmyk" and reader.number(directory, tag.INK_SET, 1) != 1:
        raise unsupported("inks other than cyan, magenta, yellow and black are", _SAVE)
    more = samples - colours
    some_alpha = any(int(kind) in _ALPHAS for kind in reader.values(directory, tag.EXTRA))
    # three channels called gray are perhaps colours whose writer did not know the tag
    if more > 2 or (more == 2 and model == "gray" and not some_alpha):
        raise unsupported(f"{samples} channels are", _SAVE)
    if more and (palette or model == "ycbcr" or bits < 8):
        raise unsupported(f"{samples} channels of {bits} bits are", _SAVE)


def _bits(reader: TiffReader, directory: Directory, model: Model, samples: int) -> int:
    """Bits a sample. :raises PhotoRejected: unsupported_format, for samples of a kind that is not read."""
    all_bits = {int(value) for value in reader.values(directory, tag.BITS)} or {1}
    formats = {int(value) for value in reader.values(directory, tag.FORMAT)} or {UINT}
    if len(all_bits) > 1 or len(formats) > 1:
        raise unsupported("channels of different depths in one TIFF file are", _SAVE)
    bits, kind = all_bits.pop(), formats.pop()
    read_as = UINT if kind == VOID or (kind == SIGNED and model == "cielab") else kind
    if (bits, read_as) not in _READ_BITS[model] | BITS.get(model, frozenset()):
        raise unsupported(f"{samples} channels of {bits} {_FORMAT_WORDS.get(kind, 'unknown')} bits are", _SAVE)
    if read_as == FLOAT and reader.number(directory, tag.PHOTOMETRIC, -1) in {0, _PALETTE}:
        raise unsupported("floating-point samples with white at 0 are", _SAVE)
    return bits


def _alpha(reader: TiffReader, directory: Directory, colours: int, samples: int) -> tuple[int | None, bool]:
    """The band that is alpha (None if none says so), and whether the colours were multiplied with it."""
    for number, kind in enumerate(reader.values(directory, tag.EXTRA)):
        if int(kind) in _ALPHAS and colours + number < samples:
            return colours + number, _ALPHAS[int(kind)]
    return None, False


def _extra(reader: TiffReader, directory: Directory, colours: int, samples: int) -> int | None:
    """The first band beyond the colours that is called unspecified, or of which nothing is said; None if none is."""
    said = [int(kind) for kind in reader.values(directory, tag.EXTRA)]
    for number in range(samples - colours):
        if number >= len(said) or said[number] == 0:
            return colours + number
    return None


def _white(reader: TiffReader, directory: Directory, bits: int) -> int:
    """Sample value of white if the file says that its 16 bits are not all used; 0 otherwise.

    TIFF 6.0 means MaxSampleValue for statistics, so that only a whole number of bits counts.
    """
    found = {int(value) for value in reader.values(directory, tag.MAX_VALUE)}
    return found.pop() if bits == 16 and len(found) == 1 and found <= _PARTIAL_WHITES else 0


def _ycbcr(reader: TiffReader, directory: Directory) -> tuple[float, ...]:
    """Luma weights of red, green and blue, then the codes of black and white of Y, Cb and Cr (TIFF 6.0, section 21)."""
    weights = reader.values(directory, tag.COEFFICIENTS)
    codes = reader.values(directory, tag.REFERENCE)
    weights = weights if len(weights) == 3 and all(weights) else (0.299, 0.587, 0.114)
    usable = len(codes) == 6 and all(high > low for low, high in zip(codes[::2], codes[1::2], strict=True))
    return (*weights, *(codes if usable else (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)))


def _first_chunk(reader: TiffReader, directory: Directory) -> bytes:
    """The beginning of the first strip or tile."""
    place, size = (tag.TILES, tag.TILE_BYTES) if tag.TILES in directory.entries else (tag.STRIPS, tag.STRIP_BYTES)
    return reader.slice(reader.number(directory, place, 0), min(reader.number(directory, size, 0), 1 << 20))


def _patch(reader: TiffReader, chosen: Directory, scan: TiffScan) -> None:
    """Make the chosen directory the only one, and its samples plain ones that libvips hands on as they are."""
    scan.patches[reader.header] = struct.pack(reader.order + reader.word, chosen.offset)
    if chosen.following:
        scan.patches[chosen.pointer] = struct.pack(reader.order + reader.word, 0)
    for number in TAGS & chosen.entries.keys():
        # read already; libtiff would read them whole, and refuse the scan if they are larger than its limit
        scan.patches[chosen.entries[number].counter] = struct.pack(reader.order + reader.word, 1)
    layout = scan.facts.layout
    if extra := chosen.entries.get(tag.EXTRA):
        scan.patches[extra.place] = bytes(VALUE_BYTES.get(extra.kind, 0) * min(extra.count, 64))
    if layout is not None and (layout.inverted or layout.model in {"cielab", "icclab", "ycbcr"}):
        _patch_photometric(reader, chosen.entries[tag.PHOTOMETRIC], 1 if layout.model == "gray" else 2, scan)


def _patch_photometric(reader: TiffReader, entry: Entry, value: int, scan: TiffScan) -> None:
    scan.patches[entry.place] = struct.pack(reader.order + ("H" if entry.kind == 3 else "I"), value)
