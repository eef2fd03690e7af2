"""Commands that make weights: ``restoration train``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from restoration.errors import UsageError
    from restoration.train.loop import Schedule

S = TypeVar("S", bound="Schedule")

PhotoFolders = Annotated[list[Path], typer.Option("--photos", help="Folder of colour photographs; may be repeated.")]
ConfigFile = Annotated[Path | None, typer.Option(help="TOML configuration; the shipped one by default.")]
InitFile = Annotated[Path | None, typer.Option(help="Weights to go on from (fine-tuning on another collection).")]
OldFolders = Annotated[
    list[Path] | None,
    typer.Option("--old", help="Folder of old photographs, their damage not marked; may be repeated."),
]
EncoderFile = Annotated[
    Path | None, typer.Option(help="The published EfficientNet-Lite0, if nothing to go on from is there.")
]
HardFile = Annotated[
    Path | None,
    typer.Option("--hard", help="Places that a finder took for damage: python -m restoration.train.hard_places."),
]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for checkpoint, weights.safetensors and run.json.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    training = typer.Typer(help="Train the weights that ship with the project.", no_args_is_help=True)
    training.command("colorizer")(train_colorizer)
    training.command("hinted-colorizer")(train_hinted_colorizer)
    training.command("autoencoder")(train_autoencoder)
    training.command("restorer")(train_restorer)
    training.command("damage")(train_damage)
    training.command("inpainting")(train_inpainting)
    training.command("denoising")(train_denoising)
    training.command("upright")(train_upright)
    app.add_typer(training, name="train")


def train_colorizer(
    photos: PhotoFolders, out: OutFolder, config: ConfigFile = None, init: InitFile = None, device: Device = "cpu"
) -> None:
    """Train the house colorizer; goes on from OUT's checkpoint where there is one."""
    from restoration.train import colorizer

    settings = colorizer.read_config(config or _shipped_config("house-colorizer"))
    _log_to_stderr()
    typer.echo(colorizer.Trainer(_on(settings, photos), out, init=init, device=device).run())


def train_hinted_colorizer(
    photos: PhotoFolders,
    out: OutFolder,
    config: ConfigFile = None,
    init: InitFile = None,
    encoder: EncoderFile = None,
    device: Device = "cpu",
) -> None:
    """Train the house colorizer that takes hints; goes on from OUT's checkpoint where there is one."""
    from restoration.train import hinted_colorizer

    settings = hinted_colorizer.read_config(config or _shipped_config("hinted-colorizer"))
    settings = replace(settings, encoder=str(encoder or settings.encoder))
    _require_a_start(out, init, settings.encoder)
    _log_to_stderr()
    typer.echo(hinted_colorizer.Trainer(_on(settings, photos), out, init=init, device=device).run())


def train_restorer(
    photos: PhotoFolders, out: OutFolder, config: ConfigFile = None, init: InitFile = None, device: Device = "cpu"
) -> None:
    """Train the house face restorer; goes on from OUT's checkpoint where there is one."""
    from restoration.train import restorer

    settings = restorer.read_config(config or _shipped_config("house-restorer"))
    _log_to_stderr()
    typer.echo(restorer.Trainer(_on(settings, photos), out, init=init, device=device).run())


def train_damage(
    photos: PhotoFolders,
    out: OutFolder,
    old: OldFolders = None,
    hard: HardFile = None,
    config: ConfigFile = None,
    init: InitFile = None,
    encoder: EncoderFile = None,
    device: Device = "cpu",
) -> None:
    """Train the house finder of damage; goes on from OUT's checkpoint where there is one."""
    from restoration.train import damage

    settings = damage.read_config(config or _shipped_config("house-finder"))
    settings = replace(settings, old=tuple(str(path) for path in old or []), encoder=str(encoder or settings.encoder))
    settings = replace(settings, hard_places=str(hard or settings.hard_places))
    _require_a_start(out, init, settings.encoder)
    _log_to_stderr()
    typer.echo(damage.Trainer(_on(settings, photos), out, init=init, device=device).run())


def train_inpainting(
    photos: PhotoFolders, out: OutFolder, config: ConfigFile = None, init: InitFile = None, device: Device = "cpu"
) -> None:
    """Train the house inpainter; goes on from OUT's checkpoint where there is one."""
    from restoration.train import inpainting

    settings = inpainting.read_config(config or _shipped_config("house-inpainter"))
    _log_to_stderr()
    typer.echo(inpainting.Trainer(_on(settings, photos), out, init=init, device=device).run())


def train_denoising(
    photos: PhotoFolders, out: OutFolder, config: ConfigFile = None, init: InitFile = None, device: Device = "cpu"
) -> None:
    """Train the house denoiser; goes on from OUT's checkpoint where there is one."""
    from restoration.train import denoising

    settings = denoising.read_config(config or _shipped_config("house-denoiser"))
    _log_to_stderr()
    typer.echo(denoising.Trainer(_on(settings, photos), out, init=init, device=device).run())


def train_upright(
    photos: PhotoFolders,
    out: OutFolder,
    config: ConfigFile = None,
    init: InitFile = None,
    encoder: EncoderFile = None,
    device: Device = "cpu",
) -> None:
    """Train the judge of which way up a photograph lies; goes on from OUT's checkpoint where there is one."""
    from restoration.train import upright

    settings = upright.read_config(config or _shipped_config("house-upright"))
    settings = replace(settings, encoder=str(encoder or settings.encoder))
    if init is None and not settings.encoder:
        raise _no_encoder()
    _log_to_stderr()
    typer.echo(upright.Trainer(_on(settings, photos), out, init=init, device=device).run())


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


def _require_a_start(out: Path, init: Path | None, encoder: str) -> None:
    """:raises UsageError: the run would begin with a random encoder, which nobody wants."""
    if init is None and not encoder and not (out / "checkpoint.pt").is_file():
        raise _no_encoder()


def _no_encoder() -> UsageError:
    from restoration.errors import UsageError

    return UsageError(
        "a new run needs --encoder FILE (the published EfficientNet-Lite0; docs/training.md says where to get it) "
        "or --init FILE (weights to go on from)"
    )


def _shipped_config(name: str) -> Path:
    from restoration import train

    return Path(str(train.__file__)).parent / "configs" / f"{name}.toml"


def _on(settings: S, photos: list[Path]) -> S:
    """The configuration, on these folders."""
    return replace(settings, folders=tuple(str(path) for path in photos))


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
