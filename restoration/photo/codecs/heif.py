"""AVIF through libavif (imagecodecs), and HEIF (HEIC) through libheif (pi-heif): the primary picture."""

from __future__ import annotations

import io
from typing import Any

from restoration.photo.codecs.wheels import SAVE, THREADS, CheckSize, Scan, as_image, reading, spread, wheel
from restoration.photo.formats.directories import exif_resolution
from restoration.photo.formats.heif import Heif, read_heif
from restoration.photo.formats.layout import COLOURS, Facts, Layout, Model, unsupported

_DEPTHS = {"": 8, "10": 10, "12": 12, "16": 16}


def read_avif(data: memoryview, check: CheckSize) -> Scan:
    """Read an AVIF file; turned as it says by the decoding process, since libavif hands on what is stored.

    :raises PhotoRejected: as ``check`` does; truncated, unsupported_format.
    :raises ValueError: it cannot be read.
    """
    found = read_heif(data)
    check(found.width, found.height)
    if found.cropped:
        raise unsupported("an AVIF picture of which a part is to be shown is", SAVE)
    codecs = wheel("imagecodecs", "AVIF")
    if found.sequence:
        # the still picture, not the first frame: libavif as imagecodecs calls it crashes on sequences
        data[8:12] = b"avif"
    with reading("AVIF", found.width * found.height * 3):
        samples = codecs.avif_decode(data, index=0, numthreads=THREADS)
    if samples.shape[:2] != (found.height, found.width):
        raise ValueError(f"AVIF: samples in the shape {samples.shape}")
    bits = 8 if samples.dtype.itemsize == 1 else found.bits
    if bits not in {8, 10, 12, 16}:
        raise unsupported("an AVIF file that does not say how deep its samples are is", SAVE)
    found.premultiplied = False  # libavif divides the colours by their alpha
    return _scan(samples, bits, found, orientation=found.orientation)


def read_hevc(data: memoryview, check: CheckSize) -> Scan:
    """Read a HEIF file whose picture is coded in HEVC (HEIC); libheif turns it upright.

    :raises PhotoRejected: as ``check`` does; truncated, unsupported_format.
    :raises ValueError: it cannot be read.
    """
    found = read_heif(data)
    check(found.width, found.height)
    library = wheel("pi_heif", "HEIF (HEIC)")
    for unwanted in ("THUMBNAILS", "DEPTH_IMAGES", "AUX_IMAGES"):
        setattr(library.options, unwanted, False)
    library.options.DECODE_THREADS = THREADS
    with reading("HEIF", found.width * found.height * 3):
        pictures = library.HeifFile(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
        picture = pictures[pictures.primary_index]
        mode, _, deep = picture.mode.partition(";")
        samples = _samples(picture)
    if not found.cropped and sorted(samples.shape[:2]) != sorted((found.height, found.width)):
        raise ValueError(f"HEIF: samples in the shape {samples.shape}")
    found.alpha, found.premultiplied = mode[-1] in "Aa", mode.endswith("a") or found.premultiplied
    return _scan(samples, _DEPTHS[deep], found, orientation=1)


def _samples(picture: Any) -> Any:
    """H x W x N, copied, since the memory goes with the picture; rows may be longer than it is wide."""
    numpy = wheel("numpy", "HEIF (HEIC)")
    width, height = picture.size
    return numpy.array(picture)[:height, :width]


def _scan(samples: Any, bits: int, found: Heif, *, orientation: int) -> Scan:
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    model: Model = "gray" if samples.shape[2] < 3 else "rgb"
    alpha = COLOURS[model] if found.alpha and samples.shape[2] > COLOURS[model] else None
    resolution = exif_resolution(memoryview(found.blocks.exif))
    layout = Layout(model, alpha, found.premultiplied and alpha is not None)
    facts = Facts(resolution, layout, found.profile, orientation, pages=found.pictures)
    if found.sequence:
        facts.notes.append("the file holds a sequence too; its still picture was read")
    if found.pictures > 1:
        facts.notes.append(f"the file holds {found.pictures} pictures, of which the primary one was read")
    return Scan(as_image(spread(samples, bits)), facts, found.blocks)
