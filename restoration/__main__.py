"""``python -m restoration``: the same as the command ``restoration``."""

from __future__ import annotations

from restoration.cli import main

main()
