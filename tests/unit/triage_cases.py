"""More than two hundred built scans whose kind is known: colour photographs, and prints of one ink in every dress.

Photographs come from packages with known rights (:mod:`restoration.synthetic.demo_collection`), scenes are drawn by
code; all are 256 pixels long. A case is a name, a picture and whether it is a colour photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from restoration.synthetic.ageing import AgeingPlan, age, fade, grain, gray_to_rgb, jpeg_noise, tint_paper
from restoration.synthetic.demo_collection import ORIGINS, read_origin

SIDE = 256
Pixels = np.ndarray
Random = np.random.Generator
Maker = Callable[[Pixels, Random], Pixels]


class Case(NamedTuple):
    """A built scan (H x W x 3 float32 in [0, 1]) and whether it is a colour photograph."""

    name: str
    pixels: Pixels
    colour: bool


# -- what is photographed --------------------------------------------------------------------------------------------
@cache
def photograph(name: str) -> Pixels:
    whole = read_origin(name)
    scale = SIDE / max(whole.shape)
    return np.asarray(cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def plasma(rng: Random, size: tuple[int, int], roughness: float = 0.6) -> Pixels:
    """A smooth random field in [0, 1], as clouds, cloth and skin have."""
    field = np.zeros(size, np.float32)
    for octave in range(1, 7):
        cells = rng.random((2**octave + 1, 2**octave + 1)).astype(np.float32)
        field += roughness**octave * cv2.resize(cells, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return (field - field.min()) / np.ptp(field)


def portrait(rng: Random) -> Pixels:
    """A head and shoulders before a backdrop, in gray."""
    plane = (0.35 + 0.3 * plasma(rng, (256, 200))).astype(np.float32)
    cv2.ellipse(plane, (100, 250), (90, 90), 0, 0, 360, float(rng.uniform(0.1, 0.3)), -1, cv2.LINE_AA)
    cv2.ellipse(plane, (100, 105), (45, 60), 0, 0, 360, float(rng.uniform(0.55, 0.75)), -1, cv2.LINE_AA)
    cv2.ellipse(plane, (100, 62), (48, 30), 0, 180, 360, 0.12, -1, cv2.LINE_AA)
    for x in (82, 118):
        cv2.circle(plane, (x, 100), 5, 0.15, -1, cv2.LINE_AA)
    cv2.ellipse(plane, (100, 140), (16, 5), 0, 0, 360, 0.35, -1, cv2.LINE_AA)
    return np.asarray(np.clip(cv2.GaussianBlur(plane, (0, 0), 1) + 0.1 * (plasma(rng, (256, 200)) - 0.5), 0, 1))


def street(rng: Random) -> Pixels:
    """Houses under a sky, in gray."""
    plane = (0.7 + 0.25 * plasma(rng, (192, 256))).astype(np.float32)
    for left in range(0, 256, 32):
        top = int(rng.integers(30, 110))
        plane[top:, left : left + 31] = rng.uniform(0.2, 0.65)
        for y in range(top + 8, 180, 20):
            plane[y : y + 9, left + 6 : left + 13] = plane[y : y + 9, left + 18 : left + 25] = rng.uniform(0.05, 0.3)
    return np.asarray(np.clip(plane + 0.08 * (plasma(rng, (192, 256), 0.9) - 0.5), 0, 1))


def luma(pixels: Pixels) -> Pixels:
    return np.asarray(pixels @ np.array([0.299, 0.587, 0.114], np.float32))


@cache
def prints() -> dict[str, Pixels]:
    """Everything that is printed in one ink, as planes H x W."""
    rng = np.random.default_rng(11)
    drawn = {"portrait": portrait(rng), "other portrait": portrait(rng), "street": street(rng)}
    return {**{name: luma(photograph(name)) for name in ORIGINS}, **drawn}


# -- prints of one ink -----------------------------------------------------------------------------------------------
def toned(
    plane: Pixels, black: tuple[float, ...], white: tuple[float, ...], bend: tuple[float, ...] = (0, 0, 0)
) -> Pixels:
    """A print from ``black`` to ``white`` (sRGB), whose mid-tones lie ``bend`` off the line between them."""
    low, high, middle = (np.asarray(colour, np.float32) for colour in (black, white, bend))
    share = plane[:, :, None]
    return np.asarray(low + (high - low) * share + 4 * share * (1 - share) * middle, np.float32)


TONES: dict[str, tuple[tuple[float, ...], ...]] = {
    "sepia": ((0.20, 0.12, 0.07), (0.97, 0.90, 0.76)),
    "warm sepia": ((0.25, 0.12, 0.04), (0.98, 0.86, 0.62), (0.05, 0.0, -0.03)),
    "yellowed": ((0.10, 0.09, 0.06), (0.98, 0.94, 0.80)),
    "cyanotype": ((0.04, 0.13, 0.30), (0.90, 0.96, 0.98)),
    "deep cyanotype": ((0.02, 0.08, 0.35), (0.85, 0.92, 0.95), (-0.05, 0.02, 0.06)),
    "selenium": ((0.13, 0.08, 0.12), (0.95, 0.94, 0.90), (0.02, -0.01, 0.02)),
    "split tone": ((0.08, 0.08, 0.16), (0.99, 0.93, 0.80), (0.0, 0.0, 0.0)),
    "gold chloride": ((0.16, 0.07, 0.10), (0.96, 0.90, 0.84), (0.03, -0.01, 0.0)),
    "platinum": ((0.11, 0.10, 0.08), (0.93, 0.90, 0.83)),
}


def tone(name: str) -> Maker:
    return lambda plane, rng: toned(plane, *TONES[name])


def any_tone(plane: Pixels, rng: Random) -> Pixels:
    return toned(plane, *TONES[str(rng.choice(sorted(TONES)))])


def scanner_noise(pixels: Pixels, rng: Random, sigma: float = 0.025) -> Pixels:
    """Noise of the three channels apart, as a scanner's sensor gives."""
    return np.asarray(pixels + rng.normal(0, sigma, pixels.shape).astype(np.float32))


def noisy_jpeg(plane: Pixels, rng: Random) -> Pixels:
    noisy = scanner_noise(gray_to_rgb(plane), rng, 0.035)
    return jpeg_noise(np.clip(noisy, 0, 1), int(rng.integers(12, 40)))


def noisy_paper(plane: Pixels, rng: Random) -> Pixels:
    return jpeg_noise(np.clip(scanner_noise(any_tone(plane, rng), rng), 0, 1), int(rng.integers(40, 80)))


def radius(shape: tuple[int, ...]) -> Pixels:
    """Distance from the middle: 0 there, 1 at the middle of an edge."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.hypot(x, y)


def unevenly_faded(plane: Pixels, rng: Random) -> Pixels:
    """One tone, paler and yellower towards the edges and in clouds."""
    whole = any_tone(plane, rng)
    gone = toned(0.35 + 0.5 * plane, (0.35, 0.28, 0.18), (0.97, 0.92, 0.78))
    share = np.clip(radius(plane.shape) - 0.6, 0, 0.7) + 0.3 * plasma(rng, plane.shape)
    warm = whole[:, :, 0].mean() > whole[:, :, 2].mean()
    pale = gone if warm else 0.6 * whole + 0.4 * whole.mean(axis=(0, 1))
    return np.asarray(whole + (pale - whole) * share[:, :, None], np.float32)


def bleached_side(plane: Pixels, rng: Random) -> Pixels:
    """Neutral where a mat covered the print, yellowed where light fell."""
    share = np.clip(np.linspace(-0.5, 1.5, plane.shape[1]), 0, 1)[None, :, None]
    return np.asarray(gray_to_rgb(plane) * (1 - share) + tint_paper(gray_to_rgb(plane), "yellowed") * share, np.float32)


def stained(plane: Pixels, rng: Random) -> Pixels:
    """Water stains with dark rims and foxing, all brown, on a toned print."""
    pixels = toned(plane, *TONES[str(rng.choice(["sepia", "yellowed", "platinum"]))])
    cover = np.zeros(plane.shape, np.float32)
    for _ in range(int(rng.integers(2, 5))):
        centre = (int(rng.integers(0, plane.shape[1])), int(rng.integers(0, plane.shape[0])))
        axes = (int(rng.integers(15, 60)), int(rng.integers(15, 60)))
        cv2.ellipse(cover, centre, axes, float(rng.uniform(0, 180)), 0, 360, 0.45, -1, cv2.LINE_AA)
        cv2.ellipse(cover, centre, axes, float(rng.uniform(0, 180)), 0, 360, 0.8, 2, cv2.LINE_AA)
    for _ in range(60):
        centre = (int(rng.integers(0, plane.shape[1])), int(rng.integers(0, plane.shape[0])))
        cv2.circle(cover, centre, int(rng.integers(1, 4)), float(rng.uniform(0.3, 0.9)), -1, cv2.LINE_AA)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 1.5))[:, :, None]
    return np.asarray(pixels * (1 - cover * (1 - np.array([0.85, 0.68, 0.42], np.float32))), np.float32)


MOUNTS = ((0.45, 0.10, 0.12), (0.12, 0.32, 0.20), (0.14, 0.20, 0.42), (0.80, 0.68, 0.40), (0.60, 0.28, 0.20))


def on_a_mount(plane: Pixels, rng: Random) -> Pixels:
    """A toned print on coloured card, up to an eighth of the frame on each side, with a gilt line."""
    pixels = any_tone(plane, rng)
    height, width = plane.shape
    edge = int(rng.uniform(0.05, 0.125) * min(height, width))
    card = np.asarray(MOUNTS[int(rng.integers(len(MOUNTS)))], np.float32)
    framed = np.full_like(pixels, card) * (0.9 + 0.2 * plasma(rng, plane.shape)[:, :, None])
    framed[edge - 2 : height - edge + 2, edge - 2 : width - edge + 2] = (0.75, 0.60, 0.25)
    framed[edge : height - edge, edge : width - edge] = pixels[edge : height - edge, edge : width - edge]
    return np.asarray(framed, np.float32)


def hand_tinted_border(plane: Pixels, rng: Random) -> Pixels:
    """A wash of two colours by hand round the picture, with leaves, as on cabinet cards."""
    pixels = any_tone(plane, rng)
    height, width = plane.shape
    edge = int(rng.uniform(0.05, 0.11) * min(height, width))
    wash = np.where(plasma(rng, plane.shape)[:, :, None] > 0.5, (0.85, 0.45, 0.50), (0.45, 0.65, 0.45)).astype(
        np.float32
    )
    inside = np.zeros(plane.shape, np.float32)
    inside[edge : height - edge, edge : width - edge] = 1
    share = 0.8 * (1 - np.asarray(cv2.GaussianBlur(inside, (0, 0), 1)))[:, :, None]
    return np.asarray(pixels * (1 - share) + pixels.mean(axis=2, keepdims=True) * 1.2 * wash * share, np.float32)


PATCHES = ((0.80, 0.12, 0.15), (0.90, 0.80, 0.10), (0.15, 0.55, 0.25), (0.10, 0.60, 0.75), (0.15, 0.20, 0.60),
           (0.70, 0.20, 0.50))  # fmt: skip


def beside_a_target(plane: Pixels, rng: Random) -> Pixels:
    """A strip of colour patches and gray steps on black card along one side of the frame."""
    pixels = any_tone(plane, rng) if rng.random() < 0.7 else gray_to_rgb(plane)
    depth = int(rng.uniform(0.06, 0.14) * min(plane.shape))
    turns = int(rng.integers(4))
    turned = np.ascontiguousarray(np.rot90(pixels, turns))
    strip = turned[:depth]
    strip[:] = 0.05
    width = turned.shape[1]
    patch = max(4, int(width * rng.uniform(0.04, 0.07)))
    grays = tuple((level,) * 3 for level in np.linspace(0.1, 0.95, 6))
    for number, value in enumerate((*PATCHES, *grays)):
        left = int(0.08 * width) + number * patch
        strip[depth // 6 : depth - depth // 6, left : left + patch - 1] = value
    return np.ascontiguousarray(np.rot90(turned, -turns))


def gray_card(plane: Pixels, rng: Random) -> Pixels:
    """A gray card of another white point along the lower edge of a toned print."""
    pixels = any_tone(plane, rng).copy()
    depth = int(rng.uniform(0.08, 0.14) * plane.shape[0])
    pixels[-depth:] = np.repeat(np.linspace(0.1, 0.9, 12), -(-plane.shape[1] // 12))[: plane.shape[1], None]
    return pixels


def scanner_cast(plane: Pixels, rng: Random) -> Pixels:
    """Three channels with gains and gammas of their own."""
    gains, gammas = rng.uniform(0.85, 1.0, 3), rng.uniform(0.85, 1.18, 3)
    pixels = np.stack([gain * np.clip(plane, 0, 1) ** gamma for gain, gamma in zip(gains, gammas, strict=True)], axis=2)
    return jpeg_noise(np.clip(scanner_noise(pixels.astype(np.float32), rng, 0.01), 0, 1), 75)


def worn(plane: Pixels, rng: Random) -> Pixels:
    """Scratches, dust, a crease, grain and fading on a tinted print."""
    tint = str(rng.choice(["sepia", "cyanotype", "yellowed"]))
    plan = AgeingPlan(fade=0.4, grain=0.3, scratches=0.4, dust=0.4, crease=0.5, jpeg=0.3, tint=tint)
    return age(gray_to_rgb(plane), plan, int(rng.integers(1 << 30))).pixels


def misaligned(plane: Pixels, rng: Random) -> Pixels:
    """A three-pass scanner whose passes lie half a pixel apart: colour fringes at every edge."""
    pixels = gray_to_rgb(plane).copy()
    for channel, shift in ((0, 0.5), (2, -0.4)):
        matrix = np.array([[1, 0, shift], [0, 1, shift / 2]], np.float32)
        pixels[:, :, channel] = cv2.warpAffine(
            pixels[:, :, channel], matrix, plane.shape[::-1], borderMode=cv2.BORDER_REPLICATE
        )
    return pixels


GRAY: dict[str, Maker] = {
    "one channel": lambda plane, rng: gray_to_rgb(plane),
    "gray, faded, JPEG": lambda plane, rng: jpeg_noise(np.clip(fade(gray_to_rgb(plane), 0.6, rng), 0, 1), 50),
    "gray, chroma noise, poor JPEG": noisy_jpeg,
    **{name: tone(name) for name in TONES},
    "tinted paper, noise, JPEG": noisy_paper,
    "uneven fading": unevenly_faded,
    "one side bleached": bleached_side,
    "stains": stained,
    "coloured mount": on_a_mount,
    "hand-tinted border": hand_tinted_border,
    "colour target in the frame": beside_a_target,
    "gray card in the frame": gray_card,
    "scanner's cast": scanner_cast,
    "worn": worn,
    "channels apart": misaligned,
}


# -- colour photographs ----------------------------------------------------------------------------------------------
def desaturated(pixels: Pixels, share: float) -> Pixels:
    flat = luma(pixels)[:, :, None]
    return np.asarray(flat + share * (pixels - flat), np.float32)


def magenta_print(pixels: Pixels, rng: Random) -> Pixels:
    """A chromogenic print of the seventies: cyan dye gone, contrast low, everything magenta."""
    faded = desaturated(pixels, float(rng.uniform(0.45, 0.65)))
    return np.asarray(np.array([0.25, 0.12, 0.16], np.float32) + faded * np.array([0.70, 0.58, 0.62], np.float32))


def yellow_print(pixels: Pixels, rng: Random) -> Pixels:
    """The same kept in the dark: blue gone, stained yellow."""
    faded = desaturated(pixels, float(rng.uniform(0.5, 0.7)))
    return np.asarray(np.array([0.22, 0.18, 0.08], np.float32) + faded * np.array([0.72, 0.70, 0.52], np.float32))


def fog(pixels: Pixels, rng: Random) -> Pixels:
    """Fog lies over the scene: contrast and colour go together."""
    depth = rng.uniform(0.35, 0.5)
    return np.asarray(pixels * (1 - depth) + depth * np.array([0.78, 0.80, 0.82], np.float32), np.float32)


def pale(pixels: Pixels, rng: Random) -> Pixels:
    return desaturated(pixels, float(rng.uniform(0.35, 0.5)))


def poor_jpeg(pixels: Pixels, rng: Random) -> Pixels:
    noisy = grain(pixels, 0.3, rng)
    return jpeg_noise(np.clip(noisy, 0, 1), int(rng.integers(20, 45)))


def warm_scan(pixels: Pixels, rng: Random) -> Pixels:
    """A colour photograph scanned with a warm cast."""
    return np.asarray(pixels * np.array([1.0, 0.9, 0.72], np.float32))


COLOUR: dict[str, Maker] = {
    "as it is": lambda pixels, rng: pixels,
    "poor JPEG": poor_jpeg,
    "magenta print": magenta_print,
    "yellowed print": yellow_print,
    "fog": fog,
    "pale": pale,
    "warm cast": warm_scan,
}


def snow(rng: Random) -> Pixels:
    """Bluish snow, gray trees, and people in coats: nearly gray, but colour."""
    plane = 0.75 + 0.2 * plasma(rng, (192, 256))
    pixels = toned(plane.astype(np.float32), (0.0, 0.02, 0.06), (0.97, 0.98, 1.0))
    for x in range(10, 256, 23):
        cv2.line(
            pixels, (x, 20 + int(rng.integers(40))), (x, 130), (0.22, 0.19, 0.17), int(rng.integers(2, 6)), cv2.LINE_AA
        )
    for colour in ((0.65, 0.12, 0.14), (0.15, 0.25, 0.55), (0.75, 0.55, 0.12)):
        x, y = int(rng.integers(40, 215)), int(rng.integers(110, 150))
        cv2.ellipse(pixels, (x, y), (10, 22), 0, 0, 360, colour, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.8))


def bricks(rng: Random) -> Pixels:
    """A wall from red to ochre with gray mortar, a door and a strip of sky: the palette of sepia, but colour."""
    pixels = np.full((192, 256, 3), (0.62, 0.60, 0.57), np.float32)
    kinds = np.array([(0.55, 0.25, 0.18), (0.62, 0.33, 0.22), (0.48, 0.28, 0.22), (0.66, 0.46, 0.30)], np.float32)
    for row, y in enumerate(range(0, 192, 12)):
        for x in range(-12 * (row % 2), 256, 24):
            pixels[y : y + 10, max(0, x) : max(0, x + 22)] = kinds[int(rng.integers(4))] * rng.uniform(0.8, 1.15)
    pixels[:26] = (0.70, 0.78, 0.86)
    pixels[90:, 100:140] = (0.25, 0.33, 0.26)
    light = 0.75 + 0.4 * plasma(rng, (192, 256))[:, :, None]
    return np.clip(cv2.GaussianBlur(pixels, (0, 0), 0.7) * light, 0, 1).astype(np.float32)


def wood(rng: Random) -> Pixels:
    """Boards of several woods, with plants and a tin on them."""
    pixels = np.zeros((192, 256, 3), np.float32)
    kinds = ((0.45, 0.27, 0.14), (0.72, 0.55, 0.33), (0.35, 0.18, 0.12), (0.60, 0.38, 0.20), (0.55, 0.47, 0.38))
    for number, x in enumerate(range(0, 256, 32)):
        streaks = cv2.resize(rng.random((6, 16)).astype(np.float32), (32, 192), interpolation=cv2.INTER_CUBIC)
        pixels[:, x : x + 31] = np.asarray(kinds[number % 5], np.float32) * (0.7 + 0.5 * streaks[:, :31, None])
    for colour in ((0.25, 0.42, 0.18), (0.20, 0.38, 0.22), (0.30, 0.42, 0.55)):
        centre = (int(rng.integers(50, 205)), int(rng.integers(45, 145)))
        cv2.circle(pixels, centre, int(rng.integers(14, 22)), colour, -1, cv2.LINE_AA)
    return np.clip(cv2.GaussianBlur(pixels, (0, 0), 0.8), 0, 1).astype(np.float32)


def one_colour_thing(rng: Random) -> Pixels:
    """Gray surroundings as concrete has them, and one coloured thing of two to six parts in a hundred."""
    pixels = toned(street(rng), (0.04, 0.04, 0.05), (0.93, 0.93, 0.95))
    colours = ((0.78, 0.10, 0.12), (0.92, 0.72, 0.08), (0.12, 0.45, 0.22), (0.12, 0.25, 0.62), (0.85, 0.45, 0.10))
    share = rng.uniform(0.025, 0.06)
    side = int(np.sqrt(share * pixels.shape[0] * pixels.shape[1]))
    x, y = int(rng.integers(55, 195 - side)), int(rng.integers(45, 145 - side))
    shade = 0.7 + 0.5 * plasma(rng, (side, side))[:, :, None]
    pixels[y : y + side, x : x + side] = np.asarray(colours[int(rng.integers(5))], np.float32) * shade
    return np.clip(cv2.GaussianBlur(scanner_noise(pixels, rng, 0.01), (0, 0), 0.6), 0, 1).astype(np.float32)


def hand_coloured(rng: Random) -> Pixels:
    """A toned portrait with rouge, a blue dress and a green curtain painted on: colour, made by a person."""
    plane = portrait(rng)
    pixels = any_tone(plane, rng)
    for (centre, axes), wash in {
        ((100, 235), (85, 70)): (0.45, 0.60, 1.05),
        ((100, 110), (42, 55)): (1.12, 0.88, 0.78),
        ((20, 90), (30, 90)): (0.65, 1.0, 0.65),
        ((100, 140), (18, 7)): (1.25, 0.55, 0.55),
    }.items():
        cover = np.zeros(plane.shape, np.float32)
        cv2.ellipse(cover, centre, axes, 0, 0, 360, 0.75, -1, cv2.LINE_AA)
        share = np.asarray(cv2.GaussianBlur(cover, (0, 0), 2))[:, :, None]
        painted = pixels.mean(axis=2, keepdims=True) * np.asarray(wash, np.float32)
        pixels = np.asarray(pixels * (1 - share) + painted * share, np.float32)
    return np.clip(pixels, 0, 1)


SCENES: dict[str, Callable[[Random], Pixels]] = {
    "snow": snow,
    "bricks": bricks,
    "wood": wood,
    "one coloured thing": one_colour_thing,
    "hand-coloured portrait": hand_coloured,
}
SCENE_VARIANTS = 8


def cases() -> Iterator[Case]:
    """Every case, always the same."""
    for kind, make in GRAY.items():
        for name, plane in prints().items():
            pixels = make(plane, _rng(kind, name))
            yield Case(f"{kind}: {name}", np.clip(pixels, 0, 1).astype(np.float32), colour=False)
    for kind, make in COLOUR.items():
        for name in ORIGINS:
            pixels = make(photograph(name), _rng(kind, name))
            yield Case(f"{kind}: {name}", np.clip(pixels, 0, 1).astype(np.float32), colour=True)
    for kind, draw in SCENES.items():
        for number in range(SCENE_VARIANTS):
            yield Case(f"{kind}: {number}", draw(_rng(kind, str(number))), colour=True)


def _rng(*words: str) -> Random:
    return np.random.default_rng(list("/".join(words).encode()))
