"""Command ``restoration verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(verify)


def verify(
    folder: Annotated[Path, typer.Argument(help="An archive on disk, as restoration export writes it.")],
    seal: Annotated[
        str | None,
        typer.Option(
            "--seal",
            metavar="SHA256",
            help="What tagmanifest-sha256.txt must hash to: manifest_sha256 in current.json or in the catalog.",
        ),
    ] = None,
    trust_list: Annotated[
        Path | None,
        typer.Option(
            "--trust-list",
            help="PEM file with the certificates that signers of pictures must lead to; else the setting of that name.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Check an archive on disk from itself alone; needs no database, no S3 and no network.

    Every file is read and hashed by sha256 and sha512, PREMIS must agree with the manifests, and every picture must
    carry the labels, and the content credentials, that the archive says it carries. Exit code 0: all is well; 1:
    something is not, and each file is named.
    """
    import json

    from restoration.publish.check import check_archive
    from restoration.publish.credentials import trust_list as trusted
    from restoration.settings import get_settings

    settings = get_settings()
    if trust_list is not None:
        settings = settings.model_copy(update={"c2pa_trust_list": trust_list})
    check = check_archive(folder, seal_sha256=seal, trust=trusted(settings))
    if as_json:
        typer.echo(json.dumps(check.to_dict(), ensure_ascii=False))
    else:
        for problem in check.problems[:_SHOWN]:
            typer.echo(f"{problem.code}: {problem.path}: {problem.message}")
        if len(check.problems) > _SHOWN:
            typer.echo(f"... and {len(check.problems) - _SHOWN} more; --json names them all")
        typer.echo(f"{check.identifier or folder}: {check.files} files, {check.bytes} bytes read")
        typer.echo(f"{check.labelled} pictures with labels, {check.signed} with content credentials")
        for note in check.notes:
            typer.echo(f"note: {note}")
        typer.echo(f"seal (sha256 of tagmanifest-sha256.txt): {check.seal_sha256 or 'none'}")
        typer.echo("the archive is whole" if check.ok else f"{len(check.problems)} problems")
    if not check.ok:
        raise typer.Exit(1)
