"""Who has to say yes before a collection is published: the one place where this is decided."""

from __future__ import annotations

from restoration.catalog.collections import Collection
from restoration.errors import ReasonCode

Why = tuple[ReasonCode, str]
"""A reason as a code and in words."""


def never_published(collection: Collection, photos: int) -> Why | None:
    """Why a collection of so many photographs cannot be published by anybody, None where it can."""
    if collection.consent == "refused":
        return ReasonCode.CONSENT_REFUSED, "those who may decide refused their consent"
    if photos == 0:
        return ReasonCode.SOURCE_MISSING, "the collection has no photographs yet; ingest it first"
    return None


def approval_needed(collection: Collection) -> Why | None:
    """Why a person must approve each state of the collection before it is published, None where nobody need."""
    if collection.sensitivity == "sensitive":
        return ReasonCode.SENSITIVE, "the collection is sensitive: nothing is published without a person's approval"
    if collection.consent != "granted":
        return (
            ReasonCode.CONSENT_UNKNOWN,
            "nobody has said whether the people shown agree: nothing is published without a person's approval",
        )
    return None


def how_to_approve(collection: Collection, content_sha256: str) -> str:
    """What a person does who approves; the approval holds for exactly this content."""
    return (
        f"look at the results, then approve them as they are now (content {content_sha256[:12]}): answer the question "
        "of the DAG publish_collection in Airflow, or in a terminal: restoration "
        f'publish {collection.name} --approved-by "NAME" --words "WHY"'
    )
