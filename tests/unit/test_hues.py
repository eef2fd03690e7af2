"""Hues found, greens, blues, warmth and the orange wash, on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration.quality.hues import hues_found, orange_share, warmth


def flat(hue: float, chroma: float, shape=(20, 20)) -> np.ndarray:
    lab = np.full((*shape, 3), 60.0, np.float32)
    lab[:, :, 1] = chroma * np.cos(np.radians(hue))
    lab[:, :, 2] = chroma * np.sin(np.radians(hue))
    return lab


@given(hue=st.floats(-180, 180), turn=st.floats(-180, 180), chroma=st.floats(20, 90), share=st.floats(0.05, 1.5))
def test_a_hue_is_found_if_it_is_near_and_not_pale(hue, turn, chroma, share):
    if abs(abs(turn) - 45) < 0.5 or abs(share - 1 / 3) < 0.01:
        return
    found = hues_found(flat(hue, chroma), flat(hue + turn, chroma * share)).all
    assert found == float(abs(turn) < 45 and share > 1 / 3)


def test_gray_truth_has_no_hue_to_be_found():
    answer = hues_found(flat(120, 5), flat(120, 40))
    assert (answer.all, answer.greens, answer.blues) == (None, None, None)


def test_grass_and_sky_count_for_themselves():
    truth = np.concatenate([flat(125, 40), flat(-100, 30), flat(40, 40)])
    painted = np.concatenate([flat(110, 30), flat(60, 30), flat(45, 30)])
    found = hues_found(truth, painted)
    assert found.greens == 1.0
    assert found.blues == 0.0
    assert found.all == pytest.approx(2 / 3)
    few = np.concatenate([flat(40, 40), flat(125, 40, (5, 20))])
    assert hues_found(few, few).greens is None


def test_warmth_is_the_mean_difference_of_b():
    assert warmth(flat(90, 10), flat(90, 16)) == pytest.approx(6, abs=1e-4)
    assert warmth(flat(90, 10), flat(-90, 10)) == pytest.approx(-20, abs=1e-4)


def test_one_wash_is_told_from_a_picture_with_colours():
    assert orange_share(flat(70, 20)) == pytest.approx(1)
    assert orange_share(np.concatenate([flat(60, 20), flat(130, 20)])) == pytest.approx(0.5)
    assert orange_share(flat(60, 0.5)) is None
