"""One decoding process with the files that it shares with this one, which believes nothing that it says.

A scan may have taken the process over. So its lines are bounded and held to what was asked
(:mod:`restoration.photo.answers`), what it wrote is copied and never mapped (:mod:`restoration.photo.shared_files`),
and it has neither our environment nor anything else of ours (:mod:`restoration.photo.sandbox`).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from restoration.errors import DiskFull, EnvironmentProblem, PhotoRejected, ReasonCode
from restoration.photo import answers, shared_files
from restoration.photo.picture import FloatImage, Picture, Samples
from restoration.photo.sandbox.layers import Held, unkept
from restoration.photo.shared_files import (
    FileTooShort,
    nameless_file,
    read_all,
    read_only,
    read_picture,
    read_plane,
    write_all,
)
from restoration.settings import Settings

PartBox = tuple[float, float, int, int, float]
T = TypeVar("T")

PROGRAM = "restoration.photo.decoder_child"
_START_SECONDS = 60.0
_PASSED_ON = ("LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
_OWN_VARIABLES = {
    **{"VIPS_CONCURRENCY": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
    **{"PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "G_DEBUG": ""},
}
_NO_MEMORY = ("failed to allocate", "MemoryError", "Memory allocation", "annot allocate memory", "std::bad_alloc")
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
"""Nothing that a scan does to its process ends it so."""
_NO_ROOM = os.strerror(errno.ENOSPC)
_FILE_BYTES_A_PIXEL = 24
"""A picture that is turned lies in its file as floats, of up to six channels."""
_FILE_BYTES_BESIDE = 64 << 20
_WORDS = 64 << 10
"""Bytes that the process may write as its last words."""


@dataclass(frozen=True)
class DecodeLimits:
    """What one scan may cost: bytes, pixels, shortest side, seconds, and MiB beyond the process's start-up size.

    ``confined``: whether a process is refused that the kernel does not confine in every respect.
    """

    max_bytes: int = 3 * 1024**3
    max_pixels: int = 400_000_000
    min_side: int = 16
    seconds: float = 180.0
    memory_mb: int = 6144
    confined: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> DecodeLimits:
        """The limits that the settings give."""
        return cls(
            max_bytes=settings.max_object_bytes,
            max_pixels=settings.max_pixels,
            min_side=settings.min_side,
            seconds=settings.decode_seconds,
            memory_mb=settings.decode_memory_mb,
            confined=settings.decoder_sandbox == "required",
        )

    @property
    def file_bytes(self) -> int:
        """How long a file that the process writes into may become."""
        return self.max_pixels * _FILE_BYTES_A_PIXEL + _FILE_BYTES_BESIDE


class ChildLost(Exception):
    """The decoding process is gone or was ended; carries what that says about the scan.

    ``from_outside``: somebody else ended it (an operator, a system short of memory), so that the scan may be fine.
    """

    def __init__(self, message: str, reason: ReasonCode, *, from_outside: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.from_outside = from_outside


class DecodingProcess:
    """One decoding process, with the scan, its pixels and room for a turned picture in shared files."""

    def __init__(self, limits: DecodeLimits, *, position: bool, program: str = PROGRAM) -> None:
        """:raises EnvironmentProblem: it does not start, or is not confined and has to be."""
        self._limits, self._position = limits, position
        self._loaded: bytes | None = None
        self._source, self._target, self._scratch = nameless_file(), nameless_file(), nameless_file()
        self._errors = _last_words()
        self._process = self._run(program)
        self.layers = self._started()

    def _run(self, program: str) -> subprocess.Popen[bytes]:
        """:raises OSError: no process can be started."""
        scan = read_only(self._source)
        given = (scan, self._target, self._scratch)
        try:
            return subprocess.Popen(  # noqa: S603 - our own module, fixed arguments
                [sys.executable, "-P", "-m", program]
                + [str(number) for number in (*given, self._limits.memory_mb, self._limits.file_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                pass_fds=given,
                env=_environment(),
                start_new_session=True,
            )
        finally:
            os.close(scan)

    def _started(self) -> list[Held]:
        """What the process says of its layers. :raises EnvironmentProblem: as the constructor does."""
        try:
            layers = _understood(lambda: answers.read_ready(self._line(_START_SECONDS)))
        except ChildLost as lost:
            self.end()
            message = f"the decoding process does not start: {lost.message}; run 'restoration doctor'"
            raise EnvironmentProblem(message) from lost
        lacking = unkept(layers)
        if self._limits.confined and lacking:
            self.end()
            refused = "; ".join(f"{state.layer}: {state.detail}" for state in layers if not state.held)
            raise EnvironmentProblem(
                f"on this machine nothing sees to it that the decoding process {', '.join(lacking)} ({refused}), and "
                "RESTORATION_DECODER_SANDBOX is required; run 'restoration doctor'"
            )
        return layers

    def decode(self, data: bytes, kind: str, name: str, page: int) -> Picture:
        """Pixels of one page. :raises PhotoRejected: as the child says. :raises ChildLost: it said nothing fitting."""
        answer = self._decoded(data, kind, name, page, None)
        pixels, beside = _understood(lambda: self._pixels(answer))
        self._empty_files()
        if answer.page >= answer.pages:
            self._forget()
        return Picture(pixels, answer.info, beside)

    def pages(self, data: bytes, kind: str, name: str) -> int:
        """Photographs in a file. Raises as :meth:`decode` does."""
        line = self._asked(data, kind, 0, None)
        answer = _understood(lambda: answers.read_counted(line))
        if isinstance(answer, answers.Refusal):
            raise self._refused(answer, name, 0)
        return answer.pages

    def cut(self, data: bytes, kind: str, name: str, page: int, part: PartBox) -> bytes:
        """A TIFF file of a part of a scan. Raises as :meth:`decode` does."""
        answer = self._decoded(data, kind, name, page, part)
        size = os.fstat(self._target).st_size
        if not 0 < size <= answer.most_part_bytes(len(data)):
            raise _untrue(f"it handed back a part of {size} bytes")
        file = _understood(lambda: read_all(self._target, size))
        self._empty_files()
        return file

    def _decoded(self, data: bytes, kind: str, name: str, page: int, part: PartBox | None) -> answers.Decoded:
        line = self._asked(data, kind, page, part)
        answer = _understood(
            lambda: answers.read_decoded(
                line,
                page=page,
                kinds=frozenset({kind if part is None else "tiff"}),
                max_pixels=self._limits.max_pixels,
                min_side=self._limits.min_side,
            )
        )
        if isinstance(answer, answers.Refusal):
            raise self._refused(answer, name, page)
        return answer

    def _pixels(self, answer: answers.Decoded) -> tuple[FloatImage, Samples | None]:
        """The picture, and the samples of a further channel that lie behind it in the shared file.

        :raises BadAnswer: they are more or fewer than it said.
        """
        size = answer.pixel_bytes + (answer.plane_bytes if answer.extra else 0)
        found = os.fstat(self._target).st_size
        if found != size:
            raise answers.BadAnswer(f"it handed back {found} bytes of pixels, and said {size}")
        pixels = read_picture(self._target, answer.height, answer.width, answer.bits)
        if not answer.extra:
            return pixels, None
        return pixels, read_plane(self._target, answer.pixel_bytes, answer.height, answer.width, answer.bits)

    def _asked(self, data: bytes, kind: str, page: int, part: PartBox | None) -> bytes:
        """The line by which the child answers, after it did what was asked."""
        if data is not self._loaded:  # the pages of a file come one after the other
            self._forget()
            write_all(self._source, data)
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
        return self._line(self._limits.seconds)

    def _refused(self, answer: answers.Refusal, name: str, page: int) -> PhotoRejected:
        """:raises DiskFull: the scan was refused for want of room, and there is none indeed."""
        is_full = _NO_ROOM in answer.detail and shared_files.is_full(self._target)
        self._empty_files()
        if is_full:
            message = f"there was no room in {tempfile.gettempdir()} to decode a scan; free some, or set TMPDIR"
            raise DiskFull(message, photo=name)
        if answer.pages <= page:
            self._forget()
        error = PhotoRejected(answer.detail, reason=ReasonCode(answer.reason), photo=name)
        error.pages = answer.pages
        return error

    def _forget(self) -> None:
        """Give back the memory of a file that no other page is asked of."""
        self._loaded = None
        os.ftruncate(self._source, 0)

    def _empty_files(self) -> None:
        """Give back the room of what was decoded."""
        os.ftruncate(self._target, 0)
        os.ftruncate(self._scratch, 0)

    def end(self) -> None:
        """Kill the process and give everything back. Never fails."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                _close_quietly(stream)
        for descriptor in (self._source, self._target, self._scratch, self._errors):
            os.close(descriptor)

    def _send(self, line: bytes) -> None:
        """:raises ChildLost: nobody takes it, or the child has spoken without being asked."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - for the type checker: we asked for a pipe
        assert stdout is not None  # noqa: S101 - for the type checker: we asked for a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if selector.select(0) and os.read(stdout.fileno(), 1):
                raise _untrue("it spoke before it was asked")
        os.lseek(self._errors, 0, os.SEEK_SET)  # which is the child's place in it, too: last words are about one scan
        try:
            stdin.write(line)
            stdin.flush()
        except BrokenPipeError as error:
            raise self._lost() from error

    def _line(self, seconds: float) -> bytes:
        """One line from the child within ``seconds``. :raises ChildLost: there is none, or no end to it."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - for the type checker: we asked for a pipe
        deadline = time.monotonic() + seconds
        received = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    message = f"decoding took longer than {seconds:g} s (RESTORATION_DECODE_SECONDS)"
                    raise ChildLost(message, ReasonCode.DECODE_TIMEOUT)
                chunk = os.read(stdout.fileno(), 65536)
                if not chunk:
                    raise self._lost()
                received += chunk
                if len(received) > answers.MOST_BYTES:
                    raise _untrue(f"it answered with more than {answers.MOST_BYTES} bytes")
        return bytes(received)

    def _lost(self) -> ChildLost:
        """Why the process ended, by its exit status and last words."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        said = os.pread(self._errors, _WORDS, 0)[: os.lseek(self._errors, 0, os.SEEK_CUR)]
        words = " ".join(said[-2000:].decode("utf-8", "replace").split())[-200:]
        if code == -signal.SIGXCPU:
            message = "decoding used up its processor time (RESTORATION_DECODE_SECONDS)"
            return ChildLost(message, ReasonCode.DECODE_TIMEOUT)
        if code in _FROM_OUTSIDE:
            message = "decoding was ended from outside, which a system that is short of memory does"
            return ChildLost(message, ReasonCode.DECODE_MEMORY, from_outside=True)
        if any(told in words for told in _NO_MEMORY):
            message = "decoding needs more memory than allowed (RESTORATION_DECODE_MEMORY_MB)"
            return ChildLost(message, ReasonCode.DECODE_MEMORY)
        return ChildLost(f"the decoder crashed on this scan (exit status {code}) {words}", ReasonCode.DECODER_CRASHED)


def _environment() -> dict[str, str]:
    """Nothing of ours but where libraries lie, and this very checkout if we run from one."""
    passed = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    root = Path(__file__).parents[2]
    if root.name not in {"site-packages", "dist-packages"}:
        passed["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), passed.get("PYTHONPATH")]))
    return passed | _OWN_VARIABLES


def _understood(read: Callable[[], T]) -> T:
    """What is read. :raises ChildLost: it cannot be true, so that nothing else of this process is to be believed."""
    try:
        return read()
    except answers.BadAnswer as error:
        raise _untrue(str(error)) from error
    except FileTooShort as error:
        raise _untrue("it took back what it had handed over") from error


def _untrue(what: str) -> ChildLost:
    return ChildLost(f"the decoding process does not do what it should: {what}", ReasonCode.DECODER_CRASHED)


def _last_words() -> int:
    """Descriptor of a file in memory that cannot grow, for what the process writes about its errors."""
    if not hasattr(os, "memfd_create"):
        return nameless_file()
    descriptor = os.memfd_create("decoder's last words", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, _WORDS)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return descriptor


def _close_quietly(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return
