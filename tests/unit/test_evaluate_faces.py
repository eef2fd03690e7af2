"""``restoration evaluate --task restore-face``: faces, figures, marks, report and refusals, on real faces."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from restoration.cli import app
from restoration.errors import ModelError, ReasonCode, UsageError
from restoration.evaluate import face_files, face_report, html, perceptual, statistics
from restoration.evaluate.face_page import page
from restoration.evaluate.face_scoring import FaceScore, FaceScorer
from restoration.evaluate.faces import FaceRequest, FaceRun, evaluate
from restoration.evaluate.figures import FACE_FIGURES
from restoration.evaluate.marks import marks
from restoration.evaluate.portraits import SMALLEST_SIDE, Face, FaceReader
from restoration.evaluate.restorers import enlarged, reduced, restorer, side_of
from restoration.models.loading import LoadedModels
from restoration.models.nets import gfpgan, house_restorer
from restoration.models.registry import SizeRules
from restoration.photo.colour import luminance_y
from restoration.quality import metrics
from restoration.quality.faces import cosine
from restoration.settings import get_settings
from restoration.train import faces as training
from tests.unit.picture_maker import photograph, smaller
from tests.unit.standins import (
    Broken,
    Sharpener,
    Stranger,
    Unchanged,
    astronaut,
    entry_text,
    gray,
    hopper,
    registry_with,
)
from tests.unit.test_evaluate import Page, saved

NAVY, NASA = "navy_hopper.png", "nasa_collins.png"


def large(name: str, file: Path) -> str:
    return entry_text(name, name.split("-")[0], "restore-face", file, fields="size = { fixed = [512, 512] }")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> LoadedModels:
    folder = tmp_path_factory.mktemp("models")
    one = folder / "one.safetensors"
    save_file({"amount": torch.tensor(1.0)}, one)
    extra = "".join(large(name, one) for name in ("unchanged-512", "stranger-512"))
    torch.manual_seed(5)
    narrow = folder / "narrow.safetensors"
    net = gfpgan.build(out_size=256, narrow=0.0625)
    save_file({key: value.contiguous() for key, value in net.state_dict().items()}, narrow)
    options, size = "out_size = 256\nnarrow = 0.0625", "size = { fixed = [256, 256] }"
    extra += entry_text("gfpgan-narrow", "gfpgan-clean", "restore-face", narrow, options, size)
    extra += entry_text("wide", "unchanged", "restore-face", one, fields="size = { fixed = [256, 512] }")
    builders = {"sharpener": Sharpener, "unchanged": Unchanged, "stranger": Stranger, "broken": Broken}
    return LoadedModels(registry_with(folder, extra), device="cpu", threads=1, builders=builders)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    saved(folder / NAVY, hopper())
    saved(folder / NASA, astronaut())
    saved(folder / "thing_coffee.png", photograph("coffee"))
    saved(folder / "small_hopper.png", smaller(hopper(), SMALLEST_SIDE - 1))
    return folder


@pytest.fixture(scope="module")
def done(photos, models) -> FaceRun:
    names = ("sharpener", "unchanged", "unchanged-512", "stranger-512", "gfpgan-narrow")
    run = FaceRun(FaceRequest(photos, names, pictures=True), models)
    ticks: list[int] = []
    list(run.scores(lambda: ticks.append(1)))
    assert len(ticks) == 4
    return run


@pytest.fixture(scope="module")
def result(done):
    return done.result()


@pytest.fixture(scope="module")
def old(tmp_path_factory, models):
    """A group of four, one face far too small, and a photograph without faces."""
    folder = tmp_path_factory.mktemp("old")
    one, other = (cv2.resize(gray(pixels), (300, 360)) for pixels in (astronaut(), hopper()))
    saved(folder / "album_group.png", np.vstack([np.hstack([one, other]), np.hstack([other, one])]))
    saved(folder / "album_tiny.png", smaller(gray(hopper()), 60))
    saved(folder / "album_thing.png", smaller(gray(photograph("coffee")), 200))
    run = FaceRun(FaceRequest(folder, ("sharpener", "unchanged"), with_reference=False, pictures=True), models)
    list(run.scores())
    return run


def values(evaluation, model: str, subject: str) -> dict[str, float]:
    return dict(next(s.values for s in evaluation.scores if (s.model, s.subject) == (model, subject)))


def face_in(folder: Path, models, name: str, seed: int = 1) -> Face:
    with FaceReader(folder, models, seed, True) as reader:
        (found,) = reader.read(name)
    assert isinstance(found, Face)
    return found


# -- faces ------------------------------------------------------------------------------------------------------------
def test_truths_are_the_faces_that_the_house_restorer_learns_from(photos, models):
    """The same rule and the same pixels as in training, which lives beside the evaluation and not below it."""
    assert training.SMALLEST_SIDE == SMALLEST_SIDE
    for name in (NAVY, NASA):
        rgb = np.ascontiguousarray(cv2.imread(str(photos / name))[:, :, ::-1])
        expected = training.align(rgb, models.load("centerface"))
        found = face_in(photos, models, name).truth
        np.testing.assert_array_equal(np.rint(found * 255), expected)


def test_landmarks_lie_where_the_aligned_face_has_them(photos, models):
    face = face_in(photos, models, NAVY)
    template = np.array([(192.98, 239.95), (318.90, 240.19), (256.63, 314.02), (201.26, 371.41), (313.09, 371.15)]) / 2
    assert np.abs(face.landmarks - template).max() < 12
    luma = luminance_y(face.truth)
    for x, y in np.rint(face.landmarks[:2]).astype(int):
        assert luma[y - 3 : y + 4, x - 5 : x + 6].min() < 0.5 * luma[y + 20 : y + 30, x - 5 : x + 6].mean()  # a pupil


def test_a_face_is_degraded_by_seed_and_content_alone(photos, models, tmp_path):
    first = face_in(photos, models, NAVY)
    assert np.abs(first.given - first.truth).mean() > 0.01
    shutil.copy(photos / NAVY, tmp_path / "another_name.png")
    again = face_in(tmp_path, models, "another_name.png")
    np.testing.assert_array_equal(first.given, again.given)
    assert not np.array_equal(first.given, face_in(photos, models, NAVY, seed=2).given)
    saved(tmp_path / "brighter.png", np.clip(hopper() * 1.01, 0, 1))
    assert not np.allclose(first.given, face_in(tmp_path, models, "brighter.png").given, atol=0.02)


def test_scores_depend_on_neither_order_nor_company(photos, models, result, tmp_path):
    shutil.copy(photos / NAVY, tmp_path / "zz_last.png")
    saved(tmp_path / "aa_first.png", np.ascontiguousarray(astronaut()[:, ::-1]))
    moved = evaluate(FaceRequest(tmp_path, ("gfpgan-narrow", "sharpener")), models)
    for model in ("degraded", "sharpener", "gfpgan-narrow"):
        assert values(moved, model, "zz_last.png") == pytest.approx(values(result, model, NAVY), rel=1e-6)


def test_what_is_no_portrait_is_left_out_and_named(result):
    assert [member.subject for member in result.members] == [NASA, NAVY]
    found = {problem.name: problem for problem in result.problems}
    assert found["thing_coffee.png"].reason is ReasonCode.NO_FACES
    assert found["small_hopper.png"].reason is ReasonCode.TOO_SMALL
    assert "less than 224 pixels" in found["small_hopper.png"].message
    assert not result.failed


def test_an_unreadable_photograph_is_a_failure(tmp_path, models):
    saved(tmp_path / "a.png", hopper())
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"nothing" * 40)
    evaluation = evaluate(FaceRequest(tmp_path, ("degraded",)), models)
    assert evaluation.failed
    assert [problem.name for problem in evaluation.problems] == ["b.jpg"]
    (tmp_path / "a.png").unlink()
    with pytest.raises(UsageError, match=r"none of the 1 photographs .* b\.jpg"):
        evaluate(FaceRequest(tmp_path, ("degraded",)), models)


# -- restorers --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("factor", [2, 4])
def test_the_way_to_a_larger_net_and_back_changes_nothing(factor):
    face = np.random.default_rng(1).random((64, 64, 3), np.float32)
    big = enlarged(face, factor)
    assert big.shape == (64 * factor, 64 * factor, 3)
    np.testing.assert_allclose(reduced(big, 64), face, atol=1e-6)
    assert np.abs(np.diff(big, axis=0)).mean() < 0.7 * np.abs(np.diff(face, axis=0)).mean()  # not merely repeated


@pytest.mark.parametrize("name", ["unchanged", "unchanged-512"])
def test_a_net_that_changes_nothing_scores_as_doing_nothing_and_does_no_harm(result, name):
    for subject in (NAVY, NASA):
        mine, nothing = values(result, name, subject), values(result, "degraded", subject)
        assert mine["clean_ssim_y"] == pytest.approx(1, abs=1e-4)
        assert mine["clean_identity"] == pytest.approx(1, abs=1e-3)
        assert mine["psnr"] == pytest.approx(nothing["psnr"], abs=0.01)
        assert mine["identity"] == pytest.approx(nothing["identity"], abs=0.01)


def test_a_net_sees_faces_at_its_own_size_in_its_own_range(models, monkeypatch):
    seen = []
    genuine = Unchanged.forward

    def watched(self, faces):
        seen.append((tuple(faces.shape), float(faces.min()), float(faces.max())))
        return genuine(self, faces)

    monkeypatch.setattr(Unchanged, "forward", watched)
    face = np.linspace(0, 1, 256 * 256 * 3, dtype=np.float32).reshape(256, 256, 3)
    for name in ("unchanged", "unchanged-512"):
        (answer,) = restorer(name, models).restore([face])
        np.testing.assert_allclose(answer, face, atol=2e-3)
    assert [shape for shape, _, _ in seen] == [(1, 3, 256, 256), (1, 3, 512, 512)]
    assert all(low == pytest.approx(-1, abs=0.01) and high == pytest.approx(1, abs=0.01) for _, low, high in seen)


def test_a_training_run_can_be_looked_at_before_it_is_registered(tmp_path, models):
    """Widths and depths come from the file, in half precision as runs write them."""
    torch.manual_seed(3)
    net = house_restorer.build((8, 8, 16, 16, 24), (1, 0, 2, 1, 1), (1, 0, 1, 1)).eval()
    torch.nn.init.normal_(net.head.weight, std=0.02)
    file = tmp_path / "run7" / "weights.safetensors"
    file.parent.mkdir()
    save_file({key: value.half().contiguous() for key, value in net.state_dict().items()}, file)
    one = restorer(f"file:{file}", models)
    assert (one.name, one.version, one.facts()["side"]) == ("file:run7/weights.safetensors", "", 256)
    assert str(tmp_path) not in json.dumps(one.facts())
    face = smaller(hopper(), 256)[:256, :192].repeat(2, axis=1)[:, :256].copy()
    (answer,) = one.restore([cv2.resize(face, (256, 256))])
    with torch.inference_mode():
        given = torch.from_numpy(cv2.resize(face, (256, 256)).transpose(2, 0, 1))[None] * 2 - 1
        expected = ((net.half().float()(given)[0] + 1) / 2).clamp(0, 1).numpy().transpose(1, 2, 0)
    assert np.abs(answer - cv2.resize(face, (256, 256))).mean() > 1e-3
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_files_that_are_no_restorer_are_refused(tmp_path, photos, models):
    with pytest.raises(UsageError, match="no weight file"):
        restorer(f"file:{tmp_path / 'none.safetensors'}", models)
    other = tmp_path / "other.safetensors"
    save_file({"amount": torch.tensor(1.0)}, other)
    with pytest.raises(ModelError, match="amount") as raised:
        restorer(f"file:{other}", models)
    assert raised.value.reason is ReasonCode.MODEL_CORRUPT
    for folder in ("a/run", "b/run"):
        (tmp_path / folder).mkdir(parents=True)
        save_file(house_restorer.build((8, 8, 8, 8, 8)).state_dict(), tmp_path / folder / "w.safetensors")
    twice = tuple(f"file:{tmp_path / folder / 'w.safetensors'}" for folder in ("a/run", "b/run"))
    with pytest.raises(UsageError, match=r"both be called file:run/w\.safetensors"):
        FaceRun(FaceRequest(photos, twice), models)


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (("nobody",), ModelError, "there is no model 'nobody'"),
        (("house-colorizer",), ModelError, "no face restorer"),
        (("gfpgan-1.4",), ModelError, "is not on this machine"),
        (("wide",), ModelError, "does not take square faces of 256 pixels"),
        (("sharpener", ""), UsageError, "empty name"),
    ],
)
def test_models_are_checked_before_the_first_photograph(photos, models, names, error, words):
    with pytest.raises(error, match=words):
        FaceRun(FaceRequest(photos, names), models)


def test_sizes_that_faces_can_be_brought_to(models):
    entry = models.entry("unchanged")
    assert side_of(replace(entry, size=SizeRules(multiple_of=32, minimum=64))) == 256
    assert side_of(replace(entry, size=SizeRules(fixed=(1024, 1024)))) == 1024
    for rules in (SizeRules(fixed=(128, 128)), SizeRules(fixed=(300, 300)), SizeRules(minimum=300)):
        with pytest.raises(ModelError, match="does not take square faces"):
            side_of(replace(entry, size=rules))


def test_a_face_that_one_net_fails_on_is_left_out_for_all(photos, models, tmp_path):
    shutil.copy(photos / NAVY, tmp_path / NAVY)
    saved(tmp_path / "dark_hopper.png", hopper() * 0.06)
    evaluation = evaluate(FaceRequest(tmp_path, ("broken", "unchanged"), with_reference=False), models)
    assert {score.subject for score in evaluation.scores} == {f"{NAVY}#1"}
    (problem,) = [problem for problem in evaluation.problems if not problem.skipped]
    assert problem.name == "dark_hopper.png#1"
    assert problem.message == "broken fails on it: broken gave values that are no numbers"


# -- figures ----------------------------------------------------------------------------------------------------------
def test_a_face_equal_to_the_truth_is_perfect(photos, models):
    face = face_in(photos, models, NAVY)
    scorer = FaceScorer(models.load("dlib-face-embedding"), perceptual.load())
    found = scorer.score(face, "knowing", face.truth, face.truth).values
    assert (found["psnr"], found["psnr_y"], found["st_lpips"]) == (100, 100, 0)
    perfect = ("ssim_y", "identity", "sharpness_share", "clean_ssim_y", "clean_identity")
    assert [found[name] for name in perfect] == pytest.approx([1] * len(perfect))


def test_figures_are_what_their_names_say(photos, models):
    face = face_in(photos, models, NAVY)
    embed, net = models.load("dlib-face-embedding"), perceptual.load()
    made = np.clip(cv2.GaussianBlur(face.truth, (0, 0), 2.0) + np.float32(0.02), 0, 1)
    found = FaceScorer(embed, net).score(face, "m", made).values

    def luma(pixels):
        return pixels @ np.array([0.299, 0.587, 0.114])

    def who(pixels):
        return embed(np.rint(luma(pixels) * 255).astype(np.uint8), face.landmarks)

    assert found["psnr"] == pytest.approx(-10 * np.log10(np.mean((face.truth.astype(float) - made) ** 2)), abs=1e-6)
    assert found["psnr_y"] == pytest.approx(-10 * np.log10(np.mean((luma(face.truth) - luma(made)) ** 2)), abs=1e-3)
    assert found["ssim_y"] == metrics.ssim_y(face.truth, made)
    assert found["identity"] == pytest.approx(cosine(who(face.truth), who(made)), abs=0.02)
    assert found["st_lpips"] == pytest.approx(net.distance(net.features(face.truth), net.features(made)), rel=1e-5)
    assert found["sharpness_share"] == metrics.sharpness(made) / metrics.sharpness(face.truth)
    assert found["sharpness_share"] < 0.5
    assert "clean_ssim_y" not in found


def test_a_stranger_is_known_by_identity_and_by_harm(result):
    for subject in (NAVY, NASA):
        stranger, nothing = values(result, "stranger-512", subject), values(result, "degraded", subject)
        assert stranger["identity"] < 0.6
        assert stranger["identity"] < nothing["identity"] + 0.2
        assert stranger["clean_ssim_y"] < 0.7
        assert stranger["psnr"] < nothing["psnr"]


def test_all_figures_are_given_within_their_ranges(result, old):
    seen = set()
    for score in (*result.scores, *old.result().scores):
        for name, value in score.values.items():
            figure = FACE_FIGURES[name]
            assert figure.low - 1e-6 <= value <= figure.high + 1e-6, (name, score)
            seen.add(name)
    assert seen == set(FACE_FIGURES)


def made_up(model: str, subject: str, **figures: float) -> FaceScore:
    return FaceScore(model, subject, "0" * 64, subject.split("_")[0], "", figures)


def test_marks_are_changes_against_doing_nothing():
    rng = np.random.default_rng(2)
    scores = []
    for number in range(30):
        base = {"st_lpips": 0.4 + rng.normal(0, 0.01), "psnr": 22 + rng.normal(), "identity": 0.5, "ssim_y": 0.6}
        good = {"st_lpips": base["st_lpips"] - 0.12, "psnr": base["psnr"] + 0.8, "identity": 0.6, "clean_ssim_y": 0.992}
        poor = {"st_lpips": base["st_lpips"] - 0.04, "psnr": base["psnr"] + 0.4, "identity": 0.5, "clean_ssim_y": 0.97}
        for model, figures in (("degraded", base), ("good", good), ("poor", poor)):
            scores.append(made_up(model, f"a_{number}", **figures))
    found = {(m.model, m.name): m for m in marks(scores, statistics.compare(scores, ("st_lpips", "psnr", "identity")))}
    mean = np.mean([score.values["st_lpips"] for score in scores if score.model == "degraded"])
    change = found["good", "st_lpips_change"]
    assert change.value == pytest.approx(-0.12 / mean * 100)
    assert change.interval == pytest.approx((change.value, change.value), abs=1e-6)
    assert (change.reached, change.aim_reached) == (True, False)
    assert found["good", "psnr_gain"].value == pytest.approx(0.8)
    assert (found["good", "psnr_gain"].reached, found["good", "psnr_gain"].aim_reached) == (True, False)
    assert found["good", "identity_gain"].value == pytest.approx(0.1)
    assert [m.reached for m in found.values() if m.model == "good"] == [True] * 4
    assert [m.reached for m in found.values() if m.model == "poor"] == [False] * 4
    assert {model for model, _ in found} == {"good", "poor"}


def test_spreads_are_percentiles_by_family_and_over_all():
    scores = [
        made_up("m", f"{family}_{n}", psnr=n + shift) for family, shift in (("a", 0), ("b", 100)) for n in range(21)
    ]
    found = {spread.family: spread for spread in statistics.spreads(scores)}
    assert (found["a"].p5, found["a"].median, found["a"].p95, found["a"].count) == (1, 10, 19, 21)
    assert found["b"].mean == 110
    assert (found["all"].count, found["all"].median) == (42, 60)


def test_every_model_is_tested_against_doing_nothing(result):
    firsts = {(pair.first, pair.second) for pair in result.pairs if pair.metric == "psnr"}
    assert {("degraded", one.name) for one in result.models} <= firsts


# -- real old photographs ---------------------------------------------------------------------------------------------
def test_every_face_of_an_old_photograph_is_restored_and_held_against_itself(old):
    evaluation = old.result()
    assert [m.subject for m in evaluation.members] == [f"album_group.png#{n}" for n in (1, 2, 3, 4)]
    assert {score.model for score in evaluation.scores} == {"given", "sharpener", "unchanged"}
    for member in evaluation.members:
        same, sharper = (values(evaluation, model, member.subject) for model in ("unchanged", "sharpener"))
        assert same["given_identity"] == pytest.approx(1)
        assert same["sharpness_gain"] == pytest.approx(1)
        assert sharper["sharpness_gain"] > 1.2
        assert sharper["given_identity"] > 0.6
        assert not {name for name, figure in FACE_FIGURES.items() if figure.needs_truth} & sharper.keys()
    assert evaluation.marks == []
    reasons = {problem.name: problem.reason for problem in evaluation.problems}
    assert reasons == {"album_thing.png": ReasonCode.NO_FACES, "album_tiny.png": ReasonCode.FACE_TOO_SMALL}
    assert not evaluation.failed
    assert [(pair.first, pair.second, pair.photos) for pair in evaluation.pairs] == [("sharpener", "unchanged", 4)]


def test_a_photograph_on_its_side_gives_the_same_face_upright(tmp_path, models):
    upright, turned = tmp_path / "upright", tmp_path / "turned"
    saved(upright / "a.png", gray(hopper()))
    saved(turned / "a.png", np.ascontiguousarray(np.rot90(gray(hopper()))))
    faces = []
    for folder in (upright, turned):
        with FaceReader(folder, models, 1, False) as reader:
            faces += [answer for answer in reader.read("a.png") if isinstance(answer, Face)]
    assert len(faces) == 2
    assert np.abs(faces[0].landmarks - faces[1].landmarks).max() < 8
    embed = models.load("dlib-face-embedding")
    luma = [np.rint(luminance_y(face.given) * 255).astype(np.uint8) for face in faces]
    assert cosine(*(embed(one, face.landmarks) for one, face in zip(luma, faces, strict=True))) > 0.8


def test_without_a_reference_a_restorer_must_be_named(photos, models):
    with pytest.raises(UsageError, match="names no restorer"):
        FaceRun(FaceRequest(photos, ("degraded",), with_reference=False), models)


# -- the report -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folder(done, result, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("report") / "out"
    face_report.write_face_report(done, result, target)
    return target


def test_the_report_shows_the_worst_first_and_needs_no_network(folder, result):
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "http" not in text
    assert "<script" not in text
    found = Page(text)
    sources = [image["src"] for image in found.all("img")]
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert written == {"report.html", "scores.csv", "summary.json", *sources}
    assert all(image["alt"] for image in found.all("img"))
    assert len(found.all("caption")) == len(found.all("table"))
    shown = list(face_report.cases(result))
    worst = min((NAVY, NASA), key=lambda subject: values(result, "sharpener", subject)["identity"])
    assert shown[0] == ("Worst identity of sharpener", worst)
    far = max((NAVY, NASA), key=lambda subject: values(result, "sharpener", subject)["st_lpips"])
    assert shown[2] == ("Worst ST-LPIPS of sharpener", far)
    for words in ("What is asked of a restorer", "at most -25 %", "stranger-512", "without the gate"):
        assert words in found.text


def test_a_strip_holds_given_restored_and_true_face_beside_each_other(folder, done, photos, models):
    strip = done.strips[NAVY]
    sheet = cv2.imdecode(np.frombuffer(strip.data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert sheet.shape[:2] == (strip.height, strip.width)
    face = face_in(photos, models, NAVY)
    for place, picture in ((0, face.given), (-1, face.truth)):
        tile = sheet[-256:, :256] if place == 0 else sheet[-256:, -256:]
        assert np.abs(tile / 255 - picture).mean() < 0.02
    assert strip.width == 7 * 256 + 6 * 6


def test_files_hold_what_was_measured(result, folder):
    rows = list(csv.DictReader((folder / "scores.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 2 * 6
    row = next(row for row in rows if (row["photo"], row["model"]) == (NAVY, "sharpener"))
    assert float(row["identity"]) == pytest.approx(values(result, "sharpener", NAVY)["identity"], rel=1e-8)
    known = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert (known["task"], known["faces"], known["seed"], known["side"]) == ("restore-face", 2, 1, 256)
    assert {mark["name"] for mark in known["marks"]} == {
        "st_lpips_change",
        "psnr_gain",
        "identity_gain",
        "clean_ssim_y",
    }
    spread = {(s["model"], s["family"], s["metric"]): s for s in known["distributions"]}
    both = [values(result, "sharpener", subject)["psnr"] for subject in (NAVY, NASA)]
    assert spread["sharpener", "all", "psnr"]["median"] == pytest.approx(np.median(both), rel=1e-6)
    assert {row["family"] for row in known["families"]} == {"navy", "nasa"}


def test_the_same_evaluation_gives_the_same_bytes(done, result, folder, tmp_path):
    face_report.write_face_report(done, result, tmp_path / "again")
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(folder)).read_bytes(), path.name


def test_old_faces_are_all_shown_and_names_are_text(old, tmp_path):
    evaluation = old.result()
    page_at = face_report.write_face_report(old, evaluation, tmp_path / "out")
    found = Page(page_at.read_text(encoding="utf-8"))
    strips = [image for image in found.all("img") if image["src"].startswith("pictures/")]
    assert len(strips) == 4
    assert all("given, sharpener, unchanged" in image["alt"] for image in strips)
    assert "What is asked of a restorer" not in found.text
    evil = replace(evaluation, request=replace(evaluation.request, data_set="<b>&\"'"))
    assert not Page(page(evil, {}, []).decode()).all("b")
    rows = list(csv.DictReader(face_files.scores_csv(evaluation).decode().splitlines()))
    assert [row["face"] for row in rows if row["model"] == "given"] == ["1", "2", "3", "4"]
    assert set(rows[0]) == {*face_files.WHO, "given_identity", "given_ssim_y", "sharpness_gain"}


def test_tables_without_pairs_say_so():
    assert "too few faces" in html.pairs_table([], "faces")


# -- the command ------------------------------------------------------------------------------------------------------
@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.setenv("RESTORATION_DEVICE", "cpu")
    monkeypatch.setenv("RESTORATION_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    torch.manual_seed(3)
    (tmp_path / "run").mkdir()
    weights = tmp_path / "run" / "w.safetensors"
    save_file(house_restorer.build((8, 8, 8, 8, 8)).state_dict(), weights)

    def run(*words: object, task: str = "restore-face"):
        words = tuple(weights if word == "WEIGHTS" else word for word in words)
        words = tuple(f"file:{weights}" if word == "FILE" else word for word in words)
        return CliRunner().invoke(app, ["evaluate", "--task", task, *map(str, words)])

    yield run
    get_settings.cache_clear()


def test_the_command_prints_means_tests_and_marks_and_writes_the_report(photos, command, tmp_path):
    answer = command("--photos", photos, "--models", "FILE", "--seed", 3, "--out", tmp_path / "out")
    assert answer.exit_code == 0, answer.output
    for words in (
        "By family",
        "file:run/w.safetensors",
        "Model against model",
        "PSNR against degraded, dB: ",
        "0.000 (",
        "at least +0.5 dB: NOT reached",
        "at least 0.99: reached",
    ):
        assert words in answer.stdout
    assert "left out thing_coffee.png [no_faces]" in answer.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["seed"] == 3
    assert (tmp_path / "out" / "report.html").is_file()


def test_json_is_one_object_a_face_and_model(photos, command):
    answer = command("--photos", photos, "--models", "FILE", "--json")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(line["model"], line["photo"], line["face"]) for line in lines] == [
        (model, photo, 0) for photo in (NASA, NAVY) for model in ("degraded", "file:run/w.safetensors")
    ]
    assert {"sha256", "family", "psnr", "identity", "clean_ssim_y"} <= lines[1].keys()


@pytest.mark.parametrize(
    ("task", "words", "told"),
    [
        ("paint", [], "--task is 'paint'; it may be colorize or restore-face"),
        ("colorize", ["--seed", 3], "--seed goes with --task restore-face or repair only"),
        ("restore-face", ["--long-side", 128], "--long-side goes with --task colorize only"),
        ("restore-face", ["--fid", "x.pt"], "--fid goes with --task colorize only"),
        ("restore-face", ["--fid-minimum", 9], "--fid-minimum goes with --task colorize only"),
        ("restore-face", ["--seed", 3, "--no-reference"], "nothing is degraded"),
        ("restore-face", ["--seed", -1, "--models", "degraded"], "the seed is -1"),
        ("restore-face", ["--models", "WEIGHTS"], "there is no model"),
        ("restore-face", ["--models", "recipe:archive"], "recipes are compared with --task colorize"),
        ("colorize", ["--models", "FILE"], "weight files are compared with --task restore-face"),
    ],
)
def test_options_that_mean_nothing_for_a_task_are_refused(photos, command, task, words, told):
    answer = command("--photos", photos, *words, task=task)
    assert isinstance(answer.exception, ModelError if "no model" in told else UsageError)
    assert told in str(answer.exception)
    assert answer.stdout == ""
