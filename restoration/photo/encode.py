"""Pictures to bytes: PNG for the archive, JPEG for previews. Same pixels, same bytes: no clock, no random numbers."""

from __future__ import annotations

import io
import shutil
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import PhotoFailed, ReasonCode
from restoration.iptc import COMPOSITE, ENHANCED
from restoration.photo import bands
from restoration.photo.picture import FloatImage, Picture, ScanInfo

_PNG_START = 8 + 25
"""Signature and IHDR chunk: further chunks go behind them."""
_PNG_OPTIONS = (
    # Level 2 with one fixed filter: within 2 % of the best size that zlib reaches in reasonable time, at a fifth of it.
    *(cv2.IMWRITE_PNG_COMPRESSION, 2),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
    *(cv2.IMWRITE_PNG_FILTER, 128),
)
_LARGE_PNG_OPTIONS = (
    # Of 16 bits the lower ones are noise, in which zlib finds no repetition and looks for it at length: within 2 % of
    # the size at a third of the time.
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
    *(cv2.IMWRITE_PNG_FILTER, 16),
)
_PREVIEW_QUALITY = 85
_PIECE = 16 * 1024**2
"""So much of a large file is read at once."""
_MOST_PER_METRE = 2**31 - 1
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
"""Orientations in which the file's rows are the picture's columns."""
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{software}</xmp:CreatorTool>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def encode_png(picture: Picture, *, software: str, ai_altered: bool) -> bytes:
    """PNG of a picture: 8 or 16 bits by ``info.bits``, gray where the three channels are equal, marked as sRGB.

    Carries the scan's resolution along both axes (none if it is not known) and an XMP packet with IPTC
    DigitalSourceType and the program's name. The quantiser is round(x * 255), so values that already lie on the grid
    come out exactly.

    :param software: name and version of the program, for xmp:CreatorTool.
    :param ai_altered: whether a trained model put content into the picture.
    :raises PhotoFailed: encode_failed.
    """
    chunks = _chunk(b"sRGB", b"\x01")
    chunks += _resolution(picture.info)
    chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_packet(software, ai_altered))
    noisy = bands.is_large(picture.pixels) and picture.info.bits == 16
    return _encode(".png", _integers(picture), _LARGE_PNG_OPTIONS if noisy else _PNG_OPTIONS, chunks)


def xmp_packet(software: str, ai_altered: bool) -> bytes:
    """The XMP packet of a restored picture: IPTC DigitalSourceType, and the program's name and version."""
    return _XMP.format(source=COMPOSITE if ai_altered else ENHANCED, software=escape(software)).encode()


def preview_jpeg(pixels: FloatImage, long_side: int) -> bytes:
    """Progressive sRGB JPEG without metadata, its long side at most ``long_side`` pixels (never enlarged).

    :param pixels: H x W x 3 float32 sRGB in [0, 1].
    :raises PhotoFailed: encode_failed.
    """
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    small = pixels
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(bands.resized(pixels, *size), np.float32)
    options = (
        cv2.IMWRITE_JPEG_QUALITY,
        _PREVIEW_QUALITY,
        cv2.IMWRITE_JPEG_PROGRESSIVE,
        1,
        cv2.IMWRITE_JPEG_OPTIMIZE,
        1,
    )
    return _encode(".jpg", to_integers(small, 8), options)


def to_integers(pixels: FloatImage, bits: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Round [0, 1] to the grid of ``bits``: H x W x 3 RGB, uint8 or uint16. Values outside are clipped."""
    if bits == 8:
        return np.asarray(np.rint(np.clip(pixels, 0, 1) * np.float32(255)), np.uint8)
    return np.asarray(np.rint(np.clip(pixels, 0, 1) * np.float32(65535)), np.uint16)


def upright_dpi(info: ScanInfo) -> tuple[float, float]:
    """Pixels per inch across and down the upright picture; 0 if they are not known."""
    down = info.dpi_down or info.dpi
    return (down, info.dpi) if info.orientation in _ON_ITS_SIDE else (info.dpi, down)


def _resolution(info: ScanInfo) -> bytes:
    """Chunk with the pixels per metre of the upright picture; empty if they are not known, or more than PNG can say."""
    per_metre = [round(axis / 0.0254) for axis in upright_dpi(info)]
    if not all(0 < axis <= _MOST_PER_METRE for axis in per_metre):
        return b""
    return _chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1))


def _integers(picture: Picture) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The picture on the grid of its depth; of a large gray one, its one plane seen three times."""
    pixels, bits = picture.pixels, picture.info.bits
    if not bands.is_large(pixels):
        return to_integers(pixels, bits)
    one_plane = bands.is_one_plane(pixels)
    source = pixels[:, :, 0] if one_plane else pixels
    out = bands.empty(source.shape, np.uint8 if bits == 8 else np.uint16)
    for rows in bands.bands(source):
        out[rows] = to_integers(source[rows], bits)
    return bands.gray(out) if one_plane else out


def _encode(
    kind: str, pixels: NDArray[np.uint8] | NDArray[np.uint16], options: tuple[int, ...], chunks: bytes = b""
) -> bytes:
    """Bytes of RGB integers through OpenCV, which wants blue first, or of one channel where all are equal.

    :param chunks: what goes behind a PNG's header.
    """
    image: Any = pixels[:, :, 0] if _is_gray(pixels) else pixels[:, :, ::-1]
    if not image.flags.c_contiguous:
        image = bands.copied(image) if bands.is_large(image) else np.ascontiguousarray(image)
    try:
        if bands.is_large(image):
            return _through_file(kind, image, options, chunks)
        done, encoded = cv2.imencode(kind, image, options)
    except cv2.error as error:
        raise PhotoFailed(f"OpenCV cannot encode this picture: {error}", reason=ReasonCode.ENCODE_FAILED) from error
    if not done:
        raise PhotoFailed("OpenCV cannot encode this picture", reason=ReasonCode.ENCODE_FAILED)
    plain = memoryview(np.asarray(encoded, np.uint8).ravel().data)
    return b"".join((plain[:_PNG_START], chunks, plain[_PNG_START:]))


def _through_file(kind: str, image: NDArray[Any], options: tuple[int, ...], chunks: bytes) -> bytes:
    """The same bytes; in memory OpenCV would hold them up to three times, and they may be more than a gigabyte."""
    whole = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
        path, nameless = Path(folder) / f"picture{kind}", Path(f"/proc/self/fd/{file.fileno()}")
        if nameless.exists():  # a process that is killed leaves a link then, and not a gigabyte
            path.symlink_to(nameless)
        if not cv2.imwrite(str(path), image, options):
            raise PhotoFailed("OpenCV cannot encode this picture", reason=ReasonCode.ENCODE_FAILED)
        # not mapped: as many pages of the file again would lie in memory
        with path.open("rb") as written:
            whole.write(written.read(_PNG_START))
            whole.write(chunks)
            shutil.copyfileobj(written, whole, _PIECE)
    return whole.getvalue()


def _is_gray(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
    if bands.is_one_plane(pixels):
        return True
    parts = (pixels[rows] for rows in bands.bands(pixels))
    return all(
        np.array_equal(part[:, :, 0], part[:, :, 1]) and np.array_equal(part[:, :, 0], part[:, :, 2]) for part in parts
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
