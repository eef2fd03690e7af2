"""Small stand-ins for models that cannot be redistributed, and pictures with real faces from installed packages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from restoration.models.files import REGISTRY_FILE, Registry, file_sha256
from restoration.models.loading import LoadedModels
from restoration.models.nets import blocks, house_colorizer, seed_autoencoder
from restoration.photo.picture import Picture, ScanInfo
from restoration.steps.protocol import Frame


class Sharpener(nn.Module):
    """A face restorer that sharpens: the same person, visibly changed."""

    def __init__(self) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(1.0))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return faces + self.amount * (faces - nn.functional.avg_pool2d(faces, 9, 1, 4))


class Stranger(Sharpener):
    """A face restorer that always answers with one drawn face: never the same person."""

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        face = np.full((512, 512, 3), 0.75, np.float32)
        for centre in ((193, 240), (319, 240)):
            cv2.circle(face, centre, 34, (0.05, 0.05, 0.05), -1)
        cv2.ellipse(face, (256, 380), (90, 30), 0, 0, 360, (0.3, 0.1, 0.1), -1)
        one = torch.from_numpy(face.transpose(2, 0, 1)) * 2 - 1
        return one.expand_as(faces).clone()


class Unchanged(Sharpener):
    """A face restorer that gives back what it was given."""

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return faces


class Tinter(Sharpener):
    """A face restorer that turns faces orange."""

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return faces + torch.tensor([0.2, 0.0, -0.2]).view(1, 3, 1, 1)


class Broken(Sharpener):
    """A face restorer that answers with no numbers for dark faces, as half precision may."""

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return torch.full_like(faces, float("nan")) if faces.mean() < -0.9 else faces


ENTRY = """
[[models]]
name = "{name}"
version = "1"
architecture = "{architecture}"
task = "{task}"
source = "file:{file}"
sha256 = "{sha256}"
licence = "CC0-1.0"
training_data = "none"
training_rights = "none needed"
colour_space = "sRGB"
input_range = [-1, 1]
output_range = [-1, 1]
{fields}
[models.options]
{options}
"""


def colorizer_weights(folder: Path) -> Path:
    """Seeded weights of the true colorizer, narrowed, whose head is not all zero: it paints something."""
    torch.manual_seed(7)
    net = house_colorizer.build((8, 8, 8, 8, 8), (0, 1, 1, 1, 1), 2)
    nn.init.normal_(net.head.weight, std=0.05)
    file = folder / "colorizer.safetensors"
    save_file({k: v for k, v in blocks.fold_batch_norm(net.eval()).state_dict().items()}, file)
    return file


def seed_weights(folder: Path) -> Path:
    """Seeded weights of the true seed autoencoder."""
    torch.manual_seed(7)
    file = folder / "seed.safetensors"
    save_file(seed_autoencoder.build().state_dict(), file)
    return file


def registry_with(folder: Path, extra: str = "") -> Registry:
    """The shipped registry's carried models, the stand-in restorers, seeded colorizers, and ``extra`` entries."""
    shipped = REGISTRY_FILE.read_text(encoding="utf-8").split("[[models]]")
    text = "[[models]]".join(["", *[part for part in shipped[1:] if "carried:" in part or '"url:' in part]])
    for name in ("sharpener", "stranger", "tinter", "unchanged", "broken"):
        file = folder / f"{name}.safetensors"
        save_file({"amount": torch.tensor(1.0)}, file)
        text += entry_text(name, name, "restore-face", file)
        if name in {"sharpener", "unchanged"}:
            text += entry_text(f"{name}-256", name, "restore-face", file, fields="size = { fixed = [256, 256] }")
    house = "widths = [8, 8, 8, 8, 8]\nblocks = [0, 1, 1, 1, 1]\nheads = 2\nfolded = true"
    size = "size = { multiple_of = 32, working_side = 128 }"
    text += entry_text("house-colorizer", "house-colorizer", "colorize", colorizer_weights(folder), house, size)
    text += entry_text("seed-autoencoder", "seed-autoencoder", "colorize", seed_weights(folder))
    path = folder / "registry.toml"
    path.write_text(text + extra, encoding="utf-8")
    return Registry.load(path)


def entry_text(name: str, architecture: str, task: str, file: Path, options: str = "", fields: str = "") -> str:
    """One registry table for a file, with more ``fields`` and ``options`` as lines of TOML."""
    values = {"name": name, "architecture": architecture, "task": task, "file": file, "sha256": file_sha256(file)}
    return ENTRY.format(**values, options=options, fields=fields)


def models_with(folder: Path, **builders: Callable[..., nn.Module]) -> LoadedModels:
    """Models over :func:`registry_with`, on the CPU with two threads."""
    standins: dict[str, Any] = {
        "sharpener": Sharpener,
        "stranger": Stranger,
        "tinter": Tinter,
        "unchanged": Unchanged,
        "broken": Broken,
        **builders,
    }
    return LoadedModels(registry_with(folder), device="cpu", threads=2, builders=standins)


@cache
def astronaut() -> np.ndarray:
    """NASA's portrait of Eileen Collins from scikit-image (public domain), H x W x 3 in [0, 1]."""
    from skimage import data

    return np.asarray(data.astronaut()[:400, 60:400], np.float32) / 255


@cache
def hopper() -> np.ndarray:
    """The US Navy's portrait of Grace Hopper from matplotlib (public domain), H x W x 3 in [0, 1]."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(cv2.imread(str(path))[:, :, ::-1], np.float32) / 255


def gray(pixels: np.ndarray) -> np.ndarray:
    """The same in gray, three equal channels."""
    one = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.ascontiguousarray(np.repeat(one[:, :, None], 3, axis=2))


def frame_of(pixels: np.ndarray, name: str = "photo.png", bits: int = 8) -> Frame:
    """A photograph in memory, as the engine gives it to a step."""
    info = ScanInfo("PNG", pixels.shape[1], pixels.shape[0], bits, 3)
    picture = Picture(np.ascontiguousarray(pixels, np.float32), info)
    return Frame(name, picture, picture)


def png(pixels: np.ndarray) -> bytes:
    """PNG bytes of H x W x 3 in [0, 1]."""
    whole = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    done, data = cv2.imencode(".png", np.ascontiguousarray(whole[:, :, ::-1]))
    assert done
    return data.tobytes()
