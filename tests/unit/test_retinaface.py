"""RetinaFace's own decode, and the true architecture with seeded weights held against the package's."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
import torch

from restoration.models.compat import import_face_archs
from restoration.models.files import Registry
from restoration.models.headers import read_heads
from restoration.models.loading import LoadedModels, check_file, expected_form
from restoration.models.manifests import form_of
from restoration.models.nets import retinaface
from restoration.models.nets.detection import suppress
from tests.unit.standins import astronaut, entry_text, registry_with

PICTURE = np.rint(cv2.resize(astronaut(), (224, 160), interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    made = retinaface.build()
    for name, parameter in made.named_parameters():
        if name.endswith("conv1x1.weight"):
            torch.nn.init.normal_(parameter, std=0.2)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def published(net):
    module = import_face_archs("facexlib.detection.retinaface")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's old argument, which the package uses
        theirs = module.RetinaFace("resnet50", device=torch.device("cpu"))
    theirs.load_state_dict(net.state_dict(), strict=True)
    return theirs


def answers(net, picture):
    with torch.inference_mode():
        return net(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].float())[0].numpy()


def test_a_known_answer_is_decoded_to_the_known_face():
    """A face of 48 x 60 pixels at (100, 76), told from the square of 64 pixels at row 4, column 6 of the middle map."""
    squares = retinaface.priors(160, 224)
    place = 20 * 28 * 2 + (4 * 14 + 6) * 2
    assert squares[place].tolist() == [6.5 * 16, 4.5 * 16, 64]
    marks = np.array([(88, 66), (112, 65), (100, 78), (90, 92), (110, 91)], np.float64)
    told = np.zeros((len(squares), 15), np.float32)
    told[place, :2] = (np.array([100, 76]) - squares[place, :2]) / (0.1 * 64)
    told[place, 2:4] = np.log(np.array([48, 60]) / 64) / 0.2
    told[place, 4] = 0.9
    told[place, 5:] = ((marks - squares[place, :2]) / (0.1 * 64)).reshape(-1)
    told[3, 4] = 0.4
    boxes, scores, points = retinaface.decode(told, squares, 0.5)
    assert np.allclose(boxes, [[76, 46, 124, 106]], atol=1e-3)
    assert scores.tolist() == pytest.approx([0.9])
    assert np.allclose(points[0], marks, atol=1e-3)
    assert len(retinaface.decode(told, squares, 0.95)[0]) == 0


def test_squares_are_those_of_the_package(published):
    theirs = import_face_archs("facexlib.detection.retinaface_utils").PriorBox(published.cfg, image_size=(96, 160))
    scaled = theirs.forward().numpy() * (160, 96, 160, 96)
    assert np.allclose(retinaface.priors(96, 160), scaled[:, :3], atol=1e-3)


def test_the_net_gives_what_the_package_gives(net, published):
    ours = answers(net, PICTURE)
    bgr = torch.from_numpy(PICTURE[:, :, ::-1].transpose(2, 0, 1).copy())[None].float() - published.mean_tensor
    with torch.inference_mode():
        boxes, classes, marks = (part[0].numpy() for part in published(bgr))
    assert np.ptp(ours[:, 4]) > 0.05
    assert np.allclose(ours[:, :4], boxes, atol=1e-5)
    assert np.allclose(ours[:, 4], classes[:, 1], atol=1e-6)
    assert np.allclose(ours[:, 5:], marks, atol=1e-5)


def test_faces_are_those_of_the_package(net, published):
    told = answers(net, PICTURE)
    confidence = float(np.sort(told[:, 4])[-60])
    boxes, scores, points = retinaface.decode(told, retinaface.priors(*PICTURE.shape[:2]), confidence)
    kept = suppress(boxes, scores, retinaface.NMS_OVERLAP, nested=1)
    with torch.inference_mode():
        theirs = published.detect_faces(np.ascontiguousarray(PICTURE[:, :, ::-1]), confidence, retinaface.NMS_OVERLAP)
    assert len(theirs) == len(kept) >= 5
    ours = np.concatenate([boxes, scores[:, None], points.reshape(-1, 10)], axis=1)[kept]
    assert np.allclose(ours, theirs, atol=2e-3)


def test_the_published_form(net):
    """Keys, shapes and bytes of the published file: 109.5 MB, nearly all of it numbers."""
    registry = Registry.load()
    entry = registry.entry("retinaface-r50")
    form = form_of(entry)
    assert form is not None
    assert set(form.tensors) == set(net.state_dict())
    stored = sum(head.nbytes for head in form.tensors.values())
    assert stored == pytest.approx(109_497_761, rel=2e-3)
    assert entry.licence == "MIT"
    assert "module.body.conv1.weight" not in expected_form(entry).tensors


def test_a_file_as_it_is_published_becomes_a_detector(net, tmp_path):
    """Written from a net on several devices, whose names all begin with ``module.``; half precision, to write less."""
    file = tmp_path / "detection.pth"
    half = {f"module.{key}": v.half() if v.is_floating_point() else v for key, v in net.state_dict().items()}
    torch.save(half, file)
    assert "body.conv1.weight" in read_heads(file)
    size = "size = { working_side = 224 }"
    registry = registry_with(tmp_path, entry_text("seeded", "retinaface-r50", "detect", file, fields=size))
    check_file(registry, registry.entry("seeded"))
    detect = LoadedModels(registry, device="cpu", threads=1).load("seeded")
    assert (detect.max_side, detect.max_faces) == (224, 200)
    confidence = float(np.sort(answers(net, PICTURE)[:, 4])[-20])
    faces = detect(PICTURE, confidence)
    assert faces
    assert [face.confidence for face in faces] == sorted((face.confidence for face in faces), reverse=True)
    again = detect(PICTURE, confidence)
    assert all(np.array_equal(a.landmarks, b.landmarks) and a.box == b.box for a, b in zip(faces, again, strict=True))


class Marker(torch.nn.Module):
    """Finds one bright spot, sure of it, whatever the size of the picture: a net whose right answer is known."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = []

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        height, width = pictures.shape[2:]
        self.seen.append((height, width))
        squares = torch.from_numpy(retinaface.priors(height, width))
        told = torch.zeros(1, len(squares), 15)
        spot = int(pictures[0].sum(dim=0).flatten().argmax())
        middle = torch.tensor([spot % width + 0.5, spot // width + 0.5])
        best = int((squares[:, :2] - middle).abs().sum(dim=1).argmin())
        told[0, best, :2] = (middle - squares[best, :2]) / (0.1 * squares[best, 2])
        told[0, best, 4] = 0.9
        return told


def test_pictures_are_worked_on_at_a_bounded_size_and_faces_come_back_in_theirs():
    net = Marker()
    detect = retinaface.Detector(net, "cpu", max_side=1000)
    picture = np.full((1500, 2400, 3), 40, np.uint8)
    picture[396:404, 1796:1804] = 255
    (face,) = detect(picture, 0.5)
    x, y, w, h = face.box
    assert (x + w / 2, y + h / 2) == pytest.approx((1800, 400), abs=4)
    assert net.seen == [(640, 1024), (416, 640)]
    detect(np.zeros((50, 70, 3), np.uint8), 0.5)
    assert net.seen[2:] == [(64, 96)]
