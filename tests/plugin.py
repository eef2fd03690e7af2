"""How the suite is spread over processes, and what its closing line says of browser tests."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from xdist.scheduler import LoadScopeScheduling

WITHOUT_BROWSER = "browser tests skipped"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where a browser is known to be there, skipping its tests is a failure."""
    parser.addoption("--require-browser", action="store_true", help="fail browser tests that would be skipped")


_HEAVY = ("tests/browser/", "tests/stack/test_airflow.py", "tests/stack/test_demo.py", "tests/stack/test_local_")


class _HeavyTogether(LoadScopeScheduling):
    """Tests that start Airflow, a whole stack or a browser go to one process, each other file to whichever is free.

    Two processes would start two of each, and two cores have no room for them. Postgres, Redis and S3 are light: a
    process that gets to a test of theirs starts its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "heavy" if path.startswith(_HEAVY) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _HeavyTogether:
    """How xdist shares the tests out."""
    return _HeavyTogether(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark a browser test that was skipped, or fail it where a browser is required."""
    report = yield
    if report.skipped and item.get_closest_marker("browser"):
        if item.config.getoption("--require-browser"):
            report.outcome = "failed"
            report.longrepr = f"a browser is required, and this test was skipped: {_reason(report)}"
        else:
            report.without_browser = True  # type: ignore[attr-defined]  # an attribute travels between processes
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count them apart, so that the closing line names them."""
    return (WITHOUT_BROWSER, "s", "SKIPPED") if getattr(report, "without_browser", False) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why, as pytest does of the others."""
    for reason in sorted({_reason(report) for report in terminalreporter.getreports(WITHOUT_BROWSER)}):
        terminalreporter.write_line(f"SKIPPED browser tests: {reason}")


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return words.removeprefix("Skipped: ")
