"""``restoration upload``: a folder of scans on this machine becomes a collection in S3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.ingest.survey import Survey
    from restoration.ingest.tables import TableReport
    from restoration.ingest.upload import UploadReport

_MB = 1e6
_SECONDS_EACH = 3
_SHOWN = 10
HELP = """Bring a folder of scans into S3 and register it as a collection.

First the folder is looked through and what was found is told: photographs, files that would be refused and why,
what of metadata.csv and hints.csv is used. Then what is not there yet is sent (originals are never deleted in S3; a
file of the same name and other content becomes the collection's new scan). Stopped anywhere, the same command goes on.

Exit codes: 0 all sent; 2 wrong usage, or no photographs in the folder; 3 S3 or the catalog is out of reach.
"""


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("upload", help=HELP)(upload)


def upload(
    folder: Annotated[Path, typer.Argument(help="Folder with scans, on this machine.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Name of the collection: small letters, digits and hyphens.")],
    recipe: Annotated[str | None, typer.Option(help="Recipe; of a new collection memorial-portrait.")] = None,
    title: Annotated[str | None, typer.Option(help="Title for people; of a new collection the folder's name.")] = None,
    consent: Annotated[str | None, typer.Option(help="granted, unknown or refused; of a new one unknown.")] = None,
    sensitivity: Annotated[str | None, typer.Option(help="normal, memorial or sensitive.")] = None,
    nightly: Annotated[bool | None, typer.Option(help="Restore new scans every night.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look through the folder; send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """See HELP."""
    from rich.console import Console

    from restoration.engine.recipe import load_recipe
    from restoration.errors import UsageError
    from restoration.ingest.survey import survey
    from restoration.names import slug
    from restoration.settings import get_settings

    if name != slug(name):
        better = f"; perhaps {slug(name)}" if slug(name) else ""
        raise UsageError(f"a collection's name has small letters, digits and hyphens, which {name!r} has not{better}")
    if recipe is not None:
        load_recipe(recipe)
    settings, console = get_settings(), Console(stderr=True, soft_wrap=True)
    found, files = survey(folder, max_bytes=settings.max_object_bytes)
    if not as_json:
        _say_survey(console, folder, found)
    facts: dict[str, Any] = {"collection": name, "found": found.to_dict()}
    if not check:
        wishes = _Wishes(recipe, title, consent, sensitivity, nightly)
        bucket = settings.source_buckets.split(",")[0].strip()
        source = f"s3://{bucket}/{name}/"
        # before anything is sent: a catalog that is out of reach, or a value that it refuses, is told at once
        _register(name, source, folder.resolve().name or name, wishes)
        report = _send(console, bucket, name, folder, files, quiet=as_json)
        facts |= {"source": source, "sent": vars(report)}
        if not as_json:
            _say_sent(console, name, source, report)
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))


@dataclass(frozen=True)
class _Wishes:
    """What of a collection was said on the command line; None keeps what is stored."""

    recipe: str | None
    title: str | None
    consent: str | None
    sensitivity: str | None
    nightly: bool | None


def _register(name: str, source: str, made_title: str, wishes: _Wishes) -> None:
    """Register the collection, or change what was said of it.

    :raises UsageError: it takes its scans from elsewhere, or the catalog refuses a value.
    """
    from restoration.catalog.collections import list_collections, upsert_collection
    from restoration.catalog.database import make_engine
    from restoration.cli.collection import DEFAULT_RECIPE
    from restoration.errors import UsageError

    with make_engine().begin() as conn:
        known = next((one for one in list_collections(conn) if one.name == name), None)
        if known is not None and known.source_uri.rstrip("/") != source.rstrip("/"):
            raise UsageError(
                f"collection {name} takes its scans from {known.source_uri}, and not from {source}: choose another name"
            )
        upsert_collection(
            conn,
            name=name,
            source_uri=source,
            recipe=wishes.recipe or (known.recipe if known else DEFAULT_RECIPE),
            title=wishes.title or (None if known else made_title),
            consent=wishes.consent,
            sensitivity=wishes.sensitivity,
            nightly=wishes.nightly,
        )


def _send(console: Console, bucket: str, name: str, folder: Path, files: list[Path], *, quiet: bool) -> UploadReport:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from restoration.ingest.upload import upload as send
    from restoration.storage.s3 import ObjectStore, make_client

    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("sending", total=sum(path.stat().st_size for path in files))
        store = ObjectStore(make_client())
        return send(store, bucket, f"{name}/", folder, files, lambda size: bar.advance(task, size))


def _say_survey(console: Console, folder: Path, found: Survey) -> None:
    count = len(found.photographs)
    minutes = max(1, round(count * _SECONDS_EACH / 60))
    _say(
        console,
        f"{folder}: {count} photographs, {found.bytes / _MB:.1f} MB; restoring them takes about {minutes} min on a "
        "worker with two processor cores (scans of a megapixel; large ones take longer)",
    )
    _say_list(console, [f"{one.name} [{one.reason}]: {one.detail}" for one in found.refused], "will be refused")
    _say_list(console, found.elsewhere, "lead out of the folder and are left out")
    if found.others:
        kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(found.others.items()))
        _say(console, f"other files, which are no scans: {kinds}")
    if found.metadata.found:
        kept = ", ".join(found.metadata.columns) or "none"
        _say(console, f"metadata.csv describes {found.metadata.matched} of them; columns that are kept: {kept}")
        _say_problems(console, found.metadata)
    if found.hints.found:
        _say(console, f"hints.csv: {found.hints.lines} of {found.hints.rows} lines can be used")
        _say_problems(console, found.hints)


def _say_problems(console: Console, report: TableReport) -> None:
    from restoration.ingest.survey import problems

    for line in problems(report)[:_SHOWN]:
        _say(console, f"  {line}")


def _say_list(console: Console, lines: list[str], words: str) -> None:
    if lines:
        _say(console, f"{len(lines)} files {words}:")
    for line in lines[:_SHOWN]:
        _say(console, f"  {line}")
    if len(lines) > _SHOWN:
        _say(console, f"  and {len(lines) - _SHOWN} more (--json names all)")


def _say_sent(console: Console, name: str, source: str, report: UploadReport) -> None:
    replaced = f", {report.replaced} of them in place of another content" if report.replaced else ""
    _say(
        console,
        f"{report.sent} files sent to {source} ({report.bytes_sent / _MB:.1f} MB){replaced}; "
        f"{report.already_there} were there already",
    )
    _say(console, f"Restore it now: restoration restore {name} --follow")


def _say(console: Console, text: str) -> None:
    from rich.text import Text

    plain = text.encode("utf-8", "backslashreplace").decode()
    console.print(Text("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain)))
