"""The pulse of a batch: while photographs are worked on, their leases and the batch's heartbeat are kept fresh."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from restoration.catalog import work as catalog

if TYPE_CHECKING:
    import sqlalchemy as sa

logger = logging.getLogger(__name__)

MAX_PULSE_SECONDS = 5.0


class Pulse:
    """A thread that renews what one worker holds, and notices that the batch was cancelled.

    :param seconds: length of a lease; a pulse comes at least three times in it.

    ``cancelled`` becomes true when the catalog no longer wants this worker to go on.
    """

    def __init__(self, db: sa.Engine, batch_id: str, worker: str, seconds: float) -> None:
        self._db = db
        self._batch_id = batch_id
        self._worker = worker
        self._seconds = seconds
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self.cancelled = False

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def hold(self, photo_id: int) -> None:
        """Renew this photograph's lease from now on."""
        with self._lock:
            self._held.add(photo_id)

    def release(self, photo_id: int) -> None:
        """This photograph has ended."""
        with self._lock:
            self._held.discard(photo_id)

    def held(self) -> list[int]:
        """Photographs in hand."""
        with self._lock:
            return sorted(self._held)

    def _run(self) -> None:
        while not self._stop.wait(min(self._seconds / 3, MAX_PULSE_SECONDS)):
            try:
                self._beat()
            except SQLAlchemyError as error:
                # one missed pulse is no harm: the lease lasts for three, and the next record shows what is wrong
                logger.warning("batch %s: no pulse (%s)", self._batch_id, type(error).__name__)

    def _beat(self) -> None:
        with self._db.begin() as conn:
            if not catalog.heartbeat(conn, self._batch_id, self._worker):
                self.cancelled = True
                return
            for photo_id in self.held():
                catalog.renew_lease(conn, photo_id, self._worker, self._seconds)
