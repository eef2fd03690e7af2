"""Damage made by code: its place is known, its truth is kept, and the same draw gives the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from restoration.damage_kinds import DamageKind
from restoration.photo.colour import luminance_y
from restoration.synthetic import clutter, damage, shapes
from restoration.synthetic.damage import KINDS, Worn, wear
from restoration.synthetic.trials import TRIALS, make_trial
from tests.unit.picture_maker import gray, photograph

SIZE = (120, 160)
FILLED = {
    "scratches": "scratch",
    "creases": "crease",
    "cracks": "crease",
    "holes": "hole",
    "tears": "hole",
    "flaking": "hole",
    "dust": "dust",
}


def plane():
    return np.ascontiguousarray(luminance_y(gray(photograph("astronaut")))[40 : 40 + SIZE[0], 120 : 120 + SIZE[1]])


def worn_by(maker, seed):
    worn = Worn.clean(plane())
    maker(worn, np.random.default_rng(seed))
    return worn


@pytest.mark.parametrize("name", sorted(FILLED))
def test_every_kind_marks_what_it_changes_and_nothing_else(name):
    number = KINDS.index(DamageKind(FILLED[name]))
    marked = 0
    for seed in range(12):
        worn = worn_by(getattr(damage, name), seed)
        assert worn.plane.shape == SIZE
        assert worn.plane.dtype == np.float32
        assert set(np.unique(worn.kinds)) <= {0, number}
        changed = np.abs(worn.plane - plane()) > 0.05
        assert not (changed & (worn.kinds == 0) & ~worn.unsure).any()
        marked += int((worn.kinds == number).sum())
    assert marked > 300


def test_stains_veil_and_never_hide():
    for seed in range(8):
        worn = worn_by(damage.stains, seed)
        stained = worn.kinds == KINDS.index(DamageKind.STAIN)
        if stained.sum() > 200:
            before, after = plane()[stained], worn.plane[stained]
            assert np.corrcoef(before, after)[0, 1] > 0.3


def test_lettering_is_its_own_kind_and_other_clutter_is_none():
    seen = set()
    for maker, _ in clutter.MAKERS:
        for seed in range(5):
            kinds = set(np.unique(worn_by(maker, seed).kinds))
            assert kinds <= {0, KINDS.index(DamageKind.WRITING)}
            seen |= {(maker.__name__, kind) for kind in kinds}
    assert ("lettering", KINDS.index(DamageKind.WRITING)) in seen
    assert not any(kind for name, kind in seen if name != "lettering")


def test_the_same_draw_gives_the_same_damage():
    first, second = worn_by(wear, 7), worn_by(wear, 7)
    assert np.array_equal(first.plane, second.plane)
    assert np.array_equal(first.kinds, second.kinds)
    assert not np.array_equal(first.plane, worn_by(wear, 8).plane)


@pytest.mark.parametrize("width", [0.5, 1.0, 3.0, 9.0])
def test_a_line_is_as_wide_as_it_is_told(width):
    path = np.array([[10.0, 30.0], [50.0, 30.0], [90.0, 30.0]])
    cover = shapes.line((60, 100), path, width)
    assert cover[:, 50].sum() == pytest.approx(width, abs=0.45)
    assert cover[:10].max() == 0


def test_missing_edges_reach_the_edge():
    for seed in range(10):
        cover = shapes.missing_edge((80, 90), 12, np.random.default_rng(seed)) > 0.5
        border = np.concatenate([cover[0], cover[-1], cover[:, 0], cover[:, -1]])
        assert border.any()
        assert not cover[30:50, 35:55].any()


@pytest.mark.parametrize("kind", sorted(TRIALS))
def test_trials_damage_only_what_their_mask_says(kind):
    truth = gray(photograph("chelsea"))
    trial = make_trial(kind, truth, 3)
    outside = ~trial.mask
    # beside a fold lies its shade, and dust has soft edges
    shade = {"crease": 0.25, "mixed": 0.25, "dust": 0.12}.get(kind, 0.05)
    assert np.abs(trial.damaged - truth)[outside].max() <= shade
    assert np.abs(trial.damaged - truth)[trial.mask].mean() > 0.05
    assert 0.0005 < trial.mask.mean() < 0.4
    again = make_trial(kind, truth, 3)
    assert np.array_equal(again.damaged, trial.damaged)
    assert not np.array_equal(make_trial(kind, truth, 4).mask, trial.mask)
