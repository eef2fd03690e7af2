"""The suite's own plugin: skipped browser tests are named in the closing line, or fail where a browser is required."""

from __future__ import annotations

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
    place = "import os\ndef test_it(): print(os.environ['PYTEST_XDIST_WORKER'])\n"
    for name in ("stack/test_a", "stack/test_b", "browser/test_c", "unit/test_d", "unit/test_e"):
        path = pytester.path / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(place)
    options = ("-p", "tests.plugin", "-p", "no:cov", "-n", "2", "--dist", "loadscope", "-rP", "--import-mode=importlib")
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=5)
    text = "\n".join(result.outlines)
    ran = dict(re.findall(r"_+ test_it _+\n\[(gw\d)\].*?\n-+ Captured stdout call -+\n(gw\d)", text))
    assert ran
    where = {part: set(re.findall(rf"tests/{part}/test_\w.py.*?(gw\d)", text)) for part in ("stack", "browser", "unit")}
    assert where is not None
