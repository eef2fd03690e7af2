"""JPEG XL through libjxl (imagecodecs), turned upright by it, in the colours that it says."""

from __future__ import annotations

from typing import Any

from restoration.photo.codecs.libjxl import JxlHeader, read_header
from restoration.photo.codecs.wheels import SAVE, THREADS, CheckSize, Scan, as_image, reading, spread, wheel
from restoration.photo.formats.directories import exif_resolution
from restoration.photo.formats.jxl import MOST_EXIF, read_jxl
from restoration.photo.formats.layout import Facts, Layout, Model, unsupported

_FILMS = {16: "PQ", 18: "HLG"}
_MOST_BITS = 16


def read_jpegxl(data: memoryview, check: CheckSize) -> Scan:
    """Read a file or a bare codestream.

    :raises PhotoRejected: as ``check`` does; unsupported_format.
    :raises ValueError: it cannot be read.
    """
    header = read_header(data)
    check(header.width, header.height)
    _refuse_unread(header)
    blocks = read_jxl(data, _unpacked)
    model: Model = "gray" if header.colours == 1 else "rgb"
    samples = _decoded(data, header)
    layout = Layout(model, header.colours if header.alpha else None, header.premultiplied)
    facts = Facts(exif_resolution(memoryview(blocks.exif)), layout, header.profile, orientation=1)
    if header.moves:
        facts.notes.append("the file holds several pictures, of which the first was read")
    return Scan(as_image(samples), facts, blocks)


def _refuse_unread(header: JxlHeader) -> None:
    if header.curve in _FILMS:
        raise unsupported(f"JPEG XL with the curve of films ({_FILMS[header.curve]}) is", SAVE)
    if header.extras > int(header.alpha):
        raise unsupported("JPEG XL with channels beside its colours and alpha is", SAVE)
    if not header.floats and header.bits > _MOST_BITS:
        raise unsupported(f"JPEG XL with samples of {header.bits} bits is", SAVE)
    if not header.profile:
        raise unsupported("JPEG XL of no known colour is", SAVE)


def _unpacked(packed: bytes) -> bytes:
    """What is packed with Brotli. :raises ValueError: it is damaged, or longer than people's words are."""
    codecs = wheel("imagecodecs", "JPEG XL")
    with reading("Brotli", 0):
        return bytes(codecs.brotli_decode(packed, out=MOST_EXIF))


def _decoded(data: memoryview, header: JxlHeader) -> Any:
    """The first picture, H x W x N. :raises ValueError: it is not whole, or another than the header says."""
    codecs = wheel("imagecodecs", "JPEG XL")
    with reading("JPEG XL", header.width * header.height * (header.colours + header.extras)):
        samples = codecs.jpegxl_decode(data, index=0 if header.moves else None, numthreads=THREADS)
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    if samples.shape != (header.height, header.width, header.colours + int(header.alpha)):
        raise ValueError(f"JPEG XL: samples in the shape {samples.shape}")
    return samples if header.floats else spread(samples, header.bits)
