"""What each S3 key may do: one identity for each kind of program, by policies that name every call it needs.

Nobody but the administrator may write an original (rule 4), delete a version, or change a bucket's versioning, policy,
lifecycle or sharing rules. SeaweedFS's coarser words (``Write:archive``) would allow the last to whoever may write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

ORIGINALS, RESTORED, ARCHIVE = "originals", "restored", "archive"
BUCKETS = (ORIGINALS, RESTORED, ARCHIVE)

READ = ("s3:GetObject", "s3:GetObjectVersion")
LIST = ("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketLocation")
WRITE = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
DELETE = ("s3:DeleteObject",)

ANYBODY = "anonymous"
"""SeaweedFS's name for whoever has no key."""


@dataclass(frozen=True)
class Grant:
    """Calls that are allowed in some buckets: on their objects, or on the buckets themselves."""

    actions: tuple[str, ...]
    buckets: tuple[str, ...]
    on_objects: bool = True

    def statement(self) -> dict[str, object]:
        """The grant in the language of IAM policies."""
        resources = [f"arn:aws:s3:::{bucket}{'/*' if self.on_objects else ''}" for bucket in self.buckets]
        return {"Effect": "Allow", "Action": list(self.actions), "Resource": resources}


GRANTS: Mapping[str, tuple[Grant, ...]] = {
    "admin": (),
    "worker": (
        Grant(READ, (ORIGINALS, RESTORED)),
        Grant(LIST, (ORIGINALS, RESTORED), on_objects=False),
        Grant(WRITE, (RESTORED,)),
    ),
    "airflow": (
        Grant(READ, BUCKETS),
        Grant(LIST, BUCKETS, on_objects=False),
        Grant(WRITE + DELETE, (ARCHIVE,)),
    ),
    "review": (Grant(("s3:GetObject",), (RESTORED,)),),
    ANYBODY: (Grant(("s3:GetObject",), (ARCHIVE,)),),
}
"""By identity. The administrator may do everything; whoever has no key reads published archives and lists nothing."""

IDENTITIES = tuple(name for name in GRANTS if name != ANYBODY)
"""Those who have a key."""

_EVERYTHING = ("Admin", "Read", "List", "Write", "Tagging")


def server_config(keys: Mapping[str, tuple[str, str]], *, public: bool) -> dict[str, object]:
    """
    SeaweedFS's ``s3.json``: identities, and the policies that are attached to them.

    :param keys: access key id and secret access key of each of :data:`IDENTITIES`.
    :param public: whether published archives are read without a key.
    """
    names = [*IDENTITIES, *([ANYBODY] if public else [])]
    return {
        "identities": [_identity(name, keys.get(name)) for name in names],
        "policies": [{"name": name, "content": _policy(GRANTS[name])} for name in names if GRANTS[name]],
    }


def _identity(name: str, key: tuple[str, str] | None) -> dict[str, object]:
    credentials = {"credentials": [{"accessKey": key[0], "secretKey": key[1]}]} if key else {}
    if not GRANTS[name]:
        return {"name": name, **credentials, "actions": list(_EVERYTHING)}
    return {"name": name, **credentials, "actions": [], "policyNames": [name]}


def _policy(grants: tuple[Grant, ...]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [grant.statement() for grant in grants]})
