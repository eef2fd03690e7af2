"""The review page's pictures, below ``/api/restorations``."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from restoration.catalog.review_pictures import PictureKeys, picture_keys
from restoration.errors import UsageError
from restoration.review import models
from restoration.review.pictures import Picture, Side
from restoration.review.refusals import not_found
from restoration.review.service import Service, ServiceOf, SessionOf

router = APIRouter(
    prefix="/api/restorations",
    responses={"4XX": {"model": models.ErrorAnswer}, "5XX": {"model": models.ErrorAnswer}},
)


@router.get("/{restoration_id}/preview/{side}", response_class=StreamingResponse)
def preview(restoration_id: int, side: Side, service: ServiceOf, session: SessionOf) -> StreamingResponse:
    """The preview of the scan (``before``) or of the result (``after``), as JPEG."""
    return _streamed(service.pictures.preview(_keys(service, restoration_id), side))


@router.get("/{restoration_id}/output", response_class=StreamingResponse)
def output(restoration_id: int, service: ServiceOf, session: SessionOf) -> StreamingResponse:
    """The restored file itself, where browsers show its format."""
    return _streamed(service.pictures.output(_keys(service, restoration_id)))


@router.get("/{restoration_id}/mask", response_class=StreamingResponse)
def mask(restoration_id: int, service: ServiceOf, session: SessionOf) -> StreamingResponse:
    """Where the photograph was mended, as PNG: black where nothing was done."""
    return _streamed(service.pictures.mask(_keys(service, restoration_id)))


@router.get("/{restoration_id}/tiles/{side}/{name:path}", response_class=Response)
def tile(restoration_id: int, side: Side, name: str, service: ServiceOf, session: SessionOf) -> Response:
    """One tile, or ``info.json`` (IIIF Image API 3, level 0)."""
    data, media_type = service.pictures.tile(_keys(service, restoration_id), side, name)
    return Response(data, media_type=media_type)


def _keys(service: Service, restoration_id: int) -> PictureKeys:
    with service.engine.connect() as connection:
        try:
            return picture_keys(connection, restoration_id)
        except UsageError as error:
            raise not_found(f"restoration {restoration_id} that may be seen") from error


def _streamed(picture: Picture) -> StreamingResponse:
    return StreamingResponse(picture.chunks, media_type=picture.media_type)
