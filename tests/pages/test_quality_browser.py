"""The page of quality in a real browser, with all that it folds opened."""

import pytest

from tests.e2e.browsing import AXE, axe_core
from tests.pages.test_frame_browser import browser as browser  # noqa: PLC0414 -- a fixture
from tests.pages.test_frame_browser import page as page  # noqa: PLC0414 -- a fixture
from tests.pages.test_frame_browser import sign_in, visit
from tests.pages.test_quality import desk as desk  # noqa: PLC0414 -- a fixture
from tests.pages.test_quality import scored as scored  # noqa: PLC0414 -- a fixture
from tests.pages.test_quality import url

pytestmark = pytest.mark.browser
OPEN = "all => all.forEach(each => { each.open = true })"
WIDE = "document.documentElement.scrollWidth"


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_what_is_folded_fits_and_has_no_barriers(
    page, live_server, transactional_db, scored, desk, alice
):
    sign_in(page, alice, live_server)
    visit(page, url(desk))
    page.evaluate(axe_core())
    page.eval_on_selector_all("main details", OPEN)
    assert page.get_by_role("table", name="Signals, with their thresholds").is_visible()
    for width in (390, 700, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(WIDE) <= width
        assert page.evaluate(AXE) == []


def test_the_list_leads_to_each_part_and_stays_in_sight(
    page, live_server, transactional_db, scored, desk, alice
):
    sign_in(page, alice, live_server)
    page.set_viewport_size({"width": 1280, "height": 700})
    page.goto(url(desk))
    contents = page.get_by_role("navigation", name="On this page")
    for link in contents.get_by_role("link").all():
        link.press("Enter")
        part = page.locator(link.get_attribute("href"))
        assert part.get_by_role("heading").first.is_visible()
        page.wait_for_function("part => part.getBoundingClientRect().top < innerHeight",
                               arg=part.element_handle())  # fmt: skip
        assert contents.evaluate("list => list.getBoundingClientRect().top >= 0")
    assert page.evaluate("scrollY") > 700
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("scrollTo(0, 0)")
    above = contents.evaluate("list => list.getBoundingClientRect().bottom")
    first = page.locator("#wrong").evaluate("part => part.getBoundingClientRect().top")
    assert above <= first
