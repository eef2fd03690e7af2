"""Tiles: every file that a viewer may ask for, the pixels of the picture, the same bytes each time."""

from __future__ import annotations

import io
import json
import math
import zipfile

import cv2
import numpy as np
import pytest

from restoration.photo.pyramid import LARGEST_SIDE, THUMBNAIL_SIDE, Pyramid, info_bytes, whole_path
from restoration.photo.tiles import tiles_zip

SHAPES = [(1, 1), (511, 300), (512, 512), (513, 513), (513, 1), (1, 1025), (1001, 1301), (2600, 17), (17, 2600)]


def picture(width: int, height: int, *, colour: bool = True) -> np.ndarray:
    """Smooth, so that JPEG keeps it; every place has its own value."""
    x, y = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    channels = (x, y, (x + y) / 2) if colour else (x, x, x)
    return np.stack(channels, axis=2)


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def asked_by_a_viewer(info: dict) -> set[str]:
    """What OpenSeadragon 6 asks for by an info.json: its own arithmetic (IIIFTileSource.getTileUrl), written anew."""
    width, height, side = info["width"], info["height"], info["tiles"][0]["width"]
    deepest = round(math.log2(max(info["tiles"][0]["scaleFactors"])))
    asked = set()
    for level in range(deepest + 1):
        scale = 0.5 ** (deepest - level)
        across, down = math.ceil(width * scale), math.ceil(height * scale)
        for x in range(math.ceil(across / side)):
            for y in range(math.ceil(down / side)):
                step = round(side / scale)
                region = (x * step, y * step, min(step, width - x * step), min(step, height - y * step))
                size = (min(side, across - x * side), min(side, down - y * side))
                whole = region == (0, 0, width, height)
                name = "full" if whole else ",".join(map(str, region))
                asked.add(f"{name}/{'max' if size == (width, height) else f'{size[0]},{size[1]}'}/0/default.jpg")
    return asked


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_every_file_that_info_json_implies_is_there(width, height):
    files = unpacked(tiles_zip(picture(width, height), 512))
    info = json.loads(files.pop("info.json"))
    assert (info["type"], info["profile"], info["id"]) == ("ImageService3", "level0", "")
    assert asked_by_a_viewer(info) <= files.keys()
    sizes = {f"full/{size['width']},{size['height']}/0/default.jpg" for size in info["sizes"]}
    assert sizes | {"full/max/0/default.jpg"} <= files.keys()
    for path, data in files.items():
        region, size = path.split("/")[:2]
        shape = decoded(data).shape[:2]
        if size != "max":
            assert shape == tuple(map(int, reversed(size.split(","))))
        else:
            assert region == "full"
            assert max(shape) == min(max(width, height), LARGEST_SIDE)
    assert min(max(size["width"], size["height"]) for size in info["sizes"]) <= THUMBNAIL_SIDE
    # a limit that a tile exceeds would forbid the tile
    assert info.get("maxWidth", 10**6) >= info["tiles"][0]["width"]


@pytest.mark.parametrize(("width", "height"), [*SHAPES, (12000, 9000), (40000, 300)])
def test_a_pyramid_names_no_more_and_no_fewer_files(width, height):
    pyramid = Pyramid.of(width, height, 512)
    paths = list(pyramid.paths())
    info = pyramid.info("https://example.org/a/tiles/b")
    listed = {whole_path((size["width"], size["height"])) for size in info["sizes"]}
    assert len(paths) == len(set(paths))
    assert set(paths) == asked_by_a_viewer(info) | listed | {whole_path(None)}
    assert Pyramid.from_info(info_bytes(info)) == pyramid


def test_tiles_show_the_picture_where_they_say():
    pixels = picture(1200, 900)
    files = unpacked(tiles_zip(pixels, 512))
    tile = decoded(files["512,0,512,512/512,512/0/default.jpg"])
    assert np.abs(tile - pixels[:512, 512:1024] * 255).mean() < 2
    corner = decoded(files["1024,512,176,388/176,388/0/default.jpg"])
    assert np.abs(corner - pixels[512:, 1024:] * 255).mean() < 2
    small = decoded(files["full/300,225/0/default.jpg"])
    assert np.abs(small - cv2.resize(pixels, (300, 225), interpolation=cv2.INTER_AREA) * 255).mean() < 2
    assert np.abs(decoded(files["full/max/0/default.jpg"]) - pixels * 255).mean() < 2


def test_the_same_pixels_give_the_same_bytes_whatever_held_them():
    pixels = picture(700, 600)
    eight = np.rint(pixels * 255).astype(np.uint8)
    first = tiles_zip(pixels, 256)
    assert tiles_zip(pixels.copy(), 256) == first
    assert tiles_zip(eight, 256) == first
    assert tiles_zip((eight.astype(np.uint16) * 257), 256) == first
    assert tiles_zip(np.asfortranarray(pixels), 256) == first
    assert tiles_zip(pixels * 1.5, 256) == tiles_zip(np.clip(pixels * 1.5, 0, 1), 256)


def test_gray_pictures_have_one_channel_and_carry_no_metadata():
    gray = unpacked(tiles_zip(picture(300, 200, colour=False), 512))["full/max/0/default.jpg"]
    assert cv2.imdecode(np.frombuffer(gray, np.uint8), cv2.IMREAD_UNCHANGED).ndim == 2
    assert b"Exif" not in gray
    assert b"ICC_PROFILE" not in gray


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": "600"},
        {"height": 10**9},
        {"tiles": []},
        {"tiles": [{"width": 512, "height": 512, "scaleFactors": [1]}]},
        {"sizes": []},
        {"type": "ImageService2"},
        {"service": [{"id": "https://elsewhere.example"}]},
    ],
)
def test_a_strange_info_json_is_refused(change):
    info = Pyramid.of(600, 700, 512).info("") | change
    with pytest.raises(ValueError, match="info"):
        Pyramid.from_info(info_bytes(info))


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 100_000, b"\xff\xfe", b"null", b"{}"])
def test_what_is_no_info_json_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own errors are ValueErrors too
        Pyramid.from_info(data)
