"""A real browser and galleries for it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.sample import build_gallery, build_large_gallery

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 120_000
"""How long anything may take before a test fails: a busy machine is no fault of a page."""

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="package")
def browser():
    """Chromium, driven by playwright. Closed with the package: playwright's event loop runs in this thread for as long
    as it lives, and no other test could call ``asyncio.run`` beside it.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM} (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        # playwright sets its patience for each context alone
        opened = chromium.new_context

        def patient(**options):
            context = opened(**options)
            context.set_default_timeout(PATIENCE_MS)
            return context

        chromium.new_context = patient
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def gallery_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published archive on disk."""
    return build_gallery(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="session")
def large_gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of 10,000 photographs on disk."""
    return build_large_gallery(tmp_path_factory.mktemp("large"), 10_000)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def gallery_http(gallery_folder: Path) -> Iterator[str]:
    """The same archive over HTTP, as a bucket serves it."""
    handler = functools.partial(_Quiet, directory=str(gallery_folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


class Visit:
    """A page with a record of what it asked for and what it complained of."""

    def __init__(self, page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _dialog(self, dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, address: str):
        """Go there and wait until the gallery has drawn its photographs."""
        self.page.goto(address)
        self.page.wait_for_selector("html.ready", state="attached")
        return self.page


@pytest.fixture
def visit(browser) -> Iterator[Visit]:
    """A fresh page; the test fails where the page complained or asked for anything outside."""
    context = browser.new_context(viewport={"width": 1280, "height": 1200}, reduced_motion="reduce")
    visit = Visit(context.new_page())
    yield visit
    context.close()
    assert visit.complaints == []
    outside = [url for url in visit.requests if not url.startswith(("file://", "http://127.0.0.1:"))]
    assert outside == []
