"""Colours that people give: on record for ever, due again until painted, and a form of the recipe of their own."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import sqlalchemy as sa

from restoration.catalog import hints, wishes, withdrawals
from restoration.catalog.events import verify_chain
from restoration.catalog.publishing import iter_publishable
from restoration.colour_hints import ColourHint, HintGround
from restoration.engine.engine import Engine
from restoration.engine.recipe import parse_recipe, with_hints
from restoration.errors import UsageError
from restoration.models.loading import LoadedModels
from restoration.worker.batch import run_batch
from tests.stack import catalog_builder as build
from tests.stack.lab import Lab
from tests.unit.standins import gray, hopper, png

pytestmark = pytest.mark.stack

PAINTED = parse_recipe({"name": "painted", "steps": [{"step": "triage"}, {"step": "colorize"}]}, "test")
UNPAINTED = parse_recipe({"name": "unpainted", "steps": [{"step": "triage"}, {"step": "measure"}]}, "test")
BLUE = ColourHint(outline=((0.5, 0.8),), colour="#2c4f9e")
GREEN = ColourHint(outline=((0.1, 0.1), (0.3, 0.1), (0.2, 0.3)), colour="#3f6b35")


def said(hint: ColourHint = BLUE, **more) -> hints.NewHint:
    facts = {"said_by": "Ada's daughter", "subject": "the dress", "source": "her letter of May 1931"}
    return hints.NewHint(hint=hint, ground=HintGround.WRITING, **(facts | more))


@pytest.fixture
def family(catalog):
    with catalog.begin() as conn:
        collection = build.add_collection(conn)
        build.listing(conn, collection, ["ada.tif", "bob.tif"])
    return collection


def add(catalog, collection, *new, key="family/ada.tif", **more) -> list[int]:
    with catalog.begin() as conn:
        facts = {"given_through": "terminal", "person": "Eve"} | more
        return hints.add_hints(conn, collection.collection_id, key, new, **facts)


def test_a_hint_is_a_row_and_an_event_that_names_nobody(catalog, family):
    numbers = add(catalog, family, said(), said(GREEN, subject="the lawn"))
    with catalog.connect() as conn:
        known = hints.list_hints(conn, family.collection_id)
        events = conn.execute(sa.text("SELECT agent, detail FROM event WHERE event_type = 'colour_hint' ORDER BY seq"))
        told = [(row.agent, row.detail) for row in events]
        assert verify_chain(conn, family.collection_id).ok
    assert [one.hint_id for one in known] == numbers
    assert (known[0].hint, known[0].ground, known[0].said_by) == (BLUE, HintGround.WRITING, "Ada's daughter")
    assert known[0].holds
    assert not known[0].shown
    assert [agent for agent, _ in told] == ["Eve", "Eve"]
    assert told[0][1]["colour"] == "#2c4f9e"
    assert "daughter" not in json.dumps([detail for _, detail in told])
    assert told[0][1]["words_sha256"] != told[1][1]["words_sha256"]


def test_the_same_hint_is_given_once_by_a_list_that_is_read_every_night(catalog, family):
    first = add(catalog, family, said(), given_through="hints.csv", once=True)
    assert add(catalog, family, said(), said(GREEN), given_through="hints.csv", once=True) != first
    with catalog.begin() as conn:
        assert hints.remove_hint(conn, family.collection_id, first[0], person="Eve", reason="a mistake")
    assert add(catalog, family, said(), said(GREEN), given_through="hints.csv", once=True) == []
    with catalog.begin() as conn:
        assert not hints.remove_hint(conn, family.collection_id, first[0], person="Eve")
        assert [one.hint for one in hints.list_hints(conn, family.collection_id)] == [GREEN]
        gone = hints.list_hints(conn, family.collection_id, removed=True)
    assert [one.removed_at is None for one in gone] == [False, True]


def test_a_list_gives_a_photograph_no_more_than_64_either(catalog, family):
    many = [said(subject=f"thing {number}") for number in range(65)]
    with pytest.raises(UsageError, match="at most 64"):
        add(catalog, family, *many, given_through="hints.csv", once=True)
    assert len(add(catalog, family, *many[:64], given_through="hints.csv", once=True)) == 64
    assert add(catalog, family, *many[:64], said(subject=" thing 0 "), given_through="hints.csv", once=True) == []
    with pytest.raises(UsageError, match="64 hints hold, and 1 more"):
        add(catalog, family, *many, given_through="hints.csv", once=True)


def test_what_was_given_for_a_scan_that_was_replaced_is_told_apart(catalog, family):
    add(catalog, family, said(), given_through="hints.csv")
    add(catalog, family, said(GREEN))
    with catalog.begin() as conn:
        key = ("family/ada.tif", said())
        assert hints.given_before(conn, family.collection_id, "hints.csv") == {key: True}
        build.listing(conn, family, [build.listed("ada.tif", "another scan"), "bob.tif"])
        assert hints.given_before(conn, family.collection_id, "hints.csv") == {key: False}
    assert len(add(catalog, family, said(), given_through="hints.csv", once=True)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "family/nobody.tif"}, "no current scan"),
        ({"person": " "}, "who put it on record"),
        ({"given_through": "rumour"}, "not given through"),
    ],
)
def test_what_is_refused(catalog, family, change, message):
    with pytest.raises(UsageError, match=message):
        add(catalog, family, said(), **change)
    with pytest.raises(UsageError, match="who knows the colour"):
        add(catalog, family, said(said_by=""))
    with pytest.raises(UsageError, match="at most 64"):
        add(catalog, family, *[said(subject=f"button {number}") for number in range(65)])
    with pytest.raises(UsageError, match="at most 1000 characters"):
        add(catalog, family, said(source="x" * 1001))
    with pytest.raises(UsageError, match="who knows the colour"):
        add(catalog, family, said(said_by="\u200b\u202e"))
    with catalog.begin() as conn, pytest.raises(UsageError, match="has no hint 4711"):
        hints.remove_hint(conn, family.collection_id, 4711, person="Eve")


def test_what_is_on_record_already_is_not_given_twice(catalog, family):
    (number,) = add(catalog, family, said())
    with pytest.raises(UsageError, match=f"already as hint {number}"):
        add(catalog, family, said())
    with catalog.begin() as conn:
        hints.remove_hint(conn, family.collection_id, number, person="Eve")
    assert add(catalog, family, said()) != [number]


def test_words_cannot_turn_what_is_published(catalog, family):
    add(catalog, family, said(subject="the\u202e dress\x07", said_by=" Ada\u200b\n Byron "))
    with catalog.connect() as conn:
        (known,) = hints.list_hints(conn, family.collection_id)
    assert (known.subject, known.said_by) == ("the dress", "Ada Byron")


def test_a_withdrawn_photograph_takes_no_hint(catalog, family):
    with catalog.begin() as conn:
        withdrawals.withdraw(conn, family.collection_id, "family/ada.tif", reason="a wish", person="Eve")
    with pytest.raises(UsageError, match="withdrawn"):
        add(catalog, family, said())


def test_people_and_listings_lock_in_one_order(catalog, family):
    """A listing adds hints to many photographs, people to one of them, others take some back: nobody is the victim."""
    errors: list[Exception] = []

    def listing() -> None:
        keys = ["family/bob.tif", "family/ada.tif"]
        for number in range(25):
            with catalog.begin() as conn:
                hints.lock_photos(conn, family.collection_id, keys)
                for key in keys:
                    facts = {"given_through": "hints.csv", "person": "ingest", "once": True}
                    hints.add_hints(conn, family.collection_id, key, [said(subject=f"listed {number}")], **facts)

    def person(key: str) -> None:
        for number in range(25):
            (made,) = add(catalog, family, said(subject=f"{key} {number}"), key=key)
            with catalog.begin() as conn:
                hints.remove_hint(conn, family.collection_id, made, person="Eve")

    def guarded(work, *arguments) -> None:
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    everybody = [threading.Thread(target=guarded, args=(listing,))]
    everybody += [threading.Thread(target=guarded, args=(person, key)) for key in ("family/ada.tif", "family/bob.tif")]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
    assert errors == []


def test_rows_are_only_added_and_only_by_those_who_may(catalog, role_engine, family):
    (number,) = add(catalog, family, said())
    for role in ("ingest", "curator", "reviewer"):
        with role_engine(role).begin() as conn:
            hints.add_hints(
                conn,
                family.collection_id,
                "family/bob.tif",
                [said(subject=role)],
                given_through="terminal",
                person=role,
            )
        for change in ("UPDATE colour_hint SET colour = '#000000'", "DELETE FROM colour_hint"):
            with role_engine(role).begin() as conn, pytest.raises(sa.exc.ProgrammingError, match="denied"):
                conn.execute(sa.text(change))
    with role_engine("worker").begin() as conn, pytest.raises(sa.exc.ProgrammingError, match="denied"):
        hints.remove_hint(conn, family.collection_id, number, person="nobody")


def test_a_hint_holds_for_twins_of_the_collection_and_not_for_a_replaced_scan(catalog, family):
    with catalog.begin() as conn:
        conn.execute(sa.text("UPDATE photo SET content_sha256 = :sha"), {"sha": build.sha("same")})
    (number,) = add(catalog, family, said())
    with catalog.begin() as conn:
        ids = dict(conn.execute(sa.text("SELECT object_key, photo_id FROM photo")).all())
        for photo_id in ids.values():
            assert wishes.read_wishes(conn, photo_id) == wishes.Wishes(hint_ids=(number,), hints=(BLUE,))
        assert [one.hint_id for one in hints.hints_of_photo(conn, ids["family/bob.tif"])] == [number]
        build.listing(conn, family, [build.listed("ada.tif", "another scan"), "bob.tif"])
        newest = conn.execute(
            sa.text("SELECT photo_id FROM photo WHERE object_key = 'family/ada.tif' AND current")
        ).scalar_one()
        assert newest != ids["family/ada.tif"]
        assert wishes.read_wishes(conn, newest).hints == ()
        (old,) = hints.list_hints(conn, family.collection_id)
        assert not old.holds


# -- with the real engine --------------------------------------------------------------------------------------------


@pytest.fixture
def lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Lab:
    return Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path)


@pytest.fixture(scope="module")
def models() -> LoadedModels:
    return LoadedModels(device="cpu", threads=1)


@pytest.fixture
def run(lab, models):
    """Run a recipe over two scans; returns how they ended."""
    small = np.ascontiguousarray(gray(hopper())[::4, ::4])
    scans = {"ada.png": png(small), "bob.png": png(small[:, ::-1].copy())}
    with lab.runtime(engine=Engine(lab.settings, models=models)) as runtime:

        def once(number: int, recipe=PAINTED) -> dict[str, int]:
            ends: dict[str, int] = {}
            for batch in lab.plan(scans, recipe=recipe, run=f"run-{number}"):
                ends |= run_batch(runtime, str(batch)).photos
            return ends

        yield once


def shown(lab: Lab) -> dict[str, tuple[str, str, list[int], str]]:
    rows = lab.rows(
        "SELECT p.object_key, r.recipe_sha256, r.variant, p.hint_ids, r.output_sha256 "
        "FROM photo p JOIN restoration r USING (restoration_id) WHERE p.current ORDER BY p.object_key"
    )
    return {key.rpartition("/")[2]: tuple(facts) for key, *facts in rows}


def test_a_photograph_is_painted_anew_when_its_hints_change_and_as_before_without_them(lab, run):
    assert run(1) == {"restored": 2}
    plain = shown(lab)
    with lab.db.begin() as conn:
        collection_id = conn.execute(sa.text("SELECT collection_id FROM collection")).scalar_one()
        (number,) = hints.add_hints(
            conn, collection_id, f"{lab.name}/ada.png", [said()], given_through="terminal", person="Eve"
        )
    assert run(2) == {"restored": 1}
    hinted = shown(lab)
    assert hinted["bob.png"] == plain["bob.png"]
    recipe_sha256, variant, hint_ids, output = hinted["ada.png"]
    assert (recipe_sha256, variant, hint_ids) == (with_hints(PAINTED, [BLUE]).sha256, "hinted", [number])
    assert output != plain["ada.png"][3]
    ((detail,),) = lab.rows("SELECT detail FROM event WHERE event_type = 'restoration' AND detail ? 'hints'")
    assert detail["hints"] == [number]
    assert detail["variant"] == "hinted"
    ((given,),) = lab.rows(
        "SELECT parameters -> 'hints' FROM step_record WHERE step = 'colorize' AND parameters ? 'hints'"
    )
    assert ColourHint.model_validate(given[0]) == BLUE
    assert lab.rows("SELECT photos_painted_by_it FROM audit.colour_hint") == [(1,)]
    with lab.db.connect() as conn:
        told = {photo.object_key: photo.record["hints"] for photo in iter_publishable(conn, collection_id)}
    ((hint,),) = (given for given in told.values() if given)
    assert told[f"{lab.name}/bob.png"] == []
    assert (hint["hint_id"], hint["place"], hint["what"]) == (number, [[0.5, 0.8]], "the dress")
    assert run(3) == {}
    with lab.db.begin() as conn:
        assert [one.shown for one in hints.list_hints(conn, collection_id)] == [True]
        hints.remove_hint(conn, collection_id, number, person="Eve")
    assert run(4) == {"linked": 1}
    assert shown(lab) == plain


def test_a_recipe_that_paints_nothing_is_not_run_for_ever(lab, run):
    run(1, UNPAINTED)
    with lab.db.begin() as conn:
        collection_id = conn.execute(sa.text("SELECT collection_id FROM collection")).scalar_one()
        hints.add_hints(conn, collection_id, f"{lab.name}/ada.png", [said()], given_through="terminal", person="Eve")
    assert run(2, UNPAINTED) == {"linked": 1}
    with lab.db.begin() as conn:
        (known,) = hints.list_hints(conn, collection_id)
    assert (known.holds, known.met, known.shown) == (True, True, False)
    assert shown(lab)["ada.png"][1] == ""
    assert run(3, UNPAINTED) == {}
