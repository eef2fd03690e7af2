"""What the demo tells while it waits: words where there is nothing to count, and a line a change in a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from restoration.catalog.progress import RunProgress
from restoration.cli.demo_view import TerminalReporter, how_far

NOTHING = RunProgress()


def told(*steps: tuple[RunProgress, str], terminal: bool = False) -> list[str]:
    console = Console(width=160, file=io.StringIO(), record=True, force_terminal=terminal)
    with TerminalReporter(console) as reporter:
        for progress, stage in steps:
            reporter.progress(progress, stage)
    return console.export_text().splitlines()


@pytest.mark.parametrize(
    ("progress", "stage", "words"),
    [
        (NOTHING, "", "looking for what is new"),
        (NOTHING, "ingest", "looking for what is new, ingest"),
        (NOTHING, "summarize", "nothing new, summarize"),
        (NOTHING, "success", "nothing new, success"),
        (NOTHING, "failed", "nothing was planned, failed"),
        (RunProgress(photos=4, finished=1), "restore", "1/4 photographs, restore"),
        (RunProgress(photos=4, finished=4), "", "4/4 photographs"),
    ],
)
def test_nothing_to_count_is_said_in_words(progress, stage, words):
    assert how_far(progress, stage) == words


def test_a_log_gets_a_line_a_change():
    half, all_of_them = RunProgress(photos=2, finished=1), RunProgress(photos=2, finished=2)
    lines = told(
        (NOTHING, "ingest"), (NOTHING, "ingest"), (NOTHING, ""), (half, "restore"), (half, "restore"), (half, ""),
        (all_of_them, "restore"), (all_of_them, "success"),
    )  # fmt: skip
    assert lines == [
        "looking for what is new, ingest",
        "1/2 photographs, restore",
        "2/2 photographs, restore",
        "2/2 photographs, success",
    ]


def test_a_second_run_never_counts_to_zero():
    steps = [(NOTHING, stage) for stage in ("", "ingest", "plan", "", "summarize", "publish", "success")]
    for terminal in (False, True):
        text = "\n".join(told(*steps, terminal=terminal))
        assert "nothing new, success" in text
        assert "0/" not in text
