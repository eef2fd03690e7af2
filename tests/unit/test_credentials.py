"""Content credentials: what they say, that they hold, and what becomes of certificates that do not fit."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import c2pa
import cv2
import numpy as np
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from restoration.cli import doctor_checks
from restoration.errors import PublicationError, ReasonCode, SettingsError, StorageError
from restoration.iptc import COMPOSITE, COMPOSITE_ITEM, DATA_DRIVEN, ENHANCED, SOURCE_TYPES, TRAINED
from restoration.photo.access import access_copy
from restoration.photo.picture import Picture, ScanInfo
from restoration.photo.tiff import encode_tiff
from restoration.publish.credentials import Credentials, check_credentials, content_credentials, manifest
from restoration.publish.embedding import JPEG, PNG, TIFF, WEBP, has_credentials
from restoration.publish.labelling import PictureFacts, scan_type
from restoration.publish.labels import label, read_labels
from restoration.publish.originals import Original, Originals
from restoration.publish.photos import ArchivedPhoto
from restoration.settings import Settings
from tests.certificates import Authority, Signing
from tests.filled import INPAINTER, filled_png, filled_record
from tests.given import DRESS, LAWN
from tests.small_pictures import encoded, jpeg, png
from tests.stack.memory_store import MemoryStore

SCAN = "ab" * 32
MODELS = [
    {"name": "house-colorizer", "version": "1.0", "weights_sha256": "c1" * 32},
    {"name": "gfpgan-1.3", "version": "1.3", "weights_sha256": "f1" * 32},
]
STEPS = [
    {"step": "triage", "status": "not_needed", "parameters": {}},
    {"step": "repair", "status": "applied", "parameters": {"sensitivity": 0.5}},
    {"step": "grade", "status": "applied", "parameters": {}},
    {"step": "colorize", "status": "applied", "parameters": {}, "model": "house-colorizer"},
    {"step": "faces", "status": "applied", "parameters": {}, "model": "gfpgan-1.3"},
    {"step": "measure", "status": "applied", "parameters": {}},
]


def photo(**more: Any) -> ArchivedPhoto:
    record: dict[str, Any] = {
        "object_key": "scans/Oma \U0001f475 할머니.tif",
        "dublin_core": {"title": "At the gate", "creator": "Kim", "description": "Three people"},
        "source": {"uri": "s3://originals/scans/1.tif", "sha256": SCAN, "format": "tiff"},
        "output": {"key": "ab/ab/x.png", "sha256": "cd" * 32},
        "code_version": "1.2",
        "restored_at": "2026-11-21T04:00:00.123456+00:00",
        "ai_altered": True,
        "steps": STEPS,
        "models": MODELS,
        "faces": [{"action": "restored"}, {"action": "left_alone"}],
    }
    return ArchivedPhoto(1, 1, "00000001", "restored", None, record | more)


def facts(kind: str = "restored", **more: Any) -> PictureFacts:
    return PictureFacts(photo(**more), kind, collection="album", rights="CC0", sha256="cd" * 32)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def signing(authority: Authority) -> Signing:
    return authority.issue()


@pytest.fixture(scope="module")
def credentials(signing: Signing) -> Credentials:
    made = content_credentials(settings(signing))
    assert made is not None
    return made


def settings(signing: Signing | None = None, **more: Any) -> Settings:
    return Settings(_env_file=None, **((signing.settings() if signing else {}) | more))


@pytest.fixture
def original(tmp_path: Path) -> Iterator[Original]:
    path = tmp_path / "scan"
    path.write_bytes(encoded("scan", "tif"))
    return Original("scan.tif", "image/tiff", SCAN, "read", path)


# -- labels from the catalog's record ------------------------------------------------------------------------------


def test_labels_of_a_restored_picture_say_what_a_computer_made():
    said = facts().labels()
    assert said.source_type == COMPOSITE
    assert (said.software, said.identifier, said.title) == ("archive-restoration 1.2", "album/00000001", "At the gate")
    assert (said.original_id, said.derived_from) == (f"sha256:{SCAN}", f"sha256:{SCAN}")
    assert "colours were guessed by a computer, a face was redrawn by a computer. It shows how it may" in said.statement
    assert said.description == f"Three people\n\n{said.statement}"
    assert "색을 컴퓨터가 추정함, 얼굴 한 곳을 컴퓨터가 다시 그림. 실제 모습이 아니라" in said.description_ko
    assert said.description_ko.endswith(f"sha256: {SCAN}.")
    assert said.ai_system == "house-colorizer, gfpgan-1.3"
    assert f"gfpgan-1.3 1.3 (weights sha256 {'f1' * 32})" in said.ai_version
    assert [step.parameters.split(";")[0] for step in said.history] == ["repair", "grade", "colorize", "faces"]
    assert {step.when for step in said.history} == {"2026-11-21T04:00:00.123456+00:00"}
    assert said == facts().labels()


def test_labels_of_previews_name_what_they_were_made_from():
    before, after = facts("before").labels(), facts("after").labels()
    assert (before.source_type, before.ai_system, before.derived_from) == ("", "", f"sha256:{SCAN}")
    assert "nothing was restored" in before.statement
    assert [step.action for step in before.history] == ["resized"]
    assert (after.source_type, after.derived_from) == (COMPOSITE, "sha256:" + "cd" * 32)
    assert [step.action for step in after.history] == ["edited"] * 4 + ["resized"]


def test_labels_and_actions_say_which_colours_people_gave_and_name_nobody():
    more = {"hints": [DRESS, LAWN]}
    said = facts(**more).labels()
    assert "colours were guessed by a computer, some of them by what people know, a face was redrawn" in said.statement
    assert (
        "Given by people who knew them: blue for the dress (from a letter or other writing), green (from memory). It "
        "shows how it may" in said.statement
    )
    assert (
        "사람들이 알려 준 색: the dress 파란색(편지나 다른 글에 따라), 초록색(기억에 따라). 실제" in said.description_ko
    )
    assert (said.source_type, said.ai_system) == (facts().source_type, facts().labels().ai_system)
    assert [step.did for step in facts(**more).steps if step.name == "colorize"] == [
        "colours were guessed by a computer, some of them by what people know"
    ]
    assert "Given by people" in facts("after", **more).statement
    for kind in ("before", "mask"):
        assert "Given by people" not in facts(kind, **more).statement
    assert not any(word in repr(said) for word in ("daughter", "letter of May", "Eve"))


SIZED = {"output": {"key": "ab/ab/x.png", "sha256": "cd" * 32, "width": 40, "height": 30}}


def test_labels_say_how_much_was_filled_and_which_areas_a_model_made():
    more = SIZED | filled_record() | {"models": [*MODELS, INPAINTER]}
    said = facts(**more).labels()
    assert (
        "3.2 % of the picture was filled in by a computer: scratches from what surrounds them; "
        "tears and holes by a trained model. It shows how" in said.statement
    )
    assert "컴퓨터가 메운 부분은 사진의 3.2 %: 긁힌 곳(주변에 맞추어); 찢기거나" in said.description_ko
    assert "filled in, in part by a trained model" in said.statement
    hole, scratch = said.regions
    assert (hole.identifier, hole.source_type, hole.role) == ("filled-hole", TRAINED, COMPOSITE_ITEM)
    assert hole.box == ("0.80000", "0.80000", "0.20000", "0.20000")
    assert (scratch.source_type, scratch.role) == (ENHANCED, "")
    assert scratch.name == "scratches from what surrounds them: 1.2 % of the picture"
    assert said.source_type == COMPOSITE
    assert said.ai_system == "house-inpainter, house-colorizer, gfpgan-1.3"
    assert f"house-inpainter 1 (weights sha256 {'1a' * 32})" in said.ai_version
    assert facts("after", **more).labels().regions == said.regions
    assert facts("before", **more).labels().regions == ()


def test_a_fill_without_a_model_is_enhanced_and_no_more():
    plain = {"ai_altered": False, "steps": STEPS[:3], "faces": [], "models": []}
    said = facts(**(plain | SIZED | filled_record(net=False))).labels()
    assert (said.source_type, said.ai_system) == (ENHANCED, "")
    assert "1.2 % of the picture was filled in by a computer: scratches from what surrounds them. The" in said.statement
    assert [region.source_type for region in said.regions] == [ENHANCED]


def test_where_nothing_was_filled_nothing_is_said_of_it():
    stained = filled_record(net=False) | {"filled_share": 0.0}
    for record in (stained, {"filled_share": None, "mask": None, "damage": []}):
        said = facts(**(SIZED | record)).labels()
        assert said == facts(**SIZED).labels()
        assert "of the picture" not in said.statement


def test_a_map_says_that_it_is_a_map(credentials, original):
    more = SIZED | filled_record()
    said = facts("mask", **more).labels()
    assert said.statement.startswith("No photograph, but a map of one that was restored")
    assert "3.2 % of the picture was filled" in said.statement
    assert (said.source_type, said.ai_system) == (DATA_DRIVEN, "")
    assert said.derived_from == "sha256:" + "cd" * 32
    assert [step.action for step in said.history] == ["created"]
    assert said.regions == facts(**more).labels().regions
    signed = credentials.sign(label(filled_png(), PNG, said), PNG, facts("mask", **more), original)
    found = check_credentials(signed, PNG)
    assert found.actions == ("c2pa.opened", "c2pa.edited", "c2pa.converted")
    assert found.source_types == (DATA_DRIVEN,)


def test_credentials_call_the_repair_generated_where_a_model_filled(credentials, original):
    more = SIZED | filled_record() | {"models": [INPAINTER], "steps": STEPS[:3]}
    made = manifest(facts(**more), original)
    repair = made["assertions"][0]["data"]["actions"][1]
    assert repair["digitalSourceType"] == COMPOSITE
    assert repair["softwareAgent"]["name"] == "house-inpainter"


def test_a_picture_that_no_model_touched_is_not_called_generated():
    plain = {"ai_altered": False, "steps": STEPS[:3], "faces": [], "models": []}
    said = facts(**plain).labels()
    assert (said.source_type, said.ai_system) == (ENHANCED, "")
    assert "may have looked" not in said.statement
    untouched = facts(ai_altered=False, steps=STEPS[:1], dublin_core={"format": "glass negative"}).labels()
    assert untouched.source_type == SOURCE_TYPES + "negativeFilm"
    assert "nothing had to be changed" in untouched.statement
    assert untouched.title == "Oma \U0001f475 할머니.tif"


@pytest.mark.parametrize("character", ["&", "\U0001f475", "\x00"])
def test_labels_fit_into_a_jpeg_however_long_the_catalogs_texts_are(character):
    long = character * 100_000
    terms = {name: long for name in ("title", "creator", "description")} | {"rights": "https://" + long}
    said = facts("after", dublin_core=terms).labels()
    assert said.title.endswith("…")
    assert read_labels(label(jpeg("a"), JPEG, said), JPEG) == said.as_written()


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("Albumen print, 9 x 6 cm", "print"),
        ("carte de visite", "print"),
        ("유리 음화", "negativeFilm"),
        ("35 mm slides", "positiveFilm"),
        ("print from a negative", ""),
        ("image/tiff", ""),
        ("blueprint", ""),
        ("", ""),
    ],
)
def test_how_a_scan_was_made_is_said_only_where_the_catalog_knows(said, term):
    assert scan_type({"format": said}) == (SOURCE_TYPES + term if term else "")


# -- signing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "data"), [(PNG, png("a")), (JPEG, jpeg("a"))])
def test_credentials_hold_and_say_what_was_done(credentials, original, kind, data):
    done = label(data, kind, facts().labels())
    signed = credentials.sign(done, kind, facts(), original)
    found = check_credentials(signed, kind)
    assert found.actions == (
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.adjustedColor",
        "c2pa.edited",
        "c2pa.edited",
        "c2pa.converted",
    )
    assert found.source_types == (ENHANCED, ENHANCED, COMPOSITE, COMPOSITE)
    assert (found.signer, found.ingredient, found.trusted) == ("Test signer", "scan.tif", False)
    assert read_labels(signed, kind) == facts().labels()
    assert has_credentials(signed, kind)
    same = [cv2.imdecode(np.frombuffer(item, np.uint8), cv2.IMREAD_UNCHANGED) for item in (data, signed)]
    assert np.array_equal(*same)
    with pytest.raises(PublicationError, match="label first, then sign"):
        label(signed, kind, facts().labels())


def test_the_manifest_names_models_by_their_weights_and_the_scan_by_its_hash(credentials, original):
    signed = credentials.sign(png("a"), PNG, facts(), original)
    with c2pa.Reader(PNG, io.BytesIO(signed)) as reader:
        active = reader.get_active_manifest()
    (ingredient,) = active["ingredients"]
    assert (ingredient["relationship"], ingredient["instance_id"]) == ("parentOf", f"sha256:{SCAN}")
    assert "thumbnail" not in str(active)
    (assertion,) = active["assertions"]
    opened, *_, faces, _ = assertion["data"]["actions"]
    assert opened["parameters"]["archive-restoration.sha256"] == SCAN
    assert opened["parameters"]["ingredients"][0]["url"].endswith("c2pa.ingredient.v3")
    agent = {"name": "gfpgan-1.3", "version": "1.3", "archive-restoration.weights_sha256": "f1" * 32}
    assert faces["softwareAgent"] == agent
    assert faces["parameters"]["archive-restoration.step"] == "faces"
    assert faces["when"] == "2026-11-21T04:00:00.123456+00:00"


def _small() -> Picture:
    pixels = np.random.default_rng(3).uniform(0, 1, (40, 50, 3)).astype(np.float32)
    return Picture(pixels, ScanInfo("tiff", 50, 40, 16, 3, dpi=300))


def _copy(extension: str) -> bytes:
    made = access_copy(_small(), extension, quality=90, long_side=0, software="s 1", ai_altered=True)
    return made.data


@pytest.mark.parametrize("content_type", [TIFF, WEBP, JPEG])
def test_masters_in_tiff_and_access_copies_are_signed_too(credentials, original, content_type):
    kind = "restored" if content_type == TIFF else "access"
    data = {
        TIFF: lambda: encode_tiff(_small(), software="s 1", ai_altered=True),
        WEBP: lambda: _copy("webp"),
        JPEG: lambda: _copy("jpg"),
    }[content_type]()
    facts = PictureFacts(photo(), kind, collection="album", rights="", sha256="cd" * 32)
    labelled = label(data, content_type, facts.labels())
    signed = credentials.sign(labelled, content_type, facts, original)
    assert has_credentials(signed, content_type)
    assert not has_credentials(labelled, content_type)
    assert read_labels(signed, content_type) == facts.labels().as_written()
    actions = check_credentials(signed, content_type).actions
    assert actions[0] == "c2pa.opened"
    assert "c2pa.resized" not in actions
    with pytest.raises(PublicationError, match="label first"):
        label(signed, content_type, facts.labels())
    broken = bytearray(signed)
    place = 60 if content_type == TIFF else len(data) // 2
    broken[place] ^= 0xFF
    with pytest.raises(PublicationError):
        check_credentials(bytes(broken), content_type)


def test_a_preview_of_the_scan_was_only_made_smaller(credentials, original):
    found = check_credentials(credentials.sign(jpeg("a"), JPEG, facts("before"), original), JPEG)
    assert found.actions == ("c2pa.opened", "c2pa.resized", "c2pa.converted")
    assert found.source_types == ()


def test_a_scan_without_bytes_is_named_by_its_facts(credentials):
    gone = Original("gone.bmp", "image/bmp", SCAN, "gone")
    assert "ingredients" in manifest(facts(), gone)
    found = check_credentials(credentials.sign(png("a"), PNG, facts(), gone), PNG)
    assert found.ingredient == "gone.bmp"


def test_a_scan_that_carries_credentials_keeps_them_in_the_chain(credentials, original):
    first = credentials.sign(png("scan"), PNG, facts(), original)
    original.path.write_bytes(first)
    again = Original("signed.png", PNG, SCAN, "read", original.path)
    signed = credentials.sign(png("a"), PNG, facts(), again)
    with c2pa.Reader(PNG, io.BytesIO(signed)) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 2
    spoilt = bytearray(first)
    spoilt[spoilt.find(b"IDAT") + 40] ^= 1
    original.path.write_bytes(spoilt)
    assert check_credentials(credentials.sign(png("a"), PNG, facts(), again), PNG).ingredient == "signed.png"


@pytest.mark.parametrize(("kind", "data"), [(PNG, png("a")), (JPEG, jpeg("a"))])
def test_a_changed_byte_of_the_picture_is_noticed(credentials, original, kind, data):
    signed = bytearray(credentials.sign(data, kind, facts(), original))
    signed[-100] ^= 1
    with pytest.raises(PublicationError, match=r"dataHash\.mismatch") as caught:
        check_credentials(bytes(signed), kind)
    assert caught.value.reason is ReasonCode.LABEL_INVALID


def test_a_changed_label_is_noticed(credentials, original):
    done = label(png("a"), PNG, facts().labels())
    signed = credentials.sign(done, PNG, facts(), original)
    at = signed.index(b"It shows how")
    body = bytearray(signed)
    body[at : at + 2] = b"Is"
    with pytest.raises(PublicationError, match=r"dataHash\.mismatch"):
        check_credentials(bytes(body), PNG)


def test_files_without_credentials_are_told():
    for kind, data in ((PNG, png("a")), (JPEG, jpeg("a")), (PNG, b"x")):
        with pytest.raises(PublicationError, match="no content credentials"):
            check_credentials(data, kind)


def test_what_c2pa_refuses_is_a_label_that_cannot_be_written(credentials, original):
    with pytest.raises(PublicationError, match="could not be written") as caught:
        credentials.sign(b"no picture", PNG, facts(), original)
    assert caught.value.reason is ReasonCode.LABEL_INVALID


def test_a_trust_list_decides_who_may_sign(credentials, original, signing, authority, tmp_path):
    signed = credentials.sign(png("a"), PNG, facts(), original)
    assert check_credentials(signed, PNG, signing.authority.read_text()).trusted
    stranger = Authority(tmp_path, "Somebody else").issue()
    with pytest.raises(PublicationError, match=r"signingCredential\.untrusted"):
        check_credentials(signed, PNG, stranger.authority.read_text())
    assert content_credentials(settings(signing, c2pa_trust_list=signing.authority)) is not None
    with pytest.raises(SettingsError, match=r"signingCredential\.untrusted"):
        content_credentials(settings(signing, c2pa_trust_list=stranger.authority))


def test_credentials_outlive_their_certificate_as_expired(authority, original):
    signing = authority.issue(days=5 / 86400)
    short = content_credentials(settings(signing))
    signed = short.sign(png("a"), PNG, facts(), original)
    signing.wait_until_expired()
    assert check_credentials(signed, PNG).expired
    with pytest.raises(PublicationError, match="not valid at time of signing"):
        short.sign(png("a"), PNG, facts(), original)


# -- settings ------------------------------------------------------------------------------------------------------


def test_without_certificate_nothing_is_signed():
    assert content_credentials(settings()) is None
    assert content_credentials(settings(c2pa_certificate="", c2pa_private_key="", c2pa_timestamp_url="")) is None


def test_half_of_a_set_up_is_refused(signing, authority, tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"no certificate")
    other = authority.issue()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"c2pa_certificate": signing.certificate}, "PRIVATE_KEY is missing"),
        ({"c2pa_private_key": signing.key}, "CERTIFICATE is missing"),
        ({"c2pa_timestamp_url": "http://tsa.example"}, "without RESTORATION_C2PA_CERTIFICATE"),
        (signing.settings(c2pa_certificate=tmp_path / "no"), "cannot be read"),
        (signing.settings(c2pa_certificate=junk), "does not sign"),
        (signing.settings(c2pa_private_key=junk), "does not sign"),
        (signing.settings(c2pa_private_key=other.key), r"claimSignature\.mismatch"),
        (signing.settings(c2pa_algorithm="es384"), "does not sign"),
        (signing.settings(c2pa_trust_list=tmp_path / "no"), "TRUST_LIST"),
        (authority.issue(days=-1).settings(), "not valid at time of signing"),
        (authority.issue(usage=ExtendedKeyUsageOID.SERVER_AUTH).settings(), "does not sign"),
    ]
    for values, words in wrong:
        with pytest.raises(SettingsError, match=words):
            content_credentials(settings(**values))


def test_the_doctor_looks_at_the_certificate(signing, authority, tmp_path):
    assert doctor_checks.check_signing(settings()).verdict == "note"
    well = doctor_checks.check_signing(settings(signing))
    assert (well.verdict, "signs as Test signer, until 20" in well.found) == ("ok", True)
    soon = doctor_checks.check_signing(settings(authority.issue(days=10)))
    assert (soon.verdict, "Renew" in soon.cure) == ("problem", True)
    assert doctor_checks.check_signing(settings(c2pa_certificate=signing.certificate)).verdict == "problem"


# -- the scan's bytes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("scan.tif", {}, "read"),
        ("scan.tif", {"sha256": "00" * 32}, "changed"),
        ("scan.tif", {"format": "bmp"}, "unreadable"),
        ("broken.tif", {}, "unreadable"),
        ("missing.tif", {}, "gone"),
        ("scan.tif", {"uri": None}, "gone"),
    ],
)
def test_scans_are_fetched_where_they_can_be(tmp_path, name, source, found):
    store = MemoryStore()
    store.objects = {("originals", "scan.tif"): encoded("scan", "tif"), ("originals", "broken.tif"): b"II*\0broken"}
    data = store.objects.get(("originals", name), b"")
    known = {"uri": f"s3://originals/{name}", "sha256": hashlib.sha256(data).hexdigest(), "format": "tiff"} | source
    with Originals(store, tmp_path).fetched(photo(source=known)) as original:
        assert original.found == found
        assert (original.path is not None) == (found == "read")
        assert original.title == "Oma \U0001f475 할머니.tif"
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_store_of_scans_stops_nothing(tmp_path):
    class Deaf(MemoryStore):
        def stream(self, bucket, key, **_):
            raise StorageError("out of reach")

    with Originals(Deaf(), tmp_path).fetched(photo()) as original:
        assert original.found == "unreachable"
