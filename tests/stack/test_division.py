"""A scan that shows several photographs is divided: each is a photograph of its own; and it can be taken back."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator

import numpy as np
import pytest
import sqlalchemy as sa

from restoration.catalog.audit import run_query
from restoration.catalog.collections import get_collection
from restoration.catalog.divisions import divide, undo
from restoration.catalog.events import verify_chain
from restoration.catalog.fixity import originals_kept
from restoration.catalog.hints import NewHint, add_hints
from restoration.catalog.photo_names import find_key, find_scan
from restoration.catalog.planning import finish_run
from restoration.catalog.publishing import iter_publishable
from restoration.catalog.reaper import reap
from restoration.catalog.several import found_by_triage
from restoration.catalog.withdrawals import lift, withdraw
from restoration.colour_hints import ColourHint, HintGround
from restoration.divisions import make_box, make_layout, read_box
from restoration.engine.engine import Engine
from restoration.engine.recipe import parse_recipe
from restoration.errors import UsageError
from restoration.names import page_sha256
from restoration.publish.check import check_archive
from restoration.publish.export import export_collection
from restoration.publish.publisher import publish_collection
from restoration.publish.showing import showing_of
from restoration.settings import Settings
from restoration.synthetic.beds import Bed, laid_out
from restoration.worker.batch import run_batch
from tests.stack.lab import Lab
from tests.stack.stub_engine import BOXES, StubEngine
from tests.stack.test_pages import LIMITS, Killed, events, outputs, planned, restored
from tests.unit.picture_maker import photograph
from tests.unit.standins import png

pytestmark = pytest.mark.stack

BED = b"BED a"
SURE = b"SURE a"
SPLIT = parse_recipe({"name": "splits", "steps": [{"step": "triage", "several": "split"}]}, "test")
OTHER = make_layout([read_box(BOXES[0]), make_box(0.75, 0.5, 0.31, 0.42)], "prints_on_bed")


@pytest.fixture
def lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Iterator[Lab]:
    one = Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path, **LIMITS)
    yield one
    one.stop()


def number_of(conn) -> int:
    return conn.execute(sa.text("SELECT collection_id FROM collection")).scalar_one()


def divided(lab: Lab, name: str = "bed.png", layout=None, person: str = "Eve Kim"):
    """What triage found there, or a layout, put on record by a person."""
    with lab.db.begin() as conn:
        number, key = number_of(conn), f"{lab.name}/{name}"
        given = layout or found_by_triage(conn, number, key)
        through = "boxes" if layout else "triage"
        return divide(conn, number, key, given, given_through=through, person=person)


def undone(lab: Lab, name: str = "bed.png"):
    with lab.db.begin() as conn:
        return undo(conn, number_of(conn), f"{lab.name}/{name}", person="Eve Kim", reason="wrong boxes")


def withdrawn(lab: Lab, name: str) -> list[str]:
    with lab.db.begin() as conn:
        keys = withdraw(conn, number_of(conn), f"{lab.name}/{name}", reason="the family asked", person="Ada").keys
    return [key.rpartition("/")[2] for key in keys]


def in_force(lab: Lab) -> set[str]:
    rows = lab.rows("SELECT object_key FROM withdrawal WHERE lifted_at IS NULL")
    return {key.rpartition("/")[2] for (key,) in rows}


def shown(lab: Lab) -> dict[str, str]:
    """How each photograph is shown in an archive, by its name."""
    with lab.db.connect() as conn:
        photos = list(iter_publishable(conn, number_of(conn)))
    return {photo.object_key.rpartition("/")[2]: showing_of(photo.record).shown_as for photo in photos}


def cut(box: str, data: bytes = BED) -> bytes:
    return b"restored cut " + data + f" at {box}".encode()


class TestByAPerson:
    def test_the_parts_are_photographs_and_the_scan_is_none(self, lab):
        assert restored(lab, {"bed.png": BED}) == {"restored": 1}
        done = divided(lab)
        assert (done.made, done.scans) == (True, (f"{lab.name}/bed.png",))
        assert lab.states() == {"bed.png": "skipped", "bed.png#1.1": "pending", "bed.png#1.2": "pending"}
        assert lab.reasons()["bed.png"] == "divided"
        assert restored(lab, {}, "run-2") == {"restored": 2}
        assert outputs(lab) == {"bed.png#1.1": cut(BOXES[0]), "bed.png#1.2": cut(BOXES[1])}
        file, key = hashlib.sha256(BED).hexdigest(), f"{lab.name}/bed.png"
        columns = "file_key, part, page, box, content_sha256, file_sha256"
        assert lab.rows(f"SELECT {columns} FROM photo WHERE box IS NOT NULL ORDER BY part") == [
            (key, 1_001_001 + place, 1, box, page_sha256(file, 1, box), file) for place, box in enumerate(BOXES)
        ]
        assert lab.plan({}, run="run-3") == []
        assert restored(lab, {}, "run-4", force=True) == {"linked": 2}

    def test_the_decision_is_on_record_and_in_the_chain(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        file = hashlib.sha256(BED).hexdigest()
        (told,) = events(lab, "division")
        assert told.pop("division_id")
        assert told == {
            "source_sha256": file,
            "arrangement": "prints_on_bed",
            "boxes": list(BOXES),
            "given_through": "triage",
        }
        assert lab.rows("SELECT agent, run_id FROM event WHERE event_type = 'division'") == [("Eve Kim", None)]
        with lab.db.connect() as conn:
            assert verify_chain(conn, number_of(conn)).ok
        columns = "place, x, y, width, height, angle, given_through, decided_by, removed_at"
        assert lab.rows(f"SELECT {columns} FROM audit.division ORDER BY place") == [
            (1, 0.25, 0.5, 0.3, 0.4, 0.0, "triage", "Eve Kim", None),
            (2, 0.75, 0.5, 0.3, 0.4, -2.5, "triage", "Eve Kim", None),
        ]

    def test_the_audit_says_what_is_divided_and_what_is_not(self, lab, role_engine):
        restored(lab, {"bed.png": BED, "other.png": b"BED3 b"})
        divided(lab)
        rows = lab.rows("SELECT object_key, place, divided, part_key FROM audit.several ORDER BY 1, 2")
        key = f"{lab.name}/bed.png"
        assert rows[:2] == [(key, 1, True, f"{key}#1.1"), (key, 2, True, f"{key}#1.2")]
        assert [tuple(row[1:]) for row in rows[2:]] == [(1, False, None), (2, False, None), (3, False, None)]
        assert lab.rows("SELECT photos, skipped, divided FROM audit.collection") == [(4, 1, 1)]
        with role_engine("auditor").connect() as conn:
            names, answers = run_query(conn, "divisions", lab.name)
        told = [dict(zip(names, answer, strict=True)) for answer in answers]
        assert [(one["scans"], one["photographs"], one["decided_by"]) for one in told] == [([key], 2, "Eve Kim")]

    def test_dividing_it_so_again_changes_nothing(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        assert not divided(lab, layout=make_layout([read_box(box) for box in BOXES])).made
        assert len(events(lab, "division")) == 1

    def test_other_boxes_take_its_place_and_what_stays_keeps_its_name_and_restoration(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        restored(lab, {}, "run-2")
        again = divided(lab, layout=OTHER)
        assert [part.object_key.rpartition("#")[2] for part in again.parts] == ["1.1", "1.3"]
        assert lab.states() == {"bed.png": "skipped", "bed.png#1.1": "restored", "bed.png#1.3": "pending"}
        assert len(events(lab, "division_removal")) == 1
        assert restored(lab, {}, "run-3") == {"restored": 1}
        divided(lab, layout=make_layout([read_box(box) for box in BOXES]))
        assert lab.states() == {"bed.png": "skipped", "bed.png#1.1": "restored", "bed.png#1.2": "restored"}
        assert lab.plan({}, run="run-4") == []

    def test_taken_back_the_scan_shows_what_it_showed_and_its_parts_are_gone(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        restored(lab, {}, "run-2")
        back = undone(lab)
        assert (back.scans, back.parts) == ((f"{lab.name}/bed.png",), 2)
        assert outputs(lab) == {"bed.png": b"restored BED a"}
        assert lab.states() == {"bed.png": "restored"}
        assert lab.plan({}, run="run-3") == []
        assert shown(lab) == {"bed.png": "restored"}
        assert events(lab, "division_removal")[0]["words"] == "wrong boxes"
        divided(lab)  # and the same photographs are found again
        assert lab.states() == {"bed.png": "skipped", "bed.png#1.1": "restored", "bed.png#1.2": "restored"}
        assert restored(lab, {}, "run-4") == {}
        assert lab.rows("SELECT count(*) FROM photo") == [(3,)]

    @pytest.mark.parametrize(("data", "match"), [(b"BAD x", "only a scan that was read"), (b"OK x", None)])
    def test_what_cannot_be_divided(self, lab, data, match):
        restored(lab, {"bed.png": data})
        with pytest.raises(UsageError, match=match):
            divided(lab, layout=OTHER, person="Eve" if match else "\u200b ")
        with pytest.raises(UsageError, match="not divided" if match is None else match):
            undone(lab)

    def test_what_was_cut_out_is_not_divided_again(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        with pytest.raises(UsageError, match="cut out of a scan itself"):
            divided(lab, "bed.png#1.1", layout=OTHER)

    def test_a_page_of_a_file_is_divided_alone(self, lab):
        album = b"PAGES OK a|BED b|OK c"
        restored(lab, {"album.tif": album})
        divided(lab, "album.tif#2")
        assert restored(lab, {}, "run-2") == {"restored": 2}
        assert lab.reasons() == {
            "album.tif": None, "album.tif#2": "divided", "album.tif#3": None, "album.tif#2.1": None,
            "album.tif#2.2": None,
        }  # fmt: skip
        assert outputs(lab)["album.tif#2.2"] == cut(BOXES[1], b"BED b")
        file = hashlib.sha256(album).hexdigest()
        content = "SELECT content_sha256 FROM photo WHERE object_key LIKE '%#2.2'"
        assert lab.rows(content) == [(page_sha256(file, 2, BOXES[1]),)]

    def test_every_scan_with_these_bytes_is_divided_and_one_that_comes_later_unseen(self, lab):
        restored(lab, {"a.png": BED, "b.png": BED})
        assert len(divided(lab, "b.png").scans) == 2
        assert restored(lab, {"c.png": BED}, "run-2") == {"divided": 1, "restored": 2, "linked": 4}
        assert lab.reasons()["c.png"] == "divided"
        assert lab.rows("SELECT count(*) FROM restoration") == [(3,)]
        with lab.db.begin() as conn:
            assert finish_run(conn, lab.run_id).reasons["divided"] == 1
        assert len(undone(lab, "a.png").scans) == 3
        assert restored(lab, {}, "run-3") == {"linked": 1}
        assert set(lab.states()) == {"a.png", "b.png", "c.png"}

    def test_an_object_with_the_name_of_a_part_keeps_it(self, lab):
        restored(lab, {"bed.png": BED, "bed.png#1.1": b"OK own"})
        divided(lab)
        restored(lab, {}, "run-2")
        assert outputs(lab)["bed.png#1.1"] == b"restored OK own"
        assert outputs(lab)["bed.png##1.1"] == cut(BOXES[0])
        restored(lab, {"bed.png#1.2": b"OK late"}, "run-3")
        assert outputs(lab)["bed.png#1.2"] == cut(BOXES[1])
        assert outputs(lab)["bed.png#1.2#1"] == b"restored OK late"

    def test_words_and_colours_are_given_by_name_and_hints_of_the_scan_hold_for_none(self, lab):
        lab.put("metadata.csv", b"filename,title,rights\nbed.png,The lake,CC0\n")
        restored(lab, {"bed.png": BED})
        with lab.db.begin() as conn:
            hint = NewHint(ColourHint(outline=((0.5, 0.5),), colour="#336699"), HintGround.MEMORY, "Ada")
            add_hints(conn, number_of(conn), f"{lab.name}/bed.png", [hint], given_through="terminal", person="Ada")
        assert divided(lab).hints == 1
        lab.put("metadata.csv", b"filename,title,rights\nbed.png,The lake,CC0\nbed.png#1.2,Two,\n")
        lab.put("hints.csv", b'file,place,colour,ground,said_by\nbed.png#1.1,"0.5,0.5",#336699,memory,Ada\n')
        restored(lab, {}, "run-2")
        rows = lab.rows("SELECT box, dublin_core, cardinality(hint_ids) FROM photo ORDER BY part")
        assert rows == [
            (None, {"title": "The lake", "rights": "CC0"}, 0),
            (BOXES[0], {"rights": "CC0"}, 1),
            (BOXES[1], {"title": "Two"}, 0),
        ]
        with lab.db.connect() as conn:
            collection = get_collection(conn, lab.name)
            assert find_key(conn, collection, "bed.png#1.2") == f"{lab.name}/bed.png#1.2"
            assert find_scan(conn, collection, "bed.png#1.2").box == BOXES[1]


class TestByARecipe:
    def test_a_sure_finding_is_divided_by_the_run_itself(self, lab):
        ended = {}
        for batch in lab.plan({"bed.png": SURE, "doubt.png": b"DOUBT b", "one.png": b"OK c"}, recipe=SPLIT):
            with lab.runtime() as runtime:
                ended |= run_batch(runtime, str(batch)).photos
        assert ended == {"restored": 6}
        assert lab.reasons() == {
            "bed.png": "divided", "bed.png#1.1": None, "bed.png#1.2": None, "bed.png#1.3": None, "doubt.png": None,
            "one.png": None,
        }  # fmt: skip
        assert lab.rows("SELECT agent, run_id FROM event WHERE event_type = 'division'") == [
            ("recipe splits", lab.run_id)
        ]
        assert lab.rows("SELECT DISTINCT given_through, decided_by FROM audit.division") == [
            ("recipe", "recipe splits")
        ]
        with lab.db.begin() as conn:
            summary = finish_run(conn, lab.run_id)
        assert (summary.states, summary.reasons) == ({"restored": 5, "skipped": 1}, {"divided": 1})
        assert lab.plan({}, run="run-2", recipe=SPLIT) == []

    def test_what_a_person_took_back_is_not_divided_again(self, lab):
        def run(name: str, files: dict[str, bytes]) -> None:
            for batch in lab.plan(files, run=name, recipe=SPLIT):
                with lab.runtime() as runtime:
                    run_batch(runtime, str(batch))

        run("run-1", {"bed.png": SURE})
        undone(lab)
        assert lab.states() == {"bed.png": "restored"}
        run("run-2", {"copy.png": SURE})
        assert lab.states() == {"bed.png": "restored", "copy.png": "restored"}

    def test_an_equal_scan_in_another_collection_is_divided_there(self, lab):
        """Its restoration is linked, and what triage found stands there."""
        for batch in lab.plan({"a.png": SURE, "b.png": SURE}, recipe=SPLIT):
            with lab.runtime() as runtime:
                run_batch(runtime, str(batch))
        assert {key: reason for key, reason in lab.reasons().items() if "#" not in key} == {
            "a.png": "divided", "b.png": "divided",
        }  # fmt: skip
        parts = {f"{name}.png#1.{number}" for name in "ab" for number in (1, 2, 3)}
        assert set(lab.states()) == {"a.png", "b.png"} | parts
        assert lab.rows("SELECT count(*) FROM restoration") == [(4,)]
        assert lab.rows("SELECT count(*) FROM division") == [(1,)]


class TestDeath:
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_a_worker_killed_on_the_way_loses_and_doubles_nothing(self, lab, place):
        class Mortal(StubEngine):
            lives = 0
            seen = 0

            def restore(self, scan):
                if self.seen == place and not self.lives:
                    raise Killed
                self.seen += 1
                return super().restore(scan)

        (batch,) = lab.plan({"bed.png": SURE}, recipe=SPLIT)
        engine = Mortal()
        with lab.runtime(engine=engine) as runtime, pytest.raises(Killed):
            run_batch(runtime, str(batch))
        assert lab.rows("SELECT count(*) FROM photo") == [(1 if place == 0 else 4,)]
        with lab.db.begin() as conn:
            conn.execute(sa.text("UPDATE photo SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"))
            reap(conn, max_attempts=3)
        engine.lives = 1
        with lab.runtime(engine=engine) as runtime:
            assert run_batch(runtime, str(batch)).state == "done"
        assert lab.states() == {"bed.png": "skipped"} | {f"bed.png#1.{number}": "restored" for number in (1, 2, 3)}
        assert (len(events(lab, "division")), lab.rows("SELECT count(*) FROM division")) == (1, [(1,)])
        lab.assert_nothing_doubled(4)

    def test_a_transaction_that_does_not_end_leaves_neither_result_nor_parts(self, lab, monkeypatch):
        def torn(*_, **__):
            raise Killed

        (batch,) = lab.plan({"bed.png": SURE}, recipe=SPLIT)
        with monkeypatch.context() as patched, lab.runtime() as runtime:
            patched.setattr("restoration.catalog.work.tell_in_run", torn)
            with pytest.raises(Killed):
                run_batch(runtime, str(batch))
        assert lab.rows("SELECT count(*), sum(photo_count)::int FROM photo, batch") == [(1, 1)]
        assert lab.rows("SELECT count(*) FROM division") == [(0,)]

    def test_a_scan_that_a_worker_has_in_hand_is_divided_when_it_ends(self, lab):
        class Slow(StubEngine):
            def restore(self, scan):
                if not scan.box:
                    divided(lab, layout=OTHER)
                return super().restore(scan)

        restored(lab, {"bed.png": BED})
        (batch,) = planned(lab, {}, "run-2", force=True)
        with lab.db.begin() as conn:  # else its restoration would be linked
            conn.execute(sa.text("UPDATE restoration SET device_class = 'another'"))
        with lab.runtime(engine=Slow()) as runtime:
            run_batch(runtime, str(batch))
        assert lab.states() == {"bed.png": "skipped", "bed.png#1.1": "pending", "bed.png#1.2": "pending"}
        assert restored(lab, {}, "run-3") == {"restored": 2}

    def test_a_release_that_knows_nothing_of_boxes_cannot_record_the_whole_scan_as_a_part(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        whole = hashlib.sha256(BED).hexdigest()
        with lab.db.begin() as conn, pytest.raises(sa.exc.IntegrityError, match="photo_box_is_content"):
            conn.execute(sa.text("UPDATE photo SET content_sha256 = :whole WHERE box IS NOT NULL"), {"whole": whole})


class TestReplacedFiles:
    def test_parts_of_the_old_file_stay_until_the_new_one_was_read_and_are_missing_then(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        restored(lab, {}, "run-2")
        (batch,) = lab.plan({"bed.png": b"BED new"}, run="run-3")
        assert set(lab.states().values()) == {"queued", "restored"}
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        missing = lab.rows("SELECT object_key FROM photo WHERE current AND missing_since IS NOT NULL ORDER BY 1")
        assert [key.rpartition("#")[2] for (key,) in missing] == ["1.1", "1.2"]
        assert outputs(lab)["bed.png"] == b"restored BED new"
        divided(lab)  # what was said of a name is not told of another photograph
        assert {key for key in lab.states() if "#" in key} == {
            "bed.png#1.1",
            "bed.png#1.2",
            "bed.png#1.3",
            "bed.png#1.4",
        }
        restored(lab, {}, "run-4")
        assert outputs(lab)["bed.png#1.3"] == cut(BOXES[0], b"BED new")
        assert lab.plan({}, run="run-5") == []

    def test_a_file_that_comes_back_is_divided_as_it_was(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        restored(lab, {}, "run-2")
        restored(lab, {"bed.png": b"OK between"}, "run-3")
        assert lab.plan({"bed.png": BED}, run="run-4") == []
        assert lab.states() == {"bed.png": "skipped", "bed.png#1.1": "restored", "bed.png#1.2": "restored"}
        assert lab.rows("SELECT count(*) FROM photo WHERE current AND missing_since IS NOT NULL") == [(0,)]

    def test_what_was_taken_back_does_not_return_with_its_file(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        undone(lab)
        restored(lab, {"bed.png": b"OK between"}, "run-2")
        lab.plan({"bed.png": BED}, run="run-3")
        assert set(lab.states()) == {"bed.png"}

    def test_a_file_that_vanishes_takes_its_parts_along_and_brings_them_back(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        lab.admin.delete_object(Bucket="originals", Key=f"{lab.name}/bed.png")
        assert lab.plan({}, run="run-2") == []
        assert lab.rows("SELECT count(*) FROM photo WHERE missing_since IS NOT NULL") == [(3,)]
        lab.plan({"bed.png": BED}, run="run-3")
        assert lab.rows("SELECT count(*) FROM photo WHERE missing_since IS NOT NULL") == [(0,)]


class TestWithdrawal:
    def test_one_part_takes_the_scan_along_and_leaves_its_neighbours(self, lab):
        restored(lab, {"bed.png": BED, "copy.png": BED})
        divided(lab)
        assert withdrawn(lab, "bed.png#1.2") == ["bed.png", "bed.png#1.2", "copy.png", "copy.png#1.2"]
        restored(lab, {}, "run-2")
        assert shown(lab) == {
            "bed.png": "withdrawn", "bed.png#1.1": "restored", "bed.png#1.2": "withdrawn",
            "copy.png": "withdrawn", "copy.png#1.1": "restored", "copy.png#1.2": "withdrawn",
        }  # fmt: skip
        undone(lab)  # the whole scan shows the withdrawn photograph too
        assert shown(lab) == {"bed.png": "withdrawn", "copy.png": "withdrawn"}
        divided(lab, layout=OTHER)  # and so may any other part of it
        assert in_force(lab) == {f"{name}{part}" for name in ("bed.png", "copy.png") for part in ("", "#1.2", "#1.3")}

    def test_a_new_scan_of_a_withdrawn_part_is_not_shown(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        withdrawn(lab, "bed.png#1.1")
        assert restored(lab, {"bed.png": b"BED new"}, "run-2").get("restored") is None
        assert shown(lab)["bed.png"] == "withdrawn"

    def test_the_scan_takes_all_its_parts_along_and_one_may_be_lifted(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        undone(lab)
        assert withdrawn(lab, "bed.png") == ["bed.png", "bed.png#1.1", "bed.png#1.2"]
        divided(lab)
        assert in_force(lab) == {"bed.png", "bed.png#1.1", "bed.png#1.2"}
        with lab.db.begin() as conn:
            number = number_of(conn)
            assert lift(conn, number, f"{lab.name}/bed.png#1.1", person="Ada").keys == (f"{lab.name}/bed.png#1.1",)
            last = lift(conn, number, f"{lab.name}/bed.png#1.2", person="Ada").keys
        assert last == (f"{lab.name}/bed.png", f"{lab.name}/bed.png#1.2")
        assert restored(lab, {}, "run-2") == {"restored": 2}

    def test_dividing_a_withdrawn_scan_withdraws_its_parts_with_an_event_each(self, lab):
        restored(lab, {"bed.png": BED})
        withdrawn(lab, "bed.png")
        assert len(divided(lab).withdrawn) == 2
        assert lab.plan({}, run="run-2") == []
        assert len(events(lab, "withdrawal")) == 3


class TestRecords:
    def test_the_file_is_one_original(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        restored(lab, {}, "run-2")
        with lab.db.connect() as conn:
            assert originals_kept(conn, None).files == 1
        assert lab.rows("SELECT name FROM audit.fixity WHERE kind = 'original'") == [(f"{lab.name}/bed.png",)]

    def test_an_archive_is_told_where_on_which_scan_a_photograph_was(self, lab):
        restored(lab, {"bed.png": BED})
        divided(lab)
        restored(lab, {}, "run-2")
        with lab.db.connect() as conn:
            records = [photo.record for photo in iter_publishable(conn, number_of(conn))]
        assert shown(lab) == {"bed.png": "listed", "bed.png#1.1": "restored", "bed.png#1.2": "restored"}
        whole, _, second = records
        assert (whole["reason"], whole["reason_detail"], whole["output"]) == (
            "divided", "divided into 2 photographs", None,
        )  # fmt: skip
        source = second["source"]
        assert (source["sha256"], source["page"], source["pages"]) == (hashlib.sha256(BED).hexdigest(), 1, 1)
        part = source["part"]
        assert part.pop("divided_at")
        assert part.pop("division_id")
        assert part == {
            "number": 2,
            "place": 2,
            "box": [0.75, 0.5, 0.3, 0.4, -2.5],
            "pixels": {"x": 20.0, "y": 30.0, "width": 24, "height": 32},
            "page_size": [80, 60],
            "resampled": True,
            "arrangement": "prints_on_bed",
            "of": 2,
            "given_through": "triage",
            "divided_by": "Eve Kim",
        }


def test_a_real_bed_goes_all_the_way_into_an_archive(lab, tmp_path):
    """Found, divided, cut and restored by one run; the archive shows the prints and says where they were."""
    pixels, parts = laid_out([photograph(name) for name in ("astronaut", "coffee", "china")], Bed("gray"), 3)
    recipe = parse_recipe(
        {"name": "splits", "steps": [{"step": "triage", "several": "split"}, {"step": "measure"}]}, "test"
    )
    (batch,) = lab.plan({"bed.png": png(pixels), "one.png": png(photograph("coffee"))}, recipe=recipe)
    with Engine(lab.settings) as engine, lab.runtime(engine=engine) as runtime:
        assert run_batch(runtime, str(batch)).state == "done"
    assert lab.reasons()["bed.png"] == "divided"
    sizes = "SELECT width, height, output_width, output_height FROM photo JOIN restoration USING (restoration_id)"
    rows = lab.rows(f"{sizes} WHERE box IS NOT NULL ORDER BY part")
    assert len(rows) == 3
    side = max(pixels.shape)
    for row, one in zip(rows, parts, strict=True):
        assert row[:2] == row[2:]
        assert np.abs(np.array(row[:2]) - np.array([one.width, one.height])).max() < 0.01 * side
    settings = Settings(restored_bucket="restored", archive_bucket="archive", gallery_url=None, _env_file=None)
    report = publish_collection(lab.db, lab.store, settings, lab.name, lab.run_id)
    assert (report.state, report.photos, report.shown) == ("published", 5, 4)
    export_collection(lab.store, settings, lab.name, tmp_path / "out")
    assert check_archive(tmp_path / "out").ok
    with (tmp_path / "out" / "data" / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        told = {row["filename"].rpartition("/")[2]: row for row in csv.DictReader(file)}
    assert {name: row["shown_as"] for name, row in told.items()} == {
        "bed.png": "listed", "bed.png#1.1": "restored", "bed.png#1.2": "restored", "bed.png#1.3": "restored",
        "one.png": "restored",
    }  # fmt: skip
    assert told["bed.png"]["why_not_restored"] == "divided"
    assert told["bed.png#1.2"]["original_box"].startswith("centre 0.")
    pictures = sorted(path.name for path in (tmp_path / "out" / "data" / "photos").iterdir())
    assert len(pictures) == 4
    undone(lab)
    assert publish_collection(lab.db, lab.store, settings, lab.name, lab.run_id).shown == 2
