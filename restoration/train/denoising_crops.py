"""Training samples for the denoiser: crops of photographs, spoilt as film, scanner and files spoil them, and the truth.

The truth has to be cleaner than what is learned from it, and photographs at hand are JPEGs themselves: it is shrunk, so
that their noise and blocks average out. What is added follows history: the lens's blur, the film's grain, the sensor's
noise and its coarser colour noise, then one or two rounds of JPEG. A share stays as it was: that a clean picture is to
be left alone has to be learned too. Arrays are H x W x 3 float32, sRGB-encoded, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from restoration.errors import UsageError
from restoration.photo.picture import FloatImage
from restoration.synthetic.shapes import Plane, Random, log_uniform
from restoration.train.damage_crops import read_photo
from restoration.train.holes import toned

_RIM = 8
"""What is cut off each side at most: JPEG's grid may then begin anywhere, as it does in pictures that were cropped."""
_SHRUNK = (0.5, 0.75)
_LEAST_SHRUNK = 0.9
"""Photographs too small to be shrunk this far are passed over."""
_MOST_DRAWS = 200
_SOFTEST = 2.5
"""Large scans are this soft at their own scale (sigma, pixels), and a net that sharpened them would invent."""
_SUBSAMPLING = (
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


@dataclass(frozen=True)
class Spoiling:
    """How crops are drawn: shares (0..1) and the most of each kind.

    ``gray`` of the crops are gray or tinted, ``clean`` of them unspoilt, ``soft`` of the truths a little soft, as most
    scans are at their own scale; ``alone`` are spoilt by blur or JPEG and nothing else. ``blur`` is a sigma in pixels;
    ``grain``, ``noise`` and ``chroma`` are deviations on 0..255; ``quality`` is JPEG's range.
    """

    gray: float = 0.65
    clean: float = 0.15
    soft: float = 0.1
    blur: float = 1.6
    grain: float = 22.0
    noise: float = 25.0
    chroma: float = 16.0
    quality: tuple[int, int] = (35, 95)
    alone: float = 0.35


class SpoiltCrops(Dataset[tuple[Tensor, ...]]):
    """Item ``i`` is drawn from ``(seed, i)`` alone: given and truth, 3 x H x W each, in [-1, 1]."""

    def __init__(
        self, families: Mapping[str, Sequence[Path]], how: Spoiling, size: tuple[int, int], seed: int, length: int
    ) -> None:
        self.families = [list(families[name]) for name in sorted(families)]
        sizes = np.array([len(paths) for paths in self.families], np.float64)
        self.chances = np.sqrt(sizes) / np.sqrt(sizes).sum()
        self.how, self.size, self.seed, self.length = how, size, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """:raises UsageError: no photograph is large enough for a crop."""
        cv2.setNumThreads(0)  # the loading process is one of several
        rng = np.random.default_rng((self.seed, index))
        truth = toned(self._crop(rng), self.how.gray, rng)
        if rng.random() < self.how.soft:
            truth = softened(truth, log_uniform(rng, 0.3, _SOFTEST))
        truth = _in_bytes(truth)
        given = truth if rng.random() < self.how.clean else spoil(truth, self.how, rng)
        top, left = (int(value) for value in rng.integers(2 * _RIM + 1, size=2))
        part = slice(top, top + self.size[0]), slice(left, left + self.size[1])
        return _tensor(given[part]), _tensor(truth[part])

    def _crop(self, rng: Random) -> FloatImage:
        """A shrunk part of a photograph, larger than the sample by a rim all round."""
        size = self.size[0] + 2 * _RIM, self.size[1] + 2 * _RIM
        for _ in range(_MOST_DRAWS):
            family = self.families[int(rng.choice(len(self.families), p=self.chances))]
            photo = read_photo(family[int(rng.integers(len(family)))])
            least = max(size[0] / photo.shape[0], size[1] / photo.shape[1])
            if least <= _LEAST_SHRUNK:
                return _shrunk(photo, size, rng.uniform(max(least, _SHRUNK[0]), max(least, _SHRUNK[1])), rng)
        raise UsageError(
            f"no photograph was found that is large enough for crops of {self.size[0]} x {self.size[1]} pixels"
        )


def _shrunk(photo: FloatImage, size: tuple[int, int], zoom: float, rng: Random) -> FloatImage:
    """A part of the photograph at that zoom, mirrored and turned at random."""
    tall, wide = (min(whole, round(side / zoom)) for whole, side in zip(photo.shape[:2], size, strict=True))
    top, left = int(rng.integers(photo.shape[0] - tall + 1)), int(rng.integers(photo.shape[1] - wide + 1))
    part = np.ascontiguousarray(photo[top : top + tall, left : left + wide])
    crop = np.asarray(cv2.resize(part, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.float32)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.25:
        crop = np.rot90(crop, int(rng.integers(1, 4))) if size[0] == size[1] else crop[::-1]
    return np.ascontiguousarray(crop, np.float32)


def spoil(truth: FloatImage, how: Spoiling, rng: Random) -> FloatImage:
    """What film, scanner and file make of a picture, in that order; 8 bits deep at the end."""
    drawn = rng.random()
    if drawn < how.alone:
        return _in_bytes(_softened_alone(truth, how, rng) if drawn < 0.4 * how.alone else _compressed(truth, how, rng))
    picture = truth
    if rng.random() < 0.5:
        picture = softened(picture, rng.uniform(0.2, how.blur))
    if rng.random() < 0.4:
        picture = grained(picture, rng.uniform(0, how.grain), rng)
    if rng.random() < 0.5:
        picture = noisy(picture, rng.uniform(0, how.noise), rng)
    if rng.random() < 0.3:
        picture = colour_noisy(picture, rng.uniform(0, how.chroma), rng)
    if rng.random() < 0.6:
        picture = _compressed(picture, how, rng)
    return _in_bytes(picture)


def _softened_alone(picture: FloatImage, how: Spoiling, rng: Random) -> FloatImage:
    return softened(picture, rng.uniform(0.4, how.blur))


def _compressed(picture: FloatImage, how: Spoiling, rng: Random) -> FloatImage:
    """Once or twice through JPEG."""
    for _ in range(1 if rng.random() < 0.75 else 2):
        picture = compressed(picture, int(rng.integers(how.quality[0], how.quality[1] + 1)), rng)
    return picture


def softened(picture: FloatImage, sigma: float) -> FloatImage:
    """Gaussian blur of sigma pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def grained(picture: FloatImage, sigma: float, rng: Random) -> FloatImage:
    """Film grain, equal in all channels: clumps of one to three pixels, strongest in the mid-tones.

    :param sigma: its deviation in the mid-tones, on 0..255.
    """
    luma = picture.mean(axis=2)
    envelope = np.float32(rng.uniform(0.2, 0.7))
    strength = envelope + (1 - envelope) * 4 * luma * (1 - luma)
    clumps = _clumps((picture.shape[0], picture.shape[1]), rng.uniform(0.3, 1.4), rng)
    return np.asarray(picture + (clumps * strength * np.float32(sigma / 255))[:, :, None], np.float32)


def noisy(picture: FloatImage, sigma: float, rng: Random) -> FloatImage:
    """A sensor's noise, white: each channel its own, or on scans in gray one for all. Sigma on 0..255."""
    gray_scan = rng.random() < (0.8 if _neutral(picture) else 0.2)
    shape = picture.shape[:2] + ((1,) if gray_scan else (3,))
    return picture + rng.standard_normal(shape, np.float32) * np.float32(sigma / 255)


def colour_noisy(picture: FloatImage, sigma: float, rng: Random) -> FloatImage:
    """Blotches of colour of one to three pixels' radius that leave luma as it is. Sigma on 0..255."""
    size = rng.uniform(0.7, 3.0)
    shape = (picture.shape[0], picture.shape[1])
    red, blue = (_clumps(shape, size, rng) * np.float32(sigma / 255) for _ in range(2))
    green = -(0.299 * red + 0.114 * blue) / 0.587
    return np.asarray(picture + np.stack([red, green, blue], axis=2), np.float32)


def compressed(picture: FloatImage, quality: int, rng: Random) -> FloatImage:
    """Through JPEG: a neutral picture mostly as one channel, a coloured one with its colour at full or half size."""
    eight = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if _neutral(picture) and rng.random() < 0.7:
        _, packed = cv2.imencode(".jpg", eight[:, :, 1], options)
    else:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SUBSAMPLING[int(rng.integers(len(_SUBSAMPLING)))]]
        _, packed = cv2.imencode(".jpg", np.ascontiguousarray(eight[:, :, ::-1]), options)
    back = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.float32)
    return np.ascontiguousarray(back[:, :, ::-1]) / np.float32(255)


def _clumps(shape: tuple[int, int], sigma: float, rng: Random) -> Plane:
    """Noise of deviation 1, correlated over about ``sigma`` pixels."""
    noise = np.asarray(cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), sigma), np.float32)
    return noise / np.float32(max(float(noise.std()), 1e-6))


def _neutral(picture: FloatImage) -> bool:
    return bool(np.array_equal(picture[:, :, 0], picture[:, :, 2]))


def _in_bytes(picture: FloatImage) -> FloatImage:
    """As an 8-bit file holds it."""
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.float32) / np.float32(255)


def _tensor(picture: FloatImage) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)) * np.float32(2) - np.float32(1))
