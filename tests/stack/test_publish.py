"""Publishing on real Postgres and S3: content, immutability, and a kill at every single S3 call."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import bagit
import pytest
import sqlalchemy as sa
from lxml import etree

from restoration.catalog import hints
from restoration.catalog.events import append_event
from restoration.catalog.publishing import list_publications
from restoration.colour_hints import HintGround, make_hint
from restoration.errors import PublicationError, ReasonCode, StorageError, UsageError
from restoration.publish.check import check_archive
from restoration.publish.current import read_current
from restoration.publish.export import export_collection, export_publication
from restoration.publish.publisher import current_gallery, publish_collection
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.small_pictures import jpeg
from tests.stack.archive import Archive
from tests.stack.memory_store import Killed, MemoryStore
from tests.unit.premis_rules import PREMIS, problems

pytestmark = pytest.mark.stack
SETTINGS = Settings(restored_bucket="restored", archive_bucket="archive", gallery_url=None, _env_file=None)


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


@pytest.fixture
def archive(catalog, store) -> Archive:
    made = Archive(catalog, store)
    made.add("a.tif", title="=1+1", creator="Kim")
    made.add("b.tif", "needs_review", reason="identity_low")
    made.add("c.tif", "rejected", reason="truncated")
    return made


def publish(archive: Archive, store: ObjectStore, engine: sa.Engine | None = None, **options):
    return publish_collection(engine or archive.db, store, SETTINGS, archive.name, archive.run_id, **options)


def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [item.key for page in store.list_pages("archive", prefix) for item in page]


def states(archive: Archive) -> list[str]:
    with archive.db.connect() as conn:
        return [p.state for p in list_publications(conn, archive.collection.collection_id)]


def assert_whole(archive: Archive, store: ObjectStore, folder: Path) -> int:
    """The current version holds every file of its manifest, with its hash, and nothing else. Gives its number."""
    current, _ = read_current(store, "archive", archive.name)
    assert current is not None
    out = folder / f"v{current.version}"
    export_collection(store, SETTINGS, archive.name, out)
    assert bagit.Bag(str(out)).validate()
    tags = ["tagmanifest-sha256.txt", "tagmanifest-sha512.txt"]
    lines = [line for name in ("manifest-sha256.txt", tags[0]) for line in (out / name).read_text().splitlines()]
    paths = [line.split("  ")[1] for line in lines] + tags
    assert sorted(keys(store, current.prefix)) == sorted(current.prefix + path for path in paths)
    return current.version


def test_a_published_collection_can_be_read_without_any_database(archive, store, tmp_path):
    report = publish(archive, store)
    assert (report.state, report.version, report.photos, report.shown) == ("published", 1, 3, 1)
    assert (report.original, report.waiting, report.withdrawn) == (1, 1, 0)
    assert report.uri == f"s3://archive/{archive.name}/v0001/" or report.uri == f"s3://archive/{archive.name}/v0001"
    assert report.gallery_uri == f"s3://archive/{archive.name}/v0001/index.html"
    assert current_gallery(store, SETTINGS, archive.name) == report.gallery_uri
    assert export_collection(store, SETTINGS, archive.name, tmp_path / "out") == report.files
    for algorithm, kind in itertools.product(("sha256", "sha512"), ("manifest", "tagmanifest")):
        for line in (tmp_path / "out" / f"{kind}-{algorithm}.txt").read_text().splitlines():
            digest, path = line.split("  ")
            assert hashlib.new(algorithm, (tmp_path / "out" / path).read_bytes()).hexdigest() == digest
    payload = tmp_path / "out" / "data"
    assert sum(path.suffix == ".png" for path in (payload / "photos").iterdir()) == 1
    facts = json.loads((payload / "archive.json").read_text())
    assert facts["states"] == {"restored": 1, "needs_review": 1, "rejected": 1}
    with (payload / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["restored", "needs_review", "rejected"]
    assert [row["shown_as"] for row in rows] == ["restored", "original", "listed"]
    assert [row["why_not_restored"] for row in rows] == ["", "awaiting_review", "truncated"]
    assert rows[0]["dc:title"] == "'=1+1"
    lines = (payload / "provenance" / "part-00000.jsonl").read_text().splitlines()
    provenance = [json.loads(line) for line in lines]
    assert provenance[0]["original"]["uri"] == f"s3://originals/{archive.name}/a.tif"
    assert provenance[2]["reason"] == "truncated"
    assert provenance[2]["restored"] is None


def test_a_publication_is_a_valid_bag(archive, store, tmp_path):
    report = publish(archive, store)
    out = tmp_path / "out"
    export_collection(store, SETTINGS, archive.name, out)
    bag = bagit.Bag(str(out))
    assert bag.validate()
    assert (bag.version_info, bag.encoding, sorted(bag.algorithms)) == ((1, 0), "UTF-8", ["sha256", "sha512"])
    assert bag.info["External-Identifier"] == f"{archive.name}/v0001"
    assert bag.info["Bag-Group-Identifier"] == archive.name
    assert bag.info["Event-Chain-Head"] == json.loads((out / "data" / "archive.json").read_text())["event_chain_head"]
    files = [path for path in (out / "data").rglob("*") if path.is_file()]
    assert bag.info["Payload-Oxum"] == f"{sum(path.stat().st_size for path in files)}.{len(files)}"
    everything = [path for path in out.rglob("*") if path.is_file()]
    assert (report.files, report.bytes) == (len(everything), sum(path.stat().st_size for path in everything))
    seal = hashlib.sha256((out / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    assert read_current(store, "archive", archive.name)[0].manifest_sha256 == seal


def test_premis_tells_the_chain_of_events_and_the_manifests_hashes(archive, store, tmp_path):
    number = archive.collection.collection_id
    with archive.db.begin() as conn:
        photo, restoration = conn.execute(
            sa.text("SELECT photo_id, restoration_id FROM photo WHERE collection_id = :c AND state = 'restored'"),
            {"c": number},
        ).one()
        known = {"collection_id": number, "run_id": archive.run_id, "outcome": "success"}
        append_event(conn, event_type="run_opened", agent="planner", **known)
        append_event(
            conn, event_type="restoration", agent="worker 1", photo_id=photo, restoration_id=restoration, **known
        )
    publish(archive, store)
    out = tmp_path / "out"
    export_collection(store, SETTINGS, archive.name, out)
    roots = [etree.parse(str(out / "data/premis" / name)).getroot() for name in ("collection.xml", "photos-00000.xml")]
    assert [problems(root) for root in roots] == [[], []]
    listed = {path: digest for digest, path in (line.split("  ") for line in manifest_lines(out, "sha512"))}
    found = {
        element.findtext(f"{PREMIS}objectIdentifier/{PREMIS}objectIdentifierValue"): [
            digest.text for digest in element.iter(f"{PREMIS}messageDigest")
        ]
        for element in roots[1].iter(f"{PREMIS}object")
    }
    pictures = [path for path in listed if path.startswith(("data/photos/", "data/previews/"))]
    assert len(pictures) == 4
    assert [found[path][1] for path in pictures] == [listed[path] for path in pictures]
    first, second = (json.loads(root.findtext(f".//{PREMIS}eventDetail")) for root in roots)
    assert second["prev_sha256"] == first["sha256"]
    facts = json.loads((out / "data" / "archive.json").read_text())
    assert facts["event_chain_head"] == second["sha256"]
    assert json.loads((out / "data" / "models" / "models.json").read_text()) == {"models": []}
    json.loads((out / "data" / "provenance" / "prov-00000.jsonld").read_text(encoding="utf-8"))


def manifest_lines(folder: Path, algorithm: str) -> list[str]:
    return (folder / f"manifest-{algorithm}.txt").read_text().splitlines()


def test_the_catalog_knows_what_was_published(archive, store):
    report = publish(archive, store)
    with archive.db.connect() as conn:
        row = conn.execute(
            sa.text("SELECT * FROM publication WHERE collection_id = :c"), {"c": archive.collection.collection_id}
        ).one()
        photos = conn.execute(
            sa.text(
                "SELECT shown_as, restoration_id FROM publication_photo WHERE publication_id = :p ORDER BY photo_id"
            ),
            {"p": row.publication_id},
        ).all()
    current, _ = read_current(store, "archive", archive.name)
    assert row.state == "current"
    assert row.manifest_sha256 == current.manifest_sha256
    assert row.content_sha256 == current.content_sha256
    assert (row.photo_count, row.byte_count) == (3, report.bytes)
    assert [photo.shown_as for photo in photos] == ["restored", "original", "listed"]
    assert [photo.restoration_id is not None for photo in photos] == [True, False, False]


def test_bag_catalog_and_bucket_count_the_same_files_with_the_same_hashes(archive, store, tmp_path):
    archive.add("d.tif", filled=True)
    archive.add("e.tif", "needs_review", reason="heavy_damage", filled=True)
    report = publish(archive, store)
    out = tmp_path / "out"
    export_collection(store, SETTINGS, archive.name, out)
    bagged = {path: digest for digest, path in (line.split("  ") for line in manifest_lines(out, "sha256"))}
    query = sa.text(
        "SELECT pp.payload_name, pp.output_sha256 FROM publication_photo pp JOIN publication b USING (publication_id)"
        " WHERE b.collection_id = :c AND pp.shown_as = 'restored'"
    )
    with archive.db.connect() as conn:
        known = dict(conn.execute(query, {"c": archive.collection.collection_id}).all())
    assert known == {path: digest for path, digest in bagged.items() if path.startswith("data/photos/")}
    assert len(known) == report.shown == 2
    listed = keys(store, f"{archive.name}/v0001/")
    assert len(listed) == report.files == sum(path.is_file() for path in out.rglob("*"))
    held = {key.removeprefix(f"{archive.name}/v0001/") for key in listed if "/data/" in key}
    assert held == bagged.keys()
    # a mask is published beside a picture that is shown, and with its hash in all that speaks of it
    (mask,) = (path for path in bagged if path.startswith("data/masks/"))
    lines = (out / "data" / "provenance" / "part-00000.jsonl").read_text().splitlines()
    (told,) = (one["filled"]["mask"] for one in map(json.loads, lines) if one["filled"]["mask"])
    with archive.db.connect() as conn:
        key = conn.execute(
            sa.text("SELECT mask_key FROM audit.photo WHERE object_key LIKE '%/d.tif' AND collection = :c"),
            {"c": archive.name},
        ).scalar_one()
    assert (told["file"], told["sha256"]) == (mask, bagged[mask])
    assert told["unlabelled_sha256"] in key
    with (out / "data" / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        said = {row["filename"].split("/")[1]: (row["filled_share"], row["mask_file"]) for row in csv.DictReader(file)}
    assert (said["d.tif"], said["e.tif"], said["a.tif"]) == (("0.0325", mask), ("", ""), ("", ""))
    assert check_archive(out).problems == []


def test_nothing_new_means_unchanged_and_new_metadata_means_a_new_version(archive, store, tmp_path):
    publish(archive, store)
    before = keys(store, f"{archive.name}/")
    again = publish(archive, store)
    assert (again.state, again.version) == ("unchanged", 1)
    assert keys(store, f"{archive.name}/") == before
    with archive.db.begin() as conn:
        conn.execute(
            sa.text('UPDATE photo SET dublin_core = \'{"title": "New"}\' WHERE collection_id = :c'),
            {"c": archive.collection.collection_id},
        )
    assert publish(archive, store).version == 2
    assert states(archive) == ["superseded", "current"]
    assert set(before) - {f"{archive.name}/current.json"} <= set(keys(store, f"{archive.name}/v0001/"))
    assert assert_whole(archive, store, tmp_path) == 2


@pytest.mark.parametrize(
    ("facts", "reason"),
    [({"consent": "refused"}, ReasonCode.CONSENT_REFUSED), ({"sensitivity": "sensitive"}, ReasonCode.SENSITIVE)],
)
def test_withheld_collections_leave_no_trace_in_the_bucket(catalog, store, facts, reason):
    archive = Archive(catalog, store, **facts)
    archive.add("a.tif")
    report = publish(archive, store)
    assert (report.state, report.reason, report.version) == ("withheld", reason, None)
    assert keys(store, f"{archive.name}/") == []


def test_an_empty_collection_is_withheld(catalog, store):
    report = publish(Archive(catalog, store), store)
    assert (report.state, report.reason) == ("withheld", ReasonCode.SOURCE_MISSING)


def test_dry_run_writes_nothing(archive, store):
    report = publish(archive, store, dry_run=True)
    assert (report.state, report.dry_run, report.photos, report.shown, report.waiting) == ("published", True, 3, 1, 1)
    assert keys(store, f"{archive.name}/") == []
    assert states(archive) == []


def test_the_publishers_own_rights_are_enough(archive, store, s3, role_engine):
    with contextlib.closing(s3.client("airflow")) as client:
        own = ObjectStore(client)
        report = publish(archive, own, role_engine("publisher"))
        assert report.state == "published"
        assert publish(archive, own, role_engine("publisher")).state == "unchanged"


def test_a_lost_restored_file_stops_the_publication_and_the_old_version_stays(archive, store, tmp_path):
    publish(archive, store)
    archive.add("d.tif")
    with archive.db.connect() as conn:
        key = conn.execute(
            sa.text("SELECT output_key FROM restoration WHERE source_sha256 = :s"),
            {"s": hashlib.sha256(f"{archive.name}/d.tif".encode()).hexdigest()},
        ).scalar_one()
    store.client.delete_object(Bucket="restored", Key=key)
    with pytest.raises(PublicationError, match="is gone"):
        publish(archive, store)
    assert assert_whole(archive, store, tmp_path) == 1


def test_a_file_that_reads_back_differently_stops_the_publication(archive, store, tmp_path):
    def spoil(params, **_):
        if params["url_path"].endswith("/metadata.csv") and params["method"] == "PUT":
            params["body"] = b"spoilt"
            params["headers"].pop("Content-MD5", None)

    store.client.meta.events.register("before-call.s3.PutObject", spoil)
    with pytest.raises(PublicationError, match=r"metadata\.csv reads back as"):
        publish(archive, store)
    assert read_current(store, "archive", archive.name) == (None, None)
    store.client.meta.events.unregister("before-call.s3.PutObject", spoil)
    assert publish(archive, store).version == 2
    assert states(archive) == ["abandoned", "current"]
    assert keys(store, f"{archive.name}/v0001/") == []
    assert assert_whole(archive, store, tmp_path) == 2


def test_a_bucket_of_another_catalog_is_left_alone(archive, store):
    publish(archive, store)
    with archive.db.begin() as conn:
        conn.execute(sa.text("UPDATE publication SET manifest_sha256 = :s"), {"s": "00" * 32})
    archive.add("d.tif")
    with pytest.raises(PublicationError, match="this catalog did not verify"):
        publish(archive, store)


def test_a_version_is_never_written_over(archive, store):
    store.put("archive", f"{archive.name}/v0001/stray", b"x")
    with pytest.raises(PublicationError, match="never written over"):
        publish(archive, store)


# -- a kill at every S3 call ---------------------------------------------------------------------------------------


class Killer:
    """Lets so many S3 calls through and then no more, as if the process were gone.

    ``answered`` tells whether the last call still reaches the server and only its answer is lost.
    """

    def __init__(self, client, calls: int, *, answered: bool) -> None:
        self.events, self.left, self.answered = client.meta.events, calls, answered
        self._lock = threading.Lock()

    def __enter__(self) -> Killer:
        self.events.register("before-call.s3", self._before)
        self.events.register("after-call.s3", self._after)
        return self

    def __exit__(self, *_: object) -> None:
        self.events.unregister("before-call.s3", self._before)
        self.events.unregister("after-call.s3", self._after)

    def _before(self, **_: object) -> None:
        with self._lock:
            self.left -= 1
            left = self.left
        if left < 0 or (left == 0 and not self.answered):
            raise Killed

    def _after(self, parsed: dict, **_: object) -> None:
        if self.left <= 0:
            if "Body" in parsed:
                parsed["Body"].close()
            raise Killed


def assert_settled(archive: Archive, store: ObjectStore) -> None:
    """After one publication that was let run, catalog and bucket agree and nothing stale is left."""
    assert publish(archive, store).state in ("published", "unchanged")
    counted = states(archive)
    assert set(counted) <= {"current", "superseded", "abandoned"}
    assert counted.count("current") == 1
    kept = {key.split("/")[1] for key in keys(store, f"{archive.name}/")} - {"current.json"}
    assert kept == {f"v{n + 1:04d}" for n, state in enumerate(counted) if state != "abandoned"}


@pytest.mark.parametrize("answered", [False, True])
def test_killed_at_every_store_call_the_old_or_the_new_version_is_current_and_whole(catalog, tmp_path, answered):
    store = MemoryStore()
    archive = Archive(catalog, store)
    for name in ("a", "b", "c"):
        archive.add(name, filled=name == "b", access=(jpeg("copy"), "jpg") if name == "c" else None)
    assert publish(archive, store).version == 1
    outcomes: list[str] = []
    while "finished" not in outcomes:
        call = len(outcomes) + 1
        before, _ = read_current(store, "archive", archive.name)
        if not outcomes or outcomes[-1] == "new":
            archive.add(f"more-{call}", "rejected", reason="truncated")
        store.die_at(call, answered=answered)
        try:
            publish(archive, store)
            outcomes.append("finished")
        except Killed:
            outcomes.append("killed")
        store.die_at(10**9, answered=False)
        after, _ = read_current(store, "archive", archive.name)
        if outcomes[-1] == "killed":
            outcomes[-1] = "old" if after == before else "new"
        if after != before or call % 10 == 0:
            assert_whole(archive, store, tmp_path / str(call))
    assert outcomes.count("old") > 60
    assert ("new" in outcomes) is answered
    assert_settled(archive, store)
    assert_whole(archive, store, tmp_path / "end")


@pytest.mark.parametrize(("call", "answered"), [(2, True), (9, False), (20, True), (33, False), (50, True)])
def test_killed_on_a_real_server_the_old_version_stays_and_the_next_publication_clears_up(
    archive, store, tmp_path, call, answered
):
    assert publish(archive, store).version == 1
    archive.add("d.tif")
    with Killer(store.client, call, answered=answered), pytest.raises(Killed):
        publish(archive, store)
    assert assert_whole(archive, store, tmp_path / "killed") == 1
    assert_settled(archive, store)
    assert assert_whole(archive, store, tmp_path / "after") >= 2


def test_killed_between_the_switch_and_its_note_the_next_publication_finishes(archive, store, s3, monkeypatch):
    from restoration.catalog import publishing

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "mark_current", die)
        with pytest.raises(Killed):
            publish(archive, store)
    assert states(archive) == ["verified"]
    assert publish(archive, store).state == "unchanged"
    assert states(archive) == ["current"]


# -- export --------------------------------------------------------------------------------------------------------


def test_export_resumes_and_refuses_a_foreign_folder(archive, store, tmp_path):
    report = publish(archive, store)
    folder = tmp_path / "out"
    assert export_collection(store, SETTINGS, archive.name, folder) == report.files
    assert export_collection(store, SETTINGS, archive.name, folder) == 0
    (folder / "index.html").write_text("changed")
    (folder / "data" / "metadata.csv").unlink()
    assert export_collection(store, SETTINGS, archive.name, folder) == 2
    assert bagit.Bag(str(folder)).validate()
    (folder / "data" / "stray.txt").write_text("x")
    with pytest.raises(PublicationError, match=r"stray\.txt: does not belong"):
        export_collection(store, SETTINGS, archive.name, folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(UsageError, match="something else"):
        export_collection(store, SETTINGS, archive.name, tmp_path / "mine")


def test_export_appears_when_it_is_complete_and_goes_on_where_it_stopped(archive, store, tmp_path):
    report = publish(archive, store)
    folder = tmp_path / "out"
    with Killer(store.client, 9, answered=True), pytest.raises(Killed):
        export_collection(store, SETTINGS, archive.name, folder)
    assert not folder.exists()
    begun = [path for path in (tmp_path / "out.part").rglob("*") if path.is_file() and path.suffix != ".part"]
    assert begun
    assert export_collection(store, SETTINGS, archive.name, folder) == report.files - len(begun)
    assert bagit.Bag(str(folder)).validate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    (tmp_path / "other.part").mkdir()
    (tmp_path / "other.part" / "letter.txt").write_text("x")
    with pytest.raises(UsageError, match="beginning of something else"):
        export_collection(store, SETTINGS, archive.name, tmp_path / "other")


def test_a_superseded_version_can_be_exported_by_its_number(archive, store, tmp_path):
    publish(archive, store)
    archive.add("d.tif")
    publish(archive, store)
    for version, photos in ((1, 1), (2, 2)):
        folder = tmp_path / str(version)
        export_collection(store, SETTINGS, archive.name, folder, version=version)
        assert len(list((folder / "data" / "photos").iterdir())) == photos
        assert bagit.Bag(str(folder)).info["Bag-Count"] == f"{version} of ?"
    with pytest.raises(PublicationError, match="no archive at"):
        export_collection(store, SETTINGS, archive.name, tmp_path / "9", version=9)


def test_an_archive_from_before_the_bags_is_named_as_such(store, tmp_path):
    store.put("archive", "old/v0001/manifest-sha256.txt", b"x")
    with pytest.raises(PublicationError, match="older than the bags"):
        export_publication(store, "s3://archive/old/v0001/", tmp_path / "out")


def test_export_notices_a_changed_file_and_a_changed_manifest(archive, store, tmp_path):
    report = publish(archive, store)
    prefix = f"{archive.name}/v0001/"
    store.put("archive", f"{prefix}data/archive.json", b"{}")
    with pytest.raises(PublicationError, match=r"archive\.json hashes to"):
        export_collection(store, SETTINGS, archive.name, tmp_path / "one")
    assert not (tmp_path / "one").exists()
    assert not (tmp_path / "one.part" / "data" / "archive.json").exists()
    store.put("archive", f"{prefix}tagmanifest-sha256.txt", b"")
    with pytest.raises(PublicationError, match="the archive was changed"):
        export_collection(store, SETTINGS, archive.name, tmp_path / "two")
    with pytest.raises(PublicationError, match="no archive"):
        export_publication(store, f"s3://archive/{archive.name}/v0099/", tmp_path / "three")
    assert report.version == 1


def test_export_of_a_hostile_manifest_stays_in_its_folder(store, tmp_path):
    for algorithm in ("sha256", "sha512"):
        line = f"{hashlib.new(algorithm, b'x').hexdigest()}  ../outside\n"
        store.put("archive", f"hostile/v0001/tagmanifest-{algorithm}.txt", line.encode())
    with pytest.raises(PublicationError, match="safe path"):
        export_publication(store, "s3://archive/hostile/v0001/", tmp_path / "out")
    assert not (tmp_path / "outside").exists()


def test_nothing_published_is_said(archive, store, tmp_path):
    with pytest.raises(PublicationError, match="nothing is published"):
        export_collection(store, SETTINGS, archive.name, tmp_path)
    assert current_gallery(store, SETTINGS, archive.name) is None
    with pytest.raises(StorageError):
        export_publication(store, "s3://no-such-bucket/x/", tmp_path)


def test_a_switch_whose_answer_was_lost_and_that_was_repeated_counts(monkeypatch, catalog):
    store = MemoryStore()
    own = Archive(catalog, store)
    own.add("a.tif")
    write = store.put_atomic

    def twice(*arguments, **options) -> str:
        write(*arguments, **options)
        return write(*arguments, **options)

    monkeypatch.setattr(store, "put_atomic", twice)
    assert publish(own, store).state == "published"
    assert states(own) == ["current"]


def test_command_line(archive, catalog_url, s3, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from restoration.cli import app
    from restoration.settings import get_settings

    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("publisher"))
    for name, value in s3.environment("airflow").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    run = CliRunner().invoke
    try:
        dry = run(app, ["publish", archive.name, "--dry-run"])
        assert "published (dry run): 3 photographs, 1 restored, 1 as scanned" in dry.output
        published = run(app, ["publish", archive.name])
        assert f"archive: s3://archive/{archive.name}/v0001" in published.output
        assert json.loads(run(app, ["publish", archive.name, "--json"]).output)["state"] == "unchanged"
        exported = run(app, ["export", archive.name, str(tmp_path / "out")])
        assert exported.exit_code == 0
        assert (tmp_path / "out" / "index.html").is_file()
        assert (tmp_path / "out").resolve().as_uri() in exported.output.replace("\n", "")
    finally:
        get_settings.cache_clear()


# -- colours that people gave ----------------------------------------------------------------------------------------


def hint_photo(archive: Archive, name: str, *, variant: str = "hinted", status: str = "applied") -> int:
    """Give a colour for a restored photograph and note that it was painted by it; gives the hint's number."""
    with archive.db.begin() as conn:
        (number,) = hints.add_hints(
            conn,
            archive.collection.collection_id,
            f"{archive.name}/{name}",
            [
                hints.NewHint(
                    make_hint(((0.42, 0.61),), "#3b5ba9"),
                    HintGround.WRITING,
                    said_by="Ada's daughter",
                    subject="the dress",
                    source="her letter of May 1931",
                )
            ],
            given_through="terminal",
            person="Eve Kim",
        )
        key = {"key": f"{archive.name}/{name}"}
        photo = conn.execute(sa.text("SELECT restoration_id FROM photo WHERE object_key = :key"), key).scalar_one()
        paint = {"r": photo, "h": number, "variant": variant, "status": status}
        conn.execute(sa.text("UPDATE photo SET hint_ids = ARRAY[CAST(:h AS bigint)] WHERE restoration_id = :r"), paint)
        conn.execute(sa.text("UPDATE restoration SET variant = :variant WHERE restoration_id = :r"), paint)
        conn.execute(
            sa.text(
                "INSERT INTO step_record (restoration_id, ordinal, step, parameters, seconds, status) "
                "VALUES (:r, 0, 'colorize', '{}', 0.1, :status)"
            ),
            paint,
        )
    return number


def published_text(archive: Archive, store: ObjectStore, folder: Path) -> dict[str, str]:
    """Every text of the current version, by its path; labels of pictures too."""
    export_collection(store, SETTINGS, archive.name, folder)
    return {
        str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file() and not str(path.relative_to(folder)).startswith("assets")
    }


def test_colours_that_people_gave_are_published_and_the_givers_only_by_their_setting(archive, store, tmp_path):
    number = hint_photo(archive, "a.tif")
    assert publish(archive, store).state == "published"
    texts = published_text(archive, store, tmp_path / "quiet")
    assert [
        path for path, text in texts.items() if any(w in text for w in ("daughter", "letter of May", "Eve Kim"))
    ] == []
    lines = [json.loads(line) for line in texts["data/provenance/part-00000.jsonl"].splitlines()]
    (told,) = lines[0]["hints"]
    assert (told["hint_id"], told["place"], told["what"], told["ground"]) == (
        number, [[0.42, 0.61]], "the dress", "writing",
    )  # fmt: skip
    assert not any("hints" in line for line in lines[1:])
    (event,) = (event for event in lines[0]["events"] if event["type"] == "colour_hint")
    assert (event["agent"], event["withheld"]) == ("a person of the institution", ["agent"])
    assert "Given by people who knew them: blue for the dress (from a letter or other writing)." in next(
        text for path, text in texts.items() if path.startswith("data/photos/")
    )
    assert "colour given by people" in texts["data/premis/photos-00000.xml"]
    assert problems(etree.fromstring(texts["data/premis/photos-00000.xml"].encode())) == []
    assert f"#hint-{number}" in texts["data/provenance/prov-00000.jsonld"]
    assert check_archive(tmp_path / "quiet").ok
    assert publish(archive, store).state == "unchanged"
    named = SETTINGS.model_copy(update={"name_hint_givers": True})
    report = publish_collection(archive.db, store, named, archive.name, archive.run_id)
    assert (report.state, report.version) == ("published", 2)
    texts = published_text(archive, store, tmp_path / "named")
    for path in ("data/provenance/part-00000.jsonl", "data/premis/photos-00000.xml", "gallery/details-00000.js"):
        assert "Ada's daughter" in texts[path]
    assert not any("daughter" in text for path, text in texts.items() if path.startswith(("data/photos", "data/prev")))
    assert not any("Eve Kim" in text for text in texts.values())


@pytest.mark.parametrize(("variant", "status"), [("", "applied"), ("hinted", "not_needed")])
def test_a_photograph_that_was_not_painted_by_its_hints_says_nothing_of_them(archive, store, tmp_path, variant, status):
    hint_photo(archive, "a.tif", variant=variant, status=status)
    publish(archive, store)
    texts = published_text(archive, store, tmp_path / "out")
    lines = [json.loads(line) for line in texts["data/provenance/part-00000.jsonl"].splitlines()]
    assert not any("hints" in line for line in lines)
    assert "colour given by people" not in texts["data/premis/photos-00000.xml"]
