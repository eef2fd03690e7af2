"""The review page's JSON API, below ``/api``: signing in, lists, one photograph, decisions, the contact sheet."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response

from restoration import __version__
from restoration.catalog.collections import Collection, get_collection, list_collections
from restoration.catalog.hints import KnownHint, hints_of_photo
from restoration.catalog.progress import run_progress, run_state
from restoration.catalog.review_pictures import ReviewScan, review_reasons, review_scan
from restoration.catalog.review_sessions import end_session, open_session
from restoration.catalog.reviews import (
    ReviewDetail,
    ReviewItem,
    decide,
    list_review_items,
    review_counts,
    review_detail,
    worst_items,
)
from restoration.catalog.values import clean_text
from restoration.errors import UsageError
from restoration.review import models
from restoration.review.hint_models import Hint
from restoration.review.painting import colorize_step, turned_of
from restoration.review.pictures import MEDIA_TYPES
from restoration.review.refusals import Refusal, missing, not_found
from restoration.review.service import Service, ServiceOf, SessionOf, get_session
from restoration.review.sessions import COOKIE, Session

MOST_ITEMS = 200
WORST = 20
_SCANNED_PAGES = 50

router = APIRouter(
    prefix="/api", responses={"4XX": {"model": models.ErrorAnswer}, "5XX": {"model": models.ErrorAnswer}}
)


# -- who is there -----------------------------------------------------------------------------------------------------


@router.get("/health")
def health(service: ServiceOf) -> models.Health:
    """Whether the service and its catalog work; needs no session."""
    with service.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    return models.Health(version=__version__)


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, session: SessionOf) -> dict[str, Any]:
    """What this interface is, for who is signed in."""
    described: dict[str, Any] = request.app.openapi()
    return described


@router.get("/session")
def who(request: Request, service: ServiceOf) -> models.SessionAnswer:
    """Who is signed in, if anybody is, and how one can sign in; needs no session."""
    try:
        session = get_session(request, service)
    except Refusal:
        return models.SessionAnswer(person=None, way=None, expires=None, ways=service.config.ways)
    return _session(session, service.config.ways)


@router.post("/session", status_code=201)
def sign_in(
    body: models.SignInRequest, request: Request, response: Response, service: ServiceOf
) -> models.SessionAnswer:
    """Sign in; the session comes as a cookie."""
    address = request.client.host if request.client else "nowhere"
    person = service.sign_in.check(body.way, body.name, body.secret, address)
    session, cookie = service.sessions.start(person, body.way)
    ends_at = datetime.fromtimestamp(session.expires, tz=UTC)
    with service.engine.begin() as connection:
        open_session(connection, session.number, person=person, way=session.way, ends_at=ends_at)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(service.config.session_seconds),
        path=f"{service.config.root}/",
        secure=service.config.secure,
        httponly=True,
        samesite="strict",
    )
    return _session(session, service.config.ways)


@router.delete("/session", status_code=204)
def sign_out(request: Request, response: Response, service: ServiceOf) -> None:
    """Sign out: the session ends, also for a copy of its cookie."""
    try:
        session = get_session(request, service)
    except Refusal:  # nobody is signed in: there is nothing to end
        session = None
    if session is not None:
        with service.engine.begin() as connection:
            end_session(connection, session.number)
    response.delete_cookie(
        COOKIE, path=f"{service.config.root}/", secure=service.config.secure, httponly=True, samesite="strict"
    )


def _session(session: Session, ways: list[str]) -> models.SessionAnswer:
    expires = datetime.fromtimestamp(session.expires, tz=UTC)
    return models.SessionAnswer(person=session.person, way=session.way, expires=expires, ways=ways)


# -- lists ------------------------------------------------------------------------------------------------------------


@router.get("/collections")
def collections(service: ServiceOf, session: SessionOf) -> models.Collections:
    """Every collection with its counts."""
    with service.engine.connect() as connection:
        found = [_collection(connection, collection) for collection in list_collections(connection)]
    return models.Collections(collections=found)


@router.get("/collections/{name}")
def one_collection(name: str, service: ServiceOf, session: SessionOf) -> models.CollectionAnswer:
    """One collection with its counts."""
    with service.engine.connect() as connection:
        return _collection(connection, _find(connection, name))


@router.get("/collections/{name}/photos")
def photos(
    name: str,
    service: ServiceOf,
    session: SessionOf,
    which: models.Which = "waiting",
    reason: str | None = None,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ITEMS)] = 60,
) -> models.Page:
    """A page of a collection's photographs, in order of their keys.

    :param reason: only those that were put before a person for this reason.
    :param after: ``next`` of the page before.
    """
    with service.engine.connect() as connection:
        found = _find(connection, name)
        items, following = _filtered(connection, found.collection_id, which, reason, _read_cursor(after), limit)
    return models.Page(items=[models.Item.model_validate(item) for item in items], next=following)


def _filtered(
    connection: sa.Connection,
    collection_id: int,
    which: models.Which,
    reason: str | None,
    after: tuple[str, ...] | None,
    limit: int,
) -> tuple[list[ReviewItem], str | None]:
    """Photographs with that reason, page by page of the catalog; the page may be short with more behind it."""
    kept: list[ReviewItem] = []
    for _ in range(_SCANNED_PAGES):
        page = list_review_items(connection, collection_id, which=which, after=after, limit=limit)
        wanted = [item for item in page if reason is None or item.reason == reason]
        kept += wanted[: limit - len(kept)]
        if len(page) < limit and len(kept) >= len(wanted):
            return kept, None
        after = kept[-1].cursor if len(kept) == limit else page[-1].cursor
        if len(kept) == limit:
            break
    return kept, _cursor(after)


def _cursor(after: tuple[str, ...] | None) -> str | None:
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode() if after else None


def _read_cursor(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, RecursionError) as error:
        raise Refusal("this cursor is not one of ours; begin at the first page", status=400, code="usage") from error
    if not isinstance(parts, list) or not parts or not all(_is_key(part) for part in parts):
        raise Refusal("this cursor is not one of ours; begin at the first page", status=400, code="usage")
    return tuple(parts)


def _is_key(part: object) -> bool:
    """Whether it may have been the key of a photograph."""
    return isinstance(part, str) and part == clean_text(part)


# -- one photograph ---------------------------------------------------------------------------------------------------


@router.get("/photos/{photo_id}")
def photo(photo_id: int, service: ServiceOf, session: SessionOf) -> models.Photo:
    """All that is known of one photograph."""
    with service.engine.connect() as connection, missing(f"photograph {photo_id} to review"):
        detail = review_detail(connection, photo_id)
        scan = review_scan(connection, photo_id)
        hints = hints_of_photo(connection, photo_id)
    return _photo(detail, scan, hints, service)


@router.post("/photos/{photo_id}/decision")
def decide_photo(photo_id: int, body: models.DecisionRequest, service: ServiceOf, session: SessionOf) -> models.Decided:
    """Record what the person who is signed in decides about the restoration that they see.

    409 where the photograph shows another restoration by now.
    """
    with service.engine.begin() as connection:
        with missing(f"photograph {photo_id} to review"):
            before = review_detail(connection, photo_id).item
            review_scan(connection, photo_id)
        try:
            number = decide(
                connection,
                photo_id,
                restoration_id=body.restoration_id,
                decision=body.decision,
                reviewer=session.person,
                words=body.words,
                way=session.way,
            )
        except UsageError as error:
            raise Refusal(error.message, status=409, code="restored_anew", photo=before.object_key) from error
    with service.engine.connect() as connection:
        item = review_detail(connection, photo_id).item
        counts = review_counts(connection, _find(connection, item.collection).collection_id)
    return models.Decided(review_id=number, item=models.Item.model_validate(item), counts=counts)


def _photo(detail: ReviewDetail, scan: ReviewScan, hints: list[KnownHint], service: Service) -> models.Photo:
    item = detail.item
    ending = item.output_key.rpartition(".")[2].lower()
    return models.Photo(
        item=models.Item.model_validate(item),
        collection_title=scan.collection_title,
        dublin_core=scan.dublin_core,
        scan={"width": scan.width, "height": scan.height, "bits": scan.bits, "format": scan.format},
        output={
            "width": item.width,
            "height": item.height,
            "bits": scan.output_bits,
            "format": scan.output_format,
            "bytes": scan.output_bytes,
        },
        recipe=scan.recipe,
        before=models.Shown(tiles=item.tiles_before_key is not None, file=False),
        after=models.Shown(tiles=item.tiles_after_key is not None, file=ending in MEDIA_TYPES),
        preview_side=service.config.preview_side,
        faces_size=_faces_size(detail, scan),
        faces=[models.Face.model_validate(face) for face in detail.faces],
        steps=[models.Step.model_validate(step) for step in detail.steps],
        measurements=detail.measurements,
        history=[models.Past.model_validate(past) for past in detail.history],
        damage=[models.Damage.model_validate(damage) for damage in detail.damage],
        filled_share=scan.filled_share,
        mask=scan.mask_key is not None,
        hints=[Hint.of(hint) for hint in hints],
        painted=colorize_step(detail) is not None,
        previews=service.painter is not None,
        turned=turned_of(detail),
    )


def _faces_size(detail: ReviewDetail, scan: ReviewScan) -> tuple[int, int]:
    """Size of the picture that boxes of faces refer to: the scan as it is shown, unless it was enlarged before faces
    were sought.
    """
    names = [step.step for step in detail.steps if step.status == "applied" or step.step == "faces"]
    enlarged = "upscale" in names and "faces" in names and names.index("upscale") < names.index("faces")
    if enlarged or scan.width is None or scan.height is None:
        return detail.item.width, detail.item.height
    return (scan.height, scan.width) if turned_of(detail) % 180 else (scan.width, scan.height)


# -- a collection at a glance -----------------------------------------------------------------------------------------


@router.get("/collections/{name}/contact-sheet")
def contact_sheet(name: str, service: ServiceOf, session: SessionOf, run: UUID | None = None) -> models.ContactSheet:
    """Counts of a collection (and of a run), and the photographs to look at first."""
    with service.engine.connect() as connection:
        found = _find(connection, name)
        return models.ContactSheet(
            collection=_collection(connection, found),
            run=_run(connection, run) if run else None,
            worst=[models.Item.model_validate(i) for i in worst_items(connection, found.collection_id, WORST)],
            made_at=datetime.now(tz=UTC),
            made_by=session.person,
        )


def _run(connection: sa.Connection, run: UUID) -> models.RunAnswer:
    state = run_state(connection, run)
    if state is None:
        raise not_found(f"run {run}")
    progress = run_progress(connection, run)
    return models.RunAnswer(
        run_id=run, state=state, photos=progress.photos, finished=progress.finished, states=progress.states
    )


def _find(connection: sa.Connection, name: str) -> Collection:
    with missing(f"collection {name!r}"):
        return get_collection(connection, name)


def _collection(connection: sa.Connection, collection: Collection) -> models.CollectionAnswer:
    return models.CollectionAnswer(
        name=collection.name,
        title=collection.title,
        rights=collection.rights,
        consent=collection.consent,
        sensitivity=collection.sensitivity,
        counts=review_counts(connection, collection.collection_id),
        reasons=review_reasons(connection, collection.collection_id),
    )
