"""The same colours however the print lay on the scanner."""

from __future__ import annotations

import numpy as np
import pytest

from restoration.models.loading import LoadedModels
from restoration.models.nets.detection import Detection
from restoration.photo.colour import rgb_to_lab
from restoration.steps import colorize
from restoration.steps.parameters import Colorize
from restoration.steps.turning import TURNS, turn_of_faces, turned, turned_back
from tests.unit.standins import astronaut, frame_of, gray, hopper, models_with

FACE = np.array([[40, 40], [60, 40], [50, 52], [43, 62], [57, 62]], np.float32)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> LoadedModels:
    return models_with(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("turn", TURNS)
def test_what_is_turned_is_turned_back(turn):
    pixels = astronaut()[:, :300]
    there = turned(pixels, turn)
    assert there.shape[:2] == (pixels.shape[:2] if turn in {0, 180} else pixels.shape[1::-1])
    assert np.array_equal(turned_back(there, turn), pixels)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("portrait", [astronaut, hopper])
def test_faces_say_which_way_up_a_print_lies(models, portrait, turn):
    plane = np.rint(gray(portrait())[:, :, 0] * 255).astype(np.uint8)
    assert turn_of_faces(models.load("centerface"), turned_back(plane, turn)) == turn


class Answers:
    """A detector that finds faces of these scores, upright in each position: 0, 90, 180 and 270 degrees."""

    max_side, max_faces = 512, 100

    def __init__(self, *scores: tuple[float, ...]) -> None:
        self._scores = iter(scores)

    def __call__(self, image: np.ndarray, confidence: float) -> list[Detection]:
        return [Detection((30, 30, 40, 40), score, FACE) for score in next(self._scores)]


@pytest.mark.parametrize(
    ("scores", "turn"),
    [
        (((), (), (), ()), None),
        (((0.9,), (), (0.95,), ()), 0),
        (((), (), (0.55,), ()), None),
        (((), (), (0.9,), ()), 180),
        (((0.6,), (0.9,), (), ()), 90),
        (((0.7,), (), (), (0.9, 0.9)), 270),
    ],
)
def test_a_picture_is_turned_only_if_that_is_clear(scores, turn):
    assert turn_of_faces(Answers(*scores), np.zeros((100, 100), np.uint8)) == turn


@pytest.mark.parametrize("model", ["house-colorizer", "seed-autoencoder"])
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_scan_gets_the_colours_of_the_upright_one(models, model, turn):
    upright = gray(hopper())
    lying = turned_back(upright, turn)
    truth = colorize.Step().apply(frame_of(upright), Colorize(model=model, detector="centerface"), models)
    answer = colorize.Step().apply(frame_of(lying), Colorize(model=model, detector="centerface"), models)
    blind = colorize.Step().apply(frame_of(lying), Colorize(model=model), models)
    wanted, got, without = (
        rgb_to_lab(one) for one in (truth.picture.pixels, turned(answer.picture.pixels, turn),
                                    turned(blind.picture.pixels, turn))
    )  # fmt: skip
    change = np.linalg.norm(got - wanted, axis=2).mean()
    assert change < 0.01
    assert change < 0.5 * np.linalg.norm(without - wanted, axis=2).mean()
    assert (answer.detail["turned"], answer.detail["told_by"]) == (turn, "faces")
    assert "turned" not in truth.detail
    assert "turned" not in blind.detail
