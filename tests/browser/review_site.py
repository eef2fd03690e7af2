"""The review page over a real catalog and object store, for tests in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from restoration.catalog.database import make_engine
from restoration.review.config import review_config
from restoration.review.service import make_service
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore, make_client
from tests.stack.review_builder import PREVIEW_SIDE
from tests.stack.review_server import serving

TOKEN = "a-token-for-this-test-alone"
PERSON = "Eve Kim"


@contextmanager
def review_site(s3, publisher_url: str, painter_url: str | None = None) -> Iterator[str]:
    """Serve the page; gives its address. People sign in with :data:`TOKEN`."""
    given = {name.removeprefix("RESTORATION_").lower(): value for name, value in s3.environment("airflow").items()}
    given |= {"review_token": TOKEN, "preview_side": PREVIEW_SIDE, "painter_url": painter_url}
    settings = Settings(_env_file=None, airflow_api_url=None, **given)
    engine = make_engine(publisher_url)
    try:
        with serving(make_service(review_config(settings), engine, ObjectStore(make_client(settings)))) as address:
            yield address
    finally:
        engine.dispose()


def sign_in(page, address: str, path: str = "/", name: str = PERSON) -> None:
    """Open an address and sign in by the form."""
    page.goto(address + path)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("html.ready #sign-out")


class Tab:
    """A page, what it asked for, and what it complained of; pictures left behind on the way are no complaint."""

    def __init__(self, page, address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._address = address
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._failed)

    def _console(self, message) -> None:
        expected = re.search(r"status of (401|409)", message.text)  # refusals that the page understands
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(message.text)

    def _failed(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.failure}: {request.url}")

    def sign_in(self, path: str = "/"):
        """Sign in at an address of the page; gives the page."""
        sign_in(self.page, self._address, path)
        return self.page
