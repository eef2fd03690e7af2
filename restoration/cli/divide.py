"""``restoration divide``: make of a scan that shows several photographs each of them, in the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.catalog.collections import Collection
    from restoration.catalog.divisions import Divided
    from restoration.divisions import GivenThrough, Layout

HELP = """Divide scans that show several photographs: each becomes one of its own (`bed.tif#1.1`, `bed.tif#1.2`).

Where they are is what triage found (`restoration audit several`), or what a parts.json says (--boxes), as `restoration
split` writes one and you corrected it. The next run restores them; the scan itself is no longer shown, and its file
stays as it is. It is on record who divided it, and can be taken back (--undo): then the scan shows again what it did.
Other boxes take the place of earlier ones. A login of the group restoration_ingest may do it.

Exit codes: 0 done; 2 a scan cannot be divided, or wrong usage.
"""


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command("divide", help=HELP)(divide)


def divide(
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.", show_default=False)],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides it; kept on record.")],
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY...", help="The scans: their keys, or file names.", show_default=False),
    ] = None,
    found: Annotated[
        bool, typer.Option("--found", help="Every scan on which triage found several photographs.")
    ] = False,
    boxes: Annotated[
        Path | None, typer.Option("--boxes", metavar="FILE", help="Divide them as this parts.json says.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the division back instead.")] = False,
    reason: Annotated[str, typer.Option(help="With --undo: why.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; record nothing.")] = False,
) -> None:
    """See HELP."""
    from restoration.catalog.collections import get_collection
    from restoration.catalog.database import make_engine
    from restoration.divisions import read_boxes
    from restoration.errors import UsageError

    if bool(keys) == found:
        raise UsageError("name the scans, or say --found for all on which triage found several photographs")
    if undo and (boxes is not None or found):
        raise UsageError("--undo takes the names of scans, and neither --boxes nor --found")
    given = None if boxes is None else read_boxes(boxes)
    engine = make_engine(application_name="restoration-divide")
    with engine.connect() as conn:
        collection = get_collection(conn, name)
        chosen = list(_chosen(conn, collection, keys))
    if not chosen:
        typer.echo("there is no scan on which triage found several photographs")
    for key in chosen:
        with engine.begin() as conn:
            if undo:
                _undo(conn, collection, key, by=by, reason=reason, dry_run=dry_run)
            else:
                _divide(conn, collection, key, given, by=by, dry_run=dry_run)


def _chosen(conn: sa.Connection, collection: Collection, keys: list[str] | None) -> Iterator[str]:
    """Keys of the scans that were named, or of all that triage found."""
    from restoration.catalog.photo_names import find_key
    from restoration.catalog.several import scans_found

    if keys:
        yield from (find_key(conn, collection, key) for key in keys)
    else:
        yield from scans_found(conn, collection.collection_id)


def _divide(
    conn: sa.Connection,
    collection: Collection,
    key: str,
    given: Mapping[str, Layout] | None,
    *,
    by: str,
    dry_run: bool,
) -> None:
    from restoration.catalog import divisions
    from restoration.catalog.several import found_by_triage
    from restoration.errors import UsageError

    number = collection.collection_id
    through: GivenThrough = "triage"
    if given is None:
        if divisions.divisions_of(conn, number, [divisions.content_of(conn, number, key)]):
            typer.echo(f"{_shown(key)}: is divided already")
            return
        layout = found_by_triage(conn, number, key)
        missing = "triage found no several photographs on it; give boxes with --boxes"
    else:
        through = "boxes"
        layout = given.get(divisions.content_of(conn, number, key))
        missing = "the file of boxes does not know this scan: none of its scans has this sha256"
    if layout is None:
        raise UsageError(missing, photo=key)
    if dry_run:
        typer.echo(f"{_shown(key)}: would be divided into {len(layout.boxes)}")
        for place, box in enumerate(layout.boxes, start=1):
            size = f"{box.width:.3f} x {box.height:.3f} of the long side"
            turned = f", turned by {-box.angle:g} degrees" if box.angle else ""
            typer.echo(f"  {place}: {size} about {box.x:.3f}, {box.y:.3f}{turned}")
        return
    _say(key, divisions.divide(conn, number, key, layout, given_through=through, person=by))


def _say(key: str, done: Divided) -> None:
    if not done.made:
        typer.echo(f"{_shown(key)}: is divided so already")
        return
    for scan in done.scans:
        typer.echo(f"{_shown(scan)}: divided")
    for part in done.parts:
        stands = "the next run restores it" if part.state == "pending" else part.state.replace("_", " ")
        typer.echo(f"  {_shown(part.object_key)}: {stands}")
    for part_key in done.withdrawn:
        typer.echo(f"  {_shown(part_key)} is withdrawn, as its scan is; `restoration withdraw --lift` lifts it")
    if done.hints:
        hints = "1 colour was" if done.hints == 1 else f"{done.hints} colours were"
        typer.echo(f"  {hints} given for the scan and hold for none of these: give them again where they belong")


def _undo(conn: sa.Connection, collection: Collection, key: str, *, by: str, reason: str, dry_run: bool) -> None:
    from restoration.catalog import divisions

    if dry_run:
        content = divisions.content_of(conn, collection.collection_id, key)
        is_divided = divisions.divisions_of(conn, collection.collection_id, [content])
        typer.echo(f"{_shown(key)}: {'would be taken back' if is_divided else 'is not divided'}")
        return
    back = divisions.undo(conn, collection.collection_id, key, person=by, reason=reason)
    for scan in back.scans:
        typer.echo(f"{_shown(scan)}: is one photograph again")
    gone = "1 photograph is" if back.parts == 1 else f"{back.parts} photographs are"
    typer.echo(f"  {gone} no longer there; their record stays")


def _shown(key: str) -> str:
    from restoration.cli.review_words import printable

    return printable(key)
