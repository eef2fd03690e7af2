"""A collection as the workers would leave it, written straight into the catalog and the restored bucket."""

from __future__ import annotations

import hashlib
import json
from uuid import uuid4

import sqlalchemy as sa

from restoration.catalog.collections import Collection, upsert_collection
from restoration.names import MEDIA_TYPES, run_id
from restoration.storage.s3 import ObjectStore
from tests.filled import filled_png
from tests.small_pictures import jpeg, png

_RUN = sa.text("""
INSERT INTO run (run_id, collection_id, dag_id, dag_run_id, recipe, recipe_sha256, recipe_body)
VALUES (:run_id, :collection_id, 'test', :dag_run_id, 'memorial-portrait', :sha, '{}')
""")

_RESTORATION = sa.text("""
INSERT INTO restoration (source_sha256, recipe_sha256, models_sha256, recipe, state, reason, output_key, output_sha256,
    output_bytes, output_format, output_width, output_height, output_bits, preview_before_key, preview_after_key,
    ai_altered, device, device_class, worker, code_version, seconds, first_run_id)
VALUES (:source, :recipe, :models, 'memorial-portrait', CAST(:state AS photo_state), CAST(:reason AS reason_code), :key,
    :sha, :size, :format, 40, 30, 8, :before, :after, true, 'cpu', 'cpu-x86_64', 'w', '1.0', 0.5, :run_id)
RETURNING restoration_id
""")

_PHOTO = sa.text("""
INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, content_sha256, format, width, height,
    bits, dublin_core, state, reason, reason_detail, restoration_id, finished_at)
VALUES (:collection_id, :key, :etag, 100, now(), :source, 'tiff', 40, 30, 8, CAST(:terms AS jsonb),
    CAST(:state AS photo_state), CAST(:reason AS reason_code), :detail, :restoration_id, now())
RETURNING photo_id
""")


_MASK = sa.text("UPDATE restoration SET mask_key = :key, filled_share = 0.0325 WHERE restoration_id = :id")
_ACCESS = sa.text("""
UPDATE restoration SET access_key = :key, access_sha256 = :sha256, access_bytes = :bytes, access_format = :format
WHERE restoration_id = :id
""")
_DAMAGE = sa.text("""
INSERT INTO damage (restoration_id, kind, found_share, mended_share, regions, mending, x, y, width, height)
VALUES (:id, 'hole', 0.02, 0.02, 1, 'net', 32, 24, 8, 6),
    (:id, 'scratch', 0.013, 0.0125, 1, 'surroundings', 5, 10, 30, 1)
""")


class Archive:
    """One collection of a test: ``add`` puts photographs into it."""

    def __init__(self, db: sa.Engine, store: ObjectStore, **collection: str) -> None:
        self.db, self.store = db, store
        self.name = f"c{uuid4().hex[:10]}"
        with db.begin() as conn:
            self.collection: Collection = upsert_collection(
                conn,
                name=self.name,
                source_uri=f"s3://originals/{self.name}/",
                recipe="memorial-portrait",
                **({"consent": "granted", "title": "An album"} | collection),
            )
            self.run_id = run_id("test", self.name)
            conn.execute(
                _RUN,
                {
                    "run_id": self.run_id,
                    "collection_id": self.collection.collection_id,
                    "dag_run_id": self.name,
                    "sha": "cd" * 32,
                },
            )

    def add(
        self,
        name: str,
        state: str = "restored",
        *,
        reason: str | None = None,
        detail: str = "",
        scan: bytes | None = None,
        picture: bytes | None = None,
        filled: bool = False,
        master: str = "png",
        access: tuple[bytes, str] | None = None,
        **terms: str,
    ) -> int:
        """One photograph; restored ones get a picture and previews in the restored bucket. Gives its number.

        :param scan: bytes for the originals' bucket; without them the scan is known by a hash alone.
        :param picture: the restored file, instead of a small PNG.
        :param filled: parts of it were filled: it has a mask, and damage on record.
        :param master: ending of the restored file's name.
        :param access: the copy for everyday use, and the ending of its name.
        """
        source = hashlib.sha256(scan or f"{self.name}/{name}".encode()).hexdigest()
        if scan is not None:
            self.store.put("originals", f"{self.name}/{name}", scan, "image/tiff")
        with self.db.begin() as conn:
            restoration_id = None
            if state in ("restored", "needs_review"):
                restoration_id = self._restoration(conn, source, name, state, reason, picture, master)
                if access:
                    self._copy(conn, restoration_id, *access)
                if filled:
                    self._fill(conn, restoration_id, name)
            return conn.execute(
                _PHOTO,
                {
                    "collection_id": self.collection.collection_id,
                    "key": f"{self.name}/{name}",
                    "etag": source[:32],
                    "source": source,
                    "terms": json.dumps(terms or {"title": name}),
                    "state": state,
                    "reason": reason,
                    "detail": "ends too early" if reason else "",
                    "restoration_id": restoration_id,
                },
            ).scalar_one()

    def _copy(self, conn: sa.Connection, restoration_id: int, data: bytes, ending: str) -> None:
        key = self.store.write_content("restored", data, ending, MEDIA_TYPES[ending])
        sha256 = hashlib.sha256(data).hexdigest()
        conn.execute(
            _ACCESS, {"id": restoration_id, "key": key, "sha256": sha256, "bytes": len(data), "format": ending}
        )

    def _fill(self, conn: sa.Connection, restoration_id: int, name: str) -> None:
        key = self.store.write_content("restored", filled_png(seed=len(name)), "png", "image/png")
        conn.execute(_MASK, {"id": restoration_id, "key": key})
        conn.execute(_DAMAGE, {"id": restoration_id})

    def _restoration(
        self,
        conn: sa.Connection,
        source: str,
        name: str,
        state: str,
        reason: str | None,
        picture: bytes | None,
        master: str = "png",
    ) -> int:
        data = picture or png(f"{self.name} {name}")
        key = self.store.write_content("restored", data, master, MEDIA_TYPES[master])
        before = self.store.write_content("restored", jpeg(f"{self.name} {name} before"), "jpg", "image/jpeg")
        after = self.store.write_content("restored", jpeg(f"{self.name} {name} after"), "jpg", "image/jpeg")
        values = {
            "source": source,
            "recipe": "cd" * 32,
            "models": "ef" * 32,
            "state": state,
            "reason": reason,
            "key": key,
            "sha": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "format": master,
            "before": before,
            "after": after,
            "run_id": self.run_id,
        }
        return conn.execute(_RESTORATION, values).scalar_one()
