"""Decoding untrusted scans: what is read exactly, what is refused and why, and that the decoder survives it all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.decoding_process import DecodingProcess
from restoration.photo.encode import encode_png
from restoration.settings import Settings
from tests.unit.picture_maker import integers, photograph, png_bomb, png_chunk, saved, smaller
from tests.unit.tiff_maker import page, tiff
from tests.work import meter

SMALL = integers(smaller(photograph("astronaut"), 120))
IMAGE = Image.fromarray(SMALL)
LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=8_000_000, seconds=20)


@pytest.fixture(scope="module")
def decoder():
    with Decoder(LIMITS) as one:
        yield one


def reason_of(decoder: Decoder, data: bytes) -> ReasonCode:
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(data, "bad")
    assert caught.value.photo == "bad"
    return caught.value.reason


def back(decoder: Decoder, data: bytes) -> np.ndarray:
    return integers(decoder.decode(data, "good").pixels)


# -- what is read exactly ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
                                               ("TIFF", {"compression": "tiff_adobe_deflate"}), ("BMP", {}),
                                               ("WEBP", {"lossless": True})])  # fmt: skip
def test_lossless_formats_come_back_exactly(decoder, kind, options):
    assert np.array_equal(back(decoder, saved(IMAGE, kind, **options)), SMALL)


def test_jpeg_is_read(decoder):
    found = decoder.decode(saved(IMAGE, "JPEG", quality=95, dpi=(300, 300)), "x.jpg")
    assert found.info.format == "jpeg"
    assert found.info.dpi == pytest.approx(300, abs=0.5)
    assert np.abs(found.pixels - SMALL / 255).mean() < 0.02


def test_name_is_not_believed(decoder):
    assert decoder.decode(saved(IMAGE, "PNG"), "really.jpg").info.format == "png"


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_gray_becomes_three_equal_channels(decoder, kind):
    one = SMALL[:, :, 1]
    found = back(decoder, saved(Image.fromarray(one), kind))
    assert np.array_equal(found, np.repeat(one[:, :, None], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_kept(decoder, kind, channels):
    samples = np.random.default_rng(1).integers(0, 65536, (40, 50, channels), dtype=np.uint16)
    image = pyvips.Image.new_from_array(samples, interpretation="grey16" if channels == 1 else "rgb16")
    data = image.pngsave_buffer(bitdepth=16) if kind == "PNG" else image.tiffsave_buffer()
    found = decoder.decode(data, "deep")
    assert found.info.bits == 16
    assert np.array_equal(np.rint(found.pixels * 65535).astype(np.uint16), np.broadcast_to(samples, (40, 50, 3)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(decoder, orientation):
    stored = IMAGE.resize((60, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(stored, "PNG", exif=exif)
    found = decoder.decode(data, "turned")
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a),
    }
    assert np.array_equal(integers(found.pixels), turned[orientation](np.asarray(stored)))
    assert found.info.orientation == orientation
    assert (found.info.height, found.info.width) == found.pixels.shape[:2]


def test_alpha_is_flattened_on_white(decoder):
    rgba = np.dstack([SMALL, np.full(SMALL.shape[:2], 128, np.uint8)])
    rgba[:10, :, 3] = 0
    found = back(decoder, saved(Image.fromarray(rgba), "PNG")).astype(int)
    assert (found[:10] == 255).all()
    expected = 255 - (255 - SMALL[10:].astype(float)) * 128 / 255
    assert np.abs(found[10:] - expected).max() <= 1.01


def test_gray_with_alpha_stays_gray(decoder):
    both = np.dstack([SMALL[:, :, 0], np.full(SMALL.shape[:2], 255, np.uint8)])
    found = back(decoder, saved(Image.fromarray(both), "PNG"))
    assert np.array_equal(found, np.repeat(SMALL[:, :, :1], 3, axis=2))


def test_first_of_several_pages_is_taken(decoder):
    other = Image.fromarray(255 - SMALL)
    found = decoder.decode(saved(IMAGE, "TIFF", save_all=True, append_images=[other, other]), "pages")
    assert found.info.pages == 3
    assert np.array_equal(integers(found.pixels), SMALL)


def test_srgb_profile_changes_nothing(decoder):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = decoder.decode(saved(IMAGE, "PNG", icc_profile=profile), "srgb")
    assert "srgb" in found.info.icc.lower()
    assert np.array_equal(integers(found.pixels), SMALL)


def test_other_profile_is_converted(decoder):
    wide = pyvips.Image.new_from_array(SMALL, interpretation="srgb").icc_transform("p3", input_profile="srgb")
    data = wide.pngsave_buffer(profile="p3")
    stored = np.asarray(Image.open(__import__("io").BytesIO(data)).convert("RGB")).astype(int)
    found = decoder.decode(data, "p3")
    assert found.info.icc
    assert np.abs(stored - SMALL).max() > 8
    assert np.abs(integers(found.pixels).astype(int) - SMALL).max() <= 4


def test_cmyk_is_converted(decoder):
    tone = Image.new("CMYK", (40, 30), (0, 0, 0, 0))
    tone.paste((0, 255, 255, 0), (0, 0, 20, 30))
    found = decoder.decode(saved(tone, "TIFF"), "press")
    assert found.info.channels == 4
    red, white = found.pixels[15, 5], found.pixels[15, 35]
    assert red[0] > 0.6
    assert red[1:].max() < 0.4
    assert white.min() > 0.95


def test_unusable_profile_is_noted_and_ignored(decoder):
    found = decoder.decode(saved(IMAGE, "PNG", icc_profile=b"\0" * 200), "odd profile")
    assert np.array_equal(integers(found.pixels), SMALL)


def test_exif_words_are_kept_without_control_characters(decoder):
    exif = Image.Exif()
    exif[0x010E] = "Grandmother, Busan\x01 1931"
    found = decoder.decode(saved(IMAGE, "JPEG", exif=exif), "words")
    assert found.info.metadata["ImageDescription"].startswith("Grandmother, Busan")
    assert all(c.isprintable() for c in found.info.metadata["ImageDescription"])


# -- what the file says of itself --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("across", "down", "unit", "expected"),
    [
        ((300, 1), (600, 1), 2, (300, 600)),
        ((118, 1), (118, 1), 3, (299.72, 299.72)),
        ((300, 1), (300, 1), None, (300, 300)),
        ((300, 1), (300, 1), 1, (0, 0)),
        ((0, 0), (0, 0), 2, (0, 0)),
        ((300, 0), (300, 0), 2, (0, 0)),
        ((4294967295, 1), (4294967295, 1), 2, (0, 0)),
        ((200_000_000, 1), (200_000_000, 1), 2, (0, 0)),
        ((300, 1), (0, 1), 2, (0, 0)),
    ],
)
def test_resolution_of_tiff_is_known_or_not_and_never_invented(decoder, across, down, unit, expected):
    tags = {282: (5, across), 283: (5, down)} | ({296: (3, unit)} if unit else {})
    found = decoder.decode(tiff([page(SMALL, 2, more=tags)]), "resolution")
    assert (found.info.dpi, found.info.dpi_down) == pytest.approx(expected, abs=0.01)
    assert encode_png(found, software="t", ai_altered=False)


def test_resolution_of_other_formats(decoder):
    def of(data):
        info = decoder.decode(data, "resolution").info
        return round(info.dpi), round(info.dpi_down)

    exif = Image.Exif()
    exif[0x011A], exif[0x011B], exif[0x0128] = 400.0, 500.0, 2
    assert of(saved(IMAGE, "JPEG")) == (0, 0)
    assert of(saved(IMAGE, "JPEG", dpi=(300, 600))) == (300, 600)
    assert of(saved(IMAGE, "JPEG", exif=exif)) == (400, 500)
    assert of(saved(IMAGE, "WEBP")) == (0, 0)
    assert of(saved(IMAGE, "WEBP", exif=exif)) == (400, 500)
    assert of(saved(IMAGE, "PNG", exif=exif)) == (400, 500)
    assert of(saved(IMAGE, "PNG")) == (0, 0)
    assert of(saved(IMAGE, "PNG", dpi=(300, 600))) == (300, 600)
    assert of(saved(IMAGE, "BMP", dpi=(300, 600))) == (300, 600)


def test_what_was_taken_another_way_is_noted(decoder):
    brighter = page(np.full((40, 40), 5000, np.uint16), 1, more={281: (3, 4095)})
    hidden = np.dstack([SMALL, np.zeros(SMALL.shape[:2], np.uint8)])
    thumbnail = page(np.ascontiguousarray(SMALL[::4, ::4]), 2, more={254: (4, 1)})
    for data, words in (
        (tiff([page(SMALL, 2)], last_pointer=1 << 30), "points to a page that is not there"),
        (tiff([brighter]), "holds brighter samples"),
        (saved(Image.fromarray(hidden), "PNG"), "every pixel is transparent"),
        (tiff([thumbnail, page(SMALL, 2)]), "begins with a reduced picture"),
        (tiff([page(SMALL, 2, more={34675: (7, b"\0" * 200)})]), "profile cannot be used"),
    ):
        assert words in decoder.decode(data, "noted").info.metadata["notes"]
    assert "notes" not in decoder.decode(PNG, "plain").info.metadata


def test_several_pages_are_still_counted_and_the_first_is_taken_though_another_is_larger(decoder):
    large = np.repeat(np.repeat(255 - SMALL, 2, axis=0), 3, axis=1)
    found = decoder.decode(tiff([page(SMALL, 2), page(large, 2), page(SMALL, 2)]), "pages")
    assert found.info.pages == 3
    assert np.array_equal(integers(found.pixels), SMALL)


def test_behind_a_thumbnail_the_page_of_its_shape_is_the_scan(decoder):
    other = np.full((200, 400, 3), 9, np.uint8)
    thumbnail = page(np.ascontiguousarray(SMALL[::4, ::4]), 2, more={254: (4, 1)})
    assert np.array_equal(back(decoder, tiff([thumbnail, page(other, 2), page(SMALL, 2)])), SMALL)


def test_a_thumbnail_that_does_not_say_so_is_none_the_less_one(decoder):
    large = np.repeat(np.repeat(SMALL, 4, axis=0), 4, axis=1)
    found = decoder.decode(tiff([page(np.ascontiguousarray(SMALL), 2), page(large, 2)]), "thumbnail")
    assert np.array_equal(integers(found.pixels), large)


def test_the_scan_behind_a_thumbnail_is_turned_as_the_thumbnail_is(decoder):
    parent = page(np.ascontiguousarray(SMALL[::4, ::4]), 2, more={254: (4, 1), 274: (3, 6)})
    parent.children = [page(SMALL, 2)]
    assert np.array_equal(back(decoder, tiff([parent])), np.rot90(SMALL, -1))


@pytest.mark.parametrize("name", ["a.dng", "a.NEF", "a.arw", "a.cr2", "a.pef", "a.rw2"])
def test_a_tiff_file_called_raw_is_refused_by_its_name(decoder, name):
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(TIFF, name)
    assert caught.value.reason is ReasonCode.UNSUPPORTED_FORMAT
    assert "develop it" in caught.value.message
    assert decoder.decode(JPEG, name).info.format == "jpeg"


def test_words_in_latin_1_do_not_spoil_a_photograph(decoder):
    exif = Image.Exif()
    exif[0x010E] = "Großmutter".encode("latin-1")
    found = decoder.decode(saved(IMAGE, "JPEG", exif=exif), "words")
    assert found.info.metadata["ImageDescription"].startswith("Gro")


@pytest.mark.parametrize("tag", [256, 258, 262, 277, 338, 339])
@pytest.mark.parametrize("value", [0, 7, 65535])
def test_nonsense_in_a_directory_is_refused_and_the_process_lives(decoder, tag, value):
    data = tiff([page(SMALL, 2, more={tag: (3, value)})])
    process = decoder._child._process if decoder._child else None
    with suppress(PhotoRejected):
        decoder.decode(data, "odd")
    assert process is None or decoder._child._process is process
    assert np.array_equal(back(decoder, PNG), SMALL)


# -- what is refused by its first bytes -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", ReasonCode.EMPTY_FILE),
        (b"<!DOCTYPE html><html><body>404</body></html>", ReasonCode.NOT_AN_IMAGE),
        (b"\xef\xbb\xbf  <html>", ReasonCode.NOT_AN_IMAGE),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", ReasonCode.NOT_AN_IMAGE),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", ReasonCode.UNSUPPORTED_FORMAT),
        (b"<svg onload='x()'></svg>", ReasonCode.UNSUPPORTED_FORMAT),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", ReasonCode.UNSUPPORTED_FORMAT),
        (b"\xc5\xd0\xd3\xc6" + b"\0" * 60, ReasonCode.UNSUPPORTED_FORMAT),
        (b"%PDF-1.7\n", ReasonCode.UNSUPPORTED_FORMAT),
        (b"GIF89a" + b"\0" * 60, ReasonCode.UNSUPPORTED_FORMAT),
        (b"8BPS\0\1" + b"\0" * 60, ReasonCode.UNSUPPORTED_FORMAT),
        (b"\0\0\0\x18ftypisom" + b"\0" * 60, ReasonCode.UNSUPPORTED_FORMAT),
        (b"PK\x03\x04" + b"\0" * 60, ReasonCode.NOT_AN_IMAGE),
        (b"\0" * 1000, ReasonCode.NOT_AN_IMAGE),
        (b"BM and then words", ReasonCode.NOT_AN_IMAGE),
        (b"plain words", ReasonCode.NOT_AN_IMAGE),
    ],
)
def test_refused_before_any_library_sees_it(data, reason):
    fresh = Decoder(LIMITS)
    assert reason_of(fresh, data) == reason
    assert fresh._child is None


# -- what is refused while decoding -----------------------------------------------------------------------------------
def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(255 - b for b in data[middle : middle + 60]) + data[middle + 60 :]


JPEG, PNG = saved(IMAGE, "JPEG", quality=95), saved(IMAGE, "PNG")
TIFF, WEBP, BMP = saved(IMAGE, "TIFF"), saved(IMAGE, "WEBP"), saved(IMAGE, "BMP")


@pytest.mark.parametrize("whole", [JPEG, PNG, TIFF, WEBP, BMP], ids=["jpeg", "png", "tiff", "webp", "bmp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_cut_off_files_are_truncated(decoder, whole, share):
    data = whole[: max(40, int(len(whole) * share))]
    assert reason_of(decoder, data) == ReasonCode.TRUNCATED
    assert np.array_equal(back(decoder, PNG), SMALL)


def test_wrong_bytes_inside_are_corrupt(decoder):
    assert reason_of(decoder, damaged(PNG)) == ReasonCode.CORRUPT
    assert reason_of(decoder, damaged(saved(IMAGE, "TIFF", compression="tiff_adobe_deflate"))) == ReasonCode.CORRUPT
    assert np.array_equal(back(decoder, PNG), SMALL)


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"RIFF\0\0\0\0WEBP"])
def test_right_magic_and_noise_behind_it(decoder, magic):
    noise = magic + np.random.default_rng(0).bytes(5000)
    assert reason_of(decoder, noise) in {ReasonCode.CORRUPT, ReasonCode.TRUNCATED, ReasonCode.TOO_MANY_PIXELS}
    assert np.array_equal(back(decoder, PNG), SMALL)


def test_a_bomb_is_refused_before_it_unfolds(decoder):
    bomb = png_bomb(60_000)
    assert len(bomb) < 10_000
    back(decoder, PNG)
    spent = meter(decoder._child._process.pid)
    assert reason_of(decoder, bomb) == ReasonCode.TOO_MANY_PIXELS
    assert spent() < 2


def test_a_bomb_that_lies_about_its_size_is_harmless(decoder):
    packed = __import__("zlib").compress(bytes(30_000_000), 9)
    header = __import__("struct").pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")
    assert decoder.decode(data, "lie").pixels.shape == (64, 64, 3)
    assert np.array_equal(back(decoder, PNG), SMALL)


def test_too_small_and_too_large(decoder):
    assert reason_of(decoder, saved(IMAGE.resize((15, 300)), "PNG")) == ReasonCode.TOO_SMALL
    assert reason_of(decoder, PNG + bytes(LIMITS.max_bytes)) == ReasonCode.TOO_LARGE


def test_more_channels_than_a_photograph_has(decoder):
    many = pyvips.Image.new_from_array(np.zeros((30, 30, 7), np.uint8))
    assert reason_of(decoder, many.tiffsave_buffer()) == ReasonCode.UNSUPPORTED_FORMAT


# -- the process ------------------------------------------------------------------------------------------------------
def test_the_process_is_reused_and_ended():
    with Decoder(LIMITS) as one:
        one.decode(PNG, "a")
        first = one._child._process
        one.decode(PNG, "b")
        assert one._child._process is first
    assert first.poll() is not None


def test_a_crash_rejects_one_scan_and_the_next_gets_a_new_process():
    with Decoder(LIMITS) as one:
        one.decode(PNG, "a")
        os.kill(one._child._process.pid, signal.SIGSEGV)
        one._child._process.wait(60)
        assert reason_of(one, PNG) == ReasonCode.DECODER_CRASHED
        assert np.array_equal(back(one, PNG), SMALL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_was_ended_from_outside_costs_no_scan(number):
    """A system short of memory does that, to whatever scan is in hand."""
    with Decoder(LIMITS) as one:
        one.decode(PNG, "a")
        first = one._child._process
        os.kill(first.pid, number)
        first.wait(60)
        assert np.array_equal(back(one, PNG), SMALL)
        assert one._child._process.pid != first.pid


def test_a_scan_in_whose_hands_every_process_is_killed_is_refused(monkeypatch):
    asked = []

    def killed(self, *_):
        asked.append(self)
        self._process.kill()
        raise self._lost()

    with Decoder(LIMITS) as one:
        monkeypatch.setattr(DecodingProcess, "decode", killed)
        assert reason_of(one, PNG) == ReasonCode.DECODE_MEMORY
    assert len(asked) == 2


def test_a_hanging_process_is_a_timeout():
    with Decoder(LIMITS) as one:
        one.decode(PNG, "a")
        hung = one._child._process
        os.kill(hung.pid, signal.SIGSTOP)
        one._child._limits = DecodeLimits(seconds=0.5)  # now, so that a busy machine may take its time before
        assert reason_of(one, PNG) == ReasonCode.DECODE_TIMEOUT
        assert hung.poll() is not None
        assert np.array_equal(back(one, PNG), SMALL)


def test_memory_is_limited():
    large = saved(Image.new("RGB", (6000, 6000)), "PNG", compress_level=1)
    turned = Image.Exif()
    turned[0x0112] = 6
    needs_all = saved(Image.new("RGB", (6000, 6000)), "PNG", compress_level=1, exif=turned)
    with Decoder(DecodeLimits(memory_mb=64)) as one:
        assert reason_of(one, needs_all) == ReasonCode.DECODE_MEMORY
        assert np.array_equal(back(one, PNG), SMALL)
    with Decoder(DecodeLimits(memory_mb=2048)) as one:
        assert one.decode(large, "large").pixels.shape == (6000, 6000, 3)


def test_the_child_starts_quickly_and_knows_no_torch_and_no_secrets():
    heavy = "('torch', 'numpy', 'cv2')"
    code = f"import sys, restoration.photo.decoder_child; print(*(m for m in {heavy} if m in sys.modules))"
    spent = meter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert spent() < 5
    assert done.stdout.strip() == ""
    os.environ["RESTORATION_DATABASE_URL"] = "postgresql://user:secret@nowhere/x"
    try:
        with Decoder(LIMITS) as one:
            one.decode(PNG, "a")
            # closed even to us, unless we are root, since the process is not dumpable
            with suppress(PermissionError), open(f"/proc/{one._child._process.pid}/environ", "rb") as environment:
                assert b"secret" not in environment.read()
    finally:
        del os.environ["RESTORATION_DATABASE_URL"]


def test_limits_come_from_the_settings():
    limits = DecodeLimits.from_settings(Settings(max_pixels=123, min_side=7, decode_seconds=2.5, decode_memory_mb=99))
    assert (limits.max_pixels, limits.min_side, limits.seconds, limits.memory_mb) == (123, 7, 2.5, 99)
