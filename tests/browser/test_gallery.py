"""The published gallery in a real browser: from disk and over HTTP, by mouse, keyboard and touch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.sample import FACTS, HOSTILE_NAME

pytestmark = pytest.mark.browser


def expect_cards(page, number: int) -> None:
    """Wait until the grid shows that many photographs. (The page forbids eval, so no waiting by script.)"""
    from playwright.sync_api import expect

    expect(page.locator(".card")).to_have_count(number)


def test_opens_from_disk_with_title_notices_and_counts(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    assert page.inner_text("h1") == FACTS["title"]
    assert "12 photographs" in page.inner_text("#summary")
    notices = page.inner_text("#notices")
    assert "It is not known whether all families consent" in notices
    assert "remember people who have died" in notices
    assert page.locator(".card").count() == 12


def test_opens_over_http_and_asks_only_for_its_own_files(visit, gallery_http):
    page = visit.open(gallery_http)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.locator(".card img").count() == 7
    assert {url.split("/")[2] for url in visit.requests} == {gallery_http.split("/")[2]}


def test_every_picture_that_a_computer_altered_says_so(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    labelled = page.locator(".card:has(.label:text-is('AI-altered'))")
    assert labelled.count() == 6
    gray = page.locator(".card", has_text="The tower before the fire")
    assert gray.count() == 1
    assert gray.locator(".label").count() == 0
    page.goto((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector(".story")
    assert page.locator(".slider .label-stage").inner_text() == "AI-altered"
    assert "The colours are a computer’s guess." in page.inner_text("#panel")


def test_a_photograph_without_invention_says_that_nothing_was_invented(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000005")
    page.wait_for_selector(".story")
    text = page.inner_text("#panel")
    assert "Nothing was invented" in text
    assert "computer’s guess" not in text


def test_slider_moves_by_mouse(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    slider = page.locator("[role=slider]")
    assert slider.get_attribute("aria-valuenow") == "50"
    box = page.locator(".slider").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 220, steps=4)
    page.mouse.up()
    assert slider.get_attribute("aria-valuenow") == "20"
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 220)
    assert slider.get_attribute("aria-valuenow") == "20"
    clip = page.locator(".slider .before").evaluate("(image) => getComputedStyle(image).clipPath")
    assert re.search(r"inset\(0(px)? (calc\(80%|80%|calc\(100% - 2)", clip)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["ArrowRight"], "52"),
        (["ArrowLeft", "ArrowLeft"], "46"),
        (["Shift+ArrowRight"], "60"),
        (["PageDown"], "40"),
        (["Home"], "0"),
        (["End"], "100"),
        (["End", "ArrowUp"], "100"),
    ],
)
def test_slider_moves_by_keyboard(visit, gallery_folder, keys, value):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "slider"
    for key in keys:
        page.keyboard.press(key)
    slider = page.locator("[role=slider]")
    assert slider.get_attribute("aria-valuenow") == value
    assert f"{value} percent before" in slider.get_attribute("aria-valuetext")


def test_slider_moves_by_touch(browser, gallery_folder):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector(".story")
    box = page.locator(".slider").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + 60)
    assert page.locator("[role=slider]").get_attribute("aria-valuenow") == "75"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()


def test_filter_by_state(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.click("[data-group=failed]")
    assert page.locator(".card").count() == 3
    assert page.get_attribute("[data-group=failed]", "aria-pressed") == "true"
    assert "The file is empty." in page.inner_text("#grid")
    assert page.inner_text("#found") == "3 photographs"
    page.click("[data-group=needs_review]")
    assert page.locator(".card .label-review").inner_text() == "Waiting for review"
    page.click("[data-group=all]")
    assert page.locator(".card").count() == 12


def test_search_finds_by_title_name_and_year(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.fill("#search", "CHELSEA")
    expect_cards(page, 1)
    page.fill("#search", "tower 1961")
    expect_cards(page, 2)
    page.fill("#search", "withheld.png")
    expect_cards(page, 1)
    page.fill("#search", "no such words")
    page.wait_for_selector("#empty:not([hidden])")
    page.click("#clear")
    expect_cards(page, 12)


def test_hostile_names_are_shown_as_text(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000007")
    page.wait_for_selector("#panel details")
    shown = page.locator("#panel .file bdi").text_content()
    assert shown == HOSTILE_NAME
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert "</script><script>alert(3)</script>" in page.inner_text("#panel")
    assert page.locator("#panel img, #panel script, .card b, .card script").count() == 0
    assert page.evaluate("document.querySelectorAll('body script').length") == 0


def test_failed_photographs_tell_their_reason(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000009")
    page.wait_for_selector("#panel details")
    assert "The computer that worked on it stopped several times." in page.inner_text("#stage")
    assert "attempted 3 times" in page.inner_text("#panel")
    assert page.locator("#stage img").count() == 0


def test_review_is_announced_on_the_picture_and_in_the_panel(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000002")
    page.wait_for_selector(".story")
    assert page.locator(".slider .label-review").inner_text() == "Waiting for a person’s review"
    assert "A restored face may not look enough like the person." in page.inner_text(".banner-review")


def test_details_hold_models_hashes_faces_and_measurements(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector("#panel details")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    text = page.inner_text("#panel")
    for words in ("house-colorizer 1", "Apache-2.0", "ab" * 32, "cd" * 32, "0.81", "too small in the photograph"):
        assert words in text
    for words in ("Sharpness", "0.0121", "0.0304", "s3://originals/scans/00001-portrait.tif", "512 × 512"):
        assert words in text
    full_size = page.locator("a.button").get_attribute("href")
    assert (gallery_folder / full_size).is_file()


def test_cards_open_and_close_by_keyboard_and_focus_returns(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.locator(".card").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] .story")
    assert page.evaluate("location.hash") == "#photo/00000003"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    # The dialog's close event, which clears the address and gives the focus back, comes a moment after it is shut.
    page.wait_for_function("!location.hash.startsWith('#photo/')")
    page.wait_for_function("document.activeElement.dataset.id !== undefined")
    assert page.evaluate("document.activeElement.dataset.id") == "00000003"
    assert "#photo/" not in page.evaluate("location.href")


def test_next_and_previous_stay_inside_the_filter(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.click("[data-group=failed]")
    page.locator(".card").first.click()
    page.wait_for_selector("dialog[open]")
    assert page.inner_text("#place") == "1 of 3"
    assert page.is_disabled("#previous")
    page.click("#next")
    page.click("#next")
    page.wait_for_selector("#place:text-is('3 of 3')")
    assert page.is_disabled("#next")


def test_theme_follows_the_system_and_can_be_changed(browser, gallery_folder):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto((gallery_folder / "index.html").as_uri())
    page.wait_for_selector("html.ready", state="attached")
    night = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    day = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert night != day
    assert page.get_attribute("html", "data-theme") == "light"
    context.close()


def test_thousands_of_photographs_draw_only_what_is_near(visit, large_gallery):
    page = visit.open((large_gallery / "index.html").as_uri())
    assert "2,512 photographs" in page.inner_text("#summary")
    assert page.locator(".card").count() < 80
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[aria-posinset='2512']")
    assert page.locator(".card").count() < 80
    page.goto((large_gallery / "index.html").as_uri() + "#photo/00002400")
    page.wait_for_selector(".story")
    assert page.inner_text("#place") == "2,400 of 2,512"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser, gallery_folder, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto((gallery_folder / "index.html").as_uri() + "#photo/00000002")
    page.wait_for_selector(".story")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    poor = page.evaluate(CONTRAST)
    context.close()
    assert poor == []


CONTRAST = """() => {
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const opaque = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.8) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.disabled || element.closest('noscript, [hidden]')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(opaque(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${element.className || element.tagName} ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
}"""


def test_every_control_has_a_name_and_every_picture_an_alternative(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector(".story")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, [role=slider]')].filter((e) =>
             !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length)
               || e.querySelector('img[alt]:not([alt=""])'))).length"""
    )
    assert unnamed == 0
    assert page.evaluate("[...document.images].every((image) => image.alt.length > 5)")


def test_references_of_the_page_are_relative_and_exist(gallery_folder: Path):
    html = (gallery_folder / "index.html").read_text(encoding="utf-8")
    references = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert len(references) >= 10
    for reference in references:
        assert not re.match(r"[a-z]+:|/", reference)
        assert (gallery_folder / reference).is_file()
    style = (gallery_folder / "assets" / "gallery.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style
