"""What a file is by its first bytes, before any library sees it.

Names and content types are never believed, except that a TIFF file with the name of a camera's raw file is one.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.formats.isobox import is_cut_off

_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG2000 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_JPEG_XL = (b"\0\0\0\x0cJXL ", b"\xff\x0a")
_AVIF = frozenset({b"avif", b"avis"})
_HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"})
"""Brands of the file type box (AV1 Image File Format 1.1; ISO/IEC 23008-12, annex B)."""
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript or EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"8BPS", "Photoshop"),
    (b"II*\0\x10\0\0\0CR", "Canon raw"),
    (b"IIRO", "Olympus raw"),
    (b"IIRS", "Olympus raw"),
    (b"MMOR", "Olympus raw"),
    (b"IIU\0", "Panasonic raw"),
    (b"FOVb", "Sigma raw"),
    (b"\0MRM", "Minolta raw"),
    (b"FUJIFILM", "Fujifilm raw"),
    (b"gimp xcf", "GIMP"),
    (b"DDS ", "DirectDraw"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"AT&T", "DjVu"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance"),
    (b"SIMPLE  =", "FITS"),
    *((b"P%d" % number + space, "PNM") for number in range(1, 8) for space in (b"\n", b"\r", b" ")),
)
RAW_SUFFIXES = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"),
        *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)
"""Endings of cameras' raw files. Many are TIFF files by their first bytes, of which others read a thumbnail alone."""
_NO_IMAGE: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_ACCEPTED_TEXT = "JPEG, PNG, TIFF, JPEG 2000, JPEG XL, HEIF, AVIF, WebP and BMP are accepted"


def identify(data: bytes, name: str) -> str:
    """Name of the accepted format: jpeg, png, tiff, webp, bmp, jpeg2000, jpegxl, heif or avif.

    :param data: the whole file, or at least its first 4 KiB.
    :param name: for messages, and to tell raw files of cameras from other TIFF files.
    :raises PhotoRejected: empty_file, unsupported_format (an image of a kind that is not read) or not_an_image.
    """
    if not data:
        raise PhotoRejected("the file is empty; upload the scan again", reason=ReasonCode.EMPTY_FILE, photo=name)
    head = data[:4096]
    _refuse_known(head, name)
    found = _accepted(head)
    if found is None:
        raise PhotoRejected(
            f"this is no image by its first bytes; {_ACCEPTED_TEXT}", reason=ReasonCode.NOT_AN_IMAGE, photo=name
        )
    if found == "tiff" and PurePosixPath(name).suffix.lower() in RAW_SUFFIXES:
        raise PhotoRejected(
            "this is a camera's raw file by its name and first bytes, which is not read; develop it to TIFF or PNG",
            reason=ReasonCode.UNSUPPORTED_FORMAT,
            photo=name,
        )
    return found


def _accepted(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(_TIFF):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for starts, kind in ((_JPEG2000, "jpeg2000"), (_JPEG_XL, "jpegxl")):
        if head.startswith(starts):
            return kind
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    return None


def _of_brands(head: bytes) -> str | None:
    """HEIF or AVIF by the brands of the file type box, the major one first; None if it is neither."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[place : place + 4] for place in range(16, end - 3, 4))]
    if brands[0] in _AVIF or (brands[0] not in _HEIF - {b"mif1", b"msf1"} and _AVIF.intersection(brands)):
        return "avif"
    return "heif" if _HEIF.intersection(brands) else None


def _refuse_known(head: bytes, name: str) -> None:
    """Say precisely what the common mistakes are."""
    for magic, kind in _REFUSED:
        if head.startswith(magic):
            _unsupported(kind, name)
    if head[4:8] == b"ftyp":
        if head[8:12] == b"crx ":
            _unsupported("Canon raw (CR3)", name)
        if _of_brands(head) is None:
            _unsupported("films and other ISO media", name)
    for magic, kind in _NO_IMAGE:
        if head.startswith(magic):
            raise PhotoRejected(
                f"this is {kind}, not an image; {_ACCEPTED_TEXT}", reason=ReasonCode.NOT_AN_IMAGE, photo=name
            )
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").replace(b"\0", b"").lower()
    if text.startswith(b"<"):
        _refuse_markup(text, name)


def _refuse_markup(text: bytes, name: str) -> None:
    if re.search(rb"<svg[\s>:]", text) or b"<!doctype svg" in text:
        _unsupported("SVG", name)
    kind = "an HTML page" if re.match(rb"<(!doctype html|html|head|body)", text) else "XML or HTML text"
    raise PhotoRejected(
        f"this is {kind}, not an image; the download of the scan probably failed",
        reason=ReasonCode.NOT_AN_IMAGE,
        photo=name,
    )


def _unsupported(kind: str, name: str) -> None:
    raise PhotoRejected(
        f"{kind} files are not read; {_ACCEPTED_TEXT}", reason=ReasonCode.UNSUPPORTED_FORMAT, photo=name
    )


def looks_cut_off(data: bytes | bytearray | memoryview, kind: str) -> bool:
    """Whether the file lacks its own end: tells a file that was cut off from one with wrong bytes inside.

    Only asked about files that failed to decode; scanners and cameras may write anything after a picture's end.
    """
    tail = bytes(data[-4096:])
    if kind == "jpeg":
        return b"\xff\xd9" not in tail
    if kind == "png":
        return b"IEND" not in tail
    if kind == "webp":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if kind in {"jpeg2000", "jpegxl", "avif", "heif"}:
        return data[:2] not in (b"\xff\x4f", b"\xff\x0a") and is_cut_off(memoryview(data))
    if kind == "tiff":
        order: Literal["little", "big"] = "little" if data[0] == 0x49 else "big"
        return int.from_bytes(data[4:8], order) >= len(data)
    return False
