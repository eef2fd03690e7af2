"""JPEG that libvips does not read: lossless, with 12 bits, JPEG-LS; through libjpeg-turbo and CharLS (imagecodecs)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.codecs.wheels import SAVE, CheckSize, Scan, as_image, reading, spread, wheel
from restoration.photo.formats.blocks import jpeg_blocks
from restoration.photo.formats.directories import exif_orientation
from restoration.photo.formats.jpeg import Frame, jpeg_profile, jpeg_resolution
from restoration.photo.formats.layout import Facts, Layout, unsupported

_END = b"\xff\xd9"
_FILLING = b"\x55\xaa" * 40
"""Bytes that no decoder comes to read if the data before them are whole."""


def read_jpeg(data: memoryview, frame: Frame, check: CheckSize) -> Scan:
    """Read a JPEG file of one of these kinds.

    :raises PhotoRejected: as ``check`` does; truncated, corrupt, unsupported_format.
    :raises ValueError: it cannot be read.
    """
    check(frame.width, frame.height)
    if frame.components not in {1, 3}:
        raise unsupported(f"{frame.reader} of {frame.components} channels is", SAVE)
    codecs = wheel("imagecodecs", frame.reader)
    stream = bytes(data)
    if _END not in stream:  # CharLS takes many seconds to find that out
        raise PhotoRejected("the JPEG data end too early", reason=ReasonCode.TRUNCATED)
    with reading(frame.reader, frame.width * frame.height * frame.components):
        samples = codecs.jpegls_decode(stream) if frame.reader == "JPEG-LS" else whole(stream, codecs.jpeg_decode)
    if samples.shape[:2] != (frame.height, frame.width):
        raise ValueError(f"{frame.reader}: samples in the shape {samples.shape}")
    blocks = jpeg_blocks(data)
    layout = Layout("gray" if frame.components == 1 else "rgb")
    orientation = exif_orientation(memoryview(blocks.exif))
    facts = Facts(jpeg_resolution(data), layout, jpeg_profile(data), orientation)
    return Scan(as_image(spread(samples, frame.bits)), facts, blocks)


def whole(stream: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Samples of a JPEG stream whose data do not end too early.

    libjpeg goes on with zeros if the data end before the picture does, and its warning of that is not handed on. So the
    stream is decoded twice, the second time with more bytes before its end: if they change anything, they were needed.

    :raises PhotoRejected: truncated, corrupt.
    """
    end = stream.rfind(_END)
    if end < 0:
        raise PhotoRejected("the JPEG data end too early", reason=ReasonCode.TRUNCATED)
    samples = decode(stream)
    again = decode(stream[:end] + _FILLING + stream[end:])
    if samples.shape != again.shape or (samples != again).any():
        raise PhotoRejected("the JPEG data are fewer than the picture needs", reason=ReasonCode.CORRUPT)
    return samples
