"""Command ``restoration release``: photographs that were given up for a fault that was not theirs are due again."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(release)


def release(
    person: Annotated[str, typer.Option("--by", metavar="NAME", help="Who puts it on record.")],
    collection: Annotated[str | None, typer.Argument(metavar="[COLLECTION]", help="One collection; else all.")] = None,
    reason: Annotated[
        str, typer.Option(help="storage_failed, device_fault, disk_full or worker_lost.")
    ] = "storage_failed",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
) -> None:
    """Make quarantined photographs due again if the store or a machine failed, and not they themselves.

    The next run of their collection restores them. For reasons that are a photograph's own, trigger the run with force.
    """
    from restoration.catalog.collections import get_collection, list_collections
    from restoration.catalog.database import make_engine
    from restoration.catalog.giving_back import release_quarantined
    from restoration.errors import ReasonCode, UsageError

    if reason not in set(ReasonCode):
        raise UsageError(f"there is no reason {reason!r}; `restoration audit failure-reasons` shows which there are")
    total = 0
    with make_engine().begin() as conn:
        chosen = [get_collection(conn, collection)] if collection else list_collections(conn)
        for one in chosen:
            count = release_quarantined(conn, one, ReasonCode(reason), person=person, dry_run=dry_run)
            total += count
            if count:
                typer.echo(f"{one.name}: {count} photographs {'would be' if dry_run else 'are'} due again")
    if not total:
        typer.echo(f"no photograph was given up for {reason}")
