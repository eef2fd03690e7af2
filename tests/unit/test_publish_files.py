"""What a publication writes: manifest, metadata, provenance and the gallery's data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from restoration.catalog.publishing import PublishablePhoto
from restoration.errors import PublicationError, UsageError
from restoration.fixity import fixity_of_bytes
from restoration.publish import layout
from restoration.publish.bag import PayloadSize, bag_info
from restoration.publish.export import export_publication
from restoration.publish.manifest import ManifestEntry, ManifestWriter, read_manifest, read_manifests
from restoration.publish.metadata_csv import write_metadata
from restoration.publish.parallel import in_parallel
from restoration.publish.photos import ArchivedPhoto, spool_photos
from restoration.publish.provenance import write_provenance
from restoration.spreadsheet import is_formula
from tests.filled import filled_record

SHA = "ab" * 32


def publishable(number: int, state: str = "restored", **more) -> PublishablePhoto:
    key = f"ab/ab/{SHA}"
    output = {"key": f"{key}.png", "sha256": SHA, "bytes": 3, "width": 4, "height": 3, "bits": 8, "format": "png"}
    record = {
        "photo_id": number,
        "object_key": f"scans/{number}.tif",
        "dublin_core": {"title": f"Photo {number}"},
        "state": state,
        "reason": None,
        "source": {"uri": f"s3://originals/scans/{number}.tif", "sha256": SHA},
        "output": output,
        "previews": {"before": f"{key}.jpg", "after": f"{key}.jpg"},
        "ai_altered": True,
        "recipe": {"name": "r", "sha256": SHA},
        "models": [{"name": "m", "weights_sha256": SHA, "licence": "MIT"}],
        "code_version": "1.2",
        "device": "cpu",
    } | more
    return PublishablePhoto(
        number, record["object_key"], state, record["reason"], SHA, number, None, None, None, None, None, record
    )


def spool(tmp_path: Path, *photos: PublishablePhoto, **header):
    return spool_photos(photos, tmp_path / "photos.jsonl", header)


def test_spool_keeps_order_counts_states_and_what_is_shown(tmp_path):
    kept = spool(
        tmp_path,
        publishable(1),
        publishable(2, "needs_review", awaits_review=True),
        publishable(3, "rejected", output=None, previews=None, reason="truncated"),
        publishable(4, decision="keep_original"),
        publishable(5, withdrawal={"reason": "the family asked", "withdrawn_at": "2026-01-02T03:04:05+00:00"}),
    )
    photos = list(kept)
    assert [p.name for p in photos] == [f"0000000{n}" for n in range(1, 6)]
    assert [p.shown_as for p in photos] == ["restored", "original", "listed", "original", "withdrawn"]
    assert [p.reason for p in photos] == [None, "awaiting_review", "truncated", "reviewer_kept_original", "withdrawn"]
    assert (kept.count, kept.shown, kept.waiting) == (5, 1, 1)
    assert kept.states == {"restored": 3, "needs_review": 1, "rejected": 1}
    assert [f.path for f in photos[0].payloads()] == [
        "data/photos/00000001.png",
        "data/previews/00000001-before.jpg",
        "data/previews/00000001-after.jpg",
    ]
    assert [f.path for f in photos[1].payloads()] == ["data/previews/00000002-before.jpg"]
    assert list(photos[2].payloads()) == list(photos[4].payloads()) == []


def test_of_a_withdrawn_photograph_nothing_is_left_by_which_it_could_be_found(tmp_path):
    withdrawal = {"reason": "the family asked", "withdrawn_at": "2026-01-02T03:04:05+00:00", "recorded_by": "Kim"}
    given = publishable(7, withdrawal=withdrawal, events=[{"seq": 1}], title="Aunt Ok", faces=[{"action": "restored"}])
    (photo,) = spool(tmp_path, given)
    assert photo.record == {
        "photo_id": 7,
        "state": "skipped",
        "reason": "withdrawn",
        "reason_detail": "the family asked",
        "withdrawal": {"reason": "the family asked", "withdrawn_at": "2026-01-02T03:04:05+00:00"},
    }
    assert photo.restoration_id is None
    text = (tmp_path / "photos.jsonl").read_text()
    assert not any(word in text for word in ("scans/7", "Aunt", "Kim", SHA))


@pytest.mark.parametrize(
    "change",
    [
        {"dublin_core": {"title": "Other"}},
        {"state": "needs_review"},
        {"awaits_review": True},
        {"withdrawal": {"reason": "asked", "withdrawn_at": "2026"}},
        {"output": {"key": f"cd/cd/{'cd' * 32}.png", "sha256": "cd" * 32}},
        {"review": {"decision": "reject"}},
        {"source": {"sha256": "cd" * 32}},
        {"mask": f"ef/ef/{'ef' * 32}.png", "filled_share": 0.01},
    ],
)
def test_content_hash_changes_with_what_the_archive_would_say(tmp_path, change):
    first = spool(tmp_path, publishable(1)).content_sha256
    assert spool(tmp_path, publishable(1, **change)).content_sha256 != first
    assert spool(tmp_path, publishable(1), rights="other").content_sha256 != first
    assert spool(tmp_path, publishable(1, seconds=99.0, events=[{"seq": 1}])).content_sha256 == first


def test_a_photograph_without_mask_hashes_as_it_did_before_there_were_masks(tmp_path):
    first = spool(tmp_path, publishable(1)).content_sha256
    assert spool(tmp_path, publishable(1, mask=None, filled_share=0.0, damage=[])).content_sha256 == first


def test_a_mask_belongs_to_a_picture_that_is_shown_restored(tmp_path):
    filled = filled_record(width=4, height=3)
    kept = spool(tmp_path, publishable(1, **filled), publishable(2, awaits_review=True, **filled))
    restored, waiting = ([payload.path for payload in photo.payloads()] for photo in kept)
    assert restored[-1] == "data/masks/00000001.png"
    assert waiting == ["data/previews/00000002-before.jpg"]


def test_metadata_and_provenance_say_what_was_filled(tmp_path):
    filled = filled_record(width=4, height=3)
    kept = spool(tmp_path, publishable(1, **filled), publishable(2), publishable(3, awaits_review=True, **filled))
    write_metadata(kept, tmp_path / "metadata.csv", rights="CC0")
    with (tmp_path / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["filled_share"], row["filled_kinds"], row["mask_file"]) for row in csv.DictReader(file)]
    assert rows == [("0.0325", "hole scratch", "data/masks/00000001.png"), ("", "", ""), ("", "", "")]
    ((_, file),) = write_provenance(kept, tmp_path)
    told = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [one["filled"]["share"] for one in told] == [0.0325, None, 0.0325]
    assert [one["kind"] for one in told[0]["damage"]] == ["stain", "hole", "scratch", "writing"]
    assert told[1]["damage"] == []


def test_manifest_round_trip_and_format(tmp_path):
    fixity = fixity_of_bytes(b"abc")
    with ManifestWriter(tmp_path, layout.PAYLOAD) as manifest:
        manifest.add("data/photos/00000001.png", fixity)
        manifest.add("data/metadata.csv", fixity)
    assert (manifest.files, manifest.bytes) == (2, 6)
    short = (tmp_path / "manifest-sha256.txt").read_text()
    assert short == f"{fixity.sha256}  data/photos/00000001.png\n{fixity.sha256}  data/metadata.csv\n"
    assert (tmp_path / "manifest-sha512.txt").read_text() == short.replace(fixity.sha256, fixity.sha512)
    assert list(read_manifests(tmp_path, layout.PAYLOAD)) == [
        ManifestEntry(fixity.sha256, fixity.sha512, "data/photos/00000001.png"),
        ManifestEntry(fixity.sha256, fixity.sha512, "data/metadata.csv"),
    ]


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/passwd", "data/../b", "data//b", "data/a\nb", "C:\\x", "", "data/.hidden", "data/é.png", "data/"],
)
def test_paths_that_leave_the_archive_are_refused(tmp_path, path):
    assert not layout.is_safe_path(path)
    with ManifestWriter(tmp_path, layout.PAYLOAD) as manifest, pytest.raises(PublicationError):
        manifest.add(path, fixity_of_bytes(b""))
    (tmp_path / "manifest-sha256.txt").write_text(f"{SHA}  {path}\n", encoding="utf-8")
    with pytest.raises(PublicationError, match=r"line \d of manifest-sha256\.txt"):
        list(read_manifest(tmp_path, layout.PAYLOAD, "sha256"))


@pytest.mark.parametrize(
    ("kind", "path"),
    [(layout.PAYLOAD, "index.html"), (layout.TAG, "data/x.png"), (layout.TAG, "tagmanifest-sha256.txt")],
)
def test_a_manifest_names_only_files_of_its_kind(tmp_path, kind, path):
    with ManifestWriter(tmp_path, kind) as manifest, pytest.raises(PublicationError, match="can't be the path"):
        manifest.add(path, fixity_of_bytes(b""))


def test_manifests_that_disagree_or_are_cut_short_are_refused(tmp_path):
    with ManifestWriter(tmp_path, layout.TAG) as manifest:
        for name in ("a.txt", "b.txt"):
            manifest.add(name, fixity_of_bytes(name.encode()))
    long = tmp_path / "tagmanifest-sha512.txt"
    whole = long.read_bytes()
    long.write_bytes(whole[:-3])
    with pytest.raises(PublicationError, match="line 2 of tagmanifest-sha512"):
        list(read_manifests(tmp_path, layout.TAG))
    long.write_bytes(whole.splitlines(keepends=True)[0])
    with pytest.raises(PublicationError, match="same number"):
        list(read_manifests(tmp_path, layout.TAG))
    long.write_bytes(b"".join(reversed(whole.splitlines(keepends=True))))
    with pytest.raises(PublicationError, match="should stand"):
        list(read_manifests(tmp_path, layout.TAG))


def test_bag_info_keeps_every_value_on_one_line():
    facts = {
        "name": "album",
        "title": "A\nPayload-Oxum: 0.0\r\n album",
        "contact": "kim@example.org",
        "rights": "",
        "version": 3,
        "published_at": "2026-11-21T04:00:00+00:00",
        "content_sha256": SHA,
        "event_chain_head": SHA,
    }
    lines = bag_info(facts, PayloadSize(2, 4_200_000_000)).decode().splitlines()
    tags = dict(line.split(": ", 1) for line in lines)
    assert len(lines) == len(tags)
    assert tags["External-Description"] == "A Payload-Oxum: 0.0 album"
    assert (tags["Payload-Oxum"], tags["Bag-Size"]) == ("4200000000.2", "4.2 GB")
    assert (tags["Bag-Group-Identifier"], tags["Bag-Count"], tags["Bagging-Date"]) == ("album", "3 of ?", "2026-11-21")
    assert tags["Contact-Email"] == "kim@example.org"
    assert "Rights" not in tags
    assert b"Contact-Name: Kim, room 4\n" in bag_info(facts | {"contact": "Kim, room 4"}, PayloadSize(0, 0))


def test_metadata_opens_in_a_spreadsheet_without_running_anything(tmp_path):
    hostile = publishable(1, dublin_core={"title": "=HYPERLINK(1)", "creator": "a\r\n=1+1"}, object_key="@evil.png")
    kept = spool(tmp_path, hostile, publishable(2, "rejected", reason="empty_file", output=None))
    write_metadata(kept, tmp_path / "metadata.csv", rights="CC0")
    assert (tmp_path / "metadata.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert not any(is_formula(cell) for row in rows for cell in row.values())
    assert rows[0]["dc:title"] == "'=HYPERLINK(1)"
    assert rows[0]["dc:creator"] == "a =1+1"
    assert rows[0]["filename"] == "'@evil.png"
    assert (rows[0]["ai_altered"], rows[0]["restored_file"], rows[0]["dc:rights"]) == (
        "yes",
        "data/photos/00000001.png",
        "CC0",
    )
    assert (rows[1]["state"], rows[1]["reason"], rows[1]["restored_file"]) == ("rejected", "empty_file", "")


def test_provenance_is_sharded_with_one_object_a_photograph(tmp_path):
    kept = spool(tmp_path, *(publishable(n) for n in range(1, 1002)))
    shards = list(write_provenance(kept, tmp_path))
    assert [path for path, _ in shards] == ["data/provenance/part-00000.jsonl", "data/provenance/part-00001.jsonl"]
    lines = [line for _, file in shards for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 1001
    first = json.loads(lines[0])
    assert first["original"]["uri"] == "s3://originals/scans/1.tif"
    assert first["restored"]["file"] == "data/photos/00000001.png"
    assert first["ai_altered"] is True
    assert [agent["type"] for agent in first["agents"]] == ["software", "model", "hardware"]
    assert first["agents"][1]["weights_sha256"] == SHA


def test_parallel_work_gives_every_result_in_order_and_the_first_error():
    assert list(in_parallel(lambda n: n * n, range(100), 4)) == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(lambda n: 1 // (n - 50), range(100), 4))


def test_export_refuses_an_address_that_is_not_s3(tmp_path):
    with pytest.raises(UsageError, match="S3 address"):
        export_publication(None, "https://example.org/x", tmp_path)


def test_archived_photo_without_output_has_no_path():
    assert ArchivedPhoto(1, None, "00000001", "listed", None, {}).output_path is None
