"""The painter of previews: what it answers is what the colorizer makes, one at a time, and it says what is wrong."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import httpx
import numpy as np
import pytest

from restoration.colour_hints import ColourHint, turned_hint
from restoration.engine.paint_request import OvalRequest, PaintRequest, packed, unpacked
from restoration.errors import ModelError, PhotoRejected, ReasonCode, UsageError
from restoration.models.loading import LoadedModels
from restoration.photo.colour import lightness, rgb_to_lab
from restoration.photo.encode import preview_jpeg
from restoration.photo.outline.oval import PictureOval
from restoration.steps import colorize
from restoration.steps.hinting import chroma_of
from restoration.steps.parameters import Colorize
from restoration.worker import painter, painting
from tests.unit.standins import frame_of, gray, hopper

RED = "#8a3038"
JACKET = ColourHint(outline=((0.1, 0.6), (0.9, 0.6), (0.9, 0.95), (0.1, 0.95)), colour=RED)


@pytest.fixture(scope="module")
def models() -> LoadedModels:
    return LoadedModels(device="cpu", threads=1)


@pytest.fixture(scope="module")
def picture() -> bytes:
    return preview_jpeg(gray(hopper()), 320)


def pixels(jpeg: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(decoded[:, :, ::-1]).astype(np.float32) / 255


def test_a_request_is_the_same_after_its_way(picture):
    request = PaintRequest(
        parameters=Colorize(saturation=0.9, hints=(JACKET,)),
        picture_box=(0.1, 0.0, 0.05, 0.0),
        picture_oval=OvalRequest(centre=(0.5, 0.5), axes=(0.4, 0.3), angle=2.0),
    )
    assert unpacked(packed(request, picture)) == (request, picture)


@pytest.mark.parametrize("body", [b"", b"no json", b"{}\nx", b'{"parameters": {"hints": 7}}\nx', b"\xff\xfe\n"])
def test_a_request_that_is_none_is_refused(body):
    with pytest.raises(UsageError, match="asked to paint"):
        unpacked(body)


def test_a_preview_is_what_the_colorizer_makes_of_the_same_picture(models, picture):
    parameters = Colorize(hints=(JACKET,))
    painted = pixels(painting.painted(PaintRequest(parameters=parameters), picture, models))
    made = colorize.Step().apply(frame_of(pixels(picture)), parameters, models).picture.pixels
    assert painted.shape == made.shape
    assert np.abs(lightness(painted) - lightness(made)).mean() < 1.5  # what JPEG does
    rows, columns = (round(share * side) for share, side in zip((0.75, 0.5), painted.shape[:2], strict=True))
    patch = np.s_[rows - 8 : rows + 8, columns - 20 : columns + 20]
    seen, run = (rgb_to_lab(one)[patch][:, :, 1:].mean(axis=(0, 1)) for one in (painted, made))
    assert np.hypot(*(seen - run)) < 3
    hues = [np.degrees(np.arctan2(b, a)) for a, b in (seen, chroma_of(RED))]
    assert abs(hues[0] - hues[1]) < 10


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_places_are_those_of_the_scan_also_if_it_is_shown_turned(models, picture, turn):
    straight = PaintRequest(parameters=Colorize(hints=(JACKET,)))
    turned = PaintRequest(parameters=Colorize(hints=(turned_hint(JACKET, -turn),)), turned=turn)
    assert painting.painted(turned, picture, models) == painting.painted(straight, picture, models)


def test_colours_of_the_restored_picture_do_not_shine_through(models):
    """A preview is painted from light and dark alone: a picture that was painted blue before is not bluer for it."""
    blue = gray(hopper()) * np.array([0.7, 0.8, 1.0], np.float32)
    one, other = (
        pixels(painting.painted(PaintRequest(parameters=Colorize()), preview_jpeg(scan, 256), models))
        for scan in (blue, np.repeat(lightness(blue)[:, :, None] / 100, 3, axis=2).astype(np.float32))
    )
    chroma = [rgb_to_lab(part)[:, :, 1:].mean(axis=(0, 1)) for part in (one, other)]
    assert np.hypot(*(chroma[0] - chroma[1])) < 6


def test_a_preview_of_the_restored_picture_is_what_the_next_run_makes_of_the_scan(models):
    """The run sees the scan at full size, the preview a small JPEG of what an earlier run had painted without hints."""
    scan = np.ascontiguousarray(cv2.resize(gray(hopper()), (1024, 1200), interpolation=cv2.INTER_CUBIC).clip(0, 1))
    before = colorize.Step().apply(frame_of(scan), Colorize(), models).picture.pixels
    run = colorize.Step().apply(frame_of(scan), Colorize(hints=(JACKET,)), models).picture.pixels
    seen = pixels(
        painting.painted(PaintRequest(parameters=Colorize(hints=(JACKET,))), preview_jpeg(before, 480), models)
    )
    same = cv2.resize(run, seen.shape[1::-1], interpolation=cv2.INTER_AREA)
    apart, were_apart = (
        np.hypot(*np.moveaxis(rgb_to_lab(one)[:, :, 1:] - rgb_to_lab(same)[:, :, 1:], 2, 0))
        for one in (seen, cv2.resize(before, seen.shape[1::-1], interpolation=cv2.INTER_AREA))
    )
    assert apart.mean() < 3
    assert were_apart.mean() > 3 * apart.mean()


def test_what_lies_outside_the_picture_stays_gray(models, picture):
    oval = PictureOval(0.5, 0.5, 0.3, 0.3)
    for more in (
        {"picture_box": (0.2, 0.0, 0.0, 0.0)},
        {"picture_oval": OvalRequest.model_validate(oval.as_detail())},
    ):
        request = PaintRequest(parameters=Colorize(hints=(JACKET,)), **more)
        shown = rgb_to_lab(pixels(painting.painted(request, picture, models)))
        assert np.abs(shown[:8, :8, 1:]).max() < 4
        assert np.abs(shown[120:180, 120:180, 1:]).mean() > 4


def test_long_pictures_are_made_smaller_and_odd_ones_refused(models):
    painted = painting.painted(PaintRequest(parameters=Colorize()), preview_jpeg(gray(hopper())[:, :200], 4000), models)
    assert max(pixels(painted).shape) <= painting.LONGEST_SIDE
    wide = np.full((8, 3000, 3), 0.5, np.float32)
    assert pixels(painting.painted(PaintRequest(parameters=Colorize()), preview_jpeg(wide, 3000), models)).shape[1] == (
        painting.LONGEST_SIDE
    )
    with pytest.raises(PhotoRejected, match="no JPEG"):
        painting.painted(PaintRequest(parameters=Colorize()), b"<svg/>", models)


# -- over HTTP -------------------------------------------------------------------------------------------------------


@contextmanager
def served(make_models, **more) -> Iterator[str]:
    server = painter.make_server("127.0.0.1", 0, painter.Painter(make_models, **more))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_starts_light_warms_when_told_and_paints(models, picture):
    made = []

    def make() -> LoadedModels:
        made.append(1)
        return models

    with served(make) as address, httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        assert client.get("/health").json() == {"status": "ok", "warm": False}
        assert made == []
        assert client.post("/warm").status_code == 202
        deadline = time.monotonic() + 60
        while not client.get("/health").json()["warm"] and time.monotonic() < deadline:
            time.sleep(0.02)
        answer = client.post("/paint", content=packed(PaintRequest(parameters=Colorize(hints=(JACKET,))), picture))
        assert answer.headers["content-type"] == "image/jpeg"
        assert pixels(answer.content).shape == pixels(picture).shape
        assert made == [1]


def test_over_http_it_says_what_is_wrong(models, picture):
    with served(lambda: models) as address, httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        unhinted = PaintRequest(parameters=Colorize(hint_model="", hints=(JACKET,)))
        answers = {
            "nothing": client.post("/paint", content=b""),
            "no picture": client.post("/paint", content=packed(PaintRequest(parameters=Colorize()), b"GIF89a")),
            "no such model": client.post("/paint", content=packed(unhinted, picture)),
            "too long": client.post("/paint", content=b"x" * (painter.MOST_BYTES + 1)),
            "elsewhere": client.post("/elsewhere", content=b""),
            "read": client.get("/paint"),
        }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "nothing": 400, "no picture": 400, "no such model": 500, "too long": 413, "elsewhere": 404, "read": 404,
    }  # fmt: skip
    assert "takes no colour hints" in answers["no such model"].json()["error"]
    assert base64.b64encode(picture).decode()[:40] not in answers["no such model"].text


def test_a_painter_without_its_colorizer_says_so_and_lives_on(models, picture):
    def broken():
        raise ModelError("model 'hinted-colorizer' is not here", reason=ReasonCode.MODEL_MISSING)

    one = painter.Painter(broken)
    one.warm_up()
    assert not one.warm
    with pytest.raises(ModelError, match="not here"):
        one.paint(PaintRequest(parameters=Colorize()), picture)


def test_one_at_a_time_and_whoever_waits_too_long_is_told(models, picture):
    inside, let_go = threading.Event(), threading.Event()

    def make() -> LoadedModels:
        inside.set()
        assert let_go.wait(60)
        return models

    body = packed(PaintRequest(parameters=Colorize()), picture)
    with served(make, patience=0.1) as address:
        first: list[int] = []
        thread = threading.Thread(
            target=lambda: first.append(httpx.post(f"{address}/paint", content=body, timeout=60).status_code)
        )
        thread.start()
        assert inside.wait(60)
        assert httpx.post(f"{address}/paint", content=body, timeout=60).status_code == 503
        let_go.set()
        thread.join(60)
    assert first == [200]
