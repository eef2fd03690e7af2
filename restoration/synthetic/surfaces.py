"""What shows where a photograph is damaged: bare paper, the scanner's bed, dirt, worn emulsion.

Planes are H x W float32 in [0, 1], sRGB-encoded gray.
"""

from __future__ import annotations

import cv2
import numpy as np

from restoration.synthetic.shapes import Plane, Random, log_uniform, smooth_noise


def paper(shape: tuple[int, int], tone: float, rng: Random) -> Plane:
    """Paper of about that tone, with fibres, flecks and an uneven light."""
    plane = np.full(shape, tone, np.float32)
    plane += smooth_noise(shape, log_uniform(rng, 1.0, 3.0), rng) * np.float32(rng.uniform(0, 0.035))
    plane += smooth_noise(shape, log_uniform(rng, 8.0, 60.0), rng) * np.float32(rng.uniform(0, 0.04))
    if rng.random() < 0.4:
        plane += fibres(shape, rng) * np.float32(rng.uniform(0.01, 0.06))
    return np.clip(plane, 0, 1)


def fibres(shape: tuple[int, int], rng: Random) -> Plane:
    """Noise drawn out in one direction, mean 0 and deviation 1."""
    noise = rng.standard_normal(shape).astype(np.float32)
    length = int(rng.integers(3, 12))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * half
    ends = [tuple(int(round(half + sign * part)) for part in reach) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    drawn = np.asarray(cv2.filter2D(noise, -1, kernel / max(float(kernel.sum()), 1e-6)), np.float32)
    return drawn / max(float(drawn.std()), 1e-6)


def bare_tone(rng: Random) -> float:
    """Tone of what lies bare: white paper, a black bed, or (as often) a board of any gray.

    Gray ones are drawn more often than they occur: a finder that has seen few takes white clothes for holes and passes
    over gray holes.
    """
    draw = rng.random()
    if draw < 0.3:
        return float(rng.uniform(0.78, 1.0))
    if draw < 0.5:
        return float(rng.uniform(0.0, 0.2))
    return float(rng.uniform(0.15, 0.9))


def emulsion_texture(shape: tuple[int, int], rng: Random) -> Plane:
    """What the surface adds to every tone of a print: silk, canvas, laid lines or tooth; mean 0, deviation 1."""
    draw = rng.random()
    if draw < 0.4:
        return smooth_noise(shape, log_uniform(rng, 1.0, 5.0), rng)
    if draw < 0.6:
        return fibres(shape, rng)
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(2.5, 9.0)
    along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    weave = np.sin(along * np.float32(2 * np.pi / pitch))
    if rng.random() < 0.6:
        weave = weave * np.sin(across * np.float32(2 * np.pi / pitch))
    return np.asarray(weave / max(float(weave.std()), 1e-6), np.float32)
