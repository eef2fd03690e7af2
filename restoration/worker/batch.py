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

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from celery.exceptions import SoftTimeLimitExceeded

from restoration.catalog import giving_back
from restoration.catalog import work as catalog
from restoration.catalog.locks import content_locks
from restoration.catalog.wishes import Wishes, variant_of
from restoration.engine.recipe import recipe_for
from restoration.errors import (
    DeviceFault,
    EnvironmentProblem,
    ModelRetired,
    ReasonCode,
    RecipeError,
)
from restoration.worker import supervision
from restoration.worker.endings import Endings
from restoration.worker.heartbeat import Pulse
from restoration.worker.jobs import BatchReport, Content, Job, Way, groups
from restoration.worker.reading import GROUP_BYTES, Read, ScanReader
from restoration.worker.runtime import WorkerRuntime

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.engine.prepare import Prepared

GROUP_PHOTOS = 8
"""A group holds this many photographs, and ``GROUP_BYTES`` of scans."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 20.0
"""Pause before failed photographs are tried again, doubled each time."""

STORELESS_PASSES = 6
"""The batch is given back if the store did nothing at all in so many tries: after a quarter of a minute of pauses."""


def run_batch(runtime: WorkerRuntime, batch_id: str) -> BatchReport:
    """Restore what is left of a batch.

    Safe to call twice, at the same time or later: the catalog gives every photograph to one caller only. Faults of the
    machine (a model or device is missing, a full disk) and of the store are in the report.

    :raises sqlalchemy.exc.OperationalError: the catalog is out of reach; what was in hand is owed to it
        (:meth:`restoration.worker.runtime.WorkerRuntime.settle`).
    :raises RecipeError: this worker cannot read the run's recipe as the planner did, or may not follow it on this
        collection; the batch has failed with that reason.
    :raises ModelRetired: the recipe names a model that may not be used any more; the batch has failed, too.
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
        self.ends = Endings(runtime, work, pulse, self.report)
        self._photos = {photo.photo_id: photo for photo in work.photos}
        self._reader = ScanReader(runtime)

    # -- the whole batch -----------------------------------------------------------------------------------------

    def run(self) -> BatchReport:
        """All photographs, then the batch's end."""
        try:
            self._all_photos()
        except SoftTimeLimitExceeded:
            self._out_of_time()
        except (RecipeError, ModelRetired) as error:
            # no machine would do it
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
        while self.ends.again and self._goes_on():
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            photos, self.ends.again, self.ends.refusal = self.ends.again, [], None
            mark = self.ends.weather.mark()
            self._pass_all(photos, prepared, size=1)
            storeless = storeless + 1 if self.ends.stands_still_since(mark) else 0
            if storeless >= STORELESS_PASSES and self.ends.refusal:
                raise self.ends.refusal[1]

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
            self.ends.failed(self._photos[held[0]], error.reason, error.message)
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
        for group in self._fetched_ahead(groups(photos, size)):
            if not self._goes_on():
                return
            mark, self.ends.refusal = self.ends.weather.mark(), None
            self._restore_group(group, prepared)
            for photo, _ in group:
                left.pop(photo.photo_id)
            if self.ends.stands_still_since(mark):
                # the store does nothing for anybody: the others need not be refused one by one
                self.ends.again.extend(left.values())
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
                self.ends.failed(photo, ReasonCode.TIME_LIMIT, detail)

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
        self.ends.refused.clear()
        ways = self._lease([photo for photo, _ in fetches], prepared)
        jobs = [
            Job(scan, ways[photo.photo_id])
            for photo, future in fetches
            if photo.photo_id in ways and (scan := self.ends.received(photo, future))
        ]
        jobs = self._undivided(self._allowed(jobs))
        first: dict[Content, Job] = {}
        for job in jobs:
            first.setdefault(job.content, job)
        # whoever restores the same content has no longer than this for its whole batch
        patience = self.runtime.settings.soft_time_limit
        with (
            self.runtime.db.connect().execution_options(isolation_level="AUTOCOMMIT") as conn,
            content_locks(conn, [self._content_key(job) for job in first.values()], seconds=patience),
        ):
            known = self._known(conn, first.values())
            fresh = [job for job in first.values() if job.content not in known]
            self._restore_fresh(fresh)
            restored = {job.photo.photo_id for job in fresh}
            others = [job for job in jobs if job.photo.photo_id not in restored]
            known |= self._known(conn, [first[job.content] for job in others if job.content not in known])
        self.ends.link(others, known)

    def _allowed(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs without what another collection's people refused: that ends here, unrestored."""
        contents = {job.photo.object_key: job.scan.sha256 for job in jobs}
        if not contents:
            return []
        with self.runtime.db.connect() as conn:
            refused = catalog.refused_elsewhere(conn, self.work.collection.collection_id, contents)
        for job in jobs:
            if job.photo.object_key in refused:
                self.ends.refused_elsewhere(job, refused[job.photo.object_key])
        return [job for job in jobs if job.photo.object_key not in refused]

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
                self.ends.divided(job)
            else:
                left.append(job)
        return left

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
                self._writing.append(self.runtime.writers.submit(self.ends.store, job, outcome))
        self._await_writers()

    def _await_writers(self) -> None:
        while self._writing:
            self._writing[0].result()
            self._writing.pop(0)
