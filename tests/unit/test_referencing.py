"""Colours from a photograph that shows the same in colour: found if it does, and none if it does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.models.loading import LoadedModels
from restoration.photo.colour import rgb_to_lab
from restoration.steps import colorize
from restoration.steps.hinting import chroma_of
from restoration.steps.parameters import Colorize
from restoration.steps.referencing import suggest
from tests.unit.standins import astronaut, frame_of, gray, hopper


@pytest.fixture(scope="module")
def models() -> LoadedModels:
    return LoadedModels(device="cpu", threads=1)


def another_view(pixels):
    """Mirrored, cut at two sides, of other tones and another size."""
    height, width = pixels.shape[:2]
    cut = pixels[height // 10 :, width // 8 :][:, ::-1]
    return np.ascontiguousarray(cv2.resize(cut**1.3 * 0.9, (400, 380), interpolation=cv2.INTER_AREA), np.float32)


def distance(hints, truth):
    """Mean distance in a*b* between what is suggested and what is there."""
    lab = rgb_to_lab(truth)
    gaps = []
    for hint in hints:
        x, y = hint.outline[0]
        there = lab[min(lab.shape[0] - 1, int(y * lab.shape[0])), min(lab.shape[1] - 1, int(x * lab.shape[1])), 1:]
        gaps.append(np.hypot(*(there - chroma_of(hint.colour))))
    return float(np.mean(gaps))


def test_another_view_of_the_same_tells_its_colours(models):
    truth = astronaut()
    found = suggest(models.load("hinted-colorizer"), gray(truth), another_view(truth))
    assert 6 <= len(found) <= 12
    assert [one.likeness for one in found] == sorted((one.likeness for one in found), reverse=True)
    hints = tuple(one.hint for one in found)
    assert distance(hints, truth) < 12
    frames = [frame_of(gray(truth)), frame_of(gray(truth))]
    plain = colorize.Step().apply(frames[0], Colorize(model="hinted-colorizer"), models)
    told = colorize.Step().apply(frames[1], Colorize(hints=hints), models)
    lab = rgb_to_lab(truth)
    gaps = [np.hypot(*(rgb_to_lab(a.picture.pixels) - lab)[:, :, 1:].transpose(2, 0, 1)).mean() for a in (plain, told)]
    assert gaps[1] < 0.85 * gaps[0]


def test_a_photograph_of_something_else_tells_nothing(models):
    net = models.load("hinted-colorizer")
    stripes = np.zeros((200, 300, 3), np.float32)
    stripes[:, ::12] = (0.9, 0.2, 0.1)
    assert suggest(net, gray(hopper()), stripes) == []
    assert suggest(net, gray(hopper()), astronaut()) == []


@pytest.mark.parametrize("shape", [(3, 900, 3), (900, 3, 3), (1, 1, 3), (20, 20, 3)])
def test_any_shape_is_looked_at(models, shape):
    pixels = np.full(shape, 0.5, np.float32)
    assert isinstance(suggest(models.load("hinted-colorizer"), pixels, pixels), list)
