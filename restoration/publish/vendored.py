"""Other people's files that the gallery carries: which are pinned, and which of them are here.

They are not in the repository; ``infra/vendor/fetch.py`` fetches them when the environment is made. A file whose hash
is not the pinned one counts as missing: it is never published.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

VIEWER = "openseadragon.min.js"
"""The zooming viewer, a script that sets one global."""
FOLDER = "vendor"
"""Name of the folder inside the site's own."""


def vendored_files(folder: Traversable | None = None) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every pinned file that is here and right.

    :param folder: where to look, the site's own folder if left out.
    """
    place = folder or resources.files("restoration.publish").joinpath("site", FOLDER)
    for name, sha256 in pins().items():
        file = place.joinpath(name)
        if file.is_file():
            data = file.read_bytes()
            if hashlib.sha256(data).hexdigest() == sha256:
                yield name, data


def missing_files(folder: Traversable | None = None) -> list[str]:
    """Pinned files that are not here, or not right."""
    here = {name for name, _ in vendored_files(folder)}
    return [name for name in pins() if name not in here]


def pins() -> dict[str, str]:
    """Name to sha256 of every pinned file."""
    text = resources.files("restoration.publish").joinpath("vendored.toml").read_text(encoding="utf-8")
    return {file["name"]: file["sha256"] for package in tomllib.loads(text)["package"] for file in package["file"]}
