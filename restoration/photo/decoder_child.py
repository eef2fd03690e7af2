"""The decoding process: reads requests from standard input, decodes with libvips, writes pixels into a shared file.

Started by :class:`restoration.photo.decode.Decoder` as ``python -m restoration.photo.decoder_child IN OUT MEMORY_MB``,
where IN and OUT are inherited file descriptors of nameless files. A request is one line of JSON; so is the answer. This
process trusts nothing in the file: only five loaders of libvips are open to it, its address space is limited, and its
parent kills it when it takes too long. It imports neither numpy nor torch, so that starting it again is cheap.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import resource
import sys
from typing import Any, TypedDict

import pyvips

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.bmp import read_bmp, read_header
from restoration.photo.magic import looks_cut_off

_OPEN_LOADERS = ("Jpeg", "Png", "Tiff", "Webp", "Jp2k")
_LOADER = {"jpeg": "jpegload", "png": "pngload", "tiff": "tiffload", "webp": "webpload", "jpeg2000": "jp2kload"}
_HARMLESS_JPEG = re.compile(r"extraneous bytes|Invalid SOS|inconsistent progression|Adobe|JFIF|Exif", re.IGNORECASE)
_TRUNCATED = re.compile(r"premature end of JPEG image|not enough data|read error at|bad seek", re.IGNORECASE)
_MEMORY = re.compile(r"out of memory|failed to allocate|cannot allocate|unable to allocate|no space for", re.IGNORECASE)
_EXIF_KEPT = ("ImageDescription", "Artist", "Copyright", "Make", "Model", "Software", "DateTime", "DateTimeOriginal")
_DEEP = frozenset({"ushort", "short", "float", "double"})


class Request(TypedDict):
    """What the parent asks: the format by magic, the number of bytes in the input file, and the limits."""

    format: str
    size: int
    max_pixels: int
    min_side: int
    seconds: float


def main() -> None:
    """Serve requests until standard input closes."""
    source, target, memory_mb = (int(argument) for argument in sys.argv[1:4])
    _open_only_safe_loaders()
    _limit_memory(memory_mb)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    answers.write('{"ready": true}\n')
    answers.flush()
    for line in sys.stdin:
        request: Request = json.loads(line)
        _limit_time(request["seconds"])
        answers.write(json.dumps(_answer(source, target, request)) + "\n")
        answers.flush()


def _open_only_safe_loaders() -> None:
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in _OPEN_LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    pyvips.cache_set_max(0)


def _limit_memory(memory_mb: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    limit = used + memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: float) -> None:
    """Processor time for this scan, should the parent be gone and nobody watch the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds * (os.cpu_count() or 1)) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(source: int, target: int, request: Request) -> dict[str, Any]:
    # Not closed by hand: libvips may still hold a pointer into it. It goes when the last image of this scan goes.
    data = memoryview(mmap.mmap(source, request["size"], access=mmap.ACCESS_READ))
    try:
        return _decode(data, target, request)
    except PhotoRejected as error:
        return {"reason": str(error.reason), "detail": error.message}
    except MemoryError:
        return {"reason": ReasonCode.DECODE_MEMORY, "detail": "decoding needs more memory than allowed"}
    except (pyvips.Error, OSError, ValueError) as error:
        return _refusal(str(error), looks_cut_off(data, request["format"]))


def _refusal(message: str, cut_off: bool) -> dict[str, Any]:
    text = " ".join(message.split())[-300:]
    if _MEMORY.search(text):
        return {"reason": ReasonCode.DECODE_MEMORY, "detail": f"decoding needs more memory than allowed: {text}"}
    if cut_off or (_TRUNCATED.search(text)):
        return {"reason": ReasonCode.TRUNCATED, "detail": f"the file ends too early: {text}"}
    return {"reason": ReasonCode.CORRUPT, "detail": f"the file is damaged inside: {text}"}


def _decode(data: memoryview, target: int, request: Request) -> dict[str, Any]:
    kind = request["format"]
    if kind == "bmp":
        header = read_header(bytes(data[:128]))
        _check_size(header.width, header.height, request)
        return _write(read_bmp(data, header), target, request) | {"dpi": header.dpi}
    image = _open(data, kind, fail_on="none")
    _check_size(image.width, image.height, request)
    try:
        # libjpeg only warns of wrong bytes inside a scan, so for JPEG every warning counts that is not known to be
        # harmless.
        return _write(_open(data, kind, fail_on="warning" if kind == "jpeg" else "error"), target, request)
    except pyvips.Error as error:
        if kind != "jpeg" or not _HARMLESS_JPEG.search(str(error)):
            raise
    return _write(_open(data, kind, fail_on="error"), target, request)


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
            f"the scan has {width} x {height} pixels, more than the limit of {request['max_pixels']}",
            reason=ReasonCode.TOO_MANY_PIXELS,
        )
    if min(width, height) < request["min_side"]:
        raise PhotoRejected(
            f"the scan has {width} x {height} pixels; its shorter side must be {request['min_side']} at least",
            reason=ReasonCode.TOO_SMALL,
        )


def _write(image: pyvips.Image, target: int, request: Request) -> dict[str, Any]:
    facts = _facts(image)
    # Turning a scan needs its rows in another order than they are read: only then is the whole of it held in memory.
    upright = _to_srgb(image.copy_memory().autorot() if facts["orientation"] != 1 else image, facts)
    os.ftruncate(target, 0)
    os.lseek(target, 0, os.SEEK_SET)
    upright.rawsave_target(pyvips.Target.new_to_descriptor(target))
    facts.update(format=request["format"], width=upright.width, height=upright.height)
    return facts


def _facts(image: pyvips.Image) -> dict[str, Any]:
    fields = set(image.get_fields())
    known_density = image.xres > 0 and abs(image.xres - 1.0) > 1e-6
    profile = bytes(image.get("icc-profile-data")) if "icc-profile-data" in fields else b""
    return {
        "bits": 16 if image.format in _DEEP else 8,
        "channels": image.bands,
        "pages": int(image.get("n-pages")) if "n-pages" in fields else 1,
        "dpi": round(image.xres * 25.4, 2) if known_density else 0.0,
        "icc": _profile_name(profile),
        "orientation": int(image.get("orientation")) if "orientation" in fields else 1,
        "metadata": _exif(image, fields),
    }


def _exif(image: pyvips.Image, fields: set[str]) -> dict[str, str]:
    """The few EXIF texts worth keeping, as plain printable words of bounded length."""
    kept = {}
    for name in _EXIF_KEPT:
        for directory in ("exif-ifd0", "exif-ifd2"):
            field = f"{directory}-{name}"
            if field in fields:
                value = re.sub(r" \([^()]*components[^()]*\)$", "", str(image.get(field)))
                kept[name] = _printable(value)[:500]
    return kept


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()


def _profile_name(profile: bytes) -> str:
    """Description inside an ICC profile (ICC.1 desc tag, ASCII or mluc), or "unnamed"; empty without a profile."""
    if not profile:
        return ""
    count = min(int.from_bytes(profile[128:132], "big"), 100)
    for entry in range(132, 132 + 12 * count, 12):
        if profile[entry : entry + 4] == b"desc":
            start, size = (int.from_bytes(profile[entry + k : entry + k + 4], "big") for k in (4, 8))
            return _description(profile[start : start + size])[:120] or "unnamed"
    return "unnamed"


def _description(tag: bytes) -> str:
    if tag[:4] == b"desc":
        return _printable(tag[12 : 12 + int.from_bytes(tag[8:12], "big")].decode("latin-1"))
    size, start = int.from_bytes(tag[20:24], "big"), int.from_bytes(tag[24:28], "big")
    return _printable(tag[start : start + size].decode("utf-16-be", "replace"))


def _to_srgb(image: pyvips.Image, facts: dict[str, Any]) -> pyvips.Image:
    """Three bands of uchar or ushort, sRGB; gray scans get three equal bands, alpha is flattened on white."""
    deep = facts["bits"] == 16
    image = _flattened(_with_known_meaning(image))
    gray = image.bands == 1
    if _needs_profile(image, facts["icc"]):
        image = _through_profile(image, facts)
    image = image.colourspace("rgb16" if deep else "srgb")
    image = image.extract_band(0 if gray else 1).bandjoin([image.extract_band(0 if gray else 1)] * 2) if gray else image
    return image.extract_band(0, n=3).cast("ushort" if deep else "uchar")


def _with_known_meaning(image: pyvips.Image) -> pyvips.Image:
    """Set the interpretation that the bands must have; refuse what is no photograph (32-bit, multi-spectral)."""
    if image.format not in {"uchar", *_DEEP}:
        raise PhotoRejected(
            f"samples of type {image.format} are not read; convert the scan to 8 or 16 bits",
            reason=ReasonCode.UNSUPPORTED_FORMAT,
        )
    if image.interpretation in {"cmyk", "lab", "labs", "labq", "scrgb", "xyz"}:
        return image
    if image.bands > 4:
        raise PhotoRejected(
            f"{image.bands} channels are not read; convert the scan to gray, RGB or CMYK",
            reason=ReasonCode.UNSUPPORTED_FORMAT,
        )
    if image.format in {"float", "double", "short"}:
        return image.copy(interpretation="b-w" if image.bands < 3 else "scrgb")
    deep = image.format == "ushort"
    names = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    return image.copy(interpretation=names[image.bands > 2])


def _flattened(image: pyvips.Image) -> pyvips.Image:
    if not image.hasalpha():
        return image
    white = 65535 if image.format == "ushort" else 255
    if image.interpretation == "cmyk":
        white = 0
    return image.flatten(background=[white])


def _needs_profile(image: pyvips.Image, profile: str) -> bool:
    return image.interpretation == "cmyk" or (bool(profile) and "srgb" not in profile.lower())


def _through_profile(image: pyvips.Image, facts: dict[str, Any]) -> pyvips.Image:
    """Embedded profile to sRGB, relative colorimetric with black point compensation; CMYK has a fallback."""
    fallback = {"input_profile": "cmyk"} if image.interpretation == "cmyk" else {}
    try:
        return image.icc_transform(
            "srgb",
            embedded=True,
            intent="relative",
            black_point_compensation=True,
            depth=facts["bits"],
            **fallback,
        )
    except pyvips.Error as error:
        if image.interpretation == "cmyk":
            raise
        facts["metadata"]["icc_ignored"] = _printable(str(error))[:200]
        return image


if __name__ == "__main__":
    main()
