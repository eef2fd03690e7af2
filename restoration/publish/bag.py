"""What makes a version a bag by RFC 8493 ("BagIt 1.0"): its declaration and its facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from restoration import __version__

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True)
class PayloadSize:
    """Everything under ``data/``."""

    files: int
    bytes: int

    @property
    def oxum(self) -> str:
        """Octets and streams, as ``Payload-Oxum`` wants them."""
        return f"{self.bytes}.{self.files}"


def bag_info(facts: dict[str, Any], payload: PayloadSize) -> bytes:
    """``bag-info.txt``, UTF-8.

    The versions of a collection are one group of bags, of which nobody can say how many there will be: ``3 of ?``.

    :param facts: name, title, contact, rights, version, published_at, content_sha256, event_chain_head, credentials.
    """
    version = facts["version"]
    rows = [
        ("Source-Organization", facts.get("source_organization") or ""),
        ("Bag-Software-Agent", f"archive-restoration {__version__}"),
        ("Bagging-Date", facts["published_at"][:10]),
        *_contact(facts.get("contact") or ""),
        ("External-Description", facts["title"]),
        ("External-Identifier", f"{facts['name']}/v{version:04d}"),
        ("Bag-Group-Identifier", facts["name"]),
        ("Bag-Count", f"{version} of ?"),
        ("Payload-Oxum", payload.oxum),
        ("Bag-Size", human_size(payload.bytes)),
        ("Rights", facts.get("rights") or ""),
        ("Content-SHA256", facts["content_sha256"]),
        ("Event-Chain-Head", facts["event_chain_head"]),
        ("Content-Credentials", _credentials(facts.get("credentials"))),
    ]
    return _tags(rows).encode()


def _credentials(credentials: dict[str, Any] | None) -> str:
    return "none" if credentials is None else f"{credentials['standard']}, signed by {credentials['signer']}"


def _contact(contact: str) -> Iterable[tuple[str, str]]:
    yield ("Contact-Email" if "@" in contact and not contact.strip().count(" ") else "Contact-Name", contact)


def _tags(rows: Iterable[tuple[str, str]]) -> str:
    # one line a value: a line break inside would start another tag, or stop readers that know no continuation
    cleaned = ((label, " ".join(str(value).split())) for label, value in rows)
    return "".join(f"{label}: {value}\n" for label, value in cleaned if value)


def read_tags(data: bytes) -> dict[str, str]:
    """Labels and values of a tag file; lines that are neither a tag nor its continuation are left out."""
    tags: dict[str, str] = {}
    label = ""
    for line in data.decode("utf-8", errors="replace").splitlines():
        if line[:1] in (" ", "\t") and label:
            tags[label] += f" {line.strip()}"
        elif ":" in line:
            label, value = line.split(":", 1)
            tags[label] = value.strip()
    return tags


def human_size(size: int) -> str:
    """A size for people, in decimal units: ``4.2 GB``."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB", "PB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}" if units[0] != "B" else f"{size} B"
