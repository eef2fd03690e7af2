"""What a fixity check has to read today, so that everything is read in time, divided into parts of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from restoration.catalog import fixity
from restoration.catalog.fixity import Kept, KeptPublication
from restoration.publish.rereading import Reading, Rereader
from restoration.publish.tiles import public_base

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.settings import Settings

MAX_PARTS = 200
"""Most mapped Airflow tasks of one check: the damaged, the originals, the publications."""

ORIGINAL_PARTS = 120
PUBLICATION_PARTS = MAX_PARTS - ORIGINAL_PARTS - 1
MARGIN = 0.9
"""Everything is planned for this part of the days, so that a few nights without a check do no harm."""

Part = dict[str, Any]
"""One part of a check, as plain data; ``label`` is for people."""


@dataclass(frozen=True)
class Share:
    """How much is to be read at least, so that everything is read in time."""

    files: int
    bytes: int


def todays_share(kept: Kept, fixity_days: int, now: datetime) -> Share:
    """The share of the days since the last check (one where there was none): all of it is read within the days."""
    passed = 1.0 if kept.last_check is None else max(1.0, (now - kept.last_check).total_seconds() / 86400)
    part = min(1.0, passed / max(1.0, fixity_days * MARGIN))
    return Share(ceil(kept.files * part), ceil(kept.bytes * part))


def plan_check(
    conn: sa.Connection, settings: Settings, collection_id: int | None = None, *, everything: bool = False
) -> list[Part]:
    """Today's parts, first of all what is known to be damaged.

    :param collection_id: only this collection.
    :param everything: all there is, whenever it was read last; publications begin at their first file again.
    """
    # parts are read side by side: what another one finds meanwhile is not known damage, and nothing is told twice
    known = {"kind": "damaged", "label": "known damage", "collection_id": collection_id, "before": fixity.clock(conn)}
    parts: list[Part] = [known]
    parts += _original_parts(conn, settings, collection_id, everything=everything)
    parts += _publication_parts(conn, settings, collection_id, everything=everything)
    return parts


def _overdue_hours(settings: Settings) -> int:
    """Age at which something is read whatever the share: one day before it would be late."""
    return max(1, settings.fixity_days * 24 - 24)


def _original_parts(
    conn: sa.Connection, settings: Settings, collection_id: int | None, *, everything: bool
) -> list[Part]:
    kept = fixity.originals_kept(conn, collection_id)
    share = todays_share(kept, settings.fixity_days, datetime.now(UTC))
    due = Share(kept.files, kept.bytes) if everything else share
    # half of the parts for files, half for bytes: whatever a collection is made of, they are enough
    most = ORIGINAL_PARTS // 2 - 1
    bounds = {
        "share_files": share.files,
        "share_bytes": share.bytes,
        "set_files": settings.fixity_batch_files,
        "set_bytes": settings.fixity_batch_bytes,
        "part_files": max(settings.fixity_batch_files, ceil(due.files / most)),
        "part_bytes": max(settings.fixity_batch_bytes, ceil(due.bytes / most)),
        "overdue_hours": _overdue_hours(settings),
        "everything": everything,
        "parts": ORIGINAL_PARTS,
    }
    return [
        {"kind": "originals", "label": f"{part.files} originals", "collection_id": collection_id, **part.to_dict()}
        for part in fixity.original_parts(conn, collection_id, bounds)
    ]


def _publication_parts(
    conn: sa.Connection, settings: Settings, collection_id: int | None, *, everything: bool
) -> list[Part]:
    kept = fixity.publications_kept(conn, collection_id, _overdue_hours(settings))
    total = sum(_size(publication, settings) for publication in kept)
    last = max((p.last_check for p in kept if p.last_check is not None), default=None)
    share = todays_share(Kept(len(kept), total, last), settings.fixity_days, datetime.now(UTC))
    wanted = total if everything else max(share.bytes, min(total, settings.fixity_batch_bytes))
    part_bytes = max(settings.fixity_batch_bytes, ceil(wanted / PUBLICATION_PARTS * 2))
    parts: list[Part] = []
    for publication in kept:
        if wanted <= 0 and not publication.overdue:
            continue
        size = _size(publication, settings)
        if everything:
            fixity.restart(conn, publication.publication_id)
        # what is late is read to its end, the others share what is due today
        to_its_end = everything or publication.overdue
        _add(parts, publication, size if to_its_end else max(1, min(size, wanted)), part_bytes, to_its_end)
        wanted -= size
    return parts[:PUBLICATION_PARTS]


def _size(publication: KeptPublication, settings: Settings) -> int:
    """Bytes to be read, as far as the catalog knows: it counts no tiles, which are about as large as the pictures."""
    with_tiles = public_base(settings.gallery_url, publication.collection) is not None
    return publication.byte_count * (2 if with_tiles else 1)


def _add(parts: list[Part], publication: KeptPublication, read: int, part_bytes: int, to_its_end: bool) -> None:
    """Put a version into the last part, or into one of its own where that is full."""
    if not parts or parts[-1]["bytes"] + read > part_bytes:
        parts.append({"kind": "publications", "label": "", "bytes": 0, "publications": []})
    part = parts[-1]
    part["publications"].append([publication.publication_id, None if to_its_end else read])
    part["bytes"] += read
    names = f"{publication.collection} v{publication.version:04d}"
    part["label"] = names if len(part["publications"]) == 1 else f"{len(part['publications'])} publications"


def read_part(conn: sa.Connection, rereader: Rereader, settings: Settings, part: Mapping[str, Any]) -> Reading:
    """Read one part; doing it again reads only what is left of it.

    :param conn: for questions; what is found is written on connections of the rereader's own.
    :raises StorageError: the store is out of reach; what was read until then is on record.
    """
    if part["kind"] == "originals":
        return rereader.read_originals(fixity.originals_between(conn, part["collection_id"], part))
    if part["kind"] == "damaged":
        return _read_damaged(conn, rereader, settings, part)
    total = Reading()
    for publication_id, max_bytes in part["publications"]:
        total.add(rereader.read_publication(publication_id, max_bytes))
    return total


def _read_damaged(conn: sa.Connection, rereader: Rereader, settings: Settings, part: Mapping[str, Any]) -> Reading:
    collection_id, before = part["collection_id"], part.get("before")
    files = settings.fixity_batch_files
    total = rereader.read_originals(fixity.damaged_originals(conn, collection_id, files, before=before))
    for publication in fixity.publications_kept(conn, collection_id, 0):
        if publication.known in ("changed", "missing"):
            total.add(rereader.reread_damaged(publication.publication_id, before=before))
    return total
