"""RetinaFace with a ResNet-50 body (Deng et al., CVPR 2020), as facexlib publishes it: faces and five landmarks.

In: N x 3 x H x W RGB in [0, 255], any size. Out: N x P x 15 for the P priors of :func:`priors`: four numbers for the
box, the score (0..1), ten for the landmarks, all as the net gives them. State-dict keys are the published file's.

The net looks at strides of 8, 16 and 32, and at each place for squares of two sizes. A box is told as the shift of the
square's centre in tenths of its side and the logarithm of its size in fifths; a landmark as a shift in tenths.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.buckets import run_in_buckets
from restoration.models.nets.detection import Detection, Faces, detection, joined, suppress
from restoration.models.registry import ModelEntry

STRIDES = (8, 16, 32)
SQUARES = ((16, 32), (64, 128), (256, 512))
"""Sides of the two squares at each place, by stride, in pixels."""
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
MEAN_RGB = (123.0, 117.0, 104.0)
NMS_OVERLAP = 0.4
MAX_SIDE = 1280
"""Long side of the input in pixels, unless the registry entry has a working side of its own."""
CLOSE_UP_SIDE = 640
"""Large pictures are looked at a second time at this long side, for faces much larger than the largest square."""
SIDE_MULTIPLE = 32
MAX_FACES = 200

_PER_PLACE = 2
_RESNET50 = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Width, blocks and stride of each level."""


class Bottleneck(nn.Module):
    """ResNet's block: 1x1, 3x3 (which carries the stride), 1x1, and a way round."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        outside = 4 * width
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
            if stride != 1 or inside != outside
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """N x inside x H x W to N x 4 width x H/stride x W/stride."""
        through = F.relu(self.bn1(self.conv1(x)))
        through = F.relu(self.bn2(self.conv2(through)))
        through = self.bn3(self.conv3(through))
        return F.relu(through + (x if self.downsample is None else self.downsample(x)))


class Body(nn.Module):
    """ResNet-50 (He et al., 2015) up to its last level; answers with the maps at strides of 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        levels, inside = [], 64
        for width, count, stride in _RESNET50:
            blocks = [Bottleneck(inside, width, stride)]
            inside = 4 * width
            levels.append(nn.Sequential(*blocks, *(Bottleneck(inside, width, 1) for _ in range(count - 1))))
        self.layer1, self.layer2, self.layer3, self.layer4 = levels

    def forward(self, x: Tensor) -> list[Tensor]:
        """N x 3 x H x W to maps of 512, 1024 and 2048 channels."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        fine = self.layer2(self.layer1(x))
        middle = self.layer3(fine)
        return [fine, middle, self.layer4(middle)]


def _convolved(inside: int, outside: int, kernel: int = 3, *, ends: bool = True) -> nn.Sequential:
    """Convolution and normalisation, and with ``ends`` a ReLU."""
    layers = [nn.Conv2d(inside, outside, kernel, 1, kernel // 2, bias=False), nn.BatchNorm2d(outside)]
    return nn.Sequential(*layers, nn.ReLU()) if ends else nn.Sequential(*layers)


class Pyramid(nn.Module):
    """Feature pyramid (Lin et al., 2017): coarse maps are added to the finer ones."""

    def __init__(self, inside: Sequence[int], width: int) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_convolved(channels, width, 1) for channels in inside)
        self.merge1, self.merge2 = _convolved(width, width), _convolved(width, width)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps from fine to coarse to as many of one width."""
        fine, middle, coarse = self.output1(maps[0]), self.output2(maps[1]), self.output3(maps[2])
        middle = self.merge2(middle + F.interpolate(coarse, size=middle.shape[2:], mode="nearest"))
        fine = self.merge1(fine + F.interpolate(middle, size=fine.shape[2:], mode="nearest"))
        return [fine, middle, coarse]


class Context(nn.Module):
    """SSH's context module (Najibi et al., 2017): what 3x3, 5x5 and 7x7 pixels round a place say."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.conv3X3 = _convolved(width, half, ends=False)
        self.conv5X5_1 = _convolved(width, quarter)
        self.conv5X5_2 = _convolved(quarter, quarter, ends=False)
        self.conv7X7_2 = _convolved(quarter, quarter)
        self.conv7x7_3 = _convolved(quarter, quarter, ends=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        five = self.conv5X5_1(x)
        seven = self.conv7x7_3(self.conv7X7_2(five))
        return F.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(five), seven], dim=1))


class Head(nn.Module):
    """``numbers`` for each square of each place, places in rows."""

    def __init__(self, width: int, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.conv1x1 = nn.Conv2d(width, _PER_PLACE * numbers, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N x width x h x w to N x 2hw x numbers."""
        answers: Tensor = self.conv1x1(x).permute(0, 2, 3, 1).reshape(len(x), -1, self.numbers)
        return answers


class RetinaFace(nn.Module):
    """See the module's docstring."""

    training_only = ("*.num_batches_tracked",)
    mean: Tensor

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.body = Body()
        self.fpn = Pyramid((512, 1024, 2048), width)
        self.ssh1, self.ssh2, self.ssh3 = Context(width), Context(width), Context(width)
        self.ClassHead = nn.ModuleList(Head(width, 2) for _ in STRIDES)
        self.BboxHead = nn.ModuleList(Head(width, 4) for _ in STRIDES)
        self.LandmarkHead = nn.ModuleList(Head(width, 10) for _ in STRIDES)
        self.register_buffer("mean", torch.tensor(MEAN_RGB).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W in [0, 255] to N x P x 15."""
        maps = self.fpn(self.body((pictures - self.mean).flip(1)))  # the published net knows blue, green, red
        maps = [context(x) for context, x in zip((self.ssh1, self.ssh2, self.ssh3), maps, strict=True)]
        boxes, classes, marks = (
            torch.cat([head(x) for head, x in zip(heads, maps, strict=True)], dim=1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        return torch.cat([boxes, classes.softmax(dim=-1)[..., 1:], marks], dim=-1)


class Detector:
    """The net as a detector. Holds no state of a picture between calls."""

    max_faces = MAX_FACES

    def __init__(self, net: nn.Module, device: str, max_side: int = MAX_SIDE) -> None:
        self._net, self._device = net, device
        self.max_side = max_side

    def __call__(self, image: NDArray[np.uint8], confidence: float) -> list[Detection]:
        """Find all faces, best first; ``max_faces`` of them are as many as a caller should use.

        :param image: H x W x 3 RGB, 0..255; worked on at ``max_side`` at most.
        :param confidence: lowest score, 0..1.
        :raises OutOfMemory: the picture does not fit the device.
        """
        height, width = image.shape[:2]
        sides = [min(self.max_side, max(height, width))]
        if sides[0] > 1.5 * CLOSE_UP_SIDE:
            sides.append(CLOSE_UP_SIDE)
        boxes, scores, points = joined([self._at(image, side / max(height, width), confidence) for side in sides])
        order = suppress(boxes, scores, NMS_OVERLAP)
        return [detection(boxes[i], float(scores[i]), points[i], width, height) for i in order]

    def _at(self, image: NDArray[np.uint8], scale: float, confidence: float) -> Faces:
        """Boxes, scores and landmarks in the picture's pixels, found at one working size."""
        height, width = image.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        pixels = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1).float()
        (answer,) = run_in_buckets(self._net, [_padded(pixels)], self._device, bucket=1)
        shape = [side + -side % SIDE_MULTIPLE for side in (size[1], size[0])]
        boxes, scores, points = decode(answer.numpy(), priors(shape[0], shape[1]), confidence)
        factor = np.array([width / size[0], height / size[1]], np.float32)
        return boxes * np.tile(factor, 2), scores, points * factor


def _padded(pixels: Tensor) -> Tensor:
    """3 x H x W with the mean colour, which the net sees as zero, below and to the right, to multiples of 32."""
    height, width = (side + -side % SIDE_MULTIPLE for side in pixels.shape[1:])
    filled = torch.tensor(MEAN_RGB).view(3, 1, 1).repeat(1, height, width)
    filled[:, : pixels.shape[1], : pixels.shape[2]] = pixels
    return filled


def priors(height: int, width: int) -> NDArray[np.float32]:
    """The squares the net looks for in an H x W picture: P x 3, centre x, centre y and side in pixels."""
    found = []
    for stride, sides in zip(STRIDES, SQUARES, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = np.meshgrid(np.arange(rows), np.arange(columns), np.asarray(sides), indexing="ij")
        found.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, side], axis=-1).reshape(-1, 3))
    return np.concatenate(found).astype(np.float32)


def decode(answers: NDArray[np.float32], squares: NDArray[np.float32], confidence: float) -> Faces:
    """The answers scored above ``confidence`` as boxes, scores and landmarks in the net's pixels.

    :param answers: P x 15, see the module's docstring.
    :param squares: P x 3, of :func:`priors`.
    """
    sure = answers[:, 4] > confidence
    found, centre, side = answers[sure], squares[sure, :2], squares[sure, 2:]
    middle = centre + found[:, :2] * CENTRE_VARIANCE * side
    size = side * np.exp(found[:, 2:4] * SIZE_VARIANCE)
    corner = middle - size / 2
    boxes = np.concatenate([corner, corner + size], axis=1)
    marks = found[:, 5:].reshape(-1, 5, 2) * CENTRE_VARIANCE * side[:, None, :] + centre[:, None, :]
    return boxes.astype(np.float32), found[:, 4].astype(np.float32), marks.astype(np.float32)


def build(width: int = 256) -> RetinaFace:
    """The empty net with the published settings; state-dict keys are those of the published file."""
    return RetinaFace(width)


def as_detector(net: nn.Module, entry: ModelEntry, device: str) -> Detector:
    """The filled net as the callable that steps expect of a detector."""
    return Detector(net, device, entry.size.working_side or MAX_SIDE)
