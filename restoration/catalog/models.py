"""Model versions: every weight file that ever touched a photograph."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from restoration.catalog.rows import ModelRow

__all__ = ["ModelRow", "register_models"]

_FIND = sa.text("""
SELECT model_version_id FROM model_version
WHERE name = :name AND version = :version AND weights_sha256 = :weights_sha256
""")

_ADD = sa.text("""
INSERT INTO model_version (name, version, architecture, weights_sha256, licence, source, training_data)
VALUES (:name, :version, :architecture, :weights_sha256, :licence, :source, :training_data)
ON CONFLICT (name, version, weights_sha256) DO NOTHING
""")


def register_models(conn: sa.Connection, rows: Sequence[ModelRow]) -> dict[str, int]:
    """Make sure that every model is in the catalog. An existing row is never changed.

    :returns: ``model_version_id`` by model name.
    """
    ids: dict[str, int] = {}
    # in one order everywhere, so that two workers never wait for each other
    for row in sorted(set(rows), key=lambda r: (r.name, r.version, r.weights_sha256)):
        found = conn.execute(_FIND, vars(row)).scalar()
        if found is None:
            conn.execute(_ADD, vars(row))
            found = conn.execute(_FIND, vars(row)).scalar_one()
        ids[row.name] = int(found)
    return ids
