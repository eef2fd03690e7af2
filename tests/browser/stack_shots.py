"""Pictures of a running stack for the documentation: the review page, and Airflow's forms.

``python -m tests.browser.stack_shots COLLECTION FOLDER [--name main]`` signs in to the stack that ``make up`` or
``restoration demo --keep`` left running, triggers a run of the collection's scans as a new collection of unknown
consent, waits until it is parked, and writes ``review-list.png``, ``review-photo.png``, ``review-contact-sheet.png``,
``trigger-form.png`` and ``approval.png``. The parked run is answered "Do not publish" at the end.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from restoration.local.stack import Stack
from tests.browser.conftest import ARGUMENTS, CHROMIUM

DAG = "restore_collection"
TASK = "approve"
PARKED = "awaiting_input"
WAIT_SECONDS = 300.0
SETTLE_MS = 1500
"""Airflow's pages poll all the time, so they are never idle."""


def parked_run(stack: Stack, collection: str) -> str:
    """Start a run that somebody has to approve, and wait until it asks; gives its id."""
    api = stack.airflow.api()
    run = api.trigger(
        DAG,
        {
            "collection": f"{collection}-unknown",
            "source": f"s3://originals/{collection}/",
            "title": "The same scans, of unknown consent",
            "consent": "unknown",
        },
    )
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends:
        if any(task["task_id"] == TASK and task["state"] == PARKED for task in api.tasks(DAG, run)):
            return run
        time.sleep(2)
    raise TimeoutError(f"the run {run} did not ask within {WAIT_SECONDS:.0f} seconds")


def refuse(stack: Stack, run: str) -> None:
    """Answer a parked run, so that nothing stays behind."""
    path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run)}/taskInstances/{TASK}/-1/hitlDetails"
    answer = {"chosen_options": ["Do not publish"], "params_input": {"words": "only for a picture"}}
    headers = {"Authorization": f"Bearer {stack.airflow.api().token()}"}
    httpx.patch(stack.airflow.url + path, json=answer, headers=headers, timeout=30).raise_for_status()


def airflow_pictures(chromium: Any, stack: Stack, run: str, folder: Path) -> None:
    """The trigger form and the approval form."""
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US").new_page()
    page.goto(stack.airflow.url)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(stack.state.airflow.admin_password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "login" not in url)
    page.goto(f"{stack.airflow.url}/dags/{DAG}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Sensitivity", exact=True).first.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=str(folder / "trigger-form.png"))
    page.goto(f"{stack.airflow.url}/dags/{DAG}/runs/{quote(run)}/tasks/{TASK}/required_actions")
    page.get_by_text("to look at first").wait_for()
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=str(folder / "approval.png"))


def review_pictures(chromium: Any, stack: Stack, collection: str, folder: Path) -> None:
    """The list, one photograph and the contact sheet."""
    page = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB").new_page()
    page.goto(f"{stack.review.url}/collections/{collection}?which=all")
    page.get_by_label("User").fill("admin")
    page.get_by_label("Password").fill(stack.state.airflow.admin_password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("html.ready #sign-out")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=str(folder / "review-list.png"))
    page.locator("a[href*='/photos/']").first.click()
    page.wait_for_url("**/photos/*")
    page.wait_for_selector("html.ready")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=str(folder / "review-photo.png"))
    page.goto(f"{stack.review.url}/collections/{collection}/contact-sheet")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=str(folder / "review-contact-sheet.png"))


def main() -> None:
    """Take the pictures that the command line names."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="main")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    stack = Stack(Path(".local") / given.name)
    stack.postgres.start()
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        review_pictures(chromium, stack, given.collection, given.folder)
        run = parked_run(stack, given.collection)
        try:
            airflow_pictures(chromium, stack, run, given.folder)
        finally:
            refuse(stack, run)
        chromium.close()


if __name__ == "__main__":
    main()
