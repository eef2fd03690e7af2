"""What one worker process keeps for its whole life: connections, the engine with its models, prepared recipes."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from restoration.broker import check_limits
from restoration.errors import CatalogError, RecipeError
from restoration.settings import Settings, get_settings
from restoration.worker import supervision

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.colour_hints import ColourHint
    from restoration.engine.engine import Engine
    from restoration.engine.prepare import Prepared
    from restoration.engine.recipe import Recipe
    from restoration.storage.s3 import ObjectStore

READERS = 3
WRITERS = 3
"""Threads that fetch scans, and threads that store results, while the engine works on the device."""

logger = logging.getLogger(__name__)

EngineFactory = Callable[[Settings], "Engine"]


class WorkerRuntime:
    """Connections and models of one process; everything is made at its first use and then kept.

    :param settings: settings of the process.
    :param engine_factory: makes the engine; tests give one of their own.
    :param name: the worker's name in leases. By default the host and a number of the *parent's* own, which no other
        worker has, not even in another container of the same host: when a pool child dies, the one that follows it
        carries the same name and may go on at once, without waiting for the dead one's leases.
    """

    def __init__(
        self, settings: Settings, *, engine_factory: EngineFactory | None = None, name: str | None = None
    ) -> None:
        check_limits(settings)
        self.settings = settings
        self.name = name or f"{socket.gethostname()}:{supervision.WORKER_ID}"
        self._engine_factory = engine_factory or _default_engine
        self._prepared: dict[str, Prepared] = {}
        self._owed: set[int] = set()
        self.readable: tuple[str, str] | None = None  # bucket and key of what was read last

    @contextmanager
    def owing(self, held: Callable[[], Sequence[int]]) -> Iterator[None]:
        """If the catalog is lost inside, remember what is held: no attempt of it counts once the catalog is back."""
        from sqlalchemy.exc import OperationalError

        try:
            yield
        except (OperationalError, CatalogError):
            self._owed.update(held())
            raise

    def settle(self) -> None:
        """Give back what was held when the catalog was lost, unless others have taken it by now.

        :raises sqlalchemy.exc.OperationalError: the catalog is still out of reach.
        """
        from restoration.catalog.giving_back import give_back_photo

        if not self._owed:
            return
        with self.db.begin() as conn:
            for photo_id in sorted(self._owed):
                give_back_photo(conn, photo_id, self.name)
        self._owed.clear()

    @cached_property
    def db(self) -> sa.Engine:
        """The catalog. :raises CatalogError: out of reach."""
        from restoration.catalog.database import make_engine

        return make_engine(
            self.settings.database_url, application_name=f"restoration-worker {self.name}", pool_size=WRITERS + 3
        )

    @cached_property
    def store(self) -> ObjectStore:
        """The object store."""
        from restoration.storage.s3 import ObjectStore, make_client

        return ObjectStore(make_client(self.settings, max_connections=READERS + WRITERS + 2))

    @cached_property
    def engine(self) -> Engine:
        """The engine. :raises SettingsError: the device asked for is not there."""
        return self._engine_factory(self.settings)

    @cached_property
    def readers(self) -> ThreadPoolExecutor:
        """Threads that fetch scans ahead."""
        return ThreadPoolExecutor(READERS, thread_name_prefix="read")

    @cached_property
    def writers(self) -> ThreadPoolExecutor:
        """Threads that store results and write the catalog."""
        return ThreadPoolExecutor(WRITERS, thread_name_prefix="write")

    def prepare(self, body: dict[str, Any], sha256: str) -> Prepared:
        """The recipe of a batch with its models checked; kept by hash, so that a run pays for it once.

        :raises RecipeError: this worker's code reads the recipe in another way than the code that planned the run.
        :raises ModelError: a model is unknown, missing or not the pinned file.
        """
        if sha256 not in self._prepared:
            self._prepared[sha256] = self.engine.prepare(recipe_from_body(body, sha256))
        return self._prepared[sha256]

    def prepare_without_faces(self, prepared: Prepared) -> Prepared:
        """The same recipe with its face restorers taken out, prepared and kept like any other."""
        from restoration.engine.recipe import without_faces

        recipe = without_faces(prepared.recipe)
        if recipe.sha256 not in self._prepared:
            self._prepared[recipe.sha256] = self.engine.prepare(recipe)
        return self._prepared[recipe.sha256]

    def prepare_with_hints(self, prepared: Prepared, hints: Sequence[ColourHint]) -> Prepared:
        """The same recipe with colours that people gave; not kept, since it is one photograph's own.

        :raises ModelError: the colorizer that takes hints is missing or not the pinned file.
        """
        from restoration.engine.recipe import with_hints

        recipe = with_hints(prepared.recipe, hints)
        return prepared if recipe is prepared.recipe else self.engine.prepare(recipe)

    def warm_up(self) -> None:
        """Load libraries and open connections now, so that the first batch finds them ready.

        :raises SettingsError: the device asked for is not there.
        :raises DeviceFault: it is there, and does not compute.
        :raises EnvironmentProblem: the decoding process does not start, or is not as confined as it has to be.
        """
        _ = self.store, self.db
        self.engine.try_device()
        if lacking := self.engine.try_decoder():
            logger.warning(
                "nothing sees to it that the decoding process %s; `restoration doctor` says why", ", ".join(lacking)
            )

    def close(self) -> None:
        """End threads, the decoding process and connections."""
        for name in ("readers", "writers"):
            if name in self.__dict__:
                self.__dict__[name].shutdown(wait=True, cancel_futures=True)
        if "engine" in self.__dict__:
            self.engine.close()
        if "store" in self.__dict__:
            self.store.client.close()
        if "db" in self.__dict__:
            self.db.dispose()


def recipe_from_body(body: dict[str, Any], sha256: str) -> Recipe:
    """Read a recipe back from the canonical form that the catalog keeps.

    :raises RecipeError: it does not validate, or its hash is not the run's: worker and planner run different versions.
    """
    from restoration.engine.recipe import recipe_from_canonical

    recipe = recipe_from_canonical(body, f"recipe {sha256[:12]} in the catalog")
    if recipe.sha256 != sha256:
        raise RecipeError(
            f"recipe {recipe.name} has hash {recipe.sha256[:12]} here and {sha256[:12]} in the catalog; "
            "run the same version of the project on workers and Airflow"
        )
    return recipe


def _default_engine(settings: Settings) -> Engine:
    from celery.exceptions import SoftTimeLimitExceeded

    from restoration.engine.engine import Engine

    return Engine(settings, interrupts=(SoftTimeLimitExceeded,), tiles=True)


_engine_factory: EngineFactory = _default_engine
_runtime: WorkerRuntime | None = None


def use_engine_factory(factory: EngineFactory) -> None:
    """Let this process build its engine in another way (comparisons, tests). Before the first batch only."""
    global _engine_factory
    _engine_factory = factory


def get_runtime() -> WorkerRuntime:
    """The runtime of this process."""
    global _runtime
    if _runtime is None:
        _runtime = WorkerRuntime(get_settings(), engine_factory=_engine_factory)
    return _runtime


def close_runtime() -> None:
    """Close this process's runtime, where there is one."""
    global _runtime
    if _runtime is not None:
        _runtime.close()
        _runtime = None
