"""The command ``restoration``. Sub-commands import what they need when they run, so that ``--help`` is instant."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from restoration.cli import (
    audit,
    catalog,
    collection,
    diff,
    divide,
    doctor,
    evaluate,
    export,
    fixity,
    hint,
    models,
    recipes,
    release,
    restore,
    review,
    run,
    settings,
    split,
    stack,
    train,
    upload,
    verify,
    withdraw,
)

if TYPE_CHECKING:
    from restoration.errors import RestorationError

app = typer.Typer(
    help="Restore collections of scanned photographs, with provenance that can be audited.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    run,
    upload,
    restore,
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
    release,
    verify,
    fixity,
    doctor,
    settings,
    split,
    divide,
    stack,
    train,
    evaluate,
):
    module.register(app)


_SOMETHING_MISSING = 3
_REFUSED = {"42501", "42P01"}
"""SQLSTATEs of Postgres: insufficient privilege; no such table, or none in a schema that the login may look into."""


def main() -> None:
    """Run the command line; a :class:`RestorationError` becomes one line on stderr and its exit code.

    So does Postgres' refusal of what a login may not do, and a module that an extra of this package would bring.
    """
    from restoration.errors import RestorationError

    try:
        app()
    except RestorationError as error:
        _end(error)
    except ModuleNotFoundError as error:
        _end(_not_installed(error))
    except Exception as error:
        # told by its SQLSTATE, so that nothing of the database has to be imported here
        refused = getattr(error, "orig", None)
        if getattr(refused, "pgcode", None) not in _REFUSED:
            raise
        _end(_not_allowed(str(refused)))


def _not_installed(error: ModuleNotFoundError) -> RestorationError:
    """What to install. :raises ModuleNotFoundError: no extra brings it, so it is a fault of this package."""
    from restoration.cli.extras import lacking
    from restoration.errors import EnvironmentProblem

    sentence = lacking(error.name or "")
    if sentence is None:
        raise error
    return EnvironmentProblem(sentence)


def _not_allowed(said: str) -> RestorationError:
    from restoration.errors import CatalogError

    what = said.strip().splitlines()[0]
    return CatalogError(
        f"the catalog refuses this login ({what}): `restoration catalog roles` shows what each role may do, and "
        "`restoration catalog status` whether the catalog is of this version"
    )


def _end(error: RestorationError) -> NoReturn:
    typer.secho(f"restoration: {error}", err=True, fg=typer.colors.RED)
    if error.exit_code == _SOMETHING_MISSING:
        for line in _settings_of_stacks():
            typer.echo(line, err=True)
    sys.exit(error.exit_code)


def _settings_of_stacks() -> list[str]:
    """Where the settings of this checkout's stacks lie, to somebody who has set none."""
    if "RESTORATION_DATABASE_URL" in os.environ:
        return []
    found = sorted(Path(".local").glob("*/admin.env"))
    return [f"settings of the stack in {path.parent}: set -a; . {path}; set +a" for path in found]
