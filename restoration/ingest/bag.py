"""Scans that were handed over as a bag (RFC 8493): its manifest says which bytes the giver sent."""

from __future__ import annotations

import re
from collections.abc import Iterable

MANIFEST_NAME = "manifest-sha256.txt"
MAX_BYTES = 512 * 1024**2

_BAG_FILES = re.compile(r"bagit\.txt|bag-info\.txt|fetch\.txt|(tag)?manifest-[a-z0-9]+\.txt")
_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64})[ \t]+\*?(?P<path>.+)")
_ENCODED = {"%0A": "\n", "%0D": "\r", "%25": "%"}


def is_bag_file(relative: str) -> bool:
    """Whether a name, relative to the collection's prefix, is one of a bag's own tag files."""
    return _BAG_FILES.fullmatch(relative) is not None


def declared_hashes(data: bytes, keys: Iterable[str], prefix: str) -> dict[str, str]:
    """The sha256 of each listed scan that the manifest names, by object key; other lines are left out.

    :param data: the manifest, UTF-8.
    :param keys: object keys of the collection's photographs.
    :param prefix: where the bag lies.
    """
    known, declared = set(keys), {}
    for line in data.decode("utf-8-sig", errors="replace").splitlines():
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            continue
        path = re.sub("%0A|%0D|%25", lambda code: _ENCODED[code[0].upper()], match["path"], flags=re.IGNORECASE)
        key = prefix + path.removeprefix("./")
        if key in known:
            declared[key] = match["digest"].lower()
    return declared
