"""Damage of a known place, kind and truth, for training and scoring: what :mod:`restoration.steps.repair` must find.

A plane is H x W float32 in [0, 1], sRGB-encoded gray. Damage is drawn in the order in which it happens to a print: what
the emulsion suffers, what hands and the drawer do to it, what lies on the glass when it is scanned. ``kinds`` holds the
place of each kind in :data:`KINDS`, 0 where nothing is wrong; ``unsure`` marks pixels about which a finder may say what
it likes: the shade beside a fold, a scratch that cannot be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import DamageKind
from restoration.synthetic import shapes, surfaces
from restoration.synthetic.shapes import Plane, Random, log_uniform

KINDS: tuple[DamageKind | None, ...] = (None, *DamageKind)
"""What the numbers in ``kinds`` stand for; the first is an undamaged pixel."""

_NUMBER = {kind: number for number, kind in enumerate(KINDS)}
_LEAST_COVER = 0.2
"""From this share on a pixel counts as damaged; between a tenth of it and this it is anybody's guess."""
_VISIBLE = 5 / 255
"""A mark that changes a pixel by less cannot be seen."""


@dataclass
class Worn:
    """A plane on its way through damage, with what is known of it."""

    plane: Plane
    kinds: NDArray[np.uint8]
    unsure: NDArray[np.bool_]

    @classmethod
    def clean(cls, plane: Plane) -> Worn:
        """Nothing is wrong yet."""
        return cls(plane, np.zeros(plane.shape, np.uint8), np.zeros(plane.shape, bool))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.plane.shape[0], self.plane.shape[1]

    def lay(self, cover: Plane, surface: Plane | float, kind: DamageKind, *, counts: Plane | None = None) -> None:
        """Put a surface over the plane as far as ``cover`` goes.

        :param counts: the part of the cover that counts as the kind; all of it where None.
        """
        new = self.plane * (1 - cover) + np.asarray(surface, np.float32) * cover
        seen = np.abs(new - self.plane) > _VISIBLE
        marked = (cover if counts is None else counts) > _LEAST_COVER
        touched = cover > _LEAST_COVER / 10
        self.kinds[marked & seen] = _NUMBER[kind]
        self.unsure = (self.unsure & ~(marked & seen)) | (touched & ~(marked & seen) & (self.kinds == 0))
        self.plane = np.asarray(new, np.float32)

    def shade(self, change: Plane) -> None:
        """Lighten or darken by ``change``; nothing counts as damage, visible changes are anybody's guess."""
        self.plane = np.clip(self.plane + change, 0, 1)
        self.unsure |= (np.abs(change) > _VISIBLE) & (self.kinds == 0)


def scratches(worn: Worn, rng: Random) -> None:
    """Lines of any width from half a pixel to a dozen: single, in parallel tracks, broken, bent or straight."""
    for _ in range(_few(rng, 1, 5)):
        width = log_uniform(rng, 3.0, 14.0) if rng.random() < 0.35 else log_uniform(rng, 0.5, 4.0)
        length = log_uniform(rng, 25, 2.0 * max(worn.shape))
        path = shapes.wavering_path(worn.shape, rng, length=length, bend=log_uniform(rng, 0.001, 0.12))
        tracks = _few(rng, 2, 6) if rng.random() < 0.12 else 1
        for track in range(tracks):
            _scratch(worn, path + track * rng.normal(0, 4 * width + 2, 2), width, rng)


def _scratch(worn: Worn, path: shapes.Points, width: float, rng: Random) -> None:
    if rng.random() < 0.3:
        cover = shapes.tapering_line(worn.shape, path, width * rng.uniform(0.4, 1), width * rng.uniform(0, 1))
    else:
        cover = shapes.line(worn.shape, path, width)
    if rng.random() < 0.35:
        cover = shapes.broken(cover, rng.uniform(0.1, 0.6), log_uniform(rng, 2, 25), rng)
    if rng.random() < 0.3:
        cover = _softened(cover, rng.uniform(0.4, 0.3 + 0.25 * width))
    tone = _mark_tone(rng)
    if width > 3 and rng.random() < 0.5:
        worn.lay(cover, surfaces.paper(worn.shape, tone, rng), DamageKind.SCRATCH)
    else:
        worn.lay(cover * np.float32(rng.uniform(0.45, 1.0)), tone, DamageKind.SCRATCH)
    if width > 1.5 and rng.random() < 0.2:
        _emboss(worn, cover, rng)


def _emboss(worn: Worn, cover: Plane, rng: Random) -> None:
    """A thin shade along one side of a mark: light falls on its edge."""
    moved = np.roll(cover, (int(rng.integers(-2, 3)), int(rng.integers(-2, 3))), axis=(0, 1))
    rim = np.clip(moved - cover, 0, 1) * np.float32(rng.uniform(-0.35, 0.25))
    worn.shade(rim * (cover < 0.5))


def creases(worn: Worn, rng: Random) -> None:
    """Folds from edge to edge: a broken line of bare paper, and a shade on one side or both."""
    for _ in range(_few(rng, 1, 3)):
        path = shapes.crossing_path(worn.shape, rng, waver=log_uniform(rng, 0.3, 10))
        width = log_uniform(rng, 0.7, 9.0)
        broad = shapes.line(worn.shape, path, log_uniform(rng, 4, 40))
        shade = _softened(broad, log_uniform(rng, 1.5, 14)) * np.float32(rng.uniform(-0.22, 0.14))
        worn.shade(shade)
        cover = shapes.line(worn.shape, path, width)
        ragged = np.clip(
            cover + shapes.rough_noise(worn.shape, max(2.0, width), rng) * np.float32(0.35) * (cover > 0), 0, 1
        )
        gaps = rng.uniform(0, 0.55)
        cover = shapes.broken(np.asarray(ragged, np.float32), gaps, log_uniform(rng, 3, 30), rng)
        tone = float(rng.uniform(0.7, 1.0)) if rng.random() < 0.8 else float(rng.uniform(0, 0.25))
        cover = cover * np.float32(rng.uniform(0.55, 1.0))
        worn.lay(_softened(cover, rng.uniform(0.2, 1.0)), surfaces.paper(worn.shape, tone, rng), DamageKind.CREASE)


def cracks(worn: Worn, rng: Random) -> None:
    """A net of cracks over a part of the print."""
    width = log_uniform(rng, 0.6, 4.0)
    cover = shapes.crack_network(worn.shape, log_uniform(rng, 14, 160), width, rng)
    cover = shapes.broken(cover, rng.uniform(0.1, 0.8), log_uniform(rng, 20, 120), rng)
    tone = float(rng.uniform(0.7, 1.0)) if rng.random() < 0.8 else float(rng.uniform(0, 0.3))
    worn.lay(_softened(cover * np.float32(rng.uniform(0.4, 1)), rng.uniform(0.2, 0.8)), tone, DamageKind.CREASE)


def holes(worn: Worn, rng: Random) -> None:
    """What is gone: patches of 6 to 120 pixels, corners and edges, torn or cut, with or without a rim of fibres."""
    for _ in range(_few(rng, 1, 4)):
        if rng.random() < 0.28:
            cover = shapes.missing_edge(worn.shape, log_uniform(rng, 4, 0.4 * min(worn.shape)), rng)
        else:
            size = log_uniform(rng, 8, min(130, 0.7 * min(worn.shape)))
            shape = shapes.jagged if rng.random() < 0.5 else shapes.blob
            cover = shape(worn.shape, size, rng)
        _opened(worn, cover, rng)


def tears(worn: Worn, rng: Random) -> None:
    """A rip that comes in from an edge and closes, up to 60 pixels wide where it begins."""
    height, width = worn.shape
    for _ in range(_few(rng, 1, 3)):
        side = int(rng.integers(4))
        place = float(rng.uniform(0, 1))
        anchor = (
            (place * width, 0.0),
            (place * width, float(height)),
            (0.0, place * height),
            (float(width), place * height),
        )[side]
        path = shapes.wavering_path(
            worn.shape,
            rng,
            length=log_uniform(rng, 20, 1.2 * max(worn.shape)),
            bend=rng.uniform(0.02, 0.2),
            anchor=anchor,
        )
        first = log_uniform(rng, 2, 60)
        if rng.random() < 0.6:
            _opened(worn, shapes.wedge(worn.shape, path, first, rng), rng)
            continue
        cover = shapes.tapering_line(worn.shape, path, first, rng.uniform(0, min(2.0, first)))
        ragged = cover + shapes.rough_noise(worn.shape, max(2.0, first / 3), rng) * np.float32(0.3)
        _opened(worn, np.clip(np.where(cover > 0, ragged, 0), 0, 1).astype(np.float32), rng)


def flaking(worn: Worn, rng: Random) -> None:
    """Emulsion that has come off in flakes."""
    cover = shapes.flakes(worn.shape, log_uniform(rng, 1.5, 16), rng.uniform(0.01, 0.12), rng)
    _opened(worn, cover, rng)


def _opened(worn: Worn, cover: Plane, rng: Random) -> None:
    """Bare ground where the cover is, and often a rim where the paper's fibres show."""
    if rng.random() < 0.45:
        reach = int(rng.integers(2, 9))
        wide = np.asarray(cv2.dilate(cover, np.ones((reach, reach), np.uint8)), np.float32)
        ragged = np.clip(wide + shapes.rough_noise(worn.shape, 3.0, rng) * np.float32(0.3), 0, 1) * (wide > 0)
        rim_tone = float(rng.uniform(0.8, 1.0)) if rng.random() < 0.8 else float(rng.uniform(0.1, 0.4))
        worn.lay(np.asarray(ragged, np.float32), surfaces.paper(worn.shape, rim_tone, rng), DamageKind.HOLE)
    tone = surfaces.bare_tone(rng)
    # a scanner's bed has no texture of its own
    ground = tone if rng.random() < 0.25 else surfaces.paper(worn.shape, tone, rng)
    if rng.random() < 0.15:
        cover = cover * np.float32(rng.uniform(0.6, 1.0))
    if rng.random() < 0.3:
        cover = _softened(cover, rng.uniform(0.5, 3.0))
    worn.lay(np.asarray(cover, np.float32), ground, DamageKind.HOLE)


def dust(worn: Worn, rng: Random) -> None:
    """Specks and hairs: white ones where dust lay on a negative, dark ones where it lay on the print."""
    for _ in range(_few(rng, 1, 2)):
        count = round(log_uniform(rng, 1.5, 45))
        top = log_uniform(rng, 1.5, 9)
        cover = shapes.specks(worn.shape, count, (0.6, top), rng)
        if rng.random() < 0.5:
            cover = np.maximum(cover, shapes.hairs(worn.shape, _few(rng, 1, 5), rng))
        if rng.random() < 0.3:
            cover = _softened(cover, rng.uniform(0.3, 0.9))
        tone = float(rng.uniform(0.82, 1.0)) if rng.random() < 0.6 else float(rng.uniform(0, 0.3))
        worn.lay(cover * np.float32(rng.uniform(0.6, 1.0)), tone, DamageKind.DUST)


def stains(worn: Worn, rng: Random) -> None:
    """Patches that veil the picture: water with its rim, foxing, fingerprints, tape; its drawing stays."""
    draw = rng.random()
    if draw < 0.45:
        _water(worn, rng)
    elif draw < 0.7:
        _foxing(worn, rng)
    elif draw < 0.85:
        _fingerprint(worn, rng)
    else:
        _tape(worn, rng)


def _veil(worn: Worn, cover: Plane, tone: float) -> None:
    worn.lay(cover, tone, DamageKind.STAIN)


def _water(worn: Worn, rng: Random) -> None:
    size = log_uniform(rng, 20, 1.2 * max(worn.shape))
    patch = _softened(shapes.blob(worn.shape, size, rng), rng.uniform(1, 6))
    inner = np.asarray(cv2.erode(patch, np.ones((7, 7), np.uint8)), np.float32)
    rim = np.clip(patch - _softened(inner, 1.5), 0, 1)
    _veil(worn, patch * np.float32(rng.uniform(0.08, 0.4)), surfaces.bare_tone(rng))
    worn.lay(rim * np.float32(rng.uniform(0, 0.5)), float(rng.uniform(0.1, 0.5)), DamageKind.STAIN)


def _foxing(worn: Worn, rng: Random) -> None:
    cover = shapes.specks(worn.shape, round(log_uniform(rng, 3, 40)), (3, 18), rng)
    _veil(worn, _softened(cover, rng.uniform(1, 3)) * np.float32(rng.uniform(0.15, 0.5)), float(rng.uniform(0.2, 0.6)))


def _fingerprint(worn: Worn, rng: Random) -> None:
    height, width = worn.shape
    size = log_uniform(rng, 50, 160)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre = (rng.uniform(0, width), rng.uniform(0, height))
    radius = np.sqrt((x - np.float32(centre[0])) ** 2 + ((y - np.float32(centre[1])) * np.float32(0.7)) ** 2)
    warped = radius + shapes.smooth_noise(worn.shape, size / 3, rng) * np.float32(4)
    ridges = 0.5 + 0.5 * np.sin(warped * np.float32(2 * np.pi / rng.uniform(4, 9)))
    patch = shapes.blob(worn.shape, size, rng, centre=centre)
    _veil(
        worn,
        np.asarray(_softened(patch, 4) * ridges * np.float32(rng.uniform(0.1, 0.35)), np.float32),
        surfaces.bare_tone(rng),
    )


def _tape(worn: Worn, rng: Random) -> None:
    path = shapes.wavering_path(worn.shape, rng, length=log_uniform(rng, 60, 2 * max(worn.shape)), bend=0.0)
    cover = shapes.line(worn.shape, path, log_uniform(rng, 16, 60)) * np.float32(rng.uniform(0.1, 0.4))
    _veil(worn, cover, float(rng.uniform(0.3, 0.9)))


Maker = Callable[[Worn, Random], None]
MAKERS: tuple[tuple[Maker, float], ...] = (
    (stains, 0.07),
    (cracks, 0.07),
    (flaking, 0.06),
    (creases, 0.18),
    (tears, 0.28),
    (holes, 0.40),
    (scratches, 0.45),
    (dust, 0.35),
)
"""What may happen to a print, in the order in which it happens, and how often each does when anything does."""


def wear(worn: Worn, rng: Random, makers: tuple[tuple[Maker, float], ...] = MAKERS) -> None:
    """Damage a plane: each kind by its chance, at least one."""
    chosen = [maker for maker, chance in makers if rng.random() < chance]
    if not chosen:
        chosen = [makers[int(rng.integers(len(makers)))][0]]
    for maker in chosen:
        maker(worn, rng)


def _few(rng: Random, low: int, high: int) -> int:
    """A number between both, small ones more often."""
    return int(round(log_uniform(rng, low, high + 0.49)))


def _mark_tone(rng: Random) -> float:
    draw = rng.random()
    if draw < 0.62:
        return float(rng.uniform(0.8, 1.0))
    return float(rng.uniform(0, 0.2)) if draw < 0.92 else float(rng.uniform(0.2, 0.8))


def _softened(cover: Plane, sigma: float) -> Plane:
    if sigma < 0.25:
        return cover
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), sigma), np.float32)
