"""Finding faces whatever way they lie: geometry with a stand-in detector, and CenterFace on real photographs."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest

from restoration.models.loading import LoadedModels
from restoration.models.nets.detection import Detection
from restoration.steps import finding
from restoration.steps.alignment import TEMPLATE, alignment
from restoration.steps.finding import find_faces, plausible, roll

UPRIGHT = ((TEMPLATE - 256) / 512).astype(np.float32)
"""Landmarks of an upright face one unit high, round its middle."""


def turned(marks, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (marks @ np.array([[c, s], [-s, c]])).astype(np.float32)


def drawn(shape, faces):
    """A picture with discs for faces: (x, y, radius, degrees), a red forehead and a green chin on each."""
    picture = np.full((*shape, 3), 90, np.uint8)
    for x, y, radius, degrees in faces:
        down = turned(np.array([[0, 1]]), degrees)[0]
        cv2.circle(picture, (x, y), radius, (0, 0, 255), -1)
        for colour, side in (((255, 0, 0), -1), ((0, 255, 0), 1)):
            place = np.array([x, y]) + side * 0.5 * radius * down
            cv2.circle(picture, tuple(int(v) for v in place.round()), round(0.4 * radius), colour, -1)
    return picture


class DiscDetector:
    """Sees the discs of :func:`drawn`, like a real detector: the less sure the more they are turned, at a limited
    working size, nothing below 12 working pixels, and an upside-down face as an upright one of middling score.
    """

    max_faces = 200

    def __init__(self, max_side=400, reach=40.0):
        self.max_side, self.reach = max_side, reach
        self.shapes = []

    def __call__(self, image, confidence):
        self.shapes.append(image.shape[:2])
        scale = min(1.0, self.max_side / max(image.shape[:2]))
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(int)
        red, green, blue = ((small[:, :, i] - small.sum(axis=2) + small[:, :, i] > 60) for i in range(3))
        _, _, boxes, _ = cv2.connectedComponentsWithStats((red | green | blue).astype(np.uint8))
        faces = [self._face(box, red, green, scale) for box in boxes[1:]]
        found = [face for face in faces if face is not None and face.confidence > confidence]
        return sorted(found, key=lambda face: -face.confidence)

    def _face(self, stats, red, green, scale):
        x, y, w, h, _ = (int(v) for v in stats)
        window = slice(y, y + h), slice(x, x + w)
        tops, chins = np.argwhere(red[window]), np.argwhere(green[window])
        if min(w, h) < 12 or len(tops) < 3 or len(chins) < 3:
            return None
        dy, dx = chins.mean(axis=0) - tops.mean(axis=0)
        angle = float(np.degrees(np.arctan2(-dx, dy)))
        score = 0.9 - 0.3 * min(1.0, abs(angle) / self.reach)
        if abs(angle) > self.reach:
            score, angle = (0.7, 0.0) if abs(angle) > 150 else (0.0, 0.0)
        marks = turned(UPRIGHT, angle) * max(w, h) + (x + w / 2, y + h / 2)
        return Detection(tuple(v / scale for v in (x, y, w, h)), score, (marks / scale).astype(np.float32))


def where(face):
    x, y, w, h = face.box
    return x + w / 2, y + h / 2


# -- geometry --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("degrees", [-180, -135, -60, 0, 25, 90, 178])
def test_roll_is_the_angle_of_the_face(degrees):
    assert (roll(turned(UPRIGHT, degrees) * 70 + 300) - degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("degrees", [0, 45, 90, 180, 300])
def test_landmarks_of_a_face_are_plausible_whatever_way_it_lies(degrees):
    profile = UPRIGHT * (0.3, 1)
    assert plausible(turned(UPRIGHT, degrees) * 50 + 99)
    assert plausible(turned(profile, degrees) * 50 + 99)


@pytest.mark.parametrize(
    "marks",
    [
        UPRIGHT[[1, 0, 2, 4, 3]],  # left for right
        UPRIGHT * (-1, 1),
        UPRIGHT[[3, 4, 2, 0, 1]],  # mouth above the eyes, in a face whose left and right say it is upright
        UPRIGHT * (0, 1),
        UPRIGHT * (1, 0),
        UPRIGHT * 0,
        UPRIGHT[[0, 1, 0, 3, 4]] - [[0, 0], [0, 0], [0, 0.3], [0, 0], [0, 0]],  # nose above the eyes
        UPRIGHT * (9, 1),
        np.where(UPRIGHT > 0.1, np.nan, UPRIGHT),
    ],
)
def test_landmarks_of_no_face_are_not(marks):
    assert not plausible(marks.astype(np.float32) * 40)


# -- looks -----------------------------------------------------------------------------------------------------------
def test_a_plain_portrait_is_looked_at_once():
    detector = DiscDetector()
    found = find_faces(detector, drawn((300, 240), [(120, 140, 60, 5)]), 0.5)
    assert len(found.faces) == len(detector.shapes) == 1


@pytest.mark.parametrize("degrees", [30, -45, 60, 90, 135, 180, -90, -120, 225])
def test_one_face_is_found_once_at_any_angle_with_its_landmarks_in_order(degrees):
    picture = drawn((420, 380), [(220, 180, 60, degrees)])
    (face,) = find_faces(DiscDetector(), picture, 0.5).faces
    assert where(face) == pytest.approx((220, 180), abs=4)
    expected = turned(UPRIGHT, degrees) * 121 + (220, 180)
    assert np.abs(face.landmarks - expected).max() < 8
    assert face.confidence > 0.8
    matrix = alignment(face.landmarks)
    assert np.abs(cv2.transform(expected[None].astype(np.float64), matrix)[0] - TEMPLATE).max() < 45


def test_a_tilted_head_beside_an_upright_one():
    detector = DiscDetector(reach=60)
    found = find_faces(detector, drawn((300, 500), [(120, 140, 50, 0), (350, 150, 50, 48)]), 0.5)
    assert [round(roll(face.landmarks), -1) for face in found.faces] == [0, 50]
    assert min(face.confidence for face in found.faces) > 0.85
    assert detector.shapes.count((finding.CLOSE_UP, finding.CLOSE_UP)) == 5


def test_a_group_that_lies_on_its_side_costs_three_more_looks():
    faces = [(60 + 90 * i, 70 + 110 * j, 30, 90) for i in range(4) for j in range(3)]
    detector = DiscDetector(reach=100)
    found = find_faces(detector, drawn((400, 400), faces), 0.5)
    assert sorted(tuple(np.round(where(f), -1)) for f in found.faces) == sorted(
        (round(x, -1), round(y, -1)) for x, y, *_ in faces
    )
    assert all(abs(roll(face.landmarks) - 90) < 10 for face in found.faces)
    assert len(detector.shapes) == 4


def test_no_face_is_no_face():
    detector = DiscDetector()
    assert find_faces(detector, drawn((300, 300), []), 0.5) == finding.Found([])
    assert len(detector.shapes) == 8


def test_the_answer_is_the_same_again():
    picture = drawn((420, 380), [(220, 180, 60, 100), (90, 300, 40, 20)])
    one, other = (find_faces(DiscDetector(), picture, 0.5).faces for _ in range(2))
    assert [f.box for f in one] == [f.box for f in other]
    assert all(np.array_equal(a.landmarks, b.landmarks) for a, b in zip(one, other, strict=True))


# -- huge pictures ---------------------------------------------------------------------------------------------------
def test_tiny_faces_of_a_huge_picture_are_found_once_each_in_tiles():
    """At the working size of 400 these faces have 8 pixels; some lie across the edges of tiles."""
    faces = [(x, y, 20, 0) for x in range(60, 2000, 150) for y in range(70, 1500, 200)]
    detector = DiscDetector()
    found = find_faces(detector, drawn((1500, 2000), faces), 0.5)
    assert len(found.faces) == len(faces)
    assert found.left_out == 0
    places = sorted((round(float(x)), round(float(y))) for x, y in map(where, found.faces))
    assert np.abs(np.array(places) - np.array(sorted((x, y) for x, y, *_ in faces))).max() <= 3
    assert max(max(shape) for shape in detector.shapes[1:]) <= 800


def test_a_huge_portrait_needs_no_tiles_and_pictures_not_so_large_neither():
    detector = DiscDetector()
    find_faces(detector, drawn((1500, 2000), [(900, 700, 300, 0)]), 0.5)
    find_faces(detector, drawn((800, 1000), [(500, 400, 40, 0)]), 0.5)
    assert len(detector.shapes) == 2


def test_a_large_face_and_tiny_ones_in_a_huge_picture():
    faces = [(900, 700, 300, 0), (150, 300, 20, 0), (150, 1200, 20, 0), (1700, 200, 150, 0), (1800, 1300, 150, 0)]
    found = find_faces(DiscDetector(), drawn((1500, 2000), [*faces, (1400, 1200, 120, 0)]), 0.5)
    assert len(found.faces) == 6


# -- many faces ------------------------------------------------------------------------------------------------------
def grid(count, step=40):
    return [(step * (i % 20) + 30, step * (i // 20) + 30, 16, 0) for i in range(count)]


def test_two_hundred_faces_in_one_picture():
    found = find_faces(DiscDetector(max_side=2000), drawn((440, 840), grid(200)), 0.5)
    assert (len(found.faces), found.left_out) == (200, 0)


def test_more_faces_than_that_are_cut_and_said_so(caplog):
    with caplog.at_level(logging.WARNING):
        found = find_faces(DiscDetector(max_side=2000), drawn((520, 840), grid(230)), 0.5)
    assert (len(found.faces), found.left_out) == (200, 30)
    assert "230 faces found; the 200 surest are kept" in caplog.text


# -- CenterFace on photographs ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def centerface():
    return LoadedModels(device="cpu", threads=1).load("centerface")


def read(path):
    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[:, :, ::-1])


@pytest.mark.photos
@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_all_of_solvay_1927(centerface, photos_folder, quarters):
    picture = np.ascontiguousarray(np.rot90(read(photos_folder / "old" / "solvay_1927.jpg"), quarters))
    faces = find_faces(centerface, picture, 0.5).faces
    assert len(faces) == 29
    assert all(plausible(face.landmarks) for face in faces)
    assert all(abs((roll(face.landmarks) + 90 * quarters + 180) % 360 - 180) < 20 for face in faces)


@pytest.mark.photos
@pytest.mark.slow
def test_one_face_on_each_of_the_votehist_portraits(centerface, photos_folder):
    files = sorted((photos_folder / "old").glob("votehist_*"))
    assert len(files) == 60
    found = {file.name: find_faces(centerface, read(file), 0.5).faces for file in files}
    assert {name: len(faces) for name, faces in found.items() if len(faces) != 1} == {}
    assert all(abs(roll(faces[0].landmarks)) < 35 for faces in found.values())


@pytest.mark.photos
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_portraits_that_lie_on_their_side_or_upside_down(centerface, photos_folder, quarters):
    files = sorted((photos_folder / "old").glob("votehist_*"))[::20]
    for file in files:
        picture = read(file)
        (upright,) = find_faces(centerface, picture, 0.5).faces
        (face,) = find_faces(centerface, np.ascontiguousarray(np.rot90(picture, quarters)), 0.5).faces
        apart = roll(face.landmarks) - roll(upright.landmarks) + 90 * quarters
        assert abs((apart + 180) % 360 - 180) < 15, file.name


@pytest.mark.photos
@pytest.mark.slow
def test_two_hundred_real_faces(centerface, photos_folder):
    """Real portraits pasted into a grid at 120 x 160 pixels: none is doubled, and hardly one too faint to be seen."""
    files = sorted((photos_folder / "old").glob("votehist_*"))
    heads = [cv2.resize(read(files[i % len(files)]), (120, 160), interpolation=cv2.INTER_AREA) for i in range(200)]
    sheet = np.vstack([np.hstack(heads[row * 20 : row * 20 + 20]) for row in range(10)])
    found = find_faces(centerface, sheet, 0.5)
    cells = {(int(x) // 120, int(y) // 160) for x, y in map(where, found.faces)}
    assert len(cells) == len(found.faces) >= 190
    assert found.left_out == 0
