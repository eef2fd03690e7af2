"""The Makefile's targets and the lock, held against the project."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("help", "env", "demo", "up", "down", "status", "test", "lint", "clean")


def make(*arguments: str) -> str:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lock() -> dict[str, Requirement]:
    lines = (ROOT / "infra" / "lock" / "requirements.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}


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


def test_torch_index_is_used_for_torch_alone():
    plan = make("-n", "-B", "env", "TORCH_INDEX=https://example.org/whl")
    lines = [line for line in plan.splitlines() if "example.org" in line]
    assert len(lines) == 1
    assert "torch==" in lines[0]
    assert "example.org" not in make("-n", "-B", "env")


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
    text = (ROOT / "infra" / "lock" / "requirements.txt").read_text()
    assert not re.search(r"https?:|file:|@ ", text)
    assert "opencv-python-headless" not in lock()
    assert not [name for name in lock() if name.startswith(("nvidia-", "triton", "torch")) and name != "torchvision"]


def test_ci_script_is_sound_and_ends_with_the_suite():
    path = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", path], check=True)
    assert path.stat().st_mode & 0o111
    assert path.read_text().splitlines()[-2:] == ["make lint", "make test"]
