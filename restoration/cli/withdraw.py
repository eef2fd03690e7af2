"""Commands ``restoration withdraw`` and ``retract``: take a photograph, or the whole archive of a collection, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from restoration.catalog.collections import Collection
    from restoration.catalog.withdrawals import Withdrawal
    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(withdraw)
    app.command()(retract)


def withdraw(
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the scan, or its file name where only one has it.")],
    person: Annotated[str, typer.Option("--by", metavar="NAME", help="Who puts it on record; not published.")],
    reason: Annotated[
        str | None, typer.Option(help="Why, in words that are published in the photograph's place.")
    ] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Take an earlier withdrawal back instead.")] = False,
    publish: Annotated[bool, typer.Option(help="Publish the next version of the archive at once.")] = True,
    remove_versions: Annotated[
        bool,
        typer.Option(
            "--remove-versions", help="Then remove the files of all earlier versions that show the photograph."
        ),
    ] = False,
) -> None:
    """Withdraw a photograph: it is no longer restored or published, and a tombstone with the reason takes its place.

    Photographs of the collection with the same bytes go with it. Earlier versions of the archive stay as they are
    unless they are removed as a whole; the record of what they showed stays in any case.
    """
    from restoration.catalog.collections import get_collection
    from restoration.catalog.database import make_engine
    from restoration.catalog.photo_names import find_key
    from restoration.catalog.withdrawals import lift as lift_withdrawal
    from restoration.catalog.withdrawals import withdraw as record
    from restoration.settings import get_settings
    from restoration.storage.s3 import ObjectStore, make_client

    settings, engine = get_settings(), make_engine()
    with engine.begin() as conn:
        collection = get_collection(conn, name)
        number, key = collection.collection_id, find_key(conn, collection, key)
        if lift:
            done = lift_withdrawal(conn, number, key, person=person)
        else:
            done = record(conn, number, key, reason=reason or "", person=person)
    _say(done, "lifted" if lift else "withdrawn")
    if publish or remove_versions:
        store = ObjectStore(make_client(settings))
        _publish(engine, store, settings, collection)
        if remove_versions:
            _remove(engine, store, settings, collection, person)
    _say_where_still(engine, collection)


def _say(done: Withdrawal, what: str) -> None:
    for key in done.keys:
        typer.echo(f"{what}: {key}")
    if not done.keys:
        typer.echo("it was withdrawn already")
    for collection, key in done.elsewhere:
        typer.echo(f"the same picture goes from collection {collection} with its next run or publication: {key}")


def _publish(engine: Engine, store: ObjectStore, settings: Settings, collection: Collection) -> None:
    from restoration.publish.publisher import publish_collection

    report = publish_collection(engine, store, settings, collection.name)
    said = f"withheld ({report.reason}): {report.detail}" if report.state == "withheld" else report.uri
    typer.echo(f"{report.state}: {said}" if report.state != "withheld" else str(said))


def _remove(engine: Engine, store: ObjectStore, settings: Settings, collection: Collection, person: str) -> None:
    from restoration.publish.removal import remove_showing_withdrawn

    removed = remove_showing_withdrawn(engine, store, settings.archive_bucket, collection, person)
    typer.echo(f"removed versions: {', '.join(map(str, removed)) or 'none'}")


def _say_where_still(engine: Engine, collection: Collection) -> None:
    from restoration.catalog.withdrawals import versions_showing_withdrawn

    with engine.connect() as conn:
        showing = versions_showing_withdrawn(conn, collection.collection_id)
    for version in showing:
        typer.echo(f"version {version.version} ({version.state}) still shows a withdrawn photograph")


def retract(
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")],
    person: Annotated[str, typer.Option("--by", metavar="NAME", help="Who takes it down; on record.")],
    words: Annotated[str, typer.Option(help="Why, in that person's words; on record, not published.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask once more.")] = False,
) -> None:
    """Take the whole published archive of a collection down, for instance after its consent was refused.

    Every version's files are removed, the current one's too. Scans, restored photographs and the catalog's record stay.
    To keep nightly runs from publishing it again, set the collection's consent to refused first.
    """
    from restoration.catalog.collections import get_collection
    from restoration.catalog.database import make_engine
    from restoration.publish.removal import retract as take_down
    from restoration.settings import get_settings
    from restoration.storage.s3 import ObjectStore, make_client

    settings, engine = get_settings(), make_engine()
    with engine.connect() as conn:
        collection = get_collection(conn, name)
    if not yes:
        typer.confirm(f"Remove every published version of {name} from s3://{settings.archive_bucket}?", abort=True)
    store = ObjectStore(make_client(settings))
    removed = take_down(engine, store, settings.archive_bucket, collection, person, words)
    typer.echo(f"removed versions: {', '.join(map(str, removed)) or 'none'}")
    if collection.consent != "refused":
        typer.echo(f"consent is {collection.consent}: the next run publishes the collection again where it may")
