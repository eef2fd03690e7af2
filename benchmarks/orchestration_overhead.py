"""What the system around a recipe costs for each photograph: 2,000 tiny scans with a recipe that does nothing.

Run: ``python benchmarks/orchestration_overhead.py [--photos 2000] [--worker-only] [--folder DIR]``. Starts its own
services on this machine (Postgres, Redis, S3, Airflow and one worker), and stops them.

Prints milliseconds of wall-clock time a photograph for the worker's part alone (batches one after the other in this
process) and for the whole DAG run, from trigger to summary, without publication. Beside it stands the CPU time of all
processes together, which says more on a machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil

from restoration.local.stack import Stack

RECIPE = "identity"
BATCH_SIZE = 32
AIM_MS = 25.0


def tiny_scans(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Different 64 x 64 gray ramps with noise, as PNG."""
    import cv2

    noise = np.random.default_rng(seed)
    ramp = np.linspace(40, 210, 64)[None, :] + np.linspace(-20, 20, 64)[:, None]
    for number in range(count):
        pixels = np.clip(ramp + noise.normal(0, 6, (64, 64)), 0, 255).astype(np.uint8)
        yield f"{number:05d}.png", cv2.imencode(".png", pixels)[1].tobytes()


def upload(stack: Stack, prefix: str, count: int, seed: int) -> None:
    client = stack.s3.client("admin")
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(
            lambda scan: client.put_object(Bucket="originals", Key=f"{prefix}/{scan[0]}", Body=scan[1]),
            tiny_scans(count, seed),
        ):
            pass


def cpu_seconds(stack: Stack) -> float:
    """CPU time so far of this process, of the stack's processes, and of all their descendants."""
    roots = [psutil.Process(), *(psutil.Process(pid) for pid in service_pids(stack))]
    tree = {process for root in roots for process in (root, *root.children(recursive=True))}
    total = 0.0
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def service_pids(stack: Stack) -> Iterator[int]:
    pid = stack.postgres.pid()
    if pid is not None:
        yield pid
    parts = [stack.redis.process, stack.s3.process, stack.worker.process, *stack.airflow.processes.values()]
    yield from (found.pid for part in parts if (found := part.find()) is not None)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    from restoration.settings import get_settings

    before = dict(os.environ)
    os.environ.update(values)
    get_settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        get_settings.cache_clear()


def register(stack: Stack, name: str) -> None:
    from restoration.catalog.collections import upsert_collection
    from restoration.catalog.database import make_engine

    db = make_engine(stack.environment("airflow")["RESTORATION_DATABASE_URL"])
    with db.begin() as conn:
        upsert_collection(conn, name=name, source_uri=f"s3://originals/{name}/", recipe=RECIPE, consent="granted")
    db.dispose()


def plan(stack: Stack, name: str) -> list[str]:
    """List and plan as the DAG does; gives the batches."""
    from uuid import UUID

    from restoration.catalog.planning import queue_shard
    from restoration.orchestration import flow

    with environment(stack.environment("airflow")):
        listed = flow.ingest({"collection": name}, "benchmark", name)
        shards = flow.plan(listed, {"batch_size": BATCH_SIZE})
        with flow.open_catalog() as db, db.begin() as conn:
            return [str(b) for s in shards for b in queue_shard(conn, UUID(listed["run_id"]), s["shard"])]


def tell(what: str, seconds: float, cpu: float, photos: int) -> None:
    load = os.getloadavg()[0]
    print(f"{what}: {1000 * seconds / photos:.1f} ms a photo, CPU {1000 * cpu / photos:.1f} ms a photo")
    print(f"    {photos} photos in {seconds:.0f} s on {os.cpu_count()} cores, load average {load:.1f}")


def worker_part(stack: Stack, photos: int) -> tuple[float, float]:
    """Seconds that the batches take in one worker process, start-up not counted; wall-clock and CPU of all."""
    from restoration.settings import Settings
    from restoration.worker.batch import run_batch
    from restoration.worker.runtime import WorkerRuntime

    register(stack, "worker-part")
    upload(stack, "worker-part", photos, seed=1)
    batches = plan(stack, "worker-part")
    with environment(stack.environment("worker")):
        runtime = WorkerRuntime(Settings())
        runtime.warm_up()
        started, cpu = time.perf_counter(), cpu_seconds(stack)
        for batch in batches:
            report = run_batch(runtime, batch)
            if report.state != "done":
                raise SystemExit(f"batch {batch}: {report}")
        seconds, cpu = time.perf_counter() - started, cpu_seconds(stack) - cpu
        runtime.close()
    return seconds, cpu


def whole_dag(stack: Stack, photos: int) -> tuple[float, float]:
    """Seconds from trigger to the end of the run, wall-clock and CPU of all processes."""
    register(stack, "whole-dag")
    upload(stack, "whole-dag", photos, seed=2)
    api = stack.airflow.api()
    started, cpu = time.perf_counter(), cpu_seconds(stack)
    run = api.trigger("restore_collection", {"collection": "whole-dag", "batch_size": BATCH_SIZE, "publish": False})
    while (state := api.run_state("restore_collection", run)) not in {"success", "failed"}:
        time.sleep(0.5)
    seconds = time.perf_counter() - started
    if state != "success":
        raise SystemExit(f"the DAG run ended {state}")
    return seconds, cpu_seconds(stack) - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--worker-only", action="store_true")
    parser.add_argument("--folder", type=Path, default=None, help="where the services keep their files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        stack = Stack(options.folder or Path(temporary))
        try:
            stack.up(print)
            stack.worker.stop()
            seconds, cpu = worker_part(stack, options.photos)
            tell("worker part", seconds, cpu, options.photos)
            if not options.worker_only:
                stack.worker.start()
                stack.worker.wait_ready()
                seconds, cpu = whole_dag(stack, options.photos)
                tell(f"whole DAG (aim {AIM_MS:.0f} ms)", seconds, cpu, options.photos)
        finally:
            stack.down()


if __name__ == "__main__":
    main()
