"""The wheels that read what libvips does not, their errors, and their samples as images of libvips.

A machine that lacks one of them works, and refuses the kinds that it cannot read by their names.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import re
import resource
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyvips

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.formats.blocks import Blocks
from restoration.photo.formats.layout import Facts

THREADS = 2
"""As many as libvips has in the decoding process."""
SAVE = "save the scan as TIFF or PNG"
WHEELS = {
    "imagecodecs": "JPEG 2000, JPEG XL, AVIF, JPEG-LS, JPEG without loss or of 12 bits, and TIFF with them",
    "tifffile": "TIFF of packed samples, of 32 or 64 bits, with Zstandard, LERC, JPEG 2000 or JPEG XL",
    "pi_heif": "HEIF (HEIC)",
}
"""What each wheel is needed for, in words for `restoration doctor`."""
LIBRARIES = (*WHEELS, "numpy", "PIL")
"""Modules that are loaded while a scan is read, by that time from folders that the decoding process may still read."""

_FAILURES = (
    *(RuntimeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, SyntaxError),
    struct.error,
)
"""What the wheels raise for files that they cannot read."""

_BYTES_A_SAMPLE = 8
"""What OpenJPEG, libjxl and libavif take while they decode, measured on 12 megapixels (at most 7)."""

CheckSize = Callable[[int, int], None]
"""Refuses a scan of that width and height, before memory is spent on it."""


@dataclass
class Scan:
    """What a file says of itself, and its samples; ``image`` is None if libvips reads them."""

    image: pyvips.Image | None
    facts: Facts
    blocks: Blocks


def missing() -> list[str]:
    """Names of the wheels that this machine lacks; imports none of them."""
    return [name for name in WHEELS if importlib.util.find_spec(name) is None]


def wheel(name: str, kind: str) -> Any:
    """A module that reads files of a kind.

    :raises PhotoRejected: unsupported_format: this machine lacks it.
    :raises MemoryError: there is no room to load it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if re.search("map segment|allocate memory", str(error)):
            raise MemoryError from error
        raise PhotoRejected(
            f"{kind} is not read on this machine, which lacks {name.partition('.')[0]} ({error}); install the worker's "
            "packages, or save the scan as TIFF or PNG",
            reason=ReasonCode.UNSUPPORTED_FORMAT,
        ) from error


@contextmanager
def reading(kind: str, samples: int) -> Iterator[None]:
    """Errors of a wheel as ValueError with its words, which the decoding process judges as it does those of libvips.

    Libraries say of a lack of memory that the file is damaged. So a failure counts as that if there is less room than
    such a picture takes.

    :param samples: how many the picture has.
    :raises ValueError: the wheel could not read the file.
    :raises MemoryError: it had no room to.
    """
    try:
        yield
    except (PhotoRejected, MemoryError):
        raise
    except _FAILURES as error:
        if _room() < samples * _BYTES_A_SAMPLE:
            raise MemoryError from error
        raise ValueError(f"{kind}: {error}") from error


def _room() -> float:
    """Bytes of address space that this process may still take."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    return math.inf if limit == resource.RLIM_INFINITY else limit - used


def spread(samples: Any, bits: int) -> Any:
    """Whole numbers of 1 to 16 bits over the whole of 8 or 16 bits: 0 to 0, the largest to 255 or 65535.

    :param samples: array of unsigned integers (or booleans), of any shape; may be changed.
    :raises ValueError: a sample is larger than its bits allow.
    """
    numpy = wheel("numpy", "this scan")
    kind, most = (numpy.uint8, 255) if bits <= 8 else (numpy.uint16, 65535)
    if bits in {8, 16}:
        return numpy.asarray(samples, kind)
    largest = (1 << bits) - 1
    if samples.size and int(samples.max()) > largest:
        raise ValueError(f"samples larger than {bits} bits hold")
    table = numpy.rint(numpy.arange(largest + 1) * (most / largest)).astype(kind)
    result = samples if samples.dtype == kind and samples.flags.writeable else numpy.empty(samples.shape, kind)
    for row in range(samples.shape[0]):  # by rows, since looking up needs eight bytes a sample
        result[row] = table[samples[row].astype(numpy.intp)]
    return result


def as_image(samples: Any) -> pyvips.Image:
    """H x W or H x W x N samples (8 or 16 bits unsigned, or floats) as an image that shares their memory.

    :raises ValueError: samples of another type or shape.
    """
    numpy = wheel("numpy", "this scan")
    if samples.dtype.kind == "f" and samples.dtype.itemsize != 4:
        samples = samples.astype(numpy.float32)
    formats = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
    if samples.ndim not in {2, 3} or samples.dtype.name not in formats:
        raise ValueError(f"samples of type {samples.dtype} in {samples.ndim} dimensions")
    height, width, *bands = samples.shape
    memory = memoryview(numpy.ascontiguousarray(samples)).cast("B")
    return pyvips.Image.new_from_memory(memory, width, height, bands[0] if bands else 1, formats[samples.dtype.name])
