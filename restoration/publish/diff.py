"""What differs between two versions of an archive, told from their ``metadata.csv`` alone: no database is needed.

Pictures are compared by their hash before labels were written (``unlabelled_sha256``), because content credentials are
signed afresh for every version.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import PhotoRejected, PublicationError
from restoration.names import version_prefix
from restoration.publish import layout

if TYPE_CHECKING:
    from restoration.storage.s3 import ObjectStore

Row = Mapping[str, str]

_SHOWING = ("shown_as", "why_not_restored", "state", "reason")
_MAKING = ("recipe", "recipe_sha256", "ai_altered")


@dataclass(frozen=True)
class Change:
    """One photograph that differs.

    ``what`` holds one or more of: ``added``, ``gone``, ``withdrawn``, ``showing`` (how it is shown, or why), ``scan``
    (its bytes), ``picture``, ``recipe``, ``words`` (Dublin Core and rights). ``fields``: the columns that differ.
    ``before`` and ``after``: ``shown_as`` in each version, empty where it is not in it.
    """

    id: str
    filename: str
    what: tuple[str, ...]
    before: str
    after: str
    fields: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return asdict(self)


def compare(old: Iterable[Row], new: Iterable[Row]) -> Iterator[Change]:
    """The photographs that differ: those of the new version in its order, then those that are gone.

    Memory holds the old version's rows.
    """
    left = {row["id"]: row for row in old}
    for row in new:
        before = left.pop(row["id"], None)
        if before is None:
            yield Change(row["id"], row["filename"], ("added",), "", row["shown_as"])
        elif change := _change(before, row):
            yield change
    for row in left.values():
        yield Change(row["id"], row["filename"], ("gone",), row.get("shown_as", ""), "")


def _change(before: Row, after: Row) -> Change | None:
    fields = tuple(name for name in after if after[name] != before.get(name, "") and name not in _DERIVED)
    if not fields:
        return None
    # a tombstone names nothing, so the old version's name says which photograph it was
    filename = after["filename"] or before["filename"]
    if after["shown_as"] == "withdrawn" and before.get("shown_as") != "withdrawn":
        return Change(after["id"], filename, ("withdrawn",), before.get("shown_as", ""), "withdrawn")
    what = {_kind(name) for name in fields}
    if "shown_as" in fields:
        # another picture, and what made it, follow from that
        what -= {"picture", "recipe"}
    return Change(after["id"], filename, tuple(sorted(what)), before.get("shown_as", ""), after["shown_as"], fields)


_DERIVED = frozenset({"restored_sha256", "restored_file", "original_uri"})
"""Columns that follow from others, or differ in every signed version."""


def _kind(column: str) -> str:
    if column in _SHOWING:
        return "showing"
    if column in _MAKING:
        return "recipe"
    return {"unlabelled_sha256": "picture", "original_sha256": "scan", "filename": "scan"}.get(column, "words")


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a ``metadata.csv`` on disk.

    :raises PublicationError: it is no metadata file of an archive of ours.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not {"id", "filename", "shown_as"} <= set(rows.fieldnames or ()):
            raise PublicationError(f"{path.name} has no columns id, filename and shown_as; archives of before have not")
        yield from rows


def fetch_rows(
    store: ObjectStore, bucket: str, collection: str, version: int, folder: Path
) -> Iterator[dict[str, str]]:
    """Rows of a published version's ``metadata.csv``, brought to ``folder`` first.

    :raises PublicationError: there is no such version, or it is older than these columns.
    :raises StorageError: S3 refused or is out of reach.
    """
    path = folder / f"v{version:04d}.csv"
    key = version_prefix(collection, version) + layout.METADATA
    try:
        with path.open("wb") as file:
            for chunk in store.stream(bucket, key):
                file.write(chunk)
    except PhotoRejected as error:
        raise PublicationError(f"there is no version {version} of {collection} in s3://{bucket}") from error
    return read_rows(path)
