"""Memorial sheets as PDF: one page of the exact size, the picture with all of its pixels, text that is text."""

from __future__ import annotations

import pytest

from tests.browser.pdf import read_pdf

pytestmark = pytest.mark.browser

POINTS = {"a4": (595.28, 841.89), "11x14": (792.0, 1008.0)}
"""Upright, in points of 1/72 inch."""


def sheet(visit, folder, name: str, hash_more: str = ""):
    return visit.open((folder / "print.html").as_uri() + f"#{name}{hash_more}")


def printed(page, tmp_path):
    path = tmp_path / "sheet.pdf"
    page.pdf(path=str(path), prefer_css_page_size=True, print_background=True)
    return read_pdf(path)


@pytest.mark.parametrize("paper", ["a4", "11x14"])
def test_a_sheet_is_one_page_of_the_exact_size_with_every_pixel_and_selectable_text(
    visit, gallery_folder, tmp_path, paper
):
    page = sheet(visit, gallery_folder, "00000016")
    page.check(f"[name=paper][value='{paper}']")
    page.fill("[name=name]", "Grace Brewster Murray Hopper")
    page.fill("[name=lived]", "1906 – 1992")
    page.fill("[name=words]", "In loving memory")
    pdf = printed(page, tmp_path)
    assert len(pdf.boxes) == 1
    assert pdf.boxes[0] == pytest.approx(POINTS[paper], abs=0.5)
    assert pdf.pictures == [(512, 600), (512, 600)]
    for words in ("Grace Brewster Murray Hopper", "1906 – 1992", "In loving memory", "AI-altered"):
        assert words in pdf.text
    assert "Restored and altered by a computer (AI). The colours are a computer’s guess." in pdf.text
    assert "No known copyright restrictions" in pdf.text
    for of_the_screen in ("Paper", "Back to the gallery", "Print or save"):
        assert of_the_screen not in pdf.text


def test_a_wide_picture_lies_on_a_wide_sheet_unless_one_says_otherwise(visit, gallery_folder, tmp_path):
    page = sheet(visit, gallery_folder, "00000003")
    width, height = POINTS["a4"]
    assert printed(page, tmp_path).boxes == [pytest.approx((height, width), abs=0.5)]
    page.check("[name=turn][value=portrait]")
    assert printed(page, tmp_path).boxes == [pytest.approx((width, height), abs=0.5)]


def test_what_is_on_the_sheet_can_be_chosen_but_the_honest_words_stay(visit, gallery_folder, tmp_path):
    page = sheet(visit, gallery_folder, "00000001")
    for name in ("dates", "scan", "rights"):
        page.uncheck(f"[name={name}]")
    pdf = printed(page, tmp_path)
    assert pdf.pictures == [(512, 512)]
    assert "1932" not in pdf.text
    assert "No known copyright" not in pdf.text
    assert "AI-altered" in pdf.text
    assert "Two faces were redrawn" in pdf.text


def test_everything_on_the_sheet_lies_inside_it(visit, gallery_folder):
    page = sheet(visit, gallery_folder, "00000001")
    page.fill("[name=name]", "A very long name of somebody who had many names " * 3)
    page.fill("[name=words]", "words of those who remember " * 6)
    for paper in ("a4", "11x14"):
        page.check(f"[name=paper][value='{paper}']")
        for turn in ("portrait", "landscape"):
            page.check(f"[name=turn][value={turn}]")
            outside = page.evaluate(
                """() => { const sheet = document.querySelector('#sheet');
                const f = sheet.getBoundingClientRect();
                return [...sheet.querySelectorAll('*')].filter((e) => {
                  const b = e.getBoundingClientRect();
                  return b.width && (b.left < f.left || b.right > f.right + 1
                    || b.top < f.top || b.bottom > f.bottom + 1);
                }).map((e) => e.className || e.id); }"""
            )
            assert outside == [], (paper, turn)
            picture = page.locator("#sheet-picture").bounding_box()
            assert picture["width"] > 100
            assert picture["height"] > 100


def test_a_photograph_as_scanned_prints_without_claims(visit, gallery_folder, tmp_path):
    page = sheet(visit, gallery_folder, "00000013")
    pdf = printed(page, tmp_path)
    assert "it was not restored" in pdf.text
    assert "AI-altered" not in pdf.text
    assert len(pdf.pictures) == 1
    assert page.locator("#scan-choice").is_hidden()


def test_nothing_is_printed_of_what_is_not_shown(visit, gallery_folder):
    for name in ("00000008", "00000017", "99999999", "x"):
        visit.page.goto("about:blank")
        page = sheet(visit, gallery_folder, name)
        assert page.inner_text("#sheet") == "There is no picture of this photograph to print."
        assert page.locator("#choices").is_hidden()


def test_a_picture_that_cannot_be_loaded_is_not_printed(browser, gallery_http):
    page = browser.new_page()
    page.route("**/data/photos/*.png", lambda route: route.abort())
    page.goto(f"{gallery_http}print.html#00000001")
    page.wait_for_selector("html.ready", state="attached")
    assert "could not be loaded" in page.inner_text("#quality")
    assert page.is_disabled("#now")
    page.close()


def test_from_the_photograph_to_the_sheet_and_back(visit, gallery_folder):
    page = visit.open((gallery_folder / "index.html").as_uri() + "#photo/00000001")
    page.wait_for_selector("#print")
    page.click("#print")
    page.wait_for_selector("html.ready #sheet-picture")
    assert "dots per inch" in page.inner_text("#quality")
    page.click("#back")
    page.wait_for_selector("dialog[open] .story")
    assert page.inner_text("#panel h2") == "Eileen Collins in her flying suit"


def test_the_sheet_speaks_korean(browser, gallery_folder, tmp_path):
    context = browser.new_context(locale="ko-KR")
    page = context.new_page()
    page.goto((gallery_folder / "print.html").as_uri() + "#00000001")
    page.wait_for_selector("html.ready", state="attached")
    assert page.inner_text("#sheet-label") == "AI가 고침"
    assert "색은 컴퓨터의 짐작입니다." in page.inner_text("#sheet-honest")
    context.close()
