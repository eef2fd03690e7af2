"""Commands that make weights: ``restoration train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PhotoFolders = Annotated[list[Path], typer.Option("--photos", help="Folder of colour photographs; may be repeated.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for checkpoint, weights.safetensors and run.json.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    training = typer.Typer(help="Train the weights that ship with the project.", no_args_is_help=True)
    training.command("colorizer")(train_colorizer)
    training.command("autoencoder")(train_autoencoder)
    app.add_typer(training, name="train")


def train_colorizer(
    photos: PhotoFolders,
    out: OutFolder,
    config: Annotated[Path | None, typer.Option(help="TOML configuration; the shipped one by default.")] = None,
    init: Annotated[
        Path | None, typer.Option(help="Weights to go on from (fine-tuning on another collection).")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the house colorizer; goes on from OUT's checkpoint where there is one."""
    from dataclasses import replace

    from restoration.train import colorizer

    _log_to_stderr()
    settings = colorizer.read_config(config or Path(colorizer.__file__).parent / "configs" / "house-colorizer.toml")
    settings = replace(settings, folders=tuple(str(p) for p in photos))
    typer.echo(colorizer.Trainer(settings, out, init=init, device=device).run())


def train_autoencoder(
    photos: PhotoFolders,
    out: OutFolder,
    minutes: Annotated[float, typer.Option(min=0.01, help="Wall-clock time to spend.")] = 40.0,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 for all.")] = 0,
) -> None:
    """Train the seed autoencoder."""
    from restoration.train import autoencoder

    _log_to_stderr()
    settings = autoencoder.Config(tuple(str(p) for p in photos), minutes=minutes, threads=threads)
    typer.echo(autoencoder.train(settings, out))


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
