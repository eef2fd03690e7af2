"""Commands of ``restoration audit``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import sqlalchemy as sa

_HELP = """Ask the catalog a named question; `list` names them all, `verify-chain` recomputes the chains of events.

The questions are the files in sql/queries. The auditor role is enough.
"""


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("audit", help=_HELP)(audit)


def audit(
    query: Annotated[str, typer.Argument(help="Name of the question, or `list`, or `verify-chain`.")],
    collection: Annotated[str | None, typer.Option("--collection", "-c", help="One collection; all otherwise.")] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print the rows.")] = Format.TABLE,
) -> None:
    """Ask, and print."""
    from restoration.catalog.audit import list_queries, run_query
    from restoration.catalog.database import make_engine

    if query == "list":
        show(["query", "question"], [(q.name, q.question) for q in list_queries()], form)
        return
    engine = make_engine(application_name="restoration-audit")
    try:
        with engine.connect() as conn:
            if query == "verify-chain":
                _verify(conn, collection, form)
            else:
                show(*run_query(conn, query, collection), form)
    finally:
        engine.dispose()


def _verify(conn: sa.Connection, collection: str | None, form: Format) -> None:
    import sqlalchemy as sa

    from restoration.catalog.audit import check_collection
    from restoration.catalog.events import verify_chain_of

    check_collection(conn, collection)
    names = [collection] if collection else conn.execute(sa.text("SELECT collection FROM audit.chain_head")).scalars()
    reports = [(name, verify_chain_of(conn, name)) for name in sorted(names)]
    columns = ["collection", "whole", "events", "first_bad_event", "problem"]
    show(columns, [(name, r.ok, r.length, r.first_bad_seq, r.problem) for name, r in reports], form)
    if not all(report.ok for _, report in reports):
        raise typer.Exit(1)


def show(columns: list[str], rows: list[tuple[Any, ...]], form: Format) -> None:
    """Print rows as a table for people, CSV for spreadsheets, or JSON (an array of objects) for programs."""
    if form is Format.TABLE:
        _table(columns, rows)
    elif form is Format.CSV:
        typer.echo(to_csv(columns, rows), nl=False)
    else:
        import json

        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str, indent=1))


def _table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, caption=f"{len(rows)} rows", caption_justify="left")
    for row in rows:
        # Text, because a file name may look like rich's markup
        table.add_row(*(Text(_words(value), overflow="fold") for value in row))
    Console().print(table)


def to_csv(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """CSV (RFC 4180) in which no cell is taken for a formula: such text gets an apostrophe in front."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_guarded(value) for value in row] for row in rows)
    return out.getvalue()


def _guarded(value: Any) -> Any:
    text = _words(value)
    if not isinstance(value, int | float) and text[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        return f"'{text}"
    return text


def _words(value: Any) -> str:
    import json

    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
