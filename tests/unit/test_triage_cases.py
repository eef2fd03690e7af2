"""Triage makes no mistake on more than two hundred built scans, nor on real ones where the folder of photographs is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from restoration.steps.parameters import Triage
from restoration.steps.triage import chromatics
from tests.unit.triage_cases import COLOUR, GRAY, SCENES, Case, cases


@pytest.fixture(scope="module")
def built() -> list[Case]:
    return list(cases())


def is_colour(pixels: np.ndarray) -> bool:
    return chromatics(pixels).kind(Triage()) == "colour"


def test_no_colour_photograph_would_be_recoloured_and_no_gray_one_is_missed(built):
    wrong = [(case.name, chromatics(case.pixels)) for case in built if is_colour(case.pixels) != case.colour]
    assert wrong == []


def test_there_are_more_than_two_hundred_cases_of_every_kind(built):
    kinds = Counter((case.colour, case.name.split(":")[0]) for case in built)
    assert len(built) > 200
    assert set(kinds) == {(False, kind) for kind in GRAY} | {(True, kind) for kind in (*COLOUR, *SCENES)}
    assert min(kinds.values()) >= 6
    assert all(max(case.pixels.shape) <= 256 and np.isfinite(case.pixels).all() for case in built)


def test_cases_are_the_same_every_time(built):
    again = next(case for case in cases() if case.name.startswith("stains"))
    assert any(np.array_equal(again.pixels, case.pixels) for case in built if case.name == again.name)


TRULY_COLOUR = {"bop_old_a.jpg", "bop_old_g.jpg"}
"""Two files of the folder of old photographs are colour ones: a print of about 1970 and an autochrome."""

OF_ONE_HUE = {"openimages_birdsplanes_0027.jpg", "openstax_0930.jpg"}
"""Of the reference photographs: a white plane in a blue sky, and ruins in sand; nothing in them lies off one line."""
NEARLY_GRAY_SCENES = 33
"""Of 2,702 scenes of the 1970s and later so many have so little colour that they pass for tinted prints."""


def read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1], np.float32) / np.float32(255)


@pytest.mark.photos
def test_real_old_photographs(photos_folder):
    paths = sorted((photos_folder / "old").glob("*.*g"))
    assert [p.name for p in paths if is_colour(read(p)) != (p.name in TRULY_COLOUR)] == []


@pytest.mark.photos
@pytest.mark.parametrize(
    ("folder", "each", "most"),
    [("reference", 1, 0), ("train_scenes", 1, NEARLY_GRAY_SCENES), ("train_portraits", 24, 0)],
)
@pytest.mark.slow
def test_real_colour_photographs(photos_folder, folder, each, most):
    paths = sorted((photos_folder / folder).glob("*.*g"))[::each]
    assert len([p.name for p in paths if not is_colour(read(p)) and p.name not in OF_ONE_HUE]) <= most
