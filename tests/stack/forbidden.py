"""What no login may do to the catalog: every statement, and the group roles that it is refused to.

Statements are tried in a collection ``family`` of three photographs (``ada.tif``, ``bob.tif``, ``cat.tif``), restored,
with one event, review, withdrawal, hint and division each (:mod:`tests.stack.test_roles`).
"""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("ingest", "worker", "publisher", "curator", "reviewer", "auditor")

TELLERS = {
    "restoration": {"worker"},
    "deduplication": {"worker"},
    "pages": {"worker"},
    "failure": {"worker", "ingest"},
    "quarantine": {"worker", "ingest"},
    "rejection": {"worker", "ingest"},
    "missing": {"worker", "ingest"},
    "cancellation": {"worker", "ingest"},
    "division": {"ingest"},
    "ingestion": {"ingest"},
    "replacement": {"ingest"},
    "run_opened": {"ingest"},
    "run_planned": {"ingest"},
    "run_finished": {"ingest"},
    "release": {"ingest"},
    "division_removal": {"ingest"},
    "publication": {"publisher"},
    "removal": {"publisher"},
    "fixity_check": {"publisher"},
    "approval": {"curator"},
    "review": {"curator", "reviewer"},
    "withdrawal": {"curator"},
    "colour_hint": {"curator", "reviewer", "ingest"},
    "colour_hint_removal": {"curator", "reviewer", "ingest"},
    "made_up": set(),
}
"""Types of events, and the group roles that may write one with a person's name and nothing else."""

_PHOTO = "(SELECT photo_id FROM photo WHERE object_key = 'family/ada.tif')"
_FAMILY = "(SELECT collection_id FROM collection WHERE name = 'family')"
_OTHER = "(SELECT max(restoration_id) FROM restoration)"
_TOLD = "; SET CONSTRAINTS ALL IMMEDIATE"
_EVENT = (
    "INSERT INTO event (collection_id, event_type, outcome, agent, photo_id, detail{more}) SELECT {family}, '{type}', "
)
_EVENT += "'success', 'Eve Kim', {photo}, '{detail}'{values}"


@dataclass(frozen=True)
class Forbidden:
    """A statement and the roles that it is refused to."""

    name: str
    statement: str
    roles: tuple[str, ...] = ROLES


def _but(*allowed: str) -> tuple[str, ...]:
    return tuple(role for role in ROLES if role not in allowed)


def event(
    type_: str, detail: str = "{}", more: str = "", values: str = "", *, photo: str = "1", family: str = "1"
) -> str:
    """The statement that writes an event in the name of Eve Kim.

    The numbers are those of the first photograph and collection, so that no right to read is needed.
    """
    return _EVENT.format(type=type_, detail=detail, more=more, values=values, photo=photo, family=family)


_HISTORY = [
    "UPDATE event SET agent = 'x'",
    "UPDATE event SET login = 'x'",
    "DELETE FROM event",
    "TRUNCATE event",
    "TRUNCATE photo CASCADE",
    "INSERT INTO event_head VALUES (99, 0, repeat('0', 64))",
    "UPDATE event_head SET seq = 1",
    "DELETE FROM event_head",
    "ALTER TABLE event DISABLE TRIGGER ALL",
    "ALTER TABLE event DISABLE TRIGGER event_chain",
    "ALTER TABLE photo DISABLE TRIGGER photo_told_update",
    "DROP TRIGGER event_append_only ON event",
    "ALTER TABLE event ADD COLUMN mine text",
    "ALTER TABLE event OWNER TO CURRENT_USER",
    "DROP TABLE event CASCADE",
    "CREATE INDEX ON event (agent)",
    "CREATE TABLE restoration.mine (n int)",
    "CREATE VIEW audit.mine AS SELECT 1",
    "DROP VIEW audit.photo",
    "CREATE SCHEMA mine",
    "INSERT INTO schema_migration VALUES ('0099_x', repeat('a', 64))",
    "UPDATE schema_migration SET sha256 = repeat('a', 64)",
    "CREATE OR REPLACE FUNCTION is_member(login name, VARIADIC groups name[]) RETURNS bool LANGUAGE sql RETURN true",
    "ALTER FUNCTION may_tell(name, event) OWNER TO CURRENT_USER",
    "COMMENT ON TABLE event IS 'mine'",
]
_SERVER = [
    "SET session_replication_role = replica",
    "SET ROLE restoration_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "CREATE ROLE mine LOGIN SUPERUSER",
    "GRANT restoration_curator TO test_worker",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "CREATE EXTENSION dblink",
    "SELECT passwd FROM pg_shadow",
]
_TABLES = (
    "batch batch_photo collection colour_hint colour_hint_removal damage division division_removal evaluation event "
    "face measurement model_version photo policy publication publication_photo restoration review "
    "review_session run step_record withdrawal"
)
_REVIEW = "INSERT INTO review (photo_id, restoration_id, decision, reviewer) VALUES (1, 1, 'accept', 'Eve Kim')"
_HINT = (
    "INSERT INTO colour_hint (collection_id, photo_id, outline, radius, colour, ground, said_by, given_through, "
    "added_by) VALUES (1, 1, '[[0.5, 0.5]]', 0.01, '#102030', 'memory', 'Eve Kim', 'terminal', 'Eve Kim')"
)
_DIVISION = (
    "INSERT INTO division (collection_id, source_sha256, boxes, given_through, run_id, decided_by) "
    "SELECT {family}, repeat('b', 64), ARRAY['1'], '{through}', {run}, '{who}'"
)
_WITHDRAWAL = "INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by) VALUES (1, 'a', 'mine', 'Eve')"
_NO_WORKER = _but("worker", "ingest")

STATEMENTS: list[Forbidden] = [
    *[Forbidden(text, text) for text in [*_HISTORY, *_SERVER]],
    *[Forbidden(f"DELETE FROM {table}", f"DELETE FROM {table}") for table in _TABLES.split()],
    # events in a person's name, by type
    *[Forbidden(f"event {name}", event(name), _but(*tellers)) for name, tellers in TELLERS.items()],
    # what the trigger sets
    Forbidden("event with a login", event("review", "{}", ", login", ", 'test_curator'")),
    Forbidden("event with a rule", event("review", "{}", ", rule", ", 1")),
    Forbidden("event with a transaction", event("review", "{}", ", transaction_id", ", '1'")),
    Forbidden("event with a number", event("review", "{}", ", seq", ", 1")),
    Forbidden("event with a hash", event("review", "{}", ", sha256", ", repeat('a', 64)")),
    Forbidden("event with a time", event("review", "{}", ", occurred_at", ", now()")),
    # withdrawals and divisions of which a role may write a part
    Forbidden("withdrawal lifted", event("withdrawal", '{"because_of": "x", "lifted": true}'), _but("curator")),
    Forbidden("withdrawal because of another", event("withdrawal", '{"because_of": "x"}'),
              _but("curator", "ingest", "publisher")),
    Forbidden("division that is not on record", event("division", '{"division_id": 999}'), _but("ingest")),
    Forbidden("a person's division by another",
              _DIVISION.format(family="1", through="boxes", run="NULL", who="Eve Kim"), _but("ingest")),
    Forbidden("a recipe's division in a person's name",
              _DIVISION.format(family="1", through="recipe", run="(SELECT run_id FROM run LIMIT 1)", who="Eve Kim"),
              _but("ingest")),
    Forbidden("division taken back", "INSERT INTO division_removal VALUES (1, '', 'Eve')", _but("ingest")),
    # what people decide
    Forbidden("review", _REVIEW, _but("curator", "reviewer")),
    Forbidden("review without event", _REVIEW + _TOLD),
    Forbidden("session of the review page",
              "INSERT INTO review_session (session_sha256, person, way, ends_at) "
              "VALUES (repeat('a', 64), 'Eve', 'token', now())", _but("reviewer")),
    Forbidden("session that goes on", "UPDATE review_session SET ended_at = NULL", _but("reviewer")),
    Forbidden("session in another name", "UPDATE review_session SET person = 'Eve'"),
    Forbidden("review changed", "UPDATE review SET decision = 'accept'"),
    Forbidden("hint", _HINT, _but("curator", "reviewer", "ingest")),
    Forbidden("hint without event", _HINT + _TOLD),
    Forbidden("hint changed", "UPDATE colour_hint SET colour = '#000000'"),
    Forbidden("hint taken back", "INSERT INTO colour_hint_removal VALUES (1, '', 'Eve')",
              _but("curator", "reviewer", "ingest")),
    Forbidden("withdrawal", _WITHDRAWAL, _but("curator")),
    Forbidden("withdrawal lifted in its row", "UPDATE withdrawal SET lifted_at = now(), lifted_by = 'Eve'",
              _but("curator")),
    Forbidden("withdrawal's reason changed", "UPDATE withdrawal SET reason = 'mine'"),
    Forbidden("division changed", "UPDATE division SET decided_by = 'mine'"),
    # a photograph's state, content and place without a word
    Forbidden("restored",
              f"UPDATE photo SET state = 'restored', reason = NULL WHERE object_key LIKE '%bob.tif'{_TOLD}"),
    Forbidden("another picture", f"UPDATE photo SET restoration_id = {_OTHER} WHERE photo_id = {_PHOTO}{_TOLD}"),
    Forbidden("another picture, told of its own",
              f"UPDATE photo SET restoration_id = {_OTHER} WHERE photo_id = {_PHOTO}; "
              + event("restoration", "{}", ", restoration_id",
                      ", (SELECT restoration_id FROM photo WHERE photo_id = 2)",
                      photo=_PHOTO) + _TOLD),
    Forbidden("another's picture, told as its own",
              f"UPDATE photo SET restoration_id = {_OTHER} WHERE photo_id = {_PHOTO}; "
              + event("restoration", "{}", ", restoration_id", f", {_OTHER}", photo=_PHOTO) + _TOLD),
    Forbidden("another picture, told as a cancellation",
              f"UPDATE photo SET restoration_id = {_OTHER} WHERE photo_id = {_PHOTO}; "
              + event("cancellation", photo=_PHOTO) + _TOLD),
    Forbidden("another picture in two steps",
              f"UPDATE photo SET state = 'queued', reason = NULL WHERE photo_id = {_PHOTO}; UPDATE photo SET "
              f"state = 'restored', restoration_id = {_OTHER} WHERE photo_id = {_PHOTO}{_TOLD}"),
    Forbidden("other content", f"UPDATE photo SET content_sha256 = repeat('c', 64) WHERE photo_id = {_PHOTO}{_TOLD}"),
    Forbidden("quarantined", f"UPDATE photo SET state = 'quarantined', reason = 'worker_lost'{_TOLD}"),
    Forbidden("skipped", f"UPDATE photo SET state = 'skipped', reason = 'withdrawn'{_TOLD}", _but("ingest")),
    Forbidden("rejected", f"UPDATE photo SET state = 'rejected', reason = 'corrupt'{_TOLD}", _but("ingest")),
    Forbidden("pending again", "UPDATE photo SET state = 'pending', reason = NULL", _but("ingest")),
    Forbidden("hidden", "UPDATE photo SET current = false", _but("ingest")),
    Forbidden("gone", "UPDATE photo SET missing_since = now()", _but("ingest")),
    Forbidden("photograph that was never listed",
              "INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified) "
              "VALUES (1, 'family/new.tif', 'e', 1, now())", _but("ingest")),
    Forbidden("photograph renamed", "UPDATE photo SET object_key = 'x'", _but("ingest")),
    # conditions, sources, results
    Forbidden("consent", "UPDATE collection SET consent = 'granted'", _but("ingest")),
    Forbidden("collection", "INSERT INTO collection (name, source_uri, recipe) VALUES ('x', 's3://x/', 'x')",
              _but("ingest")),
    Forbidden("result changed", "UPDATE restoration SET output_key = 'x'"),
    Forbidden("model changed", "UPDATE model_version SET weights_sha256 = repeat('a', 64)"),
    Forbidden("measurement changed", "UPDATE measurement SET value = 1"),
    Forbidden("face changed", "UPDATE face SET identity = 1"),
    Forbidden("result added",
              "INSERT INTO model_version (name, version, architecture, weights_sha256, licence, source) "
              "VALUES ('x', '1', 'x', repeat('a', 64), 'x', 'x')", _but("worker")),
    Forbidden("publication", "INSERT INTO publication (collection_id, version, uri) VALUES (1, 9, 's3://x/')",
              _but("publisher")),
    Forbidden("publication current", "UPDATE publication SET state = 'current'", _but("publisher")),
    Forbidden("publication shows", "INSERT INTO publication_photo VALUES (1, 1, 1, 'x')", _but("publisher")),
    Forbidden("run", "UPDATE run SET recipe_body = '{}'", _but("ingest")),
    Forbidden("policy", "UPDATE policy SET fixity_days = 9999", _but("ingest", "publisher")),
    # locks, temporary tables
    Forbidden("photographs held", "SELECT hold_photos(ARRAY[1])", _but("ingest", "curator", "reviewer")),
    Forbidden("photographs locked", "SELECT FROM photo FOR UPDATE", _but("ingest", "worker", "publisher")),
    *[Forbidden(f"advisory lock {call}", f"SELECT {call}", ("curator", "reviewer", "auditor"))
      for call in ("pg_advisory_lock(1)", "pg_try_advisory_lock(1)", "pg_advisory_xact_lock(1, 2)",
                   "pg_advisory_lock_shared(1)", "pg_advisory_unlock_all()")],
    Forbidden("temporary table", "CREATE TEMP TABLE mine (n int)", _but("ingest", "publisher")),
    # what the review page does not show
    *[Forbidden(f"SELECT * FROM {table}", f"SELECT * FROM {table}", ("reviewer", "auditor"))
      for table in ("event", "event_head", "publication", "publication_photo", "schema_migration", "policy")],
    Forbidden("SELECT FROM photo", "SELECT * FROM photo", ("auditor",)),
    Forbidden("SELECT audit.event", "SELECT * FROM audit.event", ("reviewer",)),
]  # fmt: skip
"""Of a role and a statement in which it is named, the database refuses the statement with SQLSTATE 42501."""

CASES = [(role, one) for one in STATEMENTS for role in one.roles]
