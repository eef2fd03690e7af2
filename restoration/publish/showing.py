"""What a publication shows of a photograph: the one place where states, decisions and withdrawals are weighed.

==================  ========================================================================================
``restored``        the restored picture, beside the scan
``original``        the scan alone, and why
``listed``          no picture: the scan's name, and why
``withdrawn``       a tombstone: number, date and published reason; neither name, picture nor history
==================  ========================================================================================
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from restoration.errors import PhotoState, ReasonCode

ShownAs = Literal["restored", "original", "listed", "withdrawn"]
RejectedPhotos = Literal["original", "withheld"]

_FINISHED = frozenset({PhotoState.RESTORED, PhotoState.NEEDS_REVIEW})
_TOUCHED = frozenset({"restored", "blended"})


class Showing(NamedTuple):
    """How a photograph is shown; ``reason`` says why it is not shown restored, None where it is."""

    shown_as: ShownAs
    reason: str | None


def showing_of(record: dict[str, Any], rejected_photos: RejectedPhotos = "original") -> Showing:
    """Decide by the catalog's record (see ``PublishablePhoto``).

    :param rejected_photos: what becomes of a photograph whose restoration a person rejected: its ``original`` alone, or
        nothing (``withheld``).
    """
    if record.get("withdrawal"):
        return Showing("withdrawn", ReasonCode.WITHDRAWN)
    if record.get("state") not in _FINISHED or not record.get("output"):
        return Showing("listed", record.get("reason"))
    reason = _why_not_restored(record)
    if reason is None:
        return Showing("restored", None)
    hidden = reason is ReasonCode.REVIEWER_REJECTED and rejected_photos == "withheld"
    return Showing("listed" if hidden else "original", reason)


def _why_not_restored(record: dict[str, Any]) -> ReasonCode | None:
    decision = record.get("decision")
    # before the decision: what was rejected and restored anew is a new question
    if record.get("awaits_review"):
        return ReasonCode.AWAITING_REVIEW
    if decision == "reject":
        return ReasonCode.REVIEWER_REJECTED
    if decision == "keep_original":
        return ReasonCode.REVIEWER_KEPT_ORIGINAL
    if decision == "accept_without_faces" and _faces_altered(record):
        return ReasonCode.AWAITING_FACES_OFF
    return None


def _faces_altered(record: dict[str, Any]) -> bool:
    return any(face.get("action") in _TOUCHED for face in record.get("faces") or [])
