"""16 bits in, 16 bits out: no step puts a picture through fewer levels, and depth changes nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.engine.engine import Engine
from restoration.engine.outcome import Scan
from restoration.engine.recipe import load_recipe, recipe_names
from restoration.photo.colour import lightness
from restoration.photo.equalise import equalised
from restoration.settings import Settings
from restoration.steps import grade, repair
from restoration.steps.parameters import Grade, Repair
from restoration.steps.protocol import Frame
from tests.unit.picture_maker import gray, photograph, picture, smaller

SETTINGS = Settings(device="cpu", threads=2, preview_side=64)
ENOUGH = 4096


def ramp(side: int = 320) -> np.ndarray:
    """A smooth sky: every pixel another tone, H x W, 0.2 to 0.8."""
    down, across = np.mgrid[:side, :side] / (side - 1)
    return 0.2 + 0.55 * across + 0.0513 * down


def levels(plane: np.ndarray) -> int:
    return len(np.unique(np.rint(plane * 65535)))


def stored(pixels: np.ndarray) -> bytes:
    """A 16-bit PNG of [0, 1]: gray of H x W, RGB of H x W x 3."""
    whole = np.rint(pixels * 65535).astype(np.uint16)
    return cv2.imencode(".png", whole if whole.ndim == 2 else whole[:, :, ::-1])[1].tobytes()


def read(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def on_grid(pixels: np.ndarray, bits: int) -> np.ndarray:
    most = np.float32(2**bits - 1)
    return (np.rint(pixels * most) / most).astype(np.float32)


@pytest.fixture(scope="module")
def engine():
    with Engine(SETTINGS) as engine:
        yield engine


SCANS = {
    "gray": ramp(),
    "rgb": np.stack([ramp(), ramp() * 0.9 + 0.03, ramp() * 0.8 + 0.05], axis=2),
    "colours": np.stack([ramp(), ramp().T, ramp()[:, ::-1]], axis=2),
}


@pytest.mark.parametrize("kind", SCANS)
def test_a_ramp_keeps_its_levels_through_grade_only(engine, kind):
    result = engine.restore(Scan(kind, stored(SCANS[kind])), engine.prepare(load_recipe("grade-only"))).result
    out = read(result.output)
    assert result.bits == 16
    assert out.dtype == np.uint16
    planes = out if out.ndim == 3 else out[:, :, None]
    assert min(len(np.unique(planes[:, :, c])) for c in range(planes.shape[2])) > ENOUGH
    assert any(step.step == "grade" and step.status == "applied" for step in result.steps)


@pytest.mark.parametrize("name", [n for n in recipe_names() if n not in {"grade-only", "memorial-portrait-full"}])
def test_every_recipe_keeps_sixteen_bits(engine, name):
    result = engine.restore(Scan("sky", stored(SCANS["gray"])), engine.prepare(load_recipe(name))).result
    out = read(result.output)
    assert out.dtype == np.uint16
    assert len(np.unique(out if out.ndim == 2 else out[:, :, 1])) > ENOUGH


def test_filling_a_scratch_leaves_all_else_to_the_last_bit():
    photo = on_grid(gray(photograph("chelsea")) * np.float32(0.6) + np.float32(0.1234), 16)
    marked = photo.copy()
    cv2.line(marked, (40, 30), (400, 260), (0.97, 0.97, 0.97), 3)
    marked = on_grid(marked, 16)
    one = picture(marked, bits=16)
    classic = Repair(finder="", inpainter="", detector="", denoise=0.0)
    outcome = repair.Step().apply(Frame("x", one, one), classic, None)
    assert outcome.mask is not None
    assert np.array_equal(outcome.picture.pixels[outcome.mask == 0], marked[outcome.mask == 0])


# -- local contrast --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", [256, 512, 1024])
def test_depth_changes_no_contrast(side):
    photo = gray(smaller(photograph("coffee"), 600)) * np.float32(0.7) + np.float32(0.15)
    photo = np.clip(cv2.resize(photo, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
    graded = []
    for bits in (8, 16):
        one = picture(on_grid(photo, bits), bits=bits)
        graded.append(grade.Step().apply(Frame("x", one, one), Grade(), None).picture.pixels)
    assert 255 * np.abs(graded[0] - graded[1]).mean() < 0.5


def test_size_changes_no_contrast():
    photo = gray(smaller(photograph("coffee"), 1200)) * np.float32(0.7) + np.float32(0.15)
    means = []
    for side in (300, 600, 1200):
        plane = lightness(on_grid(smaller(photo, side), 8))
        means.append(float(equalised(plane, most=100.0, tiles=8, limit=2.0).mean()))
    assert np.ptp(means) < 0.5


def test_tones_never_fall_together():
    sky = (ramp() * 100).astype(np.float32)
    after = equalised(sky, most=100.0, tiles=8, limit=2.0)
    assert levels(after / 100) > 0.85 * levels(sky / 100)
    flat = np.tile(np.linspace(0, 100, 4001, dtype=np.float32), (4, 1))
    one_curve = equalised(flat, most=100.0, tiles=1, limit=2.0)
    assert (np.diff(one_curve, axis=1) > 0).all()
    assert one_curve.min() == 0
    assert one_curve.max() == pytest.approx(100, abs=1e-3)


def test_contrast_is_raised_no_further_than_the_limit():
    narrow = np.full((64, 64), 40, np.float32) + np.random.default_rng(0).uniform(0, 3, (64, 64)).astype(np.float32)
    after = equalised(narrow, most=100.0, tiles=8, limit=2.0)
    assert np.ptp(after) < 3.5 * np.ptp(narrow)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (7, 9), (20, 600)])
def test_any_shape_is_equalised(shape):
    plane = np.random.default_rng(1).uniform(0, 100, shape).astype(np.float32)
    after = equalised(plane, most=100.0, tiles=8, limit=2.0)
    assert after.shape == shape
    assert after.dtype == np.float32
    assert ((after >= 0) & (after <= 100.001)).all()
