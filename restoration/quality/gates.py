"""When a person must look at a result before it is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from restoration.errors import ReasonCode

FEW_TONES = 8
"""A picture of no more levels of luma is no photograph: the poorest of 152 scans and textures has 40."""


class Rules(Protocol):
    """The review rules of a recipe, as :class:`restoration.engine.recipe.ReviewRules` has them."""

    @property
    def damage_above(self) -> float:
        """Share of damaged pixels."""

    @property
    def doubtful_fill_above(self) -> float:
        """Share of a hardly damaged picture of the largest filled place that is no long mark."""

    @property
    def identity_below(self) -> float:
        """Lowest identity of a restored face."""

    @property
    def ssim_below(self) -> float:
        """Lowest SSIM on Y between source (a print without its dots) and result."""

    @property
    def luminance_above(self) -> float:
        """Largest change of L* by the colorizer."""

    @property
    def faces_left_alone_above(self) -> int:
        """Most faces that may be left alone."""


class Face(Protocol):
    """What is needed of a face record."""

    @property
    def action(self) -> str:
        """restored, blended, left_alone or recorded."""

    @property
    def reason(self) -> ReasonCode | None:
        """Why it was left alone; a face that needs nothing is no reason to look."""

    @property
    def identity(self) -> float | None:
        """Cosine between embeddings before and after; None where the face was not touched."""


class Measured(Protocol):
    """What is needed of a measurement."""

    @property
    def metric(self) -> str:
        """Name of the metric."""

    @property
    def stage(self) -> str:
        """source, restored or pair."""

    @property
    def value(self) -> float:
        """The number."""


def review_reason(
    rules: Rules,
    notes: Mapping[str, Mapping[str, Any]],
    measurements: Iterable[Measured],
    faces: Iterable[Face],
    tones: int = 256,
    fill: float = 0.0,
) -> ReasonCode | None:
    """The first reason, in order of weight, for which a person must look; None where there is none.

    Order: luminance_changed (a rule was broken), unsupported_format (a negative), already_colour (perhaps: a faded
    print), identity_low, face_part_missing, heavy_damage, doubtful_fill, many_alike, faces_left_alone, quality_fell.

    :param notes: what the steps noted, by step name: ``colorize.max_dl``; ``repair.damage_share``,
        ``repair.face_part_missing``, ``repair.many_alike``; ``triage.negative``, ``triage.doubtful``,
        ``grade.faint_colours``.
    :param measurements: of these only ``ssim_y`` of the pair counts.
    :param tones: of the result (:func:`restoration.quality.metrics.tones`). If it has :data:`FEW_TONES` or fewer, it is
        blank, a scan that was read wrong, or ink on paper: quality_fell, whatever the recipe says.
    :param fill: :func:`restoration.photo.masks.doubtful_fill` of the mask.
    """
    faces = list(faces)
    touched = [face.identity for face in faces if face.action in {"restored", "blended"} and face.identity is not None]
    left_alone = sum(face.action == "left_alone" and face.reason is not ReasonCode.NOT_NEEDED for face in faces)
    ssim = min((m.value for m in measurements if m.metric == "ssim_y" and m.stage == "pair"), default=1.0)
    checks = (
        (ReasonCode.LUMINANCE_CHANGED, _note(notes, "colorize", "max_dl") > rules.luminance_above),
        (ReasonCode.NEGATIVE, _is_negative(notes)),
        (ReasonCode.DOUBTFUL_COLOUR, _note(notes, "triage", "doubtful") + _note(notes, "grade", "faint_colours") > 0),
        (ReasonCode.IDENTITY_LOW, min(touched, default=1.0) < rules.identity_below),
        (ReasonCode.FACE_PART_MISSING, _note(notes, "repair", "face_part_missing") > 0),
        (ReasonCode.HEAVY_DAMAGE, _note(notes, "repair", "damage_share") > rules.damage_above),
        (ReasonCode.DOUBTFUL_FILL, fill > rules.doubtful_fill_above),
        (ReasonCode.MANY_ALIKE, _note(notes, "repair", "many_alike") > 0),
        (ReasonCode.FACES_LEFT_ALONE, left_alone > rules.faces_left_alone_above),
        (ReasonCode.QUALITY_FELL, ssim < rules.ssim_below or tones <= FEW_TONES),
    )
    return next((reason for reason, applies in checks if applies), None)


def review_detail(reason: ReasonCode | None, notes: Mapping[str, Mapping[str, Any]]) -> str:
    """The reason in words, where its code alone does not say what to look at; empty elsewhere."""
    if reason is ReasonCode.NEGATIVE:
        return "it looks like a negative and was left as it is; a triage with negatives = invert makes it a positive"
    if reason is ReasonCode.DOUBTFUL_FILL:
        return "a place was filled that may have been a thing: a button, a chain, a handkerchief, a letter; look at it"
    if reason is ReasonCode.DOUBTFUL_COLOUR and _note(notes, "grade", "faint_colours") > 0:
        return "a faded colour print of which little colour was left: look whether what was brought back is enough"
    if reason is ReasonCode.DOUBTFUL_COLOUR:
        if notes.get("triage", {}).get("stains"):
            return "stains were taken off a face, or off what had looked like a colour photograph: were they stains?"
        return "a faded colour print or a gray one with an uneven tint: its colours were left as they are"
    return ""


def _is_negative(notes: Mapping[str, Mapping[str, Any]]) -> bool:
    return notes.get("triage", {}).get("negative") == "left"


def _note(notes: Mapping[str, Mapping[str, Any]], step: str, name: str) -> float:
    return float(notes.get(step, {}).get(name, 0.0))
