"""Command ``restoration diff``: what changes from one version of an archive to the next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from restoration.publish.diff import Change, Row
    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore

Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")]


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(diff)


def diff(
    name: Name,
    old: Annotated[int | None, typer.Option("--from", min=1, help="Older version; the current one otherwise.")] = None,
    new: Annotated[
        int | None, typer.Option("--to", min=1, help="Newer version; otherwise what would be published now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a photograph.")] = False,
) -> None:
    """What differs between two versions of an archive, or between the current one and what would be published now.

    One line a photograph: added, gone, withdrawn, shown otherwise, or with another scan, picture, recipe or words.
    """
    import json
    import tempfile

    from restoration.publish.diff import fetch_rows
    from restoration.settings import get_settings
    from restoration.storage.s3 import ObjectStore, make_client

    settings = get_settings()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder, store = Path(temporary), ObjectStore(make_client(settings))
        if new is None:
            after = _rows_now(store, settings, name, folder)
        else:
            after = fetch_rows(store, settings.archive_bucket, name, new, folder)
        for change in changes_to(after, store, settings, name, old, folder):
            counts.update(change.what)
            typer.echo(json.dumps(change.to_dict(), ensure_ascii=False) if as_json else line(change))
    if not as_json:
        typer.echo(summary(counts))


def _rows_now(store: ObjectStore, settings: Settings, name: str, folder: Path) -> Iterator[Row]:
    from restoration.catalog.database import make_engine
    from restoration.publish.diff import read_rows
    from restoration.publish.publisher import metadata_as_of_now

    path = folder / "now.csv"
    metadata_as_of_now(make_engine(), store, settings, name, path)
    return read_rows(path)


def changes_to(
    after: Iterable[Row], store: ObjectStore, settings: Settings, name: str, old: int | None, folder: Path
) -> Iterator[Change]:
    """What is different in ``after`` from version ``old``, or from the current one; all is new where there is none."""
    from restoration.publish.current import read_current
    from restoration.publish.diff import compare, fetch_rows

    if old is None:
        current, _ = read_current(store, settings.archive_bucket, name)
        old = current.version if current else None
    before = fetch_rows(store, settings.archive_bucket, name, old, folder) if old is not None else iter(())
    return compare(before, after)


def line(change: Change) -> str:
    """One photograph that differs, for people."""
    shown = change.before if change.before == change.after else f"{change.before or '-'} -> {change.after or '-'}"
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    return f"{change.id}  {', '.join(change.what):<20} {shown:<22} {change.filename}{fields}"


def summary(counts: Counter[str]) -> str:
    """How many photographs differ in what."""
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "no differences"
