"""Publications: what of a collection is to be shown, and which version is current."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.bulk import copy_rows
from restoration.catalog.events import append_event
from restoration.catalog.locks import lock_work
from restoration.catalog.values import clean_text
from restoration.catalog.versions import abandon_unfinished
from restoration.errors import UsageError

AGENT = "publisher"
_FETCH_ROWS = 500

_PHOTOS = sa.text("""
SELECT p.photo_id, p.object_key, p.state::text AS state, p.reason::text AS reason,
       coalesce(p.file_sha256, p.content_sha256) AS source_sha256, p.restoration_id, r.output_key, r.output_sha256,
       r.output_bytes, r.preview_before_key, r.preview_after_key,
       jsonb_build_object(
           'photo_id', p.photo_id,
           'object_key', p.object_key,
           'title', coalesce(p.dublin_core ->> 'title', p.scan #>> '{embedded,terms,title}'),
           'dublin_core', coalesce(p.scan #> '{embedded,terms}', '{}') || p.dublin_core,
           'dublin_core_from', coalesce(p.scan #> '{embedded,sources}', '{}') || coalesce((
               SELECT jsonb_object_agg(t.term, 'metadata.csv')
               FROM jsonb_object_keys(p.dublin_core) AS t (term)), '{}'),
           'state', p.state,
           'reason', p.reason,
           'reason_detail', p.reason_detail,
           'attempts', p.attempts,
           'missing_since', p.missing_since,
           'finished_at', p.finished_at,
           'source', jsonb_build_object(
               'uri', 's3://' || split_part(c.source_uri, '/', 3) || '/' || coalesce(p.file_key, p.object_key),
               'version_id', p.version_id, 'etag', p.etag, 'sha256', coalesce(p.file_sha256, p.content_sha256),
               'size', p.size_bytes,
               'last_modified', p.last_modified, 'format', p.format, 'width', p.width, 'height', p.height,
               'bits', p.bits, 'scan', p.scan)
               || CASE WHEN p.part > 1 OR (p.scan ? 'page' AND CAST(p.scan ->> 'pages' AS integer) > 1)
                  THEN jsonb_strip_nulls(jsonb_build_object('page', p.page,
                                                            'pages', CAST(p.scan ->> 'pages' AS integer)))
                  ELSE '{}' END
               || CASE WHEN p.box IS NOT NULL THEN jsonb_build_object('part', (
                      SELECT jsonb_build_object(
                          'number', p.part % 1000, 'place', array_position(d.boxes, p.box),
                          'of', cardinality(d.boxes),
                          'box', to_jsonb(CAST(string_to_array(p.box, ' ') AS double precision[])),
                          'pixels', p.scan #> '{cut,pixels}', 'page_size', p.scan #> '{cut,page_size}',
                          'resampled', p.scan #> '{cut,resampled}', 'arrangement', d.arrangement,
                          'division_id', d.division_id, 'given_through', d.given_through,
                          'divided_by', d.decided_by, 'divided_at', d.decided_at)
                      FROM division AS d WHERE d.division_id = p.division_id)) ELSE '{}' END,
           'duplicate_of', (SELECT d.object_key FROM photo AS d
                            WHERE d.photo_id = p.duplicate_of AND NOT EXISTS (
                                SELECT FROM withdrawal AS u WHERE u.collection_id = d.collection_id
                                  AND u.object_key = d.object_key AND u.lifted_at IS NULL)),
           'decision', decision_in_force(p.photo_id, p.restoration_id),
           'awaits_review', awaits_review(p),
           'withdrawal', (SELECT jsonb_build_object('reason', w.reason, 'withdrawn_at', w.withdrawn_at)
                          FROM withdrawal AS w WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key
                            AND w.lifted_at IS NULL),
           'output', CASE WHEN r.restoration_id IS NOT NULL THEN jsonb_build_object(
               'key', r.output_key, 'sha256', r.output_sha256, 'bytes', r.output_bytes, 'format', r.output_format,
               'width', r.output_width, 'height', r.output_height, 'bits', r.output_bits) END,
           'previews', CASE WHEN r.restoration_id IS NOT NULL THEN jsonb_build_object(
               'before', r.preview_before_key, 'after', r.preview_after_key) END,
           'tiles', CASE WHEN r.tiles_before_key IS NOT NULL AND r.tiles_after_key IS NOT NULL
               THEN jsonb_build_object('before', r.tiles_before_key, 'after', r.tiles_after_key) END,
           'mask', r.mask_key,
           'access', CASE WHEN r.access_key IS NOT NULL THEN jsonb_build_object(
               'key', r.access_key, 'sha256', r.access_sha256, 'bytes', r.access_bytes, 'format', r.access_format) END,
           'filled_share', r.filled_share,
           'damage', coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'kind', d.kind, 'found_share', d.found_share, 'mended_share', d.mended_share, 'regions', d.regions,
                   'mending', d.mending,
                   'box', CASE WHEN d.x IS NOT NULL THEN jsonb_build_array(d.x, d.y, d.width, d.height) END,
                   'model', (SELECT m.name FROM model_version AS m WHERE m.model_version_id = d.model_version_id))
                   ORDER BY d.mended_share DESC, d.kind)
               FROM damage AS d WHERE d.restoration_id = p.restoration_id), '[]'),
           'variant', coalesce(r.variant, ''),
           'hints', CASE WHEN r.variant IN ('hinted', 'faces_off_hinted') AND EXISTS (
                   SELECT FROM step_record AS s
                   WHERE s.restoration_id = p.restoration_id AND s.step = 'colorize' AND s.status = 'applied')
               THEN coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'hint_id', h.hint_id, 'place', h.outline, 'radius', h.radius, 'colour', h.colour,
                   'what', h.subject, 'ground', h.ground, 'source', h.source, 'said_by', h.said_by,
                   'said_on', h.said_on, 'added_at', h.added_at) ORDER BY h.hint_id)
               FROM colour_hint AS h WHERE h.hint_id = ANY (p.hint_ids)), '[]') ELSE '[]' END,
           'ai_altered', coalesce(r.ai_altered, false),
           'recipe', CASE WHEN r.restoration_id IS NOT NULL THEN jsonb_build_object(
               'name', r.recipe, 'sha256', r.recipe_sha256, 'models_sha256', r.models_sha256) END,
           'device', r.device,
           'device_class', r.device_class,
           'code_version', r.code_version,
           'seconds', r.seconds,
           'restored_at', r.created_at,
           'run_id', r.first_run_id,
           'steps', coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'ordinal', s.ordinal, 'step', s.step, 'status', s.status, 'reason', s.reason, 'seconds', s.seconds,
                   'parameters', s.parameters, 'detail', s.detail,
                   'model', (SELECT m.name FROM model_version AS m WHERE m.model_version_id = s.model_version_id))
                   ORDER BY s.ordinal)
               FROM step_record AS s WHERE s.restoration_id = p.restoration_id), '[]'),
           'faces', coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'ordinal', f.ordinal, 'box', jsonb_build_array(f.x, f.y, f.width, f.height),
                   'confidence', f.confidence, 'landmarks', f.landmarks, 'action', f.action, 'reason', f.reason,
                   'identity', f.identity, 'blend', f.blend, 'certainty', f.certainty,
                   'identity_threshold', f.identity_threshold, 'identity_tried', f.identity_tried,
                   'detector', (SELECT m.name FROM model_version AS m WHERE m.model_version_id = f.detector_id),
                   'restorer', (SELECT m.name FROM model_version AS m WHERE m.model_version_id = f.restorer_id),
                   'identity_model', (SELECT m.name FROM model_version AS m
                                      WHERE m.model_version_id = f.identity_model_id))
                   ORDER BY f.ordinal)
               FROM face AS f WHERE f.restoration_id = p.restoration_id), '[]'),
           'models', coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'name', m.name, 'version', m.version, 'architecture', m.architecture,
                   'weights_sha256', m.weights_sha256, 'licence', m.licence, 'source', m.source,
                   'training_data', m.training_data) ORDER BY m.name, m.model_version_id)
               FROM model_version AS m
               WHERE m.model_version_id IN (
                   SELECT s.model_version_id FROM step_record AS s WHERE s.restoration_id = p.restoration_id
                   UNION ALL
                   SELECT unnest(ARRAY[f.detector_id, f.restorer_id, f.identity_model_id])
                   FROM face AS f WHERE f.restoration_id = p.restoration_id
                   UNION ALL
                   SELECT d.model_version_id FROM damage AS d WHERE d.restoration_id = p.restoration_id)), '[]'),
           'measurements', coalesce((
               SELECT jsonb_object_agg(t.metric, t.stages) FROM (
                   SELECT n.metric, jsonb_object_agg(n.stage, n.value) AS stages
                   FROM measurement AS n WHERE n.restoration_id = p.restoration_id GROUP BY n.metric) AS t), '{}'),
           'review', (
               SELECT jsonb_build_object('decision', v.decision, 'reviewer', v.reviewer, 'words', v.words,
                                         'decided_at', v.decided_at)
               FROM review AS v WHERE v.photo_id = p.photo_id ORDER BY v.review_id DESC LIMIT 1),
           'events', coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                   'seq', e.seq, 'type', e.event_type, 'outcome', e.outcome, 'agent', e.agent,
                   'occurred_at', e.occurred_at, 'run_id', e.run_id, 'restoration_id', e.restoration_id,
                   'detail', e.detail, 'prev_sha256', e.prev_sha256, 'sha256', e.sha256) ORDER BY e.seq)
               FROM event AS e WHERE e.photo_id = p.photo_id), '[]')
       )::text AS record
FROM photo AS p
JOIN collection AS c USING (collection_id)
LEFT JOIN restoration AS r ON r.restoration_id = p.restoration_id
WHERE p.collection_id = :collection_id AND p.current
ORDER BY coalesce(p.file_key, p.object_key), p.page, p.part, p.photo_id
""")

_COLLECTION_EVENTS = sa.text("""
SELECT jsonb_build_object(
    'seq', e.seq, 'type', e.event_type, 'outcome', e.outcome, 'agent', e.agent, 'occurred_at', e.occurred_at,
    'run_id', e.run_id, 'restoration_id', e.restoration_id, 'detail', e.detail, 'prev_sha256', e.prev_sha256,
    'sha256', e.sha256)::text AS event
FROM event AS e WHERE e.collection_id = :collection_id AND e.photo_id IS NULL ORDER BY e.seq
""")

_CONTENT = sa.text("""
SELECT p.object_key, p.state::text AS state, coalesce(r.output_sha256, '') AS output_sha256
FROM photo AS p LEFT JOIN restoration AS r ON r.restoration_id = p.restoration_id
WHERE p.collection_id = :collection_id AND p.current
ORDER BY p.object_key, p.photo_id
""")

_COLUMNS = (
    "publication_id, collection_id, version, uri, state::text AS state, content_sha256, manifest_sha256, photo_count, "
    "byte_count"
)

_OPEN = sa.text(f"""
INSERT INTO publication (collection_id, version, run_id, uri)
SELECT :collection_id, n.version, :run_id,
       concat(CAST(:uri_base AS text), '/v', lpad(n.version::text, greatest(4, length(n.version::text)), '0'), '/')
FROM (SELECT coalesce(max(version), 0) + 1 AS version FROM publication WHERE collection_id = :collection_id) AS n
RETURNING {_COLUMNS}
""")  # noqa: S608 - constant columns

_LIST = sa.text(f"""
SELECT {_COLUMNS} FROM publication WHERE collection_id = :collection_id ORDER BY version
""")  # noqa: S608 - constant columns

_VERIFIED = sa.text("""
UPDATE publication
SET state = 'verified', content_sha256 = :content_sha256, manifest_sha256 = :manifest_sha256, chain_head = :chain_head,
    photo_count = :photo_count, byte_count = :byte_count, verified_at = clock_timestamp()
WHERE publication_id = :publication_id AND state IN ('staging', 'verified')
""")

_GET = sa.text("""
SELECT collection_id, version, run_id, state::text AS state, manifest_sha256, photo_count
FROM publication WHERE publication_id = :publication_id FOR UPDATE
""")

_SUPERSEDE = sa.text("""
UPDATE publication SET state = 'superseded' WHERE collection_id = :collection_id AND state = 'current'
""")

_CURRENT = sa.text("""
UPDATE publication SET state = 'current', current_at = clock_timestamp() WHERE publication_id = :publication_id
""")


@dataclass(frozen=True)
class PublishablePhoto:
    """One current photograph with all that a gallery and a provenance record need.

    ``record`` is JSON-able: photo_id, object_key, title, dublin_core (the sidecar's terms, and of those that it lacks
    the scan's own), dublin_core_from (the source of each term), state, reason, reason_detail, attempts,
    missing_since, finished_at, source {uri, version_id, etag, sha256, size, last_modified, format, width, height,
    bits, scan, and of a file with several photographs page and pages, and of a photograph that was cut out of its page
    part {number, place, of, box, pixels, page_size, resampled, arrangement, division_id, given_through, divided_by,
    divided_at}}, duplicate_of (object key), decision (the one in
    force), awaits_review, withdrawal {reason, withdrawn_at} or None, tiles {before, after} (keys) or None, mask (key)
    or None, filled_share (0..1 or None), damage (kind, found_share, mended_share, regions, mending, box or None, model;
    the most mended first), variant,
    hints (colours of people that it was painted by: hint_id, place, radius, colour, what, ground, source, said_by,
    said_on, added_at), output {key, sha256, bytes, format, width, height, bits} or None, previews {before, after} or
    None, ai_altered, recipe {name, sha256, models_sha256} or None, device, device_class, code_version, seconds,
    restored_at, run_id, steps, faces, models, measurements {metric: {source, restored, pair}}, review (the last),
    events. Times are ISO 8601 with zone.
    """

    photo_id: int
    object_key: str
    state: str
    reason: str | None
    source_sha256: str | None
    restoration_id: int | None
    output_key: str | None
    output_sha256: str | None
    output_bytes: int | None
    preview_before_key: str | None
    preview_after_key: str | None
    record: dict[str, Any]


@dataclass(frozen=True)
class PublicationPhoto:
    """What a publication shows of one photograph, how, and under which name; the hash is of the published file."""

    photo_id: int
    restoration_id: int | None
    payload_name: str
    shown_as: str = "restored"
    output_sha256: str | None = None


@dataclass(frozen=True)
class Publication:
    """One version of a collection's published archive."""

    publication_id: int
    collection_id: int
    version: int
    uri: str
    state: str
    content_sha256: str | None
    manifest_sha256: str | None
    photo_count: int | None
    byte_count: int | None


def iter_publishable(conn: sa.Connection, collection_id: int) -> Iterator[PublishablePhoto]:
    """Every current photograph of a collection in order of its file's key and its page, through a server-side cursor.

    Photographs of all states are given; those without restoration have no output. The connection serves nothing else
    until the iterator is exhausted or closed.
    """
    # options of the statement: those of a connection would stay with it
    options = {"stream_results": True, "yield_per": _FETCH_ROWS}
    with conn.execute(_PHOTOS, {"collection_id": collection_id}, execution_options=options) as rows:
        for row in rows:
            facts = dict(row._mapping)
            yield PublishablePhoto(**(facts | {"record": json.loads(facts["record"])}))


def list_collection_events(conn: sa.Connection, collection_id: int) -> list[dict[str, Any]]:
    """Events of the collection as a whole (runs, approvals, publications), oldest first; they do not grow with photos.

    Keys: seq, type, outcome, agent, occurred_at, run_id, restoration_id, detail, prev_sha256, sha256.
    """
    rows = conn.execute(_COLLECTION_EVENTS, {"collection_id": collection_id})
    return [json.loads(row.event) for row in rows]


def content_sha256(conn: sa.Connection, collection_id: int) -> str:
    """Hash over (object key, output hash, state) of all current photographs, in order of their keys.

    Each photograph is one JSON array on a line of its own: ``["key","sha256 or empty","state"]``.
    """
    digest = hashlib.sha256()
    # options of the statement: those of a connection would stay with it
    options = {"stream_results": True, "yield_per": 10 * _FETCH_ROWS}
    with conn.execute(_CONTENT, {"collection_id": collection_id}, execution_options=options) as rows:
        for row in rows:
            line = json.dumps([row.object_key, row.output_sha256, row.state], ensure_ascii=False, separators=(",", ":"))
            digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def list_publications(conn: sa.Connection, collection_id: int) -> list[Publication]:
    """All publications of a collection, whatever their state, by version."""
    return [Publication(**row._mapping) for row in conn.execute(_LIST, {"collection_id": collection_id})]


def find_current(conn: sa.Connection, collection_id: int) -> Publication | None:
    """The current publication, where there is one."""
    return next((p for p in list_publications(conn, collection_id) if p.state == "current"), None)


def open_publication(conn: sa.Connection, collection_id: int, run_id: UUID | None, uri_base: str) -> Publication:
    """Open the next version under ``uri_base``; one left unfinished is marked abandoned, and its number is spent."""
    names = {"collection_id": collection_id, "run_id": run_id, "uri_base": uri_base.rstrip("/")}
    lock_work(conn, "publication", collection_id)
    abandon_unfinished(conn, collection_id, keep=None)
    return Publication(**conn.execute(_OPEN, names).one()._mapping)


def add_publication_photos(conn: sa.Connection, publication_id: int, rows: Iterable[PublicationPhoto]) -> int:
    """Note what a publication shows; returns how many rows."""
    values = (
        (
            publication_id,
            row.photo_id,
            row.restoration_id,
            clean_text(row.payload_name),
            row.shown_as,
            row.output_sha256,
        )
        for row in rows
    )
    columns = ("publication_id", "photo_id", "restoration_id", "payload_name", "shown_as", "output_sha256")
    return copy_rows(conn, "restoration.publication_photo", columns, values)


def mark_verified(
    conn: sa.Connection,
    publication_id: int,
    *,
    content_sha256: str,
    manifest_sha256: str,
    chain_head: str,
    photo_count: int,
    byte_count: int,
) -> None:
    """A publication was read back and is whole.

    :raises UsageError: it is not being staged (any more).
    """
    values = {
        "publication_id": publication_id,
        "content_sha256": content_sha256,
        "manifest_sha256": manifest_sha256,
        "chain_head": chain_head,
        "photo_count": photo_count,
        "byte_count": byte_count,
    }
    if conn.execute(_VERIFIED, values).rowcount != 1:
        raise UsageError(f"publication {publication_id} is not being staged: it cannot be verified")


def mark_current(conn: sa.Connection, publication_id: int) -> None:
    """Make a verified publication the current one; the old one is superseded in the same transaction.

    Does nothing where it is current already.

    :raises UsageError: it was not verified, or was abandoned or superseded.
    """
    row = conn.execute(_GET, {"publication_id": publication_id}).one_or_none()
    if row is None or row.state not in ("verified", "current"):
        raise UsageError(f"publication {publication_id} is {row.state if row else 'unknown'}: it cannot become current")
    if row.state == "current":
        return
    conn.execute(_SUPERSEDE, {"collection_id": row.collection_id})
    conn.execute(_CURRENT, {"publication_id": publication_id})
    append_event(
        conn,
        collection_id=row.collection_id,
        event_type="publication",
        outcome="success",
        agent=AGENT,
        run_id=row.run_id,
        publication_id=publication_id,
        detail={"version": row.version, "manifest_sha256": row.manifest_sha256, "photos": row.photo_count},
    )
