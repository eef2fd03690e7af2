"""Scans of several photographs are parted without losing a sample, and with a record."""

from __future__ import annotations

import hashlib
import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from typer.testing import CliRunner

from restoration.cli import app
from restoration.names import page_sha256
from restoration.photo.decode import Decoder
from restoration.photo.outline.cutting import cut, pixel_box
from restoration.photo.outline.several import Part
from restoration.settings import get_settings
from restoration.synthetic.beds import Bed, laid_out
from tests.unit.picture_maker import photograph
from tests.unit.tiff_maker import page, tiff

PRINTS = ("astronaut", "coffee", "china")


@pytest.fixture(scope="module")
def scan():
    return laid_out([photograph(name) for name in PRINTS], Bed("gray"), 3, width=1100, height=800)


def deep(pixels) -> np.ndarray:
    return np.rint(pixels * 65535).astype(np.uint16)


def written(path, pixels) -> bytes:
    """A 16-bit TIFF by OpenCV; its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), deep(pixels)[:, :, ::-1])
    return path.read_bytes()


def split(*arguments):
    return CliRunner().invoke(app, ["split", *map(str, arguments)], catch_exceptions=False)


def test_each_part_has_the_scans_own_samples_and_the_record_says_where(tmp_path, scan):
    data = written(tmp_path / "in" / "page.tif", scan[0])
    assert split(tmp_path / "in", tmp_path / "out", "--by", "Eve", "--sheet").exit_code == 0
    record = json.loads((tmp_path / "out" / "parts.json").read_text())
    (told,) = record["scans"]
    assert (record["asked_by"], told["source"], told["sha256"]) == ("Eve", "page.tif", hashlib.sha256(data).hexdigest())
    assert [part["file"] for part in told["parts"]] == ["page-1.tif", "page-2.tif", "page-3.tif"]
    for part in told["parts"]:
        file = (tmp_path / "out" / part["file"]).read_bytes()
        assert hashlib.sha256(file).hexdigest() == part["sha256"]
        pixels = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
        box = part["pixels"]
        left, top = round(box["x"] - box["width"] / 2), round(box["y"] - box["height"] / 2)
        of_scan = deep(scan[0])[top : top + box["height"], left : left + box["width"]]
        assert pixels.dtype == np.uint16
        assert np.array_equal(pixels, of_scan)
        assert part["resampled"] == "no"
    sheet = cv2.imread(str(tmp_path / "out" / "sheets" / "page.tif.jpg"))
    assert sheet.shape[:2] == scan[0].shape[:2]


def test_profile_resolution_and_words_stay(tmp_path, scan):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[270] = "Three prints of the Wagner family"
    pixels = np.rint(scan[0] * 255).astype(np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(
        tmp_path / "in" / "page.jpg", quality=95, dpi=(600, 600), icc_profile=profile, exif=exif,
        xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
    )  # fmt: skip
    assert split(tmp_path / "in" / "page.jpg", tmp_path / "out").exit_code == 0
    with Image.open(tmp_path / "out" / "page-2.tif") as part:
        assert part.info["icc_profile"] == profile
        assert [round(float(axis)) for axis in part.info["dpi"]] == [600, 600]
        assert part.tag_v2[270] == "Three prints of the Wagner family"
        assert b"adobe:ns:meta" in bytes(part.tag_v2[700])


def test_parts_that_lie_askew_are_turned_straight_once(tmp_path):
    pixels, places = laid_out([photograph(name) for name in PRINTS], Bed("gray", tilt=9), 4, width=1100, height=800)
    written(tmp_path / "in.tif", pixels)
    assert split(tmp_path / "in.tif", tmp_path / "out").exit_code == 0
    (told,) = json.loads((tmp_path / "out" / "parts.json").read_text())["scans"]
    assert len(told["parts"]) == 3
    for part in told["parts"]:
        place = min(places, key=lambda one, p=part: abs(one.x - p["pixels"]["x"]) + abs(one.y - p["pixels"]["y"]))
        assert part["angle"] == pytest.approx(place.angle, abs=0.3)
        assert part["resampled"] != "no"
        file = cv2.imread(str(tmp_path / "out" / part["file"]), cv2.IMREAD_UNCHANGED)[:, :, ::-1] / 65535
        wanted = cut(pixels, Part.from_detail(part))
        assert file.shape == wanted.shape
        assert np.abs(file - wanted).mean() < 0.003


def test_what_was_corrected_by_a_person_is_cut(tmp_path, scan):
    written(tmp_path / "in.tif", scan[0])
    assert split(tmp_path / "in.tif", tmp_path / "first").exit_code == 0
    record = json.loads((tmp_path / "first" / "parts.json").read_text())
    record["scans"][0]["parts"] = [
        {"centre": [x, 0.5], "size": [0.5, 0.5], "angle": 0} for x in (0.25, 0.75)
    ]  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(record))
    assert split(tmp_path / "in.tif", tmp_path / "second", "--boxes", tmp_path / "mine.json").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["in-1.tif", "in-2.tif", "parts.json"]
    assert cv2.imread(str(tmp_path / "second" / "in-1.tif")).shape[:2] == (550, 550)


def test_a_dry_run_writes_nothing_and_says_what_would_be_done(tmp_path, scan):
    written(tmp_path / "in.tif", scan[0])
    done = split(tmp_path / "in.tif", tmp_path / "out", "--dry-run")
    assert "3 photographs on a scanner's bed" in done.stdout
    assert "1 of 1 scans would be parted" in done.stdout
    assert not (tmp_path / "out").exists()


def test_one_photograph_is_left_alone_and_one_that_is_broken_is_named(tmp_path):
    written(tmp_path / "in" / "one.tif", photograph("coffee"))
    (tmp_path / "in" / "broken.tif").write_bytes(b"II*\0nothing")
    done = split(tmp_path / "in", tmp_path / "out")
    assert done.exit_code == 1
    assert "one.tif: one photograph" in done.stdout
    assert "broken.tif" in done.output
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tmp_path, scan):
    from restoration.errors import UsageError

    written(tmp_path / "in.tif", scan[0])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "in-2.tif").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"in-2\.tif exists"):
        split(tmp_path / "in.tif", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["in-2.tif"]
    (tmp_path / "out" / "parts.json").write_text("{}")
    with pytest.raises(UsageError, match=r"parts\.json exists"):
        split(tmp_path / "in.tif", tmp_path / "out")


@pytest.mark.parametrize("body", ["", "[]", '{"scans": [{"sha256": "a"}]}', '{"scans": [{"sha256": "a", '
                                  '"arrangement": "prints_on_bed", "parts": [{"centre": 1}]}]}'])  # fmt: skip
def test_a_record_that_is_none_is_refused(tmp_path, scan, body):
    from restoration.errors import UsageError

    (tmp_path / "boxes.json").write_text(body)
    with pytest.raises(UsageError, match="no record of parts"):
        split(tmp_path / "in.tif", tmp_path / "out", "--boxes", tmp_path / "boxes.json")


def test_a_scan_that_lies_on_its_side_is_cut_upright(tmp_path, scan):
    exif = Image.Exif()
    exif[274] = 6
    lying = np.rot90(np.rint(scan[0] * 255).astype(np.uint8))
    (tmp_path / "in").mkdir()
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(lying)).save(buffer, "TIFF", exif=exif, dpi=(300, 600))
    (tmp_path / "in" / "page.tif").write_bytes(buffer.getvalue())
    assert split(tmp_path / "in", tmp_path / "out").exit_code == 0
    (told,) = json.loads((tmp_path / "out" / "parts.json").read_text())["scans"]
    assert (told["width"], told["height"]) == scan[0].shape[1::-1]
    with Image.open(tmp_path / "out" / "page-1.tif") as part, Decoder() as decoder:
        assert part.tag_v2.get(274, 1) == 1
        assert [round(float(axis)) for axis in part.info["dpi"]] == [600, 300]
        decoded = decoder.decode((tmp_path / "out" / "page-1.tif").read_bytes(), "x")
    wanted = cut(scan[0], Part.from_detail(told["parts"][0]))
    assert np.abs(decoded.pixels - wanted).max() < 0.01


def test_a_box_stays_inside_the_scan():
    box = pixel_box(Part(0.5, 0.5, 1.2, 1.0), 400, 500)
    assert (box.width, box.height, *box.columns_and_rows()) == (500, 400, 0, 0)


def album(path, pages) -> bytes:
    """A TIFF file of several pages, 8 bits; its bytes."""
    levels = [np.rint(one * 255).astype(np.uint8) for one in pages]
    data = tiff([page(one, 2) for one in levels])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def test_further_pages_of_a_file_are_parted_too(tmp_path, scan):
    plain = photograph("coffee")[:300, :400]
    data = album(tmp_path / "in" / "album.tif", [plain, scan[0], plain])
    done = split(tmp_path / "in", tmp_path / "out")
    assert done.exit_code == 0
    assert "album.tif: one photograph" in done.stdout
    assert "album.tif#2: 3 photographs on a scanner's bed" in done.stdout
    assert "1 of 3 scans parted" in done.stdout
    (told,) = json.loads((tmp_path / "out" / "parts.json").read_text())["scans"]
    assert (told["source"], told["file"], told["page"]) == ("album.tif#2", "album.tif", 2)
    assert told["sha256"] == page_sha256(hashlib.sha256(data).hexdigest(), 2)
    assert [part["file"] for part in told["parts"]] == [f"album-p2-{number}.tif" for number in (1, 2, 3)]
    for part in told["parts"]:
        box = part["pixels"]
        left, top = round(box["x"] - box["width"] / 2), round(box["y"] - box["height"] / 2)
        wanted = np.rint(scan[0] * 255).astype(np.uint8)[top : top + box["height"], left : left + box["width"]]
        assert np.array_equal(cv2.imread(str(tmp_path / "out" / part["file"]))[:, :, ::-1], wanted)
    again = split(tmp_path / "in", tmp_path / "again", "--boxes", tmp_path / "out" / "parts.json")
    assert again.exit_code == 0
    for part in told["parts"]:
        assert (tmp_path / "again" / part["file"]).read_bytes() == (tmp_path / "out" / part["file"]).read_bytes()


def test_a_page_that_cannot_be_read_and_pages_beyond_the_limit_are_named(tmp_path, scan, monkeypatch):
    plain = photograph("coffee")[:300, :400]
    broken = page(np.rint(plain * 255).astype(np.uint8), 2)
    broken.tags[259] = (3, 8)  # says Deflate, and is none
    (tmp_path / "in").mkdir()
    pages = [page(np.rint(one * 255).astype(np.uint8), 2) for one in (plain, scan[0])]
    (tmp_path / "in" / "album.tif").write_bytes(tiff([pages[0], broken, pages[1], pages[0]]))
    with monkeypatch.context() as patched:
        patched.setenv("RESTORATION_MAX_PAGES", "3")
        get_settings.cache_clear()
        done = split(tmp_path / "in", tmp_path / "out")
    get_settings.cache_clear()
    assert done.exit_code == 1
    assert "page 2 of album.tif: " in done.output
    assert "album.tif#3: 3 photographs" in done.stdout
    assert "has 4 pages, and 3 are allowed (RESTORATION_MAX_PAGES)" in done.output
    assert "1 of 4 scans parted, 2 could not be read" in done.stdout


def test_the_sheets_of_a_dry_run_do_not_stop_the_run_itself(tmp_path, scan):
    written(tmp_path / "in.tif", scan[0])
    assert split(tmp_path / "in.tif", tmp_path / "out", "--dry-run", "--sheet").exit_code == 0
    assert split(tmp_path / "in.tif", tmp_path / "out", "--sheet").exit_code == 0
    assert (tmp_path / "out" / "in-3.tif").exists()
