"""The installer of ``make env``: its stages, going on after a failure, and one sentence for each missing thing."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import stat
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands in for the environment's Python: answers what pip would, and keeps a record of what it was asked.
STUB = """#!{python} -I
import json, os, pathlib, sys
here = pathlib.Path({folder!r})
if sys.argv[1:4] == ["-m", "pip", "--version"]:
    print((here / "version").read_text())
    sys.exit()
asked = sys.argv[4:]
files = {{flag: pathlib.Path(asked[asked.index(flag) + 1]).read_text() for flag in ("--requirement", "--constraint")}}
with (here / "asked").open("a") as record:
    record.write(json.dumps({{"options": asked, "path": os.environ.get("PYTHONPATH", ""), **files}}) + "\\n")
fails = json.loads((here / "fails").read_text())
if fails and fails["where"] in " ".join([*asked, *files.values()]):
    print(fails["says"])
    sys.exit(1)
"""


class Environment:
    """A virtual environment with a pip that installs nothing."""

    def __init__(self, folder: Path, install: Any) -> None:
        self.venv, self._install, self._here = folder / "venv", install, folder
        python = self.venv / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(STUB.format(python=sys.executable, folder=str(folder)))
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        (folder / "version").write_text("pip 23.2.1 from somewhere (python 3.11)")
        self.fail()

    def fail(self, where: str = "", says: str = "") -> None:
        """From now on, fail where that is among what pip is asked; nowhere without an argument."""
        (self._here / "fails").write_text(json.dumps({"where": where, "says": says} if where else None))

    def pip(self, version: str) -> None:
        (self._here / "version").write_text(f"pip {version} from somewhere (python 3.11)")

    def make(self, *arguments: str) -> int:
        return self._install.main(["--venv", str(self.venv), "--torch", "torch==2.13.0", *arguments])

    def asked(self) -> list[dict[str, Any]]:
        """What pip was asked since the last time."""
        record = self._here / "asked"
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def programs():
    """The modules of infra/env, as they import one another."""
    sys.path.insert(0, str(ROOT / "infra" / "env"))
    try:
        yield {name: importlib.import_module(name) for name in ("install", "faults", "lockfile")}
    finally:
        sys.path.remove(str(ROOT / "infra" / "env"))
        for name in ("install", "faults", "lockfile"):
            sys.modules.pop(name, None)


@pytest.fixture
def environment(tmp_path, programs) -> Environment:
    return Environment(tmp_path, programs["install"])


def stage(call: dict[str, Any]) -> str:
    """Which stage a call of pip belongs to."""
    if "--editable" in call["options"]:
        return "project"
    if call["--requirement"].startswith("torch=="):
        return "torch"
    if "--no-build-isolation" in call["options"]:
        return "source-packages"
    return "build-tools" if "setuptools-scm==" in call["--requirement"] else "packages"


def test_what_builds_comes_first_and_the_project_last(environment):
    assert environment.make() == 0
    assert list(dict.fromkeys(map(stage, environment.asked()))) == [
        "build-tools", "packages", "torch", "source-packages", "project",
    ]  # fmt: skip


def test_everything_of_the_lock_is_installed_once_and_by_hash(environment, programs):
    environment.make()
    calls = [call for call in environment.asked() if stage(call) in ("packages", "source-packages")]
    lines = [line for call in calls for line in call["--requirement"].splitlines()]
    locked = programs["lockfile"].entries(programs["lockfile"].LOCK / "requirements.txt")
    assert sorted(lines) == sorted(locked.values())
    assert all("--require-hashes" in call["options"] and "--no-deps" in call["options"] for call in calls)
    assert all("--hash=sha256:" in line for line in lines)


def test_only_what_the_lock_calls_a_source_may_be_built(environment, programs):
    environment.make()
    for call in environment.asked():
        if stage(call) == "source-packages":
            names = {line.split("==")[0] for line in call["--requirement"].splitlines()}
            assert names == set(programs["lockfile"].sources())
        elif stage(call) in ("build-tools", "packages"):
            assert call["options"][call["options"].index("--only-binary") + 1] == ":all:"


@pytest.mark.parametrize(("since", "shimmed"), [((3, 0), 1), ((9, 0), 0)])
def test_only_what_is_built_sees_the_shims_and_from_the_python_on_that_needs_them(
    environment, programs, monkeypatch, since, shimmed
):
    monkeypatch.setattr(programs["install"], "SHIMS_FROM", since)
    assert environment.make() == 0
    seen = [call for call in environment.asked() if call["path"].endswith("shims")]
    assert len(seen) == shimmed
    assert all("basicsr" in call["--requirement"] for call in seen)


def test_with_the_shims_a_function_sees_what_it_executed():
    """As basicsr's setup.py does it; on Python 3.13 that fails without them."""
    code = "def version():\n exec('__version__ = 1')\n return locals()['__version__']\nprint(version())"
    shims = {"PYTHONPATH": str(ROOT / "infra" / "env" / "shims")}
    told = subprocess.run([sys.executable, "-c", code], env={**os.environ, **shims}, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("1\n", "")


def test_torch_comes_from_its_own_index_with_the_locks_pins_and_no_hash(environment):
    environment.make("--torch-index", "https://example.org/whl")
    calls = environment.asked()
    (torch,) = [call for call in calls if stage(call) == "torch"]
    assert torch["options"][torch["options"].index("--index-url") + 1] == "https://example.org/whl"
    assert "numpy==" in torch["--constraint"]
    assert "--hash" not in torch["--constraint"]
    assert not [call for call in calls if call is not torch and "https://example.org/whl" in call["options"]]


@pytest.mark.parametrize("broken", ["torch==2.13.0", "bagit==", "--editable"])
def test_the_next_try_goes_on_where_this_one_stopped(environment, broken):
    environment.make()
    whole = environment.asked()
    for path in (environment.venv / "stages").iterdir():
        path.unlink()
    environment.fail(broken, "ERROR: broken")
    assert environment.make() == 3
    first = environment.asked()
    environment.fail()
    assert environment.make() == 0
    second = environment.asked()
    # what failed is done again, and nothing before it
    assert list(map(stage, first)) + list(map(stage, second))[1:] == list(map(stage, whole))
    assert stage(first[-1]) == stage(second[0])
    assert environment.make() == 0
    assert environment.asked() == []


def test_another_torch_leaves_the_packages_alone(environment):
    environment.make()
    environment.asked()
    environment.make("--torch", "torch==2.13.1")
    assert list(map(stage, environment.asked())) == ["torch"]


FAULTS = {
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "disk is full",
    "WARNING: Retrying after connection broken by 'ProxyError('Cannot connect to proxy.')'\n"
    "ERROR: No matching distribution found for a2wsgi==1.10.10": "proxy does not let pip through",
    "WARNING: Retrying after connection broken by 'NewConnectionError('[Errno -3] Temporary failure in name "
    "resolution')'\nERROR: No matching distribution found for a2wsgi==1.10.10": "check the network",
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))": "PIP_CERT",
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE": "other bytes",
    "src/empty.c:1:10: fatal error: Python.h: No such file or directory\nerror: command '/usr/bin/gcc' failed with "
    "exit code 1": "python3-dev",
    "x.c:2:10: fatal error: vips/vips.h: No such file or directory": "vips/vips.h",
    "error: command 'gcc' failed: No such file or directory": "build-essential",
    "FileNotFoundError: [Errno 2] No such file or directory: 'make'": "build-essential",
    "ERROR: Could not find a version that satisfies the requirement x==1\n"
    "ERROR: No matching distribution found for x==1": "no x==1 for this Python",
    "something\nERROR: of a new kind\nmore": "of a new kind",
}


@pytest.mark.parametrize(("says", "wanted"), FAULTS.items(), ids=list(FAULTS.values()))
def test_a_failure_is_told_in_one_sentence_with_exit_status_3(environment, capsys, says, wanted):
    environment.fail("bagit==", says)
    assert environment.make() == 3
    sentence, where = capsys.readouterr().err.splitlines()
    assert wanted in sentence
    assert "install.log" in where
    assert says in (environment.venv / "install.log").read_text()


def test_a_full_disk_beside_pip_is_told_too(environment, programs, monkeypatch, capsys):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(programs["install"], "_keep", full)
    assert environment.make() == 3
    assert "disk is full" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_says_what_to_install(programs, tmp_path, monkeypatch, capsys, missing):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    assert programs["install"].main(["--venv", str(tmp_path / "venv")]) == 3
    assert "apt-get install python3-venv" in capsys.readouterr().err


def test_an_old_python_is_refused(environment, programs, monkeypatch, capsys):
    monkeypatch.setattr(programs["install"], "OLDEST_PYTHON", (4, 0))
    assert environment.make() == 3
    assert "make env PYTHON=" in capsys.readouterr().err
    assert environment.asked() == []


def test_an_old_pip_is_refused_with_the_cure(environment, capsys):
    environment.pip("20.3.4")
    assert environment.make() == 3
    assert "pip install --upgrade pip" in capsys.readouterr().err
    environment.pip("22.3")
    assert environment.make() == 0


def test_a_half_made_environment_is_made_anew(environment, programs, monkeypatch):
    python = environment.venv / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    commands = []
    run = programs["install"]._run

    def watched(command: list[str]) -> Any:
        commands.append(command)
        return run(command)

    monkeypatch.setattr(programs["install"], "_run", watched)
    monkeypatch.setattr(programs["install"], "_install", lambda *arguments: None)
    assert environment.make() == 0
    assert [sys.executable, "-m", "venv", "--clear", str(environment.venv)] in commands
    assert python.resolve() == Path(sys.executable).resolve()


@pytest.mark.parametrize(("free", "told"), [(2**20, "disk is full"), (2**40, "last word: Error: something else")])
def test_a_virtual_environment_that_fails_is_put_down_to_a_full_disk(
    programs, tmp_path, monkeypatch, capsys, free, told
):
    folder = tmp_path / "venv"
    folder.mkdir()
    failed = types.SimpleNamespace(returncode=1, stdout="Error: something else")
    monkeypatch.setattr(programs["install"], "_run", lambda command: failed)
    monkeypatch.setattr("shutil.disk_usage", lambda path: types.SimpleNamespace(free=free))
    assert programs["install"].main(["--venv", str(folder)]) == 3
    assert told in capsys.readouterr().err


def test_an_image_gets_its_own_packages_alone(programs, monkeypatch, tmp_path):
    install = programs["install"]
    asked = install._parser().parse_args(["--image", "airflow"])
    names = {
        line.split("==")[0]
        for made in install._stages(asked)
        if made.name != "build-tools"
        for portion in made.portions
        for line in portion
    }
    assert "apache-airflow" in names
    assert not names & {"torch", "torchvision", "opencv-python", "bagit", "pytest"}
    assert {made.name for made in install._stages(asked)} == {"build-tools", "packages"}
