"""Every page of a scan is a photograph of its own: learnt by the worker, in the same run, once, whatever is killed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from restoration.catalog.collections import get_collection
from restoration.catalog.fixity import note_presence, originals_kept
from restoration.catalog.photo_names import find_key
from restoration.catalog.planning import finish_run, plan_batches, queue_shard
from restoration.catalog.publishing import iter_publishable
from restoration.catalog.reaper import reap
from restoration.catalog.withdrawals import lift, withdraw
from restoration.engine.engine import Engine
from restoration.names import page_sha256
from restoration.worker.batch import run_batch
from tests.stack.lab import Lab
from tests.stack.stub_engine import StubEngine
from tests.unit.test_pages import REDUCED, shot
from tests.unit.tiff_maker import tiff

pytestmark = pytest.mark.stack

LIMITS = {"soft_time_limit": 20, "hard_time_limit": 25, "visibility_timeout": 26, "lease_seconds": 3}
ALBUM = b"PAGES OK a|OK b|OK c"


@pytest.fixture
def lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Iterator[Lab]:
    one = Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path, **LIMITS)
    yield one
    one.stop()


def restored(lab: Lab, files: dict[str, bytes], run: str = "run-1", **settings) -> dict[str, int]:
    """One run over the files; how its photographs ended for the worker."""
    ended: dict[str, int] = {}
    plan = {key: settings.pop(key) for key in ("force",) if key in settings}
    for batch in planned(lab, files, run, **plan):
        with lab.runtime(settings=settings) as runtime:
            report = run_batch(runtime, str(batch))
            assert report.state == "done"
            ended |= report.photos
    return ended


def planned(lab: Lab, files: dict[str, bytes], run: str, *, force: bool = False) -> list:
    batches = lab.plan(files, run=run)
    if not force:
        return batches
    with lab.db.begin() as conn:
        conn.execute(sa.text("DELETE FROM batch_photo"))
        conn.execute(sa.text("DELETE FROM batch"))
        conn.execute(sa.text("UPDATE run SET state = 'planning' WHERE run_id = :run"), {"run": lab.run_id})
        shards = plan_batches(conn, lab.run_id, models_sha256="0" * 64, batch_size=16, max_shards=9, force=True)
        return [batch for shard in shards for batch in queue_shard(conn, lab.run_id, shard.shard)]


def outputs(lab: Lab) -> dict[str, bytes]:
    """What each current photograph shows."""
    rows = lab.rows("SELECT object_key, output_key FROM photo JOIN restoration USING (restoration_id) WHERE current")
    get = lab.admin.get_object
    return {key.rpartition("/")[2]: get(Bucket="restored", Key=out)["Body"].read() for key, out in rows}


def events(lab: Lab, kind: str) -> list[dict]:
    return [row[0] for row in lab.rows("SELECT detail FROM event WHERE event_type = :kind ORDER BY seq", kind=kind)]


class Blind(StubEngine):
    """Cannot tell how many pages there are."""

    def restore(self, scan):
        return replace(super().restore(scan), pages=0)


class TestLearning:
    def test_the_pages_of_a_file_are_restored_in_the_run_that_finds_them(self, lab):
        assert restored(lab, {"album.tif": ALBUM, "single.png": b"OK s"}) == {"restored": 4}
        assert outputs(lab) == {
            "album.tif": b"restored OK a",
            "album.tif#2": b"restored OK b",
            "album.tif#3": b"restored OK c",
            "single.png": b"restored OK s",
        }
        key = f"{lab.name}/album.tif"
        assert events(lab, "pages") == [{"object_key": key, "pages": 3, "added": 2}]
        file = hashlib.sha256(ALBUM).hexdigest()
        assert lab.rows(
            "SELECT file_key, part, page, content_sha256, file_sha256, scan ->> 'page', scan ->> 'pages' FROM photo "
            "WHERE object_key LIKE '%album%' ORDER BY part"
        ) == [
            (None, 1, 1, file, None, "1", "3"),
            (key, 2, 2, page_sha256(file, 2), file, "2", "3"),
            (key, 3, 3, page_sha256(file, 3), file, "3", "3"),
        ]
        with lab.db.begin() as conn:
            summary = finish_run(conn, lab.run_id)
        assert (summary.run_state, summary.states) == ("done", {"restored": 4})
        assert lab.rows("SELECT photo_count FROM batch") == [(4,)]
        assert lab.rows("SELECT object_key, file_key, page, pages, source_sha256 FROM audit.photo WHERE page = 3") == [
            (f"{key}#3", key, 3, 3, file)
        ]

    def test_nothing_is_due_and_nothing_is_learnt_again(self, lab):
        restored(lab, {"album.tif": ALBUM})
        assert lab.plan({}, run="run-2") == []
        assert restored(lab, {}, "run-3", force=True) == {"linked": 3}
        assert len(events(lab, "pages")) == 1
        assert lab.rows("SELECT count(*) FROM photo") == [(3,)]

    def test_one_page_that_cannot_be_read_or_fails_says_nothing_of_the_others(self, lab):
        ended = restored(lab, {"album.tif": b"PAGES OK a|BAD b|FAIL c|OK d"})
        assert (ended["restored"], ended["rejected"], ended["quarantined"]) == (2, 1, 1)
        assert lab.reasons() == {
            "album.tif": None,
            "album.tif#2": "corrupt",
            "album.tif#3": "step_failed",
            "album.tif#4": None,
        }

    @pytest.mark.parametrize("first", ["BAD", "FAIL"])
    def test_a_first_page_without_a_result_tells_of_the_others(self, lab, first):
        restored(lab, {"album.tif": f"PAGES {first} a|OK b".encode()})
        assert lab.states()["album.tif#2"] == "restored"
        assert len(events(lab, "pages")) == 1

    def test_equal_files_share_their_pages_restorations_page_by_page(self, lab):
        assert restored(lab, {"a.tif": ALBUM, "b.tif": ALBUM}) == {"restored": 3, "linked": 3}
        assert lab.rows("SELECT count(*) FROM restoration") == [(3,)]
        assert outputs(lab)["b.tif#3"] == b"restored OK c"
        twins = "SELECT p.object_key, d.object_key FROM photo p JOIN photo d ON d.photo_id = p.duplicate_of"
        names = [tuple(key.rpartition("/")[2] for key in row) for row in lab.rows(twins)]
        assert sorted(names) == [("b.tif", "a.tif"), ("b.tif#2", "a.tif#2"), ("b.tif#3", "a.tif#3")]

    def test_two_pages_with_the_same_picture_are_two_photographs(self, lab):
        assert restored(lab, {"album.tif": b"PAGES OK a|OK a"}) == {"restored": 2}

    def test_of_more_pages_than_a_file_may_have_the_rest_is_told(self, lab):
        files = {"album.tif": b"PAGES OK a|OK b|OK c|OK d|OK e"}
        assert restored(lab, files, max_pages=2) == {"restored": 2}
        assert lab.reasons() == {"album.tif": None, "album.tif#2": None, "album.tif#3": "too_large"}
        ((detail,),) = lab.rows("SELECT reason_detail FROM photo WHERE reason IS NOT NULL")
        assert "5 pages" in detail
        assert "pages 3 to 5 were not read" in detail
        assert lab.plan({}, run="run-2") == []  # and stays told
        assert restored(lab, {}, "run-3", max_pages=5, force=True) == {"linked": 2, "restored": 3}
        assert set(lab.states().values()) == {"restored"}

    def test_files_that_an_earlier_release_read_are_looked_through(self, lab):
        (batch,) = lab.plan({"album.tif": ALBUM})
        with lab.runtime(engine=Blind()) as runtime:
            run_batch(runtime, str(batch))
        with lab.db.begin() as conn:  # as that release left it
            conn.execute(sa.text("UPDATE photo SET scan = scan - 'page'"))
        assert restored(lab, {}, "run-2") == {"linked": 1, "restored": 2}
        assert outputs(lab)["album.tif#3"] == b"restored OK c"
        assert lab.plan({}, run="run-3") == []


class Killed(BaseException):
    """Stands for a kill: nothing of the worker's code handles it."""


class TestDeath:
    @pytest.mark.parametrize("page", [1, 2, 3])
    def test_a_worker_killed_between_two_pages_loses_and_doubles_nothing(self, lab, page):
        class Mortal(StubEngine):
            lives = 0

            def restore(self, scan):
                if scan.page == page and not self.lives:
                    raise Killed
                return super().restore(scan)

        (batch,) = lab.plan({"album.tif": ALBUM})
        engine = Mortal()
        with lab.runtime(engine=engine) as runtime, pytest.raises(Killed):
            run_batch(runtime, str(batch))
        assert lab.rows("SELECT count(*) FROM photo") == [(1 if page == 1 else 3,)]
        with lab.db.begin() as conn:
            conn.execute(sa.text("UPDATE photo SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"))
            assert reap(conn, max_attempts=3).batches_requeued == [batch]
        engine.lives = 1
        with lab.runtime(engine=engine) as runtime:
            assert run_batch(runtime, str(batch)).state == "done"
        assert set(lab.states().values()) == {"restored"}
        assert len(events(lab, "pages")) == 1
        lab.assert_nothing_doubled(3)

    def test_a_transaction_that_does_not_end_leaves_neither_result_nor_pages(self, lab, monkeypatch):
        def torn(*_):
            raise Killed

        (batch,) = lab.plan({"album.tif": ALBUM})
        with monkeypatch.context() as patched, lab.runtime() as runtime:
            patched.setattr("restoration.catalog.work.tell_parts", torn)
            with pytest.raises(Killed):
                run_batch(runtime, str(batch))
        assert lab.rows("SELECT count(*), sum(photo_count)::int FROM photo, batch") == [(1, 1)]
        assert lab.rows("SELECT count(*) FROM restoration") == [(0,)]


class TestReplacedFiles:
    def test_a_file_with_fewer_pages_leaves_the_rest_as_missing(self, lab):
        restored(lab, {"album.tif": ALBUM})
        assert restored(lab, {"album.tif": b"PAGES OK new|OK two"}, "run-2") == {"restored": 2}
        assert outputs(lab) == {
            "album.tif": b"restored OK new",
            "album.tif#2": b"restored OK two",
            "album.tif#3": b"restored OK c",
        }
        missing = lab.rows("SELECT object_key FROM photo WHERE current AND missing_since IS NOT NULL")
        assert missing == [(f"{lab.name}/album.tif#3",)]
        assert [one["object_key"] for one in events(lab, "missing")] == [f"{lab.name}/album.tif#3"]
        # an unchanged listing says nothing more, and does not bring it back
        assert lab.plan({}, run="run-3") == []
        assert len(events(lab, "missing")) == 1
        assert lab.rows("SELECT count(*) FROM photo WHERE missing_since IS NOT NULL") == [(1,)]

    def test_until_the_new_file_was_read_its_old_pages_stay_and_are_not_due(self, lab):
        restored(lab, {"album.tif": ALBUM})
        (batch,) = planned(lab, {"album.tif": b"PAGES OK 1|OK 2|OK 3"}, "run-2", force=True)
        assert lab.rows("SELECT count(*) FROM batch_photo WHERE finished_at IS NULL") == [(1,)]
        assert lab.states() == {"album.tif": "queued", "album.tif#2": "restored", "album.tif#3": "restored"}
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        assert outputs(lab)["album.tif#3"] == b"restored OK 3"

    def test_a_single_scan_in_the_place_of_an_album(self, lab):
        restored(lab, {"album.tif": ALBUM})
        assert restored(lab, {"album.tif": b"OK alone"}, "run-2") == {"restored": 1}
        rows = lab.rows("SELECT object_key FROM photo WHERE current AND missing_since IS NOT NULL ORDER BY 1")
        assert [key.rpartition("#")[2] for (key,) in rows] == ["2", "3"]

    def test_a_file_that_cannot_be_read_at_all_says_nothing_of_its_pages(self, lab):
        restored(lab, {"album.tif": ALBUM})
        (batch,) = lab.plan({"album.tif": b"BAD x"}, run="run-2")
        with lab.runtime(engine=Blind()) as runtime:
            run_batch(runtime, str(batch))
        assert lab.rows("SELECT count(*) FROM photo WHERE missing_since IS NOT NULL") == [(0,)]

    def test_a_file_that_comes_back_finds_its_pages_again(self, lab):
        restored(lab, {"album.tif": ALBUM})
        restored(lab, {"album.tif": b"PAGES OK 1|OK 2|OK 3|OK 4"}, "run-2")
        assert lab.plan({"album.tif": ALBUM}, run="run-3") == []
        shown = outputs(lab)
        assert (shown["album.tif"], shown["album.tif#2"], shown["album.tif#3"]) == tuple(
            f"restored OK {word}".encode() for word in "abc"
        )
        missing = lab.rows("SELECT object_key FROM photo WHERE current AND missing_since IS NOT NULL")
        assert missing == [(f"{lab.name}/album.tif#4",)]

    def test_a_file_that_vanishes_takes_its_pages_along_and_brings_them_back(self, lab):
        restored(lab, {"album.tif": ALBUM})
        lab.admin.delete_object(Bucket="originals", Key=f"{lab.name}/album.tif")
        lab.plan({}, run="run-2")
        assert lab.rows("SELECT count(*) FROM photo WHERE missing_since IS NOT NULL") == [(3,)]
        assert lab.plan({"album.tif": ALBUM}, run="run-3") == []
        assert lab.rows("SELECT count(*) FROM photo WHERE missing_since IS NOT NULL") == [(0,)]


class TestNames:
    def test_an_object_with_the_name_of_a_page_keeps_it(self, lab):
        files = {"album.tif": b"PAGES OK a|OK b", "album.tif#2": b"OK own"}
        restored(lab, files)
        assert outputs(lab) == {
            "album.tif": b"restored OK a",
            "album.tif##2": b"restored OK b",
            "album.tif#2": b"restored OK own",
        }
        restored(lab, {"album.tif": b"PAGES OK c|OK d"}, "run-2")
        assert outputs(lab)["album.tif##2"] == b"restored OK d"
        assert outputs(lab)["album.tif#2"] == b"restored OK own"

    def test_an_object_that_comes_after_the_page_is_a_photograph_under_another_name(self, lab):
        restored(lab, {"album.tif": b"PAGES OK a|OK b"})
        assert restored(lab, {"album.tif#2": b"OK own"}, "run-2") == {"restored": 1}
        assert outputs(lab)["album.tif#2"] == b"restored OK b"
        assert outputs(lab)["album.tif#2#1"] == b"restored OK own"
        assert lab.plan({}, run="run-3") == []
        assert restored(lab, {"album.tif#2": b"OK newer"}, "run-4") == {"restored": 1}
        assert outputs(lab)["album.tif#2#1"] == b"restored OK newer"
        with lab.db.begin() as conn:
            number = conn.execute(sa.text("SELECT collection_id FROM collection")).scalar_one()
            listed = [
                (row.key, row.version_id, row.etag)
                for row in conn.execute(
                    sa.text(
                        "SELECT coalesce(file_key, object_key) AS key, version_id, etag FROM photo WHERE part = 1"
                        " AND current"
                    )
                )
            ]
            assert note_presence(conn, number, listed).ok
            assert originals_kept(conn, number).files == 2

    def test_words_and_colours_are_given_to_pages_by_name(self, lab):
        restored(lab, {"album.tif": ALBUM})
        file = hashlib.sha256(ALBUM).hexdigest()
        lab.put("metadata.csv", f"filename,title,sha256\nalbum,One,{file}\nalbum.tif#2,Two,\n".encode())
        lab.put("hints.csv", b'file,place,colour,ground,said_by\nalbum.tif#3,"0.5,0.5",#336699,memory,Ada\n')
        assert restored(lab, {}, "run-2").keys() <= {"restored", "linked"}
        rows = lab.rows(
            "SELECT part, dublin_core ->> 'title', declared_sha256, cardinality(hint_ids) FROM photo ORDER BY 1"
        )
        assert rows == [(1, "One", file, 0), (2, "Two", file, 0), (3, None, file, 1)]
        lab.put("metadata.csv", b"filename,sha256\nalbum.tif," + b"0" * 64 + b"\n")
        lab.plan({}, run="run-3")
        assert set(lab.reasons().values()) == {"fixity_changed"}

    def test_what_was_said_of_a_page_stays_when_its_file_is_replaced(self, lab):
        restored(lab, {"album.tif": ALBUM})
        lab.put("metadata.csv", b"filename,title\nalbum.tif#2,Two\n")
        restored(lab, {}, "run-2")
        lab.admin.delete_object(Bucket="originals", Key=f"{lab.name}/metadata.csv")
        restored(lab, {"album.tif": b"PAGES OK 1|OK 2"}, "run-3")
        current = "SELECT dublin_core ->> 'title' FROM photo WHERE current AND part = 2"
        assert lab.rows(current) == [("Two",)]

    def test_pages_are_found_by_the_name_a_person_types(self, lab):
        restored(lab, {"album.tif": ALBUM})
        with lab.db.connect() as conn:
            collection = get_collection(conn, lab.name)
            assert find_key(conn, collection, "album.tif#2") == f"{lab.name}/album.tif#2"
            assert find_key(conn, collection, "album.tif") == f"{lab.name}/album.tif"


class TestWithdrawal:
    def withdraw(self, lab: Lab, name: str) -> tuple[str, ...]:
        with lab.db.begin() as conn:
            number = conn.execute(sa.text("SELECT collection_id FROM collection")).scalar_one()
            keys = withdraw(conn, number, f"{lab.name}/{name}", reason="the family asked", person="Ada").keys
        return tuple(key.rpartition("/")[2] for key in keys)

    def test_one_page_is_withdrawn_alone_with_its_twins(self, lab):
        restored(lab, {"album.tif": ALBUM, "copy.tif": ALBUM})
        assert self.withdraw(lab, "album.tif#2") == ("album.tif#2", "copy.tif#2")

    def test_a_file_is_withdrawn_with_all_its_pages_and_one_may_be_lifted(self, lab):
        restored(lab, {"album.tif": ALBUM, "copy.tif": ALBUM})
        assert self.withdraw(lab, "album.tif") == (
            "album.tif", "album.tif#2", "album.tif#3", "copy.tif", "copy.tif#2", "copy.tif#3",
        )  # fmt: skip
        with lab.db.begin() as conn:
            number = conn.execute(sa.text("SELECT collection_id FROM collection")).scalar_one()
            lifted = lift(conn, number, f"{lab.name}/copy.tif#2", person="Ada").keys
        assert [key.rpartition("/")[2] for key in lifted] == ["album.tif#2", "copy.tif#2"]

    def test_a_page_that_was_withdrawn_is_not_restored_from_a_new_file(self, lab):
        restored(lab, {"album.tif": ALBUM})
        self.withdraw(lab, "album.tif#2")
        restored(lab, {"album.tif": b"PAGES OK 1|OK 2|OK 3"}, "run-2")
        assert lab.reasons() == {"album.tif": None, "album.tif#2": "withdrawn", "album.tif#3": None}


class TestRecords:
    def test_a_file_is_one_original(self, lab):
        restored(lab, {"album.tif": ALBUM})
        with lab.db.connect() as conn:
            assert originals_kept(conn, None).files == 1
        key = f"{lab.name}/album.tif"
        assert lab.rows("SELECT name FROM audit.fixity WHERE kind = 'original'") == [(key,)]

    def test_an_archive_is_told_which_page_of_which_file_a_photograph_is(self, lab):
        restored(lab, {"album.tif": ALBUM, "single.png": b"OK s"})
        with lab.db.connect() as conn:
            number = conn.execute(sa.text("SELECT collection_id FROM collection")).scalar_one()
            records = [photo.record for photo in iter_publishable(conn, number)]
        file, names = hashlib.sha256(ALBUM).hexdigest(), ("uri", "sha256", "page", "pages")
        uri = f"s3://originals/{lab.name}/album.tif"
        assert [tuple(one["source"].get(name) for name in names) for one in records] == [
            (uri, file, 1, 3),
            (uri, file, 2, 3),
            (uri, file, 3, 3),
            (f"s3://originals/{lab.name}/single.png", hashlib.sha256(b"OK s").hexdigest(), None, None),
        ]


def test_a_real_album_goes_through_the_real_engine(lab):
    """Thumbnails between pages, a page of another size, one that is broken, one of 16 bits."""
    broken = shot(30)
    broken.tags[259] = (3, 5)  # says LZW, and is none
    pages = [shot(10), shot(11, 16, 12, REDUCED), shot(20, 40, 90), broken, shot(40, dtype=np.uint16)]
    (batch,) = lab.plan({"album.tif": tiff(pages)})
    with Engine(lab.settings) as engine, lab.runtime(engine=engine) as runtime:
        assert run_batch(runtime, str(batch)).state == "done"
    assert lab.reasons()["album.tif#3"] == "corrupt"
    rows = lab.rows(
        "SELECT part, width, height, bits, output_width FROM photo LEFT JOIN restoration USING (restoration_id)"
    )
    assert sorted(map(tuple, rows)) == [
        (1, 64, 48, 8, 64),
        (2, 40, 90, 8, 40),
        (3, None, None, None, None),
        (4, 64, 48, 16, 64),
    ]
    shown = {
        name: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) for name, data in outputs(lab).items()
    }
    assert [int(shown[name].flat[0]) for name in ("album.tif", "album.tif#2", "album.tif#4")] == [10, 20, 40 * 257]
    # linked after a second look at the file, not restored again
    assert restored_by_link(lab) == {"linked": 3, "rejected": 1}


def restored_by_link(lab: Lab) -> dict[str, int]:
    (batch,) = planned(lab, {}, "run-2", force=True)
    with Engine(lab.settings) as engine, lab.runtime(engine=engine) as runtime:
        return dict(run_batch(runtime, str(batch)).photos)
