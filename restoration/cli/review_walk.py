"""``restoration review walk``: one photograph after another, one key each.

Nothing of the catalog is held while a person looks: every question and every decision is a transaction of its own.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from restoration.cli.review_words import DECISION_WORDS, detail_lines, item_lines
from restoration.errors import RestorationError, UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.catalog.reviews import Decision, ReviewDetail, ReviewItem

PAGE = 50

DECISION_KEYS: dict[str, Decision] = {"a": "accept", "r": "reject", "f": "accept_without_faces", "o": "keep_original"}
HELP = """  a accept          r reject          f accept without faces    o keep the original
  j or s next       k previous        u back to the last decision, to decide anew
  w words for the next decision       d faces, steps and earlier decisions
  p picture: scan and restored photograph side by side
  ? this help       q quit"""
PROMPT = "  [a]ccept [r]eject without [f]aces keep [o]riginal [s]kip [p]icture [d]etails [w]ords [?] [q]uit: "


class Keys(Protocol):
    """Where keys and words come from."""

    def key(self) -> str:
        """The next key; empty at the end of the input."""

    def line(self, prompt: str) -> str:
        """A line of words."""


class TerminalKeys:
    """Single keys of a terminal, without Enter."""

    def key(self) -> str:
        """The next key; empty for Ctrl-D."""
        try:
            return typer.getchar()
        except EOFError:
            return ""

    def line(self, prompt: str) -> str:
        """A line of words."""
        return str(typer.prompt(prompt, default="", show_default=False))


class StreamKeys:
    """Keys from standard input that is no terminal: one character each, spaces and line ends left out."""

    def key(self) -> str:
        """The next key; empty at the end of the input."""
        while (character := sys.stdin.read(1)).isspace():
            pass
        return character

    def line(self, prompt: str) -> str:
        """What stands on the rest of the line."""
        return sys.stdin.readline().strip()


def make_keys() -> Keys:
    """Keys of the terminal, or of what standard input is instead."""
    return TerminalKeys() if sys.stdin.isatty() else StreamKeys()


class Walk:
    """A walk through the photographs of a collection.

    :param next_page: items behind a cursor, in order; an empty list at the end.
    :param save_picture: writes a photograph's two pictures as one file and gives its path.
    :param show_picture: opens such a file; None leaves it at the address.
    """

    def __init__(
        self,
        engine: sa.Engine,
        reviewer: str,
        next_page: Callable[[tuple[str, ...] | None], list[ReviewItem]],
        keys: Keys,
        save_picture: Callable[[ReviewItem], Path],
        show_picture: Callable[[Path], None] | None = None,
    ) -> None:
        self._engine, self._reviewer, self._next_page, self._keys = engine, reviewer, next_page, keys
        self._save_picture, self._show_picture = save_picture, show_picture
        self._items: list[ReviewItem] = []
        self._place = 0
        self._last_decided: int | None = None
        self._words = ""
        self.decided: Counter[str] = Counter()
        self._actions: dict[str, Callable[[ReviewDetail], None]] = {
            "j": self._next,
            "s": self._next,
            "k": self._previous,
            "u": self._undo,
            "w": self._take_words,
            "d": self._details,
            "p": self._picture,
            "?": lambda _: typer.echo(HELP),
        }

    def run(self) -> None:
        """Walk until the end, or until the person quits."""
        typer.echo(HELP)
        while self._there_is_one():
            if not self._one(self._items[self._place]):
                return
        typer.echo("That was the last one.")

    def _there_is_one(self) -> bool:
        if self._place == len(self._items):
            self._items += self._next_page(self._items[-1].cursor if self._items else None)
        return self._place < len(self._items)

    def _one(self, listed: ReviewItem) -> bool:
        """Show one photograph and take keys until the walk moves; False where the person quits."""
        detail = self._read(listed)
        if detail is None:
            self._place += 1
            return True
        typer.echo("")
        for line in item_lines(detail.item):
            typer.echo(line)
        place = self._place
        while self._place == place:
            typer.echo(PROMPT, nl=False)
            key = self._keys.key().lower()
            typer.echo(key)
            if key in {"q", ""}:
                return False
            if not self._decided(key, detail):
                self._actions.get(key, self._unknown)(detail)
        return True

    def _read(self, listed: ReviewItem) -> ReviewDetail | None:
        """The photograph as it stands now, or None where it can no longer be reviewed and that was said."""
        from restoration.catalog.reviews import review_detail

        try:
            with self._engine.connect() as conn:
                return review_detail(conn, listed.photo_id)
        except UsageError as error:
            typer.echo(f"\n{error.message}")
            return None

    def _decided(self, key: str, detail: ReviewDetail) -> bool:
        """Record a decision where the key is one; False where it is none."""
        from restoration.catalog.reviews import decide

        decision = DECISION_KEYS.get(key)
        if decision is None:
            return False
        item = detail.item
        try:
            with self._engine.begin() as conn:
                decide(
                    conn,
                    item.photo_id,
                    restoration_id=item.restoration_id,
                    decision=decision,
                    reviewer=self._reviewer,
                    words=self._words,
                )
        except UsageError as error:
            typer.echo(f"  not recorded: {error.message}")
        else:
            typer.echo(f"  {DECISION_WORDS[decision]}")
            self.decided[decision] += 1
            self._last_decided, self._words = self._place, ""
        self._place += 1
        return True

    def _next(self, _: ReviewDetail) -> None:
        self._place += 1

    def _previous(self, _: ReviewDetail) -> None:
        if self._place == 0:
            typer.echo("  this is the first one")
        else:
            self._place -= 1

    def _undo(self, _: ReviewDetail) -> None:
        if self._last_decided is None:
            typer.echo("  nothing has been decided yet")
        elif self._last_decided == self._place:
            typer.echo("  decide anew: the last decision counts")
        else:
            self._place = self._last_decided

    def _take_words(self, _: ReviewDetail) -> None:
        self._words = self._keys.line("  words")
        typer.echo("  the next decision carries these words" if self._words else "  the next decision carries no words")

    def _details(self, detail: ReviewDetail) -> None:
        for line in detail_lines(detail):
            typer.echo(line)

    def _picture(self, detail: ReviewDetail) -> None:
        try:
            path = self._save_picture(detail.item)
        except RestorationError as error:
            typer.echo(f"  no picture: {error}")
            return
        typer.echo(f"  {path.resolve().as_uri()}")
        if self._show_picture is not None:
            self._show_picture(path)

    def _unknown(self, _: ReviewDetail) -> None:
        typer.echo("  that key means nothing here; ? lists them")
