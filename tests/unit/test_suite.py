"""The suite's own plugin: skipped browser tests are named in the closing line, or fail where a browser is required."""

from __future__ import annotations

import re

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.browser
def test_page(): pytest.skip("no browser at all")

@pytest.mark.airflow
def test_flow(): pass

def test_other(): pytest.skip("of another kind")
"""


@pytest.fixture
def run(pytester):
    pytester.makeini("[pytest]\nmarkers =\n    browser\n    airflow\n")
    pytester.makepyfile(TESTS)

    def start(*arguments):
        return pytester.runpytest_inprocess("-p", "tests.plugin", "-p", "no:cov", *arguments)

    return start


@pytest.mark.parametrize("spread", [(), ("-n", "1")])
def test_the_closing_line_names_browser_tests_that_were_skipped(run, spread):
    lines = run(*spread).outlines
    assert "1 passed, 1 skipped, 1 browser tests skipped" in lines[-1]
    assert [line for line in lines if "no browser at all" in line] == ["SKIPPED browser tests: no browser at all"]


def test_where_a_browser_is_required_skipping_is_a_failure(run):
    result = run("--require-browser")
    result.assert_outcomes(passed=1, skipped=1, failed=1)
    result.stdout.fnmatch_lines(["*a browser is required, and this test was skipped: no browser at all*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_one_process_has_all_services_and_the_other_the_rest(pytester):
    """Both would start an Airflow otherwise."""
    for name in ("stack/test_a", "stack/test_b", "browser/test_c", "unit/test_d", "unit/test_e"):
        path = pytester.path / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def test_it(): pass\n")
    options = ("-p", "tests.plugin", "-p", "no:cov", "-n", "2", "--dist", "loadscope", "-v", "--import-mode=importlib")
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=5)
    ran = re.findall(r"\[(gw\d)\].*PASSED tests/(\w+)/test_(\w)\.py", "\n".join(result.outlines))
    assert len(ran) == 5
    services, units = ({process for process, part, _ in ran if (part != "unit") is wanted} for wanted in (True, False))
    assert len(services) == 1
    assert services.isdisjoint(units)
