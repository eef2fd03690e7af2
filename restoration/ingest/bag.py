"""Scans that were handed over as a bag (RFC 8493): its manifest says which bytes the giver sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from restoration.not_scans import kind_by_name

MANIFEST_NAME = "manifest-sha256.txt"
MAX_BYTES = 512 * 1024**2

_BAG_FILES = re.compile(r"bagit\.txt|bag-info\.txt|fetch\.txt|(tag)?manifest-[a-z0-9]+\.txt")
_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64})[ \t]+\*?(?P<path>.+)")
_ENCODED = {"%0A": "\n", "%0D": "\r", "%25": "%"}


def is_bag_file(relative: str) -> bool:
    """Whether a name, relative to the collection's prefix, is one of a bag's own tag files."""
    return _BAG_FILES.fullmatch(relative) is not None


def declared_hashes(
    data: bytes, keys: Iterable[str], prefix: str, note: Callable[[str, str], None] = lambda kind, detail: None
) -> dict[str, str]:
    """The sha256 of each listed scan that the manifest names, by object key.

    :param data: the manifest, UTF-8.
    :param keys: object keys of the collection's photographs.
    :param prefix: where the bag lies.
    :param note: is told of each line that is none of a manifest (``manifest_broken_line``), names a scan that is not
        there (``manifest_no_such_photo``), or one that could be several (``manifest_ambiguous_name``); files that are
        no scans by their names are left out.
    """
    names, declared = _Names(keys), {}
    for number, line in enumerate(data.decode("utf-8-sig", errors="replace").splitlines(), 1):
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            if line.strip():
                note("manifest_broken_line", f"{MANIFEST_NAME}, line {number} is no hash with a name: {line[:80]!r}")
            continue
        path = re.sub("%0A|%0D|%25", lambda code: _ENCODED[code[0].upper()], match["path"], flags=re.IGNORECASE)
        path = path.removeprefix("./")
        found = names.find(prefix + path)
        if len(found) == 1:
            declared[found[0]] = match["digest"].lower()
        elif found:
            note("manifest_ambiguous_name", f"{MANIFEST_NAME}, line {number}: {path!r} could be {len(found)} scans")
        elif kind_by_name(path) is None and not is_bag_file(path):
            note("manifest_no_such_photo", f"{MANIFEST_NAME}, line {number}: there is no scan {path!r}")
    return declared


class _Names:
    """Object keys by name, exactly or in another Unicode form: macOS writes NFD, most others NFC."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._exact = set(keys)
        self._composed: dict[str, list[str]] = {}
        for key in self._exact:
            if not key.isascii():
                self._composed.setdefault(unicodedata.normalize("NFC", key), []).append(key)

    def find(self, key: str) -> list[str]:
        """The keys that a name may mean: one, several, or none."""
        return [key] if key in self._exact else self._composed.get(unicodedata.normalize("NFC", key), [])
