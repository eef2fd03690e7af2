"""One batch of photographs, from claim to finish. Plain Python: Celery only calls :func:`run_batch`.

Photographs go through in small groups. For each: lease (which counts the attempt), read with ETag check, lock on the
content, reuse of what is already there or restoration, upload, one transaction. Scans of the next group are fetched and
results of this one are stored while the engine works. A photograph ends in exactly one state; one that fails is tried
again at the end of the batch, alone, until it is quarantined. After a crash (the batch is delivered again) photographs
go one by one, so that the one that kills the process is found and the others are not blamed.

What the machine or the infrastructure does to a photograph costs it no attempt. A store that refuses is waited for,
with growing pauses; if it goes on, and for any other fault, the batch is given back. So is what is left of it when the
worker is told to stop.

Photographs that a person accepted without faces go through the same recipe with its face restorers taken out, and those
whose colours somebody knows through the same recipe with these. The lease says which they are; within a group the
engine gets the kinds one after the other.

A file that turns out to hold several photographs brings the others into the batch; they come next, and their file is
read once for neighbours. So does a scan that is divided into the photographs it shows, which is not restored itself.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from celery.exceptions import SoftTimeLimitExceeded

from restoration.catalog import giving_back
from restoration.catalog import work as catalog
from restoration.catalog.locks import content_locks
from restoration.catalog.wishes import Variant, Wishes, variant_of
from restoration.engine.outcome import Outcome, Result, Scan
from restoration.engine.recipe import recipe_for
from restoration.errors import (
    DeviceFault,
    EnvironmentProblem,
    PhotoRejected,
    PhotoState,
    ReasonCode,
    RecipeError,
    StorageError,
)
from restoration.names import MEDIA_TYPES, page_sha256
from restoration.worker import supervision
from restoration.worker.convert import Origin, StoredKeys, restoration_row, scan_row
from restoration.worker.heartbeat import Pulse
from restoration.worker.reading import GROUP_BYTES, Read, ScanReader, declared
from restoration.worker.runtime import WorkerRuntime
from restoration.worker.weather import Doing, Weather

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.engine.prepare import Prepared

logger = logging.getLogger(__name__)

Content = tuple[str, str]
NOT_READ = catalog.FileFacts()

GROUP_PHOTOS = 8
"""A group holds this many photographs, and ``GROUP_BYTES`` of scans."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 20.0
"""Pause before failed photographs are tried again, doubled each time."""

STORELESS_PASSES = 6
"""The batch is given back if the store did nothing at all in so many tries: after a quarter of a minute of pauses."""


@dataclass
class Fetched:
    """A photograph and its file as read from the object store, with the hash of the file's bytes."""

    photo: catalog.PhotoWork
    read: Read

    @property
    def sha256(self) -> str:
        """Identity of the photograph's content."""
        return page_sha256(self.read.sha256, self.photo.page, self.photo.box)

    def taken(self) -> Scan:
        """The scan for the engine."""
        return Scan(self.photo.object_key, self.read.taken(), self.photo.page, self.read.sha256, self.photo.box)


@dataclass(frozen=True)
class Way:
    """How a photograph is to be restored: a recipe that is ready to run, in which form of the run's own, and the
    numbers of the hints that held when it was leased.
    """

    prepared: Prepared
    variant: Variant = ""
    hint_ids: tuple[int, ...] = ()

    @property
    def recipe_sha256(self) -> str:
        """Hash of the recipe as it is really run."""
        return self.prepared.recipe.sha256


@dataclass(frozen=True)
class Job:
    """A leased scan and the way it is to be restored. Jobs with equal ``content`` have one restoration."""

    scan: Fetched
    way: Way

    @property
    def photo(self) -> catalog.PhotoWork:
        """The photograph."""
        return self.scan.photo

    @property
    def content(self) -> Content:
        """Identity of the photograph's content, and hash of the recipe."""
        return self.scan.sha256, self.way.recipe_sha256


@dataclass
class BatchReport:
    """How a delivery of a batch went: the batch's state (``not_mine`` if there was nothing to do), photos by end.

    ``out_of_time``: the soft time limit came, and the batch should be delivered again for what is left. State
    ``given_back``: what is left of it is anybody's; ``problem`` is the fault of machine or infrastructure that stopped
    it, None if the worker was told to stop. With a problem it may have ``failed``, too: it was given back too often.
    """

    batch_id: str
    state: str
    out_of_time: bool = False
    problem: EnvironmentProblem | None = None
    photos: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return ", ".join([self.state, *(f"{count} {state}" for state, count in sorted(self.photos.items()))])


def run_batch(runtime: WorkerRuntime, batch_id: str) -> BatchReport:
    """Restore what is left of a batch.

    Safe to call twice, at the same time or later: the catalog gives every photograph to one caller only. Faults of the
    machine (a model or device is missing, a full disk) and of the store are in the report.

    :raises sqlalchemy.exc.OperationalError: the catalog is out of reach; what was in hand is owed to it
        (:meth:`restoration.worker.runtime.WorkerRuntime.settle`).
    :raises RecipeError: this worker cannot read the run's recipe as the planner did, or may not follow it on this
        collection; the batch has failed with that reason.
    """
    runtime.settle()
    with runtime.db.begin() as conn:
        work = catalog.claim_batch(conn, batch_id, runtime.name)
    if work is None:
        return BatchReport(batch_id, "not_mine")
    with (
        supervision.AtWork(),
        Pulse(runtime.db, batch_id, runtime.name, runtime.settings.lease_seconds) as pulse,
        runtime.owing(pulse.held),
    ):
        return _Batch(runtime, work, pulse).run()


class _Batch:
    """One delivery of one batch. Only the main thread leases and restores; writer threads upload and record."""

    def __init__(self, runtime: WorkerRuntime, work: catalog.BatchWork, pulse: Pulse) -> None:
        self.runtime = runtime
        self.work = work
        self.pulse = pulse
        self.report = BatchReport(str(work.batch_id), "running")
        self._writing: list[Future[None]] = []
        self._again: list[catalog.PhotoWork] = []
        self._weather = Weather()
        self._refusal: tuple[Doing, StorageError] | None = None
        self._refused: set[Content] = set()  # of the group in hand
        self._photos = {photo.photo_id: photo for photo in work.photos}
        self._reader = ScanReader(runtime)

    # -- the whole batch -----------------------------------------------------------------------------------------

    def run(self) -> BatchReport:
        """All photographs, then the batch's end."""
        try:
            self._all_photos()
        except SoftTimeLimitExceeded:
            self._out_of_time()
        except RecipeError as error:
            self._await_writers()
            with self.runtime.db.begin() as conn:
                catalog.fail_batch(conn, self.work.batch_id, self.runtime.name, str(error))
            raise
        except EnvironmentProblem as error:
            return self._stopped_by(error)
        with self.runtime.db.begin() as conn:
            self.report.state = catalog.finish_batch(conn, self.work.batch_id, self.runtime.name)
        if self.report.state == "running" and supervision.is_draining():
            self._give_back("it was told to stop")
        return self.report

    def _all_photos(self) -> None:
        prepared = self._prepared()
        self._pass_all(self.work.photos, prepared, size=GROUP_PHOTOS if self.work.deliveries <= 1 else 1)
        pause, storeless = FIRST_PAUSE_SECONDS, 0
        while self._again and self._goes_on():
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            photos, self._again, self._refusal = self._again, [], None
            mark = self._weather.mark()
            self._pass_all(photos, prepared, size=1)
            storeless = storeless + 1 if self._stands_still(mark) else 0
            if storeless >= STORELESS_PASSES and self._refusal:
                raise self._refusal[1]

    def _stands_still(self, mark: dict[Doing, int]) -> bool:
        """Whether the store refused something, and has done it for nobody since the mark."""
        return self._refusal is not None and self._weather.stands_still_since(mark, self._refusal[0])

    def _goes_on(self) -> bool:
        """Whether anybody wants more of this batch from this worker."""
        return not (self.pulse.cancelled or supervision.is_draining())

    def _stopped_by(self, error: EnvironmentProblem) -> BatchReport:
        """Machine or infrastructure are at fault: no attempt counts, but that of a photograph that met a device fault
        again, alone and in a fresh process.
        """
        self._await_writers()
        held, fault = self.pulse.held(), isinstance(error, DeviceFault)
        if fault and self.work.deliveries > 1 and len(held) == 1:
            self._failed(self._photos[held[0]], error.reason, error.message)
        self.report.problem = error
        self._give_back(error.message, limit=self.runtime.settings.give_back_limit, suspect=fault)
        return self.report

    def _give_back(self, why: str, *, limit: int | None = None, suspect: bool = False) -> None:
        with self.runtime.db.begin() as conn:
            back = giving_back.give_back_batch(
                conn, self.work.batch_id, self.runtime.name, why, limit=limit, suspect=suspect
            )
        self.report.state = "given_back" if back else "failed"

    def _prepared(self) -> Prepared:
        prepared = self.runtime.prepare(self.work.recipe_body, self.work.recipe_sha256)
        collection = self.work.collection
        if recipe_for(prepared.recipe, collection.sensitivity).sha256 != self.work.recipe_sha256:
            raise RecipeError(
                f"collection {collection.name} is {collection.sensitivity}, and the recipe of this run restores faces: "
                "the run was opened before; trigger the collection again"
            )
        return prepared

    def _pass_all(self, photos: Sequence[catalog.PhotoWork], prepared: Prepared, size: int) -> None:
        """These photographs, then those that their files turned out to hold beside them."""
        while photos and self._goes_on():
            self._pass(photos, prepared, size)
            photos = self._joined()

    def _joined(self) -> list[catalog.PhotoWork]:
        """Photographs that joined the batch since it was last asked."""
        with self.runtime.db.connect() as conn:
            unfinished = catalog.batch_photos(conn, self.work.batch_id)
        joined = [photo for photo in unfinished if photo.photo_id not in self._photos]
        self._photos |= {photo.photo_id: photo for photo in joined}
        return joined

    def _pass(self, photos: Sequence[catalog.PhotoWork], prepared: Prepared, size: int) -> None:
        left = {photo.photo_id: photo for photo in photos}
        for group in self._fetched_ahead(_groups(photos, size)):
            if not self._goes_on():
                return
            mark, self._refusal = self._weather.mark(), None
            self._restore_group(group, prepared)
            for photo, _ in group:
                left.pop(photo.photo_id)
            if self._stands_still(mark):
                # the store does nothing for anybody: the others need not be refused one by one
                self._again.extend(left.values())
                return

    def _out_of_time(self) -> None:
        """Let what is being stored end well, and count what else is in hand as a failed attempt.

        So a batch that is too long goes on when it comes again, and a photograph that takes for ever is quarantined.
        Nothing counts if it was not the batch's time that was up, but the worker's.
        """
        self._await_writers()
        if supervision.is_draining():
            return
        self.report.out_of_time = True
        for photo in self._photos.values():
            if photo.photo_id in self.pulse.held():
                detail = f"not finished when its batch had run {self.runtime.settings.soft_time_limit} s"
                self._failed(photo, ReasonCode.TIME_LIMIT, detail)

    # -- one group -----------------------------------------------------------------------------------------------

    def _fetched_ahead(
        self, groups: Iterable[list[catalog.PhotoWork]]
    ) -> Iterator[list[tuple[catalog.PhotoWork, Future[Read]]]]:
        """Groups with their scans on the way; the next group's are asked for before this one is handed out, unless one
        of the two is a scan so large that it makes a group alone: it would be held beside the other.
        """
        upcoming = None
        for group in groups:
            alone = max(photo.size_bytes for photo in group) > GROUP_BYTES
            if alone and upcoming is not None:
                yield upcoming
                upcoming = None
            fetches = [(photo, self._reader.read(photo)) for photo in group]
            if upcoming is not None:
                yield upcoming
            upcoming = fetches
            if alone:
                yield upcoming
                upcoming = None
        if upcoming is not None:
            yield upcoming

    def _restore_group(self, fetches: Sequence[tuple[catalog.PhotoWork, Future[Read]]], prepared: Prepared) -> None:
        self._refused.clear()
        ways = self._lease([photo for photo, _ in fetches], prepared)
        jobs = [
            Job(scan, ways[photo.photo_id])
            for photo, future in fetches
            if photo.photo_id in ways and (scan := self._received(photo, future))
        ]
        jobs = self._undivided(jobs)
        first: dict[Content, Job] = {}
        for job in jobs:
            first.setdefault(job.content, job)
        with (
            self.runtime.db.connect().execution_options(isolation_level="AUTOCOMMIT") as conn,
            content_locks(conn, [self._content_key(job) for job in first.values()]),
        ):
            known = self._known(conn, first.values())
            fresh = [job for job in first.values() if job.content not in known]
            self._restore_fresh(fresh)
            restored = {job.photo.photo_id for job in fresh}
            others = [job for job in jobs if job.photo.photo_id not in restored]
            known |= self._known(conn, [first[job.content] for job in others if job.content not in known])
        self._link(others, known)

    def _undivided(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs without the scans that are divided: these end here, and their photographs join the batch."""
        contents = [job.scan.sha256 for job in jobs if not job.photo.box]
        if not contents:
            return list(jobs)
        with self.runtime.db.connect() as conn:
            divided = catalog.divisions_of(conn, self.work.collection.collection_id, contents)
        left = []
        for job in jobs:
            if job.scan.sha256 in divided:
                self._divided(job)
            else:
                left.append(job)
        return left

    def _divided(self, job: Job) -> None:
        file = self._file(job, self._pages(job.scan))
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
            self._ended(job.photo, "divided")
        else:
            self._failed(job.photo, ReasonCode.CANCELLED, "its division was taken back while it was being read")

    def _lease(self, photos: Sequence[catalog.PhotoWork], prepared: Prepared) -> dict[int, Way]:
        """Lease the photographs of a group; gives the ways of those that are ours now, by their ids."""
        leased: dict[int, Wishes] = {}
        left = list(photos)
        while left:
            self._lease_together(left, leased)
        for photo_id in leased:
            self.pulse.hold(photo_id)
        return {photo_id: self._way(prepared, wishes) for photo_id, wishes in leased.items()}

    def _lease_together(self, left: list[catalog.PhotoWork], leased: dict[int, Wishes]) -> None:
        """Lease from the front of ``left`` in one transaction, up to the first that ends by it."""
        settings, ended = self.runtime.settings, False
        with self.runtime.db.begin() as conn:
            while left and not ended:
                photo = left.pop(0)
                lease = catalog.lease_photo(
                    conn,
                    self.work.batch_id,
                    photo.photo_id,
                    self.runtime.name,
                    settings.lease_seconds,
                    settings.max_attempts,
                )
                ended = lease.ended
                if lease.granted:
                    leased[photo.photo_id] = lease.wishes
                else:
                    self.report.photos["busy" if lease.busy else str(lease.state)] += 1

    def _way(self, prepared: Prepared, wishes: Wishes) -> Way:
        """The recipe in the form that a lease asks for; one that restores no faces, or paints nothing, needs none."""
        faces_off = wishes.faces_off and bool(prepared.recipe.restorers)
        plain = self.runtime.prepare_without_faces(prepared) if faces_off else prepared
        hinted = self.runtime.prepare_with_hints(plain, wishes.hints)
        return Way(hinted, variant_of(faces_off=faces_off, hinted=hinted is not plain), wishes.hint_ids)

    def _received(self, photo: catalog.PhotoWork, future: Future[Read]) -> Fetched | None:
        """The scan, or None where it could not be had and that is on record."""
        try:
            read = future.result()
            self._weather.worked("read")
            self.runtime.readable = photo.bucket, photo.file_key or photo.object_key
            return Fetched(photo, declared(photo, read))
        except PhotoRejected as error:
            self._rejected(photo, None, error.reason, error.message)
        except StorageError as error:
            self._storage_failed("read", photo, error)
        return None

    def _storage_failed(
        self, doing: Doing, photo: catalog.PhotoWork, error: StorageError, file: catalog.FileFacts = NOT_READ
    ) -> bool:
        """A photograph's bytes could not be read or stored; returns whether that is the photograph's own fault."""
        if self._weather.refused(doing, photo.photo_id):
            self._failed(photo, ReasonCode.STORAGE_FAILED, error.message, file)
            return True
        logger.warning("%s: %s; no attempt is counted", photo.object_key, error.message)
        self._refusal = doing, error
        self._put_back(photo)
        if doing == "read":
            self._probe()
        return False

    def _probe(self) -> None:
        """Whether the store still shows what it showed: then a refusal is the photograph's, if it comes again."""
        if self.runtime.readable:
            with suppress(StorageError, PhotoRejected):
                self.runtime.store.read_range(*self.runtime.readable, 0, 1)
                self._weather.worked("read")

    def _put_back(self, photo: catalog.PhotoWork) -> None:
        """Try a photograph again later, as if it had not been tried."""
        with self.runtime.db.begin() as conn:
            giving_back.give_back_photo(conn, photo.photo_id, self.runtime.name)
        self._again.append(photo)
        self._ended(photo, "put back")

    def _content_key(self, job: Job) -> str:
        device = self.runtime.engine.device_class
        return f"{job.scan.sha256}/{job.way.recipe_sha256}/{job.way.prepared.models_sha256}/{device}"

    def _known(self, conn: sa.Connection, jobs: Iterable[Job]) -> dict[Content, int]:
        """Restorations that are already there, by content."""
        found = {
            job.content: catalog.find_restoration(
                conn,
                source_sha256=job.scan.sha256,
                recipe_sha256=job.way.recipe_sha256,
                models_sha256=job.way.prepared.models_sha256,
                device_class=self.runtime.engine.device_class,
            )
            for job in jobs
        }
        return {content: number for content, number in found.items() if number is not None}

    def _restore_fresh(self, jobs: Sequence[Job]) -> None:
        """Restore and store, the jobs of one way after those of another."""
        by_way: dict[str, list[Job]] = {}
        for job in jobs:
            by_way.setdefault(job.way.recipe_sha256, []).append(job)
        for same in by_way.values():
            scans = (job.scan.taken() for job in same)
            outcomes = self.runtime.engine.restore_many(scans, same[0].way.prepared)
            for job, outcome in zip(same, outcomes, strict=True):
                self._writing.append(self.runtime.writers.submit(self._store, job, outcome))
        self._await_writers()

    def _await_writers(self) -> None:
        while self._writing:
            self._writing[0].result()
            self._writing.pop(0)

    def _link(self, jobs: Sequence[Job], known: dict[Content, int]) -> None:
        """Give photographs the restoration that their content has already; twins of a failed one are tried again."""
        for job in jobs:
            number = known.get(job.content)
            if number is None and job.content in self._refused:
                self._put_back(job.photo)
                continue
            if number is None:
                self._failed(job.photo, ReasonCode.STEP_FAILED, "a photograph with the same content failed")
                continue
            file = self._file(job, self._pages(job.scan))
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
            self._ended(job.photo, "linked")

    def _pages(self, scan: Fetched) -> int:
        """Photographs in a file that nobody decoded this time; 0 if its own photograph is not the one in hand."""
        return self.runtime.engine.pages(scan.read.data, scan.photo.object_key) if scan.photo.part == 1 else 0

    def _file(self, job: Job, pages: int) -> catalog.FileFacts:
        """What reading the file showed; its further photographs are learnt with its own, and not with each other."""
        learnt = pages if job.photo.part == 1 else 0
        divides = job.way.prepared.recipe.divides and not job.photo.box
        return catalog.FileFacts(job.scan.read.sha256, learnt, self.runtime.settings.max_pages, divides)

    # -- one photograph; called from writer threads too ------------------------------------------------------------

    def _store(self, job: Job, outcome: Outcome) -> None:
        """Bring one outcome to its end: bytes first, then the one transaction that makes them count."""
        photo, way, file = job.photo, job.way, self._file(job, outcome.pages)
        if outcome.result is None:
            self._without_result(photo, outcome, file)
            return
        try:
            keys = self._upload(outcome.result)
        except StorageError as error:
            if not self._storage_failed("write", photo, error, file):
                self._refused.add(job.content)
            return
        self._weather.worked("write")
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
        self._ended(photo, str(outcome.state))

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
            self._rejected(photo, outcome, outcome.reason or ReasonCode.CORRUPT, outcome.reason_detail, file)
        else:
            self._failed(photo, outcome.reason or ReasonCode.STEP_FAILED, outcome.reason_detail, file)

    def _rejected(
        self,
        photo: catalog.PhotoWork,
        outcome: Outcome | None,
        reason: ReasonCode,
        detail: str,
        file: catalog.FileFacts = NOT_READ,
    ) -> None:
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
        self._ended(photo, str(PhotoState.REJECTED))

    def _failed(
        self, photo: catalog.PhotoWork, reason: ReasonCode, detail: str, file: catalog.FileFacts = NOT_READ
    ) -> None:
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
            self._again.append(photo)
        self._ended(photo, "failed attempts" if state is PhotoState.PENDING else str(state))

    def _ended(self, photo: catalog.PhotoWork, how: str) -> None:
        self.report.photos[how] += 1
        self.pulse.release(photo.photo_id)


def _tiles(result: Result) -> set[bytes]:
    """The ZIP files with tiles: none, one where before and after are the same, or two."""
    return {data for data in (result.tiles_before, result.tiles_after) if data is not None}


def _groups(photos: Iterable[catalog.PhotoWork], size: int) -> Iterator[list[catalog.PhotoWork]]:
    """Photographs in order, so many at a time, and never more bytes than memory is meant for; a file counts once."""
    group: list[catalog.PhotoWork] = []
    total = 0
    for photo in photos:
        neighbour = bool(group) and photo.file_key != "" and group[-1].file_key == photo.file_key
        more = 0 if neighbour else photo.size_bytes
        if group and (len(group) >= size or total + more > GROUP_BYTES):
            yield group
            group, total, more = [], 0, photo.size_bytes
        group.append(photo)
        total += more
    if group:
        yield group
