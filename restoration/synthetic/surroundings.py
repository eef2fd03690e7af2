"""What stands round people and looks like damage: poles, sticks, ropes, twigs, ledges, panes, a film's edge.

Each function draws one or a few of a kind into a :class:`restoration.synthetic.scene.Scene`. Plain lines of one tone
are not among them: without what they belong to, nobody could tell them from scratches.
"""

from __future__ import annotations

import numpy as np

from restoration.synthetic.dress import along
from restoration.synthetic.scene import Canvas, Scene, contrasting, turned, upright
from restoration.synthetic.shapes import Points, Random, log_uniform, smooth_noise


def pole(scene: Scene, rng: Random) -> None:
    """A pole, a mast, a rod or a post, straight and round, with a knob or a flag at its end now and then."""
    width, length = log_uniform(rng, 1.2, 8), log_uniform(rng, 20, 110)
    path, place = _straight(scene, length, rng)
    canvas = scene.canvas()
    _tapered(canvas, path, width, width * rng.uniform(0.4, 1))
    if rng.random() < 0.3:
        canvas.ellipse(path[-1], (width * rng.uniform(0.6, 1.3),) * 2)
    tone = contrasting(scene.tone_at(place), rng)
    if rng.random() < 0.3:
        _flag(scene, path, width, tone, rng)
    scene.solid(canvas.cover, tone, width, rng, relief=rng.uniform(0.3, 0.7))


def _straight(scene: Scene, length: float, rng: Random) -> tuple[Points, Points]:
    """Twenty points of a nearly straight line, mostly upright or level, and its middle."""
    place = scene.place(min(length, 60), rng, dark=(None, None, True, False)[int(rng.integers(4))])
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.12)
    t = np.linspace(-0.5, 0.5, 20)
    bow = length * rng.normal(0, 0.01) * (1 - 4 * t * t)
    return turned(np.stack([t * length, bow], axis=1), float(angle), place), place


def _tapered(canvas: Canvas, path: Points, first: float, last: float) -> None:
    for number, width in enumerate(np.linspace(first, last, len(path) - 1)):
        canvas.line(path[number : number + 2], float(width))


def _flag(scene: Scene, path: Points, width: float, tone: float, rng: Random) -> None:
    """A pennant or a flag at the end of a pole."""
    end, back = path[-1], path[-1] - path[-6]
    out = np.array([-back[1], back[0]]) * rng.uniform(0.4, 1.5) * (1 if rng.random() < 0.5 else -1)
    corners = np.stack([end, end + out - 0.3 * back, end - back + out * rng.uniform(0, 1), end - back])
    canvas = scene.canvas()
    canvas.polygon(corners)
    scene.solid(canvas.cover, float(np.clip(tone + rng.normal(0, 0.2), 0, 1)), 3 * width, rng)


def stick(scene: Scene, rng: Random) -> None:
    """A walking stick, an oar, a bow or a strap, and often the hand that holds it."""
    width, length = log_uniform(rng, 1.2, 8), log_uniform(rng, 25, 160)
    path, place = _straight(scene, length, rng)
    canvas = scene.canvas()
    _tapered(canvas, path, width, width * rng.uniform(0.6, 1.1))
    scene.solid(canvas.cover, contrasting(scene.tone_at(place), rng), width, rng)
    if rng.random() < 0.5:
        _hand(scene, path[int(rng.integers(4, 16))], width, rng)


def _hand(scene: Scene, place: Points, width: float, rng: Random) -> None:
    """A back of a hand, and fingers across what it holds."""
    size, tone, angle = (
        max(3.0, width * rng.uniform(1.5, 3.5)),
        float(rng.uniform(0.4, 0.95)),
        rng.uniform(0, 2 * np.pi),
    )
    canvas = scene.canvas()
    canvas.ellipse(place, (size, 0.7 * size), np.degrees(angle))
    scene.solid(canvas.cover, tone, size, rng, relief=rng.uniform(0.1, 0.4))
    for number in range(4):
        finger = scene.canvas()
        start = np.array([0.6 * size, (number - 1.5) * 0.36 * size])
        tip = start + np.array([size * rng.uniform(0.5, 1.1), size * rng.normal(0, 0.1)])
        finger.line(turned(np.stack([start, tip]), angle, place), 0.3 * size)
        scene.solid(finger.cover, float(np.clip(tone + rng.normal(0, 0.06), 0, 1)), 0.3 * size, rng)


def rope(scene: Scene, rng: Random) -> None:
    """A twisted rope, a cord, braid on a hat or a uniform: light and dark strands in turn."""
    width, length = log_uniform(rng, 2, 8), log_uniform(rng, 20, 180)
    place = scene.place(0.4 * length, rng, dark=(None, True, False)[int(rng.integers(3))])
    t = np.linspace(-0.5, 0.5, 80)
    bend = length * rng.normal(0, 0.3)
    path = np.stack([t * length, bend * t * t + 0.05 * length * np.sin(t * rng.uniform(0, 12))], axis=1)
    path = turned(path, upright(rng), place)
    tone = contrasting(scene.tone_at(place), rng)
    base, strands = scene.canvas(), scene.canvas()
    base.line(path, width)
    points, angles = along(path, width * rng.uniform(0.5, 1.2))
    slant = rng.uniform(20, 70)
    for point, angle in zip(points, angles, strict=True):
        strands.ellipse(point, (0.62 * width, 0.2 * width), float(angle) + slant)
    scene.solid(base.cover, float(np.clip(tone - rng.uniform(0.05, 0.4), 0, 1)), width, rng)
    scene.put(np.minimum(strands.cover, base.cover), tone)


def twigs(scene: Scene, rng: Random) -> None:
    """A branch that forks and thins out, mostly dark before the sky."""
    place = scene.place(40, rng, dark=False if rng.random() < 0.7 else None)
    tone = contrasting(scene.tone_at(place), rng, lighter=rng.random() < 0.2)
    canvas = scene.canvas()
    start = place + rng.normal(0, 30, 2)
    _branch(canvas, start, rng.uniform(0, 2 * np.pi), log_uniform(rng, 18, 90), log_uniform(rng, 0.8, 6), 3, rng)
    scene.solid(canvas.cover, tone, 2, rng)


def _branch(canvas: Canvas, start: Points, angle: float, length: float, width: float, forks: int, rng: Random) -> None:
    turns = angle + np.cumsum(rng.normal(0, 0.12, 8))
    path = start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / 8, axis=0)
    _tapered(canvas, np.concatenate([start[None], path]), width, 0.6 * width)
    if forks and width > 0.5:
        for _ in range(int(rng.integers(1, 4))):
            at = path[int(rng.integers(2, 8))]
            aside = float(turns[-1]) + rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
            _branch(canvas, at, aside, length * rng.uniform(0.4, 0.8), 0.6 * width, forks - 1, rng)


def ledge(scene: Scene, rng: Random) -> None:
    """The edge of a table, a step, a hat's brim or a skirting: a light or dark line where one tone ends."""
    place, width = scene.place(40, rng), log_uniform(rng, 0.8, 7)
    angle, reach = upright(rng), float(sum(scene.shape))
    length = reach if rng.random() < 0.5 else log_uniform(rng, 20, 140)
    t = np.linspace(-0.5, 0.5, 24)
    bow = length * rng.normal(0, 0.08) if rng.random() < 0.5 else 0.0
    line = np.stack([t * length, bow * (1 - 4 * t * t)], axis=1)
    below = np.concatenate([line, line[::-1] + np.array([0, log_uniform(rng, 4, 0.6 * reach)])])
    side, edge = scene.canvas(), scene.canvas()
    side.polygon(turned(below, angle, place))
    edge.line(turned(line, angle, place), width)
    ground = scene.tone_at(place)
    beyond = float(np.clip(ground + rng.choice([-1, 1]) * rng.uniform(0.1, 0.5), 0, 1))
    scene.put(side.cover * np.float32(rng.uniform(0.5, 1)), beyond)
    scene.solid(edge.cover, contrasting(ground, rng), width, rng)


def pane(scene: Scene, rng: Random) -> None:
    """A light on glass, a sheet of paper, a label or a far window: an even patch with straight, soft edges."""
    wide, high = log_uniform(rng, 3, 60), log_uniform(rng, 3, 60)
    place = scene.place(max(wide, high), rng, dark=True if rng.random() < 0.7 else None)
    lean = rng.normal(0, 0.3) * high
    corners = np.array([(-wide, -high), (wide, -high + lean), (wide, high + lean), (-wide, high)]) / 2
    canvas = scene.canvas()
    canvas.polygon(turned(corners + rng.normal(0, 0.04, corners.shape) * wide, upright(rng), place))
    tone = contrasting(scene.tone_at(place), rng)
    surface = np.float32(tone) + smooth_noise(scene.shape, max(wide, high), rng) * np.float32(rng.uniform(0, 0.08))
    scene.put(canvas.cover * np.float32(rng.uniform(0.5, 1)), np.clip(surface, 0, 1), shadow=rng.uniform(0, 0.3))


def film_edge(scene: Scene, rng: Random) -> None:
    """A dark strip along a side, with a light line, with sprocket holes or with knobs of a holder's shade."""
    height, width = scene.shape
    depth, sideways = log_uniform(rng, 6, 50), rng.random() < 0.5
    long, across = (height, width) if sideways else (width, height)
    far = rng.random() < 0.5
    near_edge = np.array([(-5, -5), (long + 5, -5), (long + 5, depth), (-5, depth)], np.float64)
    tone = float(rng.uniform(0, 0.15)) if rng.random() < 0.85 else float(rng.uniform(0.8, 1))
    strip, marks = scene.canvas(), scene.canvas()
    strip.polygon(_placed(near_edge, across, sideways, far))
    scene.put(strip.cover, tone)
    draw = rng.random()
    if draw < 0.5:
        _sprockets(marks, long, depth, across, sideways, far, rng)
    if draw > 0.3:
        x = np.linspace(-5, long + 5, 40)
        wander = depth * rng.uniform(0.3, 1) + np.cumsum(rng.normal(0, 0.12, 40))
        for number in range(len(x) - 1):  # light comes and goes along such an edge
            if rng.random() < 0.8:
                part = np.stack([x[number : number + 2], wander[number : number + 2]], axis=1)
                marks.line(_placed(part, across, sideways, far), log_uniform(rng, 0.5, 3), int(rng.integers(60, 256)))
    scene.put(marks.cover, float(rng.uniform(0.6, 1)) if tone < 0.5 else float(rng.uniform(0, 0.3)))


def _sprockets(canvas: Canvas, long: int, depth: float, across: int, sideways: bool, far: bool, rng: Random) -> None:
    """Rounded holes at an even pitch, white or as a thin rim."""
    pitch, start = log_uniform(rng, 16, 90), rng.uniform(0, 60)
    size = np.array([pitch * rng.uniform(0.2, 0.36), min(0.4 * depth, 0.4 * pitch)])
    rim = rng.uniform(0.4, 1.5) if rng.random() < 0.6 else 0.0
    for at in np.arange(start, long, pitch):
        centre = _placed(np.array([(at, depth * 0.5)]), across, sideways, far)[0]
        axes = (float(size[1]), float(size[0])) if sideways else (float(size[0]), float(size[1]))
        canvas.ellipse(centre, axes, 0, 255, rim=rim)


def _placed(points: Points, across: int, sideways: bool, far: bool) -> Points:
    """Points (along a side, away from it) as (x, y)."""
    away = across - points[:, 1] if far else points[:, 1]
    pair = (away, points[:, 0]) if sideways else (points[:, 0], away)
    return np.asarray(np.stack(pair, axis=1), np.float64)
