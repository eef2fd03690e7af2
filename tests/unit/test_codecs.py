"""What libvips does not read: damaged, hostile and huge files end in a reason; what a file says of itself counts."""

from __future__ import annotations

import dataclasses
import io
import os
import struct
import subprocess
import sys
from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.codecs import wheels
from restoration.photo.decode import DecodeLimits, Decoder
from tests.unit import box_maker as boxed
from tests.unit import written_maker
from tests.unit.coded_kinds import RGB8, RGB16, codestream, stream_page, written
from tests.unit.picture_maker import saved
from tests.unit.tiff_maker import Page, page, tiff
from tests.work import meter

LIMITS = DecodeLimits(max_pixels=4_000_000, seconds=30)
DAMAGED = {ReasonCode.TRUNCATED, ReasonCode.CORRUPT}
SRGB = boxed.code(1, 13, 0)
PNG = saved(Image.fromarray(RGB8), "PNG")
AVIF = imagecodecs.avif_encode(RGB8, level=100)
TWELVE = imagecodecs.jpeg_encode(RGB16 >> 4, level=95, bitspersample=12)
LOSSLESS = imagecodecs.jpeg8_encode(RGB8, lossless=True)
SQUARES = boxed.squares(255) / 255
FILES = {
    "JPEG 2000": saved(Image.fromarray(RGB8), "JPEG2000", tile_size=(64, 64)),
    "codestream": codestream(RGB8),
    "JPEG XL": imagecodecs.jpegxl_encode(RGB16, lossless=True),
    "AVIF": AVIF,
    "HEIC": boxed.heif(boxed.item_of_hevc("rgb8", SRGB)),
    "JPEG-LS": imagecodecs.jpegls_encode(RGB8),
    "12-bit JPEG": TWELVE,
    "lossless JPEG": LOSSLESS,
    "TIFF, Zstandard": written(RGB8, "zstd", rowsperstrip=20),
    "TIFF, JPEG 2000": written(RGB8, "jpeg2000", rowsperstrip=60),
    "TIFF, packed": tiff([page(RGB16 >> 4, 2, bits=12)]),
}


@pytest.fixture(scope="module")
def decoder():
    with Decoder(LIMITS) as one:
        yield one


def reason_of(decoder: Decoder, data: bytes) -> ReasonCode:
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(data, "bad")
    return caught.value.reason


def levels(decoder: Decoder, data: bytes) -> np.ndarray:
    return np.rint(decoder.decode(data, "good").pixels * 255).astype(int)


# -- damaged ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.99])
def test_a_file_that_was_cut_off_is_never_read(decoder, name, part):
    data = FILES[name]
    decoder.decode(data, "whole")
    assert reason_of(decoder, data[: max(20, int(part * len(data)))]) in DAMAGED


@pytest.mark.parametrize("name", [name for name in FILES if name not in {"TIFF, packed"}])
def test_a_copy_that_was_filled_with_zeros_is_never_read(decoder, name):
    data = FILES[name]
    cut = {"TIFF, Zstandard": 1500, "TIFF, JPEG 2000": 1500}.get(name, len(data) * 2 // 3)
    assert reason_of(decoder, data[:cut].ljust(len(data), b"\0")) in DAMAGED


@pytest.mark.parametrize("stream", [TWELVE, LOSSLESS], ids=["12 bits", "lossless"])
@pytest.mark.parametrize("missing", [3, 40, 2000])
def test_jpeg_data_that_are_too_few_are_seen_though_the_end_is_there(decoder, stream, missing):
    assert reason_of(decoder, stream[: -2 - missing] + b"\xff\xd9") in DAMAGED
    bits = 12 if stream is TWELVE else 8
    inside = tiff([stream_page(stream[: -2 - missing] + b"\xff\xd9", bits, 6 if stream is TWELVE else 2)])
    assert reason_of(decoder, inside) in DAMAGED


def test_a_codestream_with_an_end_and_a_tile_too_few_is_truncated(decoder):
    data = saved(Image.fromarray(RGB8), "JPEG2000", tile_size=(64, 64), no_jp2=True)
    assert data[-2:] == b"\xff\xd9"
    last = data.rindex(b"\xff\x90\x00\x0a")
    assert reason_of(decoder, data[:last] + b"\xff\xd9") == ReasonCode.TRUNCATED
    assert reason_of(decoder, data[:-500] + b"\xff\xd9") == ReasonCode.TRUNCATED
    assert reason_of(decoder, data[:-2]) == ReasonCode.TRUNCATED


def test_strips_that_are_empty_or_missing_are_no_black_rows(decoder):
    rows = tifffile.TiffFile(io.BytesIO(FILES["TIFF, Zstandard"])).pages[0]
    strips = [FILES["TIFF, Zstandard"][o : o + n] for o, n in zip(rows.dataoffsets, rows.databytecounts, strict=True)]
    tags = {256: (4, 120), 257: (4, 120), 258: (3, [8] * 3), 259: (3, 50000), 262: (3, 2), 277: (3, 3), 278: (4, 20)}
    assert np.array_equal(levels(decoder, tiff([Page(dict(tags), strips)])), RGB8)
    assert reason_of(decoder, tiff([Page(dict(tags), [*strips[:3], b"", *strips[4:]])])) == ReasonCode.CORRUPT
    assert reason_of(decoder, tiff([Page(dict(tags), strips[:-1])])) == ReasonCode.CORRUPT
    assert reason_of(decoder, tiff([Page(dict(tags), [*strips[:-1], strips[0][:-9]])])) == ReasonCode.CORRUPT


@pytest.mark.parametrize("name", FILES)
def test_bytes_that_were_changed_end_in_a_reason_and_the_process_lives(decoder, name):
    chance = np.random.default_rng(7)
    decoder.decode(PNG, "before")
    process = decoder._child._process
    for _ in range(40):
        data = bytearray(FILES[name])
        data[chance.integers(4, min(len(data), 500))] = chance.integers(0, 256)
        with suppress(PhotoRejected):
            decoder.decode(bytes(data), "changed")
    assert decoder._child._process is process


# -- huge -------------------------------------------------------------------------------------------------------------
def huge(name: str) -> bytes:
    side = struct.pack(">I", 60_000)
    if name == "JPEG 2000":
        stream = codestream(RGB8)
        return boxed.jp2(stream[:8] + side + side + stream[16:24] + side + side + stream[32:], boxed.colour(16))
    if name == "JPEG XL":
        return imagecodecs.jpegxl_encode(np.zeros((2100, 2100), np.uint8), lossless=True, effort=1)
    if name in {"AVIF", "HEIC"}:
        item = boxed.item_of_avif(AVIF, SRGB) if name == "AVIF" else boxed.item_of_hevc("rgb8", SRGB)
        item.properties = [boxed.size(60_000, 60_000) if one[4:8] == b"ispe" else one for one in item.properties]
        return boxed.heif(item, brand=b"avif" if name == "AVIF" else b"heic")
    if name == "JPEG":
        place = LOSSLESS.index(b"\xff\xc3") + 5
        return LOSSLESS[:place] + struct.pack(">HH", 60_000, 60_000) + LOSSLESS[place + 4 :]
    one = page(RGB16 >> 4, 2, bits=12)
    one.tags |= {256: (4, 60_000), 257: (4, 60_000), 278: (4, 60_000)}
    return tiff([one])


@pytest.mark.parametrize("name", ["JPEG 2000", "JPEG XL", "AVIF", "HEIC", "JPEG", "TIFF"])
def test_a_bomb_is_refused_by_its_header(decoder, name):
    data = huge(name)
    decoder.decode(FILES["JPEG 2000"], "warm")
    spent = meter(decoder._child._process.pid)
    assert reason_of(decoder, data) == ReasonCode.TOO_MANY_PIXELS
    assert spent() < 2


@pytest.mark.parametrize(("compression", "number"), [("jpeg2000", 34712), ("jpegxl", 50002), ("jpeg", 7)])
def test_a_strip_that_is_larger_than_its_page_is_refused_before_it_is_decoded(decoder, compression, number):
    large = np.zeros((300, 300), np.uint8)
    made: dict[str, bytes] = {
        "jpeg2000": imagecodecs.jpeg2k_encode(large, level=0, codecformat="j2k"),
        "jpegxl": imagecodecs.jpegxl_encode(large, lossless=True),
        "jpeg": imagecodecs.jpeg8_encode(large, lossless=True),
    }
    tags = {256: (4, 64), 257: (4, 64), 258: (3, 8), 259: (3, number), 262: (3, 1), 277: (3, 1), 278: (4, 64)}
    decoder.decode(FILES["TIFF, JPEG 2000"], "warm")
    spent = meter(decoder._child._process.pid)
    assert reason_of(decoder, tiff([Page(tags, [made[compression]])])) == ReasonCode.CORRUPT
    assert spent() < 1


def test_too_little_memory_is_not_called_damage():
    large = np.zeros((2400, 2400, 3), np.uint8)
    for data in (codestream(large), imagecodecs.jpegxl_encode(large, level=90, effort=1)):
        with Decoder(DecodeLimits(memory_mb=120)) as one:
            assert reason_of(one, data) == ReasonCode.DECODE_MEMORY


# -- machines that lack a wheel ---------------------------------------------------------------------------------------
def test_a_machine_without_the_wheels_reads_the_rest_and_names_what_it_lacks(tmp_path, monkeypatch):
    for name in ("imagecodecs", "pi_heif"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    with Decoder(LIMITS) as one:
        assert np.array_equal(levels(one, PNG), RGB8)
        for name, data in FILES.items():
            with pytest.raises(PhotoRejected) as caught:
                one.decode(data, "unread")
            assert caught.value.reason is ReasonCode.UNSUPPORTED_FORMAT, name
            assert ("pi_heif" if name == "HEIC" else "imagecodecs") in caught.value.message
            assert "save the scan as" in caught.value.message


def test_the_doctor_says_what_is_not_read(monkeypatch):
    from restoration.cli.doctor_checks import check_formats
    from restoration.settings import Settings

    assert check_formats(Settings(_env_file=None)).verdict == "ok"
    monkeypatch.setattr(wheels, "missing", lambda: ["pi_heif"])
    found = check_formats(Settings(_env_file=None))
    assert found.verdict == "note"
    assert "HEIF" in found.found
    assert "make env" in found.cure


def test_the_wheels_are_loaded_only_when_they_are_needed():
    code = (
        "import sys, restoration.photo.decoder_child as child; "
        "print([m for m in ('numpy', 'imagecodecs', 'tifffile', 'pi_heif', 'PIL') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# -- what files say of themselves -------------------------------------------------------------------------------------
@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirror", [None, 0, 1])
def test_heif_and_avif_are_turned_once(decoder, quarters, mirror):
    turning = [boxed.turned(quarters), *([] if mirror is None else [boxed.mirrored(mirror)])]
    exif = boxed.Item(b"Exif", bytes(4) + written_maker.exif({274: (3, b"\6\0")}), refers={b"cdsc": [1]})
    for one, picture, brand in (
        (boxed.item_of_hevc("rgb8", SRGB, *turning), SQUARES, b"heic"),
        (boxed.item_of_avif(AVIF, SRGB, *turning), RGB8 / 255, b"avif"),
    ):
        right = np.rot90(picture, quarters)
        right = right if mirror is None else right[::-1] if mirror == 0 else right[:, ::-1]
        found = decoder.decode(boxed.heif(one, exif, brand=brand), "turned")
        assert np.abs(found.pixels - right).max() < 0.002
        assert (found.info.height, found.info.width) == right.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_of_another_program_is_turned_as_that_program_turns_it(decoder, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(Image.fromarray(RGB8[:80]), "AVIF", quality=95, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        right = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(levels(decoder, data), right)


def test_jpeg_xl_is_turned_once(decoder):
    exif = Image.Exif()
    exif[274], exif[270] = 6, "packed"
    jpeg = saved(Image.fromarray(RGB8[:80]), "JPEG", quality=95, subsampling=0, exif=exif)
    found = decoder.decode(imagecodecs.jpegxl_encode_jpeg(jpeg, usecontainer=True), "turned")
    with Image.open(io.BytesIO(jpeg)) as image:
        right = np.asarray(ImageOps.exif_transpose(image))
    assert np.abs(found.pixels * 255 - right).mean() < 1
    assert found.info.embedded["description"] == "packed"
    assert found.info.orientation == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ([boxed.resolution(b"resc", 11811, 23622)], (300, 600)),
        ([boxed.resolution(b"resd", 11811, 11811)], (300, 300)),
        ([boxed.resolution(b"resc", 0, 0)], (0, 0)),
        ([boxed.resolution(b"resc", 1, 1)], (0, 0)),
        ([], (0, 0)),
    ],
)
def test_resolution_of_jpeg_2000(decoder, header, expected):
    info = decoder.decode(boxed.jp2(codestream(RGB8), boxed.colour(16), *header), "resolution").info
    assert (round(info.dpi), round(info.dpi_down)) == expected


XMP = written_maker.xmp(written_maker.alternatives("dc:title", **{"x-default": "Grandmother"}))
IPTC = written_maker.iim((2, 80, b"Kim"))
EXIF = written_maker.exif({270: (2, b"in front of the house")})


def said(decoder: Decoder, data: bytes) -> dict[str, str]:
    return decoder.decode(data, "words").info.embedded


def test_words_in_jpeg_2000(decoder):
    more = b"".join(
        boxed.box(b"uuid", name, block)
        for name, block in ((boxed.XMP_UUID, XMP), (boxed.IPTC_UUID, IPTC), (boxed.EXIF_UUID, EXIF))
    )
    found = said(decoder, boxed.jp2(codestream(RGB8), boxed.colour(16), more=more))
    assert found == {"title": "Grandmother", "creator": "Kim", "description": "in front of the house"}


def test_words_in_heif_and_avif(decoder):
    words = [
        boxed.Item(b"mime", XMP, refers={b"cdsc": [1]}, content=b"application/rdf+xml"),
        boxed.Item(b"Exif", bytes(4) + EXIF, refers={b"cdsc": [1]}),
        boxed.Item(b"Exif", bytes(4) + written_maker.exif({270: (2, b"of another picture")}), refers={b"cdsc": [5]}),
    ]
    for one, brand in ((boxed.item_of_hevc("rgb8", SRGB), b"heic"), (boxed.item_of_avif(AVIF, SRGB), b"avif")):
        found = said(decoder, boxed.heif(one, *words, dataclasses.replace(one), brand=brand))
        assert found == {"title": "Grandmother", "description": "in front of the house"}


def test_words_in_jpeg_xl(decoder):
    data = FILES["JPEG XL"]
    assert data[4:8] == b"JXL "
    assert said(decoder, data + boxed.box(b"xml ", XMP) + boxed.box(b"Exif", bytes(4), EXIF)) == {
        "title": "Grandmother",
        "description": "in front of the house",
    }


def test_several_pictures_are_noted(decoder):
    two = [boxed.item_of_hevc("gray8", boxed.code(1, 13, 1)), boxed.item_of_hevc("rgb8", SRGB)]
    found = decoder.decode(boxed.heif(*two, primary=2), "two").info
    assert found.pages == 2
    assert "2 pictures" in found.metadata["notes"]
    thumbnail = dataclasses.replace(two[0], refers={b"thmb": [1]})
    assert decoder.decode(boxed.heif(two[1], thumbnail), "thumbnail").info.pages == 1
    film = io.BytesIO()
    Image.fromarray(RGB8).save(film, "AVIF", quality=100, save_all=True, append_images=[Image.fromarray(255 - RGB8)])
    found = decoder.decode(film.getvalue(), "film")
    assert np.abs(found.pixels - RGB8 / 255).mean() < 0.02
    assert "sequence" in found.info.metadata["notes"]


def test_a_film_is_not_a_picture(decoder):
    data = boxed.box(b"ftyp", b"avis", bytes(4), b"avis") + boxed.box(b"moov", bytes(100))
    assert reason_of(decoder, data) == ReasonCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(
    "tags", [{340: (8, -32768), 341: (8, 32767)}, {340: (8, 0), 341: (8, 20000)}, {341: (8, 32767)}]
)
def test_signed_samples_are_read_only_if_the_file_says_what_is_black_and_white(decoder, tags):
    samples = (RGB16[:, :, 0] >> 1).astype(np.int16)
    assert reason_of(decoder, tiff([page(samples, 1, more=tags)])) == ReasonCode.UNSUPPORTED_FORMAT
    below = page(samples - 300, 1, more={340: (8, 0), 341: (8, 32767)})
    assert reason_of(decoder, tiff([below])) == ReasonCode.UNSUPPORTED_FORMAT


def test_orientation_and_profile_of_a_page_for_the_second_reader(decoder):
    data = written(np.ascontiguousarray(RGB8[:80]), "zstd", extratags=[(274, 3, 1, 6, True)])
    assert np.array_equal(levels(decoder, data), np.rot90(RGB8[:80], -1))
