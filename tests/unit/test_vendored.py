"""The vendored viewer: taken with the pinned bytes only, whole or not at all, and not needed to work."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import runpy
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from restoration.cli import doctor_checks
from restoration.publish import gallery, vendored
from restoration.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
fetch = runpy.run_path(str(ROOT / "infra" / "vendor" / "fetch.py"))["main"]


PACKS = "for word; do case $word in --pack-destination=*) cp $PACKAGE ${word#*=};; esac; done"
"""What npm does with the package, as a shell's words."""


def package(**members: bytes) -> bytes:
    """An npm package."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return raw.getvalue()


class Registry:
    """Stands in for the npm registry: one package, at one address."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.archive = package(**{"viewer.js": b"viewer", "LICENSE": b"licence", "other": b"unwanted"})
        self.pins, self.target = folder / "vendored.toml", folder / "vendor"
        self.address = ""

    def pin(self, *, integrity: bytes | None = None, viewer: bytes = b"viewer") -> None:
        digest = base64.b64encode(hashlib.sha512(integrity or self.archive).digest()).decode()
        files = {"LICENSE": b"licence", "viewer.js": viewer}
        lines = [
            "[[package]]",
            'name = "viewer"',
            'version = "1.0"',
            'licence = "MIT"',
            f'integrity = "sha512-{digest}"',
        ]
        for name, data in files.items():
            sha256 = hashlib.sha256(data).hexdigest()
            lines += ["[[package.file]]", f'member = "package/{name}"', f'name = "{name}"', f'sha256 = "{sha256}"']
        self.pins.write_text("\n".join(lines))

    def fetch(self) -> int:
        """Without npm, from the registry that the environment names."""
        return fetch({"NPM_CONFIG_REGISTRY": self.address}, self.pins, self.target)

    def fetch_with_npm(self, folder: Path, script: str) -> int:
        """With a program of that name on the PATH, which finds the package as ``$PACKAGE``."""
        (folder / "viewer.tgz").write_bytes(self.archive)
        npm = folder / "npm"
        npm.write_text(f"#!/bin/sh\nPACKAGE={folder}/viewer.tgz\n{script}\n")
        npm.chmod(0o755)
        return fetch({"PATH": f"{folder}:/usr/bin:/bin"}, self.pins, self.target)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.target.glob("*")}


@pytest.fixture
def registry(tmp_path) -> Iterator[Registry]:
    made = Registry(tmp_path)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path != "/viewer/-/viewer-1.0.tgz":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(made.archive)))
            self.end_headers()
            self.wfile.write(made.archive)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}/"
    made.pin()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_the_pinned_files_are_kept_and_asked_for_once(registry, capsys):
    assert registry.fetch() == 0
    assert registry.files() == {"viewer.js": b"viewer", "LICENSE": b"licence"}
    assert "MIT" in capsys.readouterr().out
    assert registry.fetch() == 0
    assert registry.asked == ["/viewer/-/viewer-1.0.tgz"]
    assert capsys.readouterr().out == ""


def test_a_changed_file_is_fetched_again(registry):
    registry.fetch()
    (registry.target / "viewer.js").write_bytes(b"changed by hand")
    assert registry.fetch() == 0
    assert registry.files()["viewer.js"] == b"viewer"


@pytest.mark.parametrize("wrong", [{"integrity": b"another package"}, {"viewer": b"another viewer"}])
def test_a_wrong_hash_is_refused_and_nothing_is_written(registry, capsys, wrong):
    registry.pin(**wrong)
    assert registry.fetch() == 1
    assert registry.files() == {}
    assert "refused" in capsys.readouterr().err


def test_what_was_there_stays_where_a_newer_package_is_refused(registry):
    registry.fetch()
    registry.pin(viewer=b"another viewer")
    assert registry.fetch() == 1
    assert registry.files() == {"viewer.js": b"viewer", "LICENSE": b"licence"}


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "{server}nowhere", "file:///etc"])
def test_without_the_registry_it_says_so_and_ends_well(registry, capsys, address):
    registry.address = address.format(server=registry.address)
    assert registry.fetch() == 0
    assert registry.files() == {}
    assert "infra/vendor/fetch.py" in capsys.readouterr().out


def test_npm_is_asked_where_it_is_there(registry, tmp_path):
    assert registry.fetch_with_npm(tmp_path, 'echo "$@" > $(dirname $0)/asked\n' + PACKS) == 0
    assert registry.files() == {"viewer.js": b"viewer", "LICENSE": b"licence"}
    assert (tmp_path / "asked").read_text().startswith("pack viewer@1.0 ")
    assert registry.asked == []


def test_what_npm_brings_is_held_against_the_pin(registry, tmp_path, capsys):
    registry.pin(integrity=b"another package")
    assert registry.fetch_with_npm(tmp_path, PACKS) == 1
    assert registry.files() == {}
    assert "refused" in capsys.readouterr().err


def test_an_npm_that_fails_is_told_in_one_line(registry, tmp_path, capsys):
    assert registry.fetch_with_npm(tmp_path, "echo no network >&2; exit 7") == 0
    assert registry.files() == {}
    (line,) = capsys.readouterr().out.splitlines()
    assert "npm pack failed with status 7" in line
    assert "galleries do without" in line


def test_with_neither_npm_nor_an_address_it_says_so_in_one_line(registry, capsys):
    assert fetch({}, registry.pins, registry.target) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "npm is not installed, and NPM_CONFIG_REGISTRY names no registry" in line
    assert registry.files() == {}


def test_only_right_files_count_as_here_and_are_published(tmp_path, monkeypatch):
    monkeypatch.setattr(vendored, "pins", lambda: {"a.js": hashlib.sha256(b"a").hexdigest(), "b.js": "00" * 32})
    (tmp_path / "a.js").write_bytes(b"a")
    (tmp_path / "b.js").write_bytes(b"b")
    (tmp_path / "stranger.js").write_bytes(b"c")
    assert list(vendored.vendored_files(tmp_path)) == [("a.js", b"a")]
    assert vendored.missing_files(tmp_path) == ["b.js"]


def test_the_gallery_carries_the_viewer_with_its_licence_where_it_is_here():
    here = {f"assets/vendor/{name}" for name in vendored.pins()} - {
        f"assets/vendor/{name}" for name in vendored.missing_files()
    }
    assert {path for path, _ in gallery.site_files() if path.startswith("assets/vendor/")} == here
    assert vendored.VIEWER in vendored.pins()


def test_the_doctor_tells_when_the_viewer_is_missing(monkeypatch):
    settings = Settings(_env_file=None)
    monkeypatch.setattr(vendored, "missing_files", lambda: ["openseadragon.min.js"])
    finding = doctor_checks.check_viewer(settings)
    assert finding.verdict == "note"
    assert "fetch.py" in finding.cure
    monkeypatch.setattr(vendored, "missing_files", list)
    assert doctor_checks.check_viewer(settings).verdict == "ok"
