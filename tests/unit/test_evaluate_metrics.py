"""Figures of the evaluation against hand-made cases, properties and reference libraries."""

from __future__ import annotations

import sys
import types
from importlib import metadata

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import sqrtm
from scipy.stats import wilcoxon

from restoration.errors import ModelError
from restoration.evaluate import perceptual, statistics
from restoration.evaluate.scoring import GRAY, TRUTH, Score
from restoration.photo.colour import rgb_to_lab
from restoration.quality import skin
from restoration.quality.bleed import bleed, lightness_edges
from restoration.quality.frechet import Moments, frechet_distance
from tests.unit.picture_maker import photograph, smaller

FACE = skin.Face((20.0, 10.0, 40.0, 50.0), np.array([[32, 30], [48, 30], [40, 40], [34, 48], [46, 48]], np.float32))


def flat(lightness: float, a: float, b: float, shape=(80, 80)) -> np.ndarray:
    return np.full((*shape, 3), (lightness, a, b), np.float32)


# -- skin -------------------------------------------------------------------------------------------------------------
def test_skin_lies_inside_the_face_and_leaves_out_eyes_and_mouth():
    face, found = skin.face_mask((80, 80), [FACE]), skin.skin_mask((80, 80), [FACE])
    rows, columns = np.nonzero(face)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (24, 55, 11, 58)
    assert face.sum() == pytest.approx(np.pi * 0.4 * 40 * 0.48 * 50, rel=0.02)
    assert not (found & ~face).any()
    assert not found[30, 32]
    assert not found[30, 48]
    assert not found[48, 40]
    assert found[20, 40]
    assert found[40, 32]
    assert not skin.face_mask((80, 80), []).any()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0, -30, 1),  # blue
        (-15, -15, 1),  # green-blue, -135 degrees
        (15, -15, 1),  # purple, -45 degrees
        (-20, -12, 0),  # -149 degrees
        (20, -12, 0),  # -31 degrees: pink
        (0, -17.9, 0),  # too pale to be called blue
        (12, 18, 0),  # skin
    ],
)
def test_blue_skin_is_chroma_above_18_between_two_hues(a, b, expected):
    assert skin.skin_blue(flat(60, a, b), skin.face_mask((80, 80), [FACE])) == expected


def test_blue_skin_is_a_share_of_the_mask():
    lab = flat(60, 12, 18)
    lab[:, :40] = (60, 0, -30)
    assert skin.skin_blue(lab, np.ones((80, 80), bool)) == 0.5
    with pytest.raises(ValueError, match="at least one pixel"):
        skin.skin_blue(lab, np.zeros((80, 80), bool))


def test_true_skin_leaves_out_hair_backdrop_and_glare():
    lab = np.array([[(60, 12, 18), (60, 0, -30), (8, 5, 8), (60, 1, 1), (99, 2, 5), (70, 60, 40)]], np.float32)
    assert skin.true_skin(lab, np.ones((1, 6), bool)).tolist() == [[True, False, False, False, False, False]]
    assert not skin.true_skin(lab, np.zeros((1, 6), bool)).any()


@pytest.mark.parametrize(
    ("lightness", "b", "angle", "group"),
    [
        (50 + 20 * np.sqrt(3), 20, 60.0, "very light"),
        (70, 20, 45.0, "light"),
        (50 + 20 / np.sqrt(3), 20, 30.0, "intermediate"),
        (55, 20, 14.036, "tan"),
        (50, 20, 0.0, "brown"),
        (30, 20, -45.0, "dark"),
    ],
)
def test_typology_angle_and_groups(lightness, b, angle, group):
    found = skin.typology_angle(flat(lightness, 12, b), skin.face_mask((80, 80), [FACE]))
    assert found == pytest.approx(angle, abs=1e-3)
    assert skin.ita_group(found) == group


def test_groups_end_where_chardon_ends_them():
    ends = [55.01, 55, 41.01, 41, 28.01, 28, 10.01, 10, -29.99, -30, -89]
    expected = ["very light", "light", "light", "intermediate", "intermediate", "tan", "tan", "brown", "brown"]
    assert [skin.ita_group(angle) for angle in ends] == [*expected, "dark", "dark"]


@given(st.floats(-90, 90), st.floats(-90, 90))
def test_a_larger_angle_is_never_a_darker_group(one, two):
    order = [name for name, _ in skin.ITA_GROUPS]
    low, high = sorted((one, two))
    assert order.index(skin.ita_group(high)) <= order.index(skin.ita_group(low))


# -- bleed ------------------------------------------------------------------------------------------------------------
def halves(border_of_colour: int, border_of_light: int = 48) -> np.ndarray:
    """Dark left, light right; neutral left, orange right; the two borders may lie apart. L*a*b*."""
    lab = flat(30, 0, 0, (64, 96))
    lab[:, border_of_light:, 0] = 80
    lab[:, border_of_colour:, 1:] = (30, 40)
    return lab


def test_colour_that_changes_with_light_does_not_bleed_and_colour_beside_it_does():
    assert bleed(halves(48)) == 0
    assert bleed(halves(49)) == 0
    assert bleed(halves(70)) == 1
    figures = [bleed(halves(border)) for border in range(48, 60)]
    assert figures == sorted(figures)


def test_gray_never_bleeds_and_colour_on_a_smooth_picture_always_does():
    assert bleed(flat(50, 0, 0)) == 0
    assert bleed(flat(50, 20, 20)) == 0
    smooth = flat(50, 0, 0)
    smooth[:, 40:, 1] = 30
    assert not lightness_edges(smooth).any()
    assert bleed(smooth) == 1


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(-np.pi, np.pi),
    st.integers(0, 3),
    arrays(bool, (24, 24)),
)
def test_bleed_is_a_share_and_knows_neither_hue_nor_direction(seed, turn, quarters, edges):
    lab = np.random.default_rng(seed).uniform(0, 60, (24, 24, 3)).astype(np.float32)
    found = bleed(lab, edges)
    assert 0 <= found <= 1
    rotated = lab.copy()
    rotated[:, :, 1] = np.cos(turn) * lab[:, :, 1] - np.sin(turn) * lab[:, :, 2]
    rotated[:, :, 2] = np.sin(turn) * lab[:, :, 1] + np.cos(turn) * lab[:, :, 2]
    assert bleed(rotated, edges) == pytest.approx(found, abs=1e-5)
    turned = (np.ascontiguousarray(np.rot90(part, quarters)) for part in (lab, edges))
    assert bleed(*turned) == pytest.approx(found, abs=1e-5)


def test_bleed_by_hand():
    """Two steps of colour, one on the only edge and one far from it: energies go with the squares of the steps."""
    lab = halves(48)
    lab[:, 48:, 1:] = (90, 120)
    lab[:, :20, 2] += 100.0
    assert bleed(lab) == pytest.approx(100**2 / (100**2 + 150**2), rel=0.02)


def test_colour_that_runs_or_slips_bleeds_more():
    """Over several photographs: the further chroma runs, the larger the figure; one that slips is among the worst."""
    figures: dict[str, list[float]] = {}
    for name in ("coffee", "astronaut", "chelsea", "flower"):
        lab = rgb_to_lab(smaller(photograph(name), 160))
        ab, edges = np.ascontiguousarray(lab[:, :, 1:]), lightness_edges(lab)
        changed = {f"runs {s}": cv2.GaussianBlur(ab, (0, 0), s) for s in (3, 6)} | {"slips": np.roll(ab, 6, axis=1)}
        for kind, chroma in ({"true": ab} | changed).items():
            figures.setdefault(kind, []).append(bleed(np.dstack([lab[:, :, :1], chroma]), edges))
    means = {kind: np.mean(values) for kind, values in figures.items()}
    assert means["true"] < means["runs 3"] < means["runs 6"]
    assert means["slips"] > 1.2 * means["true"]


# -- Frechet distance -------------------------------------------------------------------------------------------------
def moments(vectors: np.ndarray, *cuts: int) -> Moments:
    found = Moments(vectors.shape[1])
    for piece in np.split(vectors, cuts):
        found.add(piece)
    return found


def test_moments_in_pieces_are_those_of_the_whole():
    vectors = np.random.default_rng(1).normal(1e4, 1, (101, 5))
    found = moments(vectors, 1, 40, 41)
    assert found.count == 101
    assert found.mean == pytest.approx(vectors.mean(axis=0), rel=1e-12)
    assert found.covariance == pytest.approx(np.cov(vectors, rowvar=False), abs=1e-9)
    with pytest.raises(ValueError, match="at least two"):
        _ = moments(vectors[:1]).covariance


@pytest.mark.parametrize("size", [1, 3, 16, 64])
def test_frechet_distance_equals_the_formula_with_scipys_root(size):
    rng = np.random.default_rng(size)
    one = rng.normal(0, 1, (300, size)) @ rng.normal(0, 1, (size, size))
    two = rng.normal(0.3, 1, (400, size)) @ rng.normal(0, 1, (size, size))
    first, second = np.atleast_2d(np.cov(one, rowvar=False)), np.atleast_2d(np.cov(two, rowvar=False))
    apart = one.mean(axis=0) - two.mean(axis=0)
    theirs = apart @ apart + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert frechet_distance(moments(one), moments(two)) == pytest.approx(theirs, rel=1e-7, abs=1e-4)


def test_frechet_distance_of_known_distributions():
    vectors = np.random.default_rng(0).normal(0, 1, (50, 4))
    assert frechet_distance(moments(vectors), moments(vectors)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(moments(vectors), moments(vectors + 3)) == pytest.approx(4 * 9)
    spread = moments(vectors).covariance
    assert frechet_distance(moments(vectors), moments(3 * vectors)) == pytest.approx(
        4 * np.trace(spread) + 4 * (moments(vectors).mean ** 2).sum()
    )


def test_frechet_distance_of_singular_covariances_is_real_and_symmetric():
    rng = np.random.default_rng(4)
    one, two = rng.normal(0, 1, (10, 40)), rng.normal(1, 2, (12, 40))
    found = frechet_distance(moments(one), moments(two))
    assert np.isfinite(found)
    assert found == pytest.approx(frechet_distance(moments(two), moments(one)), rel=1e-6)


# -- ST-LPIPS ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def net() -> perceptual.StLpips:
    found = perceptual.load()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    first = smaller(photograph("coffee"), 96)
    return first, np.clip(first * np.float32([1.0, 0.8, 1.1]), 0, 1).astype(np.float32)


def test_st_lpips_equals_the_package_that_carries_the_weights(net, pair, monkeypatch):
    for name in ("torchvision", "torchvision.models", "IPython", "torchsummary"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    # the package imports these for other nets than the one compared here
    sys.modules["torchvision"].models = sys.modules["torchvision.models"]
    sys.modules["IPython"].embed = sys.modules["torchsummary"].summary = None
    from stlpips_pytorch import stlpips

    theirs = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    with torch.inference_mode():
        answer = theirs(*(torch.from_numpy(p.transpose(2, 0, 1).copy())[None] * 2 - 1 for p in pair))
    found = net.distance(*(net.features(p) for p in pair))
    assert found > 0.005
    assert found == pytest.approx(float(answer), abs=1e-4)


def test_st_lpips_is_zero_for_equal_pictures_symmetric_and_grows(net, pair):
    first, second = (net.features(p) for p in pair)
    worse = net.features(np.ascontiguousarray(pair[0][:, :, ::-1]))
    assert net.distance(first, first) == 0
    assert net.distance(first, second) == net.distance(second, first)
    assert net.distance(first, worse) > net.distance(first, second)


def test_st_lpips_is_left_out_where_the_package_is_missing_and_refuses_another_file(monkeypatch, tmp_path):
    other = tmp_path / "alex.pth"
    other.write_bytes(b"other weights")
    monkeypatch.setattr(perceptual, "weights_path", lambda: other)
    with pytest.raises(ModelError, match="not the file that ST-LPIPS was checked with"):
        perceptual.load()
    monkeypatch.undo()

    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(perceptual.metadata, "distribution", missing)
    assert perceptual.load() is None


# -- statistics -------------------------------------------------------------------------------------------------------
def score(model: str, photo: str, group: str = "", family: str = "a", **values: float) -> Score:
    return Score(model, photo, "0" * 64, family, group, values)


def two_models(differences: list[float]) -> list[Score]:
    return [
        row
        for number, difference in enumerate(differences)
        for row in (
            score("one", f"{number}.png", delta_e00=10 + difference),
            score("two", f"{number}.png", delta_e00=10.0),
        )
    ]


def test_models_are_compared_on_the_same_photographs():
    differences = list(np.random.default_rng(0).normal(-1.0, 1.5, 60))
    (pair,) = statistics.compare(two_models(differences), ["delta_e00"])
    assert (pair.first, pair.second, pair.photos) == ("one", "two", 60)
    assert pair.mean == pytest.approx(np.mean(differences))
    spread = 1.96 * np.std(differences) / np.sqrt(60)
    assert (pair.low, pair.high) == pytest.approx((pair.mean - spread, pair.mean + spread), abs=0.06)
    assert pair.p == pytest.approx(wilcoxon(differences).pvalue, rel=1e-6)
    assert pair.wins == sum(d < 0 for d in differences)
    assert pair.verdict == "one is better"
    assert statistics.compare(two_models(differences), ["delta_e00"]) == [pair]


@pytest.mark.parametrize("differences", [[0.0] * 8, [1.0, -1.0] * 6, [5.0, 5.0]])
def test_nothing_is_said_where_chance_explains_it(differences):
    (pair,) = statistics.compare(two_models(differences), ["delta_e00"])
    assert pair.verdict == "no clear difference"


def test_many_pairs_are_corrected_by_holm():
    rng = np.random.default_rng(5)
    scores = [
        score(name, f"{n}.png", delta_e00=10 + shift + rng.normal())
        for name, shift in (("a", 0.0), ("b", 0.4), ("c", 0.9))
        for n in range(40)
    ]
    pairs = statistics.compare(scores, ["delta_e00"])
    ordered = sorted(pairs, key=lambda pair: pair.p)
    expected, running = [], 0.0
    for factor, pair in zip((3, 2, 1), ordered, strict=True):
        running = max(running, min(1.0, factor * pair.p))
        expected.append(running)
    assert [pair.adjusted for pair in ordered] == pytest.approx(expected)


def test_gray_takes_part_only_where_there_is_a_truth_and_the_truth_never():
    scores = [
        score(model, f"{n}.png", delta_e00=float(n), bleed=0.1 * n) for model in (GRAY, "x", TRUTH) for n in range(3)
    ]
    assert [(p.first, p.second) for p in statistics.compare(scores, ["delta_e00"])] == [(GRAY, "x")]
    assert statistics.compare(scores, ["bleed"]) == []


def test_means_skip_what_does_not_apply_and_shares_are_ratios_of_means():
    scores = [
        score("x", "1", family="b", colourfulness=10.0, truth_colourfulness=20.0, colour_share=0.5, skin_blue=0.2),
        score("x", "2", family="a", colourfulness=30.0, truth_colourfulness=20.0, colour_share=1.5),
        score("x", "3", family="b", colourfulness=2.0, truth_colourfulness=0.0, colour_share=2e6),
    ]
    rows = {row.family: row for row in statistics.by_family(scores)}
    assert list(rows) == ["a", "b", "all"]
    assert rows["b"].means["colour_share"] == 12 / 20
    assert rows["all"].means["skin_blue"] == 0.2
    assert "skin_blue" not in rows["a"].means
    assert rows["all"].photos == 3


def test_fairness_counts_groups_of_five_and_more():
    sizes = {"very light": (6, 4.0), "tan": (5, 5.0), "dark": (4, 9.0)}
    scores = [
        score("x", f"{group}{n}", group, delta_e00=value, skin_delta_e00=value / 2)
        for group, (count, value) in sizes.items()
        for n in range(count)
    ]
    rows = statistics.by_group([*scores, score("x", "street", delta_e00=50.0)])
    assert [(row.family, row.photos) for row in rows] == [("very light", 6), ("tan", 5), ("dark", 4)]
    whole, on_skin = statistics.fairness(rows)
    assert (whole.worst, whole.best, whole.ratio) == ("tan", "very light", 1.25)
    assert on_skin.ratio == 1.25
    alone = statistics.fairness(statistics.by_group([row for row in scores if row.group == "tan"]))
    assert [row.ratio for row in alone] == [None, None]


def test_the_interval_holds_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(60):
        low, high = statistics.bootstrap_interval(rng.normal(2.0, 1.0, 30))
        hits += low <= 2.0 <= high
    assert 51 <= hits <= 60


def test_edge_difference_is_that_of_the_steepest_tenth():
    lab = rgb_to_lab(smaller(photograph("china"), 128))
    assert lightness_edges(lab).mean() == pytest.approx(0.10, abs=0.005)
    blurred = lab.copy()
    blurred[:, :, 0] = cv2.GaussianBlur(np.ascontiguousarray(lab[:, :, 0]), (0, 0), 12)
    assert lightness_edges(blurred).mean() <= 0.10 + 0.005
