"""Commands of ``restoration fixity``: reading again what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from restoration.publish.rereading import Reading

fixity_app = typer.Typer(
    help="Fixity: read originals and published files again and compare their hashes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="One collection; all otherwise.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(fixity_app, name="fixity")


@fixity_app.command()
def check(
    collection: Collection = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Read everything, not only what is due today and what is damaged.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read what is due today, and what is known to be damaged, as the DAG verify_archive does.

    Exit code 0: all of it is intact; 1: something is changed or missing, and each file is named. An interrupted check
    goes on where it stopped when it is started again.
    """
    import json

    from restoration.catalog.database import make_engine
    from restoration.publish import fixity_run
    from restoration.publish.rereading import Reading
    from restoration.settings import get_settings
    from restoration.storage.s3 import ObjectStore, make_client

    settings, total = get_settings(), Reading()
    db = make_engine(application_name="restoration-fixity")
    try:
        store = ObjectStore(make_client(settings))
        for part in fixity_run.plan(db, settings, collection, everything=everything):
            total.add(fixity_run.read(db, store, settings, part))
    finally:
        db.dispose()
    if as_json:
        typer.echo(json.dumps({"ok": not total.damage, **total.to_dict()}, ensure_ascii=False))
    else:
        _print(total)
    if total.damage:
        raise typer.Exit(1)


def _print(total: Reading) -> None:
    from restoration.publish.fixity_run import words

    for damage in total.damage[:_SHOWN]:
        typer.echo(words(damage))
    if len(total.damage) > _SHOWN:
        typer.echo(f"... and {len(total.damage) - _SHOWN} more; --json names them all")
    typer.echo(f"{total.files} files, {total.bytes} bytes read; {total.completed} publications read to their end")
    typer.echo("all of it is intact" if not total.damage else f"{len(total.damage)} files are damaged")


@fixity_app.command()
def overdue(collection: Collection = None, as_json: AsJson = False) -> None:
    """What was not read in time (setting fixity_days), or was damaged when it was last read.

    Exit code 0: nothing; 1: something. The auditor role is enough.
    """
    import json

    from restoration.catalog.database import make_engine
    from restoration.catalog.fixity import overdue as ask

    db = make_engine(application_name="restoration-fixity")
    try:
        with db.connect() as conn:
            rows = ask(conn, collection)
    finally:
        db.dispose()
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, default=str))
    for row in [] if as_json else rows:
        name = row["name"] if row["name"].isprintable() else row["name"].encode("unicode_escape").decode()
        said = row["found"] if row["found"] in ("changed", "missing") else "not read in time"
        typer.echo(f"{said}: {row['kind']} {row['collection']} {name} (last known to be right {row['last_read_at']})")
    if not rows and not as_json:
        typer.echo("nothing is overdue or damaged")
    if rows:
        raise typer.Exit(1)
