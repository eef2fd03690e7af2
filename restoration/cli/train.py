"""Commands that make and compare weights: ``restoration train`` and ``restoration evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from restoration.evaluate.colorizers import Row

PhotoFolders = Annotated[list[Path], typer.Option("--photos", help="Folder of colour photographs; may be repeated.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for checkpoint, weights.safetensors and run.json.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    training = typer.Typer(help="Train the weights that ship with the project.", no_args_is_help=True)
    training.command("colorizer")(train_colorizer)
    training.command("autoencoder")(train_autoencoder)
    app.add_typer(training, name="train")
    app.command("evaluate")(evaluate)


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


def evaluate(
    photos: Annotated[Path, typer.Option("--photos", help="Folder of colour photographs with ground truth.")],
    models: Annotated[str, typer.Option(help="Registry names, comma-separated.")] = "house-colorizer",
    long_side: Annotated[int, typer.Option(min=32, help="Long side at which to compare, in pixels.")] = 256,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a photograph and model.")] = False,
) -> None:
    """Compare colorizers on photographs whose colours are known; gray pass-through is always beside them."""
    import json
    from dataclasses import asdict

    from restoration.evaluate import colorizers
    from restoration.models.loading import LoadedModels

    names = [name.strip() for name in models.split(",") if name.strip()]
    scores = []
    for score in colorizers.evaluate(photos, names, LoadedModels(), long_side=long_side):
        scores.append(score)
        if as_json:
            typer.echo(json.dumps(asdict(score)))
    if not as_json:
        _print_table(colorizers.summarize(scores))


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("family", "model", "photos", "dE00", "PSNR dB", "SSIM Y", "colourfulness", "truth's")
    for row in sorted(rows, key=lambda r: (r.family == "all", r.family)):
        figures = (row.delta_e00, row.psnr, row.ssim_y, row.colourfulness, row.truth_colourfulness)
        table.add_row(row.family, row.model, str(row.photos), *(f"{figure:.2f}" for figure in figures))
    Console().print(table)


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
