"""Giving colours on the review page in a real browser, with the real painter: by mouse, keys and touch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from restoration.storage.s3 import ObjectStore
from tests.browser.review_site import PERSON, Tab, review_site, sign_in
from tests.browser.waiting import until
from tests.stack.painter_server import painting
from tests.stack.review_builder import add_reviewed_collection

pytestmark = [pytest.mark.browser, pytest.mark.stack]
BLUE, RED = "#2c4f9e", "#8a3038"


@pytest.fixture(scope="module")
def painter_url() -> Iterator[str]:
    with painting() as address:
        yield address


@pytest.fixture
def family(catalog, s3):
    return add_reviewed_collection(catalog, ObjectStore(s3.client("admin")))


@pytest.fixture
def photo_ids(catalog, family) -> dict[str, int]:
    with catalog.connect() as conn:
        rows = conn.execute(sa.text("SELECT object_key, photo_id FROM photo ORDER BY object_key")).all()
    return {row.object_key.removeprefix("family/"): row.photo_id for row in rows}


@pytest.fixture
def address(s3, catalog_url, family, painter_url) -> Iterator[str]:
    with review_site(s3, catalog_url("reviewer"), painter_url) as found:
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
def page(tab, photo_ids):
    """The first photograph, signed in."""
    page = tab.sign_in(f"/photos/{photo_ids['01-collins.tif']}")
    page.wait_for_selector(".decide[data-ready]")
    return page


def given(catalog) -> list[dict]:
    statement = "SELECT to_jsonb(h) FROM colour_hint AS h ORDER BY hint_id"
    with catalog.connect() as conn:
        return list(conn.execute(sa.text(statement)).scalars())


def decisions(catalog) -> int:
    with catalog.connect() as conn:
        return conn.execute(sa.text("SELECT count(*) FROM review")).scalar_one()


def begin(page) -> None:
    page.locator("#give-colour").click()
    page.wait_for_selector(".give[data-ready]")


def at(page, x: float, y: float) -> tuple[float, float]:
    """Where a point of the photograph (shares) is on the screen."""
    box = page.locator(".pane-after .layer").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def outline(page) -> list[list[float]]:
    """The place that is drawn over the photograph, as shares."""
    shapes = page.evaluate("""() => {
      const drawing = document.querySelector('.pane-after .places');
      const [, , width, height] = drawing.getAttribute('viewBox').split(' ').map(Number);
      const line = drawing.querySelector('.line');
      if (!line) return [];
      if (line.tagName === 'circle') return [[line.cx.baseVal.value / width, line.cy.baseVal.value / height]];
      const points = line.getAttribute('points').split(' ').map((point) => point.split(',').map(Number));
      return points.map(([x, y]) => [x / width, y / height]);
    }""")
    return [[round(value, 2) for value in point] for point in shapes]


def painted_colour(page, x: float, y: float) -> tuple[int, int, int]:
    """What the preview shows at a point, red, green and blue, the mean of a few pixels."""
    return tuple(page.evaluate("""([x, y]) => {
      const canvas = document.querySelector('.pane-after .painted');
      const data = canvas.getContext('2d').getImageData(x * canvas.width - 4, y * canvas.height - 4, 8, 8).data;
      return [0, 1, 2].map((c) => data.filter((_, i) => i % 4 === c).reduce((a, b) => a + b) / 64);
    }""", [x, y]))  # fmt: skip


def test_a_colour_is_given_seen_beforehand_saved_and_taken_back(page, catalog):
    from playwright.sync_api import expect

    assert "Nobody has given a colour" in page.inner_text(".colours")
    begin(page)
    for corner in ((0.25, 0.7), (0.75, 0.7), (0.75, 0.98), (0.25, 0.98)):
        page.mouse.click(*at(page, *corner))
    assert outline(page) == [[0.25, 0.7], [0.75, 0.7], [0.75, 0.98], [0.25, 0.98]]
    assert "An area with 4 corners" in page.inner_text(".where")
    picks = page.locator("[aria-labelledby=colours-here] .pick")
    assert 1 <= picks.count() <= 8
    picks.first.click()
    assert page.locator("#hint-hex").input_value() == picks.first.get_attribute("data-colour")
    page.locator("#hint-hex").fill("2C4F9E")
    assert "Chosen: blue, #2c4f9e" in page.inner_text(".chosen")
    assert "write what it is, not whose" in page.inner_text(".give")
    page.get_by_label("What has this colour?").fill("the suit")
    page.get_by_label("It is written").check()
    page.get_by_label("Who says so?").fill("Ada’s daughter")
    page.get_by_label("The source in words").fill("her letter of May 1931")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".pane-after .painted")
    red, _, blue = painted_colour(page, 0.5, 0.85)
    assert blue > red + 12
    assert given(catalog) == []
    expect(page.locator(".give .told")).to_contain_text("Nothing is recorded yet")
    page.get_by_role("button", name="Put it on record").click()
    expect(page.locator(".colours > .told")).to_contain_text("The next run paints by it")
    assert page.locator(".painted, .cross, .places .line").count() == 0
    [hint] = given(catalog)
    facts = ("colour", "subject", "ground", "said_by", "source", "added_by", "given_through")
    assert [hint[name] for name in facts] == [
        BLUE, "the suit", "writing", "Ada’s daughter", "her letter of May 1931", PERSON, "review page",
    ]  # fmt: skip
    told = page.inner_text(".given")
    for words in ("the suit", "blue, #2c4f9e", "Ada’s daughter says so", "her letter of May 1931", "The next run"):
        assert words in told
    assert f"Recorded by {PERSON}" in told
    page.get_by_role("button", name="Where: the suit").click()
    assert len(outline(page)) == 4
    page.get_by_role("button", name="Take back: the suit").click()
    page.get_by_label("Why?").fill("it was her sister’s")
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator(".given")).to_have_count(0)
    expect(page.locator(".colours > .told")).to_have_text("It was taken back.")
    assert outline(page) == []
    with catalog.connect() as conn:
        assert conn.execute(sa.text("SELECT reason, removed_by FROM colour_hint_removal")).all() == [
            ("it was her sister’s", PERSON)
        ]
    assert decisions(catalog) == 0


def test_by_keys_alone_and_no_key_decides_meanwhile(page, catalog):
    page.keyboard.press("c")
    page.wait_for_selector(".give[data-ready]")
    assert page.evaluate("document.activeElement.className") == "cross"
    page.keyboard.press("ArrowRight")
    assert outline(page) == [[0.61, 0.4]]
    page.keyboard.press("Shift+ArrowDown")
    assert outline(page) == [[0.61, 0.45]]
    assert "61 % from the left and 45 %" in page.inner_text(".where")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowLeft")
    assert "one more makes an area" in page.inner_text(".where")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowDown")
    assert outline(page) == [[0.61, 0.45], [0.56, 0.45], [0.56, 0.5]]
    for key in ("a", "r", "j", "o", "u", "l", "1"):
        page.keyboard.press(key)
    assert page.locator(".give").count() == 1
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert outline(page) == [[0.61, 0.45]]
    page.keyboard.press("Escape")
    assert (outline(page), page.locator(".give").count()) == ([], 1)
    page.keyboard.press("ArrowUp")
    assert outline(page) == [[0.6, 0.39]]
    page.locator("#hint-hex").focus()
    page.keyboard.type(RED)
    page.locator("#hint-subject").focus()
    page.keyboard.type("a scarf, r o a")
    page.keyboard.press("Enter")
    page.wait_for_selector(".given")
    [hint] = given(catalog)
    assert (hint["outline"], hint["colour"], hint["said_by"]) == ([[0.6, 0.39]], RED, PERSON)
    assert page.evaluate("document.activeElement.id") == "give-colour"
    page.keyboard.press("c")
    page.wait_for_selector(".give[data-ready]")
    assert page.locator("[aria-labelledby=colours-before] .pick").get_attribute("aria-label") == (
        f"a scarf, r o a, red, {RED}"
    )
    page.keyboard.press("Escape")
    assert page.locator(".give").count() == 0
    assert decisions(catalog) == 0


def test_an_area_is_drawn_and_its_corners_moved(page):
    begin(page)
    corners = ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.32))
    page.mouse.move(*at(page, *corners[0]))
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*at(page, *corner), steps=12)
    page.mouse.up()
    drawn = outline(page)
    assert 4 <= len(drawn) <= 8
    assert all(corner in drawn for corner in ([0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]))
    page.mouse.move(*at(page, 0.7, 0.7))
    page.mouse.down()
    page.mouse.move(*at(page, 0.9, 0.8), steps=4)
    page.mouse.up()
    assert [0.9, 0.8] in outline(page)
    assert [0.7, 0.7] not in outline(page)
    handle = page.get_by_role("slider")
    assert handle.get_attribute("aria-valuenow") == "50", "a drag that draws does not move the divide"
    page.get_by_role("button", name="Another place").click()
    assert outline(page) == []
    page.keyboard.press("s")
    left = page.locator(".pane-before .layer").bounding_box()
    page.mouse.click(left["x"] + 0.4 * left["width"], left["y"] + 0.6 * left["height"])
    assert outline(page) == [[0.4, 0.6]]


def test_what_is_missing_is_said(page, catalog):
    begin(page)
    save, told = page.get_by_role("button", name="Put it on record"), page.locator(".give .told")
    save.click()
    assert "First say where" in told.inner_text()
    page.mouse.click(*at(page, 0.4, 0.4))
    save.click()
    assert "Choose a colour first" in told.inner_text()
    page.locator("#hint-hex").fill("#12345g")
    assert "Six digits" in page.inner_text("#hint-hex-wrong")
    page.locator("#hint-wheel").fill(BLUE)
    assert page.inner_text("#hint-hex-wrong") == ""
    page.mouse.click(*at(page, 0.6, 0.6))
    save.click()
    assert "one more makes an area" in told.inner_text()
    page.mouse.click(*at(page, 0.4, 0.6))
    page.get_by_label("Who says so?").fill("  ")
    save.click()
    assert "who knows the colour" in told.inner_text()
    assert given(catalog) == []


def test_a_busy_painter_is_told_and_a_change_ends_the_preview(page, tab):
    from playwright.sync_api import expect

    begin(page)
    page.mouse.click(*at(page, 0.5, 0.85))
    page.locator("#hint-wheel").fill(BLUE)
    body = {"error": {"reason": "painter_busy", "message": "x", "photo": None}}
    page.route("**/hints/preview", lambda route: route.fulfill(status=503, body=json.dumps(body)))
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".give .told")).to_have_text(re.compile("Please try again in a few seconds"))
    assert all("503" in complaint for complaint in tab.complaints)
    tab.complaints.clear()
    page.unroute("**/hints/preview")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".painted")
    page.mouse.click(*at(page, 0.2, 0.2))
    assert page.locator(".painted").count() == 0
    expect(page.locator(".give .told")).to_have_text("The preview was of another place or colour.")


def test_facts_say_what_the_picture_was_painted_by(page, catalog, photo_ids):
    begin(page)
    page.mouse.click(*at(page, 0.5, 0.85))
    page.locator("#hint-wheel").fill(BLUE)
    page.get_by_role("button", name="Put it on record").click()
    page.wait_for_selector(".given .is-due")
    with catalog.begin() as conn:
        conn.execute(
            sa.text("UPDATE photo SET hint_ids = ARRAY(SELECT hint_id FROM colour_hint) WHERE photo_id = :id"),
            {"id": photo_ids["01-collins.tif"]},
        )
        conn.execute(sa.text("UPDATE restoration SET variant = 'faces_off_hinted'"))
    page.reload()
    page.wait_for_selector(".given .is-shown")
    assert "Painted by colours that people gave, and with the faces left as they are." in page.inner_text(".banner")
    assert "except where people gave them" in page.inner_text(".story")
    page.get_by_role("button", name=re.compile("^Take back")).click()
    page.get_by_role("button", name="Take it back").click()
    page.wait_for_selector(".told:has-text('The next run paints without it.')")
    page.reload()
    page.wait_for_selector(".colours")
    assert "still painted by a colour that was taken back" in page.inner_text(".colours")


def test_without_colours_added_there_is_nothing_to_give(tab, catalog, photo_ids):
    with catalog.begin() as conn:
        conn.execute(sa.text(
            "UPDATE step_record SET status = 'not_needed', reason = 'already_colour' WHERE step = 'colorize'"
        ))  # fmt: skip
    page = tab.sign_in(f"/photos/{photo_ids['06-flower.tif']}?which=all")
    assert "no run paints by colours that people give" in page.inner_text(".colours")
    assert page.locator("#give-colour").count() == 0
    page.keyboard.press("c")
    assert page.locator(".give").count() == 0


def test_without_a_painter_the_form_says_so(browser, s3, catalog_url, photo_ids, catalog):
    with review_site(s3, catalog_url("reviewer")) as address:
        page = browser.new_page()
        sign_in(page, address, f"/photos/{photo_ids['01-collins.tif']}")
        begin(page)
        assert not page.locator("#hint-preview").is_visible()
        assert "There are no previews here" in page.inner_text(".give")
        page.keyboard.press("ArrowUp")
        page.locator("#hint-wheel").fill(BLUE)
        page.get_by_role("button", name="Put it on record").click()
        page.wait_for_selector(".given")
        page.close()
    assert len(given(catalog)) == 1


def test_main_colours_are_those_of_the_picture(page):
    found = page.evaluate("""async () => {
      const { mainColours, hueName } = await import('/assets/palette.js');
      const parts = [[40, 80, 160], [150, 50, 50], [60, 120, 60], [128, 128, 128]];
      const data = new Uint8ClampedArray(4 * 400);
      for (let i = 0; i < 400; i += 1) data.set([...parts[Math.floor(i / 100)], 255], 4 * i);
      return mainColours(data).map((hex) => [hex, hueName(hex)]).sort();
    }""")
    assert found == [["#2850a0", "blue"], ["#3c783c", "green"], ["#963232", "red"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers_while_a_colour_is_given(browser, address, photo_ids, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page, axe = context.new_page(), Axe()
    options = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
    found = {}

    def look(name: str) -> None:
        response = axe.run(page, options=options).response
        found[name] = [(one["id"], one["nodes"][0]["html"]) for one in response["violations"]]

    sign_in(page, address, f"/photos/{photo_ids['01-collins.tif']}")
    begin(page)
    look("form")
    for corner in ((0.4, 0.6), (0.6, 0.6), (0.5, 0.9)):
        page.mouse.click(*at(page, *corner))
    page.locator("#hint-wheel").fill(BLUE)
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".painted")
    look("preview")
    page.get_by_role("button", name="Put it on record").click()
    page.wait_for_selector(".given")
    page.get_by_role("button", name=re.compile("^Take back")).click()
    look("list")
    context.close()
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_on_a_phone_a_tap_is_a_place_and_nothing_is_cut_off(browser, address, photo_ids, catalog):
    context = browser.new_context(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True, locale="ko")
    page = context.new_page()
    page.goto(f"{address}/")
    page.get_by_label("이름").fill(PERSON)
    page.get_by_label("토큰").last.fill("a-token-for-this-test-alone")
    page.get_by_role("button", name="로그인").click()
    page.wait_for_selector("html.ready #sign-out")
    page.goto(f"{address}/photos/{photo_ids['01-collins.tif']}")
    page.wait_for_selector(".decide[data-ready]")
    page.locator("#give-colour").tap()
    page.wait_for_selector(".give[data-ready]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".frame").scroll_into_view_if_needed()
    page.touchscreen.tap(*at(page, 0.5, 0.8))
    assert outline(page) == [[0.5, 0.8]]
    for one in page.locator(".pick").all():
        assert one.bounding_box()["height"] >= 44
    page.locator("#hint-wheel").fill(BLUE)
    page.locator("#hint-preview").tap()
    page.wait_for_selector(".painted")
    until(page, "document.querySelector('.frame').getBoundingClientRect().top >= 0")
    page.locator("#hint-save").tap()
    page.wait_for_selector(".given")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    until(page, "document.activeElement.id === 'give-colour'")
    context.close()
    assert len(given(catalog)) == 1
