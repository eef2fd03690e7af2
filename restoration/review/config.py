"""What the review page must know before it starts, taken from the settings and checked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from restoration.errors import SettingsError
from restoration.review.headers import host_name
from restoration.settings import Settings

SHORTEST_SECRET = 16
"""Characters that a token or a key has at least."""


@dataclass(frozen=True)
class ReviewConfig:
    """How the review page works.

    ``airflow_url`` and ``token`` are the two ways to sign in; one of them is there. ``root`` is the path that a proxy
    puts in front, without a trailing slash. ``people`` are the Airflow users who may sign in; ``*`` is all of them.
    ``painter_url`` is where previews of colours are painted; None: nowhere. ``hosts`` are the names under which the
    page may be asked for, in small letters and without port.
    """

    airflow_url: str | None
    token: SecretStr | None
    key: SecretStr
    session_seconds: float
    people: frozenset[str]
    root: str
    secure: bool
    restored_bucket: str
    preview_side: int
    painter_url: str | None = None
    hosts: frozenset[str] = frozenset()

    @property
    def ways(self) -> list[str]:
        """Ways to sign in: ``airflow``, ``token``."""
        return [name for name, there in (("airflow", self.airflow_url), ("token", self.token)) if there]

    def admits(self, way: str, person: str) -> bool:
        """Whether a person who has come this way may be here."""
        return way in self.ways and (way != "airflow" or "*" in self.people or person in self.people)


def review_config(settings: Settings) -> ReviewConfig:
    """The review page's part of the settings.

    :raises SettingsError: there is no way to sign in, nobody says which of Airflow's users may, a secret is too short,
        or the public address is none.
    """
    if not settings.airflow_api_url and settings.review_token is None:
        raise SettingsError(
            "nobody could sign in to the review page; set RESTORATION_AIRFLOW_API_URL (Airflow's users) or "
            "RESTORATION_REVIEW_TOKEN (a secret)"
        )
    for name, value in (("REVIEW_TOKEN", settings.review_token), ("REVIEW_SECRET", settings.review_secret)):
        if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise SettingsError(f"RESTORATION_{name} is too short; give at least {SHORTEST_SECRET} random characters")
    people = frozenset(name.strip() for name in settings.review_people.split(",") if name.strip())
    if settings.airflow_api_url and not people:
        raise SettingsError(
            "every user of Airflow could decide about photographs; name those who may in RESTORATION_REVIEW_PEOPLE, "
            "or write * for all"
        )
    root, secure = _public(settings.review_url)
    return ReviewConfig(
        airflow_url=settings.airflow_api_url.rstrip("/") if settings.airflow_api_url else None,
        token=settings.review_token,
        key=settings.review_secret or SecretStr(secrets.token_urlsafe(32)),
        session_seconds=settings.review_hours * 3600,
        people=people,
        root=root,
        secure=secure,
        restored_bucket=settings.restored_bucket,
        preview_side=settings.preview_side,
        painter_url=settings.painter_url.rstrip("/") if settings.painter_url else None,
        hosts=_hosts(settings),
    )


def _hosts(settings: Settings) -> frozenset[str]:
    """Names of this machine, of the public address, and those that the settings allow beside."""
    public = urlsplit(settings.review_url or "").netloc.rpartition("@")[2]
    names = ["127.0.0.1", "localhost", "[::1]", settings.review_host, public, *settings.review_hosts.split(",")]
    return frozenset(host_name(name) for name in names if name.strip())


def _public(url: str | None) -> tuple[str, bool]:
    """Path prefix of the public address, and whether it is an encrypted one."""
    if url is None:
        return "", False
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError(f"RESTORATION_REVIEW_URL is {url!r}; give an address such as https://review.example.org")
    return parts.path.rstrip("/"), parts.scheme == "https"
