"""Untrusted scans to pictures, in a separate process with limits on time, memory and pixels, that can do nothing else.

The process (:mod:`restoration.photo.decoder_child`) is started on first use and kept. Scans go to it, and pixels come
back, through nameless files that both sides share; only a line of JSON each way goes through pipes. It is confined
before it sees a scan (:mod:`restoration.photo.sandbox`), and nothing that it says is believed
(:mod:`restoration.photo.decoding_process`). When a scan crashes it, or takes too long or too much memory, that scan is
rejected and the next one gets a new process. If somebody kills it, which a system short of memory does to whatever is
largest, the scan is tried once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.decoding_process import PROGRAM, ChildLost, DecodeLimits, DecodingProcess, PartBox
from restoration.photo.magic import identify
from restoration.photo.picture import Picture
from restoration.photo.sandbox.layers import Held

T = TypeVar("T")

__all__ = ["DecodeLimits", "Decoder"]


class Decoder:
    """Owns one decoding process, reused from scan to scan. A context manager; threads take turns.

    ::

        with Decoder(DecodeLimits.from_settings(get_settings())) as decoder:
            picture = decoder.decode(data, "album/0001.tif")
    """

    def __init__(self, limits: DecodeLimits | None = None, *, position: bool = False) -> None:
        """:param position: whether the place where a file was made (GPS) may be among what people wrote."""
        self.limits = limits or DecodeLimits()
        self._position, self._program = position, PROGRAM
        self._child: DecodingProcess | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the decoding process, if there is one. The decoder may be used again afterwards."""
        with self._turn:
            self._end_child()

    def decode(self, data: bytes, name: str, page: int = 1) -> Picture:
        """Decode one scan to sRGB.

        Orientation is applied (``info.width`` and ``info.height`` are of the upright scan), the embedded ICC profile,
        CMYK, Lab or YCbCr is converted to sRGB, alpha is flattened on white and other extra channels are left out, gray
        becomes three equal channels, the page is taken at its full resolution. Files of more than 8
        bits keep 16 (``info.bits``). What was taken another way than the file says is in ``info.metadata["notes"]``,
        what people wrote into it in ``info.embedded``.

        :param data: the whole file.
        :param name: for messages, and to tell raw files of cameras from other TIFF files.
        :param page: which of the file's photographs, from 1 to ``info.pages``.
        :raises PhotoRejected: empty_file, not_an_image, unsupported_format, too_large, too_many_pixels, too_small,
            truncated, corrupt, decode_timeout, decode_memory or decoder_crashed; its ``pages`` are right all the same,
            or 0 if the file's structure cannot be read.
        :raises EnvironmentProblem: the decoding process cannot be started at all, or not as confined as it has to be;
            DiskFull: there is no room for what is decoded.
        """
        return self._asked(data, name, lambda child, kind: child.decode(data, kind, name, page))

    def pages(self, data: bytes, name: str) -> int:
        """How many photographs a file holds, by its structure alone; 0 if that cannot be read.

        :raises EnvironmentProblem: the decoding process cannot be started at all, or not as confined as it has to be.
        """
        try:
            kind = self._identified(data, name)
            return 1 if kind != "tiff" else self._with_child(lambda child: child.pages(data, kind, name))
        except (PhotoRejected, ChildLost):
            return 0

    def cut(self, data: bytes, name: str, part: PartBox, page: int = 1) -> bytes:
        """A part of a scan as a TIFF file of its own, with the scan's own samples, profile, resolution, XMP and IPTC.

        A straight part keeps its samples as they are; one that lies askew is turned straight, with bicubic
        interpolation. What :meth:`decode` makes of a scan (sRGB, alpha on white) is not done here.

        :param part: the middle (from the top left corner of the upright scan), whole width and height, in pixels, and
            the turn in degrees clockwise. A straight part must lie inside the scan.
        :param page: which of the file's photographs, from 1.
        :raises PhotoRejected: as :meth:`decode` does.
        :raises EnvironmentProblem: the decoding process cannot be started at all, or not as confined as it has to be.
        """
        return self._asked(data, name, lambda child, kind: child.cut(data, kind, name, page, part))

    def layers(self) -> list[Held]:
        """What confines the decoding process on this machine; it is started if need be.

        :raises EnvironmentProblem: as :meth:`decode`.
        """
        return self._with_child(lambda child: child.layers)

    def _asked(self, data: bytes, name: str, ask: Callable[[DecodingProcess, str], T]) -> T:
        """What the process answers; asked once more, of a new one, if the first was ended from outside."""
        kind = self._identified(data, name)
        try:
            try:
                return self._with_child(lambda child: ask(child, kind))
            except ChildLost as lost:
                if not lost.from_outside:
                    raise
            return self._with_child(lambda child: ask(child, kind))
        except ChildLost as lost:
            raise self._rejected(lost, data, name) from lost

    def _identified(self, data: bytes, name: str) -> str:
        kind = identify(data, name)
        if len(data) > self.limits.max_bytes:
            raise PhotoRejected(
                f"the file has {len(data)} bytes, more than the limit of {self.limits.max_bytes} "
                "(RESTORATION_MAX_OBJECT_BYTES)",
                reason=ReasonCode.TOO_LARGE,
                photo=name,
            )
        return kind

    def _with_child(self, ask: Callable[[DecodingProcess], T]) -> T:
        """What the decoding process answers; it is started if need be. :raises ChildLost: it is gone."""
        with self._turn:
            if self._child is None:
                self._child = DecodingProcess(self.limits, position=self._position, program=self._program)
            try:
                return ask(self._child)
            except ChildLost:
                self._end_child()
                raise

    def _rejected(self, lost: ChildLost, data: bytes, name: str) -> PhotoRejected:
        """A page that took the process with it says nothing of the others, so a new process counts them."""
        error = PhotoRejected(lost.message, reason=lost.reason, photo=name)
        error.pages = self.pages(data, name)
        return error

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None
