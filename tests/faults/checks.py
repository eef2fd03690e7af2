"""What has to hold after every round, whatever was done: looked up anew, and believed from nobody.

Each check raises AssertionError with what is wrong.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from restoration.catalog.events import verify_chain_of
from restoration.publish.check import check_archive
from restoration.publish.current import read_current
from restoration.publish.export import export_collection
from tests.faults.site import COLLECTION, Site

_PHOTOS = """
SELECT p.object_key, p.state::text AS state, p.reason::text AS reason, p.reason_detail AS detail, p.content_sha256,
       p.lease_owner, r.output_key, r.output_sha256, r.preview_before_key, r.preview_after_key, r.recipe
FROM photo AS p LEFT JOIN restoration AS r USING (restoration_id) WHERE p.current ORDER BY p.object_key
"""
_TWICE = """
SELECT 'two results for one content' AS what, count(*) FROM restoration
GROUP BY source_sha256, recipe_sha256, models_sha256, device_class HAVING count(*) > 1
UNION ALL
SELECT 'two ends of one photograph in one batch', count(*) FROM batch_photo GROUP BY batch_id, photo_id
HAVING count(*) > 1
UNION ALL
SELECT 'two events of one end', count(*) FROM event WHERE restoration_id IS NOT NULL GROUP BY run_id, photo_id
HAVING count(*) > 1
"""
_UNFINISHED = """
SELECT r.dag_run_id, count(*) FROM run AS r JOIN batch AS b USING (run_id) JOIN batch_photo AS bp USING (batch_id)
WHERE r.state = 'done' AND bp.finished_at IS NULL GROUP BY 1
"""
_SILENT = """
SELECT p.object_key FROM photo AS p WHERE p.state = 'restored' AND NOT EXISTS (
    SELECT FROM event AS e WHERE e.photo_id = p.photo_id AND e.restoration_id = p.restoration_id)
"""


def check_catalog(site: Site, recipe: str) -> None:
    """One terminal state a photograph, each restored under the last recipe; nothing twice; no success with gaps."""
    photos = site.rows(_PHOTOS)
    assert [photo.object_key for photo in photos] == sorted(site.originals), (
        "photographs were lost or came from nowhere"
    )
    wrong = [
        (photo.object_key, photo.state, photo.reason, photo.detail)
        for photo in photos
        if (photo.state, photo.recipe) != ("restored", recipe) or photo.lease_owner
    ]
    assert not wrong, f"{len(wrong)} photographs did not end as they should: {wrong[:5]}"
    assert {photo.object_key: photo.content_sha256 for photo in photos} == site.originals
    for query in (_TWICE, _UNFINISHED, _SILENT):
        found = site.rows(query)
        assert not found, f"{found[:5]}"


def check_restored(site: Site) -> int:
    """Bytes of every result are those that SQL names, and every picture shows its own scan; returns how many files."""
    bucket = {}
    for page in site.admin.get_paginator("list_objects_v2").paginate(Bucket="restored"):
        bucket |= {item["Key"]: item["Size"] for item in page.get("Contents", ())}
    wanted = set()
    for photo in site.rows(_PHOTOS):
        data = site.admin.get_object(Bucket="restored", Key=photo.output_key)["Body"].read()
        assert hashlib.sha256(data).hexdigest() == photo.output_sha256, f"{photo.object_key}: other bytes than in SQL"
        shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.array_equal(shown, site.expected[photo.object_key]), f"{photo.object_key}: shows another picture"
        wanted |= {photo.output_key, photo.preview_before_key, photo.preview_after_key}
    everything = {
        key
        for row in site.rows("SELECT output_key, preview_before_key, preview_after_key FROM restoration")
        for key in row
    }
    assert everything <= set(bucket), f"SQL names files that are not there: {sorted(everything - set(bucket))[:5]}"
    return len(wanted)


def check_originals(site: Site) -> None:
    """By an own listing and own hashes: no scan was written, removed or added."""
    found = {}
    for page in site.admin.get_paginator("list_objects_v2").paginate(Bucket="originals"):
        for item in page.get("Contents", ()):
            data = site.admin.get_object(Bucket="originals", Key=item["Key"])["Body"].read()
            found[item["Key"]] = hashlib.sha256(data).hexdigest()
    assert found == site.originals, "the originals are not what was uploaded"


def check_published(site: Site, recipe: str, folder: Path) -> int:
    """The current version, read back from S3 alone: every hash, exactly its files, every photograph, the right one.

    Returns the number of files whose hashes were read again.
    """
    current, _ = read_current(site.store, "archive", COLLECTION)
    assert current is not None, "nothing is published"
    shutil.rmtree(folder, ignore_errors=True)
    export_collection(site.store, site.settings, COLLECTION, folder)
    check = check_archive(folder, seal_sha256=current.manifest_sha256)
    assert not check.problems, f"the published version: {check.problems[:5]}"
    listed = {
        item["Key"].removeprefix(current.prefix)
        for page in site.admin.get_paginator("list_objects_v2").paginate(Bucket="archive", Prefix=current.prefix)
        for item in page.get("Contents", ())
    }
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert listed == there, f"bucket and manifests differ: {sorted(listed ^ there)[:5]}"
    lines = [
        json.loads(line)
        for part in sorted((folder / "data" / "provenance").glob("*.jsonl"))
        for line in part.read_text().splitlines()
    ]
    by_sql = {f"s3://originals/{row.object_key}": row.output_sha256 for row in site.rows(_PHOTOS)}
    told = {line["original"]["uri"]: line["restored"]["unlabelled_sha256"] for line in lines}
    assert told == by_sql, "manifests and SQL differ"
    for line in lines:
        key = line["original"]["uri"].removeprefix("s3://originals/")
        shown = np.asarray(Image.open(folder / line["restored"]["file"]).convert("RGB"))
        assert np.array_equal(shown, site.expected[key]), f"{key}: another picture is published"
    states = site.rows("SELECT count(*) FROM publication WHERE state = 'current'")
    assert states[0][0] == 1, f"{states[0][0]} current versions"
    return len(there)


def check_chain(site: Site) -> int:
    """Every event's hash, computed here; returns how many events there are."""
    with site.eyes.connect() as conn:
        report = verify_chain_of(conn, COLLECTION)
    assert report.ok, f"the chain: {report}"
    return int(site.rows("SELECT count(*) FROM event")[0][0])
