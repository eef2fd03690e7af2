"""Faces into the restorer's frame and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoration.steps import alignment
from tests.unit.standins import astronaut

SIMILARITIES = st.tuples(st.floats(-np.pi, np.pi), st.floats(0.15, 6.0), st.floats(-200, 2000), st.floats(-200, 2000))


def landmarks_at(angle: float, scale: float, x: float, y: float) -> np.ndarray:
    """The template turned, scaled and moved into a photograph."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (alignment.TEMPLATE @ turn.T * scale + (x, y)).astype(np.float32)


@given(SIMILARITIES)
@settings(max_examples=60, deadline=None)
def test_alignment_recovers_any_similarity(place):
    marks = landmarks_at(*place)
    matrix = alignment.alignment(marks)
    assert matrix is not None
    np.testing.assert_allclose(alignment.moved(matrix, marks.astype(np.float64)), alignment.TEMPLATE, atol=0.05)
    back = alignment.moved(cv2.invertAffineTransform(matrix), alignment.TEMPLATE)
    np.testing.assert_allclose(back, marks, atol=0.02 * max(1.0, place[1]) + 1e-4 * np.abs(marks).max())
    assert alignment.scale_of(matrix) == pytest.approx(1 / place[1], rel=1e-3)


@given(SIMILARITIES, st.integers(20, 900), st.integers(20, 900))
@settings(max_examples=60, deadline=None)
def test_region_lies_inside_the_photograph_and_covers_the_face(place, height, width):
    matrix = alignment.alignment(landmarks_at(*place))
    assert matrix is not None
    region = alignment.face_region(matrix, height, width)
    assert min(region.width, region.height) >= 1
    assert min(region.left, region.top) >= 0
    assert region.left + region.width <= width
    assert region.top + region.height <= height
    corner = np.array([[region.left, region.top]], np.float64)
    np.testing.assert_allclose(
        alignment.moved(alignment.within(matrix, region), np.zeros((1, 2))), alignment.moved(matrix, corner), atol=1e-6
    )


def test_points_that_are_all_one_have_no_alignment():
    assert alignment.alignment(np.full((5, 2), 7, np.float32)) is None


@pytest.mark.parametrize("scale", [0.35, 0.7, 1.0])
@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_crop_and_back_gives_the_same_photograph(scale, angle):
    photo = cv2.resize(astronaut(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    marks = landmarks_at(angle, scale, 0, 0)
    marks += np.array([photo.shape[1] / 2, photo.shape[0] / 2], np.float32) - marks.mean(axis=0)
    matrix = alignment.alignment(marks)
    assert matrix is not None
    region = alignment.face_region(matrix, *photo.shape[:2])
    back = alignment.uncrop(alignment.crop(photo, matrix), matrix, region)
    mask = alignment.ellipse_mask(matrix, marks, region)
    inside = mask > 0.5
    assert inside.sum() > 500
    assert np.abs(back - photo[region.slices])[inside].mean() < 0.012


def test_mask_is_one_at_the_landmarks_and_zero_at_the_edge():
    marks = landmarks_at(0.3, 0.6, 150, 100)
    matrix = alignment.alignment(marks)
    region = alignment.face_region(matrix, 700, 700)
    mask = alignment.ellipse_mask(matrix, marks, region)
    for x, y in marks:
        assert mask[round(float(y)) - region.top, round(float(x)) - region.left] > 0.9
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0
    assert np.abs(np.diff(mask, axis=1)).max() < 0.1


def test_blending_is_in_linear_light_and_leaves_the_rest_alone():
    base = np.zeros((4, 4, 3), np.float32)
    over = np.ones((4, 4, 3), np.float32)
    weight = np.zeros((4, 4), np.float32)
    weight[1] = 0.5
    weight[2] = 1.0
    mixed = alignment.blended(base, over, weight)
    assert mixed[1, 0, 0] == pytest.approx(0.7354, abs=1e-3)
    np.testing.assert_array_equal(mixed[0], base[0])
    np.testing.assert_allclose(mixed[2], over[2], atol=1e-6)
