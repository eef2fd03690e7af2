"""The review page over a real catalog and object store, for browsers: in tests, and for the pictures in the docs.

``python -m tests.browser.review_site FOLDER`` starts its own services and writes the pictures of the docs there.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
def review_site(s3, publisher_url: str) -> Iterator[str]:
    """Serve the page; gives its address. People sign in with :data:`TOKEN`."""
    given = {name.removeprefix("RESTORATION_").lower(): value for name, value in s3.environment("airflow").items()}
    settings = Settings(_env_file=None, airflow_api_url=None, review_token=TOKEN, preview_side=PREVIEW_SIDE, **given)
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


def write_pictures(browser, address: str, first_photo: int, folder: Path, wanted: set[str] | None = None) -> list[Path]:
    """The pictures of the docs: one photograph in light and dark and on a phone, the list, the contact sheet.

    ``wanted`` names some of them; None: all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    views = (
        ("review-photo", f"/photos/{first_photo}", "light", (1440, 900)),
        ("review-photo-dark", f"/photos/{first_photo}", "dark", (1440, 900)),
        ("review-phone", f"/photos/{first_photo}", "light", (390, 844)),
        ("review-list", "/collections/family", "light", (1440, 900)),
        ("review-contact-sheet", "/collections/family/contact-sheet", "light", (1440, 1100)),
    )
    written = []
    for name, path, scheme, (width, height) in views:
        if wanted is not None and name not in wanted:
            continue
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", locale="en-GB"
        )
        page = context.new_page()
        sign_in(page, address, path)
        page.wait_for_load_state("networkidle")
        target = folder / f"{name}.png"
        page.screenshot(path=str(target))
        written.append(target)
        context.close()
    return written


def _main(folder: Path) -> None:
    """Start Postgres and S3, fill them, and write the pictures."""
    from playwright.sync_api import sync_playwright

    from restoration.catalog.migrations import migrate
    from restoration.local.postgres import SUPERUSER, Postgres
    from tests.browser.conftest import ARGUMENTS, CHROMIUM
    from tests.fixtures.services import new_s3
    from tests.stack.review_builder import add_reviewed_collection

    with tempfile.TemporaryDirectory() as scratch:
        postgres, s3 = Postgres(Path(scratch) / "postgres", durable=False), new_s3(Path(scratch) / "s3")
        try:
            postgres.start()
            s3.start()
            postgres.create_database("review")
            engine = make_engine(postgres.url(SUPERUSER, "review"))
            migrate(engine)
            postgres.create_login("docs", ["restoration_publisher"])
            add_reviewed_collection(engine, ObjectStore(s3.client("admin")))
            engine.dispose()
            with review_site(s3, postgres.url("docs", "review")) as address, sync_playwright() as driver:
                chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
                for path in write_pictures(chromium, address, 1, folder):
                    sys.stdout.write(f"{path}\n")
                chromium.close()
        finally:
            s3.stop()
            postgres.stop()


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
