"""Reviews: what a person decides about restored photographs, and what waits for one.

Which decision counts, and what waits, is said by the database itself (``decision_in_force``, ``awaits_review``). A
decision never changes a photograph's state: it is a row of ``review`` and an event in the collection's chain. The
reviewer's role is enough for everything here, and so is the curator's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa

from restoration.catalog.divisions import IS_DIVIDED
from restoration.catalog.locks import hold_photos
from restoration.catalog.values import clean_text
from restoration.catalog.withdrawals import WITHDRAWN
from restoration.errors import UsageError

Decision = Literal["accept", "reject", "accept_without_faces", "keep_original"]
Way = Literal["airflow", "token", "terminal"]
"""How a person came to decide: signed in by Airflow, with the review page's token under a name that nobody checked, or
in a terminal with a login of the catalog under a name that nobody checked.
"""
Which = Literal["waiting", "decided", "all"]

DECISIONS: tuple[Decision, ...] = get_args(Decision)
EVENT_TYPE = "review"

# Only a rule of the recipe or an earlier decision can make a photograph wait. CASE, because that is to be asked first:
# the planner takes the function for the cheaper question.
_MAY_WAIT = "(p.state = 'needs_review' OR EXISTS (SELECT FROM review AS m WHERE m.photo_id = p.photo_id))"
_WAITS = f"CASE WHEN {_MAY_WAIT} THEN awaits_review(p) ELSE false END"
_DECISION = """
CASE WHEN EXISTS (SELECT FROM review AS e WHERE e.photo_id = p.photo_id)
     THEN CAST(decision_in_force(p.photo_id, p.restoration_id) AS text) END
"""
_SHOWN = "p.current AND p.state IN ('restored', 'needs_review')"

_WHICH = {"waiting": _WAITS, "decided": f"({_DECISION}) IS NOT NULL", "all": "true"}

# Photographs of a page are chosen before anything is counted about them.
_ITEMS = """
SELECT p.photo_id, p.collection, p.object_key, p.title, p.state, p.reason, p.reason_detail, p.restoration_id,
       p.awaits_review, p.decision, last.reviewer, last.way, last.words, last.decided_at, r.preview_before_key,
       r.preview_after_key, r.tiles_before_key, r.tiles_after_key, r.output_key, r.output_width AS width,
       r.output_height AS height, r.ai_altered, r.variant, f.faces, f.faces_altered, f.lowest_identity, d.damage_share,
       s.ssim_y, p.finished_at
FROM chosen AS p
JOIN restoration AS r USING (restoration_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS faces, count(*) FILTER (WHERE f.action IN ('restored', 'blended')) AS faces_altered,
           CAST(min(f.identity) AS double precision) AS lowest_identity
    FROM face AS f WHERE f.restoration_id = p.restoration_id) AS f
LEFT JOIN LATERAL (
    SELECT CAST(t.detail ->> 'damage' AS double precision) AS damage_share
    FROM step_record AS t WHERE t.restoration_id = p.restoration_id AND t.step = 'repair'
    ORDER BY t.ordinal LIMIT 1) AS d ON true
LEFT JOIN LATERAL (
    SELECT n.value AS ssim_y FROM measurement AS n
    WHERE n.restoration_id = p.restoration_id AND n.metric = 'ssim_y' AND n.stage = 'pair') AS s ON true
LEFT JOIN LATERAL (
    SELECT v.reviewer, v.way, v.words, v.decided_at FROM review AS v
    WHERE v.photo_id = p.photo_id AND p.decision IS NOT NULL ORDER BY v.review_id DESC LIMIT 1) AS last ON true
"""

_FACTS = f"""
p.photo_id, c.name AS collection, p.object_key,
coalesce(p.dublin_core ->> 'title', p.scan #>> '{{embedded,terms,title}}') AS title, CAST(p.state AS text) AS state,
CAST(p.reason AS text) AS reason, p.reason_detail, p.restoration_id, p.finished_at, {_WAITS} AS awaits_review,
{_DECISION} AS decision
FROM photo AS p JOIN collection AS c USING (collection_id)
"""

_PAGES = {
    which: sa.text(f"""
WITH chosen AS MATERIALIZED (
    SELECT {_FACTS}
    WHERE p.collection_id = :collection_id AND {_SHOWN} AND NOT {WITHDRAWN} AND {condition}
      AND p.object_key > :after
    ORDER BY p.object_key LIMIT :limit)
{_ITEMS} ORDER BY p.object_key
""")
    for which, condition in _WHICH.items()
}

# How far a figure lies beyond the limit of the standard review rules: 1 is the limit itself, more is worse.
_BADNESS = """
greatest((1 - coalesce(f.lowest_identity, 1)) / (1 - 0.5), coalesce(d.damage_share, 0) / 0.08,
         (1 - coalesce(s.ssim_y, 1)) / (1 - 0.6))
"""

_WORST = sa.text(f"""
WITH chosen AS MATERIALIZED (
    SELECT {_FACTS}
    WHERE p.collection_id = :collection_id AND {_SHOWN} AND NOT {WITHDRAWN})
{_ITEMS} ORDER BY p.awaits_review DESC, {_BADNESS} DESC, p.object_key LIMIT :limit
""")

_ONE = sa.text(f"""
WITH chosen AS MATERIALIZED (SELECT {_FACTS} WHERE p.photo_id = :photo_id AND p.current AND NOT {WITHDRAWN})
{_ITEMS}
""")

_FACES = sa.text("""
SELECT f.ordinal, f.x, f.y, f.width, f.height, f.confidence, f.landmarks, CAST(f.action AS text) AS action,
       CAST(f.reason AS text) AS reason, f.identity, f.identity_threshold AS threshold, f.certainty, f.blend,
       f.identity_tried, m.name AS restorer
FROM face AS f LEFT JOIN model_version AS m ON m.model_version_id = f.restorer_id
WHERE f.restoration_id = :restoration_id ORDER BY f.ordinal
""")

_STEPS = sa.text("""
SELECT s.ordinal, s.step, CAST(s.status AS text) AS status, CAST(s.reason AS text) AS reason, m.name AS model,
       s.seconds, s.parameters, s.detail
FROM step_record AS s LEFT JOIN model_version AS m USING (model_version_id)
WHERE s.restoration_id = :restoration_id ORDER BY s.ordinal
""")

_DAMAGE = sa.text("""
SELECT CAST(d.kind AS text) AS kind, CAST(d.found_share AS double precision) AS found_share,
       CAST(d.mended_share AS double precision) AS mended_share, d.regions, CAST(d.mending AS text) AS mending,
       m.name AS model
FROM damage AS d LEFT JOIN model_version AS m USING (model_version_id)
WHERE d.restoration_id = :restoration_id ORDER BY d.mended_share DESC, d.kind
""")

_MEASUREMENTS = sa.text("""
SELECT n.metric, CAST(n.stage AS text) AS stage, n.value FROM measurement AS n
WHERE n.restoration_id = :restoration_id ORDER BY n.metric, n.stage
""")

_HISTORY = sa.text("""
SELECT v.review_id, v.restoration_id, CAST(v.decision AS text) AS decision, v.reviewer, v.way, v.words, v.decided_at,
       v.restoration_id = :restoration_id AS of_this_restoration
FROM review AS v WHERE v.photo_id = :photo_id ORDER BY v.review_id DESC
""")

_HELD = sa.text(f"""
SELECT p.collection_id, p.object_key, p.current, p.restoration_id, {WITHDRAWN} AS withdrawn
FROM photo AS p WHERE p.photo_id = :photo_id
""")  # noqa: S608 - constant condition

_SAME = sa.text("""
SELECT v.review_id FROM review AS v
WHERE v.review_id = (SELECT max(l.review_id) FROM review AS l WHERE l.photo_id = :photo_id)
  AND v.restoration_id = :restoration_id AND v.decision = CAST(:decision AS review_decision)
  AND v.reviewer = :reviewer AND (:words = '' OR v.words = :words)
""")

# One review and one event for each photograph; the events come last, because the chain is locked from there.
_DECIDE = """
, made AS (
    INSERT INTO review (photo_id, restoration_id, decision, reviewer, words, way)
    SELECT photo_id, restoration_id, CAST(:decision AS review_decision), :reviewer, :words, :way FROM decided
    ORDER BY photo_id
    RETURNING review_id, photo_id, restoration_id
), told AS (
    INSERT INTO event (collection_id, event_type, outcome, agent, photo_id, restoration_id, detail)
    SELECT :collection_id, :event_type, 'success', :reviewer, m.photo_id, m.restoration_id,
           jsonb_build_object('decision', CAST(:decision AS text), 'words', CAST(:words AS text),
                              'review_id', m.review_id, 'restoration_id', m.restoration_id,
                              'output_sha256', r.output_sha256, 'way', CAST(:way AS text))
    FROM made AS m JOIN restoration AS r USING (restoration_id) ORDER BY m.review_id
)
SELECT review_id FROM made
"""

_DECIDE_ONE = sa.text(f"""
WITH decided AS (SELECT CAST(:photo_id AS bigint) AS photo_id, CAST(:restoration_id AS bigint) AS restoration_id)
{_DECIDE}
""")

_WAITING = sa.text(f"""
SELECT p.photo_id FROM photo AS p WHERE p.collection_id = :collection_id AND {_SHOWN} AND {_WAITS}
""")  # noqa: S608 - constant parts

_ACCEPT_WAITING = sa.text(f"""
WITH decided AS (
    SELECT p.photo_id, p.restoration_id FROM photo AS p
    WHERE p.photo_id = ANY(CAST(:held AS bigint[])) AND {_SHOWN} AND {_WAITS}
){_DECIDE}
""")  # noqa: S608 - constant parts

_COUNTS = sa.text(f"""
WITH photos AS MATERIALIZED (
    SELECT CAST(p.state AS text) AS state, {IS_DIVIDED} AS divided, {WITHDRAWN} AS withdrawn,
           ({_SHOWN}) AND {_WAITS} AS waits,
           CASE WHEN {_SHOWN} THEN {_DECISION} END AS decision
    FROM photo AS p WHERE p.collection_id = :collection_id AND p.current
)
SELECT count(*) AS photos,
       count(*) FILTER (WHERE withdrawn) AS withdrawn,
       count(*) FILTER (WHERE NOT withdrawn AND state IN ('pending', 'queued', 'restoring')) AS unfinished,
       count(*) FILTER (WHERE NOT withdrawn AND state = 'restored') AS restored,
       count(*) FILTER (WHERE NOT withdrawn AND state = 'needs_review') AS needs_review,
       count(*) FILTER (WHERE NOT withdrawn AND waits) AS waiting,
       count(*) FILTER (WHERE NOT withdrawn AND decision = 'accept') AS accept,
       count(*) FILTER (WHERE NOT withdrawn AND decision = 'reject') AS reject,
       count(*) FILTER (WHERE NOT withdrawn AND decision = 'accept_without_faces') AS accept_without_faces,
       count(*) FILTER (WHERE NOT withdrawn AND decision = 'keep_original') AS keep_original,
       count(*) FILTER (WHERE NOT withdrawn AND state = 'rejected') AS rejected_by_system,
       count(*) FILTER (WHERE NOT withdrawn AND state = 'quarantined') AS quarantined,
       count(*) FILTER (WHERE NOT withdrawn AND state = 'skipped' AND NOT divided) AS skipped,
       count(*) FILTER (WHERE NOT withdrawn AND divided) AS divided
FROM photos
""")  # noqa: S608 - constant parts


@dataclass(frozen=True)
class ReviewItem:
    """One restored photograph as a reviewer meets it.

    ``decision`` is the one in force, with its ``reviewer``, the ``way`` in which that person came (:data:`Way`, or
    empty before it was recorded), ``words`` and ``decided_at``; None if nobody decided, or if what was accepted has
    been restored anew. ``width`` and ``height`` are the output's, in pixels. ``faces`` and
    ``faces_altered`` count faces; ``lowest_identity`` is a cosine in [-1, 1], ``damage_share`` in [0, 1], ``ssim_y`` in
    [-1, 1]; each None where it was not measured. ``variant`` says in which other form than the run's the recipe was
    followed (:data:`restoration.catalog.wishes.Variant`). Keys lie in the bucket for restored photographs.
    """

    photo_id: int
    collection: str
    object_key: str
    title: str | None
    state: str
    reason: str | None
    reason_detail: str
    restoration_id: int
    awaits_review: bool
    decision: Decision | None
    reviewer: str | None
    way: str | None
    words: str | None
    decided_at: datetime | None
    preview_before_key: str
    preview_after_key: str
    tiles_before_key: str | None
    tiles_after_key: str | None
    output_key: str
    width: int
    height: int
    ai_altered: bool
    variant: str
    faces: int
    faces_altered: int
    lowest_identity: float | None
    damage_share: float | None
    ssim_y: float | None
    finished_at: datetime | None

    @property
    def cursor(self) -> tuple[str]:
        """For the ``after`` of :func:`list_review_items`: the page that begins behind this photograph."""
        return (self.object_key,)


@dataclass(frozen=True)
class ReviewFace:
    """One face of a restoration. Box (x, y, width, height) and landmarks in pixels of the scan, origin top left.

    ``threshold`` is the lowest identity that a face of that ``certainty`` may have after restoring; ``blend`` the share
    of the restored face in the result, 0 to 1; ``identity_tried`` the identities of the shares that were tried.
    """

    ordinal: int
    box: tuple[float, float, float, float]
    landmarks: list[list[float]]
    action: str
    reason: str | None
    identity: float | None
    threshold: float | None
    certainty: float | None
    blend: float | None
    confidence: float
    identity_tried: list[float]
    restorer: str | None


@dataclass(frozen=True)
class ReviewStep:
    """What one step of the recipe did."""

    ordinal: int
    step: str
    status: str
    reason: str | None
    model: str | None
    seconds: float
    parameters: dict[str, Any]
    detail: dict[str, Any]


@dataclass(frozen=True)
class ReviewDamage:
    """One kind of damage: shares of the picture (0..1), its places, and how most of it was mended, by which net."""

    kind: str
    found_share: float
    mended_share: float
    regions: int
    mending: str
    model: str | None


@dataclass(frozen=True)
class PastReview:
    """One decision of a person; ``of_this_restoration``: about what the photograph shows now."""

    review_id: int
    restoration_id: int
    decision: Decision
    reviewer: str
    way: str
    words: str
    decided_at: datetime
    of_this_restoration: bool


@dataclass(frozen=True)
class ReviewDetail:
    """All that a person needs to decide: ``measurements`` by metric and stage, ``history`` with the newest first,
    ``damage`` with the most mended first.
    """

    item: ReviewItem
    faces: list[ReviewFace]
    steps: list[ReviewStep]
    measurements: dict[str, dict[str, float]]
    history: list[PastReview]
    damage: list[ReviewDamage]


def list_review_items(
    conn: sa.Connection, collection_id: int, *, which: Which, after: tuple[str, ...] | None = None, limit: int = 100
) -> list[ReviewItem]:
    """A page of a collection's restored photographs in order of their keys; withdrawn ones are left out.

    :param which: ``waiting`` for a person, ``decided`` by one (the decision is in force), or ``all``.
    :param after: :attr:`ReviewItem.cursor` of the last photograph of the page before; None for the first page.
    :raises UsageError: ``which`` is none of these.
    """
    if which not in _PAGES:
        raise UsageError(f"there is no list {which!r} of reviews; there are {', '.join(_PAGES)}")
    values = {"collection_id": collection_id, "after": after[0] if after else "", "limit": limit}
    return [ReviewItem(**row._mapping) for row in conn.execute(_PAGES[which], values)]


def worst_items(conn: sa.Connection, collection_id: int, limit: int = 20) -> list[ReviewItem]:
    """The photographs to look at first: those that wait, then the others, the worst first.

    How bad: the greatest of (1 - lowest identity) / 0.5, damaged share / 0.08 and (1 - SSIM) / 0.4, that is how far the
    worst figure lies beyond the limit that the standard review rules set it.
    """
    rows = conn.execute(_WORST, {"collection_id": collection_id, "limit": limit})
    return [ReviewItem(**row._mapping) for row in rows]


def review_detail(conn: sa.Connection, photo_id: int) -> ReviewDetail:
    """One photograph with its faces, steps, figures and earlier decisions.

    :raises UsageError: there is no such photograph, it is withdrawn, replaced by a newer scan, or shows no restoration.
    """
    row = conn.execute(_ONE, {"photo_id": photo_id}).one_or_none()
    if row is None:
        raise UsageError(
            f"photograph {photo_id} is unknown, replaced, withdrawn or not restored: there is nothing to review"
        )
    item = ReviewItem(**row._mapping)
    names = {"photo_id": photo_id, "restoration_id": item.restoration_id}
    measurements: dict[str, dict[str, float]] = {}
    for n in conn.execute(_MEASUREMENTS, names):
        measurements.setdefault(n.metric, {})[n.stage] = n.value
    return ReviewDetail(
        item=item,
        faces=[_face(f) for f in conn.execute(_FACES, names)],
        steps=[ReviewStep(**s._mapping) for s in conn.execute(_STEPS, names)],
        measurements=measurements,
        history=[PastReview(**v._mapping) for v in conn.execute(_HISTORY, names)],
        damage=[ReviewDamage(**d._mapping) for d in conn.execute(_DAMAGE, names)],
    )


def _face(row: sa.Row[Any]) -> ReviewFace:
    facts = dict(row._mapping)
    x, y, width, height = (float(facts.pop(side)) for side in ("x", "y", "width", "height"))
    return ReviewFace(box=(x, y, width, height), **facts)


def decide(
    conn: sa.Connection,
    photo_id: int,
    *,
    restoration_id: int,
    decision: Decision,
    reviewer: str,
    words: str = "",
    way: Way = "terminal",
) -> int:
    """Record what a person decided about the restoration that they saw; returns the review's number.

    The same decision again by the same person on the same restoration changes nothing (a doubled click), unless it
    brings other words. Call it last in a transaction: the end of the collection's chain is locked from there.

    :raises UsageError: no such decision, nobody's name, the photograph is unknown or withdrawn, or it no longer shows
        that restoration.
    """
    values: dict[str, Any] = {"photo_id": photo_id, "restoration_id": restoration_id}
    values |= _said(decision, reviewer, words, way)
    hold_photos(conn, [photo_id])
    photo = conn.execute(_HELD, values).one_or_none()
    if photo is None or not photo.current:
        raise UsageError(f"there is no current photograph {photo_id}; list the collection again")
    if photo.withdrawn:
        raise UsageError("the photograph was withdrawn: there is nothing to decide", photo=photo.object_key)
    if photo.restoration_id != restoration_id:
        raise UsageError("the photograph has been restored anew since; look again", photo=photo.object_key)
    same = conn.execute(_SAME, values).scalar()
    if same is not None:
        return int(same)
    return int(conn.execute(_DECIDE_ONE, values | {"collection_id": photo.collection_id}).scalar_one())


def accept_waiting(conn: sa.Connection, collection_id: int, *, reviewer: str, words: str, way: Way = "terminal") -> int:
    """Accept every photograph of a collection that waits; one review and one event each. Returns how many.

    :raises UsageError: nobody's name.
    """
    values: dict[str, Any] = _said("accept", reviewer, words, way) | {"collection_id": collection_id}
    values["held"] = [int(number) for number in conn.execute(_WAITING, values).scalars()]
    hold_photos(conn, values["held"])
    return len(conn.execute(_ACCEPT_WAITING, values).all())


def _said(decision: str, reviewer: str, words: str, way: Way) -> dict[str, str]:
    """A decision as the statements take it."""
    if decision not in DECISIONS:
        raise UsageError(f"there is no decision {decision!r}; there are {', '.join(DECISIONS)}")
    if not reviewer.strip():
        raise UsageError("a decision names the person who takes it")
    return {
        "decision": decision,
        "reviewer": clean_text(reviewer.strip()),
        "words": clean_text(words.strip()),
        "way": way,
        "event_type": EVENT_TYPE,
    }


def review_counts(conn: sa.Connection, collection_id: int) -> dict[str, int]:
    """How far the review of a collection is, in current photographs.

    Keys: photos, withdrawn; of those not withdrawn unfinished, restored, needs_review, rejected_by_system, quarantined,
    skipped, divided (by state; scans that are divided are no skipped ones), waiting (for a person), and the decisions
    in force: accept, reject, accept_without_faces, keep_original.
    """
    row = conn.execute(_COUNTS, {"collection_id": collection_id}).one()
    return {key: int(value) for key, value in row._mapping.items()}
