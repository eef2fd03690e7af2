"""The worker's side of the catalog: claim a batch, lease a photograph, write how it ended.

Every function may be called again with the same arguments: what is final stays final. A worker that lost its lease
changes no photograph; a restoration that it finished all the same is kept, and found by the next one. In each
transaction the event comes last, because the collection's chain is locked from there to the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.collections import Collection
from restoration.catalog.dividing import divide_in_run, record_divided, tell_in_run
from restoration.catalog.divisions import divisions_of
from restoration.catalog.ending import (
    End,
    Holding,
    Id,
    duplicate_fact,
    end_photo,
    hold,
    leave_refused,
    leave_withdrawn,
    lock_photo,
    make_holding,
    quarantine,
    tell,
)
from restoration.catalog.events import EventOutcome
from restoration.catalog.models import register_models
from restoration.catalog.parts import FileFacts, learn_parts, lock_batch, tell_parts
from restoration.catalog.reaper import ReapReport, reap
from restoration.catalog.release import release_photos
from restoration.catalog.rows import DamageRow, FaceRow, MeasurementRow, ModelRow, NewRestoration, ScanRow, StepRow
from restoration.catalog.values import clean_text, to_json
from restoration.catalog.wishes import Variant, Wishes, read_wishes
from restoration.catalog.withdrawals import refused_elsewhere
from restoration.errors import FINAL_STATES, PhotoState, ReasonCode

__all__ = [
    "BatchWork",
    "DamageRow",
    "FaceRow",
    "FileFacts",
    "Lease",
    "MeasurementRow",
    "ModelRow",
    "NewRestoration",
    "PhotoWork",
    "ReapReport",
    "ScanRow",
    "StepRow",
    "batch_photos",
    "claim_batch",
    "divisions_of",
    "fail_batch",
    "find_restoration",
    "finish_batch",
    "heartbeat",
    "lease_photo",
    "link_restoration",
    "reap",
    "record_divided",
    "record_failed",
    "record_refused",
    "record_rejected",
    "record_restored",
    "refused_elsewhere",
    "renew_lease",
]

_CLAIM = sa.text("""
UPDATE batch AS b
SET state = 'running', worker = :worker, deliveries = b.deliveries + 1, heartbeat_at = clock_timestamp(),
    started_at = COALESCE(b.started_at, clock_timestamp())
FROM run AS r, collection AS c
WHERE b.batch_id = :batch_id AND b.state IN ('planned', 'queued', 'running')
  AND r.run_id = b.run_id AND c.collection_id = r.collection_id
RETURNING b.run_id, b.deliveries, r.recipe_body, r.recipe_sha256, c.collection_id, c.name, c.title, c.source_uri,
          c.recipe, c.consent::text AS consent, c.sensitivity::text AS sensitivity, c.rights, c.contact, c.active,
          c.nightly
""")

_BATCH_PHOTOS = sa.text("""
SELECT p.photo_id, p.object_key, p.version_id, p.etag, p.size_bytes, p.declared_sha256, p.page, p.part,
       coalesce(p.box, '') AS box, p.file_sha256, coalesce(p.file_key, p.object_key) AS file_key,
       split_part(c.source_uri, '/', 3) AS bucket
FROM batch_photo AS bp JOIN photo AS p USING (photo_id) JOIN collection AS c USING (collection_id)
WHERE bp.batch_id = :batch_id AND bp.finished_at IS NULL
ORDER BY bp.position, p.page, p.part
""")

_TAKE = sa.text("""
UPDATE photo
SET state = 'restoring', attempts = attempts + 1, lease_owner = :worker, reason = NULL, reason_detail = '',
    lease_until = clock_timestamp() + make_interval(secs => :seconds), finished_at = NULL
WHERE photo_id = :photo_id
""")

_RENEW = sa.text("""
UPDATE photo SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
WHERE photo_id = :photo_id AND lease_owner = :worker
""")

_BEAT = sa.text("""
UPDATE batch SET heartbeat_at = clock_timestamp() WHERE batch_id = :batch_id AND state = 'running'
""")

_FIND = sa.text("""
SELECT restoration_id FROM restoration
WHERE source_sha256 = :source_sha256 AND recipe_sha256 = :recipe_sha256 AND models_sha256 = :models_sha256
  AND device_class = :device_class
""")

_ADD = sa.text("""
INSERT INTO restoration (source_sha256, recipe_sha256, models_sha256, recipe, state, reason, reason_detail, output_key,
    output_sha256, output_bytes, output_format, output_width, output_height, output_bits, preview_before_key,
    preview_after_key, ai_altered, device, device_class, worker, code_version, seconds, first_run_id, variant,
    tiles_before_key, tiles_after_key, mask_key, filled_share, access_key, access_sha256, access_bytes, access_format)
VALUES (:source_sha256, :recipe_sha256, :models_sha256, :recipe, CAST(:state AS photo_state),
    CAST(:reason AS reason_code), :reason_detail, :output_key, :output_sha256, :output_bytes, :output_format,
    :output_width, :output_height, :output_bits, :preview_before_key, :preview_after_key, :ai_altered, :device,
    :device_class, :worker, :code_version, :seconds, :run_id, :variant, :tiles_before_key, :tiles_after_key,
    :mask_key, :filled_share, :access_key, :access_sha256, :access_bytes, :access_format)
ON CONFLICT (source_sha256, recipe_sha256, models_sha256, device_class) DO NOTHING
RETURNING restoration_id
""")

_ADD_PARTS = sa.text("""
WITH steps AS (
    INSERT INTO step_record (restoration_id, ordinal, step, status, reason, parameters, model_version_id, seconds,
        detail)
    SELECT :restoration_id, ordinal, step, status, reason, parameters, model_version_id, seconds, detail
    FROM jsonb_to_recordset(CAST(:steps AS jsonb)) AS s(ordinal smallint, step text, status step_status,
        reason reason_code, parameters jsonb, model_version_id bigint, seconds double precision, detail jsonb)
), faces AS (
    INSERT INTO face (restoration_id, ordinal, x, y, width, height, confidence, landmarks, action, reason, identity,
        blend, detector_id, restorer_id, identity_model_id, certainty, identity_threshold, identity_tried)
    SELECT :restoration_id, ordinal, x, y, width, height, confidence, landmarks, action, reason, identity, blend,
        detector_id, restorer_id, identity_model_id, certainty, identity_threshold, identity_tried
    FROM jsonb_to_recordset(CAST(:faces AS jsonb)) AS f(ordinal smallint, x real, y real, width real, height real,
        confidence real, landmarks jsonb, action face_action, reason reason_code, identity real, blend real,
        detector_id bigint, restorer_id bigint, identity_model_id bigint, certainty real, identity_threshold real,
        identity_tried jsonb)
), damages AS (
    INSERT INTO damage (restoration_id, kind, found_share, mended_share, regions, mending, model_version_id, x, y,
        width, height)
    SELECT :restoration_id, kind, found_share, mended_share, regions, mending, model_version_id, x, y, width, height
    FROM jsonb_to_recordset(CAST(:damage AS jsonb)) AS d(kind damage_kind, found_share real, mended_share real,
        regions integer, mending mending, model_version_id bigint, x integer, y integer, width integer, height integer)
)
INSERT INTO measurement (restoration_id, metric, stage, value)
SELECT :restoration_id, metric, stage, value
FROM jsonb_to_recordset(CAST(:measurements AS jsonb)) AS m(metric text, stage measurement_stage, value double precision)
""")

_PARTS = frozenset({"steps", "faces", "damage", "measurements", "info", "access"})
"""Fields of a new restoration that have tables of their own, or belong to the photograph."""

_GIVE_UP_ATTEMPT = sa.text("""
UPDATE photo
SET state = 'pending', reason = CAST(:reason AS reason_code), reason_detail = :detail, lease_owner = NULL,
    lease_until = NULL
WHERE photo_id = :photo_id
""")

_SCAN_OF = sa.text("""
SELECT format, width, height, bits, scan FROM photo
WHERE restoration_id = :restoration_id AND format IS NOT NULL ORDER BY photo_id LIMIT 1
""")

_RESTORATION = sa.text("""
SELECT state::text AS state, reason::text AS reason, reason_detail, recipe_sha256, output_sha256
FROM restoration WHERE restoration_id = :restoration_id
""")

_FINISH = sa.text("""
UPDATE batch AS b SET state = 'done', finished_at = clock_timestamp()
WHERE b.batch_id = :batch_id AND b.state IN ('queued', 'running')
  AND NOT EXISTS (SELECT FROM batch_photo AS bp WHERE bp.batch_id = b.batch_id AND bp.finished_at IS NULL)
""")

_BATCH_STATE = sa.text("SELECT state::text FROM batch WHERE batch_id = :batch_id")

_FAIL = sa.text("""
UPDATE batch SET state = 'failed', detail = :detail, finished_at = clock_timestamp()
WHERE batch_id = :batch_id AND state IN ('planned', 'queued', 'running')
""")


_NOT_READ = FileFacts()


@dataclass(frozen=True)
class PhotoWork:
    """One photograph to restore: where its bytes are and what the listing said of them.

    ``declared_sha256``: the hash that whoever gave the scan said it has, None where nobody did. ``file_key`` is the key
    of its file, in which it is on ``page`` and the ``part``-th photograph; empty: the photograph's own key. ``box``:
    where on that page it is to be cut out (:class:`restoration.divisions.PartBox`), of the file with ``file_sha256``
    alone; empty: it is the whole page.
    """

    photo_id: int
    object_key: str
    version_id: str
    etag: str
    size_bytes: int
    bucket: str
    declared_sha256: str | None = None
    page: int = 1
    part: int = 1
    file_key: str = ""
    box: str = ""
    file_sha256: str | None = None


@dataclass(frozen=True)
class BatchWork:
    """A claimed batch: its unfinished photographs in order, and the recipe as canonical data.

    ``deliveries`` counts how often the batch was claimed; above 1 an earlier worker died or the message came twice.
    """

    batch_id: UUID
    run_id: UUID
    collection: Collection
    recipe_body: dict[str, Any]
    recipe_sha256: str
    photos: list[PhotoWork]
    deliveries: int = 1


@dataclass(frozen=True)
class Lease:
    """Answer to a lease: ``busy`` where another worker holds it; ``state`` is the photograph's state afterwards.

    ``wishes`` say in which form of the run's recipe the photograph is to be restored; ``state`` is ``skipped``
    where it was withdrawn since it was planned. ``ended``: the call itself brought it to its end and appended the
    event, so the transaction holds the end of the chain and has to be committed before another photograph is locked.
    """

    granted: bool
    busy: bool
    attempts: int
    state: PhotoState
    wishes: Wishes = field(default_factory=Wishes)
    ended: bool = False


def claim_batch(conn: sa.Connection, batch_id: Id, worker: str) -> BatchWork | None:
    """Take a batch; None where it is unknown, cancelled or done.

    A batch may be claimed by two workers when its message came twice: the leases keep them apart.
    """
    row = conn.execute(_CLAIM, {"batch_id": batch_id, "worker": worker}).one_or_none()
    if row is None:
        return None
    facts = dict(row._mapping)
    run_id, deliveries, body, sha256 = (
        facts.pop(key) for key in ("run_id", "deliveries", "recipe_body", "recipe_sha256")
    )
    collection = Collection(**facts)
    photos = batch_photos(conn, batch_id)
    return BatchWork(UUID(str(batch_id)), run_id, collection, body, sha256, photos, deliveries)


def batch_photos(conn: sa.Connection, batch_id: Id) -> list[PhotoWork]:
    """A batch's unfinished photographs, those of one file together; it grows when a file turns out to have several."""
    return [PhotoWork(**row._mapping) for row in conn.execute(_BATCH_PHOTOS, {"batch_id": batch_id})]


def lease_photo(
    conn: sa.Connection, batch_id: Id, photo_id: int, worker: str, seconds: float, max_attempts: int
) -> Lease:
    """Lease one photograph of a batch and count the attempt.

    Not granted where the photograph is final in this batch or the batch is over; where another worker's lease is alive
    (``busy``); where it was withdrawn since it was planned: then it is skipped; and where all attempts are used up:
    then it is quarantined, because its workers died.
    """
    row = lock_photo(conn, batch_id, photo_id)
    if row is None or row.over:
        state = PhotoState(row.state) if row else PhotoState.SKIPPED
        return Lease(False, False, row.attempts if row else 0, state)
    if row.alive and row.lease_owner != worker:
        return Lease(False, True, row.attempts, PhotoState(row.state))
    wishes = read_wishes(conn, photo_id)
    holding = make_holding(row, batch_id, photo_id, worker)
    if wishes.withdrawn:
        leave_withdrawn(conn, holding)
        return Lease(False, False, row.attempts, PhotoState.SKIPPED, ended=True)
    if row.attempts >= max_attempts:
        quarantine(conn, holding, ReasonCode.WORKER_LOST, f"{row.attempts} attempts were begun and none was finished")
        return Lease(False, False, row.attempts, PhotoState.QUARANTINED, ended=True)
    conn.execute(_TAKE, {"photo_id": photo_id, "worker": worker, "seconds": seconds})
    return Lease(True, False, row.attempts + 1, PhotoState.RESTORING, wishes)


def renew_lease(conn: sa.Connection, photo_id: int, worker: str, seconds: float) -> bool:
    """Prolong a lease to ``seconds`` from now; False where it is no longer this worker's."""
    return conn.execute(_RENEW, {"photo_id": photo_id, "worker": worker, "seconds": seconds}).rowcount == 1


def heartbeat(conn: sa.Connection, batch_id: Id, worker: str) -> bool:
    """Say that the batch's worker lives; False where the batch is over (cancelled, or done by another): stop."""
    return conn.execute(_BEAT, {"batch_id": batch_id, "worker": worker}).rowcount == 1


def find_restoration(
    conn: sa.Connection, *, source_sha256: str, recipe_sha256: str, models_sha256: str, device_class: str
) -> int | None:
    """Id of the restoration of this content with this recipe, models and class of device, where there is one."""
    names = {
        "source_sha256": source_sha256,
        "recipe_sha256": recipe_sha256,
        "models_sha256": models_sha256,
        "device_class": device_class,
    }
    found = conn.execute(_FIND, names).scalar()
    return None if found is None else int(found)


def record_restored(
    conn: sa.Connection,
    batch_id: Id,
    photo_id: int,
    worker: str,
    new: NewRestoration,
    *,
    hint_ids: Sequence[int] = (),
    file: FileFacts = _NOT_READ,
) -> int:
    """Write a restoration and what it means for the photograph; returns the restoration's id.

    Where the same restoration is there already it is used and nothing is written twice.

    :param hint_ids: the hints that held when the photograph was leased.
    :param file: what reading the file showed; its further photographs join the batch.
    """
    if file.may_grow:
        lock_batch(conn, batch_id)
    holding = hold(conn, batch_id, photo_id, worker)
    number, made = _store(conn, new, holding)
    if holding.mine:
        end = End(new.state, new.reason, new.reason_detail, number, hint_ids=tuple(hint_ids))
        duplicate = end_photo(
            conn, holding, end, source_sha256=new.source_sha256, info=new.info, file_sha256=file.sha256
        )
        learnt = learn_parts(conn, holding, file)
        divided = divide_in_run(conn, holding, file)
        detail = {"source_sha256": new.source_sha256, "output_sha256": new.output_sha256, "state": str(new.state)}
        detail |= _variant_facts(new.variant, new.recipe_sha256, hint_ids)
        if new.reason:
            detail["reason"] = str(new.reason)
        outcome: EventOutcome = "success" if new.state is PhotoState.RESTORED else "warning"
        kind = "restoration" if made else "deduplication"
        tell(conn, holding, kind, outcome, detail | duplicate_fact(duplicate), number)
        tell_in_run(conn, holding, divided)
        tell_parts(conn, holding, learnt)
    return number


def link_restoration(
    conn: sa.Connection,
    batch_id: Id,
    photo_id: int,
    worker: str,
    restoration_id: int,
    *,
    source_sha256: str,
    variant: Variant = "",
    info: ScanRow | None = None,
    hint_ids: Sequence[int] = (),
    file: FileFacts = _NOT_READ,
) -> None:
    """Give a photograph an existing restoration of the same content.

    The photograph takes the restoration's state; in the run it counts as skipped, because nothing was restored.

    :param variant: the form of the run's recipe that the photograph was to be restored with, for the event.
    :param hint_ids: the hints that held when the photograph was leased.
    :param file: as for :func:`record_restored`.
    """
    if file.may_grow:
        lock_batch(conn, batch_id)
    holding = hold(conn, batch_id, photo_id, worker)
    if not holding.mine:
        return
    found = conn.execute(_RESTORATION, {"restoration_id": restoration_id}).one()
    if info is None:
        row = conn.execute(_SCAN_OF, {"restoration_id": restoration_id}).one_or_none()
        info = _scan_of_twin(row, file) if row else None
    end = End(
        PhotoState(found.state),
        found.reason,
        found.reason_detail,
        restoration_id,
        batch_state=PhotoState.SKIPPED,
        batch_reason=ReasonCode.ALREADY_DONE,
        hint_ids=tuple(hint_ids),
    )
    duplicate = end_photo(conn, holding, end, source_sha256=source_sha256, info=info, file_sha256=file.sha256)
    learnt = learn_parts(conn, holding, file)
    divided = divide_in_run(conn, holding, file)
    detail = {"source_sha256": source_sha256, "output_sha256": found.output_sha256, "state": found.state}
    detail |= _variant_facts(variant, found.recipe_sha256, hint_ids)
    tell(conn, holding, "deduplication", "success", detail | duplicate_fact(duplicate), restoration_id)
    tell_in_run(conn, holding, divided)
    tell_parts(conn, holding, learnt)


def _scan_of_twin(row: sa.Row[Any], file: FileFacts) -> ScanRow:
    """Facts of a scan with the same content; an earlier release did not say which page of how many it took."""
    counted = {"pages": file.pages} if file.pages else {}
    pages = {} if "page" in row.scan else {"page": 1, **counted}
    return ScanRow(row.format, row.width, row.height, row.bits, row.scan | pages)


def record_rejected(
    conn: sa.Connection,
    batch_id: Id,
    photo_id: int,
    worker: str,
    *,
    source_sha256: str | None,
    reason: ReasonCode,
    detail: str,
    info: ScanRow | None = None,
    file: FileFacts = _NOT_READ,
) -> None:
    """Write that a photograph cannot be read or may not be restored. Trying again would not help.

    :param file: as for :func:`record_restored`: a page that cannot be read says nothing of the others.
    """
    if file.may_grow:
        lock_batch(conn, batch_id)
    holding = hold(conn, batch_id, photo_id, worker)
    if not holding.mine:
        return
    end = End(PhotoState.REJECTED, str(reason), detail)
    duplicate = end_photo(conn, holding, end, source_sha256=source_sha256, info=info, file_sha256=file.sha256)
    learnt = learn_parts(conn, holding, file)
    facts = {"reason": str(reason), "detail": detail}
    if source_sha256:
        facts["source_sha256"] = source_sha256
    tell(conn, holding, "rejection", "failure", facts | duplicate_fact(duplicate))
    tell_parts(conn, holding, learnt)


def record_refused(
    conn: sa.Connection,
    batch_id: Id,
    photo_id: int,
    worker: str,
    *,
    source_sha256: str,
    collection: str,
    file_sha256: str | None = None,
) -> None:
    """Write that a photograph is not restored, because its content is refused in another collection, by name."""
    holding = hold(conn, batch_id, photo_id, worker)
    if holding.mine:
        leave_refused(conn, holding, collection, source_sha256=source_sha256, file_sha256=file_sha256)


def record_failed(
    conn: sa.Connection,
    batch_id: Id,
    photo_id: int,
    worker: str,
    *,
    reason: ReasonCode,
    detail: str,
    max_attempts: int,
    file: FileFacts = _NOT_READ,
) -> PhotoState:
    """Write a failed attempt.

    :param file: as for :func:`record_restored`: the other photographs do not wait for this one.
    :returns: ``pending`` where it may be leased again, ``quarantined`` after the last attempt; the photograph's state,
        whatever it is, where this worker no longer holds it.
    """
    if file.may_grow:
        lock_batch(conn, batch_id)
    holding = hold(conn, batch_id, photo_id, worker)
    if not holding.mine:
        return holding.state if holding.state in FINAL_STATES else PhotoState.QUEUED
    learnt = learn_parts(conn, holding, file)
    if holding.attempts >= max_attempts:
        quarantine(conn, holding, reason, detail)
        tell_parts(conn, holding, learnt)
        return PhotoState.QUARANTINED
    conn.execute(_GIVE_UP_ATTEMPT, {"photo_id": photo_id, "reason": str(reason), "detail": clean_text(detail)})
    facts = {"reason": str(reason), "detail": detail, "attempt": holding.attempts}
    tell(conn, holding, "failure", "warning", facts)
    tell_parts(conn, holding, learnt)
    return PhotoState.PENDING


def finish_batch(conn: sa.Connection, batch_id: Id, worker: str) -> str:
    """Close a batch whose photographs are all final.

    :returns: the batch's state: ``running`` where another worker still holds photographs of it, or where some wait for
        the reaper; ``done`` or ``cancelled`` else.
    """
    conn.execute(_FINISH, {"batch_id": batch_id, "worker": worker})
    return str(conn.execute(_BATCH_STATE, {"batch_id": batch_id}).scalar_one())


def fail_batch(conn: sa.Connection, batch_id: Id, worker: str, detail: str) -> None:
    """Close a batch that this machine cannot do at all. Its photographs stay due; queueing the shard opens it again."""
    if conn.execute(_FAIL, {"batch_id": batch_id, "detail": clean_text(f"{worker}: {detail}")}).rowcount:
        release_photos(conn, [UUID(str(batch_id))], detail)


def _variant_facts(variant: Variant, recipe_sha256: str, hint_ids: Sequence[int]) -> dict[str, Any]:
    """For an event's detail: that, with which recipe and by which hints, a photograph was restored in another form than
    the run's.
    """
    if not variant:
        return {}
    hints = {"hints": list(hint_ids)} if variant.endswith("hinted") else {}
    return {"variant": variant, "recipe_sha256": recipe_sha256, **hints}


def _store(conn: sa.Connection, new: NewRestoration, holding: Holding) -> tuple[int, bool]:
    """The restoration's id, and whether this call made it."""
    values = {key: value for key, value in vars(new).items() if key not in _PARTS}
    values |= {"worker": holding.worker, "run_id": holding.run_id}
    values |= {f"access_{field}": getattr(new.access, field, None) for field in ("key", "sha256", "bytes", "format")}
    values |= {"state": str(new.state), "reason": str(new.reason) if new.reason else None}
    values["reason_detail"] = clean_text(new.reason_detail)
    number = conn.execute(_ADD, values).scalar()
    if number is None:
        return int(conn.execute(_FIND, values).scalar_one()), False
    ids = register_models(conn, new.models())
    parts = {
        "restoration_id": number,
        "steps": to_json([_with_model(step, ids) for step in new.steps]),
        "faces": to_json([_face(face, ids) for face in new.faces]),
        "damage": to_json([_with_model(damage, ids) for damage in new.damage]),
        "measurements": to_json([vars(m) for m in new.measurements]),
    }
    conn.execute(_ADD_PARTS, parts)
    return int(number), True


def _with_model(row: StepRow | DamageRow, ids: Mapping[str, int]) -> dict[str, Any]:
    facts = {key: value for key, value in vars(row).items() if key != "model"}
    return facts | {"model_version_id": ids[row.model.name] if row.model else None}


def _face(face: FaceRow, ids: Mapping[str, int]) -> dict[str, Any]:
    models = {"detector": face.detector, "restorer": face.restorer, "identity_model": face.identity_model}
    facts = {key: value for key, value in vars(face).items() if key not in models}
    return facts | {f"{key}_id": ids[model.name] if model else None for key, model in models.items()}
