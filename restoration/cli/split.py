"""``restoration split``: part scans that show several photographs into files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from restoration.engine.splitting import Parting, Splitting

HELP = """Part scans that show several photographs (prints on a scanner's bed, album pages, stereo cards).

IN is a scan, or a folder of scans; it is never written. Each photograph becomes a TIFF in OUT (`scan-1.tif`, ...): the
scan's own samples, profile, resolution and words; those that lie askew are turned straight. OUT/parts.json says
which scan (sha256) was parted where, and for whom. Look at what would be done first: `--dry-run --sheet`. To correct
it, change centres, sizes and angles in a copy of parts.json and give that with --boxes.

Scans that the catalog knows are divided there, without copies: `restoration divide`, which takes parts.json too.

Nothing that exists is written over. Exit codes: 0 done; 1 a scan could not be read; 2 wrong usage.
"""


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command("split", help=HELP)(split)


def split(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A scan, or a folder of scans.", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the parts.", show_default=False)],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who asks; kept in the record.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what is found; write no parts.")] = False,
    sheet: Annotated[
        bool, typer.Option("--sheet", help="Also save each parted scan, small, with the parts drawn: OUT/sheets.")
    ] = False,
    boxes: Annotated[
        Path | None,
        typer.Option("--boxes", metavar="FILE", help="Cut where this parts.json says; nothing is looked for."),
    ] = None,
) -> None:
    """See HELP."""
    from restoration.engine.splitting import Splitting, read_record
    from restoration.photo.decode import DecodeLimits, Decoder
    from restoration.settings import get_settings

    settings = get_settings()
    given = read_record(boxes) if boxes is not None else None
    with Decoder(DecodeLimits.from_settings(settings), position=settings.keep_position) as decoder:
        splitting = Splitting(source, target, decoder, by, given, settings.max_pages)
        splitting.check()
        unread = _all(splitting, dry_run=dry_run, sheet=sheet)
    if unread:
        raise typer.Exit(1)


def _all(splitting: Splitting, *, dry_run: bool, sheet: bool) -> int:
    """Every scan; how many could not be read."""
    written: list[tuple[Parting, list[dict[str, Any]]]] = []
    parted = unread = seen = 0
    try:
        for parting, picture in splitting.plan():
            seen += 1
            unread += bool(parting.problem)
            _print(parting)
            if parting.found is None or picture is None:
                continue
            parted += 1
            if sheet:
                _save_sheet(splitting.target, parting, picture)
            del picture
            if not dry_run:
                written.append((parting, splitting.write(parting)))
    finally:
        if written:
            splitting.record(written)
    done = "would be parted" if dry_run else "parted"
    typer.echo(f"{parted} of {seen} scans {done}" + (f", {unread} could not be read" if unread else ""))
    return unread


def _save_sheet(target: Path, parting: Parting, picture: Any) -> None:
    from restoration.engine.outputs import write_atomically
    from restoration.engine.splitting import SHEETS, sheet
    from restoration.errors import UsageError

    path = target / SHEETS / f"{parting.source}.jpg"
    drawn = sheet(picture, parting)
    if not path.exists():
        write_atomically(path, drawn)
    elif path.read_bytes() != drawn:  # a dry run may have drawn the same before
        raise UsageError(f"{path} exists already; nothing is written over")


def _print(parting: Parting) -> None:
    from restoration.cli.review_words import ARRANGEMENT_WORDS, printable

    if parting.problem:
        typer.echo(printable(parting.problem), err=True)
        return
    if parting.found is None:
        typer.echo(f"{printable(parting.source)}: one photograph, as far as can be seen")
        return
    where = ARRANGEMENT_WORDS[parting.found.arrangement]
    typer.echo(f"{printable(parting.source)}: {len(parting.names)} photographs on {where}")
    for name, box, part in zip(parting.names, parting.boxes, parting.found.parts, strict=True):
        turned = f", turned by {-box.angle:.1f} degrees" if box.resampled else ""
        middle = f"{box.width} x {box.height} pixels about {box.x:.0f}, {box.y:.0f}"
        typer.echo(f"  {printable(name)}: {middle}{turned}, sure to {part.confidence:.0%}")
