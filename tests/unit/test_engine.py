"""The engine: every photograph ends in one outcome, whatever it or a step does, and the same bytes come out."""

from __future__ import annotations

import hashlib
import itertools
import logging

import cv2
import numpy as np
import pytest

from restoration.damage_kinds import MASK_CODES, DamageKind, Mending
from restoration.engine import engine as engine_module
from restoration.engine.engine import Engine
from restoration.engine.outcome import Outcome, Scan
from restoration.engine.prepare import prepare_recipe, recipe_models_sha256
from restoration.engine.recipe import Recipe, parse_recipe
from restoration.errors import ModelError, OutOfMemory, PhotoFailed, PhotoRejected, PhotoState, ReasonCode
from restoration.models.files import Registry
from restoration.photo.masks import boxes_by_kind, decode_mask
from restoration.settings import Settings
from restoration.steps.parameters import Triage
from restoration.steps.protocol import BaseStep, DamageRecord, StepOutcome
from tests.unit.standins import gray, hopper, models_with, png

SETTINGS = Settings(device="cpu", threads=2, preview_side=64)


def recipe(*steps: dict, **review) -> Recipe:
    return parse_recipe({"name": "test", "steps": list(steps), "review": review}, "test")


PLAIN = recipe({"step": "measure", "long_side": 128})
FULL = recipe({"step": "triage"}, {"step": "colorize"}, {"step": "faces", "restorer": "sharpener"})


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with Engine(SETTINGS, models=models_with(tmp_path_factory.mktemp("models"))) as engine:
        yield engine


def portrait() -> bytes:
    """A face out of focus: sharp ones are left alone."""
    return png(cv2.GaussianBlur(gray(hopper()), (0, 0), 1.5))


def small(seed: int) -> bytes:
    return png(np.random.default_rng(seed).uniform(0, 1, (40, 50, 3)))


class Picky(BaseStep[Triage]):
    """Stands in for a step; fails for photographs by name, alone or in company."""

    name = "triage"

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    def apply(self, frame, parameters, models):
        return self.apply_many([frame], parameters, models)[0]

    def apply_many(self, frames, parameters, models):
        self.groups.append([frame.name for frame in frames])
        answers = []
        for frame in frames:
            if frame.name.startswith("bug"):
                raise ZeroDivisionError("half of nothing")
            if frame.name.startswith("memory") and len(frames) > 1:
                answers.append(OutOfMemory("too many at once"))
            elif frame.name.startswith("failed"):
                answers.append(PhotoFailed("could not", photo=frame.name))
            elif frame.name.startswith("refused"):
                answers.append(PhotoRejected("may not", reason=ReasonCode.TOO_SMALL))
            else:
                answers.append(StepOutcome(frame.picture, "applied"))
        return answers


@pytest.fixture
def picky(engine, monkeypatch) -> Picky:
    step = Picky()
    monkeypatch.setitem(engine._steps, "triage", step)
    return step


def outcomes(engine: Engine, chosen: Recipe, *scans: Scan) -> dict[str, Outcome]:
    answers = list(engine.restore_many(scans, engine.prepare(chosen)))
    assert [answer.name for answer in answers] == [scan.name for scan in scans]
    return {answer.name: answer for answer in answers}


def test_a_whole_recipe_on_a_real_portrait(engine):
    data = portrait()
    outcome = engine.restore(Scan("hopper.png", data), engine.prepare(FULL))
    assert outcome.state is PhotoState.RESTORED
    assert outcome.source_sha256 == hashlib.sha256(data).hexdigest()
    result = outcome.result
    assert result is not None
    assert hashlib.sha256(result.output).hexdigest() == result.output_sha256
    assert [step.step for step in result.steps] == ["triage", "colorize", "faces", "measure"]
    assert [step.ordinal for step in result.steps] == [0, 1, 2, 3]
    assert result.steps[1].model.name == "house-colorizer"
    assert result.steps[2].parameters["restorer"] == "sharpener"
    assert result.ai_altered
    assert [face.action for face in result.faces] == ["restored"]
    stages = {(m.metric, m.stage) for m in result.measurements}
    assert {("psnr", "pair"), ("sharpness", "source"), ("sharpness", "restored")} <= stages
    decoded = cv2.imdecode(np.frombuffer(result.output, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape[:2] == (result.height, result.width) == hopper().shape[:2]
    assert np.ptp(decoded.astype(int), axis=2).max() > 3
    for preview in (result.preview_before, result.preview_after):
        assert max(cv2.imdecode(np.frombuffer(preview, np.uint8), cv2.IMREAD_COLOR).shape) == 64


def test_same_bytes_alone_in_company_and_again(engine):
    scan = Scan("portrait.png", portrait())
    alone = engine.restore(scan, engine.prepare(FULL))
    company = outcomes(
        engine, FULL, Scan("a.png", small(1)), scan, Scan("bad.png", b"no image"), Scan("b.png", small(2))
    )
    again = company["portrait.png"]
    assert again.result.output_sha256 == alone.result.output_sha256
    assert again.result.preview_after == alone.result.preview_after
    assert again.result.measurements == alone.result.measurements
    assert again.result.faces == alone.result.faces


def test_unreadable_scans_are_rejected_and_the_others_go_on(engine):
    cut = small(3)[:200]
    answers = outcomes(
        engine,
        PLAIN,
        Scan("empty.png", b""),
        Scan("page.tif", b"<html></html>"),
        Scan("cut.png", cut),
        Scan("good.png", small(4)),
    )
    assert {name: answer.state for name, answer in answers.items()} == {
        "empty.png": PhotoState.REJECTED,
        "page.tif": PhotoState.REJECTED,
        "cut.png": PhotoState.REJECTED,
        "good.png": PhotoState.RESTORED,
    }
    assert answers["empty.png"].reason is ReasonCode.EMPTY_FILE
    assert answers["page.tif"].reason is ReasonCode.NOT_AN_IMAGE
    assert all(answers[name].reason_detail and answers[name].result is None for name in list(answers)[:3])


def test_a_step_that_fails_for_some_does_not_stop_the_others(engine, picky, caplog):
    names = ["fine.png", "failed.png", "bug.png", "memory.png", "refused.png", "good.png"]
    with caplog.at_level(logging.WARNING):
        answers = outcomes(engine, recipe({"step": "triage"}), *(Scan(n, small(i)) for i, n in enumerate(names)))
    states = {name: (answer.state, answer.reason) for name, answer in answers.items()}
    assert states == {
        "fine.png": (PhotoState.RESTORED, None),
        "failed.png": (PhotoState.PENDING, ReasonCode.STEP_FAILED),
        "bug.png": (PhotoState.PENDING, ReasonCode.STEP_FAILED),
        "memory.png": (PhotoState.RESTORED, None),
        "refused.png": (PhotoState.REJECTED, ReasonCode.TOO_SMALL),
        "good.png": (PhotoState.RESTORED, None),
    }
    assert answers["bug.png"].reason_detail == "step triage: ZeroDivisionError: half of nothing"
    assert answers["bug.png"].info is not None
    assert any("half of nothing" in (record.exc_text or "") for record in caplog.records)
    assert sorted(itertools.chain(*picky.groups[1:])) == sorted(names)


def test_faults_of_the_machine_and_interrupts_are_not_the_photographs(engine, monkeypatch):
    class Gone(BaseStep[Triage]):
        name = "triage"
        error: BaseException = ModelError("the disk is gone")

        def apply(self, frame, parameters, models):
            raise self.error

        def apply_many(self, frames, parameters, models):
            raise self.error

    step = Gone()
    monkeypatch.setitem(engine._steps, "triage", step)
    prepared = engine.prepare(recipe({"step": "triage"}))
    with pytest.raises(ModelError):
        engine.restore(Scan("a.png", small(1)), prepared)
    step.error = TimeoutError("soft limit")
    assert engine.restore(Scan("a.png", small(1)), prepared).state is PhotoState.PENDING
    monkeypatch.setattr(engine, "_passing", (TimeoutError,))
    with pytest.raises(TimeoutError):
        engine.restore(Scan("a.png", small(1)), prepared)


def test_a_photograph_that_cannot_be_encoded_is_a_failure(engine, monkeypatch):
    def refuse(*args, **kwargs):
        raise ValueError("no room")

    monkeypatch.setattr("restoration.photo.encode.encode_png", refuse)
    outcome = engine.restore(Scan("a.png", small(1)), engine.prepare(PLAIN))
    assert (outcome.state, outcome.reason) == (PhotoState.PENDING, ReasonCode.ENCODE_FAILED)
    assert outcome.reason_detail == "encoding: ValueError: no room"


def test_review_rules_ask_for_a_person(engine):
    strict = recipe(
        {"step": "faces", "restorer": "stranger", "identity_threshold": 1.0, "clear_from": 0.0},
        faces_left_alone_above=0,
        ssim_below=-1.0,
    )
    outcome = engine.restore(Scan("hopper.png", portrait()), engine.prepare(strict))
    assert outcome.state is PhotoState.NEEDS_REVIEW
    assert outcome.reason is ReasonCode.FACES_LEFT_ALONE
    assert outcome.result is not None


def test_a_face_that_needs_nothing_asks_for_nobody(engine):
    strict = recipe({"step": "faces", "restorer": "stranger"}, faces_left_alone_above=0, ssim_below=-1.0)
    outcome = engine.restore(Scan("hopper.png", png(gray(hopper()))), engine.prepare(strict))
    assert [face.reason for face in outcome.result.faces] == [ReasonCode.NOT_NEEDED]
    assert outcome.state is PhotoState.RESTORED


def test_nothing_is_called_altered_when_nothing_was_invented(engine):
    recorded = recipe({"step": "faces"})
    assert recorded.invents
    outcome = engine.restore(Scan("hopper.png", png(gray(hopper()))), engine.prepare(recorded))
    assert outcome.result.ai_altered is False
    assert outcome.result.faces[0].action == "recorded"


def test_identity_changes_no_pixel(engine):
    data = small(9)
    outcome = engine.restore(Scan("a.png", data), engine.prepare(PLAIN))
    before, after = (cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_COLOR) for d in (data, outcome.result.output))
    np.testing.assert_array_equal(before, after)


def test_groups_are_small_and_scans_are_read_lazily(engine, picky):
    read = 0

    def scans():
        nonlocal read
        for index in range(3 * engine_module.GROUP_PHOTOS):
            read += 1
            yield Scan(f"{index}.png", small(index))

    stream = engine.restore_many(scans(), engine.prepare(recipe({"step": "triage"})))
    next(stream)
    assert read == engine_module.GROUP_PHOTOS
    assert len(list(stream)) == 3 * engine_module.GROUP_PHOTOS - 1
    assert {len(group) for group in picky.groups} == {engine_module.GROUP_PHOTOS}


def test_large_photographs_make_small_groups(engine, picky, monkeypatch):
    monkeypatch.setattr(engine_module, "GROUP_PIXELS", 3000)
    list(
        engine.restore_many([Scan(f"{i}.png", small(i)) for i in range(4)], engine.prepare(recipe({"step": "triage"})))
    )
    assert [len(group) for group in picky.groups] == [2, 2]


def test_missing_models_are_told_before_anything_runs(engine):
    with pytest.raises(ModelError, match="no model"):
        engine.prepare(recipe({"step": "colorize", "model": "absent"}))
    needed = {"step": "faces", "restorer": "gfpgan-1.3", "restorer_required": True}
    with pytest.raises(ModelError, match=r"models pull gfpgan-1\.3"):
        engine.prepare(recipe(needed))
    prepared = engine.prepare(recipe({**needed, "restorer_required": False}))
    assert [entry.name for entry in prepared.entries] == ["centerface", "dlib-face-embedding"]


def test_models_sha256_says_what_would_be_used(tmp_path):
    registry = models_with(tmp_path).registry
    recorded, optional = recipe({"step": "faces"}), recipe({"step": "faces", "restorer": "gfpgan-1.3"})
    required = recipe({"step": "faces", "restorer": "gfpgan-1.3", "restorer_required": True})
    hashes = {recipe_models_sha256(r, registry) for r in (recorded, optional, required, PLAIN)}
    assert len(hashes) == 4
    for one in (recorded, optional, PLAIN, FULL):
        assert recipe_models_sha256(one, registry) == prepare_recipe(one, registry).models_sha256


def test_fallback_counts_only_where_the_first_restorer_is_not_here(tmp_path):
    registry = models_with(tmp_path).registry
    absent = {"step": "faces", "restorer": "gfpgan-1.3", "fallback_restorer": "sharpener"}
    present = {**absent, "restorer": "unchanged"}
    used = [[entry.name for entry in prepare_recipe(recipe(step), registry).entries] for step in (absent, present)]
    assert used == [["centerface", name, "dlib-face-embedding"] for name in ("sharpener", "unchanged")]
    for step in (absent, present):
        chosen = recipe(step)
        assert recipe_models_sha256(chosen, registry) == prepare_recipe(chosen, registry).models_sha256
        assert set(chosen.restorers) == {step["restorer"], "sharpener"}
    with pytest.raises(ModelError, match=r"models pull gfpgan-1\.3"):
        prepare_recipe(recipe({**absent, "restorer_required": True}), registry)


def test_a_restorer_that_arrives_during_a_run_waits_for_the_next_process(engine, tmp_path, monkeypatch):
    chosen = recipe({"step": "faces", "restorer": "gfpgan-1.3"})
    prepared = engine.prepare(chosen)
    monkeypatch.setattr("restoration.models.files.Registry.available", lambda self, name: True)
    outcome = engine.restore(Scan("hopper.png", png(gray(hopper()))), prepared)
    assert outcome.result.faces[0].reason is ReasonCode.RESTORER_MISSING
    assert engine.prepare(chosen).models_sha256 == prepared.models_sha256


def test_models_sha256_is_had_without_torch():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from restoration.engine.prepare import recipe_models_sha256\n"
        "from restoration.engine.recipe import load_recipe\n"
        "from restoration.models.files import Registry\n"
        "print(recipe_models_sha256(load_recipe('grade-only'), Registry.load()))\n"
        "heavy = {'torch', 'cv2', 'gfpgan', 'dlib', 'celery', 'airflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64


def test_shipped_registry_is_used_by_default():
    with Engine(SETTINGS) as engine:
        assert engine.device == "cpu"
        assert engine.device_class.startswith("cpu-")
        assert engine.prepare(PLAIN).entries == ()
        assert {e.name for e in Registry.load()} == {e.name for e in engine.models.registry}


class Mender(BaseStep[Triage]):
    """Stands in for a step that mends: a hole by a net, then, enlarged, a scratch from its surroundings."""

    name = "triage"

    def __init__(self, *, net: bool) -> None:
        self.net = net

    def apply(self, frame, parameters, models):
        height, width = frame.picture.height, frame.picture.width
        mask = np.zeros((height, width), np.uint8)
        mask[: height // 2, : width // 2] = MASK_CODES[DamageKind.HOLE]
        mask[-1] = MASK_CODES[DamageKind.STAIN]
        mending = Mending.NET if self.net else Mending.SURROUNDINGS
        found = (
            DamageRecord(DamageKind.HOLE, 0.25, 0.25, 1, mending),
            DamageRecord(DamageKind.STAIN, 0.02, 0.02, 1, Mending.TONE),
        )
        return StepOutcome(frame.picture, "applied", mask=mask, damage=found)


@pytest.mark.parametrize("net", [True, False])
def test_what_a_step_filled_is_in_the_result_and_a_nets_fill_counts_as_altered(engine, monkeypatch, net):
    monkeypatch.setitem(engine._steps, "triage", Mender(net=net))
    chosen = recipe({"step": "triage"}, {"step": "upscale", "factor": 2})
    result = outcomes(engine, chosen, Scan("a", small(1)))["a"].result
    mask = decode_mask(result.mask)
    assert mask.shape == (result.height, result.width) == (80, 100)
    assert np.unique(mask[:40, :50]).tolist() == [MASK_CODES[DamageKind.HOLE]]
    assert result.filled_share == pytest.approx(0.25)
    assert [(record.kind, record.mending) for record in result.damage][1] == ("stain", "tone")
    assert result.ai_altered is net
    assert boxes_by_kind(mask) == {DamageKind.HOLE: (0, 0, 50, 40), DamageKind.STAIN: (0, 78, 100, 2)}
    again = outcomes(engine, chosen, Scan("a", small(1)))["a"].result
    assert again.mask == result.mask


def test_nothing_filled_has_no_mask(engine):
    result = outcomes(engine, PLAIN, Scan("a", small(1)))["a"].result
    assert (result.mask, result.damage, result.filled_share) == (None, (), 0.0)


def test_tiles_are_cut_only_where_asked_for_and_shared_where_nothing_changed(tmp_path):
    models = models_with(tmp_path)
    flat = small(1)
    with Engine(SETTINGS, models=models) as plain:
        result = plain.restore(Scan("a.png", flat), plain.prepare(PLAIN)).result
        assert (result.tiles_before, result.tiles_after) == (None, None)
    with Engine(SETTINGS.model_copy(update={"tile_side": 0}), models=models, tiles=True) as switched_off:
        assert switched_off.restore(Scan("a.png", flat), switched_off.prepare(PLAIN)).result.tiles_before is None
    with Engine(SETTINGS, models=models, tiles=True) as tiling:
        same = tiling.restore(Scan("a.png", flat), tiling.prepare(PLAIN)).result
        assert same.tiles_before is same.tiles_after
        assert same.tiles_before[:2] == b"PK"
        changing = tiling.prepare(recipe({"step": "triage"}, {"step": "colorize"}))
        coloured, again = (tiling.restore(Scan("b.png", portrait()), changing).result for _ in range(2))
        assert coloured.tiles_before != coloured.tiles_after
        assert (coloured.tiles_before, coloured.tiles_after) == (again.tiles_before, again.tiles_after)
