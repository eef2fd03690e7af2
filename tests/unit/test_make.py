"""The Makefile's targets and the lock, held against the project."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
TARGETS = (
    "help",
    "env",
    "demo",
    "up",
    "down",
    "status",
    "test",
    "test-quick",
    "coverage",
    "lint",
    "sbom",
    "faults",
    "mutations",
    "clean",
)
LOCK = ROOT / "infra" / "lock"
lockfile = runpy.run_path(str(ROOT / "infra" / "env" / "lockfile.py"))


def make(*arguments: str) -> str:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lock(name: str = "requirements.txt") -> dict[str, Requirement]:
    lines = lockfile["without_hashes"](lockfile["entries"](LOCK / name))
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


def test_help_names_every_target():
    text = make("help")
    assert [line.split()[1] for line in text.splitlines() if line.startswith("  make ")] == list(TARGETS)
    assert make() == text


@pytest.mark.parametrize("target", TARGETS)
def test_target_is_one_that_make_can_plan(target):
    assert make("-n", target)


def test_demo_passes_on_a_folder_with_spaces():
    assert "--photos '/some where/photos'" in make("-n", "-o", "env", "demo", "PHOTOS=/some where/photos")
    assert "--recipe 'grade-only'" in make("-n", "-o", "env", "demo", "RECIPE=grade-only")


def test_the_choice_of_torch_reaches_the_installer():
    plan = make("-n", "-B", "env", "TORCH=torch==9", "TORCH_INDEX=https://example.org/whl")
    assert "--torch 'torch==9' --torch-index 'https://example.org/whl'" in plan
    assert "--torch-index ''" in make("-n", "-B", "env")


def test_arguments_of_a_test_run_come_last_and_win():
    for target in ("test", "test-quick", "coverage"):
        (line,) = make("-n", "-o", "env", target, "ARGS=-n 0 -k name").splitlines()
        assert line.endswith(" -n 0 -k name")
    assert "tests/unit" in make("-n", "-o", "env", "test-quick")


def test_a_python_that_is_not_there_is_named():
    done = subprocess.run(
        ["make", "--no-print-directory", "env", "PYTHON=python-of-nobody", "VENV=nowhere-at-all"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "There is no python-of-nobody" in done.stdout


def test_lock_satisfies_the_project():
    pins = lock()
    renew = runpy.run_path(str(ROOT / "infra" / "lock" / "renew.py"))
    wanted = [r for r in renew["requirements_of_project"]() if canonicalize_name(r.name) not in renew["FIRST"]]
    assert len(wanted) > 20
    for requirement in (*wanted, *renew["BESIDE"]):
        (pin,) = pins[canonicalize_name(requirement.name)].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version, prereleases=True), requirement


def test_lock_is_what_is_installed():
    differs = {}
    for name, pin in lock().items():
        if pin.marker is None or pin.marker.evaluate():
            found = version(name).split("+")[0]
            if not pin.specifier.contains(found, prereleases=True):
                differs[name] = found
    assert differs == {}


def test_lock_names_no_address_and_no_heavy_twin():
    text = "".join(path.read_text() for path in LOCK.iterdir() if path.suffix in {".txt", ".toml"})
    assert not re.search(r"https?:|file:|@ ", text)
    assert "opencv-python-headless" not in lock()
    assert not [name for name in lock() if name.startswith(("nvidia-", "triton", "torch")) and name != "torchvision"]


@pytest.mark.parametrize("name", ["requirements.txt", "build.txt"])
def test_every_pin_has_a_hash(name):
    lines = lockfile["entries"](LOCK / name)
    assert lines
    assert [line for line in lines.values() if not re.search(r" --hash=sha256:[0-9a-f]{64}\b", line)] == []


def test_what_a_source_package_is_built_with_is_pinned():
    tools = lock("build.txt")
    for name, asked in lockfile["sources"]().items():
        for requirement in map(Requirement, asked):
            if requirement.name == "torch":  # installed before what is built; the Makefile chooses it
                continue
            pin = tools.get(canonicalize_name(requirement.name))
            assert pin is not None, f"{name} is built with {requirement}, which infra/lock/build.txt does not pin"
            assert requirement.specifier.contains(pin_of(pin)), f"{name}: {requirement}, and {pin} is pinned"


def test_sources_are_those_of_the_locked_versions():
    facts = tomllib.loads((LOCK / "sources.toml").read_text())
    for name, source in facts["source"].items():
        assert pin_of(lock()[name]) == source["version"], f"{name} was raised by hand: run infra/lock/renew.py"
    for image, names in facts["images"].items():
        assert set(names) <= set(lock()), image


def test_both_parts_of_the_lock_agree():
    locked, tools = lock(), lock("build.txt")
    both = set(locked) & set(tools)
    assert {name: pin_of(tools[name]) for name in both} == {name: pin_of(locked[name]) for name in both}
    assert "setuptools" in tools


def test_no_program_names_the_address_of_a_package_index():
    programs = [ROOT / "Makefile", ROOT / ".ci" / "run", *(ROOT / "infra").rglob("*")]
    texts = {path: path.read_text() for path in programs if path.is_file() and "__pycache__" not in path.parts}
    named = {path.name: re.findall(r"https?://(?!localhost)[\w.{}-]+", text) for path, text in texts.items()}
    assert {name: found for name, found in named.items() if found} == {}


def test_ci_script_is_sound_starts_from_nothing_and_ends_with_the_suite():
    path = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", path], check=True)
    assert path.stat().st_mode & 0o111
    lines = path.read_text().splitlines()
    assert lines[-2] == "make lint"
    assert lines[-1].startswith("make test")
    (exported,) = [line for line in lines if line.startswith("export VENV=")]
    for name in ("VENV", "PIP_CACHE_DIR", "npm_config_cache", "XDG_CACHE_HOME"):
        assert re.search(rf"\b{name}=\$scratch/", exported), name


def pin_of(requirement: Requirement) -> str:
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    return pin.version
