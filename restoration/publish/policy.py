"""Who has to say yes before a collection is published: the one place where this is decided."""

from __future__ import annotations

from dataclasses import dataclass

from restoration.catalog.collections import Collection
from restoration.errors import ReasonCode

Why = tuple[ReasonCode, str]
"""A reason as a code and in words."""


@dataclass(frozen=True)
class Shown:
    """Photographs of a collection that a publication shows as restored or with a decision to come, and how many could
    be: all but those that are left out on purpose.
    """

    photos: int
    of: int


def never_published(collection: Collection, photos: int) -> Why | None:
    """Why a collection of so many photographs cannot be published by anybody, None where it can."""
    if collection.consent == "refused":
        return ReasonCode.CONSENT_REFUSED, "those who may decide refused their consent"
    if photos == 0:
        return ReasonCode.SOURCE_MISSING, "the collection has no photographs yet; ingest it first"
    return None


def approval_needed(collection: Collection, shown: Shown) -> Why | None:
    """Why a person must approve each state of the collection before it is published, None if nobody need."""
    if collection.sensitivity == "sensitive":
        return ReasonCode.SENSITIVE, "the collection is sensitive: nothing is published without a person's approval"
    if collection.consent != "granted":
        return (
            ReasonCode.CONSENT_UNKNOWN,
            "nobody has said whether the people shown agree: nothing is published without a person's approval",
        )
    if 2 * shown.photos < shown.of:
        return (
            ReasonCode.MOSTLY_MISSING,
            f"only {shown.photos} of {shown.of} photographs came through, and an archive of less than half of a "
            f"collection is not published without a person's approval; `restoration audit failures --collection "
            f"{collection.name}` says what became of the others",
        )
    return None


def how_to_approve(collection: Collection, content_sha256: str) -> str:
    """What a person does who approves; the approval holds for exactly this content."""
    return (
        f"look at the results, then approve them as they are now (content {content_sha256[:12]}): answer the question "
        "of the DAG publish_collection in Airflow, or in a terminal: restoration "
        f'publish {collection.name} --approved-by "NAME" --words "WHY"'
    )
