"""The seeds' experiment, at toy size and by commands alone: compare colorizers, fine-tune one, compare again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from restoration.cli import app
from restoration.models.entries import toml_text
from restoration.models.files import Registry, file_sha256
from restoration.models.registry import ModelEntry
from restoration.settings import get_settings

CONFIG = """
steps = 30
warmup = 4
learning_rate = 1e-3
average = 0.8
aged_share = 0.0
adversarial_from = 1.0
threads = 1
workers = 0
save_every = 30
sheet_every = 1000

[net]
widths = {widths}

[[stages]]
until = 1.0
height = 64
width = 64
batch = 4
"""


def painted_beams(seed: int) -> np.ndarray:
    """A picture of beams painted teal where they are dark and vermilion where they are light, 64 x 64 x 3 BGR.

    No colorizer can know these colours without having seen the collection.
    """
    rng = np.random.default_rng(seed)
    lightness = np.full((64, 64), 62.0, np.float32)
    for _ in range(6):
        top, left = rng.integers(0, 56, 2)
        tall, wide = rng.integers(8, 40, 2)
        lightness[top : top + tall, left : left + wide] = rng.uniform(30, 80)
    lightness += rng.normal(0, 1.0, lightness.shape).astype(np.float32)
    light = (lightness > 55)[:, :, None]
    lab = np.dstack([lightness, np.where(light, np.float32([38, 34]), np.float32([-30, -8]))]).astype(np.float32)
    lab[:, :, 1:] = cv2.GaussianBlur(lab[:, :, 1:], (3, 3), 0)
    return np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), 0, 1) * 255).astype(np.uint8)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs a command line; a registry of one's own is set, and empty."""
    monkeypatch.setenv("RESTORATION_MODEL_REGISTRY", str(tmp_path / "own.toml"))
    monkeypatch.setenv("RESTORATION_DEVICE", "cpu")
    monkeypatch.setenv("RESTORATION_THREADS", "1")
    get_settings.cache_clear()

    def run(*words: object) -> str:
        answer = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    yield run
    get_settings.cache_clear()


def means(command, folder, models: str) -> dict[str, float]:
    """Mean dE00 by model, from the command's own JSON."""
    lines = command("evaluate", "--photos", folder, "--models", models, "--long-side", 64, "--json").splitlines()
    found: dict[str, list[float]] = {}
    for line in map(json.loads, lines):
        if "delta_e00" in line:
            found.setdefault(line["model"], []).append(line["delta_e00"])
    return {model: float(np.mean(values)) for model, values in found.items()}


def shipped() -> ModelEntry:
    return Registry.load().entry("house-colorizer")


def tuned_entry(base: ModelEntry, file: Path) -> ModelEntry:
    return replace(
        base,
        name="heritage-colorizer",
        source=f"file:{file}",
        sha256=file_sha256(file),
        training_data=f"{base.training_data}; painted beams built by code",
        size=replace(base.size, working_side=64),
    )


@pytest.mark.slow
def test_fine_tuning_on_a_collection_makes_its_colours_truer(command, tmp_path):
    for name, seeds in (("train", range(16)), ("held-out", range(100, 105))):
        (tmp_path / name).mkdir()
        for seed in seeds:
            cv2.imwrite(str(tmp_path / name / f"beams_{seed:03d}.png"), painted_beams(seed))
    before = means(command, tmp_path / "held-out", "house-colorizer,seed-autoencoder")
    assert set(before) == {"gray", "house-colorizer", "seed-autoencoder"}

    entry = shipped()
    widths = list(dict(entry.options)["widths"])
    (tmp_path / "toy.toml").write_text(CONFIG.format(widths=widths), encoding="utf-8")
    weights = Registry.load().find(entry)
    command("train", "colorizer", "--photos", tmp_path / "train", "--config", tmp_path / "toy.toml",
            "--init", weights, "--out", tmp_path / "run", "--device", "cpu")  # fmt: skip
    tuned = tmp_path / "run" / "weights.safetensors"
    entries = tmp_path / "tuned.toml"
    entries.write_text(toml_text({"heritage-colorizer": tuned_entry(entry, tuned)}), encoding="utf-8")
    command("models", "add", entries)

    after = means(command, tmp_path / "held-out", "house-colorizer,heritage-colorizer,seed-autoencoder")
    assert after["house-colorizer"] == before["house-colorizer"]
    assert after["heritage-colorizer"] < 0.75 * before["house-colorizer"]
    assert after["heritage-colorizer"] < min(after["gray"], after["seed-autoencoder"])
