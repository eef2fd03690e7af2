"""``restoration divide``: what triage found, or a person drew, put on record in a terminal and taken back."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from restoration.catalog import work
from restoration.cli import app
from restoration.errors import UsageError
from restoration.settings import get_settings
from tests.stack import catalog_builder as build

pytestmark = pytest.mark.stack

FOUND = {
    "arrangement": "album_page",
    "photographs": [
        {"centre": [0.25, 0.5], "size": [0.3, 0.4], "angle": 0.0, "confidence": 0.97},
        {"centre": [0.75, 0.5], "size": [0.3, 0.4], "angle": -2.5, "confidence": 0.85},
    ],
}
BY = ("--by", "Eve Kim")


@pytest.fixture
def family(catalog):
    """Two leaves of an album, and a scan of one photograph, restored."""
    with catalog.begin() as conn:
        collection = build.add_collection(conn)
        build.listing(conn, collection, ["leaf1.tif", "leaf2.tif", "one.tif"])
        run = build.add_run(conn, collection)
        build.plan(conn, run)
        for batch in build.claimed(conn, run):
            for photo in batch.photos:
                name = photo.object_key.removeprefix("family/")
                build.lease(conn, batch.batch_id, photo.photo_id)
                more = {"several": FOUND} if name.startswith("leaf") else {}
                work.record_restored(conn, batch.batch_id, photo.photo_id, build.WORKER, build.restored(name, **more))
    return collection


@pytest.fixture
def command(family, catalog_url, monkeypatch):
    """The command as the ingest's login runs it; a wide terminal."""
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("ingest"))
    monkeypatch.setenv("COLUMNS", "220")
    get_settings.cache_clear()

    def run(*words: object) -> str:
        return CliRunner().invoke(app, ["divide", "family", *map(str, words)], catch_exceptions=False).stdout

    yield run
    get_settings.cache_clear()


def states(catalog) -> dict[str, str]:
    with catalog.connect() as conn:
        rows = conn.execute(sa.text("SELECT object_key, state::text FROM photo WHERE current"))
        return {key.removeprefix("family/"): state for key, state in rows}


def test_what_triage_found_is_divided_and_taken_back(catalog, command):
    assert command("leaf1.tif", *BY).splitlines() == [
        "family/leaf1.tif: divided",
        "  family/leaf1.tif#1.1: the next run restores it",
        "  family/leaf1.tif#1.2: the next run restores it",
    ]
    assert command("leaf1.tif", *BY) == "family/leaf1.tif: is divided already\n"
    assert states(catalog)["leaf1.tif"] == "skipped"
    assert command("leaf1.tif", "--undo", "--reason", "one print", *BY).splitlines() == [
        "family/leaf1.tif: is one photograph again",
        "  2 photographs are no longer there; their record stays",
    ]
    assert states(catalog) == dict.fromkeys(("leaf1.tif", "leaf2.tif", "one.tif"), "restored")


def test_all_that_was_found_at_once_and_first_only_to_look(catalog, command):
    said = command("--found", "--dry-run", *BY).splitlines()
    assert said[0] == "family/leaf1.tif: would be divided into 2"
    assert said[2] == "  2: 0.300 x 0.400 of the long side about 0.750, 0.500, turned by 2.5 degrees"
    assert set(states(catalog)) == {"leaf1.tif", "leaf2.tif", "one.tif"}
    command("--found", *BY)
    assert states(catalog)["leaf2.tif#1.2"] == "pending"
    assert command("--found", *BY) == "there is no scan on which triage found several photographs\n"


def test_boxes_that_a_person_corrected(catalog, command, tmp_path):
    parts = [{"centre": [0.3, 0.5], "size": [0.3, 0.4], "angle": 1.5, "file": "one-1.tif"}]
    record = {"scans": [{"source": "one.tif", "sha256": build.sha("one.tif"), "arrangement": "", "parts": parts}]}
    path = tmp_path / "parts.json"
    path.write_text(json.dumps(record))
    command("one.tif", "--boxes", path, *BY)
    with catalog.connect() as conn:
        told = conn.execute(sa.text("SELECT given_through, x, angle FROM audit.division")).all()
        boxes = conn.execute(sa.text("SELECT box FROM photo WHERE box IS NOT NULL")).scalars().all()
    assert told == [("boxes", 0.3, 1.5)]
    assert boxes == ["0.30000 0.50000 0.30000 0.40000 1.50"]
    with pytest.raises(UsageError, match="does not know this scan"):
        command("leaf1.tif", "--boxes", path, *BY)
    path.write_text("{}")
    with pytest.raises(UsageError, match="no record of parts"):
        command("leaf1.tif", "--boxes", path, *BY)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ((), "name the scans"),
        (("leaf1.tif", "--found"), "name the scans"),
        (("--found", "--undo"), "takes the names of scans"),
        (("one.tif",), "triage found no several photographs"),
        (("one.tif", "--undo"), "is not divided"),
        (("nobody.tif",), "has no photograph"),
    ],
)
def test_what_makes_no_sense_is_refused(command, words, match):
    with pytest.raises(UsageError, match=match):
        command(*words, *BY)


def test_a_login_that_may_not_change_photographs_may_not_divide_them(command, catalog_url, monkeypatch):
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("publisher"))
    get_settings.cache_clear()
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        command("leaf1.tif", *BY)
