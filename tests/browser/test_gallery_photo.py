"""One photograph: side by side, zoomed with and without OpenSeadragon, and the label that stays."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from restoration.publish import gallery
from tests.browser.sample import build_gallery
from tests.browser.waiting import until

pytestmark = pytest.mark.browser

HAS_VIEWER = "assets/vendor/openseadragon.min.js" in dict(gallery.site_files())


@pytest.fixture(scope="module")
def plain_gallery(gallery_folder, tmp_path_factory):
    """The same gallery as a machine without OpenSeadragon publishes it."""
    folder = tmp_path_factory.mktemp("plain") / "v0003"
    shutil.copytree(gallery_folder, folder)
    shutil.rmtree(folder / "assets" / "vendor", ignore_errors=True)
    facts = folder / "gallery" / "collection.js"
    facts.write_text(facts.read_text().replace('"viewer":true', '"viewer":false'))
    return folder


def opened(visit, folder, mode: str, name: str = "00000001"):
    page = visit.open((folder / "index.html").as_uri() + f"#photo/{name}")
    page.wait_for_selector(".story")
    page.click(f"[data-mode={mode}]")
    return page


def scale(page) -> float:
    return float(page.get_attribute(".zoom-box", "data-scale"))


def test_side_by_side_shows_both_with_the_label_on_the_altered_one(visit, gallery_folder):
    page = opened(visit, gallery_folder, "side")
    assert page.locator(".pair figcaption").all_inner_texts() == ["Before", "After"]
    assert page.locator(".pair figure").nth(1).locator(".label").inner_text() == "AI-altered"
    assert page.locator(".pair figure").nth(0).locator(".label").count() == 0
    assert page.evaluate("document.activeElement.dataset.mode") == "side"
    page.click("#next")
    page.wait_for_selector("#panel h2:text-is('Grace Hopper in uniform')")
    page.click("#next")
    page.wait_for_selector(".pair")


def test_zooming_without_a_viewer_by_keys_wheel_mouse_and_buttons(visit, plain_gallery):
    page = opened(visit, plain_gallery, "zoom")
    page.wait_for_selector(".zoom[data-ready]")
    assert page.locator(".zoomed").get_attribute("src") == "data/photos/00000001.png"
    assert scale(page) == 1
    page.focus(".zoom-box")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert scale(page) == pytest.approx(2.25, abs=0.02)
    before = page.locator(".zoomed").evaluate("(image) => image.style.transform")
    page.keyboard.press("ArrowRight")
    assert page.locator(".zoomed").evaluate("(image) => image.style.transform") != before
    assert page.evaluate("location.hash") == "#photo/00000001"
    page.keyboard.press("0")
    assert scale(page) == 1
    box = page.locator(".zoom-box").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.wheel(0, -300)
    until(page, "Number(document.querySelector('.zoom-box').dataset.scale) > 1.5")
    before = page.locator(".zoomed").evaluate("(image) => image.style.transform")
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 70, steps=3)
    page.mouse.up()
    assert page.locator(".zoomed").evaluate("(image) => image.style.transform") != before
    page.click("[aria-label='Whole picture']")
    assert scale(page) == 1
    assert page.locator(".zoom .label").is_visible()
    page.click(".swap")
    assert page.locator(".zoomed").get_attribute("src") == "data/previews/00000001-before.jpg"
    assert "scan before restoration" in page.locator(".zoomed").get_attribute("alt")
    assert not page.locator(".zoom .label").is_visible()
    page.click(".swap")
    assert page.locator(".zoom .label").is_visible()


def test_zooming_without_a_viewer_by_two_fingers(browser, plain_gallery):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((plain_gallery / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector(".story")
    page.click("[data-mode=zoom]")
    page.wait_for_selector(".zoom[data-ready]")
    box = page.locator(".zoom-box").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = context.new_cdp_session(page)

    def touch(kind: str, spread: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": x - spread, "y": y, "id": 0}, {"x": x + spread, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for spread in (35, 50, 60):
        touch("touchMove", spread)
    touch("touchEnd", 60)
    until(page, "Number(document.querySelector('.zoom-box').dataset.scale) > 2")
    assert page.evaluate("window.visualViewport.scale") == 1
    assert page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]") == [390, 390]
    context.close()


@pytest.mark.skipif(not HAS_VIEWER, reason="OpenSeadragon is not here; with network: python infra/vendor/fetch.py")
@pytest.mark.parametrize("place", ["disk", "web"])
def test_zooming_with_openseadragon_shows_the_plain_picture(visit, gallery_folder, gallery_http, place):
    address = (gallery_folder / "index.html").as_uri() if place == "disk" else gallery_http
    page = visit.open(address + "#photo/00000001")
    page.wait_for_selector(".story")
    page.click("[data-mode=zoom]")
    page.wait_for_selector(".zoom-box[data-pictures='after before'] .openseadragon-canvas")
    assert page.locator(".zoomed").count() == 0
    page.focus(".zoom-box")
    page.keyboard.press("+")
    until(page, "Number(document.querySelector('.zoom-box').dataset.scale) > 1.2")
    assert page.locator(".zoom .label").is_visible()
    page.click(".swap")
    assert not page.locator(".zoom .label").is_visible()
    assert "scan before restoration" in page.text_content(".zoom [role=status]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")


def test_a_photograph_as_scanned_can_be_zoomed_too(visit, plain_gallery):
    page = visit.open((plain_gallery / "index.html").as_uri() + "#photo/00000013")
    page.wait_for_selector("#panel .banner")
    assert page.locator("[data-mode]").all_inner_texts() == ["Whole picture", "Zoom"]
    page.click("[data-mode=zoom]")
    page.wait_for_selector(".zoom[data-ready]")
    assert page.locator(".zoomed").get_attribute("src") == "data/previews/00000013-before.jpg"
    assert page.locator(".zoom .label").inner_text() == "As scanned"
    assert page.locator(".swap").count() == 0


def test_the_label_is_there_when_a_page_is_printed(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri())
    page.emulate_media(media="print")
    assert page.locator(".card .label:text-is('AI-altered')").first.is_visible()
    assert not page.locator("#tools").is_visible()
    page.locator(".card").first.click()
    page.wait_for_selector(".slider .label-stage")
    assert page.locator(".slider .label-stage").is_visible()
    assert not page.locator(".slider .before").is_visible()


# -- what was filled -------------------------------------------------------------------------------------------------

TINTED = """() => {
  const mask = document.querySelector('.filled-mask');
  return mask && { done: mask.complete && mask.naturalWidth > 0, filter: getComputedStyle(mask).filter };
}"""


def magenta(page, selector: str) -> float:
    """Share of an element's pixels that look tinted."""
    data = np.frombuffer(page.locator(selector).screenshot(), np.uint8)
    blue, green, red = cv2.split(cv2.imdecode(data, cv2.IMREAD_COLOR).astype(int))
    return float(((red - green > 60) & (blue - green > 25)).mean())


def test_what_was_filled_is_shaded_at_a_press_and_off_by_default(visit, gallery_folder):
    page = opened(visit, gallery_folder, "compare")
    toggle = page.locator("#show-filled")
    assert (toggle.inner_text(), toggle.get_attribute("aria-pressed")) == ("Show what was filled", "false")
    assert page.locator(".filled-mask").count() == 0
    assert not any("/masks/" in url for url in visit.requests)
    told = page.locator(".story").inner_text()
    assert "3.3 % of the picture was filled in by a computer, in part by a trained model: tears and holes, scr" in told
    page.focus("[role=slider]")
    page.keyboard.press("Home")
    before = magenta(page, ".slider")
    toggle.focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.filled-mask')?.complete")
    assert toggle.get_attribute("aria-pressed") == "true"
    assert page.evaluate(TINTED) == {"done": True, "filter": 'url("#filled-tint")'}
    legend = page.locator("#legend").inner_text()
    assert "Shaded: made by a computer." in legend
    assert "tears and holes: 2.0 %, by a trained model" in legend
    assert "scratches: 1.3 %" in legend
    assert 0.02 < magenta(page, ".slider") - before < 0.08
    page.keyboard.press("Enter")
    assert page.locator(".filled-mask").count() == 0
    assert page.locator("#legend").inner_text() == ""
    assert magenta(page, ".slider") == pytest.approx(before, abs=0.002)


@pytest.mark.parametrize("mode", ["side", "zoom"])
def test_every_view_can_shade_and_keeps_to_the_restored_picture(visit, plain_gallery, mode):
    page = opened(visit, plain_gallery, mode)
    page.click("#show-filled")
    until(page, "document.querySelector('.filled-mask')?.complete")
    if mode == "side":
        assert page.locator(".pair figure").nth(1).locator(".filled-mask").count() == 1
        parts = (".pair figure:nth-child(2) .filled-mask", ".pair figure:nth-child(2) img:not(.filled-mask)")
    else:
        page.wait_for_selector(".zoom[data-ready]")
        page.focus(".zoom-box")
        page.keyboard.press("+")
        parts = (".filled-mask", ".zoomed")
    mask, after = (page.locator(part).bounding_box() for part in parts)
    assert {key: round(value) for key, value in mask.items()} == {key: round(value) for key, value in after.items()}
    if mode == "zoom":
        page.click(".swap")
        assert page.locator(".filled-mask").count() == 0
        page.click(".swap")
        assert page.locator(".filled-mask").count() == 1
    # the choice holds while one changes the view, and goes with a photograph of which nothing was filled
    page.click("[data-mode=compare]")
    assert page.locator(".slider .filled-mask").count() == 1
    page.click("#next")
    page.wait_for_selector("#panel h2:text-is('Grace Hopper in uniform')")
    assert page.locator("#show-filled, .filled-mask, .legend > *").count() == 0


@pytest.mark.skipif(not HAS_VIEWER, reason="OpenSeadragon is not here; with network: python infra/vendor/fetch.py")
def test_openseadragon_shades_too(visit, gallery_http):
    page = visit.open(gallery_http + "#photo/00000001")
    page.wait_for_selector(".story")
    page.click("[data-mode=zoom]")
    page.wait_for_selector(".zoom-box[data-pictures='after before'] .openseadragon-canvas")
    page.click("#show-filled")
    until(page, "document.querySelector('.zoom-box .filled-mask')?.complete")
    until(page, "document.querySelector('.zoom-box .filled-mask').getBoundingClientRect().width > 200")
    page.click(".swap")
    assert page.locator(".filled-mask").count() == 0


def test_a_fill_without_a_model_says_so_in_both_languages_and_on_the_sheet(visit, gallery_folder):
    page = opened(visit, gallery_folder, "compare", "00000005")
    told = page.locator(".story").inner_text()
    assert "1.3 % of the picture was filled in from what surrounds it: scratches." in told
    assert "Apart from that nothing was invented" in told
    page.click("#show-filled")
    page.click("#viewer .close")
    page.click("#languages [lang=ko]")
    page.goto((gallery_folder / "index.html").as_uri() + "#photo/00000005")
    page.wait_for_selector(".story")
    assert page.locator("#show-filled").inner_text() == "메운 곳 보기"
    page.goto((gallery_folder / "print.html").as_uri() + "#00000005")
    page.wait_for_selector(".sheet-name")
    assert "둘레의 모습으로 메웠습니다" in page.locator("body").inner_text()


UNSURE = "Colours here are a guess with little ground."


def archivists(page) -> list[str]:
    """Cells of the table of given colours."""
    page.click(".archivists summary")
    return page.locator("[aria-label='Colours that people gave'] :is(th, td)").all_inner_texts()


def test_colours_that_people_gave_are_told_without_names_and_unsure_ones_as_such(visit, gallery_folder):
    page = opened(visit, gallery_folder, "compare", "00000003")
    told = page.locator(".story li").all_inner_texts()
    assert told[:4] == [
        "The colours are a computer’s guess, apart from those that people gave. Light and dark are those of the "
        "original photograph.",
        UNSURE,
        "The blue of the dress was given by somebody who knew it, from a letter or other writing.",
        "The green here was given by somebody who knew it, from memory.",
    ]
    cells = archivists(page)
    assert cells[:8] == ["Colour", "Of what", "Known from", "Given by", "blue (#3b5ba9)", "the dress",
                         "From a letter or other writing", ""]  # fmt: skip
    page.goto((gallery_folder / "print.html").as_uri() + "#00000003")
    page.wait_for_selector(".sheet-name")
    honest = page.locator("#sheet-honest").inner_text()
    assert "apart from those that people gave" in honest
    assert UNSURE in honest
    page = opened(visit, gallery_folder, "compare", "00000001")
    assert UNSURE not in page.locator(".story").inner_text()
    assert page.locator("[aria-label='Colours that people gave']").count() == 0


def test_those_who_gave_colours_are_named_where_the_archive_may(visit, tmp_path_factory):
    folder = build_gallery(tmp_path_factory.mktemp("named"), givers=True)
    page = opened(visit, folder, "compare", "00000003")
    told = page.locator(".story li").all_inner_texts()
    assert "The blue of the dress was given by Ada's daughter, from her letter of May 1931." in told
    assert told.count("The green here was given by Eve <b>, from memory.") == 1
    assert "From a letter or other writing; her letter of May 1931; 1998" in archivists(page)
    page.click("#viewer .close")
    page.click("#languages [lang=ko]")
    page.goto((folder / "index.html").as_uri() + "#photo/00000003")
    page.wait_for_selector(".story")
    korean = page.locator(".story").inner_text()
    assert "The dress의 파란색은 Ada's daughter 님이 알려 주었습니다(her letter of May 1931)." in korean
    assert "이 사진의 색은 근거가 적은 짐작입니다." in korean
