"""Marks made by hand: what is read, what is refused and in which words, and which pixels a mark covers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from restoration.damage_kinds import FILLED_KINDS, DamageKind
from restoration.errors import UsageError
from restoration.evaluate.damage_marks import DamageMark, PhotoMarks, mask_of, read_marks, uncounted

SHIPPED = Path(__file__).parents[2] / "benchmarks" / "old_damage.json"


def photo(**changes):
    table = {"file": "a.jpg", "sha256": "0" * 64, "width": 40, "height": 30, "frame": [], "unsure": [], "marks": []}
    return table | changes


def mark(**changes):
    return {"kind": "scratch", "shape": "stroke", "width": 2, "points": [[1, 1], [9, 1]]} | changes


def written(folder, content):
    path = folder / "marks.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_what_is_written_is_read(tmp_path):
    table = photo(
        marks=[mark(), {"kind": "hole", "shape": "polygon", "points": [[0, 0], [5, 0], [0, 5.5]]}],
        frame=[[[0, 0], [40, 0], [40, 3]]],
    )
    (read,) = read_marks(written(tmp_path, {"format": 1, "photos": [table]}))
    assert (read.file, read.width, read.height) == ("a.jpg", 40, 30)
    assert read.marks[0] == DamageMark(DamageKind.SCRATCH, "stroke", ((1.0, 1.0), (9.0, 1.0)), 2.0)
    assert read.marks[1].points[2] == (0.0, 5.5)
    assert read.frame == (((0.0, 0.0), (40.0, 0.0), (40.0, 3.0)),)
    assert read.unsure == ()


BAD_PHOTOS = [
    ([], "should be a table"),
    (photo(file=""), '"file" should be the name'),
    (photo(file="../a.jpg"), '"file" should be the name'),
    (photo(sha256="0" * 63), "64 hexadecimal digits"),
    (photo(sha256="A" * 64), "64 hexadecimal digits"),
    (photo(width=0), r'"width" should be a whole number'),
    (photo(width=True), r'"width" should be a whole number'),
    (photo(height=3.5), r'"height" should be a whole number'),
    (photo(marks=None), '"marks" should be a list'),
    (photo(frame=[[[0, 0], [1, 1]]]), r'polygon 1 of "frame": 2 points are too few'),
    (photo(unsure={}), '"unsure" should be a list'),
    (photo(marks=[7]), r"\(a\.jpg\), mark 1 should be a table"),
    (photo(marks=[mark(kind="rust")]), '"kind" should be one of scratch, crease'),
    (photo(marks=[mark(kind=[])]), '"kind" should be one of'),
    (photo(marks=[mark(shape="star")]), '"shape" should be one of stroke, polygon, dot'),
    (photo(marks=[mark(shape={})]), '"shape" should be one of'),
    (photo(marks=[mark(points=[[1, 1]])]), "1 points are too few, at least 2"),
    (photo(marks=[mark(shape="dot")]), "a dot has one point, not 2"),
    (photo(marks=[mark(points=[[1, 1], [1]])]), r"a point should be \[x, y\]"),
    (photo(marks=[mark(points=[[1, 1], ["2", 1]])]), r"a point should be \[x, y\]"),
    (photo(marks=[mark(points=[[1, 1], [41, 1]])]), r"\[41, 1\] is outside the picture of 40 x 30"),
    (photo(marks=[mark(points=[[1, 1], [float("nan"), 1]])]), "outside the picture"),
    (photo(marks=[mark(width=0)]), '"width" should be above 0'),
    (photo(marks=[mark(width=float("inf"))]), '"width" should be above 0'),
    (photo(marks=[mark(width=None)]), '"width" should be above 0'),
]


@pytest.mark.parametrize(("table", "words"), BAD_PHOTOS)
def test_a_malformed_photograph_is_named(tmp_path, table, words):
    with pytest.raises(UsageError, match=words) as caught:
        read_marks(written(tmp_path, {"format": 1, "photos": [table]}))
    assert "photograph 1" in caught.value.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "no marks file"),
        ('{"format": 2, "photos": []}', "no marks file"),
        ('{"format": 1, "photos": {}}', "no marks file"),
        ({"format": 1, "photos": [photo(), photo()]}, r"a\.jpg more than once"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, content, words):
    with pytest.raises(UsageError, match=words):
        read_marks(written(tmp_path, content))


def test_a_missing_file_and_bytes_that_are_no_text(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_marks(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not JSON in UTF-8"):
        read_marks(tmp_path / "bytes.json")


def drawn(*marks, kinds=frozenset(DamageKind), width=40, height=30):
    return mask_of(PhotoMarks("a.jpg", "0" * 64, width, height, marks), kinds)


def test_a_stroke_is_as_wide_as_it_says():
    for width, rows in ((1, 1), (2, 3), (3, 3), (5, 5)):
        mask = drawn(DamageMark(DamageKind.SCRATCH, "stroke", ((10.0, 10.0), (20.0, 10.0)), width))
        assert mask[:, 15].sum() == rows
        assert mask[10, 10:21].all()
        assert not mask[:, :7].any()


def test_a_slanting_thin_stroke_has_no_gap():
    mask = drawn(DamageMark(DamageKind.CREASE, "stroke", ((2.0, 3.0), (35.0, 17.0), (38.0, 28.0)), 1.0))
    assert mask[:, 2:36].any(axis=0).all()
    assert mask[3:29].any(axis=1).all()
    assert mask.sum() < 70


def test_a_dot_is_round_and_may_lie_on_the_border():
    mask = drawn(DamageMark(DamageKind.DUST, "dot", ((20.0, 15.0),), 7.0))
    ys, xs = np.nonzero(mask)
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (17, 23, 12, 18)
    assert abs(mask.sum() - np.pi * 3.5**2) < 4
    assert drawn(DamageMark(DamageKind.DUST, "dot", ((40.0, 30.0),), 3.0))[29, 39]
    assert drawn(DamageMark(DamageKind.DUST, "dot", ((0.0, 0.0),), 0.1)).sum() == 1


def test_a_polygon_is_filled_with_its_edges():
    mask = drawn(DamageMark(DamageKind.HOLE, "polygon", ((5.0, 5.0), (14.0, 5.0), (14.0, 9.0), (5.0, 9.0))))
    assert mask[5:10, 5:15].all()
    assert mask.sum() == 50


def test_only_the_kinds_asked_for_are_drawn():
    dust = DamageMark(DamageKind.DUST, "dot", ((5.0, 5.0),), 3.0)
    word = DamageMark(DamageKind.WRITING, "dot", ((30.0, 20.0),), 3.0)
    mask = drawn(dust, word, kinds=FILLED_KINDS)
    assert mask[5, 5]
    assert not mask[20, 30]
    assert not drawn(dust, word, kinds=()).any()


def test_frame_and_unsure_places_are_not_counted():
    top = ((0.0, 0.0), (40.0, 0.0), (40.0, 2.0), (0.0, 2.0))
    corner = ((30.0, 20.0), (40.0, 20.0), (40.0, 30.0), (30.0, 30.0))
    mask = uncounted(PhotoMarks("a.jpg", "0" * 64, 40, 30, (), (top,), (corner,)))
    assert mask[:3].all()
    assert mask[20:, 30:].all()
    assert mask.sum() == 3 * 40 + 100


def test_the_shipped_marks_are_read_and_say_something():
    photos = read_marks(SHIPPED)
    damaged = [one for one in photos if mask_of(one, FILLED_KINDS).any()]
    assert len(photos) >= 30
    assert len(damaged) >= 20
    assert {mark.kind for one in photos for mark in one.marks} == set(DamageKind)
    for one in photos:
        assert mask_of(one, FILLED_KINDS).mean() < 0.25, one.file
        assert not uncounted(one).all()
