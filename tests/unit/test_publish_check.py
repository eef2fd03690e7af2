"""``restoration verify``: a whole archive passes; whatever is wrong with another is named, file by file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from typer.testing import CliRunner

from restoration.cli import app
from restoration.errors import UsageError
from restoration.publish.check import ArchiveCheck, check_archive
from restoration.publish.credentials import Credentials
from restoration.publish.export import export_publication
from restoration.publish.photos import spool_photos
from restoration.publish.stage import Stage
from tests.filled import filled_png, filled_record
from tests.small_pictures import jpeg, png
from tests.stack.memory_store import MemoryStore
from tests.unit.test_publish_files import publishable
from tests.unit.test_publish_premis import event

FACTS = {
    "name": "album",
    "title": "An album",
    "rights": "Public domain",
    "contact": "kim@example.org",
    "consent": "granted",
    "sensitivity": "normal",
    "version": 3,
    "published_at": "2026-11-21T04:00:00+00:00",
    "photos": 3,
    "shown": 2,
    "states": {"restored": 2, "rejected": 1},
    "content_sha256": "cd" * 32,
    "event_chain_head": "ef" * 32,
}
PICTURE = "data/photos/00000001.png"


def built(folder: Path, credentials: Credentials | None = None, *, filled: bool = False, **facts: object) -> Path:
    """An archive of three photographs, by the publisher's own code; of the first one parts may have been filled."""
    store = MemoryStore()
    photos = [publishable(3, "rejected", output=None, previews=None, reason="truncated")]
    for number in (1, 2):
        data = png(f"picture {number}")
        key = store.write_content("restored", data, "png", "image/png")
        preview = store.write_content("restored", jpeg(f"picture {number}"), "jpg", "image/jpeg")
        output = {"key": key, "sha256": hashlib.sha256(data).hexdigest(), "format": "png", "width": 40, "height": 30}
        more = {}
        if filled and number == 1:
            store.write_content("restored", filled_png(), "png", "image/png")
            more = filled_record()
        events = [event(number, "restoration", restoration_id=number)]
        previews = {"before": preview, "after": preview}
        photos.append(publishable(number, output=output, previews=previews, events=events, **more))
    work = folder / "work"
    work.mkdir()
    spool = spool_photos(photos, work / "photos.jsonl", {})
    written = Stage(store, "restored", "archive", "album/v0003/", work, credentials=credentials).write(
        spool, FACTS | facts
    )
    out = folder / "whole"
    uri = "s3://archive/album/v0003/"
    assert export_publication(store, uri, out, manifest_sha256=written.manifest_sha256) == written.files
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("archive"))


@pytest.fixture
def archive(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "archive")


def seal_of(folder: Path) -> str:
    return hashlib.sha256((folder / "tagmanifest-sha256.txt").read_bytes()).hexdigest()


def found(check: ArchiveCheck) -> set[tuple[str, str]]:
    return {(problem.code, problem.path) for problem in check.problems}


def change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def seal_again(folder: Path) -> None:
    """Write all manifests anew, as a forger would who changed something."""
    for kind, algorithm in ((k, a) for k in ("manifest", "tagmanifest") for a in ("sha256", "sha512")):
        manifest = folder / f"{kind}-{algorithm}.txt"
        paths = [line.split("  ", 1)[1] for line in manifest.read_text().splitlines()]
        lines = (f"{hashlib.new(algorithm, (folder / path).read_bytes()).hexdigest()}  {path}\n" for path in paths)
        manifest.write_text("".join(list(lines)))


def test_a_whole_archive_is_whole(whole):
    check = check_archive(whole, seal_sha256=seal_of(whole).upper())
    assert check.problems == []
    assert (check.identifier, check.premis_objects, check.seal_sha256) == ("album/v0003", 6, seal_of(whole))
    files = [path for path in whole.rglob("*") if path.is_file()]
    assert (check.files, check.bytes) == (len(files), sum(path.stat().st_size for path in files))
    assert bagit.Bag(str(whole)).validate()


def damages() -> dict[str, tuple[Callable[[Path], object], set[tuple[str, str]]]]:
    """What happens to an archive, and what must be found."""
    stale = {("changed", "manifest-sha256.txt")}
    return {
        "a changed byte": (lambda a: change(a / PICTURE, b"1", b"2"), {("changed", PICTURE)}),
        "a changed tag file": (lambda a: change(a / "index.html", b"<", b">"), {("changed", "index.html")}),
        "a missing picture": (
            lambda a: (a / PICTURE).unlink(),
            {("missing", PICTURE), ("changed", "bag-info.txt")},
        ),
        "a missing tag file": (lambda a: (a / "README.txt").unlink(), {("missing", "README.txt")}),
        "an extra payload file": (lambda a: (a / "data" / "x.txt").write_text("x"), {("extra", "data/x.txt")}),
        "an extra tag file": (lambda a: (a / "x.txt").write_text("x"), {("extra", "x.txt")}),
        "a file replaced by a link": (
            lambda a: ((a / PICTURE).unlink(), (a / PICTURE).symlink_to("00000002.png")),
            {("extra", PICTURE), ("changed", "bag-info.txt")},
        ),
        "a link to a folder": (lambda a: (a / "data" / "up").symlink_to(".."), {("extra", "data/up")}),
        "a manifest cut in a line": (
            lambda a: (a / "manifest-sha256.txt").write_bytes((a / "manifest-sha256.txt").read_bytes()[:-30]),
            stale | {("malformed", "manifest-sha256.txt")},
        ),
        "a manifest without its last line": (
            lambda a: change(
                a / "manifest-sha256.txt", (a / "manifest-sha256.txt").read_bytes().splitlines(True)[-1], b""
            ),
            stale | {("unlisted", "data/archive.json")},
        ),
        "a manifest that is gone": (
            lambda a: (a / "manifest-sha256.txt").unlink(),
            {("missing", "manifest-sha256.txt")},
        ),
        "a tag manifest that is gone": (
            lambda a: (a / "tagmanifest-sha512.txt").unlink(),
            {("missing", "tagmanifest-sha512.txt")},
        ),
        "another declaration": (
            lambda a: change(a / "bagit.txt", b"1.0", b"0.97"),
            {("changed", "bagit.txt"), ("malformed", "bagit.txt")},
        ),
    }


@pytest.mark.parametrize("damage", damages())
def test_damage_is_found_and_named(archive, damage):
    harm, expected = damages()[damage]
    harm(archive)
    check = check_archive(archive)
    assert found(check) == expected
    assert not check.ok


@pytest.mark.parametrize(
    "damage", ["a changed byte", "a missing picture", "an extra payload file", "a changed tag file"]
)
def test_the_library_of_congresss_tool_agrees(archive, damage):
    damages()[damage][0](archive)
    assert not bagit.Bag(str(archive)).is_valid()


def test_a_manifest_that_leads_outside_is_refused(archive):
    line = (archive / "manifest-sha256.txt").read_bytes().splitlines(keepends=True)[0]
    change(archive / "manifest-sha256.txt", line, line[:66] + b"data/../../outside\n")
    assert ("malformed", "manifest-sha256.txt") in found(check_archive(archive))


def test_premis_that_disagrees_with_the_manifests_is_found_even_when_all_is_sealed_again(archive):
    document = archive / "data" / "premis" / "photos-00000.xml"
    digest = hashlib.sha512((archive / PICTURE).read_bytes()).hexdigest()
    change(document, digest.encode(), b"0" * 128)
    seal_again(archive)
    check = check_archive(archive)
    assert found(check) == {("premis", PICTURE)}
    assert digest in check.problems[0].message


def test_a_picture_of_which_premis_does_not_speak_is_found(archive):
    change(archive / "data" / "premis" / "photos-00000.xml", b">bag path<", b">bag_path<")
    seal_again(archive)
    assert {code for code, _ in found(check_archive(archive))} == {"premis"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<premis",
        "<other/>",
        '<premis xmlns="http://www.loc.gov/premis/v3" version="2.2"/>',
        '<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        '<premis xmlns="http://www.loc.gov/premis/v3" version="3.0"><object>&b;</object>',
    ],
)
def test_a_document_that_is_no_premis_is_a_problem_and_no_crash(archive, text):
    (archive / "data" / "premis" / "collection.xml").write_text(text)
    assert ("premis", "data/premis/collection.xml") in found(check_archive(archive))


def test_a_forger_who_seals_again_is_found_by_the_seal_alone(archive, whole):
    change(archive / "README.txt", b"never", b"often")
    seal_again(archive)
    assert check_archive(archive).ok
    assert found(check_archive(archive, seal_sha256=seal_of(whole))) == {("seal", "tagmanifest-sha256.txt")}


def test_a_folder_without_archive_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no bagit\.txt"):
        check_archive(tmp_path)


def test_command_line(archive, tmp_path):
    run = CliRunner().invoke
    good = run(app, ["verify", str(archive), "--seal", seal_of(archive)])
    assert good.exit_code == 0
    assert "the archive is whole" in good.output
    assert json.loads(run(app, ["verify", str(archive), "--json"]).output)["ok"] is True
    change(archive / PICTURE, b"1", b"2")
    bad = run(app, ["verify", str(archive)])
    assert bad.exit_code == 1
    assert f"changed: {PICTURE}: sha256 is" in bad.output
    told = json.loads(run(app, ["verify", str(archive), "--json"]).output)
    assert (told["ok"], told["problems"][0]["path"]) == (False, PICTURE)
