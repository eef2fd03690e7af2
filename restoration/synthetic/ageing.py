"""Ageing a colour photograph as time, chemistry and handling would have done.

One module serves training (pairs of aged input and clean truth), tests (damage with a known mask) and the demo
collection (scans with ground truth). Everything is drawn from one seeded generator: the same photograph, plan and seed
give the same pixels. Arrays are H x W x 3 float32, sRGB-encoded, range [0, 1]; gray planes are H x W float32.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.picture import FloatImage

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Random = np.random.Generator

PANCHROMATIC = (0.299, 0.587, 0.114)
"""Rec. 601 luma weights, close to panchromatic film behind no filter."""

ORTHOCHROMATIC = (0.03, 0.42, 0.55)
"""Blue- and green-sensitive emulsion of before about 1925: red is nearly invisible, so lips and tanned skin go dark."""


@dataclass(frozen=True)
class AgeingPlan:
    """How much of each kind of ageing, as strengths from 0 (none) to 1 (severe).

    ``response`` holds the film's sensitivity to (R, G, B), summing to 1. ``tint`` names the paper: ``none``, ``sepia``,
    ``cyanotype`` or ``yellowed``. ``keep_colour`` ages a colour print instead of a gray one.
    """

    response: tuple[float, float, float] = PANCHROMATIC
    fade: float = 0.0
    blur: float = 0.0
    grain: float = 0.0
    vignette: float = 0.0
    halftone: float = 0.0
    scratches: float = 0.0
    dust: float = 0.0
    crease: float = 0.0
    jpeg: float = 0.0
    tint: str = "none"
    keep_colour: bool = False


@dataclass(frozen=True)
class Aged:
    """An aged photograph, H x W x 3, with the mask (H x W) of the pixels that handling destroyed."""

    pixels: FloatImage
    damage: Mask
    plan: AgeingPlan
    seed: int


def random_plan(rng: Random, *, severity: float = 0.5) -> AgeingPlan:
    """A plausible plan for a training sample; ``severity`` in [0, 1] scales the strengths."""

    def draw(chance: float, top: float = 1.0) -> float:
        return float(rng.uniform(0.05, top) * severity) if rng.random() < chance else 0.0

    mix = rng.dirichlet((3.0, 5.0, 2.0))
    response = PANCHROMATIC if rng.random() < 0.5 else (float(mix[0]), float(mix[1]), float(mix[2]))
    return AgeingPlan(
        response=ORTHOCHROMATIC if rng.random() < 0.15 else response,
        fade=draw(0.5),
        blur=draw(0.5),
        grain=draw(0.5),
        vignette=draw(0.2),
        halftone=draw(0.05),
        scratches=draw(0.15),
        dust=draw(0.15),
        crease=draw(0.05),
        jpeg=draw(0.5),
    )


def age(photo: FloatImage, plan: AgeingPlan, seed: int) -> Aged:
    """Age a colour photograph.

    The order is that of history: exposure and emulsion (response, blur, grain), print (vignette, halftone), years
    (fade, tint), handling (scratches, dust, crease), and last the scanner's JPEG.

    :param photo: H x W x 3 float32 sRGB in [0, 1].
    :returns: pixels of the same shape, and the mask of destroyed pixels.
    """
    rng = np.random.default_rng(seed)
    picture = photo.copy() if plan.keep_colour else gray_to_rgb(film_response(photo, plan.response))
    picture = _optics(picture, plan, rng)
    picture = fade(picture, plan.fade, rng)
    if plan.tint != "none":
        picture = tint_paper(picture, plan.tint)
    picture, damage = _handling(picture, plan, rng)
    if plan.jpeg > 0:
        picture = jpeg_noise(picture, quality=int(round(95 - 65 * plan.jpeg)))
    return Aged(np.clip(picture, 0.0, 1.0).astype(np.float32), damage, replace(plan), seed)


def _optics(picture: FloatImage, plan: AgeingPlan, rng: Random) -> FloatImage:
    side = max(picture.shape[:2])
    if plan.blur > 0:
        sigma = plan.blur * side / 180.0
        picture = _soften(picture, sigma)
    if plan.grain > 0:
        picture = grain(picture, plan.grain, rng)
    if plan.vignette > 0:
        picture = vignette(picture, plan.vignette)
    if plan.halftone > 0:
        picture = halftone(picture, plan.halftone)
    return np.asarray(picture, dtype=np.float32)


def _handling(picture: FloatImage, plan: AgeingPlan, rng: Random) -> tuple[FloatImage, Mask]:
    damage = np.zeros(picture.shape[:2], dtype=bool)
    if plan.scratches > 0:
        picture, mask = scratch(picture, plan.scratches, rng)
        damage |= mask
    if plan.dust > 0:
        picture, mask = dust(picture, plan.dust, rng)
        damage |= mask
    if plan.crease > 0:
        picture, mask = crease(picture, plan.crease, rng)
        damage |= mask
    return picture, damage


def _soften(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of sigma pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=sigma), dtype=np.float32)


def film_response(photo: FloatImage, weights: tuple[float, float, float]) -> Plane:
    """Gray plane, H x W in [0, 1], of an emulsion with the given (R, G, B) sensitivities."""
    plane: Plane = np.clip(photo @ np.asarray(weights, dtype=np.float32), 0.0, 1.0)
    return plane


def gray_to_rgb(plane: Plane) -> FloatImage:
    """Three equal channels from one plane."""
    return np.repeat(plane[:, :, None], 3, axis=2)


def fade(picture: FloatImage, strength: float, rng: Random) -> FloatImage:
    """Lose contrast: blacks lift, whites sink, the curve bends; strength 1 leaves about 40 % of the range."""
    if strength <= 0:
        return picture
    black = strength * rng.uniform(0.05, 0.35)
    white = 1.0 - strength * rng.uniform(0.0, 0.25)
    gamma = float(np.exp(strength * rng.uniform(-0.5, 0.5)))
    return np.asarray(black + (white - black) * np.clip(picture, 0, 1) ** gamma, dtype=np.float32)


def grain(picture: FloatImage, strength: float, rng: Random) -> FloatImage:
    """Silver grain: noise of a few pixels' size, strongest in the mid-tones, equal in all channels."""
    height, width = picture.shape[:2]
    noise = rng.standard_normal((height, width)).astype(np.float32)
    size = rng.uniform(0.0, 0.9)
    if size > 0.3:
        noise = _soften(noise, size)
        noise /= max(float(noise.std()), 1e-6)
    luma = picture.mean(axis=2)
    envelope = 0.4 + 0.6 * 4.0 * luma * (1.0 - luma)
    return np.asarray(picture + (0.09 * strength * noise * envelope)[:, :, None], dtype=np.float32)


def vignette(picture: FloatImage, strength: float) -> FloatImage:
    """Darken towards the corners, as a portrait lens or an oval mount would."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[-1 : 1 : complex(height), -1 : 1 : complex(width)]
    falloff = 1.0 - 0.55 * strength * np.clip((x * x + y * y) / 2.0, 0, 1) ** 1.5
    return np.asarray(picture * falloff[:, :, None], dtype=np.float32)


def halftone(picture: FloatImage, strength: float) -> FloatImage:
    """A printed newspaper's dot screen at 45 degrees, pitch about 5 pixels."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = 2 * np.pi / 5.0
    screen = 0.5 + 0.25 * (np.cos(angle * (x + y) * 0.7071) + np.cos(angle * (x - y) * 0.7071))
    dots = 1.0 / (1.0 + np.exp(-(picture - screen[:, :, None].astype(np.float32)) * 12.0))
    return np.asarray((1 - 0.5 * strength) * picture + 0.5 * strength * dots, dtype=np.float32)


_TINTS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "sepia": ((0.20, 0.12, 0.07), (0.97, 0.90, 0.76)),
    "yellowed": ((0.10, 0.09, 0.06), (0.98, 0.94, 0.80)),
    "cyanotype": ((0.04, 0.13, 0.30), (0.90, 0.96, 0.98)),
}
"""sRGB of the deepest black and of the paper white of each process, measured by eye from typical scans."""


def tint_paper(picture: FloatImage, tint: str) -> FloatImage:
    """Print a gray picture on tinted paper.

    :param tint: ``sepia``, ``yellowed`` or ``cyanotype``.
    :raises KeyError: another name.
    """
    black, white = (np.asarray(c, dtype=np.float32) for c in _TINTS[tint])
    luma = picture.mean(axis=2, keepdims=True)
    return np.asarray(black + (white - black) * luma, dtype=np.float32)


def _random_path(height: int, width: int, rng: Random, *, long: bool) -> NDArray[np.int32]:
    """A slightly wavering polyline in (x, y) pixels, across most of the picture where ``long``."""
    length = (0.9 if long else rng.uniform(0.15, 0.7)) * max(height, width)
    angle = rng.uniform(0, np.pi)
    count = max(int(length / 6), 3)
    bends = np.cumsum(rng.normal(0, 0.03, count)) + angle
    steps = np.stack([np.cos(bends), np.sin(bends)], axis=1) * (length / count)
    start = np.array([rng.uniform(0, width), rng.uniform(0, height)]) - steps.sum(axis=0) * rng.uniform(0.2, 0.8)
    points: NDArray[np.int32] = np.round(start + np.cumsum(steps, axis=0)).astype(np.int32)
    return points


def _blend_mask(picture: FloatImage, cover: NDArray[np.uint8], value: float) -> tuple[FloatImage, Mask]:
    alpha = _soften(cover.astype(np.float32) / 255.0, 0.6)[:, :, None]
    return np.asarray(picture * (1 - alpha) + value * alpha, dtype=np.float32), cover > 0


def scratch(picture: FloatImage, strength: float, rng: Random) -> tuple[FloatImage, Mask]:
    """Thin scratches, white (emulsion gone) or dark (dirt); up to a dozen at strength 1."""
    height, width = picture.shape[:2]
    damage = np.zeros((height, width), dtype=bool)
    unit = max(height, width) / 400.0
    for _ in range(int(np.ceil(12 * strength))):
        cover = np.zeros((height, width), dtype=np.uint8)
        thickness = max(1, int(round(unit * rng.uniform(0.5, 1.8))))
        cv2.polylines(cover, [_random_path(height, width, rng, long=False)], False, 255, thickness, cv2.LINE_AA)
        picture, mask = _blend_mask(picture, cover, 0.97 if rng.random() < 0.75 else 0.04)
        damage |= mask
    return picture, damage


def dust(picture: FloatImage, strength: float, rng: Random) -> tuple[FloatImage, Mask]:
    """Specks and small blots; up to about sixty at strength 1."""
    height, width = picture.shape[:2]
    damage = np.zeros((height, width), dtype=bool)
    unit = max(height, width) / 400.0
    for value, share in ((0.95, 0.7), (0.06, 0.3)):
        cover = np.zeros((height, width), dtype=np.uint8)
        for _ in range(int(np.ceil(60 * strength * share))):
            centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
            axes = (max(1, int(unit * rng.uniform(0.6, 3.0))), max(1, int(unit * rng.uniform(0.6, 2.0))))
            cv2.ellipse(cover, centre, axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
        picture, mask = _blend_mask(picture, cover, value)
        damage |= mask
    return picture, damage


def crease(picture: FloatImage, strength: float, rng: Random) -> tuple[FloatImage, Mask]:
    """A fold across the print: a broken white line with a shaded side; two of them above strength 0.6."""
    height, width = picture.shape[:2]
    damage = np.zeros((height, width), dtype=bool)
    unit = max(height, width) / 400.0
    for _ in range(2 if strength > 0.6 else 1):
        path = _random_path(height, width, rng, long=True)
        shade = np.zeros((height, width), dtype=np.uint8)
        cv2.polylines(shade, [path], False, 255, max(3, int(10 * unit)), cv2.LINE_AA)
        soft = _soften(shade.astype(np.float32) / 255.0, 4 * unit)[:, :, None]
        picture = np.asarray(picture * (1 - 0.18 * strength * soft), dtype=np.float32)
        cover = np.zeros((height, width), dtype=np.uint8)
        cv2.polylines(cover, [path], False, 255, max(1, int(round(unit * (1 + 2 * strength)))), cv2.LINE_AA)
        gaps = cv2.resize(rng.random((12, 12)).astype(np.float32), (width, height)) > 0.35
        picture, mask = _blend_mask(picture, cover * gaps.astype(np.uint8), 0.94)
        damage |= mask
    return picture, damage


def jpeg_noise(picture: FloatImage, quality: int) -> FloatImage:
    """Compress and decompress as JPEG at the given quality (1-100)."""
    eight = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", eight[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return np.asarray(back[:, :, ::-1].astype(np.float32) / 255.0)
