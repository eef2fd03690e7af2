"""Kinds that libvips does not read, in JPEG 2000, JPEG XL, HEIF, AVIF, JPEG and TIFF.

Files are made with imagecodecs, tifffile and Pillow. Where no other reader is at hand, the file is coded without loss,
and what comes out is compared with what went in.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from restoration.photo.formats.icc import made_profile
from tests.unit import box_maker as boxed
from tests.unit.picture_maker import saved
from tests.unit.scan_kinds import (
    ADOBE_PRIMARIES,
    G8,
    G16,
    GRAY,
    HEIGHT,
    LINEAR,
    OPACITY,
    PHOTO,
    RGB8,
    RGB16,
    WIDTH,
    Kind,
    by_lcms,
    by_pillow,
    by_pillow_on_white,
    from_ycbcr,
    three,
    through_profile,
)  # fmt: skip
from tests.unit.tiff_maker import Page, page, tiff

ONE8, ONE16 = np.ascontiguousarray(G8), np.ascontiguousarray(G16)
ITSELF = "the picture itself"
RGBA8 = np.dstack([RGB8, OPACITY])
ON_WHITE = RGB8 / 255 * (OPACITY[:, :, None] / 255) + 1 - OPACITY[:, :, None] / 255


def coded_kinds() -> Iterator[Kind]:
    yield from tiff_samples()
    yield from tiff_compressions()
    yield from jpegs()
    yield from jpeg2000()
    yield from jpegxl()
    yield from avif()
    yield from heic()


def same(form: str, name: str, data: bytes, picture: np.ndarray, like: Any = None) -> Kind:
    """A kind coded without loss."""
    return Kind(form, name, data, lambda _: picture, ITSELF, picture if like is None else like)


def by_opencv(most: float) -> Callable[[bytes], np.ndarray]:
    def see(data: bytes) -> np.ndarray:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        return three(found[:, :, ::-1] if found.ndim == 3 else found) / most

    return see


# -- TIFF -------------------------------------------------------------------------------------------------------------
def tiff_samples() -> Iterator[Kind]:
    for bits in (10, 12, 14):
        short = RGB16 >> (16 - bits)
        yield same("TIFF", f"RGB, {bits} bits, packed", tiff([page(short, 2, bits=bits)]), short / (2**bits - 1))
    inverted = 4095 - (ONE16 >> 4)
    yield same(
        "TIFF", "gray, 12 bits, packed, 0 is white", tiff([page(inverted, 0, bits=12)]), three(ONE16 >> 4) / 4095
    )
    yield same("TIFF", "RGB, 4 bits", tiff([page(RGB8 >> 4, 2, bits=4)]), (RGB8 >> 4) / 15)
    yield same("TIFF", "RGB, 32 bits", tiff([page(RGB16.astype(np.uint32) * 65537, 2)]), RGB16 / 65535)
    for bits, kind, sample in ((8, 6, np.int8), (16, 8, np.int16)):
        most, full = 2 ** (bits - 1) - 1, 2**bits - 1
        signed = np.rint(PHOTO[:, :, 1] * most).astype(sample)
        said = page(signed, 1, more={340: (kind, 0), 341: (kind, most)})
        name = f"gray, signed {bits} bits, said to be from 0 to {most}"
        yield same("TIFF", name, tiff([said]), three(np.rint(signed / most * full)) / full)


def written(samples: np.ndarray, compression: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, compression=compression, photometric="rgb", metadata=None, **options)
    return buffer.getvalue()


def tiff_compressions() -> Iterator[Kind]:
    yield Kind(
        "TIFF", "Zstandard", saved(Image.fromarray(RGB8), "TIFF", compression="zstd"), by_pillow, "Pillow", PHOTO
    )
    yield same(
        "TIFF",
        "Zstandard, 16 bits, differences, tiles",
        written(RGB16, "zstd", predictor=True, tile=(32, 48)),
        RGB16 / 65535,
    )
    exactly = {"jpeg2000": {"level": 0}, "jpegxl": {"lossless": True}}
    names = {"lzma": "LZMA", "lerc": "LERC", "jpeg2000": "JPEG 2000", "jpegxl": "JPEG XL"}
    for compression, name in names.items():
        options = {"compressionargs": exactly[compression]} if compression in exactly else {}
        yield same("TIFF", f"{name}, strips", written(RGB8, compression, rowsperstrip=32, **options), RGB8 / 255)
        yield same(
            "TIFF", f"{name}, 16 bits, tiles", written(RGB16, compression, tile=(32, 32), **options), RGB16 / 65535
        )
    stream = imagecodecs.jpeg8_encode(RGB16, lossless=True, bitspersample=16)
    yield same("TIFF", "lossless JPEG, RGB, 16 bits", tiff([stream_page(stream, 16, 2)]), RGB16 / 65535)
    stream = imagecodecs.jpeg_encode(RGB16 >> 4, level=99, bitspersample=12, subsampling="444")
    yield Kind("TIFF", "12-bit JPEG, YCbCr", tiff([stream_page(stream, 12, 6)]), lambda _: PHOTO, ITSELF, PHOTO)
    yield Kind(
        "TIFF",
        "lossless JPEG that is to be YCbCr",
        tiff([stream_page(imagecodecs.jpeg8_encode(RGB8, lossless=True), 8, 6)]),
    )


def stream_page(stream: bytes, bits: int, photometric: int) -> Page:
    return Page(
        {
            256: (4, WIDTH), 257: (4, HEIGHT), 258: (3, [bits] * 3), 259: (3, 7), 262: (3, photometric), 277: (3, 3),
            278: (4, HEIGHT), 530: (3, [1, 1]),
        },
        [stream],
    )  # fmt: skip


# -- JPEG -------------------------------------------------------------------------------------------------------------
def jpegs() -> Iterator[Kind]:
    lossless = imagecodecs.jpeg8_encode
    yield same("JPEG", "lossless, RGB, 8 bits", lossless(RGB8, lossless=True), RGB8 / 255)
    yield same(
        "JPEG", "lossless, gray, 16 bits", lossless(ONE16, lossless=True, bitspersample=16), three(ONE16) / 65535
    )
    yield same(
        "JPEG", "lossless, RGB, 12 bits", lossless(RGB16 >> 4, lossless=True, bitspersample=12), (RGB16 >> 4) / 4095
    )
    twelve = imagecodecs.jpeg_encode(RGB16 >> 4, level=99, bitspersample=12, subsampling="444")
    yield Kind("JPEG", "YCbCr, 12 bits", twelve, lambda _: PHOTO, ITSELF, PHOTO)
    yield same("JPEG", "JPEG-LS, RGB, 8 bits", imagecodecs.jpegls_encode(RGB8), RGB8 / 255)
    yield same("JPEG", "JPEG-LS, gray, 16 bits", imagecodecs.jpegls_encode(ONE16), three(ONE16) / 65535)


# -- JPEG 2000 --------------------------------------------------------------------------------------------------------
def codestream(samples: np.ndarray, **options: Any) -> bytes:
    return imagecodecs.jpeg2k_encode(samples, level=0, codecformat="j2k", mct=False, **options)


def jpeg2000() -> Iterator[Kind]:
    def kind(name: str, data: bytes, see: Any, reader: str, like: Any = None) -> Kind:
        return Kind("JPEG 2000", name, data, see, reader, like)

    image = Image.fromarray(RGB8)
    yield kind("RGB, 8 bits", saved(image, "JPEG2000"), by_pillow, "Pillow", PHOTO)
    lossy = {"irreversible": True, "quality_mode": "rates", "quality_layers": [20, 4], "tile_size": (64, 64)}
    yield kind("RGB, lossy, tiles, several layers", saved(image, "JPEG2000", **lossy), by_pillow, "Pillow", PHOTO)
    yield kind("gray, 8 bits", saved(Image.fromarray(ONE8), "JPEG2000"), by_pillow, "Pillow", GRAY)
    yield kind("RGB, 16 bits", boxed.jp2(codestream(RGB16), boxed.colour(16)), by_opencv(65535), "OpenCV", PHOTO)
    yield kind("gray, 16 bits, codestream alone", codestream(ONE16), by_opencv(65535), "OpenCV", GRAY)
    twelve = boxed.jp2(codestream(RGB16 >> 4, bitspersample=12), boxed.colour(16))
    yield same("JPEG 2000", "RGB, 12 bits", twelve, (RGB16 >> 4) / 4095)
    yield kind("RGB and alpha (cdef)", saved(Image.fromarray(RGBA8), "JPEG2000"), by_pillow_on_white, "Pillow")
    first = np.dstack([OPACITY, RGB8])
    described = boxed.channels((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3))
    yield same(
        "JPEG 2000", "alpha first, then RGB (cdef)", boxed.jp2(codestream(first), boxed.colour(16), described), ON_WHITE
    )
    fourth = boxed.jp2(codestream(RGBA8), boxed.colour(16))
    yield same("JPEG 2000", "RGB and a fourth channel that nothing is said of", fourth, RGB8 / 255)
    backwards = boxed.channels((0, 0, 3), (1, 0, 2), (2, 0, 1))
    turned = boxed.jp2(codestream(np.ascontiguousarray(RGB8[:, :, ::-1])), boxed.colour(16), backwards)
    yield same("JPEG 2000", "blue first (cdef)", turned, RGB8 / 255)
    luma = PHOTO @ np.array([0.299, 0.587, 0.114])
    parts = (luma, (PHOTO[:, :, 2] - luma) / 1.772 + 128 / 255, (PHOTO[:, :, 0] - luma) / 1.402 + 128 / 255)
    ycc = np.clip(np.rint(np.dstack(parts) * 255), 0, 255).astype(np.uint8)
    yield kind("sYCC", boxed.jp2(codestream(ycc), boxed.colour(18)), lambda _: from_ycbcr(ycc), "the formula", PHOTO)
    few = image.quantize(200)
    table = np.array(few.getpalette()).reshape(-1, 3)[:200]
    data = boxed.jp2(codestream(np.asarray(few)), boxed.palette(table), boxed.colour(16))
    yield same("JPEG 2000", "palette", data, np.asarray(few.convert("RGB")) / 255)
    yield from jpeg2000_colours(kind)


def jpeg2000_colours(kind: Callable[..., Kind]) -> Iterator[Kind]:
    wide, profile = through_profile(ADOBE_PRIMARIES, 2.19921875), made_profile("any", ADOBE_PRIMARIES, (2.19921875,))
    same_png = saved(Image.fromarray(wide), "PNG", icc_profile=profile)
    data = boxed.jp2(codestream(wide), boxed.colour(profile=profile))
    yield kind("profile of a wider space", data, lambda _: by_lcms(same_png), "LittleCMS", PHOTO)
    import pyvips

    inks = pyvips.Image.new_from_array(RGB8, interpretation="srgb").icc_transform("cmyk", input_profile="srgb").numpy()
    press = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    same_tiff = saved(Image.fromarray(inks, "CMYK"), "TIFF", icc_profile=press)
    data = boxed.jp2(codestream(inks), boxed.colour(profile=press))
    yield kind("CMYK, profile", data, lambda _: by_lcms(same_tiff), "LittleCMS")
    yield Kind("JPEG 2000", "CIELAB", boxed.jp2(codestream(RGB8), boxed.colour(14)))
    yield Kind("JPEG 2000", "four components of no known colour", codestream(RGBA8))
    yield Kind("JPEG 2000", "signed samples", codestream((ONE16 >> 1).astype(np.int16)))
    deep = imagecodecs.jpeg2k_encode(ONE16.astype(np.int32), level=0, codecformat="j2k", bitspersample=20)
    yield Kind("JPEG 2000", "gray, 20 bits", deep)


# -- JPEG XL, AVIF, HEIF ----------------------------------------------------------------------------------------------
def jpegxl() -> Iterator[Kind]:
    def coded(samples: np.ndarray, **options: Any) -> bytes:
        return imagecodecs.jpegxl_encode(samples, lossless=True, **options)

    yield same("JPEG XL", "RGB, 8 bits", coded(RGB8), RGB8 / 255)
    yield same("JPEG XL", "gray, 8 bits", coded(ONE8), three(ONE8) / 255)
    linear = np.rint(LINEAR * 65535).astype(np.uint16)
    yield same("JPEG XL", "RGB, 16 bits, linear", coded(linear), PHOTO)
    yield same("JPEG XL", "RGB, floats, linear", coded(LINEAR), PHOTO)
    yield same("JPEG XL", "RGB and alpha", coded(RGBA8), ON_WHITE)
    jpeg = saved(Image.fromarray(RGB8), "JPEG", quality=95, subsampling=0)
    packed = imagecodecs.jpegxl_encode_jpeg(jpeg)
    yield Kind("JPEG XL", "made of a JPEG file", packed, lambda _: by_pillow(jpeg), "Pillow", PHOTO)


def avif() -> Iterator[Kind]:
    def kind(name: str, see: Any = by_pillow, like: Any = PHOTO, samples: np.ndarray = RGB8, **options: Any) -> Kind:
        data = saved(Image.fromarray(samples), "AVIF", **{"quality": 95, **options})
        return Kind("AVIF", name, data, see, "Pillow", like)

    yield kind("RGB, 8 bits, colour halved")
    yield kind("RGB, 8 bits, narrow range", range="limited", subsampling="4:4:4")
    yield kind("RGB and alpha", by_pillow_on_white, None, RGBA8, subsampling="4:4:4")
    yield kind("RGB, multiplied with its alpha", by_pillow_on_white, None, RGBA8, alpha_premultiplied=True)
    for bits in (10, 12):
        short = RGB16 >> (16 - bits)
        data = imagecodecs.avif_encode(short, level=100, bitspersample=bits)
        yield same("AVIF", f"RGB, {bits} bits", data, short / (2**bits - 1))
    yield same("AVIF", "gray, 8 bits", imagecodecs.avif_encode(ONE8, level=100), three(ONE8) / 255)
    wide, profile = through_profile(ADOBE_PRIMARIES, 2.19921875), made_profile("any", ADOBE_PRIMARIES, (2.19921875,))
    png = saved(Image.fromarray(wide), "PNG", icc_profile=profile)
    data = saved(Image.fromarray(wide), "AVIF", quality=100, subsampling="4:4:4", icc_profile=profile)
    yield Kind("AVIF", "profile of a wider space", data, lambda _: by_lcms(png), "LittleCMS", PHOTO)
    yield Kind(
        "AVIF",
        "colours of films (nclx, PQ)",
        boxed.heif(boxed.item_of_avif(imagecodecs.avif_encode(RGB8, level=100), boxed.code(9, 16, 9)), brand=b"avif"),
    )


def heic() -> Iterator[Kind]:
    eight, ten = boxed.squares(255) / 255, boxed.squares(1023) / 1023
    srgb, gray = boxed.code(1, 13, 0), boxed.code(1, 13, 1)
    yield same("HEIF (HEIC)", "RGB, 8 bits", boxed.heif(boxed.item_of_hevc("rgb8", srgb)), eight)
    yield same("HEIF (HEIC)", "RGB, 10 bits", boxed.heif(boxed.item_of_hevc("rgb10", srgb)), ten)
    yield same("HEIF (HEIC)", "gray, 8 bits", boxed.heif(boxed.item_of_hevc("gray8", gray)), three(eight[:, :, 0]))
    mask = boxed.item_of_hevc("gray8", boxed.alpha(), refers={b"auxl": [1]}, hidden=True)
    opacity = eight[:, :, :1]
    with_alpha = boxed.heif(boxed.item_of_hevc("rgb8", srgb), mask)
    yield same("HEIF (HEIC)", "RGB and alpha", with_alpha, eight * opacity + 1 - opacity)
    second = boxed.heif(boxed.item_of_hevc("gray8", gray), boxed.item_of_hevc("rgb8", srgb), primary=2)
    yield same("HEIF (HEIC)", "two pictures, the second is the primary one", second, eight)
    yield Kind(
        "HEIF (HEIC)", "colours of films (nclx, HLG)", boxed.heif(boxed.item_of_hevc("rgb10", boxed.code(9, 18, 0)))
    )
