"""Previews of colours: what the painter is asked for a photograph, and the line before it.

The painter (:mod:`restoration.worker.painter`) is another process, since this one holds no torch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import ValidationError

from restoration.catalog.reviews import ReviewDetail, ReviewStep
from restoration.colour_hints import MOST_HINTS, ColourHint
from restoration.engine.paint_request import PaintRequest, packed
from restoration.review.refusals import Refusal
from restoration.steps.parameters import Colorize

log = logging.getLogger(__name__)

MOST_WAITING = 4
"""Previews that may wait behind the one that is being painted."""

PATIENCE_SECONDS = 10.0
"""How long a preview waits in line."""

_WARM_SECONDS = 2.0
_PAINT_SECONDS = 30.0
"""A painter that has just started loads torch first."""

_AGAIN_SECONDS = 3


class Line:
    """One at a time, with few waiting. Safe to share between threads.

    :param most_waiting: how many may wait; the next one is turned away at once.
    :param patience: seconds after which one who waits is turned away.
    """

    def __init__(self, most_waiting: int = MOST_WAITING, patience: float = PATIENCE_SECONDS) -> None:
        self.free_places = most_waiting + 1
        self._count = threading.Lock()
        self._turn = threading.Lock()
        self._patience = patience

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn and have it.

        :raises Refusal: 503: too many wait, or it takes too long.
        """
        self._enter()
        try:
            if not self._turn.acquire(timeout=self._patience):
                raise _busy()
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._count:
                self.free_places += 1

    def _enter(self) -> None:
        with self._count:
            if self.free_places == 0:
                raise _busy()
            self.free_places -= 1


class Painter:
    """Asks the painter, one picture at a time. Safe to share between threads.

    :param url: its address.
    """

    def __init__(self, url: str, line: Line | None = None) -> None:
        self._url = url
        self._line = line or Line()

    def make_ready(self) -> bool:
        """Let it load what it needs, without waiting for that; False if it does not answer."""
        try:
            return httpx.post(f"{self._url}/warm", timeout=_WARM_SECONDS, trust_env=False).is_success
        except httpx.HTTPError as error:
            log.warning("the painter does not answer (%s); check RESTORATION_PAINTER_URL", type(error).__name__)
            return False

    def paint(self, request: PaintRequest, picture: bytes) -> bytes:
        """JPEG of the picture, painted.

        :raises Refusal: 503: too many previews are asked for at once, or the painter cannot paint.
        """
        with self._line.turn():
            try:
                answer = httpx.post(
                    f"{self._url}/paint", content=packed(request, picture), timeout=_PAINT_SECONDS, trust_env=False
                )
            except httpx.HTTPError as error:
                log.warning("the painter does not answer (%s); check RESTORATION_PAINTER_URL", type(error).__name__)
                raise _unavailable() from error
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise _busy()
        if not answer.is_success:
            log.warning("the painter answered %d: %s", answer.status_code, answer.text[:500])
            raise _unavailable()
        return answer.content


def _busy() -> Refusal:
    return Refusal(
        "too many previews are asked for at this moment; try again in a few seconds",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="painter_busy",
        retry_after=_AGAIN_SECONDS,
    )


def _unavailable() -> Refusal:
    return Refusal(
        "previews cannot be painted at the moment; the service's log says why. Colours can be given all the same",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="painter_unavailable",
    )


def colorize_step(detail: ReviewDetail) -> ReviewStep | None:
    """The step that painted a restoration; None where none did."""
    return next((step for step in detail.steps if step.step == "colorize" and step.status == "applied"), None)


def turned_of(detail: ReviewDetail) -> int:
    """By how many degrees counterclockwise scan and result were turned, so that they are shown upright; 0 if not."""
    return next((int(one.detail.get("turned", 0)) for one in detail.steps if one.step == "triage"), 0)


def paint_request(detail: ReviewDetail, hints: Sequence[ColourHint]) -> PaintRequest:
    """How a restoration's own recipe would paint it by these hints.

    :raises Refusal: 409: no colorizer painted it, or by parameters that this version does not know; 400: there are too
        many hints.
    """
    key = detail.item.object_key
    step = colorize_step(detail)
    if step is None:
        message = "no colours were added to this photograph, so none can be changed"
        raise Refusal(message, status=409, code="not_painted", photo=key)
    if len(hints) > MOST_HINTS:
        raise Refusal(f"a photograph has at most {MOST_HINTS} hints", status=400, code="too_many_hints", photo=key)
    triage: dict[str, Any] = next((one.detail for one in detail.steps if one.step == "triage"), {})
    try:
        return PaintRequest(
            parameters=Colorize(**{**step.parameters, "hints": tuple(hints)}),
            picture_box=triage.get("picture_box"),
            picture_oval=triage.get("picture_oval"),
            turned=turned_of(detail) if "upright" in triage else None,
            picture_corners=triage.get("picture_corners"),
        )
    except ValidationError as error:
        message = "this photograph was restored by another version of the project; restore it anew to see previews"
        raise Refusal(message, status=409, code="no_preview", photo=key) from error
