"""A registry of one's own: merged in, added to and removed from, all or nothing, by several at once."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from typer.testing import CliRunner

from restoration.cli import app
from restoration.errors import ModelError, ReasonCode, SettingsError, UsageError
from restoration.models import own as own_module
from restoration.models.files import Registry
from restoration.models.nets import espcn
from restoration.models.own import add, remove
from restoration.settings import Settings, get_settings
from tests.unit.standins import entry_text


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "espcn.safetensors"
    torch.manual_seed(1)
    save_file(espcn.build().state_dict(), file)
    return file


@pytest.fixture
def mine(tmp_path) -> Settings:
    return Settings(model_registry=tmp_path / "mine" / "models.toml", model_dir=tmp_path / "cache")


def entries_file(folder: Path, *texts: str) -> Path:
    path = folder / "new.toml"
    path.write_text("".join(texts), encoding="utf-8")
    return path


def names(mine: Settings) -> set[str]:
    return set(Registry.load(settings=mine).own_names)


def test_added_models_are_found_beside_the_shipped_ones(tmp_path, weights, mine):
    assert names(mine) == set()
    file = entries_file(tmp_path, entry_text("sharp", "espcn", "upscale", weights))
    assert add(file, mine).new == ("sharp",)
    registry = Registry.load(settings=mine)
    assert registry.verify(registry.entry("sharp")) == weights
    assert registry.entry("centerface").version == "1.5.0"
    again = add(file, mine)
    assert (again.new, again.known) == ((), ("sharp",))
    remove("sharp", mine)
    assert names(mine) == set()
    assert weights.is_file()


def test_relative_files_become_absolute(tmp_path, weights, mine):
    text = entry_text("sharp", "espcn", "upscale", weights).replace(str(weights), weights.name)
    add(entries_file(weights.parent, text), mine)
    registry = Registry.load(settings=mine)
    assert registry.location(registry.entry("sharp")) == weights


def test_relative_files_in_a_registry_written_by_hand_lie_beside_it(tmp_path, weights, mine):
    text = entry_text("sharp", "espcn", "upscale", weights).replace(str(weights), "near.safetensors")
    mine.model_registry.parent.mkdir()
    mine.model_registry.write_text(text, encoding="utf-8")
    registry = Registry.load(settings=mine)
    assert registry.location(registry.entry("sharp")) == mine.model_registry.parent / "near.safetensors"


def test_what_was_never_set_or_never_written_is_said(tmp_path, weights, mine):
    file = entries_file(tmp_path, entry_text("sharp", "espcn", "upscale", weights))
    for act in (lambda: add(file, Settings()), lambda: remove("sharp", Settings())):
        with pytest.raises(SettingsError, match="RESTORATION_MODEL_REGISTRY"):
            act()
    with pytest.raises(ModelError, match=r"your own, .*models\.toml, is not there"):
        Registry.load(settings=mine).entry("sharp")


def test_removing_what_is_shipped_or_not_there(mine):
    with pytest.raises(UsageError, match="ships with this project"):
        remove("centerface", mine)
    with pytest.raises(ModelError, match="it has none") as caught:
        remove("nobody", mine)
    assert caught.value.reason is ReasonCode.MODEL_UNKNOWN


def test_a_shipped_name_in_a_file_written_by_hand_is_refused_and_can_be_removed(weights, mine):
    mine.model_registry.parent.mkdir()
    mine.model_registry.write_text(entry_text("centerface", "espcn", "upscale", weights), encoding="utf-8")
    with pytest.raises(ModelError, match=r"models\.toml has a model 'centerface', which this project ships"):
        Registry.load(settings=mine)
    remove("centerface", mine)
    assert names(mine) == set()


def wrong_adds(weights: Path) -> dict[str, tuple[str, str]]:
    """What an add must refuse: text of the file, and what the message must say."""
    good = entry_text("sharp", "espcn", "upscale", weights)
    other = weights.with_name("other.safetensors")
    save_file({"layers.0.weight": torch.zeros(2, 2), "layers.9.bias": torch.zeros(1)}, other)
    half = weights.with_name("ints.safetensors")
    save_file({k: v.to(torch.int32) for k, v in espcn.build().state_dict().items()}, half)
    sha = good.split('sha256 = "')[1][:64]
    return {
        "empty": ("", "no .*models.* table"),
        "no toml": ("[[models", "cannot read"),
        "no field": (good.replace('licence = "CC0-1.0"\n', ""), "licence"),
        "second is wrong": (good + entry_text("b", "espcn", "upscale", weights).replace('"1"', "1"), "'b', version"),
        "shipped name": (good + good.replace('"sharp"', '"gfpgan-1.4"'), "'gfpgan-1.4', which this project ships"),
        "packaged": (good.replace("file:", "packaged:"), "write file:"),
        "no architecture": (good.replace('"espcn"', '"warp"'), "unknown architecture 'warp'; known are .*espcn"),
        "no file": (good.replace(".safetensors", ".gone"), "not on this machine"),
        "other hash": (good.replace(sha, "0" * 64), "not the file pinned"),
        "other net": (entry_text("sharp", "espcn", "upscale", other), "lacks layers.0.bias.*unknown layers.9.bias"),
        "other type": (entry_text("sharp", "espcn", "upscale", half), "differs in type: .* is I32, should be F32"),
        "other options": (good + "sides = 3\n", "cannot be built with the options"),
        "other content": (good.replace('"1"', '"2"').replace("sharp", "there"), "another content; remove it"),
    }


WRONG = ("empty", "no toml", "no field", "second is wrong", "shipped name", "packaged", "no architecture", "no file",
         "other hash", "other net", "other type", "other options", "other content")  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_add_leaves_every_byte_as_it_was(tmp_path, weights, mine, case):
    add(entries_file(tmp_path, entry_text("there", "espcn", "upscale", weights)), mine)
    before = mine.model_registry.read_bytes()
    text, message = wrong_adds(weights)[case]
    with pytest.raises(ModelError, match=f"(?s){message}"):
        add(entries_file(tmp_path, text), mine)
    assert mine.model_registry.read_bytes() == before
    assert visible(mine) == ["models.toml"]


def visible(mine: Settings) -> list[str]:
    return sorted(p.name for p in mine.model_registry.parent.iterdir() if not p.name.endswith(".lock"))


CALLS = ("tempfile.mkstemp", "os.fdopen", "os.fsync", "os.chmod", "os.replace")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=st.sampled_from(CALLS), error=st.sampled_from([OSError(errno.ENOSPC, "full"), KeyboardInterrupt()]),
       act=st.sampled_from(["add", "remove"]))  # fmt: skip
def test_wherever_writing_fails_the_old_bytes_stay(tmp_path_factory, weights, call, error, act):
    folder = tmp_path_factory.mktemp("own")
    mine = Settings(model_registry=folder / "mine" / "models.toml", model_dir=folder / "cache")
    add(entries_file(folder, entry_text("there", "espcn", "upscale", weights)), mine)
    before = mine.model_registry.read_bytes()
    file = entries_file(folder, entry_text("sharp", "espcn", "upscale", weights))

    def fail(*_, **__):
        raise error

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(call, fail)
        with pytest.raises((ModelError, KeyboardInterrupt)):
            add(file, mine) if act == "add" else remove("there", mine)
    assert mine.model_registry.read_bytes() == before
    assert visible(mine) == ["models.toml"]
    add(file, mine)
    assert names(mine) == {"there", "sharp"}


def add_some(file: Path, own: Path, gate) -> None:
    gate.wait()
    add(file, Settings(model_registry=own))


def test_adds_at_once_lose_nothing(tmp_path, weights, mine):
    context = multiprocessing.get_context("fork")
    gate = context.Event()
    workers = []
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        file = entries_file(folder, entry_text(f"net-{number}", "espcn", "upscale", weights))
        workers.append(context.Process(target=add_some, args=(file, mine.model_registry, gate)))
    for worker in workers:
        worker.start()
    gate.set()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 6
    assert names(mine) == {f"net-{number}" for number in range(6)}


def test_the_files_rights_stay_what_the_user_made_them(tmp_path, weights, mine):
    add(entries_file(tmp_path, entry_text("one", "espcn", "upscale", weights)), mine)
    os.chmod(mine.model_registry, 0o640)
    add(entries_file(tmp_path, entry_text("two", "espcn", "upscale", weights)), mine)
    assert mine.model_registry.stat().st_mode & 0o777 == 0o640
    assert mine.model_registry.read_text(encoding="utf-8").startswith(own_module._HEADER)


def test_commands_add_and_remove(tmp_path, weights, mine, monkeypatch):
    monkeypatch.setenv("RESTORATION_MODEL_REGISTRY", str(mine.model_registry))
    get_settings.cache_clear()
    try:
        file = entries_file(tmp_path, entry_text("sharp", "espcn", "upscale", weights))
        runner = CliRunner()
        added = runner.invoke(app, ["models", "add", str(file), "--json"])
        assert json.loads(added.stdout) == {"added": ["sharp"], "already_there": []}
        listed = json.loads(runner.invoke(app, ["models", "list", "--json"]).stdout)
        assert [row["name"] for row in listed if row["own"]] == ["sharp"]
        shown = json.loads(runner.invoke(app, ["models", "show", "sharp", "--json"]).stdout)
        assert (shown["parameters"], shown["buffers"], shown["bytes_by_type"]) == (71_840, 0, {"F32": 4 * 71_840})
        assert "removed sharp" in runner.invoke(app, ["models", "remove", "sharp"]).stdout
        assert runner.invoke(app, ["models", "remove", "sharp"]).exit_code != 0
    finally:
        get_settings.cache_clear()
