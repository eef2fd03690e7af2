"""Every group role against every statement that is not its own, and the attacks on a person's word."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from restoration.catalog import approvals, migrations, reviews, withdrawals, work
from restoration.catalog.database import make_engine
from restoration.catalog.events import append_event, verify_chain
from restoration.catalog.files import sql_dir
from restoration.catalog.planning import queue_shard
from restoration.catalog.roles import LIMITS
from restoration.catalog.withdrawals import TWINS
from restoration.errors import PhotoState, ReasonCode
from restoration.local.postgres import SUPERUSER
from tests.stack import catalog_builder as build
from tests.stack.forbidden import CASES, ROLES, TELLERS, Forbidden, event
from tests.stack.reviewable import restore

pytestmark = pytest.mark.stack

NAME = "guarded"
REFUSED = "42501"
UNSEEN = {"42P01", "42883", "42704"}
"""The auditor does not even see the schema: there is no such table, function or type."""
KEYS = ["ada.tif", "bob.tif", "cat.tif"]


@pytest.fixture(scope="module")
def guarded(postgres, catalog_template) -> Iterator[Callable[[str], sa.Engine]]:
    """Engines on one catalog for the module, by role, with the collection that the statements speak of."""
    postgres.create_database(NAME, template=catalog_template)
    engines = {role: make_engine(postgres.url(f"test_{role}", NAME)) for role in ("owner", *ROLES)}
    engines[SUPERUSER] = make_engine(postgres.url(SUPERUSER, NAME))
    # a copy of a database has not the rights of its original on the database itself
    migrations.migrate(engines[SUPERUSER])
    with engines["owner"].begin() as conn:
        family = build.add_collection(conn)
        restore(conn, family, 1, keys=KEYS)
        reviews.accept_waiting(conn, family.collection_id, reviewer="Ann", words="")
    yield engines.__getitem__
    for engine in engines.values():
        engine.dispose()
    postgres.drop_database(NAME)


@pytest.mark.parametrize(("role", "one"), CASES, ids=[f"{role}-{one.name}" for role, one in CASES])
def test_a_role_is_refused_what_is_not_its_own(guarded, role: str, one: Forbidden):
    with guarded(role).connect() as conn:
        conn.execute(sa.text("SET TRANSACTION READ WRITE"))  # the auditor's is read-only unless it asks
        with pytest.raises(sa.exc.DBAPIError) as refused:
            conn.exec_driver_sql(one.statement.replace("%", "%%"))
        assert refused.value.orig.pgcode in {REFUSED} | (UNSEEN if role == "auditor" else set()), refused.value
        conn.rollback()


def test_the_table_names_every_type_of_event_that_the_code_writes():
    source = (sql_dir() / "schema.sql").read_text()
    words = source[source.index("CREATE FUNCTION event_tellers") :].split("COMMENT ON FUNCTION")[0]
    named = {word for word in TELLERS if f"'{word}'" in words}
    assert named == set(TELLERS) - {"made_up"}


@pytest.mark.parametrize(("type_", "role"), [(t, r) for t, roles in TELLERS.items() for r in sorted(roles)])
def test_a_role_writes_its_own_events_and_the_login_is_on_record(guarded, type_, role):
    with guarded(SUPERUSER).connect() as conn:
        conn.exec_driver_sql("SET SESSION AUTHORIZATION test_" + role)
        conn.exec_driver_sql(event(type_))
        conn.exec_driver_sql("RESET SESSION AUTHORIZATION")
        last = conn.execute(sa.text("SELECT login, rule FROM event ORDER BY seq DESC LIMIT 1")).one()
        assert last == (f"test_{role}", 2)
        conn.rollback()


def test_an_approval_that_a_worker_forges_is_refused_and_believed_by_nobody(role_engine, catalog):
    with catalog.begin() as conn:
        family = build.add_collection(conn, consent="unknown")
        restore(conn, family, 1, keys=KEYS)
    forged = approvals.Approval("Eve Kim", "the family agrees")
    with (
        role_engine("worker").connect() as conn,
        pytest.raises(sa.exc.ProgrammingError, match="may not write this event"),
    ):
        approvals.record_approval(conn, family.collection_id, forged, content_sha256=build.sha("x"), photos=3)
    with role_engine("publisher").connect() as conn:
        assert not approvals.is_approved(conn, family.collection_id, build.sha("x"))
    with role_engine("curator").begin() as conn:
        approvals.record_approval(conn, family.collection_id, forged, content_sha256=build.sha("x"), photos=3)
    with role_engine("publisher").connect() as conn:
        assert approvals.is_approved(conn, family.collection_id, build.sha("x"))


HINT = """
INSERT INTO colour_hint (photo_id, collection_id, outline, radius, colour, ground, said_by, given_through, added_by)
SELECT photo_id, collection_id, '[[0.5, 0.5]]', 0.02, '#2c4f9e', 'memory', 'Eve', 'terminal', 'Eve'
FROM photo WHERE right(object_key, 7) = 'ada.tif'
"""
SILENT = {
    "a doubtful photograph becomes a good one": (
        "worker",
        "INSERT INTO event (collection_id, event_type, outcome, agent, photo_id, restoration_id, detail) "
        "SELECT collection_id, 'deduplication', 'success', 'worker', photo_id, restoration_id, '{}' "
        "FROM photo WHERE right(object_key, 7) = 'bob.tif'; "
        "UPDATE photo SET state = 'restored', reason = NULL WHERE right(object_key, 7) = 'bob.tif'",
    ),
    "a scan is divided": (
        "worker",
        "INSERT INTO division (collection_id, source_sha256, boxes, given_through, run_id, decided_by) "
        "SELECT collection_id, content_sha256, '{0 0 1 1}', 'recipe', (SELECT run_id FROM run LIMIT 1), 'recipe Eve' "
        "FROM photo WHERE right(object_key, 7) = 'ada.tif'",
    ),
    "a colour is taken back": (
        "reviewer", "INSERT INTO colour_hint_removal (hint_id, removed_by) SELECT max(hint_id), 'Eve' FROM colour_hint"
    ),
    "a photograph is withdrawn": (
        "curator",
        "INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by) "
        "SELECT collection_id, object_key, 'so', 'Eve' FROM photo WHERE right(object_key, 7) = 'cat.tif'",
    ),
    "a withdrawal is lifted": ("curator", "UPDATE withdrawal SET lifted_at = now(), lifted_by = 'Eve'"),
}  # fmt: skip


@pytest.mark.parametrize("silent", SILENT)
def test_nothing_is_decided_without_a_word_on_record(role_engine, catalog, silent):
    with catalog.begin() as conn:
        family = build.add_collection(conn)
        restore(conn, family, 1, keys=KEYS)
        conn.exec_driver_sql(HINT)
    with role_engine("curator").begin() as conn:
        withdrawals.withdraw(conn, family.collection_id, "family/ada.tif", reason="they ask", person="Ann")
    role, statements = SILENT[silent]
    with role_engine(role).connect() as conn:
        for statement in statements.split("; "):
            assert conn.exec_driver_sql(statement).rowcount == 1, statement
        with pytest.raises(sa.exc.ProgrammingError, match="without") as refused:
            conn.commit()
    assert refused.value.orig.pgcode == REFUSED


def test_a_worker_works_with_its_own_login(role_engine, catalog):
    """Lease, restore, fail, give back, reject, link: each with its event, and the chain is whole."""
    with catalog.begin() as conn:
        family = build.add_collection(conn)
        build.listing(conn, family, [f"{n}.tif" for n in range(6)])
        run_id = build.add_run(conn, family)
        build.plan(conn, run_id, batch_size=8)
    worker = role_engine("worker")
    (batch,) = _claim(catalog, worker, run_id)
    photos = [photo.photo_id for photo in batch.photos]
    for photo in photos:
        with worker.begin() as conn:
            assert build.lease(conn, batch.batch_id, photo).granted
    with worker.begin() as conn:
        number = work.record_restored(conn, batch.batch_id, photos[0], build.WORKER, build.restored("same"))
    with worker.begin() as conn:
        work.link_restoration(conn, batch.batch_id, photos[1], build.WORKER, number, source_sha256=build.sha("same"))
    refusal = {"reason": ReasonCode.CORRUPT, "detail": "half"}
    with worker.begin() as conn:
        work.record_rejected(conn, batch.batch_id, photos[2], build.WORKER, source_sha256=None, **refusal)
    failed = {"reason": ReasonCode.STEP_FAILED, "detail": "no", "max_attempts": 1}
    with worker.begin() as conn:
        ended = work.record_failed(conn, batch.batch_id, photos[3], build.WORKER, **failed)
    assert ended is PhotoState.QUARANTINED
    with worker.begin() as conn:
        assert work.record_failed(conn, batch.batch_id, photos[4], build.WORKER, **failed | {"max_attempts": 3})
    with worker.begin() as conn:
        work.fail_batch(conn, batch.batch_id, build.WORKER, "this machine cannot")
    with catalog.connect() as conn:
        assert verify_chain(conn, family.collection_id).ok
        logins = conn.execute(sa.text("SELECT DISTINCT login FROM event WHERE event_type = 'restoration'")).scalars()
        assert list(logins) == ["test_worker"]


def _claim(catalog, worker, run_id):
    with catalog.begin() as conn:
        numbers = queue_shard(conn, run_id, 0)
    with worker.begin() as conn:
        return [work.claim_batch(conn, number, build.WORKER) for number in numbers]


def test_what_is_done_over_falls_back_to_what_it_showed_without_an_event(role_engine, catalog):
    with catalog.begin() as conn:
        family = build.add_collection(conn)
        restore(conn, family, 1, keys=KEYS)
        run_id = build.add_run(conn, family, 2, build.OTHER_RECIPE)
        build.plan(conn, run_id)
    (batch,) = _claim(catalog, role_engine("worker"), run_id)
    with role_engine("worker").begin() as conn:
        build.lease(conn, batch.batch_id, batch.photos[0].photo_id)
        work.fail_batch(conn, batch.batch_id, build.WORKER, "this machine cannot")
    with catalog.connect() as conn:
        states = conn.execute(sa.text("SELECT state::text FROM photo ORDER BY object_key")).scalars().all()
    assert states == ["restored", "needs_review", "restored"]


def test_programs_withdraw_only_the_copies_of_what_a_person_withdrew(role_engine, catalog):
    with catalog.begin() as conn:
        family = build.add_collection(conn)
        restore(conn, family, 1, keys=["ada.tif"])
    for role in ("ingest", "publisher"):
        with (
            role_engine(role).connect() as conn,
            pytest.raises(sa.exc.ProgrammingError, match="withdraws only what belongs"),
        ):
            withdrawals.withdraw(conn, family.collection_id, "family/ada.tif", reason="they ask", person="Eve")
    with role_engine("curator").begin() as conn:
        withdrawals.withdraw(conn, family.collection_id, "family/ada.tif", reason="they ask", person="Eve")
    with catalog.begin() as conn:
        build.listing(conn, family, ["ada.tif", "copy.tif"])
        same = "(SELECT content_sha256 FROM photo WHERE object_key LIKE '%ada.tif')"
        conn.execute(sa.text(f"UPDATE photo SET content_sha256 = {same}"))
    with role_engine("ingest").begin() as conn:
        assert withdrawals.withdraw_twins(conn, family.collection_id) == ["family/copy.tif"]
    with catalog.connect() as conn:
        agent, login = conn.execute(
            sa.text("SELECT agent, login FROM event WHERE event_type = 'withdrawal' ORDER BY seq DESC LIMIT 1")
        ).one()
    assert (agent, login) == (TWINS, "test_ingest")
    with role_engine("publisher").connect() as conn, pytest.raises(sa.exc.ProgrammingError, match="denied"):
        withdrawals.lift(conn, family.collection_id, "family/ada.tif", person="Eve")


def test_a_login_that_was_changed_breaks_the_chain(role_engine, catalog):
    with catalog.begin() as conn:
        family = build.add_collection(conn)
        build.listing(conn, family, KEYS)
    with role_engine(SUPERUSER).begin() as conn:
        conn.execute(sa.text("ALTER TABLE event DISABLE TRIGGER ALL"))
        conn.execute(sa.text("UPDATE event SET login = 'test_curator' WHERE seq = 1"))
    with catalog.connect() as conn:
        report = verify_chain(conn, family.collection_id)
        assert (report.ok, report.first_bad_seq) == (False, 1)
    with role_engine(SUPERUSER).begin() as conn:
        # nor does an event become one of the old rule, which named no login
        conn.execute(sa.text("UPDATE event SET login = 'test_owner', rule = 1 WHERE seq = 1"))
    with catalog.connect() as conn:
        assert verify_chain(conn, family.collection_id).first_bad_seq == 1
    with role_engine(SUPERUSER).begin() as conn:
        conn.execute(sa.text("UPDATE event SET rule = 2 WHERE seq = 1"))
    with catalog.connect() as conn:
        assert verify_chain(conn, family.collection_id).ok


def test_events_from_before_the_login_was_on_record_verify_as_before(postgres, catalog_template):
    postgres.create_database("before_0015")
    engine = make_engine(postgres.url(SUPERUSER, "before_0015"))
    try:
        names = [migration.name for migration in migrations.load_migrations()]
        migrations.migrate(engine, target=next(name for name in names if name.startswith("0014")))
        with engine.begin() as conn:
            family = build.add_collection(conn)
            build.listing(conn, family, KEYS)
            old = conn.execute(sa.text("SELECT seq, canonical, sha256 FROM audit.event")).all()
        migrations.migrate(engine)
        with engine.begin() as conn:
            assert conn.execute(sa.text("SELECT seq, canonical, sha256 FROM audit.event")).all() == old
            append_event(
                conn, collection_id=family.collection_id, event_type="ingestion", outcome="success", agent="ingest"
            )
            rows = conn.execute(sa.text("SELECT rule, login FROM event ORDER BY seq")).all()
            assert rows == [(1, None)] * len(old) + [(2, SUPERUSER)]
            assert verify_chain(conn, family.collection_id).ok
    finally:
        engine.dispose()
        postgres.drop_database("before_0015")


def test_logins_of_the_release_before_go_on_writing_what_people_decide(postgres, catalog_template, role_engine):
    """When the curator's role is made, whoever was in the publisher's is made a member of it, once."""
    with role_engine(SUPERUSER).connect() as conn:
        conn.execute(sa.text("ALTER ROLE restoration_curator RENAME TO restoration_aside"))
        conn.exec_driver_sql((sql_dir() / "roles.sql").read_text().replace("%", "%%"))
        held = "SELECT pg_has_role('test_{}', 'restoration_curator', 'MEMBER')"
        who = {role: conn.execute(sa.text(held.format(role))).scalar_one() for role in ("publisher", "worker")}
        conn.rollback()
    assert who == {"publisher": True, "worker": False}


@pytest.mark.parametrize("role", sorted(LIMITS))
def test_logins_of_one_group_have_its_limits(guarded, role):
    short = role.removeprefix("restoration_")
    with guarded(short).connect() as conn:
        found = {name: conn.execute(sa.text(f"SHOW {name}")).scalar_one() for name in LIMITS[role]}
    assert found == LIMITS[role]


def test_the_database_is_closed_to_strangers(postgres, guarded):
    postgres.create_login("test_stranger")
    with guarded(SUPERUSER).connect() as conn:
        asked = "SELECT has_database_privilege('test_stranger', current_database(), 'CONNECT')"
        assert conn.execute(sa.text(asked)).scalar_one() is False
