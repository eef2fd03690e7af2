"""Manifests are the true architectures; a wrong file is named, with what differs, before a run begins."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from restoration.cli import app
from restoration.engine.engine import Engine
from restoration.engine.recipe import parse_recipe
from restoration.errors import ModelError, ModelRetired, ReasonCode
from restoration.models.files import Registry
from restoration.models.headers import read_heads
from restoration.models.loading import LoadedModels, check_file, fill, read_weights
from restoration.models.manifests import FOLDER, Form, form_of, form_of_net, heads_of, require_fit, shipped_manifests
from restoration.models.nets import espcn, gfpgan, seed_autoencoder
from restoration.models.pickles import TensorHead
from restoration.models.precision import allowed_precision
from restoration.settings import Settings
from tests.unit.standins import entry_text


def test_manifests_are_what_the_architectures_are():
    texts = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert texts == shipped_manifests(), "write them again with: python -m restoration.models.manifests"


def test_every_shipped_state_dict_has_a_manifest_and_fits_it():
    registry = Registry.load()
    counts = {}
    for entry in registry:
        if form := form_of(entry):
            counts[entry.name] = form.parameters, form.buffer_numbers
        if registry.available(entry.name):
            check_file(registry, entry)
    assert counts["seed-autoencoder"] == (seed_autoencoder.PARAMETERS, 0)
    assert counts["gfpgan-1.3"] == (86_444_252, 699_024)
    assert counts["restoreformer"] == (72_680_003, 0)
    assert counts["house-colorizer"][0] > 1_000_000


# -- headers ---------------------------------------------------------------------------------------------------------
STATE = {
    "a": torch.ones(2, 3),
    "b": torch.zeros((), dtype=torch.int64),
    "c": torch.ones(4, 1, dtype=torch.bfloat16),
    "d": torch.ones(3, dtype=torch.float16),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapper", ["", "params", "params_ema", "state"])
def test_heads_are_read_as_torch_reads_them(tmp_path, legacy, wrapper):
    file = tmp_path / "x.pth"
    content = {wrapper: STATE, "step": 7} if wrapper else STATE
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    key = "state" if wrapper == "state" else ""
    heads = read_heads(file, key)
    assert heads == heads_of(STATE)
    assert list(read_weights(file, key)) == list(STATE)


def test_the_better_of_two_state_dicts_is_taken(tmp_path):
    file = tmp_path / "x.pth"
    torch.save({"params": {"a": torch.zeros(1)}, "params_ema": STATE}, file)
    assert read_heads(file) == heads_of(STATE)
    assert list(read_weights(file)) == list(STATE)


def test_a_net_with_parameters_instead_of_tensors(tmp_path):
    file = tmp_path / "x.pth"
    torch.save(dict(espcn.build().named_parameters()), file)
    assert read_heads(file) == heads_of(espcn.build().state_dict())


def test_heads_of_safetensors(tmp_path):
    file = tmp_path / "x.safetensors"
    save_file(STATE, file, metadata={"made": "here"})
    assert read_heads(file) == heads_of(STATE)
    assert sum(head.nbytes for head in read_heads(file).values()) == 24 + 8 + 8 + 6


def spoilt_files(folder: Path) -> list[Path]:
    """Weights files that are none: cut off, lying about their table, another archive, holding other things."""
    whole = folder / "whole.safetensors"
    save_file(STATE, whole)
    data = whole.read_bytes()
    pth = folder / "whole.pth"
    torch.save(STATE, pth)
    made = {
        "cut.safetensors": data[:-1],
        "short.safetensors": data[:5],
        "long.safetensors": (2**40).to_bytes(8, "little") + data[8:],
        "words.safetensors": b"\x07\0\0\0\0\0\0\0{not it",
        "empty.pth": b"",
        "cut.pth": pth.read_bytes()[:200],
        "html.pth": b"<html>not found</html>",
        "list.pth": pickle.dumps([1, 2]),
    }
    files = [folder / name for name in made]
    for file in files:
        file.write_bytes(made[file.name])
    archive = folder / "archive.pth"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("x/notes.txt", "hello")
    other = folder / "other.pth"
    torch.save({"a": torch.ones(1), "epoch": 3}, other)
    return [*files, archive, other]


def test_what_is_no_weights_file_is_refused_by_name(tmp_path):
    for file in spoilt_files(tmp_path):
        with pytest.raises(ModelError, match=file.name) as caught:
            read_heads(file)
        assert caught.value.reason is ReasonCode.MODEL_CORRUPT


class Evil:
    """Unpickling this would write a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (Path.write_text, (self.target, "executed"))


@pytest.mark.parametrize(
    "wrap", [lambda evil: evil, lambda evil: {"params_ema": {"a": evil}}, lambda evil: {"a": evil}]
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_pickle_is_refused_and_executes_nothing(tmp_path, wrap, legacy):
    file, target = tmp_path / "evil.pth", tmp_path / "executed"
    torch.save(wrap(Evil(target)), file, _use_new_zipfile_serialization=not legacy)
    for read in (read_heads, read_weights):
        with pytest.raises(ModelError, match=r"evil\.pth cannot be read as weights") as caught:
            read(file)
        assert caught.value.reason is ReasonCode.MODEL_CORRUPT
    assert not target.exists()


# -- what differs ----------------------------------------------------------------------------------------------------
def test_at_most_five_of_each_difference_are_named():
    wanted = {f"{kind}{n}": TensorHead("F32", (n + 1,)) for kind in ("lost", "shape", "kind") for n in range(7)}
    found = {f"new{n}": TensorHead("F32", (1,)) for n in range(6)}
    found |= {f"shape{n}": TensorHead("F16", (99,)) for n in range(7)}
    found |= {f"kind{n}": TensorHead("I64", (n + 1,)) for n in range(7)}
    with pytest.raises(ModelError) as caught:
        require_fit(Form((), wanted), found, "x.pth", "espcn")
    assert caught.value.message == (
        "x.pth does not fit espcn: it lacks lost0, lost1, lost2, lost3, lost4 and 2 more; "
        "has unknown new0, new1, new2, new3, new4 and 1 more; "
        "differs in shape: shape0 is (99,), should be (1,), shape1 is (99,), should be (2,), "
        "shape2 is (99,), should be (3,), shape3 is (99,), should be (4,), shape4 is (99,), should be (5,) and 2 more; "
        "differs in type: kind0 is I64, should be F32, kind1 is I64, should be F32, kind2 is I64, should be F32, "
        "kind3 is I64, should be F32, kind4 is I64, should be F32 and 2 more"
    )


def test_what_only_training_needs_may_be_missing_or_more_and_changes_nothing():
    torch.manual_seed(3)
    net = gfpgan.build(out_size=32, narrow=0.125).eval()
    weights = dict(net.state_dict())
    face = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        whole = net(face)
    lean = {k: v for k, v in weights.items() if not k.startswith(("toRGB.", "stylegan_decoder.style_mlp."))}
    assert len(lean) < len(weights)
    other = gfpgan.build(out_size=32, narrow=0.125).eval()
    fill(other, {**lean, "toRGB.99.weight": torch.ones(3)}, "x.pth")
    with torch.inference_mode():
        assert torch.equal(other(face), whole)
    with pytest.raises(ModelError, match=r"lacks final_linear\.bias"):
        fill(other, {k: v for k, v in lean.items() if k != "final_linear.bias"}, "x.pth")


def registry_of(folder: Path, text: str) -> Registry:
    path = folder / "registry.toml"
    path.write_text(text, encoding="utf-8")
    return Registry.load(path, settings=Settings(model_dir=folder / "models"))


@pytest.fixture
def espcn_file(tmp_path) -> Path:
    file = tmp_path / "espcn.safetensors"
    torch.manual_seed(5)
    save_file(espcn.build().state_dict(), file)
    return file


RECIPE = parse_recipe({"name": "larger", "steps": [{"step": "upscale", "model": "one", "factor": 4}]}, "test")


def test_a_wrong_file_stops_the_engine_before_the_first_photograph(tmp_path, espcn_file):
    state = load_file(espcn_file)
    state["layers.4.bias"] = torch.zeros(47)
    save_file(state, espcn_file)
    registry = registry_of(tmp_path, entry_text("one", "espcn", "upscale", espcn_file))
    models = LoadedModels(registry, device="cpu", threads=1)
    with Engine(Settings(), models=models) as engine, pytest.raises(ModelError) as caught:
        engine.prepare(RECIPE)
    assert "layers.4.bias is (47,), should be (48,)" in caught.value.message
    assert models._loaded == {}


def test_a_retired_model_stops_the_engine(tmp_path, espcn_file):
    text = entry_text("one", "espcn", "upscale", espcn_file, fields='retired = "too soft"')
    models = LoadedModels(registry_of(tmp_path, text), device="cpu", threads=1)
    with Engine(Settings(), models=models) as engine, pytest.raises(ModelRetired, match="too soft"):
        engine.prepare(RECIPE)


def test_forms_that_ship_no_manifest_are_asked_of_the_architecture(tmp_path):
    from restoration.models.nets import house_colorizer

    options = "widths = [8, 8, 8, 8, 8]\nblocks = [0, 1, 1, 1, 1]\nheads = 2"
    net = house_colorizer.build((8, 8, 8, 8, 8), (0, 1, 1, 1, 1), 2)
    file = tmp_path / "x.safetensors"
    save_file(net.state_dict(), file)
    registry = registry_of(tmp_path, entry_text("one", "house-colorizer", "colorize", file, options))
    assert form_of(registry.entry("one")) is None
    assert check_file(registry, registry.entry("one")) == file
    folded = registry_of(tmp_path, entry_text("one", "house-colorizer", "colorize", file, options + "\nfolded = true"))
    with pytest.raises(ModelError, match=r"has unknown .*norm.* and \d+ more"):
        check_file(folded, folded.entry("one"))
    assert form_of_net(net).buffer_numbers > 0


# -- what a net may be given, and compute in -------------------------------------------------------------------------
def test_a_net_refuses_sizes_that_its_entry_forbids(tmp_path, espcn_file):
    text = entry_text("one", "espcn", "upscale", espcn_file, fields="size = { multiple_of = 4, minimum = 8 }")
    net = LoadedModels(registry_of(tmp_path, text), device="cpu", threads=1).load("one")
    assert net(torch.zeros(1, 3, 8, 12)).shape == (1, 3, 32, 48)
    for size, message in (((4, 8), "smaller than 8"), ((10, 12), "not multiples of 4")):
        with pytest.raises(ModelError, match=f"'one' .*forbids: .*{message}"):
            net(torch.zeros(1, 3, *size))


def test_a_fixed_size_is_that_size(tmp_path, espcn_file):
    text = entry_text("one", "espcn", "upscale", espcn_file, fields="size = { fixed = [8, 9] }")
    net = LoadedModels(registry_of(tmp_path, text), device="cpu", threads=1).load("one")
    assert net(torch.zeros(1, 3, 8, 9)).shape[0] == 1
    with pytest.raises(ModelError, match="9 x 8 is not the fixed size 8 x 9"):
        net(torch.zeros(1, 3, 9, 8))


def test_bf16_is_used_where_the_entry_allows_it_and_results_are_kept_apart(tmp_path, espcn_file):
    both = 'precision = ["fp32", "bf16"]'
    text = entry_text("one", "espcn", "upscale", espcn_file, fields=both)
    text += entry_text("exact", "espcn", "upscale", espcn_file)
    registry = registry_of(tmp_path, text)
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    plain = LoadedModels(registry, device="cpu", threads=1)
    rough = LoadedModels(registry, device="cpu", threads=1, precision="bf16")
    with torch.inference_mode():
        fp32, bf16 = plain.load("one")(picture), rough.load("one")(picture)
        assert torch.equal(rough.load("exact")(picture), fp32)
        assert torch.equal(rough.load("one")(picture), bf16)
    assert bf16.dtype is torch.float32
    assert 0 < (bf16 - fp32).abs().max() < 0.05
    assert rough.device_class == plain.device_class + "-bf16"


@pytest.mark.parametrize("name", ["house-colorizer", "seed-autoencoder"])
def test_colorizers_in_bf16_take_the_faster_layout_and_stay_near_fp32(name):
    registry = Registry.load()
    height, width = registry.entry(name).size.fixed or (64, 96)
    pictures = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(0))
    plain = LoadedModels(registry, device="cpu", threads=1).load(name)
    rough = LoadedModels(registry, device="cpu", threads=1, precision="bf16").load(name)
    convolution = next(m for m in rough.modules() if isinstance(m, torch.nn.Conv2d) and m.in_channels > 1)
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        once, again = rough(pictures), rough(pictures)
        assert torch.equal(once, again)
        assert 0 < (once - plain(pictures)).abs().max() < 0.03


def test_a_net_for_one_precision_is_not_run_in_another(tmp_path, espcn_file):
    text = entry_text("one", "espcn", "upscale", espcn_file, fields='precision = ["bf16"]')
    models = LoadedModels(registry_of(tmp_path, text), device="cpu", threads=1)
    for use in (models.check, models.load):
        with pytest.raises(ModelError, match="bf16 only; set RESTORATION_PRECISION=bf16"):
            use("one")
    assert allowed_precision(replace(models.entry("one")), "bf16") == "bf16"


# -- commands --------------------------------------------------------------------------------------------------------
def test_show_counts_and_verify_checks():
    runner = CliRunner()
    shown = json.loads(runner.invoke(app, ["models", "show", "house-colorizer", "--json"]).stdout)
    assert shown["bytes"] > sum(shown["bytes_by_type"].values()) > 2 * shown["parameters"] - 1
    assert {"training_rights", "input_range", "output_range", "size", "precision", "path"} <= shown.keys()
    absent = json.loads(runner.invoke(app, ["models", "show", "gfpgan-1.4", "--json"]).stdout)
    assert (absent["parameters"], absent["buffers"]) == (86_444_252, 699_024)
    rows = json.loads(runner.invoke(app, ["models", "verify", "--json"]).stdout)
    assert {row["name"]: row["ok"] for row in rows}["house-colorizer"] is True
    assert "fixed 224 184" in runner.invoke(app, ["models", "show", "seed-autoencoder"]).stdout


def test_list_and_show_need_no_torch():
    code = (
        "import sys; from restoration.cli import app\n"
        "for words in (['models', 'list'], ['models', 'show', 'house-colorizer'], ['models', 'verify']):\n"
        "    app(words, standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
