"""Where the libraries lie that a process may still load once it is confined: Python's own, the system's, and wheels."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_FACTS = ("/proc/self/statm", "/sys/devices/system/cpu")
"""How much memory this process has, and how many processors there are: libraries ask, and so do we."""
_SHARED_BY_PACKAGES = frozenset({"site-packages", "dist-packages"})


def library_paths(modules: Iterable[str]) -> list[str]:
    """Files and folders that may be read, so that these modules, and what they import, can be loaded later.

    Never the folder of a checkout, in which settings with secrets may lie: of a module that is not installed beside
    others, its own folder or file alone.
    """
    python = [os.path.dirname(os.__file__), os.path.join(sys.base_prefix, "lib")]
    named = [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if os.path.isabs(path)]
    wheels = [path for module in modules for path in _places(module)]
    return list(dict.fromkeys([*_SYSTEM, *_FACTS, *python, *named, *wheels]))


def _places(module: str) -> list[str]:
    found = importlib.util.find_spec(module)
    if found is None:
        return []
    places = list(found.submodule_search_locations or [found.origin or ""])
    shared = [str(Path(place).parent) for place in places if Path(place).parent.name in _SHARED_BY_PACKAGES]
    return [*places, *shared]
