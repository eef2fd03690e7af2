"""The command ``review serve``: the page on which people decide about photographs."""

from __future__ import annotations

from typing import Annotated

import typer


def register(group: typer.Typer) -> None:
    """Add this module's command to the group ``review``."""
    group.command("serve")(serve)


def serve(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="TCP port; else the setting review_port.")] = None,
) -> None:
    """Serve the review page until stopped; people sign in with Airflow's names and passwords, or with a token."""
    from restoration.review.serve import serve as run
    from restoration.settings import get_settings

    settings = get_settings()
    run(settings if port is None else settings.model_copy(update={"review_port": port}))
