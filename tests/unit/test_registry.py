"""The registry, the files behind it, fetching by hash, and what is checked before weights are used."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from restoration.engine.prepare import prepare_recipe, recipe_models_sha256
from restoration.engine.recipe import parse_recipe
from restoration.errors import ModelError, ModelRetired, ReasonCode, SettingsError
from restoration.models.entries import parse_entries, toml_text
from restoration.models.files import Registry, file_sha256
from restoration.models.loading import LoadedModels, choose_device, fill, read_weights
from restoration.settings import Settings
from tests.unit.standins import entry_text, models_with


def test_every_shipped_entry_is_pinned_licensed_and_carried_ones_are_the_pinned_files():
    registry = Registry.load()
    names = [entry.name for entry in registry]
    assert {"centerface", "dlib-face-embedding", "gfpgan-1.3", "gfpgan-1.4", "restoreformer"} <= set(names)
    for entry in registry:
        assert len(entry.sha256) == 64
        assert entry.licence
        assert entry.training_data
        if entry.source_kind in {"carried", "packaged"}:
            assert registry.verify(entry).is_file()
    assert registry.entry("gfpgan-1.3").non_commercial
    assert len(dict(registry.entry("dlib-face-embedding").options)["centre"]) == 128


def test_unknown_model_names_the_known_ones():
    with pytest.raises(ModelError, match="centerface") as caught:
        Registry.load().entry("gfpgan-9")
    assert caught.value.reason is ReasonCode.MODEL_UNKNOWN


@pytest.fixture
def weights(tmp_path) -> Path:
    file = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, file)
    return file


def registry_of(tmp_path: Path, text: str) -> Registry:
    path = tmp_path / "registry.toml"
    path.write_text(text, encoding="utf-8")
    return Registry.load(path, settings=Settings(model_dir=tmp_path / "models"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('version = "1"\n', ""), "version"),
        (('sha256 = "', 'sha256 = "x'), "sha256"),
        (('source = "file:', 'source = "ftp:'), "source"),
        (('task = "upscale"', 'task = "dream"'), "task"),
        (('training_rights = "none needed"\n', ""), "training_rights"),
        (("input_range = [-1, 1]", "input_range = [1, -1]"), "input_range.*not below"),
        (("input_range = [-1, 1]", "input_range = [-1, inf]"), r"input_range\.1.*finite"),
        (("output_range = [-1, 1]", "output_range = [-1]"), "output_range"),
        (("output_range = [-1, 1]", 'output_range = [-1, 1]\nprecision = ["fp16"]'), r"precision\.0.*bf16"),
        (("output_range = [-1, 1]", "output_range = [-1, 1]\nsize = { multiple_of = 0 }"), r"size\.multiple_of"),
        (("output_range = [-1, 1]", "output_range = [-1, 1]\nsize = { side = 3 }"), r"size\.side"),
        (
            ("output_range = [-1, 1]", "output_range = [-1, 1]\nsize = { fixed = [8, 8], minimum = 8 }"),
            "size: a fixed size goes with no other rule",
        ),
        (("output_range = [-1, 1]", 'output_range = [-1, 1]\nnon_commercial = "no"'), "non_commercial"),
        (('version = "1"', 'version = "1"\ncolour = "red"'), "colour"),
    ],
)
def test_malformed_entries_are_refused_by_name_and_field(tmp_path, weights, change, message):
    text = entry_text("one", "linear", "upscale", weights)
    assert change[0] in text
    with pytest.raises(ModelError, match=rf"(?s)registry\.toml, model 'one'.*{message}") as caught:
        registry_of(tmp_path, text.replace(*change))
    assert caught.value.reason is ReasonCode.MODEL_CORRUPT


def test_broken_or_doubled_registries_are_refused(tmp_path, weights):
    text = entry_text("one", "linear", "upscale", weights)
    with pytest.raises(ModelError, match="twice"):
        registry_of(tmp_path, text + text)
    with pytest.raises(ModelError, match="cannot read"):
        registry_of(tmp_path, "[[models]\n")
    with pytest.raises(ModelError, match="recipes beside"):
        registry_of(tmp_path, "recipes = 3\n" + text)
    with pytest.raises(ModelError, match="two brackets"):
        registry_of(tmp_path, "[models]\nname = 'a'\n")
    with pytest.raises(ModelError, match="model 'number 1', name"):
        registry_of(tmp_path, "[[models]]\n")
    with pytest.raises(ModelError, match="model 1: is no table"):
        registry_of(tmp_path, "models = [1]\n")
    with pytest.raises(ModelError, match="cannot read"):
        Registry.load(tmp_path / "absent.toml")


def test_a_retired_model_is_known_but_refused_for_new_runs(tmp_path, weights):
    text = entry_text("one", "linear", "upscale", weights, fields='retired = "paints skies green"')
    registry = registry_of(tmp_path, text)
    assert registry.entry("one").version == "1"
    assert registry.available("one")
    with pytest.raises(ModelRetired, match=r"'one' 1 was retired: paints skies green.*successor"):
        registry.entry_for_run("one")
    recipe = parse_recipe({"name": "larger", "steps": [{"step": "upscale", "model": "one"}]}, "test")
    for refuse in (prepare_recipe, recipe_models_sha256):
        with pytest.raises(ModelRetired):
            refuse(recipe, registry)


def test_entries_survive_being_written(tmp_path, weights):
    fields = 'retired = "é \\" \\u007f"\nsize = { fixed = [8, 9] }\nprecision = ["fp32", "bf16"]\nparameters = 3'
    options = 'state_key = "x"\nwidths = [[1, 2], [3, 4]]\nscale = 0.5\nfolded = true\n"odd key" = { a = 1 }'
    path = tmp_path / "x.toml"
    entries = parse_entries(entry_text("one", "linear", "upscale", weights, options, fields), path)
    again = parse_entries(toml_text(entries), path)
    assert again == entries
    shipped = Registry.load().entries
    assert parse_entries(toml_text(shipped), path) == shipped


def test_changed_file_is_noticed_even_after_it_was_verified(tmp_path, weights):
    registry = registry_of(tmp_path, entry_text("one", "linear", "upscale", weights))
    entry = registry.entry("one")
    assert registry.verify(entry) == weights
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(ModelError, match="not the file pinned") as caught:
        registry.verify(entry)
    assert caught.value.reason is ReasonCode.MODEL_CORRUPT
    weights.unlink()
    assert not registry.available("one")
    with pytest.raises(ModelError, match="not on this machine") as caught:
        registry.verify(entry)
    assert caught.value.reason is ReasonCode.MODEL_MISSING


def test_carried_file_of_a_package_that_is_not_installed(tmp_path, weights):
    text = entry_text("one", "linear", "upscale", weights).replace(f"file:{weights}", "carried:no-such-package/x.bin")
    registry = registry_of(tmp_path, text)
    assert not registry.available("one")
    with pytest.raises(ModelError, match="no-such-package"):
        registry.find(registry.entry("one"))


def test_keys_and_shapes_are_checked_and_what_differs_is_named():
    net = nn.Linear(3, 2)
    good = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    fill(net, good, "file")
    assert net.weight.sum() == 6
    with pytest.raises(ModelError, match="lacks bias; has unknown extra"):
        fill(net, {"weight": torch.ones(2, 3), "extra": torch.ones(1)}, "file")
    with pytest.raises(ModelError, match=r"weight is \(3, 2\), should be \(2, 3\)"):
        fill(net, {**good, "weight": torch.ones(3, 2)}, "file")
    half = {key: value.half() for key, value in good.items()}
    fill(net, half, "file")
    assert net.weight.dtype is torch.float32


class Evil:
    """Unpickling this would run a command."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def test_weights_never_execute_anything(tmp_path):
    evil, text = tmp_path / "evil.pth", tmp_path / "text.safetensors"
    torch.save({"params_ema": Evil()}, evil)
    text.write_text("<html>not found</html>")
    for file in (evil, text):
        with pytest.raises(ModelError, match="cannot be read as weights") as caught:
            read_weights(file, "params_ema")
        assert caught.value.reason is ReasonCode.MODEL_CORRUPT


def test_state_key_that_is_not_there(tmp_path):
    file = tmp_path / "x.pth"
    torch.save({"params": {}}, file)
    with pytest.raises(ModelError, match="params_ema"):
        read_weights(file, "params_ema")


def test_models_are_loaded_once_in_eval_mode_without_gradients(tmp_path):
    models = models_with(tmp_path)
    net = models.load("house-colorizer")
    assert models.load("house-colorizer") is net
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    assert models.device_class.startswith("cpu-")


def test_unknown_architecture(tmp_path, weights):
    models = LoadedModels(registry_of(tmp_path, entry_text("one", "warp-drive", "upscale", weights)), device="cpu")
    with pytest.raises(ModelError, match="warp-drive") as caught:
        models.load("one")
    assert caught.value.reason is ReasonCode.MODEL_UNKNOWN


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_where_there_is_none():
    assert choose_device("auto") == "cpu"
    with pytest.raises(SettingsError, match="no CUDA"):
        choose_device("cuda")


def test_file_sha256_is_hashlibs(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"abc" * 1000)
    assert file_sha256(file) == hashlib.sha256(b"abc" * 1000).hexdigest()
