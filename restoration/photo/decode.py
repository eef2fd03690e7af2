"""Untrusted scans to pictures, in a separate process with limits on time, memory and pixels.

The process (:mod:`restoration.photo.decoder_child`) is started on first use and kept. Scans go to it, and pixels come
back, through two nameless shared files that both sides map into memory; only a line of JSON each way goes through
pipes. When a scan crashes it, or takes too long or too much memory, that scan is rejected and the next one gets a new
process.
"""

from __future__ import annotations

import json
import mmap
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from restoration.errors import EnvironmentProblem, PhotoRejected, ReasonCode
from restoration.photo import bands
from restoration.photo.magic import identify
from restoration.photo.picture import FloatImage, Picture, Samples, ScanInfo
from restoration.settings import Settings

PartBox = tuple[float, float, int, int, float]
T = TypeVar("T")

_CHILD = "restoration.photo.decoder_child"
_START_SECONDS = 60.0
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")
_CHILD_SETTINGS = {
    **{"VIPS_CONCURRENCY": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
    **{"PYTHONWARNINGS": "ignore", "G_DEBUG": ""},
}
_NO_MEMORY = ("failed to allocate", "MemoryError", "Memory allocation", "annot allocate memory", "std::bad_alloc")
_MAX_ANSWER = 1 << 20


@dataclass(frozen=True)
class DecodeLimits:
    """What one scan may cost: bytes, pixels, shortest side, seconds, and MiB beyond the process's start-up size."""

    max_bytes: int = 3 * 1024**3
    max_pixels: int = 400_000_000
    min_side: int = 16
    seconds: float = 180.0
    memory_mb: int = 6144

    @classmethod
    def from_settings(cls, settings: Settings) -> DecodeLimits:
        """The limits that the settings give."""
        return cls(
            max_bytes=settings.max_object_bytes,
            max_pixels=settings.max_pixels,
            min_side=settings.min_side,
            seconds=settings.decode_seconds,
            memory_mb=settings.decode_memory_mb,
        )


class Decoder:
    """Owns one decoding process, reused from scan to scan. A context manager; threads take turns.

    ::

        with Decoder(DecodeLimits.from_settings(get_settings())) as decoder:
            picture = decoder.decode(data, "album/0001.tif")
    """

    def __init__(self, limits: DecodeLimits | None = None, *, position: bool = False) -> None:
        """:param position: whether the place where a file was made (GPS) may be among what people wrote."""
        self.limits = limits or DecodeLimits()
        self._position = position
        self._child: _Child | None = None
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
        :raises EnvironmentProblem: the decoding process cannot be started at all.
        """
        return self._asked(data, name, lambda child, kind: child.decode(data, kind, name, page))

    def pages(self, data: bytes, name: str) -> int:
        """How many photographs a file holds, by its structure alone; 0 if that cannot be read.

        :raises EnvironmentProblem: the decoding process cannot be started at all.
        """
        try:
            kind = self._identified(data, name)
            return 1 if kind != "tiff" else self._with_child(lambda child: child.pages(data, kind, name))
        except (PhotoRejected, _ChildLost):
            return 0

    def cut(self, data: bytes, name: str, part: PartBox, page: int = 1) -> bytes:
        """A part of a scan as a TIFF file of its own, with the scan's own samples, profile, resolution, XMP and IPTC.

        A straight part keeps its samples as they are; one that lies askew is turned straight, with bicubic
        interpolation. What :meth:`decode` makes of a scan (sRGB, alpha on white) is not done here.

        :param part: the middle (from the top left corner of the upright scan), whole width and height, in pixels, and
            the turn in degrees clockwise. A straight part must lie inside the scan.
        :param page: which of the file's photographs, from 1.
        :raises PhotoRejected: as :meth:`decode` does.
        :raises EnvironmentProblem: the decoding process cannot be started at all.
        """
        return self._asked(data, name, lambda child, kind: child.cut(data, kind, name, page, part))

    def _asked(self, data: bytes, name: str, ask: Callable[[_Child, str], T]) -> T:
        kind = self._identified(data, name)
        try:
            return self._with_child(lambda child: ask(child, kind))
        except _ChildLost as lost:
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

    def _with_child(self, ask: Callable[[_Child], T]) -> T:
        """What the decoding process answers; it is started if need be. :raises _ChildLost: it is gone."""
        with self._turn:
            if self._child is None:
                self._child = _Child(self.limits, self._position)
            try:
                return ask(self._child)
            except _ChildLost:
                self._end_child()
                raise

    def _rejected(self, lost: _ChildLost, data: bytes, name: str) -> PhotoRejected:
        """A page that took the process with it says nothing of the others, so a new process counts them."""
        error = PhotoRejected(lost.message, reason=lost.reason, photo=name)
        error.pages = self.pages(data, name)
        return error

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _ChildLost(Exception):
    """The decoding process is gone or was ended; carries what that says about the scan."""

    def __init__(self, message: str, reason: ReasonCode) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class _Child:
    """One decoding process with its two shared files."""

    def __init__(self, limits: DecodeLimits, position: bool) -> None:
        self._limits, self._position = limits, position
        self._loaded: bytes | None = None
        self._source, self._target = _nameless_file(), _nameless_file()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ} | _CHILD_SETTINGS
        descriptors = (self._source, self._target)
        self._process = subprocess.Popen(  # noqa: S603 - our own module, fixed arguments
            [sys.executable, "-m", _CHILD, *map(str, descriptors), str(limits.memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=descriptors,
            env=environment,
            start_new_session=True,
        )
        try:
            self._answer(_START_SECONDS)
        except _ChildLost as lost:
            message = f"the decoding process does not start: {lost.message}; run 'restoration doctor'"
            self.end()
            raise EnvironmentProblem(message) from lost

    def decode(self, data: bytes, kind: str, name: str, page: int) -> Picture:
        """Pixels of one page. :raises PhotoRejected: as the child says. :raises _ChildLost: it said nothing."""
        answer = self._requested(data, kind, name, page)
        extra = bool(answer.pop("extra", False))
        info = ScanInfo(**answer)
        pixels, beside = self._pixels(info, extra=extra)
        os.ftruncate(self._target, 0)
        if info.page >= info.pages:
            self._forget()
        return Picture(pixels, info, beside)

    def pages(self, data: bytes, kind: str, name: str) -> int:
        """Photographs in a file. :raises PhotoRejected: as the child says. :raises _ChildLost: it said nothing."""
        pages: int = self._requested(data, kind, name, 0)["pages"]
        return pages

    def cut(self, data: bytes, kind: str, name: str, page: int, part: PartBox) -> bytes:
        """A TIFF file of a part of a scan. Raises as :meth:`decode` does."""
        self._requested(data, kind, name, page, part)
        size = os.fstat(self._target).st_size
        with mmap.mmap(self._target, size, access=mmap.ACCESS_READ) as shared:
            file = bytes(shared)
        os.ftruncate(self._target, 0)
        return file

    def _requested(self, data: bytes, kind: str, name: str, page: int, part: PartBox | None = None) -> dict[str, Any]:
        """What the child says of a page, after it did what was asked."""
        if data is not self._loaded:  # the pages of a file come one after the other
            self._forget()
            _write_all(self._source, data)
            self._loaded = data
        request = {
            "format": kind,
            "size": len(data),
            "page": page,
            "max_pixels": self._limits.max_pixels,
            "min_side": self._limits.min_side,
            "seconds": self._limits.seconds,
            "position": self._position,
            "part": part,
        }
        self._send(json.dumps(request).encode() + b"\n")
        answer = self._answer(self._limits.seconds)
        if "reason" in answer:
            error = PhotoRejected(str(answer["detail"]), reason=ReasonCode(answer["reason"]), photo=name)
            error.pages = int(answer["pages"])
            if error.pages <= page:
                self._forget()
            raise error
        return answer

    def _forget(self) -> None:
        """Give back the memory of a file that no other page is asked of."""
        self._loaded = None
        os.ftruncate(self._source, 0)

    def end(self) -> None:
        """Kill the process and give everything back. Never fails."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                _close_quietly(stream)
        os.close(self._source)
        os.close(self._target)

    def _send(self, line: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - for the type checker: we asked for a pipe
        try:
            stdin.write(line)
            stdin.flush()
        except BrokenPipeError as error:
            raise self._lost() from error

    def _answer(self, seconds: float) -> dict[str, Any]:
        """One line from the child within ``seconds``."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - for the type checker: we asked for a pipe
        deadline = time.monotonic() + seconds
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    message = f"decoding took longer than {seconds:g} s (RESTORATION_DECODE_SECONDS)"
                    raise _ChildLost(message, ReasonCode.DECODE_TIMEOUT)
                chunk = os.read(stdout.fileno(), 65536)
                if not chunk or len(received) > _MAX_ANSWER:
                    raise self._lost()
                received += chunk
        answer: dict[str, Any] = json.loads(received)
        return answer

    def _lost(self) -> _ChildLost:
        """Why the process ended, by its exit status and last words."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        self._errors.seek(0)
        words = " ".join(self._errors.read()[-2000:].decode("utf-8", "replace").split())[-200:]
        if code == -signal.SIGXCPU:
            message = "decoding used up its processor time (RESTORATION_DECODE_SECONDS)"
            return _ChildLost(message, ReasonCode.DECODE_TIMEOUT)
        if code == -signal.SIGKILL or any(said in words for said in _NO_MEMORY):
            message = "decoding needs more memory than allowed (RESTORATION_DECODE_MEMORY_MB)"
            return _ChildLost(message, ReasonCode.DECODE_MEMORY)
        return _ChildLost(f"the decoder crashed on this scan (exit status {code}) {words}", ReasonCode.DECODER_CRASHED)

    def _pixels(self, info: ScanInfo, *, extra: bool) -> tuple[FloatImage, Samples | None]:
        """The picture, and the samples of a further channel that lie behind it in the shared file."""
        kind, most = (np.dtype(np.uint8), 255) if info.bits == 8 else (np.dtype(np.uint16), 65535)
        shape = (info.height, info.width, 3)
        size = int(np.prod(shape)) * kind.itemsize
        whole = size + size // 3 if extra else size
        if os.fstat(self._target).st_size != whole:
            raise _ChildLost("the decoder handed back fewer pixels than it said", ReasonCode.DECODER_CRASHED)
        with bands.watched(mmap.mmap(self._target, whole, access=mmap.ACCESS_READ)) as shared:
            view = np.frombuffer(shared, kind, count=info.height * info.width * 3).reshape(shape)
            pixels = _as_floats(view, np.float32(most))
            del view
            beside: Any = None
            if extra:
                beside = bands.copied(np.frombuffer(shared, kind, offset=size).reshape(shape[:2]))
        return pixels, beside


def _as_floats(view: NDArray[Any], most: np.float32) -> FloatImage:
    """Samples of H x W x 3 over ``most``; a large gray picture becomes one plane."""
    if not bands.is_large(view):
        return np.asarray(np.divide(view, most, dtype=np.float32), np.float32)
    is_gray = all(_is_gray(view[rows]) for rows in bands.bands(view))
    source = view[:, :, 0] if is_gray else view
    pixels = bands.empty(source.shape)
    for rows in bands.bands(view):
        np.divide(source[rows], most, out=pixels[rows], dtype=np.float32)
    return bands.gray(pixels) if is_gray else pixels


def _is_gray(view: NDArray[Any]) -> bool:
    return np.array_equal(view[..., 0], view[..., 1]) and np.array_equal(view[..., 0], view[..., 2])


def _nameless_file() -> int:
    """Descriptor of a file without a name, on disk: large scans need not be held in memory for the sake of the way."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write_all(descriptor: int, data: bytes) -> None:
    os.ftruncate(descriptor, 0)
    view, place = memoryview(data), 0
    while place < len(data):
        place += os.pwrite(descriptor, view[place : place + (1 << 30)], place)


def _close_quietly(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return
