"""What the review page shows of a photograph beside the review itself: its scan's size, its words, and its pictures."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from restoration.catalog.withdrawals import WITHDRAWN
from restoration.errors import UsageError

_SCAN = sa.text(f"""
SELECT c.title AS collection_title, coalesce(p.scan #> '{{embedded,terms}}', '{{}}') || p.dublin_core AS dublin_core,
       p.width, p.height, p.bits, p.format, r.recipe, r.output_bytes, r.output_bits, r.output_format,
       CAST(r.filled_share AS double precision) AS filled_share, r.mask_key
FROM photo AS p JOIN collection AS c USING (collection_id) JOIN restoration AS r USING (restoration_id)
WHERE p.photo_id = :photo_id AND p.current AND NOT {WITHDRAWN}
""")  # noqa: S608 - constant condition

_PICTURES = sa.text(f"""
SELECT r.preview_before_key, r.preview_after_key, r.tiles_before_key, r.tiles_after_key, r.output_key, r.output_format,
       r.mask_key
FROM restoration AS r
WHERE r.restoration_id = :restoration_id AND EXISTS (
    SELECT FROM photo AS p WHERE p.restoration_id = r.restoration_id AND p.current AND NOT {WITHDRAWN})
""")  # noqa: S608 - constant condition

_REASONS = sa.text(f"""
SELECT CAST(p.reason AS text) AS reason, count(*) AS photos FROM photo AS p
WHERE p.collection_id = :collection_id AND p.current AND p.state IN ('restored', 'needs_review')
  AND p.reason IS NOT NULL AND NOT {WITHDRAWN}
GROUP BY p.reason ORDER BY photos DESC, reason
""")  # noqa: S608 - constant condition


@dataclass(frozen=True)
class ReviewScan:
    """A scan and its words. Sizes in pixels, of the upright scan; None where the scan was never read.

    ``filled_share`` is the share of the restored picture that was invented, None where nobody recorded it; ``mask_key``
    names the picture of where.
    """

    collection_title: str
    dublin_core: dict[str, str]
    width: int | None
    height: int | None
    bits: int | None
    format: str | None
    recipe: str
    output_bytes: int
    output_bits: int
    output_format: str
    filled_share: float | None
    mask_key: str | None


@dataclass(frozen=True)
class PictureKeys:
    """Keys, in the bucket for restored photographs, of the pictures of one restoration."""

    preview_before_key: str
    preview_after_key: str
    tiles_before_key: str | None
    tiles_after_key: str | None
    output_key: str
    output_format: str
    mask_key: str | None = None


def review_scan(conn: sa.Connection, photo_id: int) -> ReviewScan:
    """The scan of a photograph that has been restored.

    :raises UsageError: it is unknown, replaced by a newer scan, withdrawn, or not restored.
    """
    row = conn.execute(_SCAN, {"photo_id": photo_id}).one_or_none()
    if row is None:
        raise UsageError(f"photograph {photo_id} is unknown, replaced, withdrawn or not restored")
    return ReviewScan(**row._mapping)


def picture_keys(conn: sa.Connection, restoration_id: int) -> PictureKeys:
    """Where the pictures of a restoration lie.

    :raises UsageError: it is unknown, or no photograph that may be seen shows it any more.
    """
    row = conn.execute(_PICTURES, {"restoration_id": restoration_id}).one_or_none()
    if row is None:
        raise UsageError(f"no photograph shows restoration {restoration_id}")
    return PictureKeys(**row._mapping)


def review_reasons(conn: sa.Connection, collection_id: int) -> dict[str, int]:
    """Why a collection's restored photographs were put before a person, with how many; the most frequent first."""
    return {row.reason: int(row.photos) for row in conn.execute(_REASONS, {"collection_id": collection_id})}
