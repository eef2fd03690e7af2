"""JPEG 2000 through OpenJPEG (imagecodecs): its samples, and the colours, channels and palette of its boxes."""

from __future__ import annotations

from typing import Any

from restoration.photo.codecs.wheels import SAVE, THREADS, CheckSize, Scan, as_image, reading, spread, wheel
from restoration.photo.formats.directories import exif_orientation, exif_resolution
from restoration.photo.formats.icc import colour_space
from restoration.photo.formats.jp2 import CMYK, GRAY, SRGB, SYCC, Jp2, read_jp2
from restoration.photo.formats.layout import COLOURS, Facts, Layout, Model, unsupported

_COLOUR, _OPACITY, _PREMULTIPLIED = 0, 1, 2
_MODELS: dict[int, Model] = {SRGB: "rgb", GRAY: "gray", SYCC: "rgb", CMYK: "cmyk"}
_SPACES: dict[str, Model] = {"RGB": "rgb", "GRAY": "gray", "CMYK": "cmyk"}
_BARE: dict[int, Model] = {1: "gray", 2: "gray", 3: "rgb"}
_MOST_BITS = 16


def read_jpeg2000(data: memoryview, check: CheckSize) -> Scan:
    """Read a JP2 or JPX file, or a bare codestream.

    :raises PhotoRejected: as the structure says, or as ``check`` does.
    :raises ValueError: the samples cannot be read.
    """
    found = read_jp2(data)
    check(found.width, found.height)
    bits = _bits(found)
    channels = len(found.mapping) if found.palette else len(found.depths)
    model = _model(found, channels)
    order = _order(found, channels, COLOURS[model])
    samples = spread(_channels(_decoded(data, found), found), bits)
    if order != list(range(channels)):
        samples = samples[:, :, order]
    if found.colour == SYCC and not found.profile:
        samples = _from_sycc(samples, bits)
    alpha, premultiplied = _alpha(found, order)
    resolution = found.resolution if found.resolution.across else exif_resolution(memoryview(found.blocks.exif))
    facts = Facts(
        resolution, Layout(model, alpha, premultiplied), found.profile, orientation=1, pages=max(1, found.pictures)
    )
    if found.pictures > 1:
        facts.notes.append(f"the file holds {found.pictures} pictures, of which the first was read")
    if exif_orientation(memoryview(found.blocks.exif)) != 1:
        facts.notes.append("its EXIF data say that it lies on its side; JPEG 2000 is shown as it is stored")
    return Scan(as_image(samples), facts, found.blocks)


def _bits(found: Jp2) -> int:
    """Depth of every channel. :raises PhotoRejected: unsupported_format."""
    if found.signed:
        raise unsupported("JPEG 2000 with signed samples is", SAVE)
    if found.subsampled:
        raise unsupported("JPEG 2000 whose channels have different sizes is", SAVE)
    if len(set(found.depths)) > 1 or found.depths[0] > _MOST_BITS:
        raise unsupported(f"JPEG 2000 with channels of {', '.join(map(str, found.depths))} bits is", SAVE)
    return found.palette.bits if found.palette else found.depths[0]


def _model(found: Jp2, channels: int) -> Model:
    """Colour model by profile, by number, or, of a bare codestream, by the number of its components."""
    model: Model | None = None
    if found.profile:
        model = _SPACES.get(colour_space(found.profile))
    elif found.colour:
        model = _MODELS[found.colour]
    elif not found.other_colour:
        model = _BARE.get(channels)
    if model is None:
        said = found.other_colour or colour_space(found.profile) or f"{channels} components of no known colour"
        raise unsupported(f"JPEG 2000 with {said} is", SAVE)
    if channels < COLOURS[model]:
        raise ValueError(f"{channels} channels are too few for {model}")
    return model


def _order(found: Jp2, channels: int, colours: int) -> list[int]:
    """Channels with the colours first and in their order. :raises ValueError: the file contradicts itself."""
    places = {colour - 1: channel for channel, kind, colour in found.channels if kind == _COLOUR and colour}
    order = [places.get(k, k) for k in range(colours)]
    if len(set(order)) < colours or max(order) >= channels:
        raise ValueError("the JPEG 2000 file describes its channels wrongly")
    return order + [k for k in range(channels) if k not in order]


def _alpha(found: Jp2, order: list[int]) -> tuple[int | None, bool]:
    """The band that says how opaque the whole picture is, and whether the colours were multiplied with it."""
    for channel, kind, _ in found.channels:
        if kind in {_OPACITY, _PREMULTIPLIED} and channel in order:
            return order.index(channel), kind == _PREMULTIPLIED
    return None, False


def _decoded(data: memoryview, found: Jp2) -> Any:
    """Components, H x W x N. :raises ValueError: they cannot be read, or are others than the header says."""
    codecs = wheel("imagecodecs", "JPEG 2000")
    start, end = found.codestream
    with reading("JPEG 2000", found.width * found.height * len(found.depths)):
        samples = codecs.jpeg2k_decode(data[start:end], planar=False, numthreads=THREADS)
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    if samples.shape != (found.height, found.width, len(found.depths)):
        raise ValueError(f"JPEG 2000: samples in the shape {samples.shape}")
    return samples


def _channels(samples: Any, found: Jp2) -> Any:
    """Components through the palette, if there is one. :raises ValueError: it has no such entry."""
    if found.palette is None:
        return samples
    numpy = wheel("numpy", "JPEG 2000")
    kind = numpy.uint8 if found.palette.bits <= 8 else numpy.uint16
    table = numpy.array(found.palette.columns, kind)
    planes = []
    for component, column in found.mapping:
        if component >= samples.shape[2] or not -1 <= column < len(table):
            raise ValueError("a JPEG 2000 palette that maps what is not there")
        plane = samples[:, :, component]
        if column >= 0 and int(plane.max()) >= table.shape[1]:
            raise ValueError("a JPEG 2000 palette lacks colours that the pixels use")
        planes.append(table[column][plane] if column >= 0 else plane.astype(kind))
    return numpy.dstack(planes)


def _from_sycc(samples: Any, bits: int) -> Any:
    """sYCC (IEC 61966-2-1, annex F: BT.601 weights, the whole range) to sRGB, row by row."""
    numpy = wheel("numpy", "JPEG 2000")
    most = float(numpy.iinfo(samples.dtype).max)
    middle = (1 << (bits - 1)) / ((1 << bits) - 1) * most
    result = samples.copy()
    for row in range(len(samples)):
        luma, blue, red = numpy.moveaxis(samples[row, :, :3].astype(numpy.float32), -1, 0)
        blue, red = blue - middle, red - middle
        colours = (luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue)
        result[row, :, :3] = numpy.rint(numpy.clip(numpy.stack(colours, axis=-1), 0, most)).astype(samples.dtype)
    return result
