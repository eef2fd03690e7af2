"""Of a collection without known consent, or a sensitive one, nothing is published before a person approved it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from restoration.catalog.approvals import Approval
from restoration.catalog.collections import upsert_collection
from restoration.catalog.events import verify_chain
from restoration.errors import ReasonCode, UsageError
from restoration.publish.publisher import PublicationReport, publish_collection
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.stack.archive import Archive

pytestmark = pytest.mark.stack
SETTINGS = Settings(restored_bucket="restored", archive_bucket="archive", gallery_url=None, _env_file=None)
KIM = Approval("Kim Lee", "I looked at all of them; the family agreed by letter of 3 May")
CASES = [
    ({"consent": "unknown"}, ReasonCode.CONSENT_UNKNOWN),
    ({"sensitivity": "sensitive"}, ReasonCode.SENSITIVE),
    ({"sensitivity": "sensitive", "consent": "unknown"}, ReasonCode.SENSITIVE),
]


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


def publish(archive: Archive, store: ObjectStore, approval: Approval | None = None, **options) -> PublicationReport:
    engine = options.pop("engine", archive.db)
    return publish_collection(engine, store, SETTINGS, archive.name, archive.run_id, approval=approval, **options)


def keys(store: ObjectStore, archive: Archive) -> list[str]:
    return [item.key for page in store.list_pages("archive", f"{archive.name}/") for item in page]


def approvals(archive: Archive) -> list[sa.Row]:
    with archive.db.connect() as conn:
        return list(
            conn.execute(
                sa.text("SELECT * FROM event WHERE event_type = 'approval' AND collection_id = :c ORDER BY seq"),
                {"c": archive.collection.collection_id},
            )
        )


@pytest.mark.parametrize(("facts", "reason"), CASES)
def test_without_approval_nothing_leaves_the_house(catalog, store, facts, reason):
    archive = Archive(catalog, store, **facts)
    archive.add("a.tif")
    for _ in range(2):
        report = publish(archive, store)
        assert (report.state, report.reason, report.version) == ("withheld", reason, None)
    assert f'restoration publish {archive.name} --approved-by "NAME" --words "WHY"' in report.detail
    assert report.content_sha256[:12] in report.detail
    assert keys(store, archive) == []
    assert publish(archive, store, dry_run=True).state == "withheld"


@pytest.mark.parametrize(("facts", "reason"), CASES)
def test_an_approval_is_on_record_and_publishes(catalog, store, role_engine, facts, reason):
    archive = Archive(catalog, store, **facts)
    archive.add("a.tif")
    withheld = publish(archive, store)
    report = publish(archive, store, KIM, engine=role_engine("airflow"))
    assert (report.state, report.version) == ("published", 1)
    (event,) = approvals(archive)
    assert (event.agent, event.outcome) == ("Kim Lee", "success")
    assert event.detail == {"words": KIM.words, "content_sha256": withheld.content_sha256, "photos": 1}
    with catalog.connect() as conn:
        published = conn.execute(sa.text("SELECT content_sha256 FROM publication")).scalar_one()
        assert published == event.detail["content_sha256"]
        assert verify_chain(conn, archive.collection.collection_id).ok
    again = publish(archive, store)
    assert (again.state, again.version) == ("unchanged", 1)


def test_new_results_need_a_new_approval_and_the_old_version_stays(catalog, store):
    archive = Archive(catalog, store, consent="unknown")
    archive.add("a.tif")
    assert publish(archive, store, KIM).version == 1
    archive.add("b.tif")
    report = publish(archive, store)
    assert (report.state, report.reason, report.version) == ("withheld", ReasonCode.CONSENT_UNKNOWN, 1)
    assert "version 1, published earlier, is still current" in report.detail
    assert publish(archive, store, KIM).version == 2
    assert len({event.detail["content_sha256"] for event in approvals(archive)}) == 2


def test_an_approval_survives_a_publisher_that_died(catalog, store, monkeypatch):
    from restoration.publish import publisher

    def die(*_, **__):
        raise KeyboardInterrupt

    archive = Archive(catalog, store, consent="unknown")
    archive.add("a.tif")
    with monkeypatch.context() as patch:
        patch.setattr(publisher, "verify_listing", die)
        with pytest.raises(KeyboardInterrupt):
            publish(archive, store, KIM)
    assert publish(archive, store).state == "published"
    assert len(approvals(archive)) == 1


def test_nobody_can_approve_what_was_refused_or_is_empty(catalog, store):
    refused = Archive(catalog, store, consent="refused")
    refused.add("a.tif")
    assert publish(refused, store, KIM).reason is ReasonCode.CONSENT_REFUSED
    empty = Archive(catalog, store, consent="unknown")
    assert publish(empty, store, KIM).reason is ReasonCode.SOURCE_MISSING
    assert approvals(refused) == approvals(empty) == []


def test_an_approval_of_the_collection_as_it_was_ends_when_it_is_called_sensitive(catalog, store):
    archive = Archive(catalog, store, consent="unknown")
    archive.add("a.tif")
    publish(archive, store, KIM)
    with catalog.begin() as conn:
        c = archive.collection
        upsert_collection(conn, name=c.name, source_uri=c.source_uri, recipe=c.recipe, sensitivity="sensitive")
    assert publish(archive, store).reason is ReasonCode.SENSITIVE


def test_an_approval_of_one_collection_is_none_of_another(catalog, store):
    one, other = (Archive(catalog, store, consent="unknown") for _ in range(2))
    one.add("a.tif")
    other.add("a.tif")
    publish(one, store, KIM)
    assert publish(other, store).state == "withheld"


def test_a_dry_run_approves_nothing(catalog, store):
    archive = Archive(catalog, store, consent="unknown")
    archive.add("a.tif")
    assert publish(archive, store, KIM, dry_run=True).state == "published"
    assert approvals(archive) == []
    assert keys(store, archive) == []


@pytest.mark.parametrize(("person", "words"), [("", "fine"), ("  ", "fine"), ("Kim", ""), ("Kim", "\n")])
def test_an_approval_names_a_person_and_says_why(person, words):
    with pytest.raises(UsageError, match="approval"):
        Approval(person, words)


def test_command_line(catalog, store, catalog_url, s3, monkeypatch):
    from typer.testing import CliRunner

    from restoration.cli import app
    from restoration.settings import get_settings

    archive = Archive(catalog, store, consent="unknown")
    archive.add("a.tif")
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("airflow"))
    for name, value in s3.environment("airflow").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    run = CliRunner().invoke
    try:
        withheld = run(app, ["publish", archive.name])
        assert "withheld (consent_unknown)" in withheld.output
        assert "--approved-by" in withheld.output
        assert isinstance(run(app, ["publish", archive.name, "--approved-by", "Kim"]).exception, UsageError)
        assert isinstance(run(app, ["publish", archive.name, "--words", "fine"]).exception, UsageError)
        assert approvals(archive) == []
        done = run(app, ["publish", archive.name, "--approved-by", "Kim", "--words", "fine", "--json"])
        assert json.loads(done.output)["state"] == "published"
    finally:
        get_settings.cache_clear()
    assert [event.agent for event in approvals(archive)] == ["Kim"]
