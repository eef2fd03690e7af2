"""``restoration doctor``: what is wrong with this machine or its settings, and how to cure it."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from restoration.settings import Settings

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "problem": "[red]problem[/]"}
_UNWELL = 3


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False) -> None:
    """Check Python, GPU, weights, formats, sandbox, Postgres, broker, S3, Airflow, space. Exit code 3 if unwell."""
    from rich.console import Console
    from rich.markup import escape

    from restoration.cli.doctor_checks import examine
    from restoration.cli.doctor_sandbox import check_sandbox

    console = Console()
    unwell = False
    settings = _settings()
    for finding in chain(examine(settings), check_sandbox(settings)):
        unwell = unwell or finding.verdict == "problem"
        if as_json:
            typer.echo(json.dumps(asdict(finding)))
            continue
        console.print(
            f"{finding.subject:>9}  {_MARKS[finding.verdict]}  {escape(finding.found)}", highlight=False, soft_wrap=True
        )
        if finding.cure:
            console.print(f"{'':>11}{escape(finding.cure)}", highlight=False, soft_wrap=True)
    if unwell:
        raise typer.Exit(_UNWELL)


def _settings() -> Settings:
    """Settings of this process. :raises SettingsError: one of them has a value that it may not have."""
    from pydantic import ValidationError

    from restoration.errors import SettingsError
    from restoration.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"RESTORATION_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"{wrong}; correct it in the environment or in .env") from error
