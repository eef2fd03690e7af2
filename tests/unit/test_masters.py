"""What a recipe's [output] asks for: TIFF for the archive, copies for everyday use, and labels in both."""

from __future__ import annotations

import hashlib
import io
import json
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from restoration.engine.engine import Engine
from restoration.engine.folder import FolderRun
from restoration.engine.outcome import Scan
from restoration.engine.recipe import load_recipe, parse_recipe, recipe_from_canonical, recipe_names
from restoration.errors import PublicationError, RecipeError
from restoration.photo.access import access_copy
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.encode import encode_png
from restoration.photo.picture import Picture, ScanInfo
from restoration.photo.tiff import encode_tiff
from restoration.publish.embedding import JPEG, TIFF, WEBP, get_xmp, has_credentials, put_xmp
from restoration.settings import Settings
from tests.unit.picture_maker import photograph, saved, smaller

SETTINGS = Settings(device="cpu", threads=1, preview_side=64)
SAID = {"software": "archive-restoration <1>", "ai_altered": True}
SOURCE_TYPE = b"compositeWithTrainedAlgorithmicMedia"


def scan(bits: int, *, gray: bool, dpi: float = 300.0, **facts: object) -> Picture:
    pixels = np.random.default_rng(1).uniform(-0.02, 1.02, (301, 203, 1 if gray else 3)).astype(np.float32)
    pixels = np.repeat(pixels, 3, axis=2) if gray else pixels
    info = ScanInfo("tiff", 203, 301, bits, 1 if gray else 3, dpi=dpi, dpi_down=dpi / 2, **facts)
    return Picture(pixels, info)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("gray", [True, False])
def test_a_tiff_holds_the_samples_of_the_png_and_says_what_it_is(bits, gray):
    picture = scan(bits, gray=gray)
    data = encode_tiff(picture, **SAID)
    png = cv2.imdecode(np.frombuffer(encode_png(picture, **SAID), np.uint8), cv2.IMREAD_UNCHANGED)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        (page,) = file.pages
        assert np.array_equal(page.asarray(), png if gray else png[:, :, ::-1])
        tags = {tag.code: tag.value for tag in page.tags}
    assert tags[259] == 8  # Deflate
    assert tags[317] == 2  # horizontal predictor
    assert (tags[282], tags[283], tags[296]) == ((300, 1), (150, 1), 2)
    assert SOURCE_TYPE in tags[700]
    assert 306 not in tags  # a clock
    profile = ImageCms.ImageCmsProfile(io.BytesIO(tags[34675]))
    assert profile.profile.xcolor_space.strip() == ("GRAY" if gray else "RGB")
    assert data == encode_tiff(picture, **SAID)


def test_a_tiff_comes_back_through_the_decoder_as_it_was_written():
    picture = scan(16, gray=False)
    with Decoder(DecodeLimits()) as decoder:
        back = decoder.decode(encode_tiff(picture, **SAID), "x")
    wanted = np.rint(np.clip(picture.pixels, 0, 1) * 65535)
    assert np.array_equal(np.rint(back.pixels * 65535), wanted)
    assert (back.info.bits, back.info.dpi, back.info.dpi_down) == (16, 300.0, 150.0)
    assert "notes" not in back.info.metadata


def test_an_unknown_resolution_is_not_invented():
    data = encode_tiff(scan(8, gray=True, dpi=0.0), **SAID)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
    assert (tags[282], tags[283], tags[296]) == ((1, 1), (1, 1), 1)


def test_a_scan_on_its_side_has_its_resolutions_exchanged():
    data = encode_tiff(scan(8, gray=True, orientation=6), **SAID)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages[0].tags[282].value == (150, 1)


@pytest.mark.parametrize("extension", ["jpg", "webp"])
@pytest.mark.parametrize("gray", [True, False])
def test_an_access_copy_is_small_and_says_what_it_is(extension, gray):
    photo = smaller(photograph("coffee"), 500)
    photo = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2) if gray else photo
    picture = Picture(photo, ScanInfo("tiff", photo.shape[1], photo.shape[0], 16, 3, dpi=300))
    made = access_copy(picture, extension, quality=90, long_side=250, **SAID)
    assert made == access_copy(picture, extension, quality=90, long_side=250, **SAID)
    with Image.open(io.BytesIO(made.data)) as image:
        assert max(image.size) == 250
        assert image.info["icc_profile"]
        assert SOURCE_TYPE in image.info["xmp"]
        shown = np.asarray(image.convert("RGB"), np.float32) / 255
    small = cv2.resize(photo, shown.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(shown - small).mean() < 0.02
    whole = access_copy(picture, extension, quality=90, long_side=9999, **SAID)
    with Image.open(io.BytesIO(whole.data)) as image:
        assert image.size == (photo.shape[1], photo.shape[0])


# -- labels -----------------------------------------------------------------------------------------------------------
def tiff(**more: object) -> bytes:
    return encode_tiff(scan(16, gray=False), **SAID) if not more else tifffile_bytes(**more)


def tifffile_bytes(**options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((20, 30, 3), np.uint8), photometric="rgb", **options)
    return buffer.getvalue()


def strips(data: bytes) -> list[bytes]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        return [data[o : o + n] for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)]


@pytest.mark.parametrize("byteorder", ["<", ">", None])
def test_a_label_in_a_tiff_changes_no_strip_and_no_other_tag(byteorder):
    source = tiff() if byteorder is None else tiff(byteorder=byteorder, rowsperstrip=7)
    done = put_xmp(source, TIFF, b"<label/>" * 300)
    assert get_xmp(done, TIFF) == b"<label/>" * 300
    assert strips(done) == strips(source)
    with tifffile.TiffFile(io.BytesIO(source)) as old, tifffile.TiffFile(io.BytesIO(done)) as new:
        assert np.array_equal(old.pages[0].asarray(), new.pages[0].asarray())
        before, after = ({tag.code: tag.value for tag in f.pages[0].tags if tag.code != 700} for f in (old, new))
    assert before == after
    assert put_xmp(done, TIFF, b"<label/>" * 300) == done
    assert put_xmp(put_xmp(source, TIFF, b"another"), TIFF, b"<label/>" * 300) == done
    assert not has_credentials(done, TIFF)


def test_tiffs_that_are_not_ours_are_refused():
    whole = tiff()
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as file:
        for _ in range(2):
            file.write(np.zeros((9, 9), np.uint8))
    start = struct.unpack_from("<I", whole, 4)[0]
    odd = [b"", b"II*\0", whole[:100], whole[: start + 20], whole[:4] + b"\xff" * 4 + whole[8:], pages.getvalue()]
    odd.append(whole[: start + 2] + b"\0\1" + whole[start + 4 :].replace(b"\x11\1\4\0", b"\x11\1\x63\0", 1))
    for data in odd:
        with pytest.raises(PublicationError):
            put_xmp(data, TIFF, b"<label/>")


def test_a_label_in_a_webp_changes_nothing_else():
    photo = smaller(photograph("coffee"), 60)
    picture = Picture(photo, ScanInfo("tiff", photo.shape[1], photo.shape[0], 8, 3))
    source = access_copy(picture, "webp", quality=80, long_side=0, **SAID).data
    for packet in (b"<label/>", b"<label />"):  # odd and even
        done = put_xmp(source, WEBP, packet)
        assert get_xmp(done, WEBP) == packet
        with Image.open(io.BytesIO(source)) as old, Image.open(io.BytesIO(done)) as new:
            assert np.array_equal(np.asarray(old), np.asarray(new))
            assert old.info["icc_profile"] == new.info["icc_profile"]
        assert put_xmp(done, WEBP, packet) == done
    simple = saved(Image.fromarray(np.zeros((9, 9, 3), np.uint8)), "WEBP")
    for data in (b"", source[:50], source + b"x", source[:20] + source[30:], simple):
        with pytest.raises(PublicationError):
            put_xmp(data, WEBP, b"<label/>")


# -- recipes and folders ----------------------------------------------------------------------------------------------
def recipe(**output: object):
    body = {"name": "test", "steps": [{"step": "measure", "long_side": 64}]}
    return parse_recipe(body | ({"output": output} if output else {}), "test")


def test_recipes_without_the_table_keep_their_hash():
    for name in recipe_names():
        shipped = load_recipe(name)
        assert "output" not in shipped.canonical()
        assert (shipped.output.format, shipped.output.access) == ("png", "")
    assert recipe().sha256 != recipe(format="png").sha256


def test_the_table_comes_back_from_the_canonical_form():
    asked = recipe(format="tiff", access="webp", access_quality=70, access_side=1600)
    again = recipe_from_canonical(json.loads(json.dumps(asked.canonical())), "catalog")
    assert again.sha256 == asked.sha256
    assert again.output == asked.output


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({"format": "gif"}, "format"),
        ({"access": "png"}, "access"),
        ({"access_quality": 0}, "access_quality"),
        ({"access_side": -1}, "access_side"),
        ({"colour": "srgb"}, "colour"),
    ],
)
def test_what_the_table_does_not_know_is_refused(output, told):
    with pytest.raises(RecipeError, match=told):
        recipe(**output)


@pytest.fixture(scope="module")
def engine():
    with Engine(SETTINGS) as engine:
        yield engine


def scan_file(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_the_engine_hands_out_what_the_recipe_asks_for(engine):
    prepared = engine.prepare(recipe(format="tiff", access="jpeg", access_side=20))
    result = engine.restore(Scan("x", scan_file()), prepared).result
    assert (result.output_format, result.bits, result.access.extension) == ("tif", 16, "jpg")
    assert result.output_sha256 == hashlib.sha256(result.output).hexdigest()
    assert get_xmp(result.output, TIFF)
    assert get_xmp(result.access.data, JPEG)
    plain = engine.restore(Scan("x", scan_file()), engine.prepare(recipe())).result
    assert (plain.output_format, plain.access) == ("png", None)


def test_a_folder_gets_tiffs_and_their_copies_once(engine, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.png").write_bytes(scan_file(1))
    (source / "b.tif").write_bytes(tifffile_bytes())

    def run(**output: object) -> dict[str, str]:
        folder = FolderRun.plan(source, target, engine, engine.prepare(recipe(**output)))
        states = {item.source: item.state for item in folder.run()}
        folder.close()
        return states

    asked = {"format": "tiff", "access": "webp"}
    first = run(**asked)
    assert set(first.values()) <= {"restored", "needs_review"}
    files = sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())
    assert files == ["a.tif", "access/a.webp", "access/b.webp", "b.tif", "restoration.jsonl"]
    lines = {line["source"]: line for line in map(json.loads, (target / "restoration.jsonl").read_text().splitlines())}
    assert lines["a.png"]["access"] == "access/a.webp"
    copy = (target / "access/a.webp").read_bytes()
    assert lines["a.png"]["access_sha256"] == hashlib.sha256(copy).hexdigest()
    assert set(run(**asked).values()) == {"skipped"}
    (target / "access/a.webp").unlink()
    assert run(**asked)["a.png"] != "skipped"
    assert (target / "access/a.webp").read_bytes() == copy
    (target / "access/b.webp").write_bytes(b"somebody's")
    assert run(**asked)["b.tif"] == "rejected"
    assert (target / "access/b.webp").read_bytes() == b"somebody's"
    run()
    assert (target / "a.png").is_file()
