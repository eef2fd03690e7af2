"""How the catalog behaves at a million photographs.

Fills an embedded Postgres with set-based SQL and prints, as JSON: ``audit.photo`` by photo and by key (p50, p95),
``audit.collection``, a rescan of 100,000 finished objects, planning over them, and the cost of an event.

    python benchmarks/catalog_scale.py [--photos 1000000] [--root FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from restoration.catalog.collections import upsert_collection
from restoration.catalog.database import make_engine
from restoration.catalog.events import append_event, verify_chain
from restoration.catalog.listing import ListedObject, merge_listing
from restoration.catalog.migrations import migrate
from restoration.catalog.planning import cancel_run, open_run, plan_batches
from restoration.local.postgres import SUPERUSER, Postgres

SMALL = 100_000
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
RECIPE = {"name": "memorial-portrait", "sha256": "a" * 64, "body": {}}
OTHER = {"name": "colorize-only", "sha256": "b" * 64, "body": {}}

# One in 50 is rejected, one in 20 needs review; a restored one has 5 steps, 14 measurements and 0 to 2 faces.
FILL = [
    """INSERT INTO model_version (name, version, architecture, weights_sha256, licence, source)
       SELECT 'model-' || n, '1', 'net', lpad(to_hex(n), 64, '0'), 'CC0-1.0', 'packaged'
       FROM generate_series(1, 4) n""",
    """INSERT INTO restoration (source_sha256, recipe_sha256, models_sha256, recipe, state, reason, output_key,
           output_sha256, output_bytes, output_format, output_width, output_height, output_bits, preview_before_key,
           preview_after_key, ai_altered, device, device_class, worker, code_version, seconds, first_run_id)
       SELECT lpad(to_hex(n), 64, '0'), :recipe, repeat('c', 64), 'memorial-portrait',
              CASE WHEN n % 20 = 0 THEN 'needs_review' ELSE 'restored' END::photo_state,
              CASE WHEN n % 20 = 0 THEN 'identity_low' END::reason_code, n || '.png',
              lpad(to_hex(n), 64, 'f'), 1000000 + n, 'png', 1600, 1200, 8, n || '-b.jpg', n || '-a.jpg', true, 'cpu',
              'cpu-x86_64', 'worker-' || n % 4, '0.1.0', 1 + n % 7, :run
       FROM generate_series(1, :photos) n ORDER BY n""",
    """INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, content_sha256, format, width,
           height, bits, state, reason, restoration_id, recipe_sha256, attempts, finished_at, dublin_core)
       SELECT CASE WHEN n <= :small THEN :c1 ELSE :c2 END, 'scans/' || lpad(n::text, 8, '0') || '.tif', md5(n::text),
              5000000 + n % 1000000, :at, lpad(to_hex(n), 64, '0'), 'tiff', 1600, 1200, 8,
              CASE WHEN n % 50 = 7 THEN 'rejected' WHEN n % 20 = 0 THEN 'needs_review' ELSE 'restored' END::photo_state,
              CASE WHEN n % 50 = 7 THEN 'truncated' WHEN n % 20 = 0 THEN 'identity_low' END::reason_code,
              CASE WHEN n % 50 <> 7 THEN n END, :recipe, 1, now(), jsonb_build_object('title', 'Photograph ' || n)
       FROM generate_series(1, :photos) n ORDER BY n""",
    """INSERT INTO step_record (restoration_id, ordinal, step, status, model_version_id, seconds)
       SELECT n, s, (ARRAY['triage', 'repair', 'colorize', 'faces', 'measure'])[s], 'applied',
              CASE WHEN s IN (3, 4) THEN s - 2 END, 0.5
       FROM generate_series(1, :photos) n, generate_series(1, 5) s""",
    """INSERT INTO measurement (restoration_id, metric, stage, value)
       SELECT n, m.metric, m.stage::measurement_stage, n % 97
       FROM generate_series(1, :photos) n, (SELECT k AS metric, stage FROM unnest(ARRAY['sharpness', 'noise',
            'contrast_rms', 'colourfulness', 'luminance', 'chroma']) k, unnest(ARRAY['source', 'restored']) stage
            UNION ALL SELECT unnest(ARRAY['psnr', 'ssim_y']), 'pair') m""",
    """INSERT INTO face (restoration_id, ordinal, x, y, width, height, confidence, landmarks, action, identity, blend,
           detector_id, restorer_id, identity_model_id)
       SELECT n, f, 1, 1, 90, 90, 0.9, '[]', 'restored', 0.5 + (n % 50) / 100.0, 1, 2, 3, 4
       FROM generate_series(1, :photos) n, generate_series(1, 2) f WHERE n % 3 >= f""",
    """INSERT INTO batch (batch_id, run_id, shard, ordinal, state, photo_count)
       SELECT md5(n::text)::uuid, :run, n % 200, n / 200, 'done', 16 FROM generate_series(0, :photos / 16) n""",
    """INSERT INTO batch_photo (batch_id, photo_id, position, state, restoration_id, finished_at)
       SELECT md5((n / 16)::text)::uuid, n, n % 16, 'restored', CASE WHEN n % 50 <> 7 THEN n END, now()
       FROM generate_series(1, :photos) n""",
]


def fill(engine: sa.Engine, photos: int) -> tuple[int, int, float]:
    """Fill the catalog; gives the ids of the small and the large collection, and the seconds."""
    start = time.perf_counter()
    with engine.begin() as conn:
        ids = [
            upsert_collection(conn, name=name, source_uri="s3://originals/scans/", recipe="memorial-portrait")
            for name in ("small", "large")
        ]
        run = open_run(
            conn, collection=ids[1], dag_id="d", dag_run_id="r", recipe=RECIPE, parameters={}, code_version="0.1.0"
        )
        # the rows are consistent by construction: foreign keys are not checked one by one
        conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        values = {
            "photos": photos,
            "small": min(SMALL, photos // 2),
            "c1": ids[0].collection_id,
            "c2": ids[1].collection_id,
            "run": run,
            "recipe": RECIPE["sha256"],
            "at": WHEN,
        }
        for statement in FILL:
            conn.execute(sa.text(statement), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("VACUUM ANALYZE"))
    return ids[0].collection_id, ids[1].collection_id, time.perf_counter() - start


def lookups(conn: sa.Connection, statement: str, values: list[dict[str, object]]) -> dict[str, float]:
    """p50 and p95 of one question asked many times, in milliseconds, client and all."""
    taken = []
    for names in values:
        start = time.perf_counter()
        rows = conn.execute(sa.text(statement), names).all()
        taken.append(1000 * (time.perf_counter() - start))
        if len(rows) != 1:
            raise SystemExit(f"{names}: {len(rows)} rows")
    taken.sort()
    return {"p50_ms": round(taken[len(taken) // 2], 2), "p95_ms": round(taken[int(len(taken) * 0.95)], 2)}


def timed(conn: sa.Connection, statement: str) -> float:
    start = time.perf_counter()
    conn.execute(sa.text(statement)).all()
    return round(time.perf_counter() - start, 3)


def reading(engine: sa.Engine, photos: int) -> dict[str, object]:
    chance = random.Random(1)
    small = min(SMALL, photos // 2)
    numbers = [chance.randint(small + 1, photos) for _ in range(500)]
    keys = [{"collection": "large", "key": f"scans/{n:08}.tif"} for n in numbers]
    with engine.connect() as conn:
        return {
            "audit.photo by photo_id": lookups(
                conn, "SELECT * FROM audit.photo WHERE photo_id = :id", [{"id": n} for n in numbers]
            ),
            "audit.photo by key": lookups(
                conn, "SELECT * FROM audit.photo WHERE collection = :collection AND object_key = :key", keys
            ),
            "audit.collection, all, s": timed(conn, "SELECT * FROM audit.collection"),
            "audit.collection, one, s": timed(conn, "SELECT * FROM audit.collection WHERE collection = 'large'"),
            "audit.failure of the large collection, s": timed(
                conn, "SELECT count(*) FROM audit.failure WHERE collection = 'large'"
            ),
            "audit.model_use of the large collection, s": timed(
                conn, "SELECT * FROM audit.model_use WHERE collection = 'large'"
            ),
        }


def listed(small: int):
    import hashlib

    for n in range(1, small + 1):
        etag = hashlib.md5(str(n).encode(), usedforsecurity=False).hexdigest()
        yield ListedObject(f"scans/{n:08}.tif", "", etag, 5_000_000 + n % 1_000_000, WHEN)


def writing(engine: sa.Engine, collection_id: int, photos: int) -> dict[str, object]:
    small = min(SMALL, photos // 2)
    figures: dict[str, object] = {}
    objects = list(listed(small))
    start = time.perf_counter()
    with engine.begin() as conn:
        report = merge_listing(conn, collection_id, objects)
    figures[f"rescan of {small} finished objects, s"] = round(time.perf_counter() - start, 2)
    if report.unchanged != small:
        raise SystemExit(f"the rescan found changes: {report}")
    for name, recipe in (("nothing due", RECIPE), ("all due", OTHER)):
        start = time.perf_counter()
        with engine.begin() as conn:
            collection = upsert_collection(
                conn, name="small", source_uri="s3://originals/scans/", recipe="memorial-portrait"
            )
            run = open_run(
                conn, collection=collection, dag_id="d", dag_run_id=name, recipe=recipe, parameters={}, code_version=""
            )
            plan = plan_batches(conn, run, models_sha256="c" * 64, batch_size=16, max_shards=200, force=False)
        figures[f"plan, {name}: {sum(s.photos for s in plan)} photographs, s"] = round(time.perf_counter() - start, 2)
    start = time.perf_counter()
    with engine.begin() as conn:
        cancel_run(conn, run, "benchmark")
    figures["cancel that run, s"] = round(time.perf_counter() - start, 2)
    return figures | event_cost(engine, collection_id)


def event_cost(engine: sa.Engine, collection_id: int, count: int = 2000, bulk: int = 10_000) -> dict[str, object]:
    """One event a transaction, as workers write them; many in one statement, as listings do; and verifying them."""
    taken = []
    for n in range(1, count + 1):
        with engine.begin() as conn:
            start = time.perf_counter()
            append_event(
                conn,
                collection_id=collection_id,
                event_type="restoration",
                outcome="success",
                agent="benchmark",
                photo_id=n,
                detail={"output_sha256": "f" * 64},
            )
            taken.append(1000 * (time.perf_counter() - start))
    taken.sort()
    many = sa.text(
        "INSERT INTO event (collection_id, event_type, outcome, agent, photo_id) "
        "SELECT :id, 'missing', 'warning', 'benchmark', n FROM generate_series(1, :bulk) n"
    )
    start = time.perf_counter()
    with engine.begin() as conn:
        conn.execute(many, {"id": collection_id, "bulk": bulk})
    each = (time.perf_counter() - start) / bulk
    start = time.perf_counter()
    with engine.connect() as conn:
        report = verify_chain(conn, collection_id)
    verify = time.perf_counter() - start
    if not report.ok:
        raise SystemExit(report.problem)
    return {
        "append_event p50, ms": round(taken[count // 2], 3),
        "append_event p95, ms": round(taken[int(count * 0.95)], 3),
        "many events in one statement, ms each": round(1000 * each, 3),
        "verify_chain, events a second": round(report.length / verify),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--root", type=Path, default=None, help="folder for the data; a temporary one by default")
    arguments = parser.parse_args()
    root = arguments.root or Path(tempfile.mkdtemp(prefix="catalog-scale-"))
    server = Postgres(root, durable=False)
    server.start()
    try:
        server.create_database("scale")
        engine = make_engine(server.url(SUPERUSER, "scale"))
        migrate(engine)
        small, _, seconds = fill(engine, arguments.photos)
        figures: dict[str, object] = {"photos": arguments.photos, "cpus": os.cpu_count(), "fill, s": round(seconds, 1)}
        figures |= reading(engine, arguments.photos)
        figures |= writing(engine, small, arguments.photos)
        with engine.connect() as conn:
            size = conn.execute(sa.text("SELECT pg_size_pretty(pg_database_size(current_database()))")).scalar()
        engine.dispose()
        print(json.dumps(figures | {"database": size}, indent=1))
    finally:
        server.stop()
        if arguments.root is None:
            shutil.rmtree(root)


if __name__ == "__main__":
    main()
