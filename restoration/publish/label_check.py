"""Whether the pictures of an archive on disk carry the labels and credentials that the archive says they carry."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restoration.errors import PublicationError
from restoration.iptc import COMPOSITE
from restoration.publish import layout
from restoration.publish.bag import read_tags
from restoration.publish.credentials import check_credentials
from restoration.publish.labels import Labels, read_labels
from restoration.publish.parallel import in_parallel

WORKERS = 2
"""Pictures in memory at a time."""


@dataclass(frozen=True)
class Promise:
    """What an archive says of its pictures. Archives from before the labels promise nothing."""

    collection: str
    labels: bool
    credentials: bool

    @classmethod
    def of(cls, folder: Path) -> Promise:
        """By ``archive.json`` and ``bag-info.txt``; one of them is enough to promise credentials.

        :raises PublicationError: ``archive.json`` is not readable as one of ours.
        """
        try:
            facts: Any = json.loads((folder / layout.ARCHIVE_FACTS).read_bytes())
            name, labels, credentials = str(facts["name"]), bool(facts.get("labels")), bool(facts.get("credentials"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PublicationError(f"it cannot be read as facts of an archive: {error!r}") from error
        tags = folder / layout.BAG_INFO
        said = read_tags(tags.read_bytes()).get("Content-Credentials", "none") if tags.is_file() else "none"
        return cls(name, labels, credentials or said != "none")


@dataclass(frozen=True)
class CheckedPicture:
    """What was found of one picture: a problem as a code (``label`` or ``credentials``) and words, or none."""

    path: str
    code: str = ""
    message: str = ""
    signed: bool = False
    expired: bool = False


def can_check_credentials() -> bool:
    """Whether c2pa-python is installed; labels need nothing."""
    return importlib.util.find_spec("c2pa") is not None


def check_pictures(
    folder: Path, paths: Iterable[str], promise: Promise, *, credentials: bool, trust: str | None
) -> Iterator[CheckedPicture]:
    """Read every picture, in the order of the paths.

    :param credentials: whether to check credentials where they are promised.
    :param trust: PEM text of the certificates that signers must lead to.
    """

    def check(path: str) -> CheckedPicture:
        return _check(folder, path, promise, trust, signed=credentials and promise.credentials)

    return in_parallel(check, paths, WORKERS)


def _check(folder: Path, path: str, promise: Promise, trust: str | None, *, signed: bool) -> CheckedPicture:
    content_type = layout.content_type(path)
    try:
        data = (folder / path).read_bytes()
        labels = read_labels(data, content_type)
    except (PublicationError, OSError) as error:
        return CheckedPicture(path, "label", getattr(error, "message", str(error)))
    if labels.identifier != f"{promise.collection}/{_number(path)}":
        return CheckedPicture(path, "label", f"its label says that it is {labels.identifier!r}")
    if not _agrees_with_mask(folder, path, labels):
        return CheckedPicture(path, "label", "its label and the archive's mask disagree about what was filled")
    if not signed:
        return CheckedPicture(path)
    try:
        return CheckedPicture(path, signed=True, expired=_is_expired(data, content_type, labels, trust))
    except PublicationError as error:
        return CheckedPicture(path, "credentials", error.message)


def _agrees_with_mask(folder: Path, path: str, labels: Labels) -> bool:
    """Whether a picture names those filled areas that the label of its mask names: none where there is no mask.

    A mask that cannot be read is a problem of its own.
    """
    mask = folder / layout.mask_path(_number(path))
    if path == layout.mask_path(_number(path)):
        return True
    if path == layout.preview_path(_number(path), "before") or not mask.is_file():
        return not labels.regions
    try:
        return read_labels(mask.read_bytes(), layout.content_type(mask.name)).regions == labels.regions
    except (PublicationError, OSError):
        return True


def _is_expired(data: bytes, content_type: str, labels: Labels, trust: str | None) -> bool:
    found = check_credentials(data, content_type, trust)
    if found.actions[:1] != ("c2pa.opened",) or not found.ingredient:
        raise PublicationError("its content credentials do not begin with the scan that was opened")
    if (labels.source_type == COMPOSITE) != (COMPOSITE in found.source_types):
        raise PublicationError("its label and its content credentials disagree about what a trained model made")
    return found.expired


def _number(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".", 1)[0].split("-", 1)[0]
