"""Write what the software is made of: a bill of materials in CycloneDX 1.6 (JSON), and a list of licences.

Use: ``.venv/bin/python infra/sbom/write.py FOLDER``, as ``make sbom`` does; needs the whole environment and no network.
Beside Python packages it lists what a package manager does not know of: models with their hashes and licences, the
gallery's viewer, and the container images of docker-compose.yml and the Dockerfiles. The same environment makes the
same files.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, metadata
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OURS = "archive-restoration"
TORCH = ("torch", "torchvision")
"""torch is not in the lock."""

NOT_SAID = "not said by the package"
_NAMESPACE = uuid.UUID("6f1d9a64-3b0f-5c0e-9a55-9c8c4f6a1f0d")
_SHORT = 60
"""Longer text in the field for the licence is the licence itself; its first line names it."""

Component = dict[str, Any]


def components() -> list[Component]:
    """Everything, by kind and name."""
    parts = [*packages(), *models(), *viewer(), *images()]
    return sorted(parts, key=lambda part: (part["type"], part["name"].lower(), part.get("version", "")))


def packages() -> Iterator[Component]:
    """Python packages of the lock that this environment holds, and torch with what its build has brought."""
    text = (ROOT / "infra" / "lock" / "requirements.txt").read_text(encoding="utf-8")
    names = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}
    for name in sorted(names | _with_torch()):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # what another Python needs
        yield {
            "type": "library", "name": name, "version": found.version, "licenses": _licences(licence_of(found)),
            "purl": f"pkg:pypi/{name}@{found.version}", "bom-ref": f"pypi:{name}",
        }  # fmt: skip


def _with_torch() -> set[str]:
    found: set[str] = set()
    waiting = list(TORCH)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            needs = [Requirement(text) for text in distribution(name).requires or []]
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [one.name for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def licence_of(found: Distribution) -> str:
    """Its SPDX expression, else its own words, else its classifier's, else :data:`NOT_SAID`."""
    about = found.metadata
    classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    words = (about.get("License") or "").strip().splitlines()
    said = about.get("License-Expression") or (words[0].strip() if words else "")
    if not said or said.upper() == "UNKNOWN" or len(said) > _SHORT:
        said = " / ".join(classifiers) or said[:_SHORT]
    return said or NOT_SAID


def models() -> Iterator[Component]:
    """Every model of the registry, those too that are fetched only when a person asks."""
    registry = tomllib.loads((ROOT / "restoration" / "models" / "registry.toml").read_text(encoding="utf-8"))
    for entry in registry["models"]:
        yield {
            "type": "machine-learning-model", "name": entry["name"], "version": entry["version"],
            "licenses": _licences(entry["licence"]), "hashes": [{"alg": "SHA-256", "content": entry["sha256"]}],
            "bom-ref": f"model:{entry['name']}@{entry['version']}",
            "properties": [
                {"name": "source", "value": entry["source"]},
                {"name": "shipped", "value": str(entry["source"].startswith("packaged:")).lower()},
                {"name": "rights of the training data", "value": entry["training_rights"]},
            ],
        }  # fmt: skip


def viewer() -> Iterator[Component]:
    """What the gallery carries of others."""
    pins = tomllib.loads((ROOT / "restoration" / "publish" / "vendored.toml").read_text(encoding="utf-8"))
    for entry in pins["package"]:
        files = [{"name": f"sha256 of {file['name']}", "value": file["sha256"]} for file in entry["file"]]
        yield {
            "type": "library", "name": entry["name"], "version": entry["version"], "properties": files,
            "licenses": _licences(entry["licence"]), "purl": f"pkg:npm/{entry['name']}@{entry['version']}",
            "bom-ref": f"npm:{entry['name']}",
        }  # fmt: skip


def images() -> Iterator[Component]:
    """Container images, by their tags: no digest is known without asking a registry."""
    texts = [(ROOT / "docker-compose.yml").read_text(encoding="utf-8")]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "infra").glob("*.Dockerfile")]
    named = re.findall(r"^(?:FROM|\s+image:) (\S+):(\S+)", "\n".join(texts), re.MULTILINE)
    for name, tag in sorted({pair for pair in named if not pair[0].startswith(OURS)}):
        yield {"type": "container", "name": name, "version": tag, "bom-ref": f"image:{name}"}


def _licences(said: str) -> list[dict[str, Any]]:
    try:
        return [{"expression": str(canonicalize_license_expression(said))}]
    except InvalidLicenseExpression:
        return [{"license": {"name": said}}]


def bill(parts: Iterable[Component]) -> dict[str, Any]:
    """The document; its serial number follows from its content."""
    listed = list(parts)
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    main = {
        "type": "application", "name": OURS, "version": metadata(OURS)["Version"], "bom-ref": OURS,
        "licenses": _licences(ours["license"]),
    }  # fmt: skip
    serial = uuid.uuid5(_NAMESPACE, json.dumps([main, listed], sort_keys=True))
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1,
        "metadata": {"component": main}, "components": listed,
    }  # fmt: skip


def licence_list(parts: Iterable[Component]) -> str:
    """A Markdown table: component, version, kind, licence."""
    lines = ["| Component | Version | Kind | Licence |", "|---|---|---|---|"]
    for part in parts:
        said = ", ".join(_words(one) for one in part.get("licenses", ())) or "see the image"
        cells = (part["name"], part.get("version", ""), part["type"], said)
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _words(licence: dict[str, Any]) -> str:
    return str(licence.get("expression") or licence["license"]["name"])


def main() -> int:
    """Write both files. Gives the exit status."""
    parser = argparse.ArgumentParser(description="Write sbom.cdx.json and licences.md.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    parts = components()
    text = json.dumps(bill(parts), indent=1, ensure_ascii=False)
    (folder / "sbom.cdx.json").write_text(text + "\n", encoding="utf-8")
    (folder / "licences.md").write_text(licence_list(parts), encoding="utf-8")
    silent = [part["name"] for part in parts if NOT_SAID in json.dumps(part.get("licenses", ""))]
    sys.stdout.write(f"{len(parts)} components: {folder / 'sbom.cdx.json'}, {folder / 'licences.md'}\n")
    if silent:
        sys.stdout.write(f"no licence in the metadata of: {', '.join(silent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
