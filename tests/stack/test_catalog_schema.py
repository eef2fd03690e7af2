"""The schema: migrations, comments, roles."""

from __future__ import annotations

import sqlalchemy as sa


def test_fresh_catalog_is_empty_and_owned_by_the_owner_role(catalog):
    with catalog.connect() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM photo")).scalar() == 0
        owners = conn.execute(
            sa.text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'restoration'")
        ).scalars()
        assert set(owners) == {"restoration_owner"}
