"""Where scans of collections may lie, so that consent and withdrawal of one are not passed by through another."""

from __future__ import annotations

import re

import sqlalchemy as sa

from restoration.errors import UsageError
from restoration.settings import Settings, get_settings

_URI = re.compile(r"s3://(?P<bucket>[^/]+)/?(?P<prefix>.*)", re.DOTALL)

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('sources', 0))")

_OTHERS = sa.text("SELECT name, source_uri FROM collection WHERE name <> :name ORDER BY name")

_KNOWN = sa.text("SELECT source_uri FROM collection WHERE name = :name")


def check_source(conn: sa.Connection, name: str, source_uri: str) -> None:
    """Refuse a collection's source if it is a new or another one and may not be one.

    A source that stays as it is is not asked about again, so that collections from before a rule go on.

    :raises UsageError: the bucket is none of the setting ``source_buckets``, or holds restored or published
        photographs; it is a whole bucket; or it overlaps the source of another collection.
    """
    conn.execute(_LOCK)
    if conn.execute(_KNOWN, {"name": name}).scalar() == source_uri:
        return
    bucket, prefix = _parts(source_uri)
    _check_bucket(get_settings(), bucket, prefix)
    for row in conn.execute(_OTHERS, {"name": name}):
        other_bucket, other = _parts(row.source_uri)
        if bucket == other_bucket and (prefix.startswith(other) or other.startswith(prefix)):
            raise UsageError(
                f"{source_uri} overlaps {row.source_uri} of collection {row.name!r}: a photograph would be in both, "
                "with two consents; give each collection a prefix of its own"
            )


def _check_bucket(settings: Settings, bucket: str, prefix: str) -> None:
    if bucket in (settings.archive_bucket, settings.restored_bucket):
        raise UsageError(f"bucket {bucket!r} holds what the system itself writes: scans never lie there")
    allowed = [name.strip() for name in settings.source_buckets.split(",") if name.strip()]
    if bucket not in allowed:
        raise UsageError(
            f"bucket {bucket!r} is no bucket for scans; RESTORATION_SOURCE_BUCKETS allows "
            f"{', '.join(allowed) or 'none'}"
        )
    if not prefix:
        raise UsageError(
            f"s3://{bucket}/ is a whole bucket, and so every other collection's scans; "
            f"give a prefix, for example s3://{bucket}/family-1912/"
        )


def _parts(source_uri: str) -> tuple[str, str]:
    """Bucket and prefix; the prefix ends in a slash unless it is empty."""
    match = _URI.fullmatch(source_uri)
    if match is None:
        raise UsageError(f"{source_uri!r} is not an S3 address; write s3://bucket/prefix/")
    prefix = match["prefix"].strip("/")
    return match["bucket"], f"{prefix}/" if prefix else ""
