"""Colours that people give, below ``/api``: put on record, taken back, seen beforehand."""

from __future__ import annotations

import sqlalchemy as sa
from fastapi import APIRouter, Response

from restoration.catalog import hints as catalog
from restoration.catalog.collections import get_collection
from restoration.catalog.review_pictures import picture_keys, review_scan
from restoration.catalog.reviews import review_detail
from restoration.review import hint_models, models
from restoration.review.painting import paint_request
from restoration.review.refusals import Refusal, missing, not_found
from restoration.review.service import ServiceOf, SessionOf

MOST_COLOURS = 24
_THROUGH: catalog.GivenThrough = "review page"

router = APIRouter(
    prefix="/api", responses={"4XX": {"model": models.ErrorAnswer}, "5XX": {"model": models.ErrorAnswer}}
)


@router.post("/photos/{photo_id}/hints", status_code=201)
def give(photo_id: int, body: hint_models.GiveRequest, service: ServiceOf, session: SessionOf) -> hint_models.Hints:
    """Put colours on record, in the name of the person who is signed in. The next run paints by them; the photograph
    stays as it is until then.
    """
    new = [hint.new() for hint in body.hints]
    with service.engine.begin() as connection:
        collection_id, key = _place(connection, photo_id)
        catalog.add_hints(
            connection, collection_id, key, new, given_through=_THROUGH, person=session.person, way=session.way
        )
        # the key is locked by now: a scan that was replaced in this moment is noticed, and nothing is kept
        _place(connection, photo_id)
    return _hints(service, photo_id)


@router.post("/photos/{photo_id}/hints/{hint_id}/removal")
def take_back(
    photo_id: int, hint_id: int, body: hint_models.TakeBackRequest, service: ServiceOf, session: SessionOf
) -> hint_models.Hints:
    """Take back a colour that holds for a photograph. The next run paints without it."""
    with service.engine.begin() as connection:
        collection_id, _ = _place(connection, photo_id)
        if hint_id not in {hint.hint_id for hint in catalog.hints_of_photo(connection, photo_id)}:
            raise not_found(f"hint {hint_id} that holds for photograph {photo_id}")
        catalog.remove_hint(connection, collection_id, hint_id, person=session.person, reason=body.reason)
    return _hints(service, photo_id)


@router.post(
    "/photos/{photo_id}/hints/preview",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}, "description": "The restored picture, painted by the hints."}},
)
def preview(photo_id: int, body: hint_models.PreviewRequest, service: ServiceOf, session: SessionOf) -> Response:
    """What a run would paint by the hints that hold and these, of the preview's size. Nothing is recorded.

    503 where too many previews are asked for at once.
    """
    if service.painter is None:
        raise Refusal("there is no painter here (RESTORATION_PAINTER_URL)", status=404, code="no_painter")
    with service.engine.connect() as connection, missing(f"photograph {photo_id} to review"):
        detail = review_detail(connection, photo_id)
        keys = picture_keys(connection, detail.item.restoration_id)
        held = [hint.hint for hint in catalog.hints_of_photo(connection, photo_id)]
    request = paint_request(detail, [*held, *body.hints])
    picture = b"".join(service.pictures.preview(keys, "after").chunks)
    return Response(service.painter.paint(request, picture), media_type="image/jpeg")


@router.post("/previews", status_code=202)
def make_ready(service: ServiceOf, session: SessionOf) -> hint_models.Ready:
    """Tell the painter that somebody is about to give a colour, so that it is ready when a preview is asked for."""
    return hint_models.Ready(previews=service.painter is not None and service.painter.make_ready())


@router.get("/collections/{name}/colours")
def colours(name: str, service: ServiceOf, session: SessionOf) -> hint_models.Colours:
    """Colours that people gave in a collection, the last ones first."""
    with service.engine.connect() as connection:
        with missing(f"collection {name!r}"):
            collection = get_collection(connection, name)
        found = catalog.given_colours(connection, collection.collection_id, limit=MOST_COLOURS)
    return hint_models.Colours(colours=[hint_models.Colour.model_validate(one) for one in found])


def _place(connection: sa.Connection, photo_id: int) -> tuple[int, str]:
    """Collection and key of a photograph that may be seen. :raises Refusal: 404."""
    with missing(f"photograph {photo_id} to review"):
        review_scan(connection, photo_id)
        return catalog.key_of_photo(connection, photo_id)


def _hints(service: ServiceOf, photo_id: int) -> hint_models.Hints:
    with service.engine.connect() as connection:
        return hint_models.Hints(
            hints=[hint_models.Hint.of(one) for one in catalog.hints_of_photo(connection, photo_id)]
        )
