"""What went wrong while the environment was made, in one plain sentence that says what to do.

Needs Python's standard library alone.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Fault(NamedTuple):
    """How a fault shows in the words of pip, venv or a compiler, and what to tell."""

    pattern: str
    sentence: str


# The first that fits is told. What causes others stands before them: a full disk or a proxy that does not answer also
# makes packages look as if they did not exist.
FAULTS = (
    Fault(
        r"No space left on device|\[Errno 28\]|Disk quota exceeded",
        "The disk is full: the environment takes 3 GB (8 GB with torch for CUDA); make room, or name a folder on"
        " another disk with VENV=.",
    ),
    Fault(
        r"ProxyError|[Cc]annot connect to proxy|407 Proxy Authentication",
        "The proxy does not let pip through: set HTTPS_PROXY to one that does, or unset it.",
    ),
    Fault(
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError",
        "The package index's certificate is not trusted here: name your authority's file in PIP_CERT.",
    ),
    Fault(
        r"DO NOT MATCH THE HASHES",
        "A package came with other bytes than the lock pins: use another package index (PIP_INDEX_URL), or find out who"
        " changed it.",
    ),
    Fault(
        r"NewConnectionError|NameResolutionError|name resolution|Network is unreachable|ConnectTimeout|ReadTimeout"
        r"|Connection (?:refused|reset|aborted|broken)|Remote end closed",
        "The package index does not answer: check the network, or name an index within reach in PIP_INDEX_URL.",
    ),
    Fault(
        r"Python\.h: No such file",
        "A package must be compiled and Python's headers are missing; on Debian and Ubuntu: apt-get install"
        " python3-dev.",
    ),
    Fault(
        r"(?P<what>[\w.+-]+/?[\w.+-]*\.h): No such file",
        "A package must be compiled and the header {what} is missing: install the system's package that holds it.",
    ),
    Fault(
        r"command '?\S*(?:gcc|cc|g\+\+|clang)\S*'? failed|No such file or directory: '(?:gcc|cc|g\+\+|make)'"
        r"|(?:gcc|cc|g\+\+): (?:command )?not found|unable to execute '\S*(?:gcc|cc)'",
        "A package must be compiled and there is no compiler that works; on Debian and Ubuntu: apt-get install"
        " build-essential; or use a Python that has wheels of everything (3.11, 3.12).",
    ),
    Fault(
        r"ensurepip is not available|No module named '?(?:venv|ensurepip)",
        "This Python has no venv module; on Debian and Ubuntu: apt-get install python3-venv.",
    ),
    Fault(
        r"Permission denied|\[Errno 13\]",
        "The environment's folder cannot be written: give yourself the right to, or name another with VENV=.",
    ),
    Fault(
        r"No matching distribution found for (?P<what>[^\s;]+)",
        "The package index has no {what} for this Python and machine: use Python 3.11, 3.12 or 3.13 on Linux"
        " (make env PYTHON=python3.12), or an index that has it (PIP_INDEX_URL).",
    ),
)


def sentence(output: str) -> str:
    """What to tell of a failed command, by what it printed."""
    for pattern, words in FAULTS:
        found = re.search(pattern, output)
        if found:
            return words.format(**found.groupdict())
    errors = [line.strip() for line in output.splitlines() if re.match(r"\s*error:", line, re.IGNORECASE)]
    last = errors[-1] if errors else "it did not say why"
    return f"The environment could not be made, and this is the last word: {last}"
