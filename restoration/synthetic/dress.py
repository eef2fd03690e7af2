"""What people wear that looks like damage: watch chains, studs, buttons, brooches, pocket squares, cuffs, spectacles.

Each function draws one or a few of a kind into a :class:`restoration.synthetic.scene.Scene`, where cloth of a fitting
tone is. Sizes are in pixels, and go from what a group shows of each person to what a portrait does.
"""

from __future__ import annotations

import numpy as np

from restoration.synthetic.scene import Canvas, Scene, contrasting, turned, upright
from restoration.synthetic.shapes import Plane, Points, Random, log_uniform, smooth_noise


def chain(scene: Scene, rng: Random) -> None:
    """A watch chain: links along one or two hanging curves, with a bar, a key or a coin on it."""
    width, span = log_uniform(rng, 1.2, 6), log_uniform(rng, 18, 150)
    place = scene.place(span, rng, dark=rng.random() < 0.85)
    path = _hanging(span, int(rng.integers(1, 3)), rng)
    path = turned(path - path.mean(axis=0), upright(rng), place)
    canvas = scene.canvas()
    _links(canvas, path, width, rng)
    if rng.random() < 0.5:
        _pendant(canvas, path[int(rng.integers(len(path)))], width, rng)
    tone = contrasting(scene.tone_at(place), rng)
    scene.solid(canvas.cover, tone, width, rng)


def _hanging(span: float, swags: int, rng: Random) -> Points:
    """Parabolas side by side, 16 points to each, about a pixel or a few apart."""
    t = np.linspace(0, 1, max(16, round(span)))
    parts, start = [], np.zeros(2)
    for _ in range(swags):
        sag, wide = span * rng.uniform(0.02, 0.5), span / swags * rng.uniform(0.7, 1.3)
        rise = span * rng.normal(0, 0.15)
        parts.append(start + np.stack([t * wide, t * rise + sag * 4 * t * (1 - t)], axis=1))
        start = parts[-1][-1]
    return np.asarray(np.concatenate(parts), np.float64)


def along(path: Points, pitch: float) -> tuple[Points, Points]:
    """Points every ``pitch`` pixels of a polyline, and the angle of the path at each, in degrees."""
    steps = np.hypot(*np.diff(path, axis=0).T)
    run = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(0, run[-1], max(0.5, pitch))
    points = np.stack([np.interp(at, run, path[:, k]) for k in (0, 1)], axis=1)
    ahead = np.stack([np.interp(at + 0.5, run, path[:, k]) for k in (0, 1)], axis=1) - points
    return points, np.degrees(np.arctan2(ahead[:, 1], ahead[:, 0]))


def _links(canvas: Canvas, path: Points, width: float, rng: Random) -> None:
    """Rings seen from the front and from the side in turn; fine ones are beads on a thread."""
    pitch = width * rng.uniform(0.8, 2.2)
    if rng.random() < 0.5:
        canvas.line(path, max(0.35, 0.3 * width), int(rng.integers(60, 190)))
    edge_on = rng.uniform(0.15, 0.9)
    for number, (point, angle) in enumerate(zip(*along(path, pitch), strict=True)):
        value = int(rng.integers(150, 256))
        if number % 2:
            canvas.ellipse(point, (0.62 * pitch, max(0.3, edge_on * width / 2)), angle, value)
        elif width > 2.5:
            canvas.ellipse(point, (0.62 * pitch, width / 2), angle, value, rim=0.3 * width)
        else:
            canvas.ellipse(point, (0.5 * pitch, width / 2), angle, value)


def _pendant(canvas: Canvas, point: Points, width: float, rng: Random) -> None:
    """What hangs from a chain: a bar, or a coin or seal on a short end."""
    length = width * rng.uniform(1.5, 6)
    end = point + np.array([rng.normal(0, 0.2) * length, length])
    canvas.line(np.stack([point, end]), width * rng.uniform(0.4, 1.2))
    if rng.random() < 0.6:
        size = width * rng.uniform(0.7, 2.2)
        canvas.ellipse(end + np.array([0, size]), (size * rng.uniform(0.6, 1), size), 0, int(rng.integers(170, 256)))


def buttons(scene: Scene, rng: Random) -> None:
    """Buttons in a line or in two, of metal, pearl or the cloth's own tone; one alone now and then."""
    radius, count = log_uniform(rng, 0.9, 9), int(rng.integers(1, 7))
    step, angle = radius * rng.uniform(2.8, 11), upright(rng)
    place = scene.place(max(5, 4 * radius), rng, dark=(True, True, None, False)[int(rng.integers(4))])
    line = np.stack([rng.normal(0, 0.04 * step, count), (np.arange(count) - count / 2) * step], axis=1)
    line[:, 0] += rng.normal(0, 0.02) * line[:, 1] ** 2 / max(step, 1)
    rows = [line]
    if rng.random() < 0.25:
        rows.append(line + np.array([radius * rng.uniform(4, 14), rng.normal(0, 0.1) * step]))
    centres = turned(np.concatenate(rows), angle, place)
    ground = scene.tone_at(place)
    tone = contrasting(ground, rng) if rng.random() < 0.75 else float(np.clip(ground + rng.normal(0, 0.08), 0, 1))
    flat = rng.uniform(0.6, 1)
    canvas = scene.canvas()
    for centre in centres:
        canvas.ellipse(centre, (radius, radius * flat), np.degrees(angle))
    cover = canvas.cover
    scene.solid(cover, tone, radius, rng, relief=rng.uniform(0.2, 0.8))
    if radius > 2:
        _button_faces(scene, centres, radius, flat, rng)


def _button_faces(scene: Scene, centres: Points, radius: float, flat: float, rng: Random) -> None:
    """What is on a button: holes, a rim, a light."""
    marks, lights = scene.canvas(), scene.canvas()
    holes, rim = int(rng.choice([0, 0, 2, 4])), rng.random() < 0.5
    spot = np.array([np.cos(scene.light), np.sin(scene.light)]) * radius * rng.uniform(0.2, 0.6)
    for centre in centres:
        for number in range(holes):
            turn = 2 * np.pi * number / holes + 0.8
            marks.ellipse(
                centre + 0.32 * radius * np.array([np.cos(turn), flat * np.sin(turn)]), (0.11 * radius, 0.11 * radius)
            )
        if rim:
            marks.ellipse(centre, (0.74 * radius, 0.74 * radius * flat), 0, 160, rim=0.12 * radius)
        lights.ellipse(centre + spot, (0.2 * radius, 0.15 * radius), rng.uniform(0, 180))
    scene.put(marks.cover, float(rng.uniform(0, 0.3)))
    if rng.random() < 0.5:
        scene.put(lights.cover, float(rng.uniform(0.8, 1)))


def studs(scene: Scene, rng: Random) -> None:
    """One to three studs in a shirt, dark with a light rim or the other way round, or a pin in a tie."""
    radius, count = log_uniform(rng, 0.7, 3.2), int(rng.integers(1, 4))
    place = scene.place(6 * radius, rng, dark=rng.random() < 0.35)
    line = np.stack([np.zeros(count), np.arange(count) * radius * rng.uniform(5, 14)], axis=1)
    canvas, lights = scene.canvas(), scene.canvas()
    spot = np.array([np.cos(scene.light), np.sin(scene.light)]) * 0.4 * radius
    for centre in turned(line, upright(rng), place):
        canvas.ellipse(centre, (radius, radius * rng.uniform(0.75, 1)), rng.uniform(0, 180))
        lights.ellipse(centre + spot, (0.4 * radius, 0.4 * radius))
    scene.solid(canvas.cover, contrasting(scene.tone_at(place), rng), radius, rng)
    if rng.random() < 0.6:
        scene.put(lights.cover, float(rng.uniform(0.75, 1)))


def brooch(scene: Scene, rng: Random) -> None:
    """A brooch, a badge or a medal: a scalloped thing with stones or a rim, perhaps on a striped ribbon."""
    radius = log_uniform(rng, 2, 15)
    place = scene.place(2.5 * radius, rng, dark=True)
    tone = contrasting(scene.tone_at(place), rng)
    angle = upright(rng)
    if rng.random() < 0.4:
        _ribbon(scene, place, radius, angle, rng)
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    petals, depth = int(rng.integers(3, 13)), rng.uniform(0, 0.3)
    reach = radius * (1 + depth * np.cos(petals * turns))
    outline = np.stack([np.cos(turns), np.sin(turns) * rng.uniform(0.6, 1.2)], axis=1) * reach[:, None]
    canvas = scene.canvas()
    canvas.polygon(turned(outline, angle, place))
    scene.solid(canvas.cover, tone, radius, rng, relief=rng.uniform(0.3, 0.8))
    stones = scene.canvas()
    count, ring = int(rng.integers(3, 13)), radius * rng.uniform(0.4, 0.75)
    for number in range(count):
        turn = 2 * np.pi * number / count
        stones.ellipse(place + ring * np.array([np.cos(turn), np.sin(turn)]), (0.13 * radius, 0.13 * radius))
    scene.put(stones.cover, float(rng.uniform(0.7, 1)) if rng.random() < 0.6 else float(rng.uniform(0, 0.3)))
    middle = scene.canvas()
    middle.ellipse(place, (0.35 * radius, 0.35 * radius))
    scene.solid(middle.cover, float(rng.uniform(0, 1)), 0.5 * radius, rng)


def _ribbon(scene: Scene, place: Points, radius: float, angle: float, rng: Random) -> None:
    stripes = int(rng.integers(1, 6))
    wide, long = 1.5 * radius, radius * rng.uniform(1.5, 4)
    for number in range(stripes):
        left, right = (wide * (k / stripes - 0.5) for k in (number, number + 1))
        corners = np.array([(left, -long), (right, -long), (right, 0), (left, 0)])
        canvas = scene.canvas()
        canvas.polygon(turned(corners, angle, place))
        scene.put(canvas.cover, float(rng.uniform(0.05, 0.95)))


def pocket_square(scene: Scene, rng: Random) -> None:
    """A handkerchief in a breast pocket: a light cloth with points or a straight edge, folded, cut by the pocket."""
    wide = log_uniform(rng, 6, 60)
    high = wide * rng.uniform(0.15, 1.0)
    place = scene.place(wide, rng, dark=True)
    peaks = int(rng.integers(0, 4))
    top = np.array([(k / (2 * max(1, peaks)) - 0.5, -1.0 if k % 2 else -0.35) for k in range(2 * peaks + 1)])
    if not peaks:
        top = np.array([(-0.5, -0.8), (0.5, -0.8)])
    top = top + rng.normal(0, 0.09, top.shape)
    outline = np.concatenate([top, [(0.5, 0.0), (-0.5, 0.0)]]) * np.array([wide, high])
    _cloth(scene, outline, place, wide, rng)
    if rng.random() < 0.6:
        edge = turned(np.array([(-0.6, 0.02), (0.6, 0.02)]) * wide, upright(rng) * 0.3, place)
        canvas = scene.canvas()
        canvas.line(edge, log_uniform(rng, 0.6, 3))
        scene.put(canvas.cover * np.float32(0.8), float(rng.uniform(0, 0.25)))


def handkerchief(scene: Scene, rng: Random) -> None:
    """A crumpled light cloth, a scarf's end or a glove; a folded paper."""
    size, corners = log_uniform(rng, 6, 70), int(rng.integers(4, 10))
    turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = size / 2 * rng.uniform(0.5, 1.1, corners)
    outline = np.stack([np.cos(turns), np.sin(turns) * rng.uniform(0.4, 1)], axis=1) * reach[:, None]
    _cloth(scene, outline, scene.place(size, rng, dark=True), size, rng)


def _cloth(scene: Scene, outline: Points, place: Points, size: float, rng: Random) -> None:
    canvas = scene.canvas()
    canvas.polygon(turned(outline, 0.5 * upright(rng), place))
    scene.put(
        canvas.cover, _folds(scene.shape, float(rng.uniform(0.6, 1.0)), size, rng), shadow=rng.uniform(0, 0.5), reach=2
    )


def _folds(shape: tuple[int, int], tone: float, size: float, rng: Random) -> Plane:
    """Light cloth whose folds run one way."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi), max(3.0, size * rng.uniform(0.15, 0.6))
    run = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    run = run + smooth_noise(shape, max(3.0, size / 2), rng) * np.float32(pitch * 0.3)
    wave = np.sin(run * np.float32(2 * np.pi / pitch) + np.float32(rng.uniform(0, 6)))
    folded = tone - np.float32(rng.uniform(0, 0.2)) * (1 - wave) + smooth_noise(shape, 4, rng) * np.float32(0.015)
    return np.asarray(np.clip(folded, 0, 1), np.float32)


def linen(scene: Scene, rng: Random) -> None:
    """A cuff or a collar: one or two light bands or wings beside dark cloth, rounded, with a link now and then."""
    wide, long = log_uniform(rng, 3, 26), log_uniform(rng, 9, 70)
    place = scene.place(0.7 * long, rng, dark=True)
    angle = rng.uniform(0, 2 * np.pi)
    taper, bow = rng.uniform(0.3, 1.1), long * rng.normal(0, 0.12)
    t = np.linspace(-0.5, 0.5, 12)
    upper = np.stack([t * long, bow * (1 - 4 * t * t) - wide / 2 * np.linspace(1, taper, 12)], axis=1)
    lower = np.stack([t * long, bow * (1 - 4 * t * t) + wide / 2 * np.linspace(1, taper, 12)], axis=1)
    band = np.concatenate([upper, lower[::-1]])
    sides = (1, -1) if rng.random() < 0.3 else (1,)
    canvas = scene.canvas()
    for side in sides:
        apart = np.array([0.5 * long * len(sides) * 0.9, 0]) if len(sides) > 1 else np.zeros(2)
        canvas.polygon(turned((band + apart) * np.array([side, 1]), angle, place))
    tone = float(rng.uniform(0.7, 1.0))
    scene.solid(canvas.cover, tone, wide, rng, relief=rng.uniform(0.05, 0.35))
    if rng.random() < 0.3:
        link = scene.canvas()
        size = max(0.8, 0.12 * wide)
        link.ellipse(place, (size, size))
        scene.solid(link.cover, float(rng.uniform(0, 0.7)), size, rng)


def spectacles(scene: Scene, rng: Random) -> None:
    """Two rims, a bridge, the beginning of the bows, and lights on the glass."""
    apart = log_uniform(rng, 9, 75)
    width = min(apart / 8, log_uniform(rng, 0.5, 3))
    place, angle = scene.place(1.5 * apart, rng), upright(rng)
    lens = (apart * rng.uniform(0.3, 0.44), apart * rng.uniform(0.22, 0.38))
    eyes = turned(np.array([(-apart / 2, 0), (apart / 2, 0)]), angle, place)
    canvas, glass = scene.canvas(), scene.canvas()
    for number, eye in enumerate(eyes):
        canvas.ellipse(eye, lens, np.degrees(angle), rim=width)
        bow = np.array([(lens[0], 0), (lens[0] + apart * rng.uniform(0.1, 0.5), rng.normal(0, 0.06) * apart)])
        canvas.line(turned(bow * np.array([1 if number else -1, 1]), angle, eye), width)
        if rng.random() < 0.5:
            start = rng.uniform(0, 360)
            glass.ellipse(
                eye, (0.75 * lens[0], 0.75 * lens[1]), 0, 255, rim=width, span=(start, start + rng.uniform(20, 90))
            )
    bridge = np.array([(-apart / 2 + lens[0], 0), (0, -0.1 * apart), (apart / 2 - lens[0], 0)])
    canvas.line(turned(bridge, angle, place), width)
    scene.solid(canvas.cover, contrasting(scene.tone_at(place), rng, lighter=rng.random() < 0.4), width, rng)
    scene.put(glass.cover * np.float32(rng.uniform(0.4, 1)), float(rng.uniform(0.8, 1)))


def eyes(scene: Scene, rng: Random) -> None:
    """A dark pupil or two with a light in them; as well beads, shoe tips and polished knobs."""
    radius = log_uniform(rng, 1.5, 9)
    place = scene.place(4 * radius, rng)
    offsets = np.array([(0.0, 0.0), (radius * rng.uniform(4, 9), rng.normal(0, radius / 3))])
    dark, lights = scene.canvas(), scene.canvas()
    spot = np.array([np.cos(scene.light), np.sin(scene.light)]) * radius * rng.uniform(0.2, 0.7)
    size = radius * rng.uniform(0.15, 0.4)
    for centre in turned(offsets[: int(rng.integers(1, 3))], upright(rng), place):
        dark.ellipse(centre, (radius, radius * rng.uniform(0.7, 1)))
        lights.ellipse(centre + spot, (size, size * rng.uniform(0.7, 1)))
    scene.solid(dark.cover, float(rng.uniform(0, 0.3)), radius, rng)
    scene.put(lights.cover, float(rng.uniform(0.8, 1)))


def lace(scene: Scene, rng: Random) -> None:
    """The edge of a lace collar or cloth: a light band of arches and holes at an even pitch."""
    pitch, length = log_uniform(rng, 2.5, 14), log_uniform(rng, 25, 220)
    place = scene.place(0.5 * length, rng, dark=rng.random() < 0.8)
    t = np.linspace(-0.5, 0.5, 60)
    path = turned(np.stack([t * length, length * rng.normal(0, 0.3) * t * t], axis=1), upright(rng), place)
    points, angles = along(path, pitch)
    canvas = scene.canvas()
    canvas.line(path, pitch * rng.uniform(0.4, 1.6))
    for point in points:
        canvas.ellipse(point, (0.55 * pitch, 0.55 * pitch), 0, 255, rim=0.22 * pitch)
    if rng.random() < 0.7:
        for point, angle in zip(points, angles, strict=True):
            canvas.ellipse(point, (0.22 * pitch, 0.16 * pitch), angle, 0)
    ground = scene.tone_at(place)
    scene.solid(canvas.cover, contrasting(ground, rng, lighter=True), 0.3 * pitch, rng, relief=rng.uniform(0, 0.3))
