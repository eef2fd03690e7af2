"""The commands ``review serve``, the page on which people decide about photographs, and ``review paint``, which paints
previews for it.
"""

from __future__ import annotations

from typing import Annotated

import typer


def register(group: typer.Typer) -> None:
    """Add this module's commands to the group ``review``."""
    group.command("serve")(serve)
    group.command("paint")(paint)


def serve(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="TCP port; else the setting review_port.")] = None,
) -> None:
    """Serve the review page until stopped; people sign in with Airflow's names and passwords, or with a token."""
    from restoration.review.serve import serve as run
    from restoration.settings import get_settings

    settings = get_settings()
    run(settings if port is None else settings.model_copy(update={"review_port": port}))


def paint(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="TCP port; else the setting painter_port.")] = None,
) -> None:
    """Paint previews of colours for the review page until stopped; needs torch, and no login or key."""
    from restoration.cli.extras import is_installed
    from restoration.settings import get_settings
    from restoration.worker.painter import serve as run

    if not is_installed("torch"):  # else it would serve, and every picture would fail
        raise ModuleNotFoundError("torch is not installed", name="torch")
    settings = get_settings()
    run(settings if port is None else settings.model_copy(update={"painter_port": port}))
