"""The published gallery in a real browser: from disk and over HTTP, by mouse, keyboard and touch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.sample import FACTS, HOSTILE_NAME, WITHDRAWAL
from tests.browser.waiting import until

pytestmark = pytest.mark.browser


def expect_cards(page, number: int) -> None:
    """Wait until the grid shows that many photographs. (The page forbids eval, so no waiting by script.)"""
    from playwright.sync_api import expect

    expect(page.locator(".card")).to_have_count(number)


def test_opens_from_disk_with_title_notices_and_counts(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    assert page.inner_text("h1") == FACTS["title"]
    assert page.inner_text("#summary") == "17 photographs · 7 restored · 1 waiting for a person to look"
    notices = page.inner_text("#notices")
    assert "It is not known whether all families consent" in notices
    assert "remember people who have died" in notices
    assert page.locator(".card").count() == 17


def test_opens_over_http_and_asks_only_for_its_own_files(visit, gallery_http):
    page = visit.open(gallery_http)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.locator(".card img").count() == 11
    assert {url.split("/")[2] for url in visit.requests} == {gallery_http.split("/")[2]}


def test_without_the_thumbnails_of_the_web_the_previews_are_shown(browser, gallery_http, gallery_folder):
    rows = (gallery_folder / "gallery" / "photos-00000.js").read_text()
    rows = rows.replace('"shown":"restored"', f'"thumb":"{"ab" * 16}/400,400","shown":"restored"')
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/gallery/photos-00000.js", lambda route: route.fulfill(body=rows, content_type="text/javascript"))
    page.goto(gallery_http)
    page.wait_for_selector("html.ready", state="attached")
    page.wait_for_load_state("networkidle")
    assert any("/tiles/" in url for url in asked)
    until(page, "[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.locator(".card img[src*=tiles]").count() == 0
    page.close()


def test_every_picture_that_a_computer_altered_says_so(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    labelled = page.locator(".card:has(.label:text-is('AI-altered'))")
    assert labelled.count() == 5
    gray = page.locator(".card", has_text="The pavilion before the fire")
    assert gray.count() == 1
    assert gray.locator(".label").count() == 0
    page.goto((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector(".story")
    assert page.locator(".slider .label-stage").inner_text() == "AI-altered"
    assert "The colours are a computer’s guess." in page.inner_text("#panel")


def test_a_photograph_without_invention_says_that_nothing_was_invented(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000006")
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


KEYS = [
    (["ArrowRight"], "52"),
    (["Home"], "0"),
    (["Shift+ArrowRight"], "10"),
    (["PageUp", "PageUp", "ArrowLeft"], "28"),
    (["PageDown"], "18"),
    (["End"], "100"),
    (["ArrowUp"], "100"),
]


def test_slider_moves_by_keyboard(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "slider"
    slider = page.locator("[role=slider]")
    for keys, value in KEYS:
        for key in keys:
            page.keyboard.press(key)
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
    assert page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]") == [390, 390]
    context.close()


def test_filter_by_state(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.click("[data-group=failed]")
    assert page.locator(".card").count() == 3
    assert page.get_attribute("[data-group=failed]", "aria-pressed") == "true"
    assert page.evaluate("document.activeElement.dataset.group") == "failed"
    assert "The file is empty." in page.inner_text("#grid")
    assert page.inner_text("#found") == "3 photographs"
    page.click("[data-group=awaiting]")
    assert page.locator(".card .label-scan").inner_text() == "As scanned · waiting for review"
    page.click("[data-group=all]")
    assert page.locator(".card").count() == 17


def test_search_finds_by_title_name_and_year(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.fill("#search", "CHELSEA")
    expect_cards(page, 2)
    page.fill("#search", "pavilion 1961")
    expect_cards(page, 2)
    page.fill("#search", "withheld.png")
    expect_cards(page, 1)
    page.fill("#search", "no such words")
    page.wait_for_selector("#empty:not([hidden])")
    page.click("#clear")
    expect_cards(page, 17)


def options(page, facet: str) -> list[str]:
    return page.locator(f"#facet-{facet} option").all_inner_texts()


def test_facets_count_what_each_choice_would_leave(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    assert options(page, "altered") == ["Altered or not", "AI-altered (5)", "No colours or faces added (2)"]
    assert options(page, "colour")[1:] == ["Coloured by a computer (5)", "Its own colours (1)", "Black and white (5)"]
    assert options(page, "decade")[-2:] == ["1960s (2)", "Date unknown (6)"]
    page.focus("#facet-altered")
    page.select_option("#facet-altered", "yes")
    assert page.locator(".card").count() == 5
    assert page.evaluate("document.activeElement.id") == "facet-altered"
    assert options(page, "altered")[1:] == ["AI-altered (5)", "No colours or faces added (2)"]
    assert options(page, "colour")[1:] == ["Coloured by a computer (5)", "Its own colours (0)", "Black and white (0)"]
    assert page.inner_text("[data-group=awaiting] .number") == "0"
    page.select_option("#facet-faces", "yes")
    assert page.locator(".card").count() == 3
    page.click("#reset")
    expect_cards(page, 17)


def test_search_and_filters_can_be_shared_by_the_address(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.select_option("#facet-decade", "1940")
    page.fill("#search", "grace")
    expect_cards(page, 3)
    until(page, "location.hash.includes('q=grace')")
    shared = page.evaluate("location.href")
    assert "decade=1940" in shared
    page.locator(".card").first.click()
    page.wait_for_selector(".story")
    assert page.inner_text("#place") == "1 of 3"
    deep = page.evaluate("location.href")
    page.goto("about:blank")
    visit.open(shared)
    expect_cards(page, 3)
    assert page.input_value("#search") == "grace"
    assert page.input_value("#facet-decade") == "1940"
    page.goto("about:blank")
    visit.open(deep)
    assert page.inner_text("#place") == "1 of 3"


def test_an_address_that_names_nothing_real_shows_everything(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/99999999?decade=1234&state=constructor&x=%FF")
    assert page.locator(".card").count() == 17
    assert page.locator("dialog[open]").count() == 0


def test_hostile_names_are_shown_as_text(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000007")
    page.wait_for_selector("#panel details")
    shown = page.locator("#panel .file bdi").text_content()
    assert shown == HOSTILE_NAME
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert "</script><script>alert(3)</script>" in page.inner_text("#panel")
    assert page.locator("#panel img, #panel script, .card b, .card script").count() == 0
    assert page.evaluate("document.querySelectorAll('body script').length") == 0
    page.goto((gallery_folder / "print.html").as_uri() + "#00000012")
    page.wait_for_selector("html.ready", state="attached")
    assert page.inner_text("#sheet-name") == "<b>=cmd|'/c calc'!A1</b>"


def test_failed_photographs_tell_their_reason(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000009")
    page.wait_for_selector("#panel details")
    assert "The computer that worked on it stopped several times." in page.inner_text("#stage")
    assert "attempted 3 times" in page.inner_text("#panel")
    assert page.locator("#stage img").count() == 0


@pytest.mark.parametrize(
    ("name", "badge", "words"),
    [
        ("00000002", "As scanned · waiting for review", ["a person will look at it", "may not look enough like"]),
        ("00000013", "As scanned", ["preferred the photograph as it is"]),
        ("00000014", "As scanned", ["does not do the photograph justice"]),
        ("00000015", "As scanned", ["asked for the faces to stay exactly as they are"]),
    ],
)
def test_what_is_shown_as_scanned_says_so_and_why(visit, gallery_folder, name, badge, words):
    page = visit.open((gallery_folder / "index.html").as_uri() + f"#photo/{name}")
    page.wait_for_selector("#panel .banner")
    assert page.inner_text("#stage .label-scan") == badge
    for text in words:
        assert text in page.inner_text(".banner")
    assert page.locator("#stage img").count() == 1
    assert page.get_attribute("#stage img", "src") == f"data/previews/{name}-before.jpg"
    assert "not restored" in page.get_attribute("#stage img", "alt")
    assert not (gallery_folder / "data" / "photos" / f"{name}.png").exists()


def test_a_withdrawn_photograph_leaves_only_its_place(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000017")
    page.wait_for_selector("#panel .banner")
    assert page.inner_text("#panel h2") == "Withdrawn photograph no. 17"
    text = page.inner_text("#viewer")
    assert WITHDRAWAL["reason"] in text
    assert "November 21, 2026" in text
    assert page.locator("#stage img, #panel details, #panel .links").count() == 0
    assert "of-nobody-else" not in page.content()
    data = "".join(path.read_text() for path in (gallery_folder / "gallery").iterdir())
    assert "of-nobody-else" not in data


def test_faces_are_told_by_what_was_measured(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector(".story")
    story = page.inner_text(".story")
    assert "Two faces were redrawn more sharply by a computer; by measurement both are still recognisably" in story
    assert "One other face was left exactly as in the scan." in story
    visit.page.goto("about:blank")
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000016")
    page.wait_for_selector(".story")
    assert "It may not look exactly like the person." in page.inner_text(".story")
    assert "A person looked at the result and approved it." in page.inner_text(".story")


def test_details_hold_models_hashes_faces_and_measurements(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector("#panel details")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    text = page.inner_text("#panel")
    for words in ("house-colorizer 1", "Apache-2.0", "ab" * 32, "cd" * 32, "0.81", "too small in the photograph"):
        assert words in text
    for words in ("Sharpness", "121.5", "304.3", "s3://originals/scans/00001-portrait.tif", "512 × 512"):
        assert words in text
    # measurements, faces, steps, models, and what was found damaged
    assert page.locator(".archivists .table").count() == 5
    full_size = page.locator("a.button").first.get_attribute("href")
    assert (gallery_folder / full_size).is_file()


def test_cards_open_and_close_by_keyboard_and_focus_returns(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.locator(".card").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] .story")
    page.wait_for_selector("[role=slider]")
    assert page.evaluate("location.hash") == "#photo/00000003"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    # The dialog's close event, which clears the address and gives the focus back, comes a moment after it is shut.
    until(page, "!location.hash.startsWith('#photo/')")
    until(page, "document.activeElement.dataset.number === '2'")
    assert "#photo/" not in page.evaluate("location.href")


def test_next_and_previous_stay_inside_the_filter(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.click("[data-group=failed]")
    page.locator(".card").first.click()
    page.wait_for_selector("#place:text-is('1 of 3')")
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
    for page in ("index.html", "print.html"):
        html = (gallery_folder / page).read_text(encoding="utf-8")
        references = re.findall(r'(?:src|href)="([^"#]+)"', html)
        assert len(references) >= 10
        for reference in references:
            assert not re.match(r"[a-z]+:|/", reference)
            assert (gallery_folder / reference).is_file()
    for style in (gallery_folder / "assets").glob("*.css"):
        text = style.read_text(encoding="utf-8")
        # a reference into the page itself leads nowhere else
        assert not re.search(r"url\((?!\"#)", text)
        assert "@import" not in text
