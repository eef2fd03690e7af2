"""What people want of a photograph before it is restored: not at all (withdrawn), without touching faces, or with the
colours that somebody knows.

Planner and worker ask the same questions, the one of many photographs and the other of one, so the conditions stand
here once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from restoration.catalog.hints import colours_of
from restoration.catalog.withdrawals import WITHDRAWN
from restoration.colour_hints import ColourHint

Variant = Literal["", "faces_off", "hinted", "faces_off_hinted"]
"""Which form of the run's recipe a restoration is made with: as it stands, with its face restorers taken out, with
colours that people gave, or both.
"""

# CASE, because few photographs have a review and the planner takes the functions for the cheaper questions
FACES_TO_UNDO = """
CASE WHEN EXISTS (SELECT FROM review AS v WHERE v.photo_id = p.photo_id AND v.decision = 'accept_without_faces')
     THEN decision_in_force(p.photo_id, p.restoration_id) = 'accept_without_faces' AND faces_altered(p.restoration_id)
     ELSE false END
"""
"""Whether a photograph ``p`` shows an altered face that a person did not accept."""

HINTS_CHANGED = """
CASE WHEN p.hint_ids <> '{}' OR EXISTS (SELECT FROM colour_hint AS h WHERE h.collection_id = p.collection_id)
     THEN p.hint_ids IS DISTINCT FROM hints_in_force(p) ELSE false END
"""
"""Whether the colours that people gave for a photograph ``p`` are others than those it was last restored with."""

_WISHES = sa.text(f"""
SELECT {WITHDRAWN} AS withdrawn,
       coalesce(decision_in_force(p.photo_id, p.restoration_id) = 'accept_without_faces', false) AS faces_off,
       hints_in_force(p) AS hint_ids
FROM photo AS p WHERE p.photo_id = :photo_id
""")  # noqa: S608 - constant conditions


@dataclass(frozen=True)
class Wishes:
    """What people want of a photograph: to be left alone altogether (``withdrawn``), its faces as they are, and the
    colours that they gave, by number and as a colorizer is told.
    """

    withdrawn: bool = False
    faces_off: bool = False
    hint_ids: tuple[int, ...] = ()
    hints: tuple[ColourHint, ...] = ()


def variant_of(*, faces_off: bool, hinted: bool) -> Variant:
    """Name of the form in which a recipe was followed."""
    if hinted:
        return "faces_off_hinted" if faces_off else "hinted"
    return "faces_off" if faces_off else ""


def read_wishes(conn: sa.Connection, photo_id: int) -> Wishes:
    """What people want of one photograph, as it stands now."""
    row = conn.execute(_WISHES, {"photo_id": photo_id}).one()
    return Wishes(row.withdrawn, row.faces_off, tuple(row.hint_ids), colours_of(conn, row.hint_ids))
