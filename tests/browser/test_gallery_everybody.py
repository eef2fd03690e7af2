"""For everybody: WCAG by axe in both themes and languages, the languages themselves, and calm where it is asked for."""

from __future__ import annotations

import pytest

from tests.browser.waiting import until

pytestmark = pytest.mark.browser

VIEWS = {
    "list": "index.html",
    "photo": "index.html#photo/00000001",
    "waiting": "index.html#photo/00000002",
    "print": "print.html#00000001",
}
FOCUSED = "(({ id, dataset, tagName }) => id || dataset.mode || tagName)(document.activeElement)"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# without preloading, for which axe would fetch style sheets, which the page forbids
RULES = {"runOnly": {"type": "tag", "values": TAGS}, "preload": False}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}, "preload": False}
"""All that a theme can change."""


def opened(browser, folder, view: str, **options):
    """A page in its own context, with everything on it unfolded."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce", **options)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.goto(folder.as_uri() + "/" + VIEWS[view])
    page.wait_for_selector("html.ready", state="attached")
    if "#photo" in VIEWS[view]:
        page.wait_for_selector("#panel h2 ~ *")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    return page


def violations(page, rules=RULES) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    found = axe.Axe().run(page, options=rules).response["violations"]
    return [f"{v['id']}: {n['target']} {n.get('failureSummary', '')[:200]}" for v in found for n in v["nodes"]]


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_in_light_and_dark(browser, gallery_folder, view):
    page = opened(browser, gallery_folder, view)
    assert page.get_attribute("html", "lang") == "en"
    assert violations(page) == []
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert violations(page, COLOURS) == []
    assert page.complaints == []
    page.context.close()


@pytest.mark.parametrize("view", ["list", "photo", "print"])
def test_axe_finds_nothing_in_korean(browser, gallery_folder, view):
    page = opened(browser, gallery_folder, view, locale="ko-KR")
    assert page.get_attribute("html", "lang") == "ko"
    assert violations(page) == []
    assert page.complaints == []
    page.context.close()


@pytest.mark.parametrize("mode", ["side", "zoom"])
def test_axe_finds_nothing_in_the_other_ways_to_look(browser, gallery_folder, mode):
    page = opened(browser, gallery_folder, "photo")
    page.click(f"[data-mode={mode}]")
    page.wait_for_selector(".pair, .zoom[data-ready]")
    assert violations(page) == []
    page.context.close()


def test_axe_finds_nothing_on_a_phone(browser, gallery_folder):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((gallery_folder / "index.html").as_uri())
    page.wait_for_selector("html.ready", state="attached")
    assert page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]") == [390, 390]
    assert violations(page) == []
    context.close()


def test_the_language_follows_the_reader_and_can_be_changed(browser, gallery_folder):
    page = opened(browser, gallery_folder, "list", locale="ko-KR")
    assert page.get_attribute("html", "lang") == "ko"
    assert page.inner_text("#summary").startswith("사진 17장")
    assert "2026년 11월 21일" in page.inner_text("#version")
    assert page.get_attribute("#search", "placeholder") == "제목, 이름, 장소로 찾기"
    page.click("#languages [lang=en]")
    assert page.get_attribute("html", "lang") == "en"
    assert page.inner_text("#summary").startswith("17 photographs")
    assert "November 21, 2026" in page.inner_text("#version")
    page.reload()
    page.wait_for_selector("html.ready", state="attached")
    assert page.get_attribute("html", "lang") == "en"
    assert page.complaints == []
    page.context.close()


def test_a_language_without_words_becomes_english(browser, gallery_folder):
    page = opened(browser, gallery_folder, "list", locale="mn-MN")
    assert page.get_attribute("html", "lang") == "en"
    page.context.close()


def test_every_photograph_can_be_told_in_korean_without_a_missing_word(browser, gallery_folder):
    page = opened(browser, gallery_folder, "photo", locale="ko-KR")
    assert "두 사람의 얼굴을 컴퓨터가 더 또렷하게 다시 그렸습니다." in page.inner_text(".story")
    for number in range(2, 18):
        page.click("#next")
        page.wait_for_selector(f"#place:text-is('17장 중 {number}번째')")
        page.wait_for_selector("#panel h2 ~ *")
    assert page.complaints == []
    page.context.close()


def test_numbers_are_written_as_the_language_writes_them(visit, large_gallery):
    page = visit.open((large_gallery / "index.html").as_uri())
    assert "10,000" in page.inner_text("#summary")


def test_nothing_moves_for_those_who_ask_for_calm(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    moving = page.evaluate(
        """[...document.querySelectorAll('*')].filter((e) =>
             parseFloat(getComputedStyle(e).transitionDuration) > 0).length"""
    )
    assert moving == 0


def test_everything_can_be_done_by_keyboard_alone(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.number") == "0"
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=slider]")
    until(page, "document.activeElement.getAttribute('role') === 'slider'")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1] == "SUMMARY":
            break
    assert {"compare", "side", "zoom", "panel", "print", "SUMMARY"} <= set(reached)
    page.keyboard.press("Enter")
    assert page.locator(".archivists[open]").count() == 1
    page.keyboard.press("Escape")
    until(page, "document.activeElement.dataset.number === '0'")
