"""The demo: one collection from a folder to a published, audited archive, through every part of the system.

Nothing is printed here; what happens is told to a :class:`Reporter`.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from restoration.catalog.collections import upsert_collection
from restoration.catalog.database import make_engine
from restoration.catalog.progress import (
    RunOutcome,
    RunProgress,
    Table,
    audit_rows,
    run_outcome,
)
from restoration.errors import EnvironmentProblem, UsageError
from restoration.ingest.survey import files_below
from restoration.ingest.upload import UploadReport, upload
from restoration.local import runs
from restoration.local.airflow_api import AirflowApi
from restoration.local.s3_rights import ORIGINALS
from restoration.local.stack import Stack
from restoration.names import run_id as run_uuid
from restoration.names import slug
from restoration.publish.current import CurrentVersion, read_current
from restoration.publish.export import export_publication
from restoration.publish.publisher import current_gallery
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore, make_client

DEMO = "demo"
DEFAULT_RECIPE = "memorial-portrait"


@dataclass(frozen=True)
class DemoRequest:
    """What to restore.

    ``photos`` None means the demo collection; ``collection`` None a name made from the folder's.
    """

    photos: Path | None = None
    recipe: str | None = None
    collection: str | None = None
    consent: str = "granted"
    batch_size: int | None = None
    force: bool = False

    @property
    def collection_name(self) -> str:
        """Name of the collection in the catalog."""
        if self.collection is not None:
            return self.collection
        if self.photos is None:
            return DEMO
        name = slug(self.photos.resolve().name)
        if not name:
            raise UsageError(f"no collection name can be made from {self.photos.name!r}; give one with --collection")
        return name

    @property
    def recipe_name(self) -> str:
        """Name of the recipe."""
        return self.recipe or DEFAULT_RECIPE


@dataclass
class DemoResult:
    """What came of it."""

    collection: str
    dag_run_id: str
    state: str
    outcome: RunOutcome
    photos: Table
    summary: Table
    failures: Table
    archive: Path | None = None
    version: int | None = None
    address: str | None = None
    """Where a browser finds the gallery, with tiles to zoom into, while the stack is up."""
    failed_tasks: dict[str, str] = field(default_factory=dict)
    """Of a run that failed: task to the tail of its log."""

    @property
    def gallery(self) -> str | None:
        """Address of the gallery on disk."""
        return (self.archive / "index.html").as_uri() if self.archive else None


class Reporter(Protocol):
    """Who is told what happens."""

    def say(self, text: str) -> None:
        """One short line."""

    def progress(self, progress: RunProgress, stage: str) -> None:
        """How far the run is; ``stage`` names the tasks that run now."""


def settings_of(stack: Stack, role: str) -> Settings:
    """Settings as a process of that role in the stack would read them."""
    values = {
        name.removeprefix("RESTORATION_").lower(): value
        for name, value in stack.environment(role).items()
        if name.startswith("RESTORATION_")
    }
    return Settings.model_validate(values)


class Demo:
    """One demo on a stack that is up.

    :param stack: the stack.
    :param request: what to restore.
    :param reporter: who is told.
    """

    def __init__(self, stack: Stack, request: DemoRequest, reporter: Reporter) -> None:
        self._stack = stack
        self._request = request
        self._tell = reporter
        self._name = request.collection_name

    def run(self) -> DemoResult:
        """All of it.

        :raises UsageError: a folder, recipe or name that makes no sense.
        :raises EnvironmentProblem: a service failed.
        """
        engine = make_engine(self._stack.environment("admin")["RESTORATION_DATABASE_URL"])
        try:
            self._upload()
            self._register(engine)
            return self._restore(engine)
        finally:
            engine.dispose()

    # -- before the run ----------------------------------------------------------------------------------------------

    def _upload(self) -> None:
        folder, files = self._files()
        store = ObjectStore(make_client(settings_of(self._stack, "admin")))
        report: UploadReport = upload(store, ORIGINALS, f"{self._name}/", folder, files)
        self._tell.say(
            f"{report.sent} files uploaded to s3://{ORIGINALS}/{self._name}/ ({report.bytes_sent / 2**20:.1f} MB), "
            f"{report.already_there} were there already"
        )

    def _files(self) -> tuple[Path, list[Path]]:
        if self._request.photos is not None:
            return self._request.photos, files_below(self._request.photos)
        return demo_collection(self._stack.root / "demo-collection")

    def _register(self, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            upsert_collection(
                connection,
                name=self._name,
                source_uri=f"s3://{ORIGINALS}/{self._name}/",
                recipe=self._request.recipe_name,
                title=self._title(),
                consent=self._request.consent,
            )
        self._tell.say(_consent_words(self._request.consent, demo=self._request.photos is None))

    def _title(self) -> str:
        if self._request.photos is None:
            return "Demo collection"
        return f"Photographs in {self._request.photos.resolve().name}"

    # -- the run -----------------------------------------------------------------------------------------------------

    def _restore(self, engine: sa.Engine) -> DemoResult:
        api = self._stack.airflow.api()
        runs.wait_for_dag(api, where=str(self._stack.root / "logs" / "airflow-dag-processor.log"))
        run = runs.running(api, self._name)
        if run is None:
            run = runs.start(api, self._conf())
            self._tell.say(f"DAG {runs.DAG_ID} triggered: {run}")
        else:
            self._tell.say(f"run {run} of this collection is under way already; following it")
        try:
            state = self._follow(engine, api, run)
        except BaseException:
            with contextlib.suppress(EnvironmentProblem):
                api.fail_run(runs.DAG_ID, run)  # or it would go on when the stack is started again
            raise
        return self._result(engine, api, run, state)

    def _conf(self) -> dict[str, object]:
        conf: dict[str, object] = {
            "collection": self._name,
            "source": f"s3://{ORIGINALS}/{self._name}/",
            "recipe": self._request.recipe_name,
            "title": self._title(),
            "consent": self._request.consent,
            "force": self._request.force,
            "publish": True,
            # a terminal cannot answer: what needs an approval is withheld, and said to be
            "wait_for_approval": False,
        }
        if self._request.batch_size is not None:
            conf["batch_size"] = self._request.batch_size
        return conf

    def _follow(self, engine: sa.Engine, api: AirflowApi, run: str) -> str:
        state = ""
        for view in runs.follow(engine, api, run):
            self._tell.progress(view.progress, view.stage)
            state = view.state
        return state

    # -- after the run -----------------------------------------------------------------------------------------------

    def _result(self, engine: sa.Engine, api: AirflowApi, run: str, state: str) -> DemoResult:
        with engine.connect() as connection:
            result = DemoResult(
                collection=self._name,
                dag_run_id=run,
                state=state,
                outcome=run_outcome(connection, run_uuid(runs.DAG_ID, run)),
                photos=audit_rows(connection, "photo", self._name),
                summary=audit_rows(connection, "collection", self._name),
                failures=audit_rows(connection, "failure", self._name),
            )
        result.failed_tasks = runs.failed_tasks(api, run)
        if result.failed_tasks:
            result.state = "failed"
        self._export(result)
        return result

    def _export(self, result: DemoResult) -> None:
        settings = settings_of(self._stack, "airflow")
        store = ObjectStore(make_client(settings))
        current: CurrentVersion | None = read_current(store, settings.archive_bucket, self._name)[0]
        if current is None:
            return
        folder = self._stack.root / "archive" / self._name / f"v{current.version:04d}"
        uri = f"s3://{settings.archive_bucket}/{current.prefix}"
        written = export_publication(store, uri, folder, manifest_sha256=current.manifest_sha256)
        self._tell.say(f"version {current.version} of the archive: {written} files written, the others were there")
        result.archive, result.version = folder, current.version
        if settings.gallery_url:
            result.address = current_gallery(store, settings, self._name)


def _consent_words(consent: str, *, demo: bool) -> str:
    """What was registered, and what that means."""
    if consent == "granted" and demo:
        return "Consent is registered as granted: these pictures come with packages, under licences that allow it."
    means = {
        "granted": "the archive is published; where that is not so, use --consent unknown or refused",
        "unknown": "all is restored, and nothing is published without a person's approval",
        "refused": "nothing is restored or published",
    }
    return f"Consent of the people shown is registered as {consent}: {means[consent]}."


def demo_collection(folder: Path) -> tuple[Path, list[Path]]:
    """The demo collection, made by the project's ageing code; built again only when that code has changed.

    :returns: the folder that keys are relative to, and the files.
    """
    from restoration.synthetic import ageing
    from restoration.synthetic import demo_collection as maker

    scans = folder / "scans"
    sources = "".join(hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest() for module in (ageing, maker))
    stamp = folder / "made-by"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == sources:
        return scans, files_below(scans)
    files = maker.build(folder)
    stamp.write_text(sources, encoding="utf-8")
    return scans, files
