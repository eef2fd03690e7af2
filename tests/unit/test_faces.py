"""The faces step on real faces: every one recorded, restored ones gated by identity, the same bytes every time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.errors import ReasonCode
from restoration.models.loading import LoadedModels
from restoration.models.nets.centerface import decode
from restoration.models.nets.detection import suppress
from restoration.models.nets.dlib_identity import TEMPLATE
from restoration.quality.faces import cosine
from restoration.quality.metrics import ssim_y
from restoration.steps import alignment, faces
from restoration.steps.parameters import Faces
from restoration.steps.pasting import gray_bytes
from restoration.steps.protocol import StepOutcome
from tests.unit.standins import astronaut, frame_of, gray, hopper, models_with


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> LoadedModels:
    return models_with(tmp_path_factory.mktemp("models"))


def run(models, *pictures, **parameters) -> list[StepOutcome]:
    frames = [frame_of(pixels, f"{index}.png") for index, pixels in enumerate(pictures)]
    answers = faces.Step().apply_many(frames, Faces(**parameters), models)
    assert all(isinstance(answer, StepOutcome) for answer in answers)
    return answers


def group() -> np.ndarray:
    """Six faces of two people in one photograph."""
    one, other = cv2.resize(astronaut(), (300, 360)), cv2.resize(hopper(), (300, 360))
    return gray(np.vstack([np.hstack([one, other, one]), np.hstack([other, one, other])]))


def soft(pixels: np.ndarray, sigma: float = 1.5) -> np.ndarray:
    """The picture out of focus: a face that is worth restoring."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma)


def test_every_face_is_recorded_when_no_restorer_is_named(models):
    (answer,) = run(models, group())
    assert answer.status == "not_needed"
    assert answer.reason is ReasonCode.FACES_OFF
    assert len(answer.faces) == 6
    assert {face.action for face in answer.faces} == {"recorded"}
    assert {face.detector.name for face in answer.faces} == {"centerface"}
    for face in answer.faces:
        x, y, width, height = face.box
        (left, _), (right, _) = face.landmarks[:2]
        assert x < left < right < x + width
        assert y < face.landmarks[2][1] < y + height


def test_missing_restorer_leaves_faces_alone_and_the_photograph_goes_on(models):
    (answer,) = run(models, gray(hopper()), restorer="gfpgan-1.3")
    assert answer.status == "left_alone"
    assert answer.reason is ReasonCode.RESTORER_MISSING
    assert [(face.action, face.reason) for face in answer.faces] == [("left_alone", ReasonCode.RESTORER_MISSING)]


def test_photograph_without_faces(models):
    noise = np.random.default_rng(3).uniform(0.4, 0.6, (200, 240, 3)).astype(np.float32)
    (answer,) = run(models, noise, restorer="sharpener")
    assert (answer.status, answer.reason, answer.faces) == ("not_needed", ReasonCode.NO_FACES, ())


def test_same_person_is_pasted_back_sharper_and_gray_stays_gray(models):
    source = soft(gray(hopper()))
    (answer,) = run(models, source, restorer="sharpener")
    assert answer.status == "applied"
    assert answer.model is not None
    assert answer.model.name == "sharpener"
    (face,) = answer.faces
    assert (face.action, face.blend) == ("restored", 1.0)
    assert face.identity is not None
    assert face.identity >= 0.6
    pixels = answer.picture.pixels
    assert np.ptp(pixels, axis=2).max() < 1e-4
    changed = np.abs(pixels - source).max(axis=2) > 1e-6
    assert 0.02 < changed.mean() < 0.6
    x, y, width, height = (int(value) for value in face.box)
    inner = np.s_[y + height // 4 : y + 3 * height // 4, x + width // 4 : x + 3 * width // 4]
    before, after = (cv2.Laplacian(p[inner][:, :, 0], cv2.CV_32F).var() for p in (source, pixels))
    assert after > 1.1 * before


def test_large_face_keeps_the_scans_own_grain(models):
    """Faces larger than 512 pixels are not softened by a restorer that works at 512."""
    large = cv2.resize(gray(hopper())[100:450, 100:420], None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(5).normal(0, 0.03, large.shape[:2]).astype(np.float32)
    source = np.clip(large + grain[:, :, None], 0, 1)
    (answer,) = run(models, source, restorer="unchanged")
    assert answer.status == "applied"
    assert answer.faces[0].landmarks[1][0] - answer.faces[0].landmarks[0][0] > 300
    assert np.abs(answer.picture.pixels - source).mean() < 0.002
    (sharpened,) = run(models, source, restorer="sharpener")
    x, y, width, height = (int(value) for value in answer.faces[0].box)
    inner = np.s_[y + height // 3 : y + 2 * height // 3, x + width // 3 : x + 2 * width // 3, 0]
    fine = [cv2.Laplacian(p[inner], cv2.CV_32F).std() for p in (source, sharpened.picture.pixels)]
    assert fine[1] > 0.95 * fine[0]


def test_chroma_is_the_scans_unless_the_recipe_says_otherwise(models):
    source = soft(hopper())
    (kept,) = run(models, source, restorer="tinter")
    (taken,) = run(models, source, restorer="tinter", chroma_from_restorer=True)
    lab = [cv2.cvtColor(p, cv2.COLOR_RGB2LAB) for p in (source, kept.picture.pixels, taken.picture.pixels)]
    kept_shift, taken_shift = (np.abs(other[:, :, 1:] - lab[0][:, :, 1:]).mean() for other in lab[1:])
    assert kept_shift < 0.2 * taken_shift
    assert {kept.faces[0].action, taken.faces[0].action} == {"restored"}


def test_stranger_is_blended_back_or_refused_and_never_delivered_below_the_threshold(models):
    answers = run(models, soft(gray(hopper())), soft(gray(astronaut())), restorer="stranger")
    for answer in answers:
        for face in answer.faces:
            assert face.action in {"blended", "left_alone"}
            if face.action == "blended":
                assert face.identity >= 0.6
                assert face.blend in {0.75, 0.5, 0.25}
            else:
                assert face.reason is ReasonCode.IDENTITY_LOW
        assert any(score < 0.6 for face in answer.faces for score in face.identity_tried)
        assert {face.identity_threshold for face in answer.faces} == {0.6}


def test_refused_face_leaves_the_photograph_as_it_was(models):
    source = soft(gray(hopper()))
    (answer,) = run(models, source, restorer="stranger", identity_threshold=1.0, clear_from=0.0)
    assert answer.status == "left_alone"
    assert answer.reason is ReasonCode.IDENTITY_LOW
    assert len(answer.faces[0].identity_tried) == 4
    assert answer.faces[0].restorer.name == "stranger"
    np.testing.assert_array_equal(answer.picture.pixels, source)


def test_small_faces_are_left_alone(models):
    (answer,) = run(models, gray(hopper()), restorer="sharpener", min_eye_distance=500.0)
    assert [face.reason for face in answer.faces] == [ReasonCode.FACE_TOO_SMALL]
    assert answer.status == "left_alone"


def test_result_does_not_depend_on_the_company_or_on_the_run(models):
    pictures = [soft(gray(hopper())), soft(gray(np.hstack([astronaut(), astronaut()[:, ::-1]])))]
    together = run(models, *pictures, restorer="sharpener")
    for picture, answer in zip(pictures, together, strict=True):
        (alone,) = run(models, picture, restorer="sharpener")
        assert alone.picture.pixels.tobytes() == answer.picture.pixels.tobytes()
        assert alone.faces == answer.faces


def test_second_pass_only_where_it_is_sharper_and_the_same_person(models):
    (once,) = run(models, soft(gray(hopper())), restorer="sharpener")
    (twice,) = run(models, soft(gray(hopper())), restorer="sharpener", passes=2)
    assert twice.detail["second_pass"] == 1
    assert twice.faces[0].identity >= 0.6
    assert twice.picture.pixels.tobytes() != once.picture.pixels.tobytes()
    (refused,) = run(models, soft(gray(hopper())), restorer="sharpener", passes=2, identity_threshold=0.985)
    assert refused.faces[0].identity is None or refused.faces[0].identity >= 0.985


def test_face_without_an_answer_stays_as_it_was_and_the_others_are_restored(models, caplog):
    """The net has no numbers for the dark face of the pair; the photograph keeps it, with the reason."""
    face = soft(gray(hopper()))
    source = np.hstack([face, face * np.float32(0.05)])
    (answer,) = run(models, source, restorer="broken", confidence=0.2, min_certainty=0.0)
    by_side = {face.box[0] > hopper().shape[1]: face for face in answer.faces}
    assert by_side[False].action == "restored"
    assert (by_side[True].action, by_side[True].reason) == ("left_alone", ReasonCode.STEP_FAILED)
    assert by_side[True].restorer.name == "broken"
    np.testing.assert_array_equal(answer.picture.pixels[:, hopper().shape[1] :], source[:, hopper().shape[1] :])
    assert "no numbers" in caplog.text


def test_sharp_face_is_left_alone_where_restoring_would_change_it(models):
    source = gray(hopper())
    (changed,) = run(models, source, restorer="sharpener")
    assert [(face.action, face.reason) for face in changed.faces] == [("left_alone", ReasonCode.NOT_NEEDED)]
    np.testing.assert_array_equal(changed.picture.pixels, source)
    (same,) = run(models, source, restorer="unchanged")
    assert same.faces[0].action == "restored"
    assert ssim_y(source, same.picture.pixels) >= 0.99
    (anyway,) = run(models, source, restorer="sharpener", clean_ssim=0.0)
    assert anyway.faces[0].action in {"restored", "blended"}


def worn(sigma: float, share: float, noise: float) -> np.ndarray:
    """A portrait after blur, loss of resolution and noise."""
    small = cv2.resize(soft(gray(hopper()), sigma), None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    grain = np.random.default_rng(4).normal(0, noise, small.shape[:2]).astype(np.float32)
    noisy = np.clip(small + grain[:, :, None], 0, 1)
    return cv2.resize(noisy, hopper().shape[1::-1], interpolation=cv2.INTER_LINEAR)


def test_face_that_is_too_damaged_to_be_known_is_left_alone(models):
    source = worn(8, 0.25, 0.03)
    (answer,) = run(models, source, restorer="sharpener", confidence=0.1, min_certainty=0.75)
    (face,) = answer.faces
    assert (face.action, face.reason) == ("left_alone", ReasonCode.FACE_TOO_DAMAGED)
    np.testing.assert_array_equal(answer.picture.pixels, source)
    (anyway,) = run(models, source, restorer="sharpener", confidence=0.1, min_certainty=0.3)
    assert anyway.faces[0].reason is not ReasonCode.FACE_TOO_DAMAGED


def test_certainty_falls_with_what_is_left_to_see(models):
    pictures = [soft(gray(hopper())), worn(6, 0.5, 0.03), worn(8, 0.25, 0.03)]
    answers = run(models, *pictures, restorer="unchanged", confidence=0.1)
    sure = [answer.faces[0].certainty for answer in answers]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] > 0.9
    assert sure[2] < 0.7


def test_threshold_follows_the_certainty_of_the_source(models):
    parameters = Faces()
    assert [parameters.threshold(c) for c in (0.99, 0.7, 0.69, 0.5, 0.49, 0.0)] == [0.6, 0.6, 0.5, 0.5, 0.45, 0.45]
    (answer,) = run(models, worn(8, 0.25, 0.03), restorer="unchanged", confidence=0.1)
    assert 0.5 < answer.faces[0].certainty < 0.7
    assert answer.faces[0].identity_threshold == 0.5


def test_fallback_does_the_work_where_the_first_restorer_is_not_here(models):
    (answer,) = run(models, soft(gray(hopper())), restorer="gfpgan-1.3", fallback_restorer="sharpener")
    assert answer.model.name == "sharpener"
    assert answer.faces[0].restorer.name == "sharpener"
    (first,) = run(models, soft(gray(hopper())), restorer="unchanged", fallback_restorer="sharpener")
    assert first.model.name == "unchanged"


def test_net_of_half_the_size_keeps_the_detail_it_never_saw(models):
    """Only what a 256-pixel net changes is enlarged; a net that changes nothing leaves the face as sharp as it was."""
    source = soft(gray(hopper()))
    (answer,) = run(models, source, restorer="unchanged-256")
    assert answer.faces[0].action == "restored"
    np.testing.assert_allclose(answer.picture.pixels, source, atol=0.02)
    assert np.abs(answer.picture.pixels - source).mean() < 1e-3
    (sharper,) = run(models, source, restorer="sharpener-256")
    x, y, width, height = (int(value) for value in sharper.faces[0].box)
    inner = np.s_[y + height // 4 : y + 3 * height // 4, x + width // 4 : x + 3 * width // 4, 0]
    before, after = (cv2.Laplacian(p[inner], cv2.CV_32F).var() for p in (source, sharper.picture.pixels))
    assert after > 1.05 * before


@pytest.mark.parametrize("restorer", ["sharpener", "sharpener-256", "tinter"])
def test_no_seam_shows_where_the_restored_face_ends(models, restorer):
    """Gradients across the edge of the pasted face are those of the surroundings."""
    source = soft(hopper())
    (answer,) = run(models, source, restorer=restorer, chroma_from_restorer=restorer == "tinter")
    face = answer.faces[0]
    assert face.action == "restored"
    assert seam_ratio(source, answer.picture.pixels, np.array(face.landmarks, np.float32)) <= 1.10


def seam_ratio(before: np.ndarray, after: np.ndarray, landmarks: np.ndarray) -> float:
    """Mean gradient across the mask's feathered rim in the result, over that of the same place in the source."""
    matrix = alignment.alignment(landmarks)
    region = alignment.face_region(matrix, *before.shape[:2])
    mask = alignment.ellipse_mask(matrix, landmarks, region)
    gy, gx = np.gradient(cv2.GaussianBlur(mask, (0, 0), 1.0))
    length = np.hypot(gx, gy)
    rim = (mask > 0.002) & (mask < 0.5) & (length > 1e-4)
    strengths = []
    for picture in (before, after):
        down, across = np.gradient(gray(picture)[region.slices][:, :, 0])
        strengths.append(np.abs((across * gx + down * gy)[rim] / length[rim]).mean())
    return float(strengths[1] / strengths[0])


def test_identity_tells_strangers_from_the_same_person_under_damage(models):
    detect, embed = models.load("centerface"), models.load("dlib-face-embedding")
    found = {}
    for name, pixels in (("hopper", hopper()), ("astronaut", astronaut())):
        luma = gray_bytes(pixels)
        (face,) = detect(np.repeat(luma[:, :, None], 3, axis=2), 0.5)
        found[name] = embed(luma, face.landmarks)
        noise = np.random.default_rng(1).normal(0, 8, luma.shape)
        worn = np.clip(cv2.GaussianBlur(luma, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)
        assert cosine(found[name], embed(worn, face.landmarks)) > 0.6
    assert cosine(found["hopper"], found["astronaut"]) < 0.6
    assert cosine(np.zeros(128), found["hopper"]) == 0


def test_identity_template_is_where_dlib_puts_the_landmarks(models):
    """The chip made from five landmarks shows the face at the place of dlib's own mean face."""
    assert TEMPLATE[0, 1] == TEMPLATE[1, 1]
    assert TEMPLATE[:2, 0].mean() == pytest.approx(TEMPLATE[2, 0], abs=0.1) == pytest.approx(TEMPLATE[3:, 0].mean())


def test_detector_answers_are_the_same_after_another_size(models):
    """OpenCV 4.14 gives wrong answers when one net sees a second input size."""
    detect = models.load("centerface")
    first = detect((gray(hopper()) * 255).astype(np.uint8), 0.5)
    detect((group() * 255).astype(np.uint8), 0.5)
    again = detect((gray(hopper()) * 255).astype(np.uint8), 0.5)
    assert len(first) == 1
    assert first[0].box == again[0].box
    np.testing.assert_array_equal(first[0].landmarks, again[0].landmarks)


def test_decoding_of_one_cell_by_hand():
    heat = np.zeros((4, 5), np.float32)
    heat[2, 3] = 0.9
    scales, offsets, marks = (np.zeros((n, 4, 5), np.float32) for n in (2, 2, 10))
    scales[:, 2, 3] = np.log(5), np.log(2)  # 20 high, 8 wide
    offsets[:, 2, 3] = 0.25, -0.25
    marks[:, 2, 3] = 0.5
    boxes, scores, points = decode(heat, scales, offsets, marks, 0.5)
    np.testing.assert_allclose(boxes, [[9, 1, 17, 21]], atol=1e-5)
    np.testing.assert_allclose(scores, [0.9])
    np.testing.assert_allclose(points[0], np.tile([13, 11], (5, 1)), atol=1e-5)


def test_suppression_keeps_the_best_of_each_heap():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [30, 30, 40, 40]], np.float32)
    assert suppress(boxes, np.array([0.6, 0.9, 0.7], np.float32), 0.3) == [1, 2]
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.3) == []


@pytest.mark.photos
def test_solvay_conference_has_29_faces(models, photos_folder):
    pixels = cv2.imread(str(photos_folder / "old" / "solvay_1927.jpg"))[:, :, ::-1].astype(np.float32) / 255
    (answer,) = run(models, pixels)
    assert len(answer.faces) == 29


@pytest.mark.photos
def test_nineteenth_century_portraits_have_one_face_each(models, photos_folder):
    paths = sorted((photos_folder / "old").glob("votehist_*.jpg"))[:10]
    pictures = [cv2.imread(str(path))[:, :, ::-1].astype(np.float32) / 255 for path in paths]
    assert [len(answer.faces) for answer in run(models, *pictures)] == [1] * len(paths)
    assert len(paths) == 10
