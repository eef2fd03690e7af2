"""The registry, the files behind it, fetching by hash, and what is checked before weights are used."""

from __future__ import annotations

import hashlib
import http.server
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from restoration.errors import ModelError, ReasonCode, SettingsError, StorageError
from restoration.models.files import Registry, file_sha256
from restoration.models.loading import LoadedModels, choose_device, fill, read_weights
from restoration.models.pull import pull
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
        (('version = "1"', 'version = "1"\ncolour = "red"'), "colour"),
    ],
)
def test_malformed_entries_are_refused_by_name_and_field(tmp_path, weights, change, message):
    text = entry_text("one", "linear", "upscale", weights)
    assert change[0] in text
    with pytest.raises(ModelError, match=f"(?s)one.*{message}") as caught:
        registry_of(tmp_path, text.replace(*change))
    assert caught.value.reason is ReasonCode.MODEL_CORRUPT


def test_broken_or_doubled_registries_are_refused(tmp_path, weights):
    text = entry_text("one", "linear", "upscale", weights)
    with pytest.raises(ModelError, match="twice"):
        registry_of(tmp_path, text + text)
    with pytest.raises(ModelError, match="cannot read"):
        registry_of(tmp_path, "[[models]\n")
    with pytest.raises(ModelError, match="cannot read"):
        Registry.load(tmp_path / "absent.toml")


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


class Server:
    """A small web server that knows Range, and can be told to break off."""

    def __init__(self, data: bytes) -> None:
        self.data, self.ranges, self.stop_after = data, [], None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                outer.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if start >= len(outer.data):
                    self.send_error(416)
                    return
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(outer.data) - start))
                self.end_headers()
                self.wfile.write(outer.data[start : outer.stop_after])

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"url:http://127.0.0.1:{self.server.server_port}/model.safetensors"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def server(weights):
    server = Server(weights.read_bytes())
    yield server
    server.close()


def url_registry(tmp_path, weights, server) -> Registry:
    text = entry_text("one", "linear", "upscale", weights).replace(f"file:{weights}", server.url)
    return registry_of(tmp_path, text)


def test_pull_fetches_once_and_verifies(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    entry = registry.entry("one")
    assert not registry.available("one")
    seen = []
    path = pull(registry, entry, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == server.data
    assert path.name == f"{entry.sha256}.safetensors"
    assert seen[-1] == (len(server.data), len(server.data))
    assert pull(registry, entry) == path
    assert len(server.ranges) == 1


def test_pull_goes_on_where_it_was_cut_off(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    entry = registry.entry("one")
    part = registry.model_dir / f"{entry.sha256}.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.data[:50])
    assert pull(registry, entry).read_bytes() == server.data
    assert server.ranges == ["bytes=50-"]
    assert not part.exists()


def test_pull_of_a_download_that_was_complete_but_not_renamed(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    entry = registry.entry("one")
    part = registry.model_dir / f"{entry.sha256}.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.data)
    assert pull(registry, entry).read_bytes() == server.data


def test_pull_keeps_nothing_of_wrong_bytes(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    server.data = b"something else entirely"
    with pytest.raises(ModelError, match="nothing was kept") as caught:
        pull(registry, registry.entry("one"))
    assert caught.value.reason is ReasonCode.MODEL_CORRUPT
    assert list(registry.model_dir.iterdir()) == []


def test_pull_from_s3_goes_on_too(tmp_path, weights, monkeypatch):
    import boto3
    from moto import mock_aws

    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        client.create_bucket(Bucket="models")
        client.put_object(Bucket="models", Key="a/one.safetensors", Body=weights.read_bytes())
        monkeypatch.setattr("restoration.storage.s3.make_client", lambda: client)
        text = entry_text("one", "linear", "upscale", weights).replace(
            f"file:{weights}", "s3://models/a/one.safetensors"
        )
        registry = registry_of(tmp_path, text)
        entry = registry.entry("one")
        part = registry.model_dir / f"{entry.sha256}.safetensors.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(weights.read_bytes()[:20])
        assert pull(registry, entry).read_bytes() == weights.read_bytes()
        gone = replace(entry, sha256="0" * 64, source="s3://models/absent")
        with pytest.raises(StorageError, match="absent"):
            pull(registry, gone)


def test_pull_from_nowhere_says_so(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    gone = replace(registry.entry("one"), source="url:http://127.0.0.1:9/model.safetensors")
    with pytest.raises(ModelError, match="cannot fetch"):
        pull(registry, gone)


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
