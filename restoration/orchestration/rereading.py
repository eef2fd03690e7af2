"""What the tasks of the DAG verify_archive do, as plain functions of plain values."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from restoration.orchestration.access import make_store
from restoration.orchestration.flow import FAILED_STATES, open_catalog
from restoration.settings import get_settings

logger = logging.getLogger(__name__)


def plan(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parts of today's check, one for each mapped task; the first one is what is known to be damaged.

    :param params: ``collection`` or None for all, ``everything``.
    :raises UsageError: unknown collection.
    """
    from restoration.publish import fixity_run

    collection, everything = params.get("collection") or None, bool(params.get("everything"))
    with open_catalog() as db:
        parts = fixity_run.plan(db, get_settings(), collection, everything=everything)
    logger.info("%d parts: %s", len(parts), ", ".join(part["label"] for part in parts))
    return parts


def read(part: Mapping[str, Any]) -> dict[str, int]:
    """Read one part to its end; gives its figures.

    :raises AirflowFailException: files in it are damaged, each one named in the log. Trying again would not mend them.
    :raises StorageError: the store is out of reach; Airflow tries again, and what was read is not read twice.
    """
    from airflow.sdk.exceptions import AirflowFailException

    from restoration.publish import fixity_run

    with open_catalog() as db:
        reading = fixity_run.read(db, make_store(), get_settings(), part)
    logger.info("%s: %d files, %d bytes read", part["label"], reading.files, reading.bytes)
    if reading.damage:
        raise AirflowFailException(
            f"{len(reading.damage)} of {reading.files} files are damaged, {len(reading.new_damage)} of them since the "
            "last check; the log names them, and docs/operations.md says what to do (A fixity alarm)"
        )
    return {"files": reading.files, "bytes": reading.bytes, "completed": reading.completed}


def report(task_states: Mapping[str, str | None]) -> dict[str, int]:
    """Count what is damaged or late in the whole archive, and tell of what is late.

    :param task_states: state of each task of the DAG run by task id.
    :raises AirflowFailException: something is damaged or late, or a part could not be read.
    """
    from airflow.sdk.exceptions import AirflowFailException

    from restoration.catalog.fixity import overdue, overdue_counts
    from restoration.publish import fixity_run

    with open_catalog() as db, db.connect() as conn:
        damaged, late = overdue_counts(conn)
        rows = overdue(conn, limit=50)
    for row in rows:
        logger.warning("%s %s %r: %s, last known to be right %s", row["kind"], row["collection"], row["name"],
                       row["found"] or "never read again", row["last_read_at"])  # fmt: skip
    if late:
        fixity_run.alert_overdue(get_settings(), late)
    failed = sorted(name for name, state in task_states.items() if state in FAILED_STATES)
    if damaged or late or failed:
        raise AirflowFailException(
            f"{damaged} originals or publications are damaged, {late} were not read in time, {len(failed)} tasks "
            "failed; `restoration fixity overdue` lists them"
        )
    return {"damaged": damaged, "overdue": late}
