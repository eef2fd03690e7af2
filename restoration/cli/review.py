"""Commands of ``restoration review``: what waits for a person, and deciding about it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restoration.cli import review_serve

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.catalog.reviews import ReviewItem, Which
    from restoration.cli.review_pictures import PictureFiles

INTERRUPTED = 130
_COLUMNS = ["key", "title", "stands", "why", "faces", "altered", "identity", "damage", "ssim"]

review_app = typer.Typer(
    help="Review: photographs that wait for a person, and what people decide about them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")]
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="The photograph: its key, the key below the prefix, or its file name.")
]
Everything = Annotated[bool, typer.Option("--all", help="All restored photographs, not only those that wait.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="The person who decides; kept with the decision.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Pictures = Annotated[
    Path | None, typer.Option("--pictures", metavar="FOLDER", help="Save pictures here and print their addresses.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(review_app, name="review")


@review_app.command("list")
def list_command(
    name: Name,
    everything: Everything = False,
    decided: Annotated[bool, typer.Option("--decided", help="Those about which a decision counts.")] = False,
    worst: Annotated[
        int | None, typer.Option("--worst", metavar="N", min=1, help="The N to look at first, the worst on top.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What waits for a person, in order of the keys, and how far the review is."""
    from restoration.catalog.collections import get_collection
    from restoration.catalog.reviews import review_counts, worst_items
    from restoration.errors import UsageError

    if everything + decided + (worst is not None) > 1:
        raise UsageError("give one of --all, --decided and --worst")
    with _engine().connect() as conn:
        number = get_collection(conn, name).collection_id
        which: Which = "all" if everything else "decided" if decided else "waiting"
        items = list(_items(conn, number, which)) if worst is None else worst_items(conn, number, worst)
        counts = review_counts(conn, number)
    if as_json:
        _print_json({"counts": counts, "photos": [vars(item) for item in items]})
        return
    _print_list(items)
    typer.echo(
        f"{counts['waiting']} wait; decided: {counts['accept']} accepted, {counts['reject']} rejected, "
        f"{counts['accept_without_faces']} accepted without faces, {counts['keep_original']} originals kept"
    )


def _items(conn: sa.Connection, collection_id: int, which: Which) -> Iterator[ReviewItem]:
    from restoration.catalog.reviews import list_review_items

    after: tuple[str, ...] | None = None
    while page := list_review_items(conn, collection_id, which=which, after=after, limit=1000):
        yield from page
        after = page[-1].cursor


def _print_list(items: list[ReviewItem]) -> None:
    from restoration.cli.audit import Format, show
    from restoration.cli.review_words import printable, reason_words, standing

    def figure(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    rows = [
        (
            printable(item.object_key),
            printable(item.title or ""),
            standing(item),
            reason_words(item.reason),
            item.faces,
            item.faces_altered,
            figure(item.lowest_identity),
            figure(item.damage_share),
            figure(item.ssim_y),
        )
        for item in items
    ]
    if rows:
        show(_COLUMNS, rows, Format.TABLE)


@review_app.command("show")
def show_command(
    name: Name,
    key: Key,
    pictures: Pictures = None,
    full: Annotated[bool, typer.Option("--full", help="With --pictures: the restored file itself too.")] = False,
    as_json: AsJson = False,
) -> None:
    """One photograph: its figures, every face in words, what each step did, and what people decided."""
    import dataclasses

    from restoration.catalog.collections import get_collection
    from restoration.catalog.photo_names import find_photo
    from restoration.catalog.reviews import review_detail
    from restoration.cli.review_words import detail_lines, item_lines

    with _engine().connect() as conn:
        detail = review_detail(conn, find_photo(conn, get_collection(conn, name), key))
    files = _save(detail.item, pictures, full) if pictures is not None else []
    if as_json:
        _print_json(dataclasses.asdict(detail) | {"files": [str(path) for path in files]})
        return
    for line in (*item_lines(detail.item), *detail_lines(detail)):
        typer.echo(line)
    for path in files:
        typer.echo(f"  {path.resolve().as_uri()}")


def _save(item: ReviewItem, folder: Path, full: bool) -> list[Path]:
    files = _files(folder)
    saved = [*files.save_pair(item), files.save_side_by_side(item)]
    return [*saved, files.save_output(item)] if full else saved


@review_app.command("decide")
def decide_command(
    name: Name,
    key: Key,
    decision: Annotated[
        str, typer.Argument(metavar="DECISION", help="accept, reject, accept-without-faces or keep-original.")
    ],
    by: By,
    words: Annotated[str, typer.Option(help="Why, in that person's words.")] = "",
    restoration: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="The restoration that was looked at; refused if it is no longer shown."),
    ] = None,
) -> None:
    """Record what a person decided about a photograph. The last decision counts; none is ever removed."""
    from typing import cast

    from restoration.catalog.collections import get_collection
    from restoration.catalog.photo_names import find_photo
    from restoration.catalog.reviews import Decision, decide, review_detail
    from restoration.cli.review_words import item_lines

    with _engine().begin() as conn:
        photo_id = find_photo(conn, get_collection(conn, name), key)
        seen = restoration if restoration is not None else review_detail(conn, photo_id).item.restoration_id
        # decide() itself refuses a word that is no decision
        meant = cast(Decision, decision.replace("-", "_"))
        decide(conn, photo_id, restoration_id=seen, decision=meant, reviewer=by, words=words)
        detail = review_detail(conn, photo_id)
    for line in item_lines(detail.item):
        typer.echo(line)


@review_app.command("walk")
def walk_command(
    name: Name,
    by: By,
    everything: Everything = False,
    pictures: Pictures = None,
    open_pictures: Annotated[
        bool, typer.Option("--open", help="Open a picture that was asked for in the program that shows pictures.")
    ] = False,
) -> None:
    """Go through what waits, one key each; `?` lists the keys, `p` puts scan and result side by side.

    Keys are read from standard input where that is no terminal. Exit code 0 at the end or after `q`; 130 interrupted
    (what was decided stays decided, the same command goes on).
    """
    from restoration.catalog.collections import get_collection
    from restoration.catalog.reviews import list_review_items, review_counts
    from restoration.cli.review_walk import PAGE, Walk, make_keys
    from restoration.errors import UsageError

    if not by.strip():
        raise UsageError("--by names the person who decides")
    engine = _engine()
    with engine.connect() as conn:
        number = get_collection(conn, name).collection_id
    which: Which = "all" if everything else "waiting"

    def next_page(after: tuple[str, ...] | None) -> list[ReviewItem]:
        with engine.connect() as conn:
            return list_review_items(conn, number, which=which, after=after, limit=PAGE)

    saver = _Saver(pictures)
    walk = Walk(engine, by, next_page, make_keys(), saver.save, _open if open_pictures else None)
    interrupted = False
    try:
        walk.run()
    except (KeyboardInterrupt, typer.Abort):
        interrupted = True
        typer.echo("")
    with engine.connect() as conn:
        waiting = review_counts(conn, number)["waiting"]
    typer.echo(f"{sum(walk.decided.values())} decided, {waiting} still wait")
    if interrupted:
        raise typer.Exit(INTERRUPTED)


class _Saver:
    """Saves pictures for a walk; asks for S3 only when the first picture is wanted."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: PictureFiles | None = None

    def save(self, item: ReviewItem) -> Path:
        """The two pictures of a photograph as one file."""
        import tempfile

        if self._files is None:
            self._files = _files(self._folder or Path(tempfile.mkdtemp(prefix="restoration-review-")))
        return self._files.save_side_by_side(item)


def _files(folder: Path) -> PictureFiles:
    from restoration.cli.review_pictures import PictureFiles
    from restoration.settings import get_settings
    from restoration.storage.s3 import ObjectStore, make_client

    settings = get_settings()
    return PictureFiles(ObjectStore(make_client(settings)), settings.restored_bucket, folder)


def _open(path: Path) -> None:
    typer.launch(str(path))


def _engine() -> sa.Engine:
    from restoration.catalog.database import make_engine

    return make_engine(application_name="restoration-review")


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, default=str, indent=1))


review_serve.register(review_app)
