"""The campaign: rounds of faults over one collection, and after each of them everything is checked."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from restoration.catalog.collections import get_collection
from restoration.catalog.giving_back import release_quarantined
from restoration.errors import INFRASTRUCTURE_REASONS, ReasonCode, RestorationError
from restoration.publish.publisher import publish_collection
from tests.faults import checks
from tests.faults.nemesis import Fault, Nemesis, sequence
from tests.faults.proxy import MODES
from tests.faults.runs import Runs
from tests.faults.site import COLLECTION, Site

END_SECONDS = 240.0
"""How long it may take after the last fault until every run has ended."""

TRIES = 3
"""How often a fault is tried that meets nothing, since the process is only just starting."""


class BrokenPromise(AssertionError):
    """Something did not hold; with seed and sequence."""


@dataclass
class Figures:
    """What a campaign did and found."""

    struck: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    runs: int = 0
    given_up: int = 0
    """Photographs that three deaths of their worker had quarantined, and that were released."""
    refused_publications: int = 0
    published: int = 0
    rehashed: int = 0
    events: int = 0
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        return sum(self.struck.values())


@contextlib.contextmanager
def site_of(root: Path, photos: int) -> Iterator[Site]:
    site = Site(root, photos)
    try:
        site.start()
        yield site
    finally:
        with contextlib.suppress(AttributeError):  # what never started
            site.stop()


def campaign(root: Path, *, kills: int, seed: int, photos: int, a_round: int, say: Callable[[str], None]) -> Figures:
    """Strike ``kills`` times, ``a_round`` of them between two checks.

    :raises BrokenPromise: the first that does not hold.
    """
    figures, begun = Figures(), time.monotonic()
    with site_of(root, photos) as site:
        runs = Runs(site)
        runs.start()
        nemesis = Nemesis(site, runs)
        faults = sequence(seed, kills)
        try:
            for number, first in enumerate(range(0, kills, a_round)):
                _round(site, runs, nemesis, faults[first : first + a_round], number, figures)
                figures.rounds, figures.runs, figures.struck = number + 1, len(runs.all), nemesis.struck
                figures.seconds = time.monotonic() - begun
                say(f"round {number + 1}: {figures}")
        except Exception as error:
            done = "\n  ".join(nemesis.log)
            said = f"seed {seed}, {photos} photographs: {type(error).__name__}: {error}"
            raise BrokenPromise(f"{said}\nwhat was done:\n  {done}") from error
        finally:
            runs.end()
    return figures


def _round(site: Site, runs: Runs, nemesis: Nemesis, faults: list[Fault], number: int, figures: Figures) -> None:
    runs.busy = True
    for fault in faults:
        for _ in range(TRIES):
            _begun(runs)
            if nemesis.strike(fault):
                break
    runs.busy = False
    _all_end(site, runs)
    figures.given_up += _release(site)
    # what a fault made a photograph pay for is brought back, as an archivist does, and a last run leaves no gap
    runs.begin()
    _all_end(site, runs)
    recipe = runs.all[-1].recipe.name
    assert runs.all[-1].state == "done", f"a run without any fault ended as {runs.all[-1].state}"
    checks.check_catalog(site, recipe)
    checks.check_restored(site)
    figures.refused_publications += _publish(site, number)
    figures.rehashed += checks.check_published(site, recipe, site.root / "export")
    figures.published += 1
    checks.check_originals(site)
    figures.events = checks.check_chain(site)


def _begun(runs: Runs) -> None:
    """Wait a moment until there is a run whose photographs can be struck; not for ever, since Postgres may be down."""
    until = time.monotonic() + 3
    while time.monotonic() < until and not any(run.shards for run in runs.open):
        time.sleep(0.05)


def _all_end(site: Site, runs: Runs) -> None:
    deadline = time.monotonic() + END_SECONDS
    while runs.open:
        assert not runs.problem, runs.problem
        assert time.monotonic() < deadline, f"no end within {END_SECONDS:.0f} s: {_standing(site)}"
        site.mend()
        time.sleep(0.2)


def _standing(site: Site) -> object:
    batches = site.rows("SELECT state::text, count(*), max(detail) FROM batch GROUP BY 1")
    return batches, site.rows("SELECT state::text, count(*), max(reason_detail) FROM photo GROUP BY 1")


def _release(site: Site) -> int:
    """Bring back what was given up for reasons that were not the photographs' own; returns how many there were."""
    released = 0
    with site.db.begin() as conn:
        collection = get_collection(conn, COLLECTION)
        for reason in sorted(INFRASTRUCTURE_REASONS | {ReasonCode.WORKER_LOST}):
            released += release_quarantined(conn, collection, ReasonCode(reason), person="the campaign")
    return released


def _publish(site: Site, number: int) -> int:
    """Publish, every other time with a store that misbehaves first; returns how many tries were refused."""
    refused = 0
    if number % 2:
        site.proxy.mode = MODES[number // 2 % len(MODES)]
        try:
            publish_collection(site.db, site.publisher(meddled=True), site.settings, COLLECTION)
        except RestorationError as error:
            refused = 1
            print(f"  a publication was refused: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            site.proxy.mode = ""
    report = publish_collection(site.db, site.publisher(), site.settings, COLLECTION)
    assert report.state in ("published", "unchanged"), f"nothing was published: {report}"
    return refused
