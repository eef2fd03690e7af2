"""Every kind of file that scanners, cameras and programs write, made by code, and what another reader sees in it.

``python -m tests.unit.scan_kinds`` prints the table of docs/formats.md, and a test holds the page to it.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyvips
import tifffile
from PIL import Image, ImageCms

from restoration.errors import PhotoRejected
from restoration.photo.colour import linear_to_srgb, rgb_to_lab, srgb_to_linear
from restoration.photo.decode import Decoder
from restoration.photo.formats.icc import SRGB_CURVE, SRGB_PRIMARIES, made_profile
from restoration.quality.metrics import ciede2000
from tests.unit.picture_maker import integers, photograph, png_chunk, saved, smaller
from tests.unit.tiff_maker import Page, packed, page, tiff

PHOTO = np.asarray(integers(smaller(photograph("astronaut"), 120)) / 255, np.float32)
GRAY = np.repeat(PHOTO[:, :, 1:2], 3, axis=2)
RGB8, RGB16 = integers(PHOTO), np.rint(PHOTO * 65535).astype(np.uint16)
G8, G16 = RGB8[:, :, 1], RGB16[:, :, 1]
LINEAR = srgb_to_linear(PHOTO)
INFRARED = np.full_like(G8, 200)
INFRARED[::7, ::5] = 0
OPACITY = np.full_like(G8, 255)
OPACITY[:20], OPACITY[20:40] = 0, 128
HEIGHT, WIDTH = G8.shape
LINEAR_FROM_D50 = np.array(  # sRGB, adapted by Bradford; http://www.brucelindbloom.com, RGB/XYZ matrices
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
D50 = np.array([0.9642, 1.0, 0.8249])
ADOBE_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)

Samples = np.ndarray
Meaning = Callable[[Samples], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """A file, and how an independent reader gets H x W x 3 sRGB in [0, 1] out of it; ``see`` None: it is not read.

    ``like``: the picture that went in.
    """

    form: str
    name: str
    data: bytes
    see: Callable[[bytes], np.ndarray] | None = None
    reader: str = ""
    like: np.ndarray | None = None


# -- independent readers ----------------------------------------------------------------------------------------------
def by_tifffile(meaning: Meaning, key: int = 0) -> Callable[[bytes], np.ndarray]:
    def see(data: bytes) -> np.ndarray:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            samples = file.pages[key].asarray()
            if file.pages[key].planarconfig == 2 and samples.ndim == 3:
                samples = np.moveaxis(samples, 0, -1)
        return three(meaning(samples))

    return see


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        if image.mode.startswith("I;16"):
            return three(np.asarray(image) / 65535)
        return three(np.asarray(image.convert("L" if image.mode in {"1", "L"} else "RGB")) / 255)


def by_pillow_on_white(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        rgba = np.asarray(image.convert("RGBA")) / 255
    return rgba[:, :, :3] * rgba[:, :, 3:] + 1 - rgba[:, :, 3:]


def by_lcms(data: bytes) -> np.ndarray:
    """Through the embedded profile, relative colorimetric with black point compensation."""
    with Image.open(io.BytesIO(data)) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        mode = "RGB" if profile.profile.xcolor_space.strip() == "RGB" else image.mode
        return np.asarray(_through(image.convert(mode) if mode != image.mode else image, profile)) / 255


def _through(image: Image.Image, profile: Any) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.HIGHRESPRECALC
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.profileToProfile(image, profile, srgb, intent, "RGB", flags=flags)


def three(picture: np.ndarray) -> np.ndarray:
    picture = picture[:, :, None] if picture.ndim == 2 else picture
    return np.broadcast_to(picture, (*picture.shape[:2], 3))


# -- what samples mean ------------------------------------------------------------------------------------------------
def over(most: float, bands: int = 3) -> Meaning:
    return lambda samples: three(samples)[:, :, :bands] / most if samples.ndim == 2 else samples[:, :, :bands] / most


def on_white(most: float, alpha: int, *, multiplied: bool = False) -> Meaning:
    def meaning(samples: Samples) -> np.ndarray:
        colours = samples[:, :, : 3 if samples.shape[2] > 3 else 1] / most
        opacity = samples[:, :, alpha : alpha + 1] / most
        return (colours if multiplied else colours * opacity) + 1 - opacity

    return meaning


def from_linear(samples: Samples) -> np.ndarray:
    return linear_to_srgb(three(samples)[:, :, :3].astype(np.float32))


def from_lab(lightness: float, unit: float, offset: float = 0.0, signed: Any = None) -> Meaning:
    def meaning(samples: Samples) -> np.ndarray:
        chroma = samples[:, :, 1:3]
        chroma = (chroma.view(signed) if signed else chroma.astype(float) - offset) / unit
        middle = (samples[:, :, 0] * (100 / lightness) + 16) / 116
        curve = np.stack([middle + chroma[:, :, 0] / 500, middle, middle - chroma[:, :, 1] / 200], axis=-1)
        xyz = np.where(curve > 6 / 29, curve**3, 3 * (6 / 29) ** 2 * (curve - 4 / 29)) * D50
        return np.clip(linear_to_srgb((xyz @ LINEAR_FROM_D50.T).astype(np.float32)), 0, 1)

    return meaning


def lab_d50() -> np.ndarray:
    ratio = LINEAR.astype(float) @ np.linalg.inv(LINEAR_FROM_D50).T / D50
    curve = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(curve, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def from_ycbcr(samples: Samples) -> np.ndarray:
    luma, blue, red = np.moveaxis(samples.astype(float), -1, 0)
    green = luma - 0.344136 * (blue - 128) - 0.714136 * (red - 128)
    return np.clip(np.stack([luma + 1.402 * (red - 128), green, luma + 1.772 * (blue - 128)], axis=-1) / 255, 0, 1)


# -- files ------------------------------------------------------------------------------------------------------------
def jpeg(image: Image.Image, **options: Any) -> bytes:
    return saved(image, "JPEG", quality=95, **{"subsampling": 0, **options})


def other_frame(data: bytes, marker: int, bits: int = 8) -> bytes:
    """The JPEG file with another kind of frame written over its own: what a refusal has to know it by."""
    place = data.index(b"\xff\xc0")
    return data[: place + 1] + bytes([marker]) + data[place + 2 : place + 4] + bytes([bits]) + data[place + 5 :]


def jpeg_page(data: bytes, compression: int, photometric: int, samples: int = 3, **tags: Any) -> Page:
    return Page(
        {
            256: (4, WIDTH), 257: (4, HEIGHT), 258: (3, [8] * samples), 259: (3, compression),
            262: (3, photometric), 277: (3, samples), 278: (4, HEIGHT), 530: (3, [1, 1]), **tags.get("more", {}),
        },
        [data],
    )  # fmt: skip


def compressed_page(compression: int, photometric: int, samples: Samples) -> Page:
    """A page whose tag names a compression, over bytes that nobody looks at."""
    return page(samples, photometric, more={259: (3, compression)})


def png(rows: np.ndarray, depth: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for row in rows))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(png_chunk(*chunk) for chunk in chunks)
    return start + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def bmp(pixels: np.ndarray, depth: int, masks: tuple[int, ...] = (), palette: bytes = b"") -> bytes:
    """A bitmap from the rows' integers (H x W, or H x W x 3 bytes of blue, green and red), lowest row first."""
    body = b"".join(
        row.tobytes().ljust(-(-row.nbytes // 4) * 4, b"\0") for row in map(np.ascontiguousarray, pixels[::-1])
    )
    size = 56 if masks else 40
    start = 14 + size + len(palette)
    tail = struct.pack("<4I", *(*masks, 0)[:4]) if masks else b""
    header = struct.pack(
        "<IiiHHIIiiII", size, WIDTH, HEIGHT, 1, depth, 3 if masks else 0, len(body), 0, 0, len(palette) // 4, 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + tail + palette + body


def through_profile(primaries: Any, gamma: float) -> np.ndarray:
    """The photograph's samples (16 bits) in a space of other primaries, so that the profile brings the photograph."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(made_profile("any", primaries, (gamma,))))
    srgb = ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(
        Image.fromarray(RGB8), srgb, profile, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB"
    )
    return np.asarray(image)


def tiff_kinds() -> Iterator[Kind]:
    def kind(
        name: str, pages: Page | list[Page], meaning: Meaning | None = None, like: Any = PHOTO, **how: Any
    ) -> Kind:
        data = tiff([pages] if isinstance(pages, Page) else pages, **how)
        return Kind("TIFF", name, data, by_tifffile(meaning) if meaning else None, "tifffile", like)

    yield kind("RGB, 8 bits", page(RGB8, 2), over(255))
    yield kind("RGB, 16 bits", page(RGB16, 2), over(65535))
    yield kind("RGB, 16 bits, big-endian", page(RGB16, 2, order=">"), over(65535), order=">")
    yield kind("RGB, 16 bits, BigTIFF", page(RGB16, 2), over(65535), big=True)
    yield kind("RGB, 8 bits, tiles", page(RGB8, 2, tile=32), over(255))
    yield kind("RGB, 16 bits, planar", page(RGB16, 2, planar=True), over(65535))
    yield kind("gray, 8 bits", page(G8, 1), over(255), GRAY)
    yield kind("gray, 16 bits", page(G16, 1), over(65535), GRAY)
    yield kind("gray, 16 bits, 0 is white", page(65535 - G16, 0), lambda s: (65535 - s) / 65535, GRAY)
    yield Kind("TIFF", "gray, 4 bits", tiff([page(G8 >> 4, 1, bits=4)]), by_pillow, "Pillow", GRAY)
    ink = (G8 > 100).astype(np.uint8)
    yield kind("1 bit, 0 is white", page(1 - ink, 0, bits=1), lambda s: 1.0 - s, three(ink))
    yield kind("gray, 12 bits in 16 (MaxSampleValue)", page(G16 >> 4, 1, more={281: (3, 4095)}), over(4095), GRAY)
    yield kind("RGB, 14 bits in 16 (MaxSampleValue)", page(RGB16 >> 2, 2, more={281: (3, [16383] * 3)}), over(16383))
    for name, samples in {"signed 8": np.int8, "signed 16": np.int16, "signed 32": np.int32}.items():
        yield kind(f"gray, {name} bits", page((G16 // 512).astype(samples), 1))
    yield kind("gray, 32 bits, of which the lowest 16 are used", page(G16.astype(np.uint32), 1))
    for name, samples in {"half": np.float16, "single": np.float32}.items():
        yield kind(f"gray, {name} floats, linear", page(LINEAR[:, :, 1].astype(samples), 1), from_linear, GRAY)
        yield kind(f"RGB, {name} floats, linear", page(LINEAR.astype(samples), 2), from_linear)
    yield kind("RGB, double floats, linear", page(LINEAR.astype(np.float64), 2), from_linear)
    yield kind("RGB, single floats up to 255", page(LINEAR * 255, 2))
    yield from extra_kinds(kind)
    yield from model_kinds(kind)


def extra_kinds(kind: Callable[..., Kind]) -> Iterator[Kind]:
    more = {338: (3, 0)}
    yield kind(
        "RGB and infrared, 16 bits", page(np.dstack([RGB16, INFRARED * np.uint16(257)]), 2, more=more), over(65535)
    )
    yield kind("RGB and infrared, planar", page(np.dstack([RGB8, INFRARED]), 2, planar=True, more=more), over(255))
    yield kind("gray and infrared", page(np.dstack([G8, INFRARED]), 1, more=more), over(255, 1), GRAY)
    yield kind("RGB and a fourth sample that nothing is said of", page(np.dstack([RGB8, INFRARED]), 2), over(255))
    both, turned = np.dstack([RGB8, INFRARED, OPACITY]), np.dstack([RGB8, OPACITY, INFRARED])
    yield kind("RGB, infrared and alpha", page(both, 2, more={338: (3, [0, 2])}), on_white(255, 4), None)
    yield kind("RGB, alpha and infrared", page(turned, 2, more={338: (3, [2, 0])}), on_white(255, 3), None)
    multiplied = np.rint(RGB8 * (OPACITY[:, :, None] / 255)).astype(np.uint8)
    with_alpha = page(np.dstack([multiplied, OPACITY]), 2, more={338: (3, 1)})
    yield kind("RGB, multiplied with its alpha", with_alpha, on_white(255, 3, multiplied=True), None)
    yield kind("gray and alpha", page(np.dstack([G8, OPACITY]), 1, more={338: (3, 2)}), on_white(255, 1), None)
    hidden = page(np.dstack([RGB8, OPACITY * 0]), 2, more={338: (3, 2)})
    yield kind("RGB, alpha 0 everywhere", hidden, over(255))
    yield kind("three channels called gray", page(RGB8, 1, more={338: (3, [0, 0])}))


def model_kinds(kind: Callable[..., Kind]) -> Iterator[Kind]:
    lab = lab_d50()
    lightness, chroma = lab[:, :, 0], lab[:, :, 1:]
    lab8 = np.dstack([np.rint(lightness * 2.55).astype(np.uint8), np.rint(chroma).astype(np.int8).view(np.uint8)])
    lab16 = np.dstack(
        [np.rint(lightness * 655.35).astype(np.uint16), np.rint(chroma * 256).astype(np.int16).view(np.uint16)]
    )
    yield kind("CIELAB, 8 bits", page(lab8, 8), from_lab(255, 1, signed=np.int8))
    yield kind("CIELAB, 16 bits", page(lab16, 8), from_lab(65535, 256, signed=np.int16))
    fourth = page(np.dstack([lab8, INFRARED]), 8, more={338: (3, 0)})
    yield kind("CIELAB, 8 bits, with a fourth sample", fourth, from_lab(255, 1, signed=np.int8))
    icc8 = np.dstack([np.rint(lightness * 2.55), np.rint(chroma + 128)]).astype(np.uint8)
    icc16 = np.dstack([np.rint(lightness * 652.8), np.rint(chroma * 256 + 32768)]).astype(np.uint16)
    yield kind("ICCLAB, 8 bits", page(icc8, 9), from_lab(255, 1, 128))
    yield kind("ICCLAB, 16 bits", page(icc16, 9), from_lab(65280, 256, 32768))
    luma = PHOTO @ np.array([0.299, 0.587, 0.114])
    coded = (luma, (PHOTO[:, :, 2] - luma) / 1.772 + 128 / 255, (PHOTO[:, :, 0] - luma) / 1.402 + 128 / 255)
    ycbcr = np.clip(np.rint(np.dstack(coded) * 255), 0, 255).astype(np.uint8)
    yield kind("YCbCr without JPEG", page(ycbcr, 6, more={530: (3, [1, 1])}), from_ycbcr)
    halves = page(ycbcr, 6, more={530: (3, [2, 2])})
    blocks = ycbcr[: HEIGHT // 2 * 2, : WIDTH // 2 * 2].reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3)
    small = np.rint(blocks[..., 1:].mean(axis=(1, 3))).astype(np.uint8)
    units = np.concatenate([blocks[..., 0].transpose(0, 2, 1, 3).reshape(*small.shape[:2], 4), small], axis=2)
    halves.chunks = [units.tobytes()]
    seen = np.dstack([ycbcr[:, :, 0], small.repeat(2, axis=0).repeat(2, axis=1)])
    yield Kind(
        "TIFF", "YCbCr without JPEG, colour halved", tiff([halves]), lambda _: from_ycbcr(seen), "the formula", PHOTO
    )
    yield kind("sensor data (colour filter array)", page(G16, 32803))
    yield kind("linear raw", page(RGB16, 34892))
    yield kind("LogLuv", page(RGB16, 32845))
    yield kind("inks of no known colour", page(np.dstack([RGB8, G8]), 5, more={332: (3, 2)}))


def compressed_kinds() -> Iterator[Kind]:
    image = Image.fromarray(RGB8)
    bits = Image.fromarray(G8 > 100)
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield Kind(
            "TIFF", name.removeprefix("tiff_"), saved(image, "TIFF", compression=name), by_pillow, "Pillow", PHOTO
        )
    for name in ("group3", "group4"):
        yield Kind("TIFF", f"fax {name}", saved(bits, "TIFF", compression=name), by_pillow, "Pillow", three(G8 > 100))
    palette = image.quantize(200)
    yield Kind("TIFF", "palette", saved(palette, "TIFF"), by_pillow, "Pillow", PHOTO)
    stream, gray = jpeg(image), jpeg(Image.fromarray(G8))
    yield Kind("TIFF", "JPEG, YCbCr", tiff([jpeg_page(stream, 7, 6)]), lambda _: by_pillow(stream), "Pillow", PHOTO)
    plain = jpeg(image, keep_rgb=True)
    yield Kind("TIFF", "JPEG, RGB", tiff([jpeg_page(plain, 7, 2)]), lambda _: by_pillow(plain), "Pillow", PHOTO)
    yield Kind("TIFF", "JPEG, gray", tiff([jpeg_page(gray, 7, 1, 1)]), lambda _: by_pillow(gray), "Pillow", GRAY)
    yield Kind("TIFF", "JPEG that says YCbCr in a page that says RGB", tiff([jpeg_page(stream, 7, 2)]))
    old = jpeg_page(stream, 6, 6, more={513: (4, 8), 514: (4, len(stream))})
    yield Kind("TIFF", "JPEG, old style", tiff([old]))
    yield Kind("JPEG", "hierarchical", other_frame(stream, 0xC5))
    yield Kind("JPEG", "lossless, arithmetic coding", other_frame(stream, 0xCB))
    yield Kind("TIFF", "palette, Zstandard", tiff([compressed_page(50000, 3, G8)]))


def page_kinds() -> Iterator[Kind]:
    small = page(np.ascontiguousarray(RGB8[::4, ::4]), 2, more={254: (4, 1)})
    whole = page(RGB8, 2, more={254: (4, 0)})
    second = by_tifffile(over(255), 1)
    yield Kind("TIFF", "a thumbnail first, the scan after it", tiff([small, whole]), second, "tifffile", PHOTO)
    parent = page(np.ascontiguousarray(RGB8[::4, ::4]), 2, more={254: (4, 1)})
    parent.children = [whole]
    itself = by_tifffile(over(255))
    yield Kind(
        "TIFF",
        "a thumbnail first, the scan in its SubIFD",
        tiff([parent]),
        lambda _: itself(tiff([whole])),
        "tifffile",
        PHOTO,
    )
    yield Kind("TIFF", "a thumbnail alone", tiff([small]))
    raw = page(np.ascontiguousarray(RGB8[::4, ::4]), 2, more={254: (4, 1), 50706: (1, [1, 4, 0, 0])})
    raw.children = [page(G16, 32803)]
    yield Kind("TIFF", "DNG", tiff([raw]))
    for name, pointer in (("beyond the file", 2**31 - 16), ("into the pixels", 1000), ("to itself", 8)):
        data = tiff([page(RGB8, 2)], last_pointer=pointer)
        yield Kind("TIFF", f"pointer to the next page {name}", data, lambda _: PHOTO, "the picture itself", PHOTO)


def profile_kinds() -> Iterator[Kind]:
    adobe = through_profile(ADOBE_PRIMARIES, 2.19921875)
    image = Image.fromarray(adobe)
    for name in ("Adobe RGB (1998)", "sRGB by name alone"):
        profile = made_profile(name, ADOBE_PRIMARIES, (2.19921875,))
        for form in ("JPEG", "PNG", "TIFF", "WEBP"):
            options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
            data = saved(image, form, icc_profile=profile, **options)
            words = f"profile of a wider space, called {name}"
            yield Kind(form.replace("WEBP", "WebP"), words, data, by_lcms, "LittleCMS", PHOTO)
    linear = made_profile("sRGB IEC61966-2.1", SRGB_PRIMARIES, (1.0,))
    srgb = made_profile("nothing", SRGB_PRIMARIES, SRGB_CURVE)
    for name, samples, profile in (
        ("linear profile called sRGB, 16 bits", np.rint(LINEAR * 65535).astype(np.uint16), linear),
        ("linear profile called sRGB, floats", LINEAR, linear),
        ("sRGB profile, floats", PHOTO, srgb),
    ):
        curve = from_linear if profile is linear else over(1)
        most = 65535 if samples.dtype.kind == "u" else 1
        data = tiff([page(samples, 2, more={34675: (7, profile)})])
        yield Kind("TIFF", name, data, by_tifffile(lambda s, c=curve, m=most: c(s / m)), "tifffile", PHOTO)
    data = tiff([page(LINEAR[:, :, 1], 1, more={34675: (7, linear)})])
    yield Kind("TIFF", "gray floats with an RGB profile", data, by_tifffile(from_linear), "tifffile", GRAY)
    inks = pyvips.Image.new_from_array(RGB8, interpretation="srgb").icc_transform("cmyk", input_profile="srgb")
    samples, press = inks.numpy(), bytes(pyvips.Operation.call("profile_load", "cmyk"))
    for form in ("TIFF", "JPEG"):
        options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
        data = saved(Image.fromarray(samples, "CMYK"), form, icc_profile=press, **options)
        yield Kind(form, "CMYK", data, by_lcms, "LittleCMS", None)
    data = tiff([page(np.dstack([samples, INFRARED]), 5, more={338: (3, 0), 34675: (7, press)})])
    without = saved(Image.fromarray(samples, "CMYK"), "TIFF", icc_profile=press)
    inverted = jpeg_page(saved(Image.fromarray(samples, "CMYK"), "JPEG"), 7, 5, 4)
    yield Kind("TIFF", "JPEG, CMYK with Adobe's marker", tiff([inverted]))
    gray = Image.fromarray(np.rint(LINEAR[:, :, 1] ** (1 / 1.8) * 255).astype(np.uint8))
    brighter = made_profile("any", SRGB_PRIMARIES, (1.8,))
    for form in ("TIFF", "PNG"):
        tagged = saved(gray, form, icc_profile=brighter)
        yield Kind(form, "gray with an RGB profile", tagged, by_lcms, "LittleCMS", GRAY)
    yield Kind("TIFF", "CMYK with a fifth sample", data, lambda _: by_lcms(without), "LittleCMS", None)


def other_kinds() -> Iterator[Kind]:
    image = Image.fromarray(RGB8)
    for name, one in (("YCbCr", image), ("gray", Image.fromarray(G8))):
        yield Kind("JPEG", name, jpeg(one), by_pillow, "Pillow", GRAY if name == "gray" else PHOTO)
    yield Kind("JPEG", "progressive", jpeg(image, progressive=True), by_pillow, "Pillow", PHOTO)
    yield Kind("JPEG", "RGB", jpeg(image, keep_rgb=True), by_pillow, "Pillow", PHOTO)
    yield Kind("WebP", "lossless", saved(image, "WEBP", lossless=True), by_pillow, "Pillow", PHOTO)
    yield Kind("WebP", "lossy", saved(image, "WEBP", quality=95), by_pillow, "Pillow", PHOTO)
    yield from png_kinds()
    yield from bmp_kinds()
    for form, start in (("JPEG XR", b"II\xbc\x01" + bytes(60)), ("Panasonic raw", b"IIU\0" + bytes(60)),
                        ("Canon raw (CR3)", b"\0\0\0\x18ftypcrx " + bytes(60)), ("PNM", b"P6\n9 9\n255\n" + bytes(243)),
                        ("films (MP4)", b"\0\0\0\x18ftypisom" + bytes(60))):  # fmt: skip
        yield Kind(form, "any", start)


def png_kinds() -> Iterator[Kind]:
    def kind(name: str, data: bytes, see: Any = by_pillow, like: Any = PHOTO, reader: str = "Pillow") -> Kind:
        return Kind("PNG", name, data, see, reader, like)

    yield kind("RGB, 8 bits", png(RGB8, 8, 2))
    yield kind("RGB, 16 bits", png(RGB16.astype(">u2"), 16, 2), lambda _: RGB16 / 65535, PHOTO, "the picture itself")
    yield kind("gray, 16 bits", png(G16.astype(">u2"), 16, 0), by_pillow, GRAY)
    for bits in (1, 2, 4):
        rows = np.frombuffer(packed(G8[:, :, None] >> (8 - bits), bits), np.uint8).reshape(HEIGHT, -1)
        yield kind(f"gray, {bits} bit", png(rows, bits, 0), by_pillow, three((G8 >> (8 - bits)) / (2**bits - 1)))
    yield kind("palette", saved(Image.fromarray(RGB8).quantize(200), "PNG"))
    yield kind("RGB and alpha", png(np.dstack([RGB8, OPACITY]), 8, 6), by_pillow_on_white, None)
    yield kind("gray and alpha", png(np.dstack([G8, OPACITY]), 8, 4), by_pillow_on_white, None)
    yield kind("RGB, alpha 0 everywhere", png(np.dstack([RGB8, OPACITY * 0]), 8, 6))
    yield kind("a keyword in Latin-1", png(RGB8, 8, 2, (b"tEXt", "Schöpfer\0wer".encode("latin-1"))))
    linear = np.rint(LINEAR * 65535).astype(">u2")

    def light(_: bytes) -> np.ndarray:
        return from_linear(linear.astype(np.uint16) / 65535)

    yield kind("gAMA 1", png(linear, 16, 2, (b"gAMA", struct.pack(">I", 100_000))), light, PHOTO, "the formula")
    yield kind("gAMA 1/2.2, as written for sRGB", png(RGB8, 8, 2, (b"gAMA", struct.pack(">I", 45_455))))
    yield kind("cICP, linear", png(linear, 16, 2, (b"cICP", bytes([1, 8, 0, 1]))), light, PHOTO, "the formula")
    yield kind("cICP, sRGB", png(RGB8, 8, 2, (b"cICP", bytes([1, 13, 0, 1]))))
    yield Kind("PNG", "cICP, PQ (films)", png(RGB8, 8, 2, (b"cICP", bytes([9, 16, 0, 1]))))
    adobe = through_profile(ADOBE_PRIMARIES, 2.2)
    corners = struct.pack(">8I", *(round(value * 100_000) for value in ADOBE_PRIMARIES))
    chunks = (b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", corners)
    profile = made_profile("any", ADOBE_PRIMARIES, SRGB_CURVE)
    same = saved(Image.fromarray(adobe), "PNG", icc_profile=profile)
    yield kind("cHRM of a wider space", png(adobe, 8, 2, *chunks), lambda _: by_lcms(same), PHOTO, "LittleCMS")


def bmp_kinds() -> Iterator[Kind]:
    def kind(name: str, data: bytes, see: Any = by_pillow, like: Any = PHOTO) -> Kind:
        return Kind("BMP", name, data, see, "Pillow" if see is by_pillow else "the picture itself", like)

    red, green, blue = (RGB8[:, :, k].astype(np.uint32) for k in range(3))
    yield kind("24 bits", bmp(RGB8[:, :, ::-1], 24))
    table = b"".join(bytes([k, k, k, 0]) for k in range(256))
    yield kind("palette", bmp(G8, 8, palette=table), by_pillow, GRAY)
    yield kind("32 bits", bmp(red << 16 | green << 8 | blue, 32))
    turned = bmp(red | green << 8 | blue << 16, 32, (0xFF, 0xFF00, 0xFF0000))
    yield kind("32 bits, masks with red first", turned, lambda _: PHOTO)
    short = (red >> 3 << 11 | green >> 2 << 5 | blue >> 3).astype(np.uint16)
    seen = np.dstack([(red >> 3) / 31, (green >> 2) / 63, (blue >> 3) / 31])
    yield kind("16 bits, masks 5-6-5", bmp(short, 16, (0xF800, 0x7E0, 0x1F)), lambda _: seen)
    yield Kind("BMP", "palette missing", bmp(G8, 8))
    wide = bmp(red << 20 | green << 10 | blue, 32, (0x3FF00000, 0xFFC00, 0x3FF))
    yield Kind("BMP", "32 bits, masks of 10 bits", wide)


@lru_cache(maxsize=1)
def kinds() -> tuple[Kind, ...]:
    """All of them, by format."""
    from tests.unit.coded_kinds import coded_kinds

    found = [*tiff_kinds(), *compressed_kinds(), *page_kinds(), *profile_kinds(), *coded_kinds(), *other_kinds()]
    order = list(dict.fromkeys(kind.form for kind in found))
    return tuple(sorted(found, key=lambda kind: order.index(kind.form)))


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean CIEDE2000 of two pictures, H x W x 3 sRGB."""
    first, second = (rgb_to_lab(np.ascontiguousarray(picture, np.float32)) for picture in (one, other))
    return float(ciede2000(first, second).mean())


def table(decoder: Decoder) -> str:
    """The page's table, one row a kind."""
    lines = ["| Format | Kind | What happens | Compared with |", "|---|---|---|---|"]
    for kind in kinds():
        try:
            found = decoder.decode(kind.data, "scan").pixels
        except PhotoRejected as error:
            answer, reader = f"refused: `{error.reason}`", ""
        else:
            seen = kind.see(kind.data) if kind.see else np.zeros_like(found)
            exact = bool(np.abs(found - seen).max() < 1.5 / 65535)
            right = "read, equal" if exact else "read, dE00 below 1"
            answer, reader = right if difference(found, seen) < 1 else "read wrong", kind.reader
        lines.append(f"| {kind.form} | {kind.name} | {answer} | {reader} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    with Decoder() as one_decoder:
        sys.stdout.write(table(one_decoder))
