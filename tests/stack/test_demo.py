"""The demo: a folder becomes a published, audited archive; nothing is done twice; interrupted, nothing stays."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from restoration.cli import app
from restoration.cli.demo_view import TerminalReporter, show_result
from restoration.errors import EnvironmentProblem, UsageError
from restoration.ingest.survey import files_below
from restoration.ingest.upload import upload
from restoration.local.demo import Demo, DemoRequest, demo_collection
from restoration.local.process import members
from restoration.local.s3_rights import ORIGINALS
from restoration.local.stack import stack_folder
from restoration.names import slug
from restoration.settings import get_settings
from restoration.storage.s3 import ObjectStore

pytestmark = [pytest.mark.stack, pytest.mark.airflow]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two scans, a copy of one, a file that is none, and a hidden one."""
    folder = tmp_path_factory.mktemp("demo photos") / "Älbum 1912"
    (folder / "inner").mkdir(parents=True)
    generator = np.random.default_rng(7)
    for number, name in enumerate(("one.png", "inner/two.png")):
        ramp = np.linspace(40, 200, 64 * 48).reshape(48, 64) + 10 * number
        pixels = np.clip(ramp + generator.normal(0, 6, ramp.shape), 0, 255).astype(np.uint8)
        Image.fromarray(np.stack([pixels] * 3, axis=-1)).save(folder / name)
    shutil.copy(folder / "one.png", folder / "one again.png")
    (folder / "page.jpg").write_text("<html>not found</html>")
    (folder / ".hidden").write_text("x")
    return folder


def run_demo(stack, photos, **values):
    console = Console(width=160, record=True, file=io.StringIO())
    with TerminalReporter(console) as reporter:
        result = Demo(stack, DemoRequest(photos=photos, recipe="grade-only", **values), reporter).run()
        show_result(console, result)
        return result, console.export_text()


@pytest.fixture(scope="module")
def first(stack, photos):
    return run_demo(stack, photos)


def test_a_folder_becomes_a_published_archive(first, stack):
    result, text = first
    assert result.state == "success", text
    assert result.collection == "album-1912"
    columns, rows = result.photos
    states = {row[columns.index("object_key")]: row[columns.index("state")] for row in rows}
    assert states == {
        "album-1912/one.png": "restored",
        "album-1912/one again.png": "restored",
        "album-1912/inner/two.png": "restored",
        "album-1912/page.jpg": "rejected",
    }
    assert (result.outcome.planned, result.outcome.restored, result.outcome.linked) == (4, 2, 1)
    assert (result.archive / "index.html").is_file()
    assert result.archive == stack.root / "archive" / "album-1912" / "v0001"


def test_it_shows_tables_failures_and_addresses(first):
    _, text = first
    assert re.search(r"^archive: /\S+/v0001$", text, re.MULTILINE)
    assert re.search(r"^gallery: file:///\S+/index\.html$", text, re.MULTILINE)
    assert "page.jpg" in text[text.index("Failures") :]
    assert "0 of 4 photographs are AI-altered" in text
    assert "Consent of the people shown is registered as granted" in text
    assert "1 rejected" in text
    assert "2 of 4 photographs were restored by this run" in text


def test_again_nothing_is_restored_twice_nor_published_anew(first, stack, photos):
    result, text = run_demo(stack, photos)
    assert result.state == "success"
    assert result.outcome.planned == 0
    assert result.version == 1
    assert "Nothing to restore" in text
    assert "0 files uploaded" in text


@pytest.fixture
def as_curator(stack, monkeypatch):
    """The command line with the settings that `make up` writes for the curator."""
    for name, value in stack.environment("admin").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield CliRunner()
    get_settings.cache_clear()


def test_a_folder_is_uploaded_restored_and_followed_in_a_terminal(as_curator, photos):
    assert as_curator.invoke(app, ["upload", str(photos), "album-by-hand", "--recipe", "grade-only"]).exit_code == 0
    parked = as_curator.invoke(app, ["restore", "album-by-hand", "--follow"])
    assert parked.exit_code == 0, parked.output
    # consent is unknown: nothing is published before a person has said so
    assert "waits for a person's approval" in parked.output
    assert "restoration publish album-by-hand --approved-by WHO --words WHY" in parked.output
    as_curator.invoke(app, ["upload", str(photos), "album-by-hand", "--consent", "granted"])
    done = as_curator.invoke(app, ["restore", "album-by-hand", "--follow"])
    assert done.exit_code == 0, done.output
    assert "The run ended well" in done.output


def test_a_misspelt_collection_starts_no_run_and_a_misspelt_source_fails_it_with_a_hint(as_curator, stack, photos):
    nothing = as_curator.invoke(app, ["restore", "album-1913", "--follow"])
    assert isinstance(nothing.exception, UsageError)
    add = ["collection", "add", "album-elsewhere", "s3://originals/album-191/", "--recipe", "grade-only"]
    assert as_curator.invoke(app, add).exit_code == 0
    failed = as_curator.invoke(app, ["restore", "album-elsewhere", "--follow"])
    assert failed.exit_code == 1, failed.output
    assert "did you mean s3://originals/album-1912/?" in failed.output


def test_a_refused_trigger_says_why(stack, photos):
    with pytest.raises(EnvironmentProblem, match="batch_size"):
        run_demo(stack, photos, collection="refused-trigger", batch_size=100_000)


def test_a_run_that_fails_is_a_failure_with_the_tail_of_its_log(stack, photos):
    class Misled(Demo):
        def _conf(self):
            return super()._conf() | {"source": "s3://no-such-bucket/here/"}

    console = Console(width=160, record=True, file=io.StringIO())
    with TerminalReporter(console) as reporter:
        result = Misled(stack, DemoRequest(photos, "grade-only", "misled"), reporter).run()
    show_result(console, result)
    assert result.state == "failed"
    assert "ingest" in result.failed_tasks
    text = console.export_text()
    assert "no-such-bucket" in text[text.index("task ingest failed") :]
    assert "archive:" not in text


def test_upload_sends_what_is_new_or_changed_and_deletes_nothing(s3, tmp_path):
    store = ObjectStore(s3.client())
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    first = upload(store, ORIGINALS, "upload/", tmp_path, files_below(tmp_path))
    assert (first.sent, first.already_there) == (2, 0)
    (tmp_path / "b.jpg").write_bytes(b"B.jpg")
    (tmp_path / "a.jpg").unlink()
    second = upload(store, ORIGINALS, "upload/", tmp_path, files_below(tmp_path))
    assert (second.sent, second.already_there, second.bytes_sent) == (1, 0, 5)
    third = upload(store, ORIGINALS, "upload/", tmp_path, files_below(tmp_path))
    assert (third.sent, third.already_there) == (0, 1)
    keys = {found.key for page in store.list_pages(ORIGINALS, "upload/") for found in page}
    assert keys == {"upload/a.jpg", "upload/b.jpg"}


def test_files_below_leaves_out_hidden_ones_and_links_that_lead_out(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "secret.txt"
    (inside / ".git").mkdir(parents=True)
    (inside / ".git" / "config").write_text("x")
    (inside / "a.jpg").write_text("x")
    outside.write_text("x")
    (inside / "link.jpg").symlink_to(outside)
    assert files_below(inside) == [inside / "a.jpg"]
    with pytest.raises(UsageError, match="not a folder"):
        files_below(tmp_path / "none")
    (inside / "a.jpg").unlink()
    with pytest.raises(UsageError, match="holds no files"):
        files_below(inside)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Älbum 1912", "album-1912"), ("  old  ", "old"), ("a" * 90, "a" * 63), ("x_y.z", "x-y-z")],
)
def test_slug(text, name):
    assert slug(text) == name


def test_a_folder_whose_name_makes_no_collection_is_refused(tmp_path):
    assert slug("!!!") == ""
    with pytest.raises(UsageError, match="--collection"):
        _ = DemoRequest(tmp_path / "!!!").collection_name


def test_demo_collection_is_built_once(tmp_path, monkeypatch):
    from restoration.synthetic import demo_collection as maker

    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "scans").mkdir(parents=True, exist_ok=True)
        (folder / "scans" / "a.jpg").write_bytes(b"a")
        return [folder / "scans" / "a.jpg"]

    monkeypatch.setattr(maker, "build", build)
    assert (
        demo_collection(tmp_path) == demo_collection(tmp_path) == (tmp_path / "scans", [tmp_path / "scans" / "a.jpg"])
    )
    assert calls == [tmp_path]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demo_leaves_no_process(sign):
    name = f"test-{os.getpid()}-{sign.name.lower()}"
    folder = stack_folder(name)
    command = [sys.executable, "-m", "restoration", "demo", "--name", name]
    try:
        with subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as demo:
            deadline = time.monotonic() + 300
            # asked once a round: the first processes only set the others up, and may be gone when asked again
            while (running := len(members(folder))) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert running >= 2
            demo.send_signal(sign)
            output = demo.communicate(timeout=300)[0].decode()
        assert demo.returncode == 130, output
        assert "Interrupted" in output
        assert members(folder) == []
        assert not any(str(folder) in " ".join(line) for line in command_lines())
    finally:
        subprocess.run([sys.executable, "-m", "restoration", "down", "--name", name], check=True, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def command_lines() -> list[list[str]]:
    import psutil

    found = psutil.process_iter(["cmdline"])
    return [process.info["cmdline"] or [] for process in found if process.pid != os.getpid()]
