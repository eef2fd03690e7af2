"""Fetching model files: from real servers on this machine, whole, in parts, cut off, redirected, wrong, at once."""

from __future__ import annotations

import errno
import http.server
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restoration.errors import ModelError, ReasonCode, StorageError
from restoration.models import pull as pull_module
from restoration.models.files import Registry, file_sha256
from restoration.models.pull import pull
from restoration.settings import Settings, get_settings
from tests.unit.standins import entry_text


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(pull_module, "_FIRST_PAUSE_S", 0.0)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def weights(tmp_path) -> Path:
    file = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(200, 300), "bias": torch.zeros(200)}, file)
    return file


def registry_of(tmp_path: Path, text: str) -> Registry:
    path = tmp_path / "registry.toml"
    path.write_text(text, encoding="utf-8")
    return Registry.load(path, settings=Settings(model_dir=tmp_path / "models"))


@pytest.fixture
def small_limit(monkeypatch) -> int:
    monkeypatch.setenv("RESTORATION_MODEL_MAX_BYTES", "100000")
    get_settings.cache_clear()
    yield 100_000
    monkeypatch.undo()
    get_settings.cache_clear()


class Server:
    """A web server that knows Range, and can be told to break off, to ignore Range, to lie, or to send elsewhere."""

    def __init__(self, data: bytes) -> None:
        self.data, self.ranges, self.paths = data, [], []
        self.stop_after: list[int] = []
        self.ignore_range, self.redirect, self.shift, self.status = False, "", 0, 0
        self.tells_length = True
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = None if outer.ignore_range else self.headers.get("Range")
                outer.ranges.append(self.headers.get("Range"))
                outer.paths.append(self.path)
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if outer.redirect and self.path != "/there":
                    self.send_response(302)
                    self.send_header("Location", outer.redirect)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if outer.status or start >= len(outer.data):
                    self.send_error(outer.status or 416)
                    return
                self.send_response(206 if wanted else 200)
                if wanted:
                    first = start + outer.shift
                    self.send_header("Content-Range", f"bytes {first}-{len(outer.data) - 1}/{len(outer.data)}")
                if outer.tells_length:
                    self.send_header("Content-Length", str(len(outer.data) - start))
                self.end_headers()
                end = outer.stop_after.pop(0) if outer.stop_after else None
                self.wfile.write(outer.data[start:end])

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"url:{self.address}/model.safetensors"

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


def files_in(registry: Registry) -> list[str]:
    """Names of what lies in the cache, but for locks, which stay."""
    return sorted(p.name for p in registry.model_dir.iterdir() if p.suffix != ".lock")


def part_of(registry: Registry, content: bytes) -> Path:
    """What an earlier download left."""
    part = registry.model_dir / f"{registry.entry('one').sha256}.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    return part


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
    part = part_of(registry, server.data[:50])
    assert pull(registry, entry).read_bytes() == server.data
    assert server.ranges == ["bytes=50-"]
    assert not part.exists()


def test_pull_of_a_download_that_was_complete_but_not_renamed(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    entry = registry.entry("one")
    part_of(registry, server.data)
    assert pull(registry, entry).read_bytes() == server.data


def test_pull_keeps_nothing_of_wrong_bytes(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    server.data = b"something else entirely"
    with pytest.raises(ModelError, match="nothing was kept") as caught:
        pull(registry, registry.entry("one"))
    assert caught.value.reason is ReasonCode.MODEL_CORRUPT
    assert files_in(registry) == []


@pytest.mark.parametrize("tells", [True, False])
def test_pull_takes_no_more_than_the_limit_whatever_the_server_says(tmp_path, weights, server, small_limit, tells):
    registry = url_registry(tmp_path, weights, server)
    server.tells_length = tells
    server.data += b"x" * 20_000_000
    with pytest.raises(ModelError, match="RESTORATION_MODEL_MAX_BYTES"):
        pull(registry, registry.entry("one"))
    assert not registry.available("one")
    assert sum(path.stat().st_size for path in registry.model_dir.iterdir()) <= small_limit


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
        part_of(registry, weights.read_bytes()[:20])
        assert pull(registry, entry).read_bytes() == weights.read_bytes()
        gone = replace(entry, sha256="0" * 64, source="s3://models/absent")
        with pytest.raises(StorageError, match="absent"):
            pull(registry, gone)


def test_pull_from_nowhere_says_so(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    gone = replace(registry.entry("one"), source="url:http://127.0.0.1:9/model.safetensors")
    with pytest.raises(ModelError, match="cannot fetch"):
        pull(registry, gone)


def test_a_server_that_ignores_range_gives_all_of_it_again(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    server.ignore_range = True
    part_of(registry, b"x" * 50)
    assert pull(registry, registry.entry("one")).read_bytes() == server.data
    assert len(server.ranges) == 1


def test_a_server_that_begins_somewhere_else_is_not_believed(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    server.shift = 7
    part_of(registry, server.data[:50])
    with pytest.raises(ModelError, match="asked for bytes from 50 and gives them from 57"):
        pull(registry, registry.entry("one"))


def test_a_beginning_that_was_spoilt_is_fetched_again_once(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    part_of(registry, b"x" * 50)
    assert pull(registry, registry.entry("one")).read_bytes() == server.data
    assert server.ranges == ["bytes=50-", None]


def test_a_line_that_breaks_is_taken_up_again_by_itself(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    server.stop_after = [1000, 70_000]
    seen = []
    path = pull(registry, registry.entry("one"), lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == server.data
    assert server.ranges == [None, "bytes=1000-", "bytes=70000-"]
    assert seen[-1] == (len(server.data), len(server.data))


def test_what_arrived_is_kept_when_the_line_breaks_too_often(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    server.stop_after = [100, 200, 300, 400]
    with pytest.raises(ModelError, match=r"ended after 400 of .* 400 bytes are kept; run the command again") as caught:
        pull(registry, registry.entry("one"))
    assert caught.value.reason is ReasonCode.MODEL_MISSING
    assert not registry.available("one")
    assert pull(registry, registry.entry("one")).read_bytes() == server.data
    assert server.ranges[-1] == "bytes=400-"


def test_refusals_are_not_asked_again_and_failures_are(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    for status, times in ((404, 1), (503, pull_module._ATTEMPTS)):
        server.ranges.clear()
        server.status = status
        with pytest.raises(ModelError, match=str(status)):
            pull(registry, registry.entry("one"))
        assert len(server.ranges) == times


def test_redirects_are_followed_on_the_web_with_the_range(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    server.redirect = "/there"
    part_of(registry, server.data[:50])
    assert pull(registry, registry.entry("one")).read_bytes() == server.data
    assert server.ranges == ["bytes=50-", "bytes=50-"]


@pytest.mark.parametrize("scheme", ["file://", "ftp://127.0.0.1", "data:,"])
def test_redirects_elsewhere_are_refused(tmp_path, weights, server, scheme):
    registry = url_registry(tmp_path, weights, server)
    server.redirect = f"{scheme}{weights}"
    with pytest.raises(ModelError, match=r"cannot fetch .*(not followed|not allowed)"):
        pull(registry, registry.entry("one"))
    assert files_in(registry) == []


def test_the_environments_proxy_is_used(tmp_path, weights, server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    registry = url_registry(tmp_path, weights, server)
    entry = replace(registry.entry("one"), source="url:http://models.invalid/one.safetensors")
    assert pull(registry, entry).read_bytes() == server.data
    assert server.paths == ["http://models.invalid/one.safetensors"]


def test_too_little_room_is_said_before_anything_is_fetched(tmp_path, weights, server, monkeypatch):
    registry = url_registry(tmp_path, weights, server)
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(pull_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match=r"10 bytes free, .* are needed"):
        pull(registry, registry.entry("one"))
    assert files_in(registry) == []


def test_a_disk_that_fills_up_is_named_and_the_part_goes_on_later(tmp_path, weights, server, monkeypatch):
    registry = url_registry(tmp_path, weights, server)
    with monkeypatch.context() as full:

        def refuse(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(os, "fsync", refuse)
        with pytest.raises(ModelError, match="No space left on device"):
            pull(registry, registry.entry("one"))
    assert len(server.ranges) == 1
    assert not registry.available("one")
    assert pull(registry, registry.entry("one")).read_bytes() == server.data


def test_of_several_at_once_one_fetches_and_the_others_wait(tmp_path, weights, server):
    registry = url_registry(tmp_path, weights, server)
    entry = registry.entry("one")
    waited = []
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: pull(registry, entry, None, lambda: waited.append(1)), range(4)))
    assert {path.read_bytes() for path in paths} == {server.data}
    assert len(server.ranges) == 1
    assert file_sha256(paths[0]) == entry.sha256


def test_s3_objects_that_are_whole_here_or_wrong_there(tmp_path, weights, monkeypatch):
    import boto3
    from moto import mock_aws

    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        client.create_bucket(Bucket="models")
        client.put_object(Bucket="models", Key="one.safetensors", Body=weights.read_bytes())
        monkeypatch.setattr("restoration.storage.s3.make_client", lambda: client)
        text = entry_text("one", "linear", "upscale", weights).replace(f"file:{weights}", "s3://models/one.safetensors")
        registry = registry_of(tmp_path, text)
        part_of(registry, weights.read_bytes())
        assert pull(registry, registry.entry("one")).read_bytes() == weights.read_bytes()
        wrong = replace(registry.entry("one"), sha256="0" * 64)
        with pytest.raises(ModelError, match="nothing was kept"):
            pull(registry, wrong)
        assert files_in(registry) == [f"{registry.entry('one').sha256}.safetensors"]
