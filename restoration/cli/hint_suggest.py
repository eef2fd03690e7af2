"""``restoration hint suggest``: colours for a photograph from another one that shows the same in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.catalog.collections import Collection
    from restoration.catalog.photo_names import FoundScan
    from restoration.photo.picture import FloatImage
    from restoration.settings import Settings
    from restoration.steps.referencing import Suggestion

_MODEL = "hinted-colorizer"


def register(app: typer.Typer) -> None:
    """Add the command to those of ``restoration hint``."""
    app.command("suggest")(suggest_command)


def suggest_command(
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The photograph that wants colours.")],
    reference: Annotated[
        str, typer.Option("--from", metavar="KEY", help="A photograph of the collection that shows the same in colour.")
    ],
    save: Annotated[bool, typer.Option("--save", help="Put all of them on record; else they are only shown.")] = False,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="With --save: who puts them on record.")] = "",
    what: Annotated[str, typer.Option(help='With --save: what both show, for instance "the house".')] = "",
) -> None:
    """Find places that look alike in both photographs, and what colour they have in the one in colour.

    What looks alike need not be the same: save them only if both photographs show the same thing. It needs the worker's
    libraries (extra "worker"), and reads both scans from S3.
    """
    from restoration.catalog.collections import get_collection
    from restoration.catalog.database import make_engine
    from restoration.catalog.photo_names import find_scan
    from restoration.errors import UsageError
    from restoration.settings import get_settings

    if save and not by.strip():
        raise UsageError("--save puts hints on record; say with --by who does so")
    settings = get_settings()
    engine = make_engine(application_name="restoration-hint")
    with engine.connect() as conn:
        collection = get_collection(conn, name)
        places = find_scan(conn, collection, key), find_scan(conn, collection, reference)
    key, reference = (place.key for place in places)
    if key == reference:
        raise UsageError("a photograph cannot tell its own colours; name another one with --from", photo=key)
    scan, in_colour = _scans(settings, collection, *places)
    if not _is_coloured(in_colour):
        raise UsageError(
            "it has no colours of its own to tell; name a photograph in colour with --from", photo=reference
        )
    found = _suggested(scan, in_colour, settings)
    _print(found, key, reference)
    if found and save:
        with engine.begin() as conn:
            numbers = _saved(conn, collection, key, reference, found, by=by, what=what)
        typer.echo(f"on record as hints {numbers[0]} to {numbers[-1]}; the next run paints the photograph by them")


def _scans(settings: Settings, collection: Collection, *places: FoundScan) -> list[FloatImage]:
    """Decoded scans. :raises PhotoRejected: one cannot be read, or is too large."""
    from restoration.engine.cut_out import PictureReader
    from restoration.engine.outcome import Scan
    from restoration.photo.decode import DecodeLimits, Decoder
    from restoration.storage.s3 import ObjectStore, make_client

    bucket = collection.source_uri.removeprefix("s3://").partition("/")[0]
    store = ObjectStore(make_client(settings))
    with Decoder(DecodeLimits.from_settings(settings)) as decoder:
        read = (store.read(bucket, place.file_key, max_bytes=settings.max_object_bytes)[0] for place in places)
        decoded = zip(places, read, strict=True)
        reader = PictureReader(decoder, settings.min_side)
        scans = (Scan(place.key, data, place.page, box=place.box) for place, data in decoded)
        return [reader.picture(scan).pixels for scan in scans]


def _is_coloured(pixels: FloatImage) -> bool:
    """Whether triage takes it for a colour photograph."""
    from restoration.steps.parameters import Triage
    from restoration.steps.triage import chromatics, is_neutral

    return not is_neutral(pixels) and chromatics(pixels).kind(Triage()) == "colour"


def _suggested(scan: FloatImage, reference: FloatImage, settings: Settings) -> list[Suggestion]:
    from restoration.models.loading import LoadedModels
    from restoration.steps.referencing import suggest

    models = LoadedModels(device="cpu", threads=settings.threads)
    return suggest(models.load(_MODEL), scan, reference)


def _print(found: list[Suggestion], key: str, reference: str) -> None:
    from restoration.cli.audit import Format, show
    from restoration.cli.review_words import printable
    from restoration.colour_words import colour_word

    if not found:
        typer.echo(f"nothing in {printable(reference)} looks enough like {printable(key)} to tell its colours")
        return
    rows = [
        (f"{x:g},{y:g}", one.hint.colour, str(colour_word(one.hint.colour)), f"{one.likeness:.2f}")
        for one in found
        for x, y in one.hint.outline
    ]
    show(["place", "colour", "word", "likeness"], rows, Format.TABLE)


def _saved(
    conn: sa.Connection,
    collection: Collection,
    key: str,
    reference: str,
    found: list[Suggestion],
    *,
    by: str,
    what: str,
) -> list[int]:
    from restoration.catalog.hints import NewHint, add_hints
    from restoration.colour_hints import HintGround

    new = [
        NewHint(one.hint, HintGround.PHOTOGRAPH, said_by=by, subject=what, source=f"the colours of {reference}")
        for one in found
    ]
    return add_hints(conn, collection.collection_id, key, new, given_through="terminal", person=by)
