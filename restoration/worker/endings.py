"""How each photograph of a batch ends: stored and recorded, linked, rejected, failed, or put back as it was.

Bytes first, then the one transaction that makes them count. Methods are called by the batch's main thread and by its
writer threads; none leases or restores.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress

from restoration.catalog import giving_back
from restoration.catalog import work as catalog
from restoration.engine.outcome import Outcome, Result
from restoration.errors import PhotoRejected, PhotoState, ReasonCode, StorageError
from restoration.names import MEDIA_TYPES
from restoration.worker import supervision
from restoration.worker.convert import Origin, StoredKeys, restoration_row, scan_row
from restoration.worker.heartbeat import Pulse
from restoration.worker.jobs import BatchReport, Content, Fetched, Job
from restoration.worker.reading import Read, declared
from restoration.worker.runtime import WorkerRuntime
from restoration.worker.weather import Doing, Weather

logger = logging.getLogger(__name__)

NOT_READ = catalog.FileFacts()


class Endings:
    """The ends of one delivery's photographs.

    ``again`` are those to be tried again at its end, ``refusal`` what the store refused last, and of what, ``refused``
    the contents of the group in hand that it refused to take.
    """

    def __init__(self, runtime: WorkerRuntime, work: catalog.BatchWork, pulse: Pulse, report: BatchReport) -> None:
        self.runtime, self.work, self.pulse, self.report = runtime, work, pulse, report
        self.weather = Weather()
        self.again: list[catalog.PhotoWork] = []
        self.refusal: tuple[Doing, StorageError] | None = None
        self.refused: set[Content] = set()

    def stands_still_since(self, mark: Mapping[Doing, int]) -> bool:
        """Whether the store refused something, and has done it for nobody since the mark."""
        return self.refusal is not None and self.weather.stands_still_since(mark, self.refusal[0])

    def divided(self, job: Job) -> None:
        """Record that a scan is divided into the photographs it shows, which join the batch."""
        file = self.file(job, self._pages(job.scan))
        with self.runtime.db.begin() as conn:
            done = catalog.record_divided(
                conn,
                self.work.batch_id,
                job.photo.photo_id,
                self.runtime.name,
                source_sha256=job.scan.sha256,
                file=file,
            )
        if done:
            self.ended(job.photo, "divided")
        else:
            self.failed(job.photo, ReasonCode.CANCELLED, "its division was taken back while it was being read")

    def refused_elsewhere(self, job: Job, collection: str) -> None:
        """Record that a photograph is not restored, because its content is refused in another collection."""
        with self.runtime.db.begin() as conn:
            catalog.record_refused(
                conn,
                self.work.batch_id,
                job.photo.photo_id,
                self.runtime.name,
                source_sha256=job.scan.sha256,
                file_sha256=job.scan.read.sha256,
                collection=collection,
            )
        self.ended(job.photo, "skipped")

    def received(self, photo: catalog.PhotoWork, future: Future[Read]) -> Fetched | None:
        """The scan, or None where it could not be had and that is on record."""
        try:
            read = future.result()
            self.weather.worked("read")
            self.runtime.readable = photo.bucket, photo.file_key or photo.object_key
            return Fetched(photo, declared(photo, read))
        except PhotoRejected as error:
            self.rejected(photo, None, error.reason, error.message)
        except StorageError as error:
            self.storage_failed("read", photo, error)
        return None

    def storage_failed(
        self, doing: Doing, photo: catalog.PhotoWork, error: StorageError, file: catalog.FileFacts = NOT_READ
    ) -> bool:
        """A photograph's bytes could not be read or stored; returns whether that is the photograph's own fault."""
        if self.weather.refused(doing, photo.photo_id):
            self.failed(photo, ReasonCode.STORAGE_FAILED, error.message, file)
            return True
        logger.warning("%s: %s; no attempt is counted", photo.object_key, error.message)
        self.refusal = doing, error
        self.put_back(photo)
        if doing == "read":
            self._probe()
        return False

    def _probe(self) -> None:
        """Whether the store still shows what it showed: then a refusal is the photograph's, if it comes again."""
        if self.runtime.readable:
            with suppress(StorageError, PhotoRejected):
                self.runtime.store.read_range(*self.runtime.readable, 0, 1)
                self.weather.worked("read")

    def put_back(self, photo: catalog.PhotoWork) -> None:
        """Try a photograph again later, as if it had not been tried."""
        with self.runtime.db.begin() as conn:
            giving_back.give_back_photo(conn, photo.photo_id, self.runtime.name)
        self.again.append(photo)
        self.ended(photo, "put back")

    def link(self, jobs: Sequence[Job], known: dict[Content, int]) -> None:
        """Give photographs the restoration that their content has already; twins of a failed one are tried again."""
        for job in jobs:
            number = known.get(job.content)
            if number is None and job.content in self.refused:
                self.put_back(job.photo)
                continue
            if number is None:
                self.failed(job.photo, ReasonCode.STEP_FAILED, "a photograph with the same content failed")
                continue
            file = self.file(job, self._pages(job.scan))
            with self.runtime.db.begin() as conn:
                catalog.link_restoration(
                    conn,
                    self.work.batch_id,
                    job.photo.photo_id,
                    self.runtime.name,
                    number,
                    source_sha256=job.scan.sha256,
                    variant=job.way.variant,
                    hint_ids=job.way.hint_ids,
                    file=file,
                )
            self.ended(job.photo, "linked")

    def _pages(self, scan: Fetched) -> int:
        """Photographs in a file that nobody decoded this time; 0 if its own photograph is not the one in hand."""
        return self.runtime.engine.pages(scan.read.data, scan.photo.object_key) if scan.photo.part == 1 else 0

    def file(self, job: Job, pages: int) -> catalog.FileFacts:
        """What reading the file showed; its further photographs are learnt with its own, and not with each other."""
        learnt = pages if job.photo.part == 1 else 0
        divides = job.way.prepared.recipe.divides and not job.photo.box
        return catalog.FileFacts(job.scan.read.sha256, learnt, self.runtime.settings.max_pages, divides)

    def store(self, job: Job, outcome: Outcome) -> None:
        """Bring one outcome to its end: bytes first, then the one transaction that makes them count."""
        photo, way, file = job.photo, job.way, self.file(job, outcome.pages)
        if outcome.result is None:
            self._without_result(photo, outcome, file)
            return
        try:
            keys = self._upload(outcome.result)
        except StorageError as error:
            if not self.storage_failed("write", photo, error, file):
                self.refused.add(job.content)
            return
        self.weather.worked("write")
        origin = Origin(
            recipe=way.prepared.recipe.name,
            recipe_sha256=way.recipe_sha256,
            models_sha256=way.prepared.models_sha256,
            device=self.runtime.engine.device,
            device_class=self.runtime.engine.device_class,
            variant=way.variant,
        )
        row = restoration_row(outcome, outcome.result, keys, origin)
        with self.runtime.db.begin() as conn:
            catalog.record_restored(
                conn, self.work.batch_id, photo.photo_id, self.runtime.name, row, hint_ids=way.hint_ids, file=file
            )
        supervision.worked()
        self.ended(photo, str(outcome.state))

    def _upload(self, result: Result) -> StoredKeys:
        bucket, write = self.runtime.settings.restored_bucket, self.runtime.store.write_content
        before = write(bucket, result.preview_before, "jpg", "image/jpeg")
        access = result.access
        same = result.preview_after == result.preview_before
        after = before if same else write(bucket, result.preview_after, "jpg", "image/jpeg")
        tiles = {data: write(bucket, data, "zip", "application/zip") for data in _tiles(result)}
        return StoredKeys(
            write(bucket, result.output, result.output_format, MEDIA_TYPES[result.output_format]),
            before,
            after,
            tiles.get(result.tiles_before or b""),
            tiles.get(result.tiles_after or b""),
            None if result.mask is None else write(bucket, result.mask, "png", MEDIA_TYPES["png"]),
            None if access is None else write(bucket, access.data, access.extension, MEDIA_TYPES[access.extension]),
        )

    def _without_result(self, photo: catalog.PhotoWork, outcome: Outcome, file: catalog.FileFacts) -> None:
        if outcome.state is PhotoState.REJECTED:
            self.rejected(photo, outcome, outcome.reason or ReasonCode.CORRUPT, outcome.reason_detail, file)
        else:
            self.failed(photo, outcome.reason or ReasonCode.STEP_FAILED, outcome.reason_detail, file)

    def rejected(
        self,
        photo: catalog.PhotoWork,
        outcome: Outcome | None,
        reason: ReasonCode,
        detail: str,
        file: catalog.FileFacts = NOT_READ,
    ) -> None:
        """Record that a photograph cannot be read or may not be restored."""
        with self.runtime.db.begin() as conn:
            catalog.record_rejected(
                conn,
                self.work.batch_id,
                photo.photo_id,
                self.runtime.name,
                source_sha256=outcome.source_sha256 if outcome else None,
                reason=reason,
                detail=detail,
                info=scan_row(outcome.info) if outcome and outcome.info else None,
                file=file,
            )
        self.ended(photo, str(PhotoState.REJECTED))

    def failed(
        self, photo: catalog.PhotoWork, reason: ReasonCode, detail: str, file: catalog.FileFacts = NOT_READ
    ) -> None:
        """Record a failed attempt; the photograph is tried again unless it was the last."""
        with self.runtime.db.begin() as conn:
            state = catalog.record_failed(
                conn,
                self.work.batch_id,
                photo.photo_id,
                self.runtime.name,
                reason=reason,
                detail=detail,
                max_attempts=self.runtime.settings.max_attempts,
                file=file,
            )
        if state is PhotoState.PENDING:
            self.again.append(photo)
        self.ended(photo, "failed attempts" if state is PhotoState.PENDING else str(state))

    def ended(self, photo: catalog.PhotoWork, how: str) -> None:
        """Count an end; the lease need not be renewed any more."""
        self.report.photos[how] += 1
        self.pulse.release(photo.photo_id)


def _tiles(result: Result) -> set[bytes]:
    """The ZIP files with tiles: none, one where before and after are the same, or two."""
    return {data for data in (result.tiles_before, result.tiles_after) if data is not None}
