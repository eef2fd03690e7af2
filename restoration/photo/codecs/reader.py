"""Which reader of this room reads a file."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pyvips

from restoration.photo.codecs.wheels import CheckSize, Scan
from restoration.photo.formats.jpeg import Frame
from restoration.photo.formats.tiff import TiffScan

Reader = Callable[[memoryview, CheckSize], Scan]

KINDS = frozenset({"jpeg2000", "jpegxl", "avif", "heif"})
"""Formats, by their first bytes, that libvips never reads here."""


_MODULES = ("heif", "jpeg2000", "jpegs", "jpegxl", "tiff_page")


def load() -> None:
    """Import every reader of this room now, and none of the wheels: a confined process can no longer read its files."""
    for name in _MODULES:
        importlib.import_module(f"restoration.photo.codecs.{name}")


def reader_of(kind: str) -> Reader:
    """The function that reads files of one of the :data:`KINDS`."""
    if kind == "jpeg2000":
        from restoration.photo.codecs.jpeg2000 import read_jpeg2000

        return read_jpeg2000
    if kind == "jpegxl":
        from restoration.photo.codecs.jpegxl import read_jpegxl

        return read_jpegxl
    from restoration.photo.codecs.heif import read_avif, read_hevc

    return read_avif if kind == "avif" else read_hevc


def image_of_page(data: memoryview, scan: TiffScan, check: CheckSize) -> pyvips.Image:
    """Samples of a TIFF page that libvips does not read; the scan's layout is changed to what they mean now."""
    from restoration.photo.codecs.tiff_page import read_page

    page, layout = scan.page, scan.facts.layout
    assert page is not None  # noqa: S101 - for the type checker: it is asked for such pages alone
    assert layout is not None  # noqa: S101 - for the type checker: a TIFF scan has one
    check(page.width, page.height)
    image, scan.facts.layout = read_page(data, page, layout)
    return image


def scan_of_jpeg(data: memoryview, frame: Frame, check: CheckSize) -> Scan:
    """A JPEG file of a kind that libvips does not read."""
    from restoration.photo.codecs.jpegs import read_jpeg

    return read_jpeg(data, frame, check)
