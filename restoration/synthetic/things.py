"""Innocents: what people wear and what stands round them, drawn into a crop before it becomes a print.

A finder of damage that has not seen them takes them for scratches, holes and dust. They are blurred and grained with
the photograph, which damage that came later is not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from restoration.synthetic import dress, lettering, surroundings
from restoration.synthetic.scene import Mask, Scene, contrasting
from restoration.synthetic.shapes import Plane, Random


def signs(scene: Scene, rng: Random) -> None:
    """Lettering in the scene itself: a sign, a name on a boat, an embroidered one."""
    cover = lettering.cover(scene.shape, rng)
    seen = cover > 0
    if seen.any():
        scene.put(cover * np.float32(rng.uniform(0.6, 1)), contrasting(float(scene.plane[seen].mean()), rng))


MAKERS: tuple[tuple[Callable[[Scene, Random], None], float], ...] = (
    (surroundings.ledge, 0.06),
    (surroundings.pane, 0.04),
    (dress.linen, 0.05),
    (dress.handkerchief, 0.04),
    (dress.pocket_square, 0.09),
    (dress.lace, 0.05),
    (dress.chain, 0.14),
    (dress.buttons, 0.12),
    (dress.studs, 0.10),
    (dress.brooch, 0.06),
    (dress.spectacles, 0.04),
    (dress.eyes, 0.05),
    (surroundings.pole, 0.06),
    (surroundings.stick, 0.08),
    (surroundings.rope, 0.06),
    (surroundings.twigs, 0.04),
    (surroundings.film_edge, 0.04),
    (signs, 0.03),
)
"""What may be in a crop, in the order in which it is drawn, and how often each is if anything is."""


def furnish(plane: Plane, rng: Random) -> tuple[Plane, Mask]:
    """A crop with things in it, at least one, and where they are."""
    scene = Scene.of(plane, rng)
    chosen = [maker for maker, chance in MAKERS if rng.random() < chance]
    if not chosen:
        chosen = [MAKERS[int(rng.integers(len(MAKERS)))][0]]
    for maker in chosen:
        maker(scene, rng)
    return scene.plane, scene.things
