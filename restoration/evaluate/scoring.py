"""All figures of one picture, painted by one model, of one photograph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from restoration.evaluate.perceptual import Features, StLpips
from restoration.evaluate.photos import Photo
from restoration.photo.colour import rgb_to_lab
from restoration.photo.picture import FloatImage
from restoration.quality import hues, metrics, skin
from restoration.quality.bleed import bleed

GRAY = "gray"
"""Row of the picture that nobody painted: the floor."""
TRUTH = "truth"
"""Row of the colour photograph itself, where there is one: what the figures that need no truth should be."""


DEGRADED = "degraded"
"""Row of the face that a restorer is given: what doing nothing gives."""
GIVEN = "given"
"""The same for a face of a real old photograph, whose truth nobody knows."""
NO_MODELS = frozenset({GRAY, TRUTH, DEGRADED, GIVEN})
"""Rows that no model made; no model may have such a name."""


@dataclass(frozen=True)
class Score:
    """One model on one photograph: figures by name. A figure that does not apply (no face, no truth) is not there."""

    model: str
    photo: str
    sha256: str
    family: str
    group: str
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What was measured; scores of one subject by different models are compared."""
        return self.photo

    def flat(self) -> dict[str, Any]:
        """As one flat JSON object; floats are rounded to nine significant digits."""
        who = {"model": self.model, "photo": self.photo, "sha256": self.sha256}
        where = {"family": self.family, "ita_group": self.group or None}
        return who | where | {name: rounded(value) for name, value in self.values.items()}


class Scorer:
    """Scores pictures of one photograph after the other; what depends on the photograph alone is computed once."""

    def __init__(self, perceptual: StLpips | None) -> None:
        self._perceptual = perceptual
        self._photo: Photo | None = None
        self._truth_features: Features | None = None
        self._truth_colour = 0.0

    def score(self, photo: Photo, model: str, painted: FloatImage) -> Score:
        """All figures that apply. ``painted`` is H x W x 3 sRGB in [0, 1], of the photograph's shape."""
        lab = rgb_to_lab(painted)
        values = self._alone(photo, painted, lab)
        if photo.truth is not None and model != TRUTH:
            values |= self._against(photo, photo.truth, painted, lab)
        group = photo.group or ""
        return Score(model, photo.name, photo.sha256, photo.family, group, values)

    def _alone(self, photo: Photo, painted: FloatImage, lab: skin.Lab) -> dict[str, float]:
        values = {
            "colourfulness": metrics.colourfulness_hs(painted),
            "colourfulness_abs": metrics.colourfulness_abs(painted),
            "bleed": bleed(lab, photo.edges),
            "sharpness": metrics.sharpness(painted),
            "contrast": metrics.contrast_rms(painted),
        }
        orange = hues.orange_share(lab)
        if orange is not None:
            values["orange_share"] = orange
        if photo.skin.sum() >= skin.MIN_PIXELS:
            values["skin_blue"] = skin.skin_blue(lab, photo.skin)
        if photo.face.sum() >= skin.MIN_PIXELS:
            values["face_colourfulness"] = metrics.colourfulness_hs(painted[photo.face][:, None, :])
        return values

    def _against(self, photo: Photo, truth: FloatImage, painted: FloatImage, lab: skin.Lab) -> dict[str, float]:
        own = photo.truth_lab if photo.truth_lab is not None else rgb_to_lab(truth)
        difference = metrics.ciede2000(own, lab)
        if self._photo is not photo:
            self._remember(photo, truth)
        colour = metrics.colourfulness_hs(painted)
        values = {
            "delta_e00": float(difference.mean()),
            "psnr": metrics.psnr(truth, painted),
            "mse": metrics.mean_squared_error(truth, painted),
            "channel_agreement": metrics.channel_agreement(truth, painted),
            "ssim_y": metrics.ssim_y(truth, painted),
            "truth_colourfulness": self._truth_colour,
            "colour_share": colour / max(self._truth_colour, 1e-6),
            "warmth": hues.warmth(own, lab),
        }
        found = hues.hues_found(own, lab)
        named = (("hues_found", found.all), ("greens_found", found.greens), ("blues_found", found.blues))
        values |= {name: share for name, share in named if share is not None}
        if photo.edges.any():
            values["edge_delta_e00"] = float(difference[photo.edges].mean())
        if photo.skin.sum() >= skin.MIN_PIXELS:
            values["skin_delta_e00"] = float(difference[photo.skin].mean())
        if self._perceptual is not None and self._truth_features is not None:
            values["st_lpips"] = self._perceptual.distance(self._truth_features, self._perceptual.features(painted))
        return values

    def _remember(self, photo: Photo, truth: FloatImage) -> None:
        self._photo = photo
        self._truth_colour = metrics.colourfulness_hs(truth)
        self._truth_features = None if self._perceptual is None else self._perceptual.features(truth)


def rounded(value: float) -> float:
    """Nine significant digits: more than any figure means, and the same on every machine of a class."""
    return float(f"{value:.9g}")
