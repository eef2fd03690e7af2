"""How a publication ended, as plain facts for the CLI, Airflow and tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from restoration.errors import ReasonCode

PublicationOutcome = Literal["published", "unchanged", "withheld"]


@dataclass(frozen=True)
class PublicationReport:
    """How a publication ended. ``version`` and ``uri`` are of the version that is current afterwards, if any is.

    ``photos`` is all of them: ``shown`` restored, ``original`` as scanned only, ``withdrawn`` as tombstones, the others
    listed with their reason. ``waiting``: how many of the originals wait for a person's look.
    ``withheld``: nothing was written, for the ``reason``; ``detail`` says what a person can do about it. In a dry run
    the counts are of what would be published. ``content_sha256``: hash of all that was, or would be, published.
    """

    state: PublicationOutcome
    collection: str
    version: int | None = None
    uri: str | None = None
    gallery_uri: str | None = None
    photos: int = 0
    shown: int = 0
    original: int = 0
    withdrawn: int = 0
    waiting: int = 0
    files: int = 0
    bytes: int = 0
    reason: ReasonCode | None = None
    detail: str = ""
    dry_run: bool = False
    content_sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for XCom and JSON output."""
        return asdict(self)
