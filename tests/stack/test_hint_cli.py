"""``restoration hint``: colours given, listed and taken back in a terminal."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from restoration import cli
from restoration.cli import app
from restoration.errors import UsageError
from restoration.settings import get_settings
from tests.stack import catalog_builder as build
from tests.stack.reviewable import restore
from tests.unit.standins import astronaut, gray, hopper, png

pytestmark = pytest.mark.stack

DRESS = ("--at", "0.42,0.61", "--colour", "#3B5BA9", "--ground", "writing", "--said-by", "Ada's daughter")
BY = ("--by", "Eve Kim")


@pytest.fixture
def family(catalog):
    with catalog.begin() as conn:
        collection = build.add_collection(conn)
        restore(conn, collection, 1)
    return collection


@pytest.fixture
def command(family, catalog_url, monkeypatch):
    """The command as the publisher's login runs it; a wide terminal."""
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("curator"))
    monkeypatch.setenv("COLUMNS", "220")
    get_settings.cache_clear()

    def run(*words: str):
        return CliRunner().invoke(app, ["hint", *words], catch_exceptions=False)

    yield run
    get_settings.cache_clear()


def given(command, *more: str) -> list[dict]:
    return json.loads(command("list", "family", "--json", *more).stdout)


def test_a_hint_is_given_and_it_is_said_what_happens_next(command):
    words = ("--what", "the dress", "--source", "her letter of May 1931", "--said-on", "1998", "--radius", "0.01")
    said = command("add", "family", "ada.tif", *DRESS, *words, *BY).stdout
    (hint,) = given(command)
    assert said.splitlines()[0] == (
        f"hint {hint['hint_id']}: blue (#3b5ba9) for the dress of family/ada.tif, at 0.42,0.61; by Ada's daughter, "
        "from writing"
    )
    assert "the next run paints it" in said
    assert 'trigger it with the DAG restore_collection in Airflow, {"collection": "family"}' in said
    del hint["added_at"]
    assert hint == {
        "hint_id": hint["hint_id"],
        "object_key": "family/ada.tif",
        "place": [[0.42, 0.61]],
        "radius": 0.01,
        "colour": "#3b5ba9",
        "word": "blue",
        "what": "the dress",
        "ground": "writing",
        "source": "her letter of May 1931",
        "said_by": "Ada's daughter",
        "said_on": "1998",
        "given_through": "terminal",
        "added_by": "Eve Kim",
        "removed_at": None,
        "holds": True,
        "shown": False,
        "met": False,
    }


def test_an_area_has_corners_and_a_nightly_collection_needs_nobody(catalog, command):
    with catalog.begin() as conn:
        conn.execute(sa.text("UPDATE collection SET nightly = true"))
    place = ("--at", "10%,10%; 30%,10%; 20%,30%")
    said = command("add", "family", "bob.tif", *place, *DRESS[2:], *BY).stdout
    assert "the next nightly run paints it; trigger it sooner with" in said
    assert given(command)[0]["place"] == [[0.1, 0.1], [0.3, 0.1], [0.2, 0.3]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--at", "here"), "is no place"),
        (("--colour", "blue"), "is no colour"),
        (("--ground", "guess"), "'guess' is no ground; it is memory, writing, object, photograph or rule"),
        (("--radius", "0.5"), "radius"),
        (("--said-by", " "), "who knows the colour"),
        (("--by", ""), "who put it on record"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_given(command, change, message):
    with pytest.raises(UsageError, match=message):
        command("add", "family", "ada.tif", *DRESS, *BY, *change)
    assert given(command) == []


def test_a_recipe_that_paints_nothing_is_named(catalog, command):
    with catalog.begin() as conn:
        conn.execute(sa.text("UPDATE collection SET recipe = 'grade-only'"))
    said = command("add", "family", "ada.tif", *DRESS, *BY).stdout
    assert "the recipe grade-only of this collection paints no colours: hints wait for one that does" in said
    assert "trigger" not in said


def test_the_list_says_where_each_stands_and_never_moves_the_terminal(catalog, command):
    for key in ("ada.tif", "bob.tif", "cat.tif", "dan.tif"):
        command("add", "family", key, *DRESS, *BY, "--what", "the \x1b[31mdress")
    ada, bob, cat, dan = (one["hint_id"] for one in given(command))
    with catalog.begin() as conn:
        painted = sa.text("UPDATE photo SET hint_ids = ARRAY[CAST(:h AS bigint)] WHERE object_key = :key")
        conn.execute(painted, {"h": ada, "key": "family/ada.tif"})
        conn.execute(painted, {"h": dan, "key": "family/dan.tif"})
        conn.execute(sa.text("UPDATE restoration SET variant = 'hinted'"))
        conn.execute(sa.text("UPDATE photo SET current = false WHERE object_key = 'family/cat.tif'"))
    assert "hint" in command("remove", "family", str(dan), *BY).stdout
    said = command("list", "family", "--removed").stdout
    lines = {number: line for number in (ada, bob, cat, dan) for line in said.splitlines() if f"│ {number} " in line}
    assert "shown" in lines[ada]
    assert "waits for the next run" in lines[bob]
    assert "the scan was replaced: give it anew" in lines[cat]
    assert "taken back, shown until the next run" in lines[dan]
    assert "\x1b[31m" not in said
    assert [one["hint_id"] for one in given(command, "--removed")] == [ada, bob, cat, dan]
    assert [one["hint_id"] for one in given(command)] == [ada, bob, cat]
    assert [one["hint_id"] for one in json.loads(command("list", "family", "bob.tif", "--json").stdout)] == [bob]


def test_a_list_of_nothing_says_so(command):
    assert command("list", "family").stdout == "no hints\n"


def test_a_hint_is_taken_back_once_and_on_record(catalog, command):
    command("add", "family", "ada.tif", *DRESS, *BY)
    (number,) = (one["hint_id"] for one in given(command))
    said = command("remove", "family", str(number), "--reason", "it was her sister's", *BY).stdout
    assert said.splitlines()[0] == f"hint {number} of family/ada.tif no longer holds"
    assert "the next run paints the photograph without it" in said
    assert command("remove", "family", str(number), *BY).stdout == f"hint {number} was taken back already\n"
    with catalog.connect() as conn:
        told = conn.execute(sa.text("SELECT removed_by, removal_reason FROM audit.colour_hint")).all()
    assert [tuple(row) for row in told] == [("Eve Kim", "it was her sister's")]
    with pytest.raises(UsageError, match="has no hint 4711"):
        command("remove", "family", "4711", *BY)


@pytest.fixture
def views(command, family, role_engine, s3, monkeypatch):
    """A gray scan, and another view of the same in colour, in the store and the catalog."""
    for name, value in s3.environment("admin").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    truth = astronaut()
    height, width = truth.shape[:2]
    there = np.ascontiguousarray(truth[height // 10 :, width // 8 :][:, ::-1] ** 1.3)
    with role_engine("owner").begin() as conn:
        for key, pixels in (("ada.tif", gray(truth)), ("bob.tif", there), ("cat.tif", hopper())):
            s3.client("admin").put_object(Bucket="originals", Key=f"family/{key}", Body=png(pixels))
        assert conn.execute(sa.text("SELECT count(*) FROM photo")).scalar_one() >= 3


@pytest.mark.usefixtures("views")
def test_a_photograph_in_colour_suggests_colours_and_they_are_saved_only_if_asked(command):
    shown = command("suggest", "family", "ada.tif", "--from", "bob.tif").stdout
    assert shown.count("#") >= 6
    assert given(command) == []
    saved = command("suggest", "family", "ada.tif", "--from", "bob.tif", "--save", "--what", "the flag", *BY).stdout
    assert "on record as hints" in saved
    hints = given(command)
    assert len(hints) == shown.count("#")
    assert {(one["ground"], one["said_by"], one["source"]) for one in hints} == {
        ("photograph", "Eve Kim", "the colours of family/bob.tif")
    }


@pytest.mark.usefixtures("views")
def test_a_photograph_of_something_else_suggests_nothing(command):
    assert "looks enough like" in command("suggest", "family", "ada.tif", "--from", "cat.tif", "--save", *BY).stdout
    assert given(command) == []
    with pytest.raises(UsageError, match="no colours of its own"):
        command("suggest", "family", "bob.tif", "--from", "ada.tif")
    with pytest.raises(UsageError, match="its own colours"):
        command("suggest", "family", "ada.tif", "--from", "ada.tif")
    with pytest.raises(UsageError, match="--by"):
        command("suggest", "family", "ada.tif", "--from", "cat.tif", "--save")


def test_a_login_without_rights_is_told_so_in_a_sentence(family, catalog_url, monkeypatch, capsys):
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("auditor"))
    monkeypatch.setattr("sys.argv", ["restoration", "hint", "list", family.name])
    get_settings.cache_clear()
    with pytest.raises(SystemExit) as end:
        cli.main()
    get_settings.cache_clear()
    assert end.value.code == 3
    said = capsys.readouterr().err
    assert "the catalog refuses this login (" in said
    assert "restoration catalog roles" in said
    assert len(said.splitlines()) == 1
