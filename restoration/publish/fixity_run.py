"""A fixity check as a whole: plan, read, tell. What Airflow's tasks and the command line have in common."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from restoration.alerts import send_alert
from restoration.catalog import fixity
from restoration.catalog.collections import get_collection
from restoration.publish.fixity_plan import Part, plan_check, read_part
from restoration.publish.rereading import Reading, Rereader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from restoration.catalog.fixity import Damage
    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore

logger = logging.getLogger(__name__)

TOLD_FILES = 20
"""Most files that an alert names; the catalog has them all."""


def plan(db: Engine, settings: Settings, collection: str | None = None, *, everything: bool = False) -> list[Part]:
    """Parts of today's check; brings the catalog's policy up to the setting.

    :raises UsageError: unknown collection.
    """
    with db.begin() as conn:
        fixity.set_policy(conn, settings.fixity_days)
        number = None if collection is None else get_collection(conn, collection).collection_id
        return plan_check(conn, settings, number, everything=everything)


def read(db: Engine, store: ObjectStore, settings: Settings, part: Mapping[str, Any]) -> Reading:
    """Read one part, log every damaged file, and alert where there are new ones. Returns when all of it was read.

    :raises StorageError: the store is out of reach; what was read until then is on record.
    """
    with db.connect() as conn:
        reading = read_part(conn, Rereader(db, store, settings), settings, part)
    for damage in reading.damage:
        logger.error("%s", words(damage))
    if reading.new_damage:
        send_alert(settings.alert_url, alert(reading.new_damage))
    return reading


def words(damage: Damage) -> str:
    """One line about one damaged file. Names are escaped: they are whatever somebody typed."""
    version = "" if damage.version is None else f" v{damage.version:04d}"
    path = damage.path if damage.path.isprintable() else damage.path.encode("unicode_escape").decode()
    hashes = f"; expected sha256 {damage.expected or 'none'}, found {damage.actual or 'none'}"
    return f"{damage.found}: {damage.kind} {damage.collection}{version} {path}: {damage.note}{hashes}"


def alert(damage: Sequence[Damage]) -> dict[str, Any]:
    """What the webhook is told: ``text`` for people, facts of the first files for programs."""
    where = ", ".join(sorted({item.collection for item in damage}))
    return {
        "text": f"Fixity alarm: {len(damage)} damaged files in {where}. See `restoration fixity overdue`.",
        "kind": "fixity",
        "count": len(damage),
        "damage": [asdict(item) for item in damage[:TOLD_FILES]],
    }


def alert_overdue(settings: Settings, overdue: int) -> None:
    """Tell that something was not read in time."""
    message = {
        "text": f"Fixity: {overdue} originals and publications were not read within {settings.fixity_days} days.",
        "kind": "fixity_overdue",
        "count": overdue,
        "damage": [],
    }
    send_alert(settings.alert_url, message)
