"""The decoding process: reads requests from standard input, decodes with libvips, writes pixels into a shared file.

Started by :class:`restoration.photo.decoding_process.DecodingProcess` as ``python -m restoration.photo.decoder_child
IN OUT SCRATCH MEMORY_MB FILE_BYTES``, where the first three are inherited descriptors of nameless files. Its first line
says which layers confine it; then a request is one line of JSON, and so is the answer. This process trusts nothing in
the file: only four loaders of libvips are open to it, it is confined before it sees the first byte
(:mod:`restoration.photo.sandbox`), and its parent kills it when it takes too long. It imports neither numpy nor torch,
so that starting it again is cheap; what libvips does not read is read by :mod:`restoration.photo.codecs`, whose wheels
are imported only then, from folders that stay readable.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import resource
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypedDict

import pyvips

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.codecs import reader
from restoration.photo.codecs.wheels import LIBRARIES, CheckSize, Scan
from restoration.photo.formats.blocks import Blocks, jpeg_blocks, png_blocks, webp_blocks
from restoration.photo.formats.bmp import read_bmp, read_header
from restoration.photo.formats.directories import TiffReader, exif_resolution
from restoration.photo.formats.icc import printable, profile_name
from restoration.photo.formats.jpeg import frame_of, jpeg_resolution
from restoration.photo.formats.layout import Facts, Resolution
from restoration.photo.formats.pages import find_pages
from restoration.photo.formats.part import with_facts, write_part
from restoration.photo.formats.png import read_png
from restoration.photo.formats.samples import Opener, examined, is_deep, layout_of, to_srgb
from restoration.photo.formats.tiff import read_tiff
from restoration.photo.formats.written import read_written
from restoration.photo.freed import watched_while
from restoration.photo.magic import looks_cut_off
from restoration.photo.sandbox.confine import Allowed, confine
from restoration.photo.sandbox.libraries import library_paths

_OPEN_LOADERS = ("Jpeg", "Png", "Tiff", "Webp")
_LOADER = {"jpeg": "jpegload", "png": "pngload", "tiff": "tiffload", "webp": "webpload"}
_HARMLESS_JPEG = re.compile(r"extraneous bytes|Invalid SOS|inconsistent progression|Adobe|JFIF|Exif", re.IGNORECASE)
_TRUNCATED = re.compile(
    r"premature end of JPEG image|not enough data|read error at|bad seek|"
    r"NEED_MORE_INPUT|sizeHint|Unexpected end of file",
    re.IGNORECASE,
)
_MEMORY = re.compile(
    r"out of memory|failed to allocate|cannot allocate|unable to allocate|no space for|creating thread", re.IGNORECASE
)
_UNREAD = re.compile(
    r"support is not configured|decoding is not implemented|Unsupported JPEG process|Unsupported feature|"
    r"No codec available|is not available",
    re.IGNORECASE,
)
_EXIF_KEPT = ("ImageDescription", "Artist", "Copyright", "Make", "Model", "Software", "DateTime", "DateTimeOriginal")
_TOO_MUCH_MEMORY = "decoding needs more memory than allowed (RESTORATION_DECODE_MEMORY_MB)"
_HELD_IN_MEMORY = 256 * 1024**2
_BLOCKS = ("icc-profile-data", "xmp-data", "iptc-data", "exif-data")
_MADV_PAGEOUT = 21
"""Linux's number (asm-generic/mman-common.h), which Python has no name for."""
_NOTED = 500
"""Characters of notes that are kept."""

_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
"""Files that are mapped into memory, whose pages are given back when they are many."""


class Request(TypedDict):
    """What the parent asks: the format by magic, the number of bytes in the input file, and the limits.

    ``page``: which of its photographs, from 1; 0 asks only how many there are. ``position``: whether the place where
    the file was made (GPS) may be kept. ``part``: what to cut out of the scan, as
    :mod:`restoration.photo.formats.part` takes it, instead of decoding it.
    """

    format: str
    size: int
    page: int
    max_pixels: int
    min_side: int
    seconds: float
    position: bool
    part: list[float] | None


class Files(NamedTuple):
    """Descriptors of the nameless files: the scan (to be read), its pixels, and room for a picture that is turned."""

    source: int
    target: int
    scratch: int


def main(answer: Callable[[Files, Request], dict[str, Any]] | None = None) -> None:
    """Serve requests until standard input closes.

    :param answer: what answers them; tests give one that does what a hostile scan might make of this process.
    """
    *descriptors, memory_mb, file_bytes = (int(argument) for argument in sys.argv[1:6])
    files = Files(*descriptors)
    _open_only_safe_loaders()
    reader.load()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    layers = confine(Allowed(library_paths(LIBRARIES), memory_mb, file_bytes))
    answers.write(json.dumps({"layers": [[state.layer, state.held, state.detail] for state in layers]}) + "\n")
    answers.flush()
    for line in sys.stdin:
        request: Request = json.loads(line)
        _limit_time(request["seconds"])
        answers.write(json.dumps((answer or _answer)(files, request)) + "\n")
        answers.flush()


def _open_only_safe_loaders() -> None:
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in _OPEN_LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    pyvips.cache_set_max(0)


def _limit_time(seconds: float) -> None:
    """Processor time for this scan, should the parent be gone and nobody watch the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds * (os.cpu_count() or 1)) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(files: Files, request: Request) -> dict[str, Any]:
    # A private copy of what is changed, and no more. Not closed by hand: libvips may still hold a pointer into it. It
    # goes when the last image of this scan goes.
    mapped = mmap.mmap(files.source, request["size"], access=mmap.ACCESS_COPY)
    _maps.add(mapped)
    data, facts = memoryview(mapped), Facts(pages=0)
    try:
        with watched_while(_page_out_all):
            return _decode(data, files, request, facts)
    except PhotoRejected as error:
        refusal = {"reason": str(error.reason), "detail": error.message}
    except MemoryError:
        refusal = {"reason": ReasonCode.DECODE_MEMORY, "detail": _TOO_MUCH_MEMORY}
    except (pyvips.Error, OSError, ValueError, ArithmeticError) as error:
        refusal = _refusal(str(error), looks_cut_off(data, request["format"]))
    # a page that cannot be read says nothing of the others
    return refusal | {"pages": facts.pages}


def _page_out_all() -> None:
    for mapped in list(_maps):
        _page_out(mapped)


def _page_out(mapped: mmap.mmap) -> None:
    """Give back pages of a mapping. What was changed is kept, which MADV_DONTNEED would not do."""
    with suppress(OSError):  # Linux before 5.4 does not know it
        mapped.madvise(_MADV_PAGEOUT)


def _refusal(message: str, cut_off: bool) -> dict[str, str]:
    text = " ".join(message.split())[-300:]
    if _UNREAD.search(text):
        detail = f"files of this kind are not read on this machine ({text}); convert the scan to TIFF or PNG"
        return {"reason": ReasonCode.UNSUPPORTED_FORMAT, "detail": detail}
    if _MEMORY.search(text):
        return {"reason": ReasonCode.DECODE_MEMORY, "detail": f"{_TOO_MUCH_MEMORY}: {text}"}
    if cut_off or (_TRUNCATED.search(text)):
        return {"reason": ReasonCode.TRUNCATED, "detail": f"the file ends too early: {text}"}
    return {"reason": ReasonCode.CORRUPT, "detail": f"the file is damaged inside: {text}"}


def _decode(data: memoryview, files: Files, request: Request, facts: Facts) -> dict[str, Any]:
    """Pixels into the target, facts into the answer; ``facts`` learns first of all how many photographs there are."""
    kind = request["format"]
    if kind == "tiff" and request["page"] == 0:
        find_pages(TiffReader(data), facts)
        return {"pages": facts.pages}
    if kind != "tiff" and request["page"] > 1:
        raise PhotoRejected(f"a {kind} file has one photograph", reason=ReasonCode.CORRUPT)
    if kind == "bmp":
        header = read_header(bytes(data[:128]))
        _check_size(header.width, header.height, request)
        return _write(lambda: read_bmp(data, header), Facts(header.resolution), files, request)

    def check(width: int, height: int) -> None:
        _check_size(width, height, request)

    scan = _read_structure(data, request, facts, check)
    facts = scan.facts
    facts.written = read_written(scan.blocks, position=request["position"])
    if scan.image is not None:
        return _write(lambda: scan.image, facts, files, request)
    image = _open(data, kind, fail_on="none")
    check(image.width, image.height)
    try:
        # libjpeg only warns of wrong bytes inside a scan, so for JPEG every warning counts that is not known to be
        # harmless.
        strict = "warning" if kind == "jpeg" else "error"
        return _write(lambda: _open(data, kind, fail_on=strict), facts, files, request)
    except pyvips.Error as error:
        if kind != "jpeg" or not _HARMLESS_JPEG.search(str(error)):
            raise
    return _write(lambda: _open(data, kind, fail_on="error"), facts, files, request)


def _read_structure(data: memoryview, request: Request, facts: Facts, check: CheckSize) -> Scan:
    """What the file says of itself, the blocks in which people describe the photograph, and the samples if libvips
    does not read them. ``facts`` learns how many photographs a TIFF file has even if the page is refused.

    Bytes of a TIFF file are changed so that libvips sees the scan and nothing else.

    :raises PhotoRejected: unsupported_format; as ``check`` and the second readers do.
    :raises ValueError: the structure is damaged.
    """
    kind = request["format"]
    if kind in reader.KINDS:
        return reader.reader_of(kind)(data, check)
    if kind == "tiff":
        tiff = read_tiff(data, request["page"], facts)
        for place, changed in tiff.patches.items():
            data[place : place + len(changed)] = changed
        image = reader.image_of_page(data, tiff, check) if tiff.page else None
        return Scan(image, tiff.facts, tiff.blocks)
    if kind == "jpeg":
        frame = frame_of(data)
        if frame and frame.reader:
            return reader.scan_of_jpeg(data, frame, check)
        return Scan(None, Facts(jpeg_resolution(data)), jpeg_blocks(data))
    if kind == "png":
        return Scan(None, read_png(data), png_blocks(data))
    return Scan(None, Facts(), webp_blocks(data) if kind == "webp" else Blocks())


def _open(data: memoryview, kind: str, *, fail_on: str) -> pyvips.Image:
    loader = _LOADER.get(kind, "")
    if not pyvips.type_find("VipsOperation", f"{loader}_source"):
        raise PhotoRejected(
            f"this machine's libvips does not read {kind}; convert the scan to TIFF or PNG",
            reason=ReasonCode.UNSUPPORTED_FORMAT,
        )
    source = pyvips.Source.new_from_memory(data)
    return getattr(pyvips.Image, f"{loader}_source")(source, access="sequential", fail_on=fail_on)


def _check_size(width: int, height: int, request: Request) -> None:
    if width * height > request["max_pixels"]:
        raise PhotoRejected(
            f"the scan has {width} x {height} pixels, more than the limit of {request['max_pixels']} "
            "(RESTORATION_MAX_PIXELS)",
            reason=ReasonCode.TOO_MANY_PIXELS,
        )
    if min(width, height) < request["min_side"]:
        raise PhotoRejected(
            f"the scan has {width} x {height} pixels; its shorter side must be {request['min_side']} at least "
            "(RESTORATION_MIN_SIDE)",
            reason=ReasonCode.TOO_SMALL,
        )


def _write(open_scan: Opener, said: Facts, files: Files, request: Request) -> dict[str, Any]:
    image = open_scan()
    if request["part"] is not None:
        return _write_part(image, said, files, request)
    layout, notes = examined(open_scan, said.layout or layout_of(image))
    notes = said.notes + notes + said.written.notes
    facts = _facts(image, said, request)
    # Turning a scan needs its rows in another order than they are read: only then is the whole of it held.
    turned = _turned(image, facts["orientation"], files.scratch) if facts["orientation"] != 1 else image
    upright = to_srgb(turned, layout, said.profile or _profile(image), notes)
    os.ftruncate(files.target, 0)
    os.lseek(files.target, 0, os.SEEK_SET)
    upright.rawsave_target(pyvips.Target.new_to_descriptor(files.target))
    if layout.extra is not None and image.format in {"uchar", "ushort"}:
        # behind the colours, in their depth
        again = open_scan()
        beside = _turned(again, facts["orientation"], files.scratch) if facts["orientation"] != 1 else again
        beside.extract_band(layout.extra).rawsave_target(pyvips.Target.new_to_descriptor(files.target))
        facts["extra"] = True
    if notes:
        facts["metadata"]["notes"] = printable(" ".join("; ".join(notes).split()))[:_NOTED]
    facts.update(format=request["format"], width=upright.width, height=upright.height)
    return facts


def _write_part(image: pyvips.Image, said: Facts, files: Files, request: Request) -> dict[str, Any]:
    """Write a TIFF file of a part; what the file says of itself is the answer."""
    facts = _facts(image, said, request)
    turned = _turned(image, facts["orientation"], files.scratch) if facts["orientation"] != 1 else image
    upright = with_facts(turned, said.profile, facts)
    os.ftruncate(files.target, 0)
    os.lseek(files.target, 0, os.SEEK_SET)
    write_part(upright, request["part"] or [], files.target)
    facts.update(format="tiff", width=upright.width, height=upright.height)
    return facts


def _turned(image: pyvips.Image, orientation: int, scratch: int) -> pyvips.Image:
    upright = _held(image, scratch).copy()
    upright.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return upright.autorot()


def _held(image: pyvips.Image, scratch: int) -> pyvips.Image:
    """The whole image, in memory; a large one in the scratch file, with what of its facts is written into parts."""
    bytes_each = {"uchar": 1, "ushort": 2}.get(image.format, 4)
    if image.width * image.height * image.bands * bytes_each <= _HELD_IN_MEMORY:
        return image.copy_memory()
    os.lseek(scratch, 0, os.SEEK_SET)
    image.rawsave_target(pyvips.Target.new_to_descriptor(scratch))
    mapped = mmap.mmap(scratch, os.lseek(scratch, 0, os.SEEK_CUR), access=mmap.ACCESS_READ)
    _maps.add(mapped)
    held = pyvips.Image.new_from_memory(mapped, image.width, image.height, image.bands, image.format)
    held = held.copy(interpretation=image.interpretation, xres=image.xres, yres=image.yres)
    for name in _BLOCKS:
        if _has(image, name):
            held.set_type(pyvips.GValue.blob_type, name, image.get(name))
    if _has(image, "image-description"):
        held.set_type(pyvips.GValue.gstr_type, "image-description", _text(image, "image-description"))
    return held


def _facts(image: pyvips.Image, said: Facts, request: Request) -> dict[str, Any]:
    orientation = said.orientation or (int(image.get("orientation")) if _has(image, "orientation") else 1)
    resolution = said.resolution if said.resolution.across else _exif_resolution(image)
    return {
        "bits": 16 if is_deep(image) else 8,
        "channels": image.bands,
        "page": request["page"],
        "pages": said.pages,
        "dpi": resolution.across,
        "dpi_down": resolution.down,
        "icc": profile_name(said.profile or _profile(image)),
        "orientation": orientation if 1 <= orientation <= 8 else 1,
        "metadata": _exif(image),
        "embedded": said.written.terms,
        "embedded_from": said.written.sources,
    }


def _exif_resolution(image: pyvips.Image) -> Resolution:
    """Resolution in the Exif block of a PNG or WebP file, which may have no other."""
    block = bytes(image.get("exif-data")) if _has(image, "exif-data") else b""
    return exif_resolution(memoryview(block.removeprefix(b"Exif\0\0")))


def _has(image: pyvips.Image, field: str) -> bool:
    """Whether an image has a field; the list of all fields cannot be had where a file's keywords are Latin-1."""
    return bool(image.get_typeof(field))


def _profile(image: pyvips.Image) -> bytes:
    return bytes(image.get("icc-profile-data")) if _has(image, "icc-profile-data") else b""


def _exif(image: pyvips.Image) -> dict[str, str]:
    """The few EXIF texts worth keeping, as plain printable words of bounded length."""
    kept = {}
    for name in _EXIF_KEPT:
        for directory in ("exif-ifd0", "exif-ifd2"):
            field = f"{directory}-{name}"
            if _has(image, field):
                value = re.sub(r" \([^()]*components[^()]*\)$", "", _text(image, field))
                kept[name] = printable(value)[:500]
    return kept


def _text(image: pyvips.Image, field: str) -> str:
    """A field as text; what is no UTF-8 is taken for Latin-1."""
    try:
        return str(image.get(field))
    except UnicodeDecodeError as error:
        return bytes(error.object).decode("latin-1")


if __name__ == "__main__":
    main()
