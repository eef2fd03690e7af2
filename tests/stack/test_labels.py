"""Labels and content credentials of a whole archive on real Postgres and S3, read back by other readers."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import bagit
import c2pa
import cv2
import numpy as np
import pytest
import pyvips
import sqlalchemy as sa
from PIL import Image
from typer.testing import CliRunner

from restoration.catalog.publishing import list_publications
from restoration.cli import app
from restoration.errors import PublicationError, ReasonCode, SettingsError
from restoration.iptc import SOURCE_TYPES
from restoration.publish.check import check_archive
from restoration.publish.current import read_current
from restoration.publish.export import export_collection
from restoration.publish.labels import read_labels
from restoration.publish.publisher import publish_collection
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.certificates import Authority, Signing
from tests.small_pictures import encoded, pixels, png
from tests.stack.archive import Archive
from tests.unit.test_publish_check import seal_again

pytestmark = pytest.mark.stack

_MODEL = sa.text("""
INSERT INTO model_version (name, version, architecture, weights_sha256, licence, source)
VALUES ('guesser', :version, 'net', :sha, 'MIT', 'here') RETURNING model_version_id
""")
_STEP = sa.text("""
INSERT INTO step_record (restoration_id, ordinal, step, status, model_version_id, seconds)
SELECT restoration_id, :ordinal, :step, 'applied', :model, 0.1 FROM photo WHERE photo_id = :photo
""")


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


@pytest.fixture(scope="module")
def signing(tmp_path_factory) -> Signing:
    return Authority(tmp_path_factory.mktemp("authority")).issue("Archive of the test")


@pytest.fixture
def archive(catalog, store) -> Archive:
    """A coloured photograph with its scan, one whose scan is gone, a BMP that C2PA cannot parse, and a rejected one."""
    made = Archive(catalog, store, rights="https://creativecommons.org/publicdomain/mark/1.0/")
    first = made.add("a.tif", title="할머니 \U0001f475 <&>", format="Albumen print", scan=encoded("a", "tif"))
    made.add("b.tif", title="b")
    made.add("c.bmp", title="c", scan=encoded("c", "bmp"))
    made.add("d.tif", "rejected", reason="truncated")
    weights = hashlib.sha256(made.name.encode()).hexdigest()
    with catalog.begin() as conn:
        model = conn.execute(_MODEL, {"version": made.name, "sha": weights}).scalar_one()
        for ordinal, (step, by) in enumerate((("grade", None), ("colorize", model))):
            conn.execute(_STEP, {"ordinal": ordinal, "step": step, "model": by, "photo": first})
        conn.execute(sa.text("UPDATE photo SET format = 'bmp' WHERE object_key LIKE '%c.bmp'"))
    return made


def settings(signing: Signing | None = None, **more: object) -> Settings:
    own = signing.settings() if signing else {}
    places = {"restored_bucket": "restored", "archive_bucket": "archive", "gallery_url": None}
    return Settings(_env_file=None, **(places | own | more))


def publish(archive: Archive, store: ObjectStore, signing: Signing | None = None, **more: object):
    return publish_collection(archive.db, store, settings(signing, **more), archive.name, archive.run_id)


def exported(archive: Archive, store: ObjectStore, folder: Path) -> Path:
    export_collection(store, settings(), archive.name, folder)
    assert bagit.Bag(str(folder)).validate()
    return folder


def pictures(folder: Path) -> list[Path]:
    found = sorted([*folder.glob("data/photos/*"), *folder.glob("data/previews/*")])
    assert len(found) == 9
    return found


def provenance(folder: Path) -> list[dict]:
    lines = (folder / "data" / "provenance" / "part-00000.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_picture_of_a_signed_archive_speaks_for_itself(archive, store, signing, tmp_path):
    assert publish(archive, store, signing).state == "published"
    folder = exported(archive, store, tmp_path / "out")
    for path in pictures(folder):
        with c2pa.Reader(str(path)) as reader:
            assert reader.get_validation_state() == "Valid"
            active = reader.get_active_manifest()
        assert active["signature_info"]["common_name"] == "Archive of the test"
        assert [i["relationship"] for i in active["ingredients"]] == ["parentOf"]
        packet = bytes(pyvips.Image.new_from_file(str(path)).get("xmp-data"))
        with Image.open(path) as picture:
            raw = picture.info["xmp"]
        assert packet == (raw if isinstance(raw, bytes) else raw.encode())
        assert b"https://creativecommons.org/publicdomain/mark/1.0/</xmpRights:WebStatement>" in packet
    facts = json.loads((folder / "data" / "archive.json").read_text())
    assert facts["credentials"] == {
        "standard": "C2PA", "signer": "Archive of the test", "algorithm": "es256", "timestamps": False,
    }  # fmt: skip
    assert bagit.Bag(str(folder)).info["Content-Credentials"] == "C2PA, signed by Archive of the test"
    assert "Signer: Archive of the test" in (folder / "README.txt").read_text()
    assert [p["credentials"] and p["credentials"]["original"] for p in provenance(folder)] == [
        "read", "gone", "unreadable", None,
    ]  # fmt: skip
    check = check_archive(folder, trust=signing.authority.read_text())
    assert (check.problems, check.labelled, check.signed, check.notes) == ([], 9, 9, [])


def test_the_first_photographs_files_say_what_was_done_to_it(archive, store, signing, tmp_path):
    publish(archive, store, signing)
    folder = exported(archive, store, tmp_path / "out")
    name = provenance(folder)[0]["id"]
    restored, before, after = (
        folder / "data" / path
        for path in (f"photos/{name}.png", f"previews/{name}-before.jpg", f"previews/{name}-after.jpg")
    )
    said = read_labels(restored.read_bytes(), "image/png")
    assert (said.title, said.identifier) == ("할머니 \U0001f475 <&>", f"{archive.name}/{name}")
    assert said.source_type == SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
    assert (said.ai_system, [step.parameters[:5] for step in said.history]) == ("guesser", ["grade", "color"])
    assert said.original_id == f"sha256:{hashlib.sha256(encoded('a', 'tif')).hexdigest()}"
    scan = read_labels(before.read_bytes(), "image/jpeg")
    assert (scan.source_type, scan.ai_system) == (SOURCE_TYPES + "print", "")
    assert read_labels(after.read_bytes(), "image/jpeg").derived_from.startswith("sha256:")
    shown = cv2.imdecode(np.frombuffer(restored.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(shown, pixels(f"{archive.name} a.tif"))
    with c2pa.Reader(str(restored)) as reader:
        (assertion,) = reader.get_active_manifest()["assertions"]
    actions = assertion["data"]["actions"]
    assert [a["action"] for a in actions] == ["c2pa.opened", "c2pa.adjustedColor", "c2pa.edited", "c2pa.converted"]
    assert actions[2]["softwareAgent"]["name"] == "guesser"


@pytest.mark.parametrize("signed", [False, True])
def test_hashes_are_those_of_the_published_files_and_name_the_restored_ones(archive, store, signing, tmp_path, signed):
    publish(archive, store, signing if signed else None)
    folder = exported(archive, store, tmp_path / "out")
    with (folder / "data" / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file))
    published = hashlib.sha256((folder / row["restored_file"]).read_bytes()).hexdigest()
    unlabelled = hashlib.sha256(png(f"{archive.name} a.tif")).hexdigest()
    assert (row["restored_sha256"], row["unlabelled_sha256"]) == (published, unlabelled)
    assert published != unlabelled
    told = provenance(folder)[0]["restored"]
    assert (told["sha256"], told["unlabelled_sha256"]) == (published, unlabelled)
    graph = json.loads((folder / "data" / "provenance" / "prov-00000.jsonld").read_text())["@graph"]
    hashes = [node.get("sha256") for node in graph]
    assert {published, unlabelled} <= set(hashes)
    premis = (folder / "data" / "premis" / "photos-00000.xml").read_text()
    assert f"<relatedObjectIdentifierValue>{unlabelled}<" in premis
    assert f"<messageDigest>{published}<" in premis
    details = (folder / "gallery" / "details-00000.js").read_text()
    assert published in details
    with archive.db.connect() as conn:
        noted = conn.execute(
            sa.text("SELECT output_sha256 FROM publication_photo JOIN publication USING (publication_id) "
                    "WHERE collection_id = :c ORDER BY photo_id LIMIT 1"),
            {"c": archive.collection.collection_id},
        ).scalar_one()  # fmt: skip
    assert noted == published


def test_without_certificate_the_archive_says_that_it_is_not_signed(archive, store, tmp_path):
    publish(archive, store)
    folder = exported(archive, store, tmp_path / "out")
    for path in pictures(folder):
        with pytest.raises(c2pa.C2paError.ManifestNotFound):
            c2pa.Reader(str(path))
    assert "carry no C2PA content credentials" in (folder / "README.txt").read_text()
    assert bagit.Bag(str(folder)).info["Content-Credentials"] == "none"
    assert json.loads((folder / "data" / "archive.json").read_text())["credentials"] is None
    check = check_archive(folder)
    assert (check.problems, check.labelled, check.signed) == ([], 9, 0)


def test_the_same_photographs_are_labelled_the_same_way_twice(archive, store, tmp_path):
    publish(archive, store)
    first = [path.read_bytes() for path in pictures(exported(archive, store, tmp_path / "one"))]
    archive.add("e.tif", "rejected", reason="truncated")
    assert publish(archive, store).version == 2
    assert [path.read_bytes() for path in pictures(exported(archive, store, tmp_path / "two"))] == first


def test_a_certificate_that_was_set_since_makes_a_new_version(archive, store, signing):
    assert publish(archive, store).version == 1
    assert publish(archive, store, signing).version == 2
    assert publish(archive, store, signing).state == "unchanged"


def test_half_a_set_up_stops_before_anything_is_staged(archive, store, signing):
    publish(archive, store)
    with pytest.raises(SettingsError, match="half set up"):
        publish(archive, store, c2pa_certificate=signing.certificate)
    with archive.db.connect() as conn:
        assert [p.state for p in list_publications(conn, archive.collection.collection_id)] == ["current"]


def changed(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_forged_pictures_are_found_though_every_manifest_was_written_anew(archive, store, signing, tmp_path):
    publish(archive, store, signing)
    folder = exported(archive, store, tmp_path / "out")
    whole = pictures(folder)
    kept = [path.read_bytes() for path in whole]
    preview, plain = whole[3], whole[0]
    changed(preview, -100)
    other = cv2.imread(str(plain))[::-1]
    plain.write_bytes(cv2.imencode(".png", other)[1].tobytes())
    whole[1].write_bytes(kept[2])
    seal_again(folder)
    found = {(p.code, folder / p.path) for p in check_archive(folder).problems if p.code in ("label", "credentials")}
    assert found == {("credentials", preview), ("label", plain), ("label", whole[1])}


def test_stripped_credentials_are_found(archive, store, signing, tmp_path):
    publish(archive, store, signing)
    folder = exported(archive, store, tmp_path / "out")
    path = pictures(folder)[0]
    with Image.open(path) as picture:
        packet, copy = picture.info["xmp"], picture.copy()
    out = io.BytesIO()
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet if isinstance(packet, str) else packet.decode())
    copy.save(out, "png", pnginfo=info)
    path.write_bytes(out.getvalue())
    seal_again(folder)
    problems = [p for p in check_archive(folder).problems if p.code in ("label", "credentials")]
    assert [(p.code, folder / p.path) for p in problems] == [("credentials", path)]
    assert "no content credentials" in problems[0].message


def test_a_picture_that_cannot_be_labelled_leaves_the_old_version_current(archive, store, signing, tmp_path):
    publish(archive, store, signing)
    archive.add("torn.tif", picture=png("torn")[:-20])
    with pytest.raises(PublicationError, match=r"cut short|ends inside") as caught:
        publish(archive, store, signing)
    assert caught.value.reason is ReasonCode.LABEL_INVALID
    assert caught.value.photo == f"{archive.name}/torn.tif"
    current, _ = read_current(store, "archive", archive.name)
    assert current.version == 1
    assert check_archive(exported(archive, store, tmp_path / "out")).ok


def test_the_command_counts_labels_and_names_a_signer_that_is_not_trusted(archive, store, signing, tmp_path):
    publish(archive, store, signing)
    folder = exported(archive, store, tmp_path / "out")
    run = CliRunner().invoke
    good = run(app, ["verify", str(folder), "--trust-list", str(signing.authority)])
    assert good.exit_code == 0
    assert "9 pictures with labels, 9 with content credentials" in good.output
    stranger = Authority(tmp_path).issue()
    bad = run(app, ["verify", str(folder), "--trust-list", str(stranger.authority), "--json"])
    told = json.loads(bad.output)
    assert (bad.exit_code, told["labelled"], told["signed"]) == (1, 9, 0)
    assert {problem["code"] for problem in told["problems"]} == {"credentials"}
