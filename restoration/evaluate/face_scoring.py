"""All figures of one face, restored by one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restoration.evaluate.perceptual import Features, StLpips
from restoration.evaluate.portraits import Face, subject_of
from restoration.evaluate.scoring import Score
from restoration.photo.colour import luminance_y
from restoration.photo.picture import FloatImage
from restoration.quality import metrics
from restoration.quality.faces import cosine

Embedding = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float64]]
_FLAT = 1e-6
"""Sharpness of a face without any edge: ratios to it mean nothing."""


@dataclass(frozen=True)
class FaceScore(Score):
    """One model on one face; ``number`` tells the faces of one photograph apart."""

    number: int = 0

    @property
    def subject(self) -> str:
        """Name of the photograph and the face's number."""
        return subject_of(self.photo, self.number)

    def flat(self) -> dict[str, Any]:
        """As one flat JSON object; floats are rounded to nine significant digits."""
        plain = super().flat()
        del plain["ita_group"]
        who = {key: plain.pop(key) for key in ("model", "photo", "sha256", "family")}
        return who | {"face": self.number} | plain


@dataclass(frozen=True)
class _Known:
    """What depends on the face alone: the picture that is right, its descriptor, its features."""

    face: Face
    right: FloatImage
    descriptor: NDArray[np.float64]
    sharpness: float
    features: Features | None


class FaceScorer:
    """Scores restorations of one face after the other; what depends on the face alone is computed once."""

    def __init__(self, embed: Embedding, perceptual: StLpips | None) -> None:
        """:param perceptual: None where ST-LPIPS is not to be had."""
        self._embed = embed
        self._perceptual = perceptual
        self._known: _Known | None = None

    def score(self, face: Face, model: str, made: FloatImage, clean: FloatImage | None = None) -> FaceScore:
        """All figures that apply.

        :param made: what the model made of the given face, 256 x 256 x 3 sRGB in [0, 1].
        :param clean: what it made of the true one; None where there is no truth, or no model.
        """
        known = self._of(face)
        values = self._against_truth(known, made) if face.truth is not None else self._against_given(known, made)
        if clean is not None:
            values["clean_ssim_y"] = metrics.ssim_y(known.right, clean)
            values["clean_identity"] = cosine(known.descriptor, self._descriptor(face, clean))
        return FaceScore(model, face.photo, face.sha256, face.family, "", values, face.number)

    def _against_truth(self, known: _Known, made: FloatImage) -> dict[str, float]:
        values = {
            "psnr": metrics.psnr(known.right, made),
            "psnr_y": metrics.psnr(luminance_y(known.right), luminance_y(made)),
            "ssim_y": metrics.ssim_y(known.right, made),
            "identity": cosine(known.descriptor, self._descriptor(known.face, made)),
        }
        if known.sharpness > _FLAT:
            values["sharpness_share"] = metrics.sharpness(made) / known.sharpness
        if self._perceptual is not None and known.features is not None:
            values["st_lpips"] = self._perceptual.distance(known.features, self._perceptual.features(made))
        return values

    def _against_given(self, known: _Known, made: FloatImage) -> dict[str, float]:
        values = {
            "given_identity": cosine(known.descriptor, self._descriptor(known.face, made)),
            "given_ssim_y": metrics.ssim_y(known.right, made),
        }
        if known.sharpness > _FLAT:
            values["sharpness_gain"] = metrics.sharpness(made) / known.sharpness
        return values

    def _of(self, face: Face) -> _Known:
        if self._known is None or self._known.face is not face:
            right = face.given if face.truth is None else face.truth
            features = self._perceptual.features(right) if self._perceptual and face.truth is not None else None
            self._known = _Known(face, right, self._descriptor(face, right), metrics.sharpness(right), features)
        return self._known

    def _descriptor(self, face: Face, pixels: FloatImage) -> NDArray[np.float64]:
        """Colour does not count. The truth's landmarks serve all pictures of a face."""
        luma = np.rint(np.clip(luminance_y(pixels), 0, 1) * 255).astype(np.uint8)
        return self._embed(luma, face.landmarks)
