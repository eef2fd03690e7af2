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


def test_one_process_has_all_that_is_heavy_and_begins_with_it(pytester):
    """Both would start an Airflow otherwise, and whoever ended with it would be waited for."""
    heavy = ("browser/test_page", "stack/test_airflow", "stack/test_demo", "stack/test_local_stack")
    for name in (*heavy, "stack/test_publish", "unit/test_names"):
        path = pytester.path / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def test_one(): pass\ndef test_two(): pass\n")
    spread = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder", "--import-mode=importlib", "-v")
    result = pytester.runpytest_inprocess("-p", "tests.plugin", "-p", "no:cov", *spread)
    result.assert_outcomes(passed=12)
    ran = re.findall(r"\[(gw\d)\].*PASSED tests/(\w+/\w+)\.py", "\n".join(result.outlines))
    assert len(ran) == 12
    processes = {name: {process for process, other in ran if other == name} for _, name in ran}
    assert all(len(found) == 1 for found in processes.values())
    (process,) = set.union(*(processes[name] for name in heavy))
    of_it = [name for other, name in ran if other == process]
    assert set(of_it[: 2 * len(heavy)]) == set(heavy)
