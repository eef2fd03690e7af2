"""What people want of a photograph before it is restored: not at all (withdrawn), or without touching faces.

Planner and worker ask the same questions, the one of many photographs and the other of one, so the conditions stand
here once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

Variant = Literal["", "faces_off"]
"""Which form of the run's recipe a restoration is made with: as it stands, or with its face restorers taken out."""

WITHDRAWN = """
EXISTS (SELECT FROM withdrawal AS w WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key
          AND w.lifted_at IS NULL)
"""
"""Whether a photograph ``p`` is withdrawn now."""

# CASE, because few photographs have a review and the planner takes the functions for the cheaper questions
FACES_TO_UNDO = """
CASE WHEN EXISTS (SELECT FROM review AS v WHERE v.photo_id = p.photo_id AND v.decision = 'accept_without_faces')
     THEN decision_in_force(p.photo_id, p.restoration_id) = 'accept_without_faces' AND faces_altered(p.restoration_id)
     ELSE false END
"""
"""Whether a photograph ``p`` shows an altered face that a person did not accept."""

_WISHES = sa.text(f"""
SELECT {WITHDRAWN} AS withdrawn,
       coalesce(decision_in_force(p.photo_id, p.restoration_id) = 'accept_without_faces', false) AS faces_off
FROM photo AS p WHERE p.photo_id = :photo_id
""")  # noqa: S608 - constant conditions


@dataclass(frozen=True)
class Wishes:
    """Whether a photograph is to be left alone altogether, and with which form of the recipe it is to be restored."""

    withdrawn: bool
    variant: Variant


def read_wishes(conn: sa.Connection, photo_id: int) -> Wishes:
    """What people want of one photograph, as it stands now."""
    row = conn.execute(_WISHES, {"photo_id": photo_id}).one()
    return Wishes(row.withdrawn, "faces_off" if row.faces_off else "")
