"""The command ``restoration``. Sub-commands import what they need when they run, so that ``--help`` is instant."""

from __future__ import annotations

import sys

import typer

from restoration.cli import (
    audit,
    catalog,
    collection,
    diff,
    doctor,
    evaluate,
    export,
    fixity,
    hint,
    models,
    recipes,
    review,
    run,
    settings,
    stack,
    train,
    verify,
    withdraw,
)

app = typer.Typer(
    help="Restore collections of scanned photographs, with provenance that can be audited.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    run,
    recipes,
    models,
    collection,
    catalog,
    audit,
    review,
    hint,
    export,
    diff,
    withdraw,
    verify,
    fixity,
    doctor,
    settings,
    stack,
    train,
    evaluate,
):
    module.register(app)


def main() -> None:
    """Run the command line; a :class:`RestorationError` becomes one line on stderr and its exit code."""
    from restoration.errors import RestorationError

    try:
        app()
    except RestorationError as error:
        typer.secho(f"restoration: {error}", err=True, fg=typer.colors.RED)
        sys.exit(error.exit_code)
