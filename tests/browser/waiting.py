"""Waiting for something to become true on a page that forbids eval, which playwright's own waiting needs."""

from __future__ import annotations

import time


def until(page, expression: str, seconds: float = 120.0) -> None:
    """Look again and again until a JavaScript expression is true."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never became true: {expression}"
        page.wait_for_timeout(40)
