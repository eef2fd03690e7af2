"""Things that are no damage, drawn into a crop: they can be seen, they stay where they are said to be, and repeat."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.photo.colour import luminance_y
from restoration.synthetic import lettering, things
from restoration.synthetic.dress import along
from restoration.synthetic.scene import Canvas, Scene, contrasting
from tests.unit.picture_maker import gray, photograph

SIZE = (128, 160)
MAKERS = {maker.__name__: maker for maker, _ in things.MAKERS}


def plane():
    return np.ascontiguousarray(luminance_y(gray(photograph("astronaut")))[40 : 40 + SIZE[0], 120 : 120 + SIZE[1]])


def scene_with(name, seed):
    rng = np.random.default_rng(seed)
    scene = Scene.of(plane(), rng)
    MAKERS[name](scene, rng)
    return scene


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_thing_changes_the_plane_where_it_is_and_nowhere_else(name):
    seen = 0
    for seed in range(8):
        scene = scene_with(name, seed)
        assert scene.plane.shape == SIZE
        assert scene.plane.dtype == np.float32
        assert 0 <= scene.plane.min() <= scene.plane.max() <= 1
        changed = np.abs(scene.plane - plane())
        assert not (changed[~scene.things] > 0.5).any()  # what is left is shadow
        seen += int((changed[scene.things] > 0.1).sum())
    assert seen > 100


def test_the_same_draw_gives_the_same_crop():
    first, where = things.furnish(plane(), np.random.default_rng(3))
    again, same = things.furnish(plane(), np.random.default_rng(3))
    assert np.array_equal(first, again)
    assert np.array_equal(where, same)
    assert where.any()
    assert not np.array_equal(first, things.furnish(plane(), np.random.default_rng(4))[0])


def test_a_place_is_as_dark_or_as_light_as_asked():
    ramp = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (100, 1))
    scene = Scene(ramp, np.zeros(ramp.shape, bool), 0.0)
    dark = [scene.place(9, np.random.default_rng(seed), dark=True)[0] for seed in range(20)]
    light = [scene.place(9, np.random.default_rng(seed), dark=False)[0] for seed in range(20)]
    assert max(dark) < 70
    assert min(light) > 130


def test_a_rounded_thing_is_lighter_towards_the_light():
    scene = Scene(np.full((80, 80), 0.3, np.float32), np.zeros((80, 80), bool), -np.pi / 2)
    canvas = Canvas((80, 80))
    canvas.ellipse(np.array([40.0, 40.0]), (20, 20))
    scene.solid(canvas.cover, 0.6, 20, np.random.default_rng(0), relief=0.5)
    assert scene.plane[24:32, 36:44].mean() > scene.plane[48:56, 36:44].mean() + 0.1


def test_a_cover_is_as_large_as_what_is_drawn():
    canvas = Canvas((60, 90))
    canvas.polygon(np.array([(10, 10), (50, 10), (50, 40), (10, 40)], np.float64))
    assert canvas.cover.sum() == pytest.approx(1200, rel=0.05)


def test_tones_can_be_seen_on_their_ground():
    rng = np.random.default_rng(1)
    for ground in np.linspace(0, 1, 21):
        for lighter in (None, ground < 0.5):
            assert abs(contrasting(float(ground), rng, lighter=lighter) - ground) > 0.15


def test_links_follow_the_path():
    points, angles = along(np.array([(0.0, 0.0), (30.0, 0.0), (30.0, 40.0)]), 5.0)
    assert len(points) == 14
    assert np.allclose(np.hypot(*np.diff(points, axis=0).T)[[0, 1, -1]], 5)
    assert angles[0] == pytest.approx(0, abs=1)
    assert angles[-2] == pytest.approx(90, abs=1)


@pytest.mark.parametrize("maker", [lettering.printed_text, lettering.plate_number, lettering.handwriting])
def test_lettering_is_strokes(maker):
    seen = 0
    for seed in range(12):
        cover = maker(SIZE, np.random.default_rng(seed))
        assert cover.shape == SIZE
        assert 0 <= cover.min() <= cover.max() <= 1
        if (cover > 0.5).sum() > 40:
            seen += 1
            inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
            assert np.median(inside[inside > 0]) < 8
    assert seen >= 6
