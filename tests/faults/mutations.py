"""Seeded mutations of small files, decoded (``python -m tests.faults.mutations --count 10000``).

Each is a picture or a refusal with a reason of scans; the program that asks lives on. Half of them know what they
change (a TIFF tag, a JPEG marker, a PNG chunk, a box of JPEG 2000, a chunk of WebP, a field of BMP's header, of EXIF or
of an ICC profile), the others change bits and bytes wherever they fall.
"""

from __future__ import annotations

import argparse
import io
import statistics
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.decode import DecodeLimits, Decoder
from tests.small_pictures import pixels

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=1_000_000, seconds=10, memory_mb=1024)
REASONS = frozenset(
    {
        ReasonCode.EMPTY_FILE, ReasonCode.NOT_AN_IMAGE, ReasonCode.UNSUPPORTED_FORMAT, ReasonCode.TRUNCATED,
        ReasonCode.CORRUPT, ReasonCode.TOO_MANY_PIXELS, ReasonCode.TOO_LARGE, ReasonCode.TOO_SMALL,
        ReasonCode.DECODE_TIMEOUT, ReasonCode.DECODE_MEMORY, ReasonCode.DECODER_CRASHED,
    }
)  # fmt: skip
"""What a scan may be refused for."""
EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
Fields = Iterator[tuple[int, int]]
"""Places of a file that mean something: offset and length in bytes."""


@dataclass
class Figures:
    """How mutations ended: pictures, refusals by reason, milliseconds of each."""

    pictures: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    slowest: str = ""
    crashed: list[str] = field(default_factory=list)
    """Those that took the decoding process with them; the next scan got a new one."""

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)

    def __str__(self) -> str:
        return (
            f"{len(self.milliseconds)} mutations: {self.pictures} pictures, {dict(self.reasons.most_common())}; "
            f"median {self.median:.1f} ms, slowest {max(self.milliseconds):.0f} ms ({self.slowest}); "
            f"{len(self.crashed)} ended the decoding process"
        )


def files() -> dict[str, bytes]:
    """Twenty small files that are read as they are."""
    colour = Image.fromarray(pixels("mutations", 24, 32))
    gray, alpha, palette = colour.convert("L"), colour.convert("RGBA"), colour.convert("P")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x9003] = 6, "a description", "1931:05:01 10:00:00"
    deep = np.random.default_rng(5).integers(0, 65536, (24, 32, 3), dtype=np.uint16)
    made: dict[str, tuple[Image.Image, str, dict]] = {
        "tiff": (colour, "TIFF", {}),
        "tiff-lzw": (colour, "TIFF", {"compression": "tiff_lzw"}),
        "tiff-deflate-gray": (gray, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "tiff-jpeg": (colour, "TIFF", {"compression": "jpeg"}),
        "tiff-bits": (gray.convert("1"), "TIFF", {"compression": "group4"}),
        "tiff-palette": (palette, "TIFF", {}),
        "tiff-icc": (colour, "TIFF", {"icc_profile": profile}),
        "tiff-pages": (colour, "TIFF", {"save_all": True, "append_images": [gray, alpha]}),
        "jpeg": (colour, "JPEG", {}),
        "jpeg-progressive": (colour, "JPEG", {"progressive": True}),
        "jpeg-exif-icc": (colour, "JPEG", {"exif": exif.tobytes(), "icc_profile": profile}),
        "jpeg-cmyk": (colour.convert("CMYK"), "JPEG", {}),
        "png": (colour, "PNG", {}),
        "png-palette": (palette, "PNG", {}),
        "png-exif-icc": (alpha, "PNG", {"exif": exif.tobytes(), "icc_profile": profile}),
        "bmp": (colour, "BMP", {}),
        "webp": (colour, "WEBP", {"lossless": True}),
        "webp-exif": (colour, "WEBP", {"exif": exif.tobytes(), "icc_profile": profile}),
    }
    found = {}
    for name, (image, kind, options) in made.items():
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        found[name] = buffer.getvalue()
    found["jp2"] = imagecodecs.jpeg2k_encode(np.asarray(colour), level=0, codecformat="jp2")
    found["tiff-deep"] = imagecodecs_tiff(deep)
    return found


def imagecodecs_tiff(samples: np.ndarray) -> bytes:
    """Sixteen bits a sample, big-endian."""
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, byteorder=">", photometric="rgb", metadata=None)
    return buffer.getvalue()


# -- where a file's fields lie ---------------------------------------------------------------------------------------
def _tiff_fields(data: bytes) -> Fields:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    yield 4, 4
    while at and at + 2 <= len(data):
        (count,) = struct.unpack_from(order + "H", data, at)
        yield at, 2
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            yield from ((entry, 2), (entry + 2, 2), (entry + 4, 4), (entry + 8, 4))
        yield at + 2 + 12 * count, 4
        (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)


def _jpeg_fields(data: bytes) -> Fields:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", data, at + 2)
        yield from ((at, 2), (at + 2, 2))
        yield from ((place, 1) for place in range(at + 4, min(at + 2 + size, at + 40)))
        at += 2 + size
    yield at + 2, 2


def _png_fields(data: bytes) -> Fields:
    at = 8
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield from ((at, 4), (at + 4, 4), (at + 8 + size, 4))
        yield from ((place, 1) for place in range(at + 8, at + 8 + min(size, 16)))
        at += 12 + size


def _riff_fields(data: bytes) -> Fields:
    yield 4, 4
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        yield from ((at, 4), (at + 4, 4))
        yield from ((place, 1) for place in range(at + 8, at + 8 + min(size, 16)))
        at += 8 + size + size % 2


def _jp2_fields(data: bytes) -> Fields:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield from ((at, 4), (at + 4, 4))
        yield from ((place, 4) for place in range(at + 8, min(at + size or at + 64, at + 64), 4))
        at += 8 if kind == b"jp2h" else size or len(data)


def _bmp_fields(data: bytes) -> Fields:
    yield from (
        (2, 4),
        (10, 4),
        (14, 4),
        (18, 4),
        (22, 4),
        (26, 2),
        (28, 2),
        (30, 4),
        (34, 4),
        (38, 4),
        (42, 4),
        (46, 4),
    )


def fields_of(name: str, data: bytes) -> list[tuple[int, int]]:
    """Fields of the container, of an embedded ICC profile and of EXIF."""
    kind = name.partition("-")[0]
    readers: dict[str, Callable[[bytes], Fields]] = {
        "tiff": _tiff_fields, "jpeg": _jpeg_fields, "png": _png_fields, "webp": _riff_fields, "jp2": _jp2_fields,
        "bmp": _bmp_fields,
    }  # fmt: skip
    found = list(readers[kind](data))
    profile = data.find(b"acsp") - 36
    if profile >= 0:
        found += [(place, 4) for place in range(profile, profile + 128 + 64, 4)]
    exif = data.find(b"Exif\0\0")
    if exif >= 0:
        found += [(place, 2) for place in range(exif + 6, exif + 90, 2)]
    return [(place, size) for place, size in found if place >= 0 and place + size <= len(data)]


# -- what is done to it ------------------------------------------------------------------------------------------------
def mutated(data: bytes, fields: list[tuple[int, int]], chance: Random) -> bytes:
    """One to three changes."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if chance.random() < 0.5:
            _change_field(changed, *chance.choice(fields), chance)
        else:
            chance.choice(_ANYWHERE)(changed, chance)
    if changed[:8] == b"\x89PNG\r\n\x1a\n" and chance.random() < 0.8:
        _right_sums(changed)
    return bytes(changed)


def _change_field(data: bytearray, place: int, size: int, chance: Random) -> None:
    order = chance.choice(("little", "big"))
    kept = int.from_bytes(data[place : place + size], order)
    value = chance.choice((*EXTREMES, kept + 1, kept - 1, kept * 2, kept ^ 1 << chance.randrange(8 * size)))
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, order)


def _flip(data: bytearray, chance: Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _remove(data: bytearray, chance: Random) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.randrange(1, 64)]


def _double(data: bytearray, chance: Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + chance.randrange(1, 256)]


def _fill(data: bytearray, chance: Random) -> None:
    start, length = chance.randrange(len(data) + 1), chance.randrange(1, 64)
    data[start : start + length] = chance.choice((b"\0", b"\xff", b"\x80")) * len(data[start : start + length])


def _splice(data: bytearray, chance: Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.randbytes(chance.randrange(1, 64))


_ANYWHERE: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip,
    _flip,
    _flip,
    _cut,
    _remove,
    _double,
    _fill,
    _splice,
)


def _right_sums(data: bytearray) -> None:
    """PNG's checksums made right, so that more than the checksum is tried."""
    at = 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        if at + 12 + size > len(data):
            return
        struct.pack_into(">I", data, at + 8 + size, zlib.crc32(data[at + 4 : at + 8 + size]))
        at += 12 + size


def mutations(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each; the same for the same seed, and each of its own chance, so that one can be made alone."""
    originals = list(files().items())
    fields = {name: fields_of(name, data) for name, data in originals}
    for number in range(count):
        name, data = originals[number % len(originals)]
        yield f"{name} {seed}:{number}", mutated(data, fields[name], Random(f"{seed}:{number}"))


def try_all(seed: int, count: int, say: Callable[[str], None] = lambda _: None) -> Figures:
    """Decode them all.

    :raises AssertionError: one ended with a reason that is none of scans, or with a picture that is not one.
    :raises Exception: whatever else the decoder raised; that would have been the end of a worker's batch.
    """
    figures = Figures()
    with Decoder(LIMITS) as decoder:
        for name, data in mutations(seed, count):
            _try(decoder, name, data, figures)
            if len(figures.milliseconds) % 1000 == 0:
                say(str(figures))
    return figures


def _try(decoder: Decoder, name: str, data: bytes, figures: Figures) -> None:
    begun = time.perf_counter()
    try:
        picture = decoder.decode(data, name)
    except PhotoRejected as error:
        if error.reason not in REASONS or not error.message:
            raise AssertionError(f"{name}: refused with {error.reason} ({error.message!r})") from error
        figures.reasons[str(error.reason)] += 1
        if error.reason is ReasonCode.DECODER_CRASHED:
            figures.crashed.append(f"{name}: {error.message}")
    except Exception as error:
        error.add_note(f"mutation {name}")
        raise
    else:
        assert picture.pixels.shape == (picture.info.height, picture.info.width, 3), name
        assert np.isfinite(picture.pixels).all(), name
        figures.pictures += 1
    spent = 1000 * (time.perf_counter() - begun)
    if not figures.milliseconds or spent > max(figures.milliseconds):
        figures.slowest = name
    figures.milliseconds.append(spent)


def main() -> int:
    words = argparse.ArgumentParser(description="Mutations of small files through the decoder, from a seed.")
    words.add_argument("--count", type=int, default=10_000)
    words.add_argument("--seed", type=int, default=int(time.time()))
    given = words.parse_args()
    print(f"seed {given.seed}", flush=True)
    figures = try_all(given.seed, given.count, lambda line: print(line, flush=True))
    print(figures)
    for line in figures.crashed:
        print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
