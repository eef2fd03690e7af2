"""Commands ``restoration publish`` and ``restoration export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from restoration.publish.report import PublicationReport

Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(publish)
    app.command()(export)


def publish(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be published.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    approved_by: Annotated[
        str | None, typer.Option(metavar="NAME", help="The person who approves what is published now; with --words.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="Why, in that person's words.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Publish a new version also where nothing changed.")] = False,
) -> None:
    """Publish a collection as the next version of its archive; nothing happens where nothing changed.

    A sensitive collection, or one without known consent, is withheld until a person approves exactly what would be
    published. The approval goes into the collection's chain of events, and new results need a new one.
    """
    import json

    from restoration.catalog.approvals import Approval
    from restoration.catalog.database import make_engine
    from restoration.publish.publisher import publish_collection
    from restoration.settings import get_settings
    from restoration.storage.s3 import ObjectStore, make_client

    settings = get_settings()
    approval = None if approved_by is None and words is None else Approval(approved_by or "", words or "")
    store = ObjectStore(make_client(settings))
    report = publish_collection(make_engine(), store, settings, name, approval=approval, again=again, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
        return
    if report.state == "withheld":
        typer.echo(f"withheld ({report.reason}): {report.detail}")
    else:
        kind = " (dry run)" if report.dry_run else ""
        typer.echo(f"{report.state}{kind}: {_counts(report)}")
    if report.uri:
        typer.echo(f"archive: {report.uri}")
    if report.gallery_uri:
        typer.echo(f"gallery: {report.gallery_uri}")


def _counts(report: PublicationReport) -> str:
    counts = [
        (report.shown, "restored"),
        (report.original, "as scanned"),
        (report.withdrawn, "withdrawn"),
        (report.photos - report.shown - report.original - report.withdrawn, "without a picture"),
    ]
    words = [f"{report.photos} photographs", *(f"{count} {what}" for count, what in counts if count)]
    waiting = f"; {report.waiting} wait for a person's look (restoration review)" if report.waiting else ""
    return ", ".join(words) + waiting


def export(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder, or one with the same archive.")],
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Number of the version; the current one otherwise.")
    ] = None,
) -> None:
    """Bring a collection's publication to disk, both hashes of every file checked on the way.

    The folder appears when it is complete; after an interruption the same command goes on where it stopped.
    """
    from restoration.publish.export import export_collection
    from restoration.settings import get_settings
    from restoration.storage.s3 import ObjectStore, make_client

    settings = get_settings()
    written = export_collection(ObjectStore(make_client(settings)), settings, name, folder, version=version)
    typer.echo(f"{written} files written, every file checked")
    typer.echo(f"gallery: {(folder / 'index.html').resolve().as_uri()}")
