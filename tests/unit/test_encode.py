"""Encoding: exact, deterministic, and saying what the picture is."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from restoration.photo.decode import Decoder
from restoration.photo.encode import encode_png, preview_jpeg
from tests.unit.picture_maker import gray, integers, photograph, picture, smaller

PHOTO = smaller(photograph("astronaut"), 200)


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as one:
        yield one


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("neutral", [True, False])
def test_pixels_come_back_exactly(decoder, bits, neutral):
    levels = np.float32(2**bits - 1)
    pixels = np.rint((gray(PHOTO) if neutral else PHOTO) * levels) / levels
    found = decoder.decode(encode_png(picture(pixels, bits=bits), software="t", ai_altered=False), "x")
    assert found.info.bits == bits
    assert np.array_equal(np.rint(found.pixels * levels), np.rint(pixels * levels))


def test_a_hundred_runs_give_the_same_bytes():
    one = picture(smaller(PHOTO, 64), bits=16, dpi=300)
    hashes = {hashlib.sha256(encode_png(one, software="r 1", ai_altered=True)).hexdigest() for _ in range(100)}
    assert len(hashes) == 1
    assert len({preview_jpeg(PHOTO, 100) for _ in range(20)}) == 1


def test_the_file_says_what_it_is():
    made = encode_png(picture(PHOTO, dpi=300), software="restoration <1> & more", ai_altered=True)
    image = Image.open(io.BytesIO(made))
    assert image.info["srgb"] == 1
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    packet = image.info["XML:com.adobe.xmp"]
    assert "digitalsourcetype/compositeWithTrainedAlgorithmicMedia<" in packet
    assert "restoration &lt;1&gt; &amp; more" in packet
    honest = Image.open(io.BytesIO(encode_png(picture(PHOTO), software="r", ai_altered=False)))
    assert "digitalsourcetype/algorithmicallyEnhanced<" in honest.info["XML:com.adobe.xmp"]
    assert "dpi" not in honest.info


@pytest.mark.parametrize(("orientation", "expected"), [(1, (300, 600)), (6, (600, 300))])
def test_resolution_of_both_axes_is_kept(orientation, expected):
    one = picture(smaller(PHOTO, 64))
    info = replace(one.info, dpi=300.0, dpi_down=600.0, orientation=orientation)
    image = Image.open(io.BytesIO(encode_png(replace(one, info=info), software="r", ai_altered=False)))
    assert image.info["dpi"] == pytest.approx(expected, abs=0.1)


def test_a_resolution_that_png_cannot_say_is_left_out():
    made = encode_png(picture(smaller(PHOTO, 64), dpi=4294967295.0), software="r", ai_altered=False)
    assert "dpi" not in Image.open(io.BytesIO(made)).info


def test_preview_is_small_progressive_and_bare():
    made = preview_jpeg(photograph("china"), 320)
    image = Image.open(io.BytesIO(made))
    assert max(image.size) == 320
    assert image.info.get("progressive")
    assert "exif" not in image.info
    assert Image.open(io.BytesIO(preview_jpeg(PHOTO, 1000))).size == PHOTO.shape[1::-1]
    assert (
        np.abs(np.asarray(Image.open(io.BytesIO(preview_jpeg(PHOTO, 1000)))).astype(int) - integers(PHOTO)).mean() < 6
    )
