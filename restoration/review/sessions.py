"""Sessions: who is signed in, in a cookie that only this service can make.

The cookie's value is ``payload.signature``: URL-safe base64 of a small JSON object and of its HMAC-SHA256. The object
holds the session's secret number, and the catalog knows whether that is signed out
(:mod:`restoration.catalog.review_sessions`), so that several processes with one key know each other's sessions.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from restoration.review.refusals import not_signed_in

COOKIE = "restoration_review"
_VERSION = 2
_NUMBER_BYTES = 24


SignedInBy = Literal["airflow", "token"]
"""Airflow checked name and password; or the page's token, under a name that nobody checked."""


@dataclass(frozen=True)
class Session:
    """A person who is signed in. ``expires`` are seconds since 1970 (UTC);
    ``number`` is known to the person's browser alone.
    """

    person: str
    way: SignedInBy
    expires: int
    number: str


class Sessions:
    """Makes and reads session cookies.

    :param key: what they are signed with.
    :param seconds: how long a session lasts.
    :param clock: the time in seconds since 1970.
    """

    def __init__(self, key: SecretStr, seconds: float, clock: Callable[[], float] = time.time) -> None:
        # a key of its own, so that the same secret may serve elsewhere without the two being exchangeable
        self._key = hmac.new(key.get_secret_value().encode(), b"restoration review session", hashlib.sha256).digest()
        self._seconds = seconds
        self._clock = clock

    def start(self, person: str, way: SignedInBy) -> tuple[Session, str]:
        """A new session and its cookie's value."""
        number = secrets.token_urlsafe(_NUMBER_BYTES)
        session = Session(person, way, int(self._clock() + self._seconds), number)
        body = {"v": _VERSION, "person": person, "way": way, "expires": session.expires, "number": number}
        payload = _encode(json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode())
        return session, f"{payload}.{self._sign(payload)}"

    def read(self, cookie: str | None) -> Session:
        """The session of a cookie's value.

        :raises Refusal: 401: there is none, it is not one of ours, or its time is over.
        """
        payload, _, signature = (cookie or "").partition(".")
        if not hmac.compare_digest(self._sign(payload).encode(), signature.encode()):
            raise not_signed_in()
        body = json.loads(_decode(payload))
        if body["v"] != _VERSION or body["expires"] <= self._clock():
            raise not_signed_in()
        return Session(body["person"], body["way"], body["expires"], body["number"])

    def _sign(self, payload: str) -> str:
        return _encode(hmac.new(self._key, payload.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
