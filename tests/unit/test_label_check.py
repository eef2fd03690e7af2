"""What ``restoration verify`` says of labels where an archive promises none, or what it promises cannot be checked."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from restoration.errors import PublicationError
from restoration.publish import check as checking
from restoration.publish.check import check_archive
from restoration.publish.credentials import content_credentials
from restoration.publish.label_check import Promise
from restoration.publish.labels import label, read_labels
from restoration.publish.layout import content_type
from restoration.publish.parallel import Budget, in_parallel
from restoration.settings import Settings
from tests.certificates import Authority
from tests.filled import filled_png
from tests.small_pictures import png
from tests.unit.test_publish_check import PICTURE, built, found, seal_again


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    signing = Authority(folder).issue()
    return built(folder, content_credentials(Settings(_env_file=None, **signing.settings())))


@pytest.fixture
def archive(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "archive")


def rewrite_facts(folder: Path, **facts: object) -> None:
    path = folder / "data" / "archive.json"
    kept = {name: value for name, value in (json.loads(path.read_text()) | facts).items() if value != "gone"}
    path.write_text(json.dumps(kept))
    # the count of bytes is not the subject here
    info = folder / "bag-info.txt"
    files = [item for item in (folder / "data").rglob("*") if item.is_file()]
    oxum = f"Payload-Oxum: {sum(item.stat().st_size for item in files)}.{len(files)}"
    lines = [oxum if line.startswith("Payload-Oxum") else line for line in info.read_text().splitlines()]
    info.write_text("\n".join(lines) + "\n")
    seal_again(folder)


def test_a_signed_archive_counts_its_pictures(archive):
    check = check_archive(archive)
    assert (check.problems, check.labelled, check.signed, check.notes) == ([], 6, 6, [])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("filled"), filled=True)


MASK = "data/masks/00000001.png"


def test_a_mask_is_checked_like_every_picture(filled):
    check = check_archive(filled)
    assert check.ok
    assert (check.labelled, check.premis_objects) == (7, 7)


@pytest.mark.parametrize("forgery", ["picture", "preview", "scan", "mask", "plain mask"])
def test_a_picture_and_its_mask_cannot_disagree_about_what_was_filled(filled, tmp_path, forgery):
    folder = shutil.copytree(filled, tmp_path / "archive")
    paths = {
        "picture": PICTURE,
        "preview": "data/previews/00000001-after.jpg",
        "scan": "data/previews/00000001-before.jpg",
        "mask": MASK,
        "plain mask": MASK,
    }
    path = folder / paths[forgery]
    kind = content_type(path.name)
    data = path.read_bytes()
    said = read_labels(data, kind)
    regions = read_labels((folder / MASK).read_bytes(), "image/png").regions if forgery == "scan" else said.regions[:1]
    path.write_bytes(filled_png() if forgery == "plain mask" else label(data, kind, replace(said, regions=regions)))
    rewrite_facts(folder)
    wrong = {path for code, path in found(check_archive(folder)) if code == "label"}
    both = {PICTURE, "data/previews/00000001-after.jpg"}
    assert wrong == {"mask": both, "plain mask": {MASK}}.get(forgery, {paths[forgery]})


def test_a_mask_that_was_taken_out_is_missed(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "archive")
    (folder / MASK).unlink()
    for algorithm in ("sha256", "sha512"):
        manifest = folder / f"manifest-{algorithm}.txt"
        lines = manifest.read_text().splitlines(keepends=True)
        manifest.write_text("".join(line for line in lines if not line.rstrip().endswith(MASK)))
    rewrite_facts(folder)
    assert ("label", PICTURE) in found(check_archive(folder))


def test_an_archive_from_before_the_labels_promises_nothing(archive):
    (archive / PICTURE).write_bytes(png("without label"))
    rewrite_facts(archive, labels="gone", credentials="gone")
    check = check_archive(archive)
    assert found(check) == {("premis", PICTURE)}
    assert (check.labelled, check.signed) == (0, 0)


def test_bag_info_alone_promises_credentials_too(archive):
    rewrite_facts(archive, credentials=None)
    assert Promise.of(archive).credentials
    (archive / "bag-info.txt").unlink()
    assert not Promise.of(archive).credentials


@pytest.mark.parametrize("text", ["", "[]", "{}", '"text"'])
def test_facts_that_cannot_be_read_are_a_problem_and_no_crash(archive, text):
    (archive / "data" / "archive.json").write_text(text)
    with pytest.raises(PublicationError, match="cannot be read as facts"):
        Promise.of(archive)
    assert ("malformed", "data/archive.json") in found(check_archive(archive))


def test_where_credentials_cannot_be_checked_that_is_said_and_labels_are(archive, monkeypatch):
    monkeypatch.setattr(checking, "can_check_credentials", lambda: False)
    check = check_archive(archive)
    assert (check.problems, check.labelled, check.signed) == ([], 6, 0)
    assert check.notes == ["content credentials were not checked: c2pa-python is not installed"]


def test_a_budget_lets_in_what_fits_and_the_too_large_alone():
    budget, lock, held, most = Budget(10), threading.Lock(), [], []
    together = threading.Event()

    def work(size: int) -> None:
        with budget.take(size):
            with lock:
                held.append(size)
                most.append(list(held))
                if len(held) > 1:
                    together.set()
            if size == 1:  # the first of all: it stays until another was let in beside it
                together.wait(60)
            with lock:
                held.remove(size)

    assert len(list(in_parallel(work, [1, 4, 6, 25, 3, 3, 3, 3, 10, 1] * 3, 8))) == 30
    assert all(sum(group) <= 10 or len(group) == 1 for group in most)
    assert any(len(group) > 1 for group in most)
