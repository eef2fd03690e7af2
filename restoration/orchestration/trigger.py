"""The trigger that waits for a shard: one question to Postgres, again and again, without a worker slot.

A trigger may be started twice or moved to another triggerer; it changes nothing, so that does no harm. All triggers of
one triggerer share a few Postgres connections of their own, apart from Airflow's.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
from airflow.triggers.base import BaseTrigger, TriggerEvent

from restoration.catalog.planning import SHARD_PROGRESS_SQL
from restoration.orchestration.access import async_database_dsn

POOL_SIZE = 4
FIRST_PAUSE_SECONDS = 0.5
PAUSE_GROWTH = 1.4
QUESTION_SECONDS = 30.0
MAX_FAILURES = 20

_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncpg.Pool] = WeakKeyDictionary()


class ShardTrigger(BaseTrigger):
    """Fires when no batch of a shard is unfinished, when nothing has moved for long, or at the deadline.

    :param run_id: the catalog's run, as text.
    :param shard: number of the shard in that run.
    :param deadline: ISO 8601 time with zone, after which waiting ends.
    :param poll_seconds: mean pause between two questions in the long run; the first ones follow each other faster.
    :param resend_seconds: after so long without any progress the operator is woken to send again what may be lost.

    The event is a dictionary: ``status`` (``done``, ``stalled``, ``deadline``, ``error``), ``run_id``, ``shard``,
    ``message``. The operator asks the catalog itself when it resumes and trusts no count of the event.
    """

    def __init__(
        self, run_id: str, shard: int, deadline: str, poll_seconds: float = 5.0, resend_seconds: float = 900.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run_id = str(UUID(run_id))
        self.shard = int(shard)
        self.deadline = deadline
        self.poll_seconds = float(poll_seconds)
        self.resend_seconds = float(resend_seconds)
        if datetime.fromisoformat(deadline).tzinfo is None:
            raise ValueError(f"the deadline {deadline!r} has no time zone")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and plain arguments, from which Airflow builds the same trigger elsewhere."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "run_id": self.run_id,
            "shard": self.shard,
            "deadline": self.deadline,
            "poll_seconds": self.poll_seconds,
            "resend_seconds": self.resend_seconds,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask until there is something to tell, then tell it once."""
        deadline = datetime.fromisoformat(self.deadline)
        pause, failures = min(FIRST_PAUSE_SECONDS, self.poll_seconds), 0
        last, moved_at = None, time.monotonic()
        while True:
            try:
                progress = await self._ask()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                failures += 1
                self.log.warning("shard %s: the catalog did not answer (%s)", self.shard, type(error).__name__)
                if failures >= MAX_FAILURES:
                    yield self._event("error", f"the catalog did not answer {failures} times: {type(error).__name__}")
                    return
            else:
                failures = 0
                if progress != last:
                    last, moved_at = progress, time.monotonic()
                if progress["finished"] >= progress["total"]:
                    yield self._event("done", f"{progress['total']} batches finished")
                    return
            if datetime.now(UTC) >= deadline:
                yield self._event("deadline", f"not finished at {self.deadline}")
                return
            if time.monotonic() - moved_at >= self.resend_seconds:
                yield self._event("stalled", f"nothing moved for {self.resend_seconds:.0f} s")
                return
            # spread the questions of many shards over time
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))
            pause = min(self.poll_seconds, pause * PAUSE_GROWTH)

    async def _ask(self) -> Mapping[str, int]:
        pool = await _pool()
        row = await asyncio.wait_for(
            pool.fetchrow(SHARD_PROGRESS_SQL, UUID(self.run_id), self.shard, timeout=QUESTION_SECONDS),
            QUESTION_SECONDS + 10,
        )
        return dict(row) if row else {"total": 0, "finished": 0}

    def _event(self, status: str, message: str) -> TriggerEvent:
        told = {"status": status, "run_id": self.run_id, "shard": self.shard, "message": message}
        return TriggerEvent(told)  # type: ignore[no-untyped-call]


async def _pool() -> asyncpg.Pool:
    """The pool of this event loop; made at the first question."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = asyncpg.create_pool(
            await async_database_dsn(),
            min_size=0,
            max_size=POOL_SIZE,
            max_inactive_connection_lifetime=60.0,
            timeout=10.0,
            command_timeout=QUESTION_SECONDS,
            server_settings={"search_path": "restoration", "application_name": "restoration-trigger"},
        )
        # another trigger may have been here while the address was looked up; one pool wins
        pool = _pools.setdefault(loop, pool)
        await pool
    return pool


async def close_pool() -> None:
    """Close the connections of this event loop (tests, and ``dag.test()``)."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.close()
