"""Words that every DAG of the project shares: tags, retries, time limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

TAGS = frozenset({"restoration", "on-demand", "nightly", "fixity", "publishing"})
"""The only tags that DAGs may carry; a test holds them to it."""

DEFAULT_ARGS: dict[str, Any] = {
    # few and short: what does not heal within a minute wants a person, and hidden failures cost hours
    "retries": 1,
    "retry_delay": timedelta(seconds=20),
    "execution_timeout": timedelta(hours=4),
    "owner": "restoration",
}

ASK_AGAIN: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=2)}
"""Of tasks that ask a person: an answer that does not count is followed by the question as it stands by then."""
