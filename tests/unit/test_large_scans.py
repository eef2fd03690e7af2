"""Large scans lie in files and are worked on by bands: the result is that of one piece, and no band can be seen."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from restoration.engine.engine import Engine
from restoration.engine.outcome import Outcome, Scan
from restoration.engine.recipe import load_recipe
from restoration.photo import bands
from restoration.photo.colour import gray_from_lightness, lightness, luminance_y
from restoration.photo.cover import Cover
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.masks import decode_mask
from restoration.photo.picture import FloatImage
from restoration.quality.metrics import flat_noise, tones
from restoration.settings import Settings
from restoration.steps import alignment, filling, large_faces, searching
from restoration.steps.pasting import Site, likeness
from restoration.steps.repair import reduce_grain

SMALL, BAND = 20_000, 9_000


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything above 20,000 pixels is large, and a band has some 9,000."""
    make_large(monkeypatch)


def make_large(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bands, "LARGE_PIXELS", SMALL)
    patch.setattr(bands, "BAND_PIXELS", BAND)


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape, np.float32)


def photograph() -> FloatImage:
    """512 x 512 x 3, in colour."""
    return np.asarray(data.astronaut(), np.float32) / np.float32(255)


# -- bands -----------------------------------------------------------------------------------------------------------
@given(height=st.integers(150, 400), width=st.integers(140, 300), share=st.floats(0.02, 1), seed=st.integers(0, 99))
@hypothesis_settings(deadline=None, max_examples=25)
def test_reducing_by_bands_is_area_averaging(height: int, width: int, share: float, seed: int) -> None:
    picture = noise(height, width, 3, seed=seed)
    size = max(1, round(width * share)), max(1, round(height * share))
    whole = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    with pytest.MonkeyPatch.context() as patch:
        make_large(patch)
        assert bands.is_large(picture)
        np.testing.assert_allclose(bands.resized(picture, *size), whole, atol=2e-6)


@pytest.mark.usefixtures("large")
def test_a_large_gray_picture_is_one_plane() -> None:
    plane = noise(200, 150)
    picture = bands.gray(plane)
    assert picture.shape == (200, 150, 3)
    assert bands.is_one_plane(picture)
    assert np.shares_memory(picture, plane)
    assert not bands.is_one_plane(bands.copied(picture))
    assert luminance_y(picture).base is plane or np.shares_memory(luminance_y(picture), plane)
    assert bands.is_one_plane(gray_from_lightness(lightness(picture)))


@pytest.mark.usefixtures("large")
def test_what_lies_in_a_file_takes_no_memory_and_goes_with_the_array() -> None:
    before = nameless()
    picture = bands.empty((300, 200, 3))
    picture[:] = noise(300, 200, 3)
    kept = picture.copy()
    assert len(nameless() - before) == 1
    bands.give_back()
    np.testing.assert_array_equal(picture, kept)
    del picture
    gc.collect()
    assert not nameless() - before


def nameless() -> set[str]:
    """Files without a name that this process has mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split()[4] for line in lines if line.endswith("(deleted)") and "memfd" not in line}


@pytest.mark.usefixtures("large")
def test_figures_of_a_large_picture_are_those_of_all_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.clip(photograph() + 0.05 * noise(512, 512, 3) - 0.025, 0, 1)
    plane = lightness(picture)
    counted = bands.percentiles(plane, [0.5, 50, 99.5], 0.0, 100.0)
    by_bands = flat_noise(picture), tones(picture)
    np.testing.assert_allclose(counted, np.percentile(plane, [0.5, 50, 99.5]), atol=0.02)
    monkeypatch.undo()
    assert (flat_noise(picture), tones(picture)) == pytest.approx(by_bands, rel=1e-6)


def test_grain_is_reduced_without_seams() -> None:
    picture = np.clip(photograph() + 0.1 * noise(512, 512, 3) - 0.05, 0, 1)
    whole = reduce_grain(picture, 9.0, 0.8)
    with pytest.MonkeyPatch.context() as patch:
        make_large(patch)
        np.testing.assert_allclose(reduce_grain(picture, 9.0, 0.8), whole, atol=1e-5)


# -- the whole way ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(Settings(device="cpu", threads=1), tiles=True) as one:
        yield one


def encoded(picture: FloatImage, bits: int, *, gray: bool) -> bytes:
    most, kind = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    levels = np.rint(np.clip(picture, 0, 1) * most).astype(kind)
    return bytes(cv2.imencode(".png", levels[:, :, 0] if gray else levels[:, :, ::-1])[1])


def decoded(outcome: Outcome) -> NDArray[np.float32]:
    """The result, 0..255."""
    assert outcome.result is not None, outcome.reason_detail
    found = cv2.imdecode(np.frombuffer(outcome.result.output, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found, np.float32) / np.float32(1 if found.dtype == np.uint8 else 257)


def scratched(*, gray: bool, brown: bool = False) -> FloatImage:
    """The photograph with grain, faded, and with some white scratches across bands."""
    picture = photograph()
    if gray:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
        picture = picture + 0.02 * noise(512, 512, 1) - 0.01
    picture = 0.2 + 0.6 * picture
    if brown:
        picture = picture * np.array([1, 0.9, 0.7], np.float32)
    for x in (60, 300):
        cv2.line(picture, (x, 20), (x + 70, 490), (0.97, 0.97, 0.97), 3)
    return np.asarray(np.clip(picture, 0, 1), np.float32)


@pytest.mark.parametrize(
    ("gray", "brown", "bits", "recipe"),
    [
        (True, False, 16, "memorial-portrait"),
        (True, True, 8, "historic-scene"),
        (False, False, 16, "memorial-portrait"),
        (True, False, 8, "grade-only"),
        (True, False, 16, "seed-autoencoder-gfpgan"),
    ],
)
def test_the_result_by_bands_is_that_of_one_piece(
    engine: Engine, gray: bool, brown: bool, bits: int, recipe: str
) -> None:
    scan = Scan("scan.png", encoded(scratched(gray=gray, brown=brown), bits, gray=gray and not brown))
    prepared = engine.prepare(load_recipe(recipe))
    whole = engine.restore(scan, prepared)
    with pytest.MonkeyPatch.context() as patch:
        make_large(patch)
        parts = engine.restore(scan, prepared)
    assert parts.result is not None
    assert whole.result is not None
    assert (parts.state, parts.reason, parts.result.ai_altered) == (whole.state, whole.reason, whole.result.ai_altered)
    one, other = decoded(whole), decoded(parts)
    assert one.shape == other.shape
    apart = np.abs(one - other)
    assert apart.mean() < 0.15
    # nothing is a person's eye's: a level or two where rounding fell the other way
    assert np.percentile(apart, 99.9) <= 2
    # and rows where bands meet are no further apart than others
    rows = apart.reshape(512, -1).mean(axis=1)
    assert rows.max() < 0.5
    assert parts.result.mask == whole.result.mask


def test_scan_bytes_are_let_go_once_decoded(engine: Engine) -> None:
    gone = []

    class Watched(bytes):
        def __del__(self) -> None:
            gone.append("scan")

    class Spy(Exception):
        pass

    def scans() -> Iterator[Scan]:
        yield Scan("scan.png", Watched(encoded(photograph(), 8, gray=False)))

    with pytest.MonkeyPatch.context() as patch:
        seen: list[list[str]] = []
        stage = Engine._stage
        patch.setattr(Engine, "_stage", lambda self, *given: (seen.append(list(gone)), stage(self, *given)))
        list(engine.restore_many(scans(), engine.prepare(load_recipe("identity"))))
    assert seen[0] == ["scan"]


# -- finding ---------------------------------------------------------------------------------------------------------
def test_scans_of_a_side_of_6000_are_searched_in_their_own_size() -> None:
    assert searching.searched_size(6000, 6000) == (6000, 6000)
    assert searching.searched_size(4500, 6000) == (4500, 6000)
    assert searching.searched_size(8000, 10_000) == (4000, 5000)
    assert searching.searched_size(16_000, 20_000) == (5366, 6708)
    assert searching.searched_size(1501, 30_000) == (750, 15_000)


def test_marks_found_at_half_the_size_are_mended_in_full(engine: Engine) -> None:
    picture = cv2.resize(scratched(gray=True), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    prepared = engine.prepare(load_recipe("memorial-portrait"))
    scan = Scan("scan.png", encoded(picture, 8, gray=True))
    whole = engine.restore(scan, prepared).result
    with pytest.MonkeyPatch.context() as patch:
        make_large(patch)
        patch.setattr(searching, "FINEST_PIXELS", 500_000)
        half = engine.restore(scan, prepared).result
    assert whole is not None
    assert half is not None
    assert whole.mask is not None
    assert half.mask is not None
    fine, coarse = (decode_mask(mask) > 0 for mask in (whole.mask, half.mask))
    assert coarse.shape == (1024, 1024)
    # what both find covers most of what either does
    assert (fine & coarse).sum() > 0.6 * fine.sum()


def test_a_mask_of_half_the_size_covers_a_picture_of_odd_sides() -> None:
    mask = noise(50, 75) > 0.9
    cover = Cover(mask, 101, 151)
    whole = cover.at((slice(0, 101), slice(0, 151)))
    np.testing.assert_array_equal(whole, bands.enlarged(mask, 101, 151))
    seen = np.zeros_like(whole)
    for y, x in np.argwhere(mask):
        box = cover.box_of((slice(y, y + 1), slice(x, x + 1)))
        assert whole[box].all()
        seen[box] = True
    np.testing.assert_array_equal(seen, whole)


def test_filling_under_half_a_mask_is_filling_under_the_whole() -> None:
    picture = np.repeat(cv2.GaussianBlur(noise(256, 256), (0, 0), 3)[:, :, None], 3, axis=2)
    small = np.zeros((128, 128), bool)
    small[20:22, 10:100] = True
    small[60:90, 40:70] = True
    whole = filling.fill(picture, bands.enlarged(small, 256, 256), method=cv2.INPAINT_NS)
    half = filling.fill(picture, small, method=cv2.INPAINT_NS)
    np.testing.assert_allclose(half.pixels, whole.pixels, atol=1e-6)


@pytest.mark.usefixtures("large")
def test_a_huge_hole_is_filled_at_a_fraction_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.linspace(0.2, 0.8, 300, dtype=np.float32)
    picture = np.repeat(np.tile(ramp, (300, 1))[:, :, None], 3, axis=2)
    mask = np.zeros((300, 300), bool)
    mask[80:220, 90:210] = True
    broken = np.where(mask[:, :, None], np.float32(1), picture)
    monkeypatch.setattr(filling, "_MOST_DIFFUSED", 90_000 / 2)
    filled = filling.fill(broken, mask, method=cv2.INPAINT_NS, grained=False).pixels
    np.testing.assert_array_equal(filled[~mask], broken[~mask])
    assert np.abs(filled - picture)[mask].max() < 0.12
    # and it goes over into what is round it
    assert np.abs(filled[78:82] - picture[78:82]).max() < 0.05


# -- faces -----------------------------------------------------------------------------------------------------------
MARKS = np.array([[330, 400], [620, 410], [470, 590], [350, 720], [600, 730]], np.float32)


def gray_mean(gray: NDArray[np.uint8], marks: NDArray[np.float32]) -> NDArray[np.float64]:
    """An embedding of sorts: light in the four quarters round the nose, whatever the size."""
    y, x = int(marks[2, 1]), int(marks[2, 0])
    return np.array([part.mean() for half in (gray[:y], gray[y:]) for part in (half[:, :x], half[:, x:])], np.float64)


@pytest.mark.usefixtures("large")
def test_a_large_face_is_pasted_as_a_small_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = cv2.resize(photograph(), (1000, 1100), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    matrix = alignment.alignment(MARKS)
    assert matrix is not None
    assert large_faces.near(picture, matrix, MARKS).pixels is picture
    monkeypatch.setattr(large_faces, "LEAST_SCALE", 0.6)
    seen = large_faces.near(picture, matrix, MARKS)
    assert seen.pixels.shape[0] < 800
    np.testing.assert_allclose(
        alignment.moved(seen.matrix, seen.landmarks.astype(float)),
        alignment.moved(matrix, MARKS.astype(float)),
        atol=0.01,
    )
    crop = alignment.crop(picture, matrix)
    # the same face, whichever copy it is taken from
    assert np.abs(alignment.crop(seen.pixels, seen.matrix) - crop)[64:-64, 64:-64].mean() < 0.01
    answer = np.clip(crop + np.float32(0.1) * cv2.GaussianBlur(noise(512, 512, 3), (0, 0), 20), 0, 1)
    known = likeness(picture, matrix, MARKS, gray_mean)
    site = Site.at(picture, matrix, MARKS, known, gray_mean, 8, False)
    whole = picture.copy()
    whole[site.region.slices] = site.at_blend(answer, 0.75).pixels
    canvas = picture.copy()
    large_faces.paste(canvas, matrix, MARKS, answer - crop, 0.75, 8, chroma_from_restorer=False)
    assert np.abs(whole - picture).max() > 0.02
    np.testing.assert_allclose(canvas, whole, atol=0.006)


# -- decoding and refusals -------------------------------------------------------------------------------------------
def test_refusals_name_the_setting() -> None:
    scan = encoded(photograph(), 8, gray=False)
    for limits, name in (
        (DecodeLimits(max_pixels=1000), "RESTORATION_MAX_PIXELS"),
        (DecodeLimits(max_bytes=1000), "RESTORATION_MAX_OBJECT_BYTES"),
        (DecodeLimits(min_side=600), "RESTORATION_MIN_SIDE"),
    ):
        with Decoder(limits) as decoder, pytest.raises(Exception, match=name):
            decoder.decode(scan, "scan.png")


def test_defaults_take_four_by_five_inches_at_4000_dpi() -> None:
    settings = Settings()
    pixels = 4 * 4000 * 5 * 4000
    assert settings.max_pixels >= pixels
    assert settings.max_object_bytes > settings.max_pixels * 6


@pytest.mark.usefixtures("large")
def test_a_large_gray_scan_is_decoded_to_one_plane() -> None:
    plane = np.repeat(noise(200, 300)[:, :, None], 3, axis=2)
    with Decoder() as decoder:
        gray = decoder.decode(encoded(plane, 16, gray=True), "gray.png").pixels
        colour = decoder.decode(encoded(noise(200, 300, 3), 16, gray=False), "colour.png").pixels
    assert bands.is_one_plane(gray)
    assert not bands.is_one_plane(colour)
    np.testing.assert_allclose(gray, plane, atol=1e-5)
