"""What a batch has in hand: scans that were read, how each is to be restored, and groups of photographs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restoration.catalog import work as catalog
from restoration.catalog.wishes import Variant
from restoration.engine.outcome import Scan
from restoration.errors import EnvironmentProblem
from restoration.names import page_sha256
from restoration.worker.reading import GROUP_BYTES, Read

if TYPE_CHECKING:
    from restoration.engine.prepare import Prepared

Content = tuple[str, str]
"""Identity of a photograph's content, and hash of the recipe as it is run."""


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


def groups(photos: Iterable[catalog.PhotoWork], size: int) -> Iterator[list[catalog.PhotoWork]]:
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
