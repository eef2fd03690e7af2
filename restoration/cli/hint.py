"""Commands of ``restoration hint``: colours that people know, given for a photograph and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from restoration.cli import hint_suggest

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.catalog.collections import Collection
    from restoration.catalog.hints import KnownHint

_COLUMNS = ["number", "key", "what", "colour", "place", "ground", "said by", "stands"]

hint_app = typer.Typer(
    help="Colours that people know: where in a photograph, who says so, and from what they know it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who puts it on record.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    hint_suggest.register(hint_app)
    app.add_typer(hint_app, name="hint")


@hint_app.command("add")
def add_command(
    name: Name,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The photograph: its key, the key below the prefix, or its file name.")
    ],
    place: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="X,Y",
            help="Where, as shares of width and height from the left and the top: 0.42,0.61 or 42%,61%. An area: three "
            "and more corners with ; between them.",
        ),
    ],
    colour: Annotated[str, typer.Option("--colour", metavar="#RRGGBB", help="The colour; its lightness is not used.")],
    ground: Annotated[
        str,
        typer.Option(metavar="GROUND", help="From what it is known: memory, writing, object, photograph or rule."),
    ],
    said_by: Annotated[str, typer.Option("--said-by", metavar="NAME", help="Who knows it.")],
    by: By,
    what: Annotated[str, typer.Option(help='What has that colour, for instance "the dress". Published.')] = "",
    source: Annotated[str, typer.Option(help='The ground in words, for instance "her letter of May 1931".')] = "",
    said_on: Annotated[str, typer.Option("--said-on", help="When they said so, as they put it.")] = "",
    radius: Annotated[
        float | None, typer.Option(help="How far a point reaches, as a share of the longer side (0.002 to 0.05).")
    ] = None,
) -> None:
    """Give a colour that somebody knows. The next run paints the photograph by it.

    Names and the words of --source are published only if the setting name_hint_givers allows it.
    """
    from restoration.catalog.collections import get_collection
    from restoration.catalog.hints import NewHint, add_hints, list_hints
    from restoration.catalog.photo_names import find_key
    from restoration.colour_hints import make_hint, parse_colour, parse_ground, parse_place

    hint = make_hint(parse_place(place), parse_colour(colour), radius)
    new = NewHint(hint, parse_ground(ground), said_by=said_by, subject=what, source=source, said_on=said_on)
    with _engine().begin() as conn:
        collection = get_collection(conn, name)
        number, key = collection.collection_id, find_key(conn, collection, key)
        (made,) = add_hints(conn, number, key, [new], given_through="terminal", person=by)
        known = next(one for one in list_hints(conn, number, object_key=key) if one.hint_id == made)
    typer.echo(_in_words(known))
    typer.echo(_next(collection, "paints it"))


def _in_words(known: KnownHint) -> str:
    from restoration.cli.review_words import printable

    where = ("the area " if known.hint.is_area else "") + _place(known)
    what = f"for {known.subject} of" if known.subject else "in"
    return printable(
        f"hint {known.hint_id}: {_colour(known)} {what} {known.object_key}, at {where}; by {known.said_by}, "
        f"from {known.ground}"
    )


def _colour(known: KnownHint) -> str:
    from restoration.colour_words import colour_word

    return f"{colour_word(known.hint.colour)} ({known.hint.colour})"


def _place(known: KnownHint) -> str:
    return "; ".join(f"{x:g},{y:g}" for x, y in known.hint.outline)


def _next(collection: Collection, does: str) -> str:
    """What happens now; nothing that is shown changes before the next run."""
    from restoration.engine.recipe import load_recipe

    if all(step.step != "colorize" for step in load_recipe(collection.recipe).steps):
        return f"the recipe {collection.recipe} of this collection paints no colours: hints wait for one that does"
    when, how = ("nightly run", "trigger it sooner") if collection.nightly else ("run", "trigger it")
    conf = f'{{"collection": "{collection.name}"}}'
    return f"the next {when} {does}; {how} with the DAG restore_collection in Airflow, {conf}"


@hint_app.command("list")
def list_command(
    name: Name,
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="One photograph; all, if left out.")] = None,
    removed: Annotated[bool, typer.Option("--removed", help="Those that were taken back, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Colours that were given, by photograph, and where each stands."""
    import json

    from restoration.catalog.collections import get_collection
    from restoration.catalog.hints import list_hints
    from restoration.catalog.photo_names import find_key

    with _engine().connect() as conn:
        collection = get_collection(conn, name)
        object_key = "" if key is None else find_key(conn, collection, key)
        known = list_hints(conn, collection.collection_id, object_key=object_key, removed=removed)
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in known], ensure_ascii=False, default=str, indent=1))
    elif known:
        _print_table(known)
    else:
        typer.echo("no hints")


def _print_table(known: list[KnownHint]) -> None:
    from restoration.cli.audit import Format, show
    from restoration.cli.review_words import printable

    rows = [
        (
            one.hint_id,
            printable(one.object_key),
            printable(one.subject),
            _colour(one),
            _place(one),
            str(one.ground),
            printable(one.said_by),
            _stands(one),
        )
        for one in known
    ]
    show(_COLUMNS, rows, Format.TABLE)


def _stands(known: KnownHint) -> str:
    if known.removed_at is not None:
        return "taken back, shown until the next run" if known.shown else "taken back"
    if not known.holds:
        return "the scan was replaced: give it anew"
    if known.met and not known.shown:
        return "kept: nothing was painted in this photograph"
    return "shown" if known.shown else "waits for the next run"


def _plain(known: KnownHint) -> dict[str, Any]:
    from restoration.colour_words import colour_word

    return {
        "hint_id": known.hint_id,
        "object_key": known.object_key,
        "place": known.hint.outline,
        "radius": known.hint.radius,
        "colour": known.hint.colour,
        "word": colour_word(known.hint.colour),
        "what": known.subject,
        "ground": known.ground,
        "source": known.source,
        "said_by": known.said_by,
        "said_on": known.said_on,
        "given_through": known.given_through,
        "added_by": known.added_by,
        "added_at": known.added_at,
        "removed_at": known.removed_at,
        "holds": known.holds,
        "shown": known.shown,
        "met": known.met,
    }


@hint_app.command("remove")
def remove_command(
    name: Name,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The hint's number; `hint list` shows it.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why, in words; on record, not published.")] = "",
) -> None:
    """Take a colour back. Its record stays; the next run paints the photograph without it."""
    from restoration.catalog.collections import get_collection
    from restoration.catalog.hints import list_hints, remove_hint
    from restoration.cli.review_words import printable

    with _engine().begin() as conn:
        collection = get_collection(conn, name)
        done = remove_hint(conn, collection.collection_id, number, person=by, reason=reason)
        known = list_hints(conn, collection.collection_id, removed=True)
    if not done:
        typer.echo(f"hint {number} was taken back already")
        return
    key = next(one.object_key for one in known if one.hint_id == number)
    typer.echo(f"hint {number} of {printable(key)} no longer holds")
    typer.echo(_next(collection, "paints the photograph without it"))


def _engine() -> sa.Engine:
    from restoration.catalog.database import make_engine

    return make_engine(application_name="restoration-hint")
