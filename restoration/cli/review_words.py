"""A photograph under review, in words for a terminal. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restoration.catalog.reviews import PastReview, ReviewDamage, ReviewDetail, ReviewFace, ReviewItem

DECISION_WORDS = {
    "accept": "accepted",
    "reject": "rejected",
    "accept_without_faces": "accepted without faces",
    "keep_original": "original kept",
}

_REASONS = {
    "identity_low": "a restored face may no longer be the same person",
    "heavy_damage": "much of the picture is damaged, so much had to be filled in",
    "quality_fell": "the result is far from the scan",
    "faces_left_alone": "many faces could not be restored and were left as they were",
    "luminance_changed": "light and dark changed more than they should",
    "consent_unknown": "it is not known whether the people shown agree",
    "sensitive": "the collection is sensitive",
    "face_too_small": "too small",
    "face_too_damaged": "too damaged",
    "restorer_missing": "the restorer is not on the machine that did the work",
    "not_needed": "sharp and quiet as it is",
    "step_failed": "the restorer failed",
    "faces_off": "the recipe restores no faces",
}
ARRANGEMENT_WORDS = {
    "prints_on_bed": "a scanner's bed",
    "album_page": "an album's page",
    "stereo_card": "a stereo card",
}
_PARTS = {1.0: "the whole", 0.75: "three quarters", 0.5: "half", 0.25: "a quarter"}


def reason_words(reason: str | None) -> str:
    """A reason code in words; codes without words of their own with spaces."""
    return _REASONS.get(reason or "", (reason or "").replace("_", " "))


def printable(text: str) -> str:
    """The text with control characters spelled out: names and words are whatever somebody typed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def standing(item: ReviewItem) -> str:
    """Where a photograph stands, in a few words."""
    said = DECISION_WORDS.get(item.decision or "", "")
    if item.awaits_review:
        return f"waits ({said} before)" if said else "waits"
    return said or "nothing to decide"


def item_lines(item: ReviewItem) -> Iterator[str]:
    """The photograph and its figures at a glance."""
    title = f'  "{printable(item.title)}"' if item.title else ""
    yield f"{printable(item.object_key)}{title}"
    yield f"  {standing(item)}; restoration {item.restoration_id}, {item.width} x {item.height} pixels"
    if item.reason:
        detail = f" ({printable(item.reason_detail)})" if item.reason_detail else ""
        yield f"  why: {reason_words(item.reason)}{detail}"
    if item.variant.startswith("faces_off"):
        yield "  restored without its faces, because a person decided so"
    if item.variant.endswith("hinted"):
        yield "  painted by colours that people gave"
    figures = [
        f"{item.faces} {'face' if item.faces == 1 else 'faces'}, {item.faces_altered} altered",
        _figure("lowest identity", item.lowest_identity),
        _figure("damage", item.damage_share, percent=True),
        _figure("SSIM", item.ssim_y),
        "a model changed what it shows" if item.ai_altered else "",
    ]
    yield "  " + ", ".join(figure for figure in figures if figure)


def _figure(name: str, value: float | None, *, percent: bool = False) -> str:
    if value is None:
        return ""
    return f"{name} {value:.1%}" if percent else f"{name} {value:.2f}"


def detail_lines(detail: ReviewDetail) -> Iterator[str]:
    """Faces from left to right, damage, steps, and earlier decisions, the newest first."""
    for place, face in enumerate(sorted(detail.faces, key=lambda f: f.box[0] + f.box[2] / 2), start=1):
        yield f"  face {place} of {len(detail.faces)} from the left: {face_words(face)}"
    for damage in detail.damage:
        yield f"  damage, {damage_words(damage)}"
    for step in detail.steps:
        yield from several_lines(step.detail)
        model = f" with {step.model}" if step.model and step.status == "applied" else ""
        reason = f": {reason_words(step.reason)}" if step.reason and step.reason != step.status else ""
        yield f"  step {step.step}: {step.status.replace('_', ' ')}{model}{reason}"
    for past in detail.history:
        yield f"  {history_words(past)}"


def several_lines(detail: Mapping[str, Any]) -> Iterator[str]:
    """That a scan shows several photographs, if a step's detail says so."""
    parts = detail.get("photographs") or ()
    if parts:
        kind = ARRANGEMENT_WORDS.get(detail.get("arrangement", ""), "one scan")
        least = min(float(part["confidence"]) for part in parts)
        yield f"  {len(parts)} photographs on {kind} (the least sure {least:.0%}): `restoration divide` parts them"


def damage_words(damage: ReviewDamage) -> str:
    """How much of one kind was found, and how it was mended."""
    kind = damage.kind.replace("_", " ")
    places = f"{damage.regions} {'place' if damage.regions == 1 else 'places'}"
    found = f"{kind}: {places}, {damage.found_share:.2%} of the picture"
    if damage.mending == "none" or not damage.mended_share:
        return f"{found}, left as it was"
    part = "" if damage.mended_share >= damage.found_share else f" ({damage.mended_share:.2%})"
    if damage.mending == "tone":
        return f"{found}, brought to the tone of its surroundings{part}"
    how = f"by {damage.model}" if damage.model else "from the surroundings"
    return f"{found}, filled {how}{part}"


def face_words(face: ReviewFace) -> str:
    """What was done to one face, and how far it is still the same person."""
    x, y, width, height = (round(side) for side in face.box)
    where = f"at {x},{y}, {width} x {height} pixels; "
    return where + "; ".join(part for part in (_deed(face), _likeness(face)) if part)


def _deed(face: ReviewFace) -> str:
    if face.action in {"restored", "blended"}:
        share = face.blend if face.blend is not None else 1.0
        part = _PARTS.get(round(share, 2), f"{share:.0%}")
        by = f" by {face.restorer}" if face.restorer else ""
        return f"{part} of the restored face{by}" if share < 1 else f"restored{by}"
    deed = "only recorded" if face.action == "recorded" else "left as it was"
    if face.reason == "identity_low":
        return f"{deed}: restored, it would no longer be the same person"
    return f"{deed}: {reason_words(face.reason)}" if face.reason else deed


def _likeness(face: ReviewFace) -> str:
    """Identity reached, or what was tried, beside what was asked for."""
    asked = f"{face.threshold:.2f} asked of such a face" if face.threshold is not None else ""
    if face.identity is not None:
        reached = f"identity {face.identity:.2f}"
    elif face.identity_tried:
        reached = "identities tried " + ", ".join(f"{value:.2f}" for value in face.identity_tried)
    else:
        return ""
    return f"{reached}, {asked}" if asked else reached


def history_words(past: PastReview) -> str:
    """One decision: when, who, what, why, and whether about what is shown now."""
    words = f': "{printable(past.words)}"' if past.words else ""
    which = "" if past.of_this_restoration else f" (of restoration {past.restoration_id}, which it no longer shows)"
    said = DECISION_WORDS[past.decision]
    who = printable(past.reviewer) + (" (name given with the token)" if past.way == "token" else "")
    return f"{past.decided_at:%Y-%m-%d %H:%M} UTC, {who}: {said}{which}{words}"
