"""Which listed objects are photographs, which are not, and whose names can't be trusted.

The archive never uses a scan's own name as a file name, so odd names are harmless there; but everything between
(shells, spreadsheets, file systems of whoever downloads) is not that careful. A name that could climb out of its
folder, break a line, or hide another name is therefore refused, with its reason, and the rest of the collection goes
on.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from restoration.errors import ReasonCode
from restoration.ingest.bag import is_bag_file
from restoration.not_scans import kind_by_name

SIDECAR_NAME = "metadata.csv"
HINTS_NAME = "hints.csv"
MAX_KEY_BYTES = 1024
MAX_COMPONENT_BYTES = 255

_DIRECTION_CHANGERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Refusal:
    """Why a name is not accepted."""

    reason: ReasonCode
    detail: str


@dataclass
class NameCheck:
    """Checks the names of one listing, in the order in which they are listed.

    Keeps only names with characters outside ASCII, because only those can have a twin in another Unicode form.
    """

    prefix: str
    _seen: dict[str, str] = field(default_factory=dict)

    def refusal(self, key: str) -> Refusal | None:
        """Why the key is refused, or None where it is fine. Of two twins the second listed is refused."""
        return self._unsafe(key) or self._twin(key)

    def _unsafe(self, key: str) -> Refusal | None:
        relative = key.removeprefix(self.prefix)
        parts = relative.replace("\\", "/").split("/")
        problem = None
        if any(unicodedata.category(c) == "Cc" or c in "\u2028\u2029" for c in key):
            problem = "the name holds a control character or a line break"
        elif any(c in _DIRECTION_CHANGERS for c in key):
            problem = "the name holds a character that changes the reading direction and may hide its ending"
        elif any(part in {"..", "."} for part in parts) or relative.startswith(("/", "\\")):
            problem = "the name climbs out of its folder"
        elif len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES:
            problem = f"the whole name is longer than {MAX_KEY_BYTES} bytes"
        elif any(len(part.encode("utf-8", "replace")) > MAX_COMPONENT_BYTES for part in relative.split("/")):
            problem = f"a part of the name is longer than {MAX_COMPONENT_BYTES} bytes"
        return Refusal(ReasonCode.UNSAFE_NAME, f"{problem}; rename the scan") if problem else None

    def _twin(self, key: str) -> Refusal | None:
        if key.isascii():
            return None
        composed = unicodedata.normalize("NFC", key)
        first = self._seen.setdefault(composed, key)
        if first == key:
            return None
        detail = "another scan has the same name in another Unicode form (NFC, NFD); rename one of the two"
        return Refusal(ReasonCode.NAME_COLLISION, detail)


def ignored_kind(key: str, prefix: str, size: int) -> str | None:
    """What an object is if it is no photograph, None if it may be one.

    ``sidecar``, ``bag``, ``folder``, or one of :data:`restoration.not_scans.Kind`: what a system, a program or a camera
    left beside the scans, sound, and text.
    """
    relative = key.removeprefix(prefix)
    if relative in (SIDECAR_NAME, HINTS_NAME):
        return "sidecar"
    if is_bag_file(relative):
        return "bag"
    if relative == "" or (relative.endswith("/") and size == 0):
        return "folder"
    return kind_by_name(relative)


def storable(key: str) -> str:
    """The key as Postgres can hold it: NUL, which no text column takes, becomes U+FFFD."""
    return key.replace("\x00", "\ufffd")
