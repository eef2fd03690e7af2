"""Pictures of a gallery for the documentation.

``python -m tests.browser.shots ADDRESS FOLDER [--photo NAME]`` opens a published gallery, on disk (``file:///...``) or
on the web, and writes a picture of each of :data:`SHOTS`, and the print sheet itself as ``sheet.pdf``. Without
``--photo`` the first restored photograph is taken.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.conftest import ARGUMENTS, CHROMIUM


@dataclass(frozen=True)
class Shot:
    """One picture: how the window is and what is done before it is taken. ``{photo}`` is the photograph's name."""

    name: str
    page: str = "index.html"
    size: tuple[int, int] = (1280, 860)
    language: str = "en-US"
    dark: bool = False
    before: Callable[[Any], object] = lambda page: None


SHOTS = (
    Shot("list", size=(1440, 1000)),
    Shot("photo", "index.html#photo/{photo}"),
    Shot("side", "index.html#photo/{photo}", before=lambda page: page.click("[data-mode=side]")),
    Shot("zoom", "index.html#photo/{photo}", before=lambda page: page.click("[data-mode=zoom]")),
    Shot("phone", "index.html#photo/{photo}", size=(390, 844)),
    Shot("dark", size=(1440, 1000), dark=True),
    Shot("korean", "index.html#photo/{photo}", language="ko-KR"),
    Shot("print", "print.html#{photo}"),
)


def take(chromium: Any, address: str, folder: Path, photo: str | None = None) -> list[Path]:
    """Take every picture of :data:`SHOTS`; gives their paths.

    :param chromium: a browser, launched by playwright.
    :param address: the gallery's folder or its ``index.html``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = address.removesuffix("index.html").rstrip("/") + "/"
    name = photo or _first_restored(chromium, base)
    return [_take(chromium, base, folder, shot, name) for shot in SHOTS]


def _first_restored(chromium: Any, base: str) -> str:
    page = chromium.new_page()
    page.goto(base + "index.html#photographs?state=restored")
    page.wait_for_selector("html.ready", state="attached")
    link = page.locator("a.card").first.get_attribute("href")
    page.close()
    return str(link).removeprefix("#photo/").split("?")[0]


def _take(chromium: Any, base: str, folder: Path, shot: Shot, photo: str) -> Path:
    width, height = shot.size
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=2 if width < 600 else 1,
        color_scheme="dark" if shot.dark else "light",
        locale=shot.language,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(base + shot.page.format(photo=photo))
    page.wait_for_selector("html.ready", state="attached")
    if "{photo}" in shot.page:
        page.wait_for_selector(".story, .sheet-name")
    shot.before(page)
    page.wait_for_load_state("networkidle")
    path = folder / f"{shot.name}.png"
    page.screenshot(path=str(path))
    if shot.name == "print":
        page.pdf(path=str(folder / "sheet.pdf"), prefer_css_page_size=True, print_background=True)
    context.close()
    return path


def main() -> None:
    """Take the pictures that the command line names."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photo")
    given = parser.parse_args()
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        take(chromium, given.address, given.folder, given.photo)
        chromium.close()


if __name__ == "__main__":
    main()
