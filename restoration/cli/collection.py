"""Commands of ``restoration collection``: what an archive has entrusted to the system, and where its scans lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from restoration.catalog.collections import Collection
    from restoration.ingest.ingest import IngestReport
    from restoration.ingest.tables import TableReport

collection_app = typer.Typer(
    help="Collections: sets of scans under one S3 prefix.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="Name of the collection: small letters, digits and hyphens.")]
DEFAULT_RECIPE = "memorial-portrait"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(collection_app, name="collection")


@collection_app.command()
def add(
    name: Name,
    source: Annotated[str, typer.Argument(help="Where the scans lie: s3://bucket/prefix/")],
    recipe: Annotated[
        str | None, typer.Option(help=f"Recipe to restore with; {DEFAULT_RECIPE} for a new collection.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title shown in the gallery.")] = None,
    consent: Annotated[str | None, typer.Option(help="granted, unknown or refused.")] = None,
    sensitivity: Annotated[str | None, typer.Option(help="normal, memorial or sensitive.")] = None,
    rights: Annotated[str | None, typer.Option(help="Rights statement.")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom to ask.")] = None,
    nightly: Annotated[bool | None, typer.Option(help="Restore new scans every night.")] = None,
) -> None:
    """Register a collection, or change one; options that are left out keep what is stored."""
    from restoration.catalog.collections import list_collections, upsert_collection
    from restoration.catalog.database import make_engine
    from restoration.engine.recipe import load_recipe
    from restoration.ingest.ingest import source_of

    bucket, prefix = source_of(source)
    with make_engine().begin() as conn:
        if recipe is None:
            recipe = next((c.recipe for c in list_collections(conn) if c.name == name), DEFAULT_RECIPE)
        load_recipe(recipe)
        stored = upsert_collection(
            conn,
            name=name,
            source_uri=f"s3://{bucket}/{prefix}",
            recipe=recipe,
            title=title,
            consent=consent,
            sensitivity=sensitivity,
            rights=rights,
            contact=contact,
            nightly=nightly,
        )
    _print_collection(stored)


@collection_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Every collection, one a line."""
    import json

    from restoration.catalog.collections import list_collections
    from restoration.catalog.database import make_engine

    with make_engine().connect() as conn:
        collections = list_collections(conn)
    if as_json:
        typer.echo(json.dumps([vars(c) for c in collections], ensure_ascii=False))
        return
    for c in collections:
        typer.echo(f"{c.name}\t{c.source_uri}\t{c.recipe}\t{c.title}")


@collection_app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """What is stored of one collection."""
    import json

    from restoration.catalog.collections import get_collection
    from restoration.catalog.database import make_engine

    with make_engine().connect() as conn:
        collection = get_collection(conn, name)
    if as_json:
        typer.echo(json.dumps(vars(collection), ensure_ascii=False))
    else:
        _print_collection(collection)


@collection_app.command()
def ingest(name: Name, as_json: AsJson = False) -> None:
    """List the collection's scans into the catalog, with metadata.csv and hints.csv if there. Reads no image."""
    import json

    from restoration.catalog.collections import get_collection
    from restoration.catalog.database import make_engine
    from restoration.ingest.ingest import ingest_collection
    from restoration.storage.s3 import ObjectStore, make_client

    engine = make_engine()
    with engine.connect() as conn:
        collection = get_collection(conn, name)
    report = ingest_collection(engine, ObjectStore(make_client()), collection)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        _print_report(report)


def _print_collection(collection: Collection) -> None:
    for field, value in vars(collection).items():
        if field != "collection_id":
            typer.echo(f"{field:12} {value}")


def _print_report(report: IngestReport) -> None:
    counts = report.listing
    typer.echo(
        f"{counts.listed} scans: {counts.new} new, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{counts.missing} missing, {counts.rejected} rejected"
    )
    for reason, number in sorted(report.refused.items()):
        typer.echo(f"  refused by name or size: {number} {reason}")
    for kind, number in sorted(report.ignored.items()):
        typer.echo(f"  not photographs: {number} {kind}")
    if report.declared:
        typer.echo(f"{report.declared} scans come with a sha256, which is compared before they are restored")
    if report.sidecar.found:
        typer.echo(f"metadata.csv: {report.sidecar.rows} rows, {report.sidecar.matched} used")
        _print_problems(report.sidecar)
    if report.hints.found:
        hints = report.hints
        typer.echo(f"hints.csv: {hints.rows} lines, {hints.lines} can be used, {hints.added} new on record")
        _print_problems(hints)
    if report.hints.added:
        typer.echo("the next run of the collection paints by them")


def _print_problems(report: TableReport) -> None:
    for problem in report.problems:
        # names in the file are whatever somebody typed: escape control characters before they meet a terminal
        detail = (
            problem.detail.encode("unicode_escape").decode() if not problem.detail.isprintable() else problem.detail
        )
        typer.echo(f"  row {problem.row}: {problem.kind}: {detail}")
