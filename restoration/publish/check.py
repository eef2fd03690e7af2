"""Checking one archive on disk from itself alone: no database, no S3, no network.

Looks at more than a bag's validity: that nothing lies there which no manifest names, that both manifests name the same
files, that the hashes in PREMIS are those of the manifests, and that every picture says of itself what the archive says
it does. All that is wrong is told, not the first thing only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from restoration.errors import PublicationError, UsageError
from restoration.fixity import Fixity, fixity_of_file
from restoration.publish import layout
from restoration.publish.bag import DECLARATION, PayloadSize, read_tags
from restoration.publish.export import files_of
from restoration.publish.label_check import Promise, can_check_credentials, check_pictures
from restoration.publish.manifest import DIGITS, read_manifest
from restoration.publish.parallel import in_parallel
from restoration.publish.premis_reading import PremisFile, premis_files
from restoration.publish.tile_check import check_sets_on_disk
from restoration.publish.tiles import FOLDER
from restoration.publish.viewing import SETS

WORKERS = 4
Digests = dict[str, str]
"""Algorithm to hash, of one file."""


@dataclass(frozen=True)
class Problem:
    """``code``: missing, changed, extra, unreadable, unlisted (in one manifest only), malformed, premis, label,
    credentials, seal.
    """

    code: str
    path: str
    message: str


@dataclass
class ArchiveCheck:
    """What was found in a folder. ``seal_sha256``: hash of ``tagmanifest-sha256.txt``, empty where there is none.

    ``labelled`` and ``signed`` count the pictures whose labels and content credentials are as they should be. ``notes``
    say what is no fault of the archive: what could not be checked here, or has expired.
    """

    folder: str
    files: int = 0
    bytes: int = 0
    premis_objects: int = 0
    labelled: int = 0
    signed: int = 0
    seal_sha256: str = ""
    identifier: str = ""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    def add(self, code: str, path: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(code, path, message))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return {"ok": self.ok, **asdict(self)}


def check_archive(folder: Path, *, seal_sha256: str | None = None, trust: str | None = None) -> ArchiveCheck:
    """Read every file of an archive and compare.

    :param seal_sha256: what ``tagmanifest-sha256.txt`` should hash to, where that is known from elsewhere; without it a
        check finds damage, but not a forger who wrote all manifests anew.
    :param trust: PEM text of the certificates that the signers of pictures must lead to; any signer without it.
    :raises UsageError: the folder is none, or holds no bag.
    """
    if not (folder / layout.DECLARATION).is_file():
        raise UsageError(f"{folder} holds no archive: there is no {layout.DECLARATION}")
    check = ArchiveCheck(str(folder))
    listed: dict[str, Digests] = {}
    for kind in (layout.TAG, layout.PAYLOAD):
        listed |= _listed(folder, kind, check)
    found = _check_files(folder, listed, check)
    _check_tags(folder, listed, found, check)
    _check_premis(folder, listed, found, check)
    _check_labels(folder, listed, found, trust, check)
    _check_tiles(folder, check)
    _check_seal(folder, seal_sha256, check)
    return check


def _listed(folder: Path, kind: str, check: ArchiveCheck) -> dict[str, Digests]:
    """Every file that the manifests of one kind name, with the hashes they give."""
    listed: dict[str, Digests] = {}
    readable = []
    for algorithm in DIGITS:
        name = layout.manifest_name(kind, algorithm)
        try:
            for digest, path in read_manifest(folder, kind, algorithm):
                if algorithm in listed.setdefault(path, {}):
                    check.add("malformed", name, f"names {path} twice")
                listed[path][algorithm] = digest
            readable.append(algorithm)
        except PublicationError as error:
            check.add("malformed", name, str(error))
        except FileNotFoundError:
            check.add("missing", name, "this manifest is not there")
    for path, digests in listed.items():
        for algorithm in readable:
            if algorithm not in digests:
                check.add("unlisted", path, f"{layout.manifest_name(kind, algorithm)} does not name it")
    return listed


def _check_files(folder: Path, listed: dict[str, Digests], check: ArchiveCheck) -> dict[str, Fixity]:
    """Hash every file that is named, and find those that are not; gives what was found."""
    seals = {layout.manifest_name(layout.TAG, algorithm) for algorithm in DIGITS}
    there = set()
    for path in files_of(folder):
        there.add(path)
        if (folder / path).is_symlink():
            check.add("extra", path, "it is a link; an archive has none")
        elif path not in listed and path not in seals:
            check.add("extra", path, "no manifest names it")
    named = [path for path in listed if path in there and not (folder / path).is_symlink()]
    for path in listed.keys() - there:
        check.add("missing", path, "a manifest names it, and it is not there")
    found: dict[str, Fixity] = {}
    for path, read in zip(named, in_parallel(lambda path: _read(folder / path), named, WORKERS), strict=True):
        if isinstance(read, OSError):
            check.add("unreadable", path, str(read.strerror or read))
        else:
            found[path] = read
    for path, fixity in found.items():
        for algorithm, digest in listed[path].items():
            if getattr(fixity, algorithm) != digest:
                check.add("changed", path, f"{algorithm} is {getattr(fixity, algorithm)}, the manifest says {digest}")
    check.files = len(there)
    check.bytes = sum((folder / path).lstat().st_size for path in there)
    return found


def _read(path: Path) -> Fixity | OSError:
    try:
        return fixity_of_file(path)
    except OSError as error:
        return error


def _check_tags(folder: Path, listed: dict[str, Digests], found: dict[str, Fixity], check: ArchiveCheck) -> None:
    """The declaration, and ``bag-info.txt`` with its count of the payload."""
    if (folder / layout.DECLARATION).read_bytes() != DECLARATION:
        check.add("malformed", layout.DECLARATION, "it does not declare a bag of version 1.0 in UTF-8")
    if layout.BAG_INFO not in found:
        if layout.BAG_INFO not in listed:
            check.add("missing", layout.BAG_INFO, "it is not there, or no manifest names it")
        return
    tags = read_tags((folder / layout.BAG_INFO).read_bytes())
    check.identifier = tags.get("External-Identifier", "")
    sizes = [fixity.size for path, fixity in found.items() if path.startswith("data/")]
    oxum = PayloadSize(len(sizes), sum(sizes)).oxum
    if tags.get("Payload-Oxum") != oxum:
        said = tags.get("Payload-Oxum")
        check.add("changed", layout.BAG_INFO, f"Payload-Oxum says {said} (bytes.files), the payload is {oxum}")


def _check_premis(folder: Path, listed: dict[str, Digests], found: dict[str, Fixity], check: ArchiveCheck) -> None:
    """PREMIS and the manifests say the same of every picture."""
    described = set()
    documents = sorted(path for path in found if path.startswith(layout.PREMIS_FOLDER) and path.endswith(".xml"))
    if layout.PREMIS_COLLECTION not in documents:
        check.add("premis", layout.PREMIS_COLLECTION, "this document is not there")
    for path in documents:
        try:
            for item in premis_files(folder / path):
                described.add(item.path)
                check.premis_objects += 1
                _compare(item, listed.get(item.path), found.get(item.path), path, check)
        except PublicationError as error:
            check.add("premis", path, str(error))
    for path in _pictures(listed):
        if path not in described:
            check.add("premis", path, "no PREMIS object speaks of it")


def _compare(
    item: PremisFile, listed: Digests | None, found: Fixity | None, document: str, check: ArchiveCheck
) -> None:
    if listed is None:
        check.add("premis", item.path, f"{document} speaks of it, and no manifest names it")
        return
    for algorithm, digest in listed.items():
        said = item.digests.get(algorithm)
        if said != digest:
            check.add("premis", item.path, f"{document} gives {algorithm} {said}, the manifest {digest}")
    if found is not None and item.size != found.size:
        check.add("premis", item.path, f"{document} gives {item.size} bytes, it has {found.size}")


def _check_labels(
    folder: Path, listed: dict[str, Digests], found: dict[str, Fixity], trust: str | None, check: ArchiveCheck
) -> None:
    """Every picture that is undamaged says of itself what the archive says it does."""
    if layout.ARCHIVE_FACTS not in found:
        return
    try:
        promise = Promise.of(folder)
    except PublicationError as error:
        check.add("malformed", layout.ARCHIVE_FACTS, str(error))
        return
    if not promise.labels:
        return
    able = can_check_credentials()
    if promise.credentials and not able:
        check.notes.append("content credentials were not checked: c2pa-python is not installed")
    # what is damaged was told already
    whole = (path for path in _pictures(listed) if path in found and _is_whole(found[path], listed[path]))
    expired = 0
    for picture in check_pictures(folder, whole, promise, credentials=able, trust=trust):
        if picture.code:
            check.add(picture.code, picture.path, picture.message)
        check.labelled += picture.code != "label"
        check.signed += picture.signed
        expired += picture.expired
    if expired:
        check.notes.append(f"the certificate that signed {expired} pictures has expired; their hashes still hold")


def _is_whole(found: Fixity, listed: Digests) -> bool:
    return all(getattr(found, algorithm) == digest for algorithm, digest in listed.items())


def _pictures(listed: Iterable[str]) -> Iterator[str]:
    return (path for path in listed if path.startswith(layout.PICTURES))


def _check_tiles(folder: Path, check: ArchiveCheck) -> None:
    """Tiles that the version names, where a copy of the whole bucket holds them beside it."""
    try:
        for found in check_sets_on_disk(folder):
            if found.fixity != "intact":
                check.add(found.fixity, f"../{FOLDER}{found.id}/{found.path}", found.note)
    except PublicationError as error:
        check.add("malformed", SETS, str(error))


def _check_seal(folder: Path, expected: str | None, check: ArchiveCheck) -> None:
    seal = folder / layout.SEAL
    if seal.is_file():
        check.seal_sha256 = fixity_of_file(seal).sha256
    if expected is not None and check.seal_sha256 != expected.lower():
        check.add("seal", layout.SEAL, f"its sha256 is {check.seal_sha256 or 'none'}, not {expected}")
