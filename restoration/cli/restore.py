"""``restoration restore``: start a run of a collection through Airflow, and follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.local.airflow_api import AirflowApi
    from restoration.local.runs import RunView

HELP = """Restore a collection: start a run of the DAG restore_collection through Airflow's API.

What was done stays done: only new and changed scans are restored, and those that another recipe or model makes due. A
run of the collection that is under way is not doubled; --follow then follows it.

Exit codes: 0 started, or followed to a good end or to the question that waits for a person; 1 the run failed;
2 wrong usage; 3 Airflow or the catalog is out of reach; 130 no longer followed (the run goes on).
"""
_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("restore", help=HELP)(restore)


def restore(
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    follow: Annotated[bool, typer.Option("--follow", help="Show how far it is, until it ends.")] = False,
    recipe: Annotated[str | None, typer.Option(help="Recipe from now on; the collection's, if left out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Every photograph again, finished or not.")] = False,
    publish: Annotated[bool, typer.Option("--publish/--no-publish", help="Publish at the end.")] = True,
) -> None:
    """See HELP."""
    from restoration.catalog.collections import get_collection
    from restoration.catalog.database import make_engine
    from restoration.engine.recipe import load_recipe
    from restoration.local import runs

    if recipe is not None:
        load_recipe(recipe)
    engine = make_engine()
    with engine.connect() as conn:
        get_collection(conn, name)  # a misspelt name is told now, and not by a run that fails
    api = _api()
    runs.wait_for_dag(api)
    run = runs.running(api, name)
    if run is None:
        conf: dict[str, Any] = {"collection": name, "force": force, "publish": publish}
        run = runs.start(api, conf | ({"recipe": recipe} if recipe else {}))
        typer.echo(f"run {run} of {name} started")
    else:
        typer.echo(f"run {run} of {name} is under way already")
    if follow:
        _follow(engine, api, name, run)


def _api() -> AirflowApi:
    from restoration.errors import SettingsError
    from restoration.local.airflow_api import AirflowApi
    from restoration.settings import get_settings

    settings = get_settings()
    if not (settings.airflow_api_url and settings.airflow_user and settings.airflow_password):
        raise SettingsError(
            "set RESTORATION_AIRFLOW_API_URL, RESTORATION_AIRFLOW_USER and RESTORATION_AIRFLOW_PASSWORD: runs are "
            "started through Airflow"
        )
    return AirflowApi(settings.airflow_api_url, settings.airflow_user, settings.airflow_password.get_secret_value())


def _follow(engine: sa.Engine, api: AirflowApi, name: str, run: str) -> None:
    from restoration.cli.demo_view import TerminalReporter, make_console
    from restoration.local import runs

    view: RunView | None = None
    try:
        with TerminalReporter(make_console()) as reporter:
            for view in runs.follow(engine, api, run):
                reporter.progress(view.progress, view.stage)
                if view.state == runs.PARKED:
                    break
    except KeyboardInterrupt:
        typer.echo(f"No longer followed; the run goes on. Follow it again: restoration restore {name} --follow")
        raise typer.Exit(_INTERRUPTED) from None
    _say_end(api, name, run, view)


def _say_end(api: AirflowApi, name: str, run: str, view: RunView | None) -> None:
    from restoration.local import runs
    from restoration.settings import get_settings

    if view is not None and view.state == runs.PARKED:
        typer.echo(
            f"The run waits for a person's approval, in Airflow ({get_settings().airflow_api_url}, Required actions). "
            f"In a terminal: restoration publish {name} --approved-by WHO --words WHY"
        )
        return
    failed = runs.failed_tasks(api, run)
    if failed or view is None or view.state != "success":
        for task, log in failed.items():
            typer.echo(f"{task} failed:\n{log}")
        typer.echo(f"The run failed. What of the photographs: restoration audit failures --collection {name}")
        raise typer.Exit(1)
    typer.echo(f"The run ended well. Every photograph: restoration audit photos --collection {name}")
