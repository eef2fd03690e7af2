"""The review page in a real browser, on a real catalog and object store: keyboard, mouse, touch, languages, access."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from restoration.storage.s3 import ObjectStore
from tests.browser.review_site import PERSON, Tab, review_site, sign_in
from tests.browser.waiting import until
from tests.stack.catalog_builder import OTHER_RECIPE
from tests.stack.review_builder import HOSTILE_TITLE, add_reviewed_collection, restore_all

pytestmark = [pytest.mark.browser, pytest.mark.stack]
SITE = Path(__file__).resolve().parents[2] / "restoration" / "review" / "site"
FIRST, SECOND, THIRD = (
    "Eileen Collins in her flying suit",
    "Grace Hopper in uniform, damaged",
    "The pavilion by the lake",
)


@pytest.fixture
def store(s3) -> ObjectStore:
    return ObjectStore(s3.client("admin"))


@pytest.fixture
def family(catalog, store):
    return add_reviewed_collection(catalog, store)


@pytest.fixture
def address(s3, catalog_url, family) -> Iterator[str]:
    with review_site(s3, catalog_url("reviewer")) as found:
        yield found


@pytest.fixture
def tab(browser, address) -> Iterator[Tab]:
    """A fresh page; the test fails where it complained or asked for anything outside."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce", locale="en-GB")
    tab = Tab(context.new_page(), address)
    yield tab
    context.close()
    assert tab.complaints == []
    assert [url for url in tab.requests if not url.startswith(address)] == []


@pytest.fixture
def start(tab):
    return tab.sign_in


@pytest.fixture
def photo_ids(catalog, family) -> dict[str, int]:
    with catalog.connect() as conn:
        rows = conn.execute(sa.text("SELECT object_key, photo_id FROM photo ORDER BY object_key")).all()
    return {row.object_key.removeprefix("family/"): row.photo_id for row in rows}


def decisions(catalog) -> list[tuple[str, str, str, str]]:
    statement = """
    SELECT p.object_key, v.decision::text, v.reviewer, v.words FROM review AS v JOIN photo AS p USING (photo_id)
    ORDER BY v.review_id
    """
    with catalog.connect() as conn:
        rows = conn.execute(sa.text(statement)).all()
    return [(row[0].removeprefix("family/"), *row[1:]) for row in rows]


def expect_title(page, title: str) -> None:
    from playwright.sync_api import expect

    expect(page.locator(".panel h1")).to_have_text(title)
    page.wait_for_selector(".decide[data-ready]")


def test_three_photographs_by_keyboard_alone(start, catalog):
    page = start("/collections/family")
    page.keyboard.press("j")
    expect_title(page, FIRST)
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.keyboard.press("w")
    page.keyboard.type("the chin is hers, a r f o")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect_title(page, SECOND)
    assert FIRST in page.inner_text(".last")
    page.keyboard.press("r")
    expect_title(page, THIRD)
    page.keyboard.press("o")
    expect_title(page, HOSTILE_TITLE)
    assert decisions(catalog) == [
        ("01-collins.tif", "accept", PERSON, "the chin is hers, a r f o"),
        ("02-hopper.tif", "reject", PERSON, ""),
        ("03-temple.tif", "keep_original", PERSON, ""),
    ]


def test_undo_goes_back_and_the_new_decision_counts(start, catalog):
    page = start("/collections/family")
    page.keyboard.press("j")
    expect_title(page, FIRST)
    page.keyboard.press("a")
    expect_title(page, SECOND)
    page.keyboard.press("u")
    expect_title(page, FIRST)
    assert "Decide anew" in page.inner_text(".note")
    assert PERSON in page.inner_text(".history")
    page.keyboard.press("f")
    expect_title(page, SECOND)
    assert [row[1] for row in decisions(catalog)] == ["accept", "accept_without_faces"]


def test_after_the_last_one_nothing_waits(start, catalog):
    from playwright.sync_api import expect

    page = start("/collections/family")
    page.keyboard.press("j")
    for title in (FIRST, SECOND, THIRD, HOSTILE_TITLE):
        expect_title(page, title)
        page.locator("[data-decision=accept]").click()
    expect(page.locator(".found")).to_have_text("Nothing waits here any more. Thank you.")
    assert len(decisions(catalog)) == 4
    page.get_by_role("button", name="Decided").click()
    expect(page.locator(".card")).to_have_count(4)
    assert page.locator(".card").first.inner_text().count("Accept, by Eve Kim") == 1


def test_next_and_previous_and_back(start, photo_ids):
    page = start(f"/photos/{photo_ids['02-hopper.tif']}")
    expect_title(page, SECOND)
    assert page.inner_text(".place") == "2 of 4"
    page.keyboard.press("ArrowRight")
    expect_title(page, THIRD)
    page.keyboard.press("k")
    expect_title(page, SECOND)
    page.get_by_role("button", name="Previous").click()
    expect_title(page, FIRST)
    page.go_back()
    expect_title(page, SECOND)
    page.keyboard.press("l")
    page.wait_for_selector(".cards")
    assert page.url.endswith("/collections/family")


def test_what_was_restored_anew_is_shown_before_it_is_decided(start, catalog, store, family, photo_ids):
    page = start(f"/photos/{photo_ids['01-collins.tif']}")
    expect_title(page, FIRST)
    restore_all(catalog, store, "restored", family, number=2, recipe=OTHER_RECIPE)
    page.keyboard.press("a")
    page.wait_for_selector(".note")
    assert "restored anew" in page.inner_text(".note")
    assert decisions(catalog) == []
    expect_title(page, FIRST)
    page.keyboard.press("a")
    expect_title(page, SECOND)
    assert len(decisions(catalog)) == 1


def test_a_doubled_key_or_click_decides_once(start, catalog, photo_ids):
    page = start(f"/photos/{photo_ids['01-collins.tif']}")
    expect_title(page, FIRST)
    for _ in range(6):
        page.keyboard.press("a")
    expect_title(page, SECOND)
    page.locator("[data-decision=reject]").dblclick()
    expect_title(page, THIRD)
    assert [row[:2] for row in decisions(catalog)] == [("01-collins.tif", "accept"), ("02-hopper.tif", "reject")]


def test_zoom_shows_tiles_and_one_number_looks_at_a_face(start, tab, photo_ids):
    page = start(f"/photos/{photo_ids['01-collins.tif']}")
    page.wait_for_selector(".frame .layer img")
    assert "Before: at full size, 1,024 × 1,024." in page.inner_text(".sources")
    page.keyboard.press("1")
    page.wait_for_load_state("networkidle")
    assert float(page.inner_text(".percent").rstrip(" %")) > 100
    tiles = [url for url in tab.requests if "/tiles/after/" in url and url.endswith("default.jpg")]
    assert tiles
    assert all(re.search(r"/(full|\d+,\d+,\d+,\d+)/\d+,\d+/0/default\.jpg$", url) for url in tiles)
    page.keyboard.press("z")
    assert page.inner_text(".fit") == "Full size"
    page.keyboard.press("+")
    assert page.inner_text(".fit") == "Whole picture"
    box = page.locator(".frame").bounding_box()
    before = page.locator(".pane-after .world").get_attribute("style")
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 160)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4 - 80, box["y"] + 120)
    page.mouse.up()
    assert page.locator(".pane-after .world").get_attribute("style") != before


def test_without_tiles_the_restored_file_comes_when_one_zooms(start, tab, photo_ids):
    page = start(f"/photos/{photo_ids['03-temple.tif']}")
    words = page.inner_text(".sources")
    assert "Before: preview only, at most 320 pixels long" in words
    assert "After: preview; the restored file itself" in words
    page.set_viewport_size({"width": 1280, "height": 860})
    page.keyboard.press("z")
    page.wait_for_load_state("networkidle")
    assert [url for url in tab.requests if url.endswith("/output")]


def test_slider_and_side_by_side(start, photo_ids):
    page = start(f"/photos/{photo_ids['02-hopper.tif']}")
    handle = page.get_by_role("slider")
    handle.focus()
    page.keyboard.press("Home")
    assert handle.get_attribute("aria-valuenow") == "0"
    page.keyboard.press("ArrowRight")
    assert handle.get_attribute("aria-valuenow") == "2"
    expect_title(page, SECOND)
    box = page.locator(".frame").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 3)
    page.mouse.up()
    assert 45 <= int(handle.get_attribute("aria-valuenow")) <= 55
    page.locator("h1").focus()
    page.keyboard.press("s")
    assert page.locator(".frame").get_attribute("data-mode") == "side"
    assert not handle.is_visible()
    left, right = (page.locator(f".pane-{side}").bounding_box() for side in ("before", "after"))
    assert left["x"] + left["width"] < right["x"]
    page.keyboard.press("b")
    assert page.locator(".box").first.is_visible()


def test_what_was_filled_is_shaded_by_button_and_key(start, tab, photo_ids):
    page = start(f"/photos/{photo_ids['02-hopper.tif']}")
    expect_title(page, SECOND)
    toggle = page.locator("#show-filled")
    assert (toggle.inner_text(), toggle.get_attribute("aria-pressed")) == ("Show what was filled", "false")
    assert page.locator(".filled-mask").count() == 0
    assert not any(url.endswith("/mask") for url in tab.requests)
    told = page.locator(".story").inner_text()
    assert "3.4 % of the picture was filled in by a computer, in part by a trained model: tears and holes, scr" in told
    toggle.focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.pane-after .filled-mask')?.complete")
    assert toggle.get_attribute("aria-pressed") == "true"
    assert page.evaluate("getComputedStyle(document.querySelector('.filled-mask')).filter") == 'url("#filled-tint")'
    legend = page.locator(".legend").inner_text()
    assert "Shaded: made by a computer." in legend
    assert "tears and holes: 2.2 %, by a trained model" in legend
    page.keyboard.press("s")
    page.keyboard.press("z")
    boxes = [page.locator(f".pane-after {part}").bounding_box() for part in (".filled-mask", ".layer")]
    assert boxes[0] == pytest.approx(boxes[1], abs=1)
    assert page.locator(".pane-before .filled-mask").count() == 0
    page.keyboard.press("m")
    assert page.locator(".filled-mask").count() == 0
    assert not page.locator(".legend").is_visible()
    page.locator("summary", has_text="Damage").click()
    assert "filled in by a trained model: house-inpainter" in page.locator("details", has_text="Places").inner_text()


def test_where_nothing_was_filled_there_is_no_button(start, photo_ids):
    page = start(f"/photos/{photo_ids['03-temple.tif']}")
    expect_title(page, THIRD)
    assert page.locator("#show-filled, .legend").count() == 0
    page.keyboard.press("m")
    assert page.locator(".filled-mask").count() == 0


def test_faces_are_told_in_words(start, photo_ids):
    page = start(f"/photos/{photo_ids['01-collins.tif']}")
    words = page.inner_text(".faces")
    assert "Redrawn, and mixed with the scan (60 % redrawn)." in words
    assert "doubts that it is still the same person: likeness 0.44, at least 0.60" in words
    assert page.locator(".face .crop").count() == 2
    page.keyboard.press("j")
    expect_title(page, SECOND)
    assert "It only just passes" in page.inner_text(".faces")


def test_a_scan_of_several_says_how_each_becomes_a_photograph(start, catalog, photo_ids):
    found = {"arrangement": "album_page", "photographs": [{"centre": [0.25, 0.5], "size": [0.3, 0.4], "angle": 0}] * 2}
    statement = """
    UPDATE step_record SET detail = detail || CAST(:found AS jsonb)
    WHERE step = 'triage' AND restoration_id = (SELECT restoration_id FROM photo WHERE photo_id = :photo)
    """
    with catalog.begin() as conn:
        changed = conn.execute(sa.text(statement), {"found": json.dumps(found), "photo": photo_ids["03-temple.tif"]})
        assert changed.rowcount == 1
    page = start(f"/photos/{photo_ids['03-temple.tif']}")
    expect_title(page, THIRD)
    words = page.inner_text(".several")
    assert "This scan (an album’s page) shows 2 photographs and was restored as one." in words
    assert "restoration divide 'family' 'family/03-temple.tif' --by '…'" in words


def test_hostile_titles_stay_text(start, tab, photo_ids):
    page = start(f"/photos/{photo_ids['04-hostile.tif']}")
    expect_title(page, HOSTILE_TITLE)
    assert page.locator("img[src='x']").count() == 0


def test_help_and_language(start, photo_ids):
    page = start(f"/photos/{photo_ids['01-collins.tif']}")
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    expect_title(page, FIRST)  # keys do nothing behind the help
    page.select_option("#language", "ko")
    page.wait_for_selector("text=승인")
    assert page.get_attribute("html", "lang") == "ko"
    page.reload()
    page.wait_for_selector("text=얼굴 없이 승인")


def test_korean_browsers_are_met_in_korean(browser, address):
    context = browser.new_context(locale="ko-KR")
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("text=복원 사진 검토")
    assert page.get_attribute("html", "lang") == "ko"
    context.close()


def test_both_languages_say_the_same_things(browser, address):
    page = browser.new_page()
    page.goto(address)
    keys = page.evaluate("""async () => {
      const { WORDS } = await import('/assets/words.js');
      const flat = (value, path) => typeof value === 'string' ? [`${path} ${(value.match(/\\{\\w+\\}/g) || []).sort()}`]
        : Object.entries(value).filter(([k]) => k !== 'one').flatMap(([k, v]) => flat(v, `${path}.${k}`));
      return [flat(WORDS.en, ''), flat(WORDS.ko, '')];
    }""")
    page.close()
    assert sorted(keys[0]) == sorted(keys[1])
    assert len(keys[0]) > 200


def test_wrong_token_is_told_and_nobody_comes_in(tab, address):
    page = tab.page
    page.goto(address)
    page.get_by_label("Your name").fill("Eve")
    page.get_by_label("Token").fill("not this one at all")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Nobody was signed in")
    assert page.locator("#sign-out").count() == 0


def test_an_ended_session_asks_to_sign_in_again(start):
    page = start("/collections/family")
    page.context.clear_cookies()
    page.keyboard.press("j")
    page.wait_for_selector("text=Your session has ended")
    assert page.get_by_role("button", name="Sign in").is_visible()
    assert page.locator("#sign-out").count() == 0


def test_contact_sheet_shows_counts_and_the_worst(start):
    page = start("/collections/family/contact-sheet")
    assert page.inner_text("[data-count=waiting] dd") == "4"
    assert page.locator(".card").count() == 6
    assert page.locator(".card .name").first.inner_text() == FIRST
    page.emulate_media(media="print")
    assert not page.locator(".sheet-actions").is_visible()
    page.locator(".card a").first.click(trial=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers(browser, address, photo_ids, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page = context.new_page()
    axe, found = Axe(), {}
    options = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
    page.goto(address)
    page.wait_for_selector("form")
    found["sign-in"] = axe.run(page, options=options).response["violations"]
    sign_in(page, address, "/")
    paths = ("/", "/collections/family", f"/photos/{photo_ids['01-collins.tif']}", "/collections/family/contact-sheet")
    for path in paths:
        page.goto(address + path)
        page.wait_for_selector("html.ready")
        found[path] = axe.run(page, options=options).response["violations"]
    page.goto(address + paths[2])
    page.wait_for_selector(".decide[data-ready]")
    for key in ("a", "s", "b", "?"):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    found["decided"] = axe.run(page, options=options).response["violations"]
    context.close()
    assert {
        where: [(one["id"], one["nodes"][0]["html"]) for one in all_] for where, all_ in found.items() if all_
    } == {}


def test_on_a_phone_nothing_is_cut_off_and_touch_moves_the_slider(browser, address, photo_ids):
    context = browser.new_context(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)
    page = context.new_page()
    for path in (
        "/",
        "/collections/family",
        f"/photos/{photo_ids['01-collins.tif']}",
        "/collections/family/contact-sheet",
    ):
        if path == "/":
            sign_in(page, address, path)
        page.goto(address + path)
        page.wait_for_selector("html.ready")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.goto(f"{address}/photos/{photo_ids['01-collins.tif']}")
    page.wait_for_selector(".frame")
    box = page.locator(".frame").bounding_box()
    page.touchscreen.tap(box["x"] + 40, box["y"] + box["height"] / 2)
    for name in ("Accept", "Reject", "Accept without faces", "Keep the original"):
        size = page.get_by_role("button", name=re.compile(f"^{name}")).first.bounding_box()
        assert size["height"] >= 44
    page.wait_for_selector(".decide[data-ready]")
    page.locator("[data-decision=reject]").tap()
    expect_title(page, SECOND)
    context.close()


def test_scripts_and_styles_come_from_here_alone():
    for path in SITE.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path
        assert "innerHTML" not in text
        assert "@import" not in text
    html = (SITE / "index.html").read_text(encoding="utf-8")
    assert "style=" not in html
    assert not re.search(r"<script(?! type=\"module\" src=)", html)
