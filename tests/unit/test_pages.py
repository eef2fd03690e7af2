"""Every full-size page of a TIFF file is a photograph; copies of one are not, whether they say so or not."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.decode import Decoder
from tests.unit.tiff_maker import Page, page, tiff

REDUCED = {254: (4, 1)}
MASK = {254: (4, 4)}


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as one:
        yield one


def shot(value: int, width: int = 64, height: int = 48, more=None, dtype=np.uint8) -> Page:
    """A page of one colour, by which it is known again."""
    most = np.iinfo(dtype).max // 255
    return page(np.full((height, width, 3), value * most, dtype), 2, more=more)


def values(decoder: Decoder, data: bytes) -> list[int]:
    """The colours of a file's pages, in order."""
    count = decoder.pages(data, "album.tif")
    found = [decoder.decode(data, "album.tif", number) for number in range(1, count + 1)]
    assert [(one.info.page, one.info.pages) for one in found] == [(n, count) for n in range(1, count + 1)]
    return [round(float(one.pixels[0, 0, 0]) * 255) for one in found]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_page_is_read_as_it_is(decoder, dtype, big):
    data = tiff([shot(10, dtype=dtype), shot(20, 40, 90, dtype=dtype), shot(30, dtype=dtype)], big=big)
    assert values(decoder, data) == [10, 20, 30]
    second = decoder.decode(data, "album.tif", 2)
    assert (second.width, second.height, second.info.bits) == (40, 90, 8 * np.dtype(dtype).itemsize)


def test_thumbnails_masks_and_reduced_copies_between_the_pages_are_none(decoder):
    pages = [shot(10), shot(11, 16, 12, REDUCED), shot(20), shot(21, 32, 24, REDUCED), shot(22, more=MASK), shot(30)]
    assert values(decoder, tiff(pages)) == [10, 20, 30]


def test_thumbnails_before_their_pages_are_none(decoder):
    pages = [shot(11, 16, 12, REDUCED), shot(10), shot(21, 16, 12, REDUCED), shot(20, 80, 48)]
    assert values(decoder, tiff(pages)) == [10, 20]


def test_each_page_is_taken_from_the_subifd_that_holds_it_in_full(decoder):
    first, second = shot(11, 16, 12, REDUCED), shot(21, 16, 12, REDUCED | {282: (5, (300, 1)), 283: (5, (300, 1))})
    first.children, second.children = [shot(10)], [shot(20)]
    data = tiff([first, second, shot(30)])
    assert values(decoder, data) == [10, 20, 30]
    assert decoder.decode(data, "album.tif", 2).info.dpi == 300.0


def test_a_preview_that_does_not_say_so_is_none_and_is_told(decoder):
    data = tiff([shot(10, 400, 300), shot(11, 100, 75), shot(20, 300, 400)])
    assert values(decoder, data) == [10, 20]
    assert "1 further pages are much smaller copies" in decoder.decode(data, "a.tif").info.metadata["notes"]
    assert "notes" not in decoder.decode(data, "a.tif", 2).info.metadata


def test_a_small_photograph_of_another_shape_is_a_page(decoder):
    assert values(decoder, tiff([shot(10, 400, 300), shot(20, 75, 100), shot(30, 390, 300)])) == [10, 20, 30]


def test_one_page_of_half_the_size_is_a_photograph_and_a_pyramid_is_none(decoder):
    assert values(decoder, tiff([shot(10, 800, 600), shot(20, 400, 300)])) == [10, 20]
    levels = [shot(10, 801, 601), shot(11, 400, 301), shot(12, 200, 151), shot(13, 100, 75)]
    assert values(decoder, tiff([*levels, shot(20, 800, 600)])) == [10, 20]


def test_a_page_that_cannot_be_read_is_refused_alone(decoder):
    broken = shot(20)
    broken.tags[259] = (3, 5)  # says LZW, and is none
    data = tiff([shot(10), broken, shot(30)])
    assert decoder.pages(data, "album.tif") == 3
    with pytest.raises(PhotoRejected) as refusal:
        decoder.decode(data, "album.tif", 2)
    assert (refusal.value.reason, refusal.value.pages) == (ReasonCode.CORRUPT, 3)
    assert round(float(decoder.decode(data, "album.tif", 3).pixels[0, 0, 0]) * 255) == 30


def test_a_first_page_that_cannot_be_read_still_tells_how_many_there_are(decoder):
    data = tiff([page(np.zeros((20, 30), np.int32), 1), shot(20)])
    with pytest.raises(PhotoRejected) as refusal:
        decoder.decode(data, "album.tif")
    assert (refusal.value.reason, refusal.value.pages) == (ReasonCode.UNSUPPORTED_FORMAT, 2)
    with pytest.raises(PhotoRejected) as refusal:
        decoder.decode(tiff([shot(10, 15, 15), shot(20)]), "album.tif")
    assert (refusal.value.reason, refusal.value.pages) == (ReasonCode.TOO_SMALL, 2)


def test_a_page_that_takes_the_process_with_it_says_nothing_of_the_others(monkeypatch):
    def killed(child, *_):
        child._process.kill()
        child._asked(data, "tiff", 1, None)

    data = tiff([shot(10), shot(20)])
    monkeypatch.setattr("restoration.photo.decoding_process.DecodingProcess.decode", killed)
    with Decoder() as decoder, pytest.raises(PhotoRejected) as refusal:
        decoder.decode(data, "album.tif")
    assert (refusal.value.reason, refusal.value.pages) == (ReasonCode.DECODE_MEMORY, 2)


@pytest.mark.parametrize(("pointer", "reason"), [(1 << 30, ReasonCode.TRUNCATED), (9, ReasonCode.CORRUPT)])
def test_an_album_whose_chain_breaks_has_one_page_more_that_cannot_be_read(decoder, pointer, reason):
    data = tiff([shot(10), shot(20)], last_pointer=pointer)
    assert decoder.pages(data, "album.tif") == 3
    with pytest.raises(PhotoRejected) as refusal:
        decoder.decode(data, "album.tif", 3)
    assert (refusal.value.reason, refusal.value.pages) == (reason, 3)
    assert "after page 2" in refusal.value.message


def test_a_single_scan_with_a_wrong_pointer_is_one_photograph(decoder):
    assert values(decoder, tiff([shot(10)], last_pointer=1 << 30)) == [10]


def test_a_chain_that_runs_in_a_circle_ends(decoder):
    data = bytearray(tiff([shot(10), shot(20)]))
    (first,) = struct.unpack_from("<I", data, 4)
    entries = struct.unpack_from("<H", data, first)[0]
    (second,) = struct.unpack_from("<I", data, first + 2 + 12 * entries)
    entries = struct.unpack_from("<H", data, second)[0]
    struct.pack_into("<I", data, second + 2 + 12 * entries, first)
    assert values(decoder, bytes(data)) == [10, 20]


def test_there_is_no_page_beyond_the_last(decoder):
    for data in (tiff([shot(10), shot(20)]), tiff([shot(10)])):
        with pytest.raises(PhotoRejected, match="no page 3"):
            decoder.decode(data, "album.tif", 3)


def test_words_at_the_beginning_of_a_file_are_not_told_of_its_other_pages(decoder):
    words = {270: (2, b"Ada, 1912\0"), 33432: (2, b"The family\0")}
    data = tiff([shot(10, more=words), shot(20), shot(30, more={270: (2, b"The house\0")})])
    said = [decoder.decode(data, "album.tif", number).info.embedded.get("description") for number in (1, 2, 3)]
    assert said == ["Ada, 1912", None, "The house"]
