"""Ten thousand photographs: few elements, everything within reach, by mouse, keyboard and address."""

from __future__ import annotations

import json

import pytest

from tests.browser.waiting import until

pytestmark = pytest.mark.browser

TOTAL = 10_000
MOST_CARDS = 80


@pytest.fixture
def many(visit, large_gallery):
    return visit.open((large_gallery / "index.html").as_uri())


def focused(page) -> int:
    return page.evaluate(
        "Number(document.activeElement.closest('[aria-posinset]')?.getAttribute('aria-posinset') ?? 0)"
    )


def test_only_what_is_near_is_drawn_and_loaded(visit, many):
    assert "10,000 photographs" in many.inner_text("#summary")
    assert 10 < many.locator(".card").count() < MOST_CARDS
    assert sum("gallery/photos-" in url for url in visit.requests) == 1
    many.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    last = many.wait_for_selector(f"[aria-posinset='{TOTAL}']")
    assert last.get_attribute("aria-setsize") == str(TOTAL)
    many.wait_for_selector(".card:has-text('Village feast no. 9999')")
    assert many.locator(".card").count() < MOST_CARDS
    assert sum("gallery/photos-" in url for url in visit.requests) < 5


def test_every_shard_stays_small(large_gallery):
    sizes = {kind: 0 for kind in ("index", "photos", "details")}
    for path in (large_gallery / "gallery").iterdir():
        kind = path.name.split("-")[0]
        if kind in sizes:
            sizes[kind] = max(sizes[kind], path.stat().st_size)
    assert sizes["index"] < 20 * TOTAL
    assert sizes["photos"] < 100_000
    assert sizes["details"] < 100_000


def test_a_deep_link_opens_at_once_and_closes_into_the_list(visit, large_gallery):
    page = visit.open((large_gallery / "index.html").as_uri() + "#photo/00009876")
    page.wait_for_selector(".story")
    assert page.inner_text("#place") == "9,876 of 10,000"
    assert sum("gallery/photos-" in url for url in visit.requests) <= 2
    page.click("#close")
    until(page, "document.activeElement.dataset.number === '9875'")
    assert page.locator("[data-number='9875']").is_visible()


def test_search_goes_through_all_of_them_and_filters_combine(many):
    many.fill("#search", "feast 9871")
    many.wait_for_selector("#found:text-is('1 photograph')")
    assert "Village feast no. 9871" in many.inner_text("#grid")
    many.fill("#search", "")
    many.wait_for_selector("[data-group=failed] .number:text-is('1,000')")
    many.click("[data-group=failed]")
    many.wait_for_selector("#found:text-is('1,000 photographs')")
    many.click("[data-group=all]")
    many.select_option("#facet-decade", "1950")
    many.wait_for_selector("#found:text-is('1,494 photographs')")


def test_arrow_keys_move_through_the_list_with_one_stop_for_tab(many):
    assert many.locator(".card[tabindex='0']").count() == 1
    many.locator(".card[tabindex='0']").focus()
    assert focused(many) == 1
    many.keyboard.press("ArrowRight")
    assert focused(many) == 2
    many.keyboard.press("ArrowDown")
    below = focused(many)
    assert 4 < below < 12
    many.keyboard.press("ArrowUp")
    assert focused(many) in (1, 2, 3)
    many.keyboard.press("End")
    assert focused(many) == TOTAL
    assert many.locator(f"[aria-posinset='{TOTAL}'] .card").is_visible()
    assert many.locator(".card[tabindex='0']").count() == 1
    assert many.locator(".card").count() < MOST_CARDS + 12
    many.keyboard.press("ArrowRight")
    assert focused(many) == TOTAL
    many.keyboard.press("PageUp")
    assert focused(many) < TOTAL - 4
    many.keyboard.press("Home")
    assert focused(many) == 1


def test_the_place_in_the_list_is_kept_on_return(many):
    many.evaluate("window.scrollTo(0, 40000)")
    until(many, "(history.state?.top ?? 0) > 100")
    top = many.evaluate("history.state.top")
    many.reload()
    many.wait_for_selector("html.ready", state="attached")
    seen = many.evaluate(
        "[...document.querySelectorAll('.cell')].filter((c) => c.getBoundingClientRect().bottom > 100)"
        ".map((c) => Number(c.getAttribute('aria-posinset')))"
    )
    assert min(seen) - 12 < top < max(seen)
    card = many.locator(".card:visible").nth(12)
    number = card.get_attribute("data-number")
    card.click()
    many.wait_for_selector("dialog[open] .story, dialog[open] .nothing")
    many.go_back()
    many.wait_for_selector("dialog:not([open])", state="attached")
    until(many, f"document.activeElement.dataset.number === '{number}'")


def test_leafing_goes_on_across_shards(visit, large_gallery):
    page = visit.open((large_gallery / "index.html").as_uri() + "#photo/00000249")
    page.wait_for_selector(".story")
    page.click("#next")
    page.wait_for_selector(".nothing")
    page.click("#next")
    page.wait_for_selector("#panel h2:text-is('Village feast no. 251')")
    assert json.loads(page.evaluate("JSON.stringify(location.hash)")) == "#photo/00000251"
