"""The schema: migrations, comments, roles, the settings of the server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from restoration.catalog import migrations
from restoration.catalog.database import make_engine
from restoration.catalog.dictionary import data_dictionary
from restoration.catalog.files import sql_dir
from restoration.catalog.roles import GROUPS, ensure_login, ensure_roles, list_roles
from restoration.damage_kinds import DamageKind, Mending
from restoration.errors import CatalogError, PhotoState, ReasonCode, UsageError
from restoration.local.postgres import SUPERUSER, _tool

pytestmark = pytest.mark.stack
DICTIONARY = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


@pytest.fixture
def empty_url(postgres, catalog_template):
    """A database without any schema; the group roles are there."""
    postgres.create_database("empty")
    yield postgres.url(SUPERUSER, "empty")
    postgres.drop_database("empty")


@pytest.fixture
def empty(empty_url):
    engine = make_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(sql_dir() / "migrations", tmp_path / "migrations")
    return tmp_path / "migrations"


def dump(url: str) -> str:
    plain = url.replace("postgresql+psycopg2", "postgresql")
    words = [_tool("pg_dump"), "--schema-only", plain]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in text.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict")))


def test_schema_sql_is_what_all_migrations_make(empty, empty_url, catalog_url):
    with empty.begin() as conn:
        ensure_roles(conn)
        conn.execute(sa.text("SET LOCAL ROLE restoration_owner"))
        conn.connection.cursor().execute((sql_dir() / "schema.sql").read_text())
    made, migrated = dump(empty_url), dump(catalog_url(SUPERUSER))
    assert "CREATE TABLE restoration.photo" in made
    assert made == migrated


def test_migrations_are_applied_once_and_reported(empty):
    assert [m.applied_at for m in migrations.status(empty)] == [None] * len(migrations.load_migrations())
    applied = migrations.migrate(empty)
    assert applied[-1] == migrations.expected_version()
    assert migrations.migrate(empty) == []
    assert all(m.applied_at for m in migrations.status(empty))


def test_a_tampered_migration_is_refused(empty, folder):
    migrations.migrate(empty, folder=folder)
    path = folder / "0001_initial.sql"
    path.write_text(path.read_text() + "\n-- harmless")
    with pytest.raises(CatalogError, match="not the file that was applied"):
        migrations.migrate(empty, folder=folder)


def test_a_migration_that_is_gone_is_refused(empty, folder):
    present = [m.name for m in migrations.load_migrations(folder)]
    more = f"{len(present) + 1:04d}_more"
    (folder / f"{more}.sql").write_text("CREATE TABLE restoration.more (n int);")
    assert migrations.migrate(empty, folder=folder, target=present[-1]) == present
    assert migrations.migrate(empty, folder=folder) == [more]
    (folder / f"{more}.sql").unlink()
    with pytest.raises(CatalogError, match="does not have"):
        migrations.migrate(empty, folder=folder)


def test_a_migration_that_fails_leaves_nothing(empty, folder):
    present = migrations.load_migrations(folder)
    bad = f"{len(present) + 1:04d}_bad"
    (folder / f"{bad}.sql").write_text("CREATE TABLE restoration.more (n int); SELECT 1/0;")
    with pytest.raises(CatalogError, match=f"{bad} failed and was rolled back: division by zero"):
        migrations.migrate(empty, folder=folder)
    with empty.connect() as conn:
        assert conn.execute(sa.text("SELECT to_regclass('restoration.more')")).scalar() is None
    assert [m.applied_at is not None for m in migrations.status(empty, folder)] == [True] * len(present) + [False]


def test_numbers_without_gaps(folder):
    present = [m.name for m in migrations.load_migrations(folder)]
    wanted, beyond = f"{len(present) + 1:04d}", f"{len(present) + 2:04d}"
    (folder / f"{beyond}_gap.sql").write_text("SELECT 1;")
    with pytest.raises(CatalogError, match=f"{wanted} was expected"):
        migrations.load_migrations(folder)
    (folder / f"{beyond}_gap.sql").rename(folder / f"{wanted}_gap.sql")
    assert [m.name for m in migrations.load_migrations(folder)] == [*present, f"{wanted}_gap"]


def test_an_unknown_target_is_refused(empty):
    with pytest.raises(UsageError, match="no migration '0009_x'"):
        migrations.migrate(empty, target="0009_x")


def test_everything_is_commented_and_owned_by_the_owner_role(catalog):
    missing = """
        SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('restoration', 'audit') AND c.relkind IN ('r', 'v')
           AND obj_description(c.oid, 'pg_class') IS NULL
        UNION ALL
        SELECT n.nspname || '.' || c.relname || '.' || a.attname FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE n.nspname IN ('restoration', 'audit') AND c.relkind IN ('r', 'v') AND a.attnum > 0
           AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname IN ('restoration', 'audit') AND obj_description(p.oid, 'pg_proc') IS NULL
        UNION ALL
        SELECT t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
         WHERE n.nspname = 'restoration' AND t.typtype = 'e' AND obj_description(t.oid, 'pg_type') IS NULL
        UNION ALL
        SELECT t.tgname FROM pg_trigger t WHERE NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL
        UNION ALL
        SELECT nspname FROM pg_namespace WHERE nspname IN ('restoration', 'audit')
           AND obj_description(oid, 'pg_namespace') IS NULL"""
    with catalog.connect() as conn:
        assert conn.execute(sa.text(missing)).scalars().all() == []
        owners = conn.execute(
            sa.text(
                "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class c JOIN pg_namespace n "
                "ON n.oid = c.relnamespace WHERE n.nspname IN ('restoration', 'audit')"
            )
        ).scalars()
        assert list(owners) == ["restoration_owner"]


def test_indexes_that_are_not_constraints_say_what_they_are_for(catalog):
    with catalog.connect() as conn:
        silent = conn.execute(
            sa.text(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname = 'restoration' AND c.relkind = 'i' AND obj_description(c.oid, 'pg_class') IS NULL "
                "AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)"
            )
        ).scalars()
        assert list(silent) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reason_code", ReasonCode),
        ("photo_state", PhotoState),
        ("damage_kind", DamageKind),
        ("mending", Mending),
    ],
)
def test_sql_types_mirror_the_python_enums(catalog, name, words):
    with catalog.connect() as conn:
        found = conn.execute(
            sa.text("SELECT enumlabel FROM pg_enum WHERE enumtypid = CAST(:name AS regtype) ORDER BY enumsortorder"),
            {"name": f"restoration.{name}"},
        ).scalars()
        assert list(found) == [str(word) for word in words]


def test_the_data_dictionary_is_up_to_date(catalog):
    with catalog.connect() as conn:
        assert DICTIONARY.read_text(encoding="utf-8") == data_dictionary(conn), "run: restoration catalog dictionary"


def test_the_auditor_reads_views_and_nothing_else(role_engine):
    with role_engine("auditor").connect() as conn:
        views = (
            conn.execute(sa.text("SELECT viewname FROM pg_views WHERE schemaname = 'audit' ORDER BY viewname"))
            .scalars()
            .all()
        )
        assert {"photo", "collection", "run", "failure", "model_use", "needs_review", "throughput", "lineage"} <= set(
            views
        )
        for view in views:
            assert conn.execute(sa.text(f"SELECT count(*) FROM audit.{view}")).scalar() == 0
        tables = (
            conn.execute(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'restoration'")).scalars().all()
        )
        assert len(tables) > 12
    for table in tables:
        with (
            role_engine("auditor").connect() as conn,
            pytest.raises(sa.exc.ProgrammingError, match="permission denied"),
        ):
            conn.execute(sa.text(f"SELECT * FROM restoration.{table}"))


@pytest.mark.parametrize("role", ["ingest", "worker", "publisher"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET agent = 'x'",
        "DELETE FROM event",
        "TRUNCATE event",
        "TRUNCATE photo CASCADE",
        "DELETE FROM restoration",
        "UPDATE event_head SET seq = 1",
        "INSERT INTO schema_migration VALUES ('0009_x', repeat('a', 64))",
        "DROP VIEW audit.photo",
        "CREATE TABLE restoration.mine (n int)",
        "ALTER TABLE event DISABLE TRIGGER ALL",
    ],
)
def test_no_working_role_can_rewrite_history(role_engine, role, statement):
    with (
        role_engine(role).connect() as conn,
        pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"),
    ):
        conn.execute(sa.text(statement))


def test_logins_are_made_without_a_password_in_sight(postgres, role_engine, caplog):
    from pydantic import SecretStr

    with role_engine(SUPERUSER).begin() as conn:
        for _ in range(2):
            ensure_login(conn, "test_made", ["ingest", "restoration_publisher"], SecretStr("word's"))
        members = {role.name: role.members for role in list_roles(conn)}
        with pytest.raises(UsageError, match="restoration_king"):
            ensure_login(conn, "test_made", ["king"], SecretStr("x"))
    assert set(members) == set(GROUPS)
    assert "test_made" in members["restoration_ingest"]
    assert "test_made" in members["restoration_publisher"]
    assert "test_made" not in members["restoration_auditor"]
    assert "word's" not in caplog.text


def test_an_engine_says_why_the_catalog_cannot_be_used(postgres, monkeypatch):
    from restoration.settings import get_settings

    wrong = postgres.url(SUPERUSER, "nowhere")
    with pytest.raises(CatalogError, match='database "nowhere" does not exist') as raised:
        make_engine(wrong)
    assert wrong.split(":")[2].split("@")[0] not in str(raised.value)
    with pytest.raises(CatalogError, match="not one that SQLAlchemy can use"):
        make_engine("nonsense")
    monkeypatch.delenv("RESTORATION_DATABASE_URL", raising=False)
    get_settings.cache_clear()
    with pytest.raises(CatalogError, match="RESTORATION_DATABASE_URL"):
        make_engine()
    get_settings.cache_clear()


def test_a_statement_that_takes_too_long_is_stopped(catalog_url):
    engine = make_engine(catalog_url("auditor"), statement_timeout_s=0.05)
    with engine.connect() as conn, pytest.raises(sa.exc.OperationalError, match="statement timeout"):
        conn.execute(sa.text("SELECT pg_sleep(5)"))
    engine.dispose()


def test_sql_files_are_found_where_a_setting_says(monkeypatch, tmp_path):
    monkeypatch.setenv("RESTORATION_SQL_DIR", str(tmp_path))
    assert sql_dir() != tmp_path
    (tmp_path / "schema.sql").write_text("")
    assert sql_dir() == tmp_path
