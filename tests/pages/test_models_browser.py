"""Pages about models beside people, in a real browser: they fit a phone, in both schemes."""

import os

import pytest
from django.urls import reverse

from apps.scoring import actions as scoring
from apps.work import actions as work
from tests.pages.test_frame_browser import browser as browser  # noqa: PLC0414 -- a fixture
from tests.pages.test_frame_browser import page as page  # noqa: PLC0414 -- a fixture
from tests.pages.test_frame_browser import sign_in, visit
from tests.projects.conftest import draft as draft  # noqa: PLC0414 -- a fixture
from tests.projects.conftest import load as load  # noqa: PLC0414 -- a fixture
from tests.projects.conftest import owner as owner  # noqa: PLC0414 -- a fixture
from tests.projects.test_lift_criteria import SENTENCES, switched_on
from tests.work.test_human import compared
from tests.work.test_human import desk as desk  # noqa: PLC0414 -- a fixture
from tests.work.test_human import known as known  # noqa: PLC0414 -- a fixture
from tests.work.test_human import upload as upload  # noqa: PLC0414 -- a fixture

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_models_beside_people_fit_a_phone(
    page, live_server, transactional_db, desk, upload, draft, load, owner, alice, now
):
    upload()
    desk.later(minutes=2)
    quality = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=quality.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=quality.id)
    assert compared(desk, alice).state == "done"
    made = draft()
    load(made, SENTENCES)
    switched_on(made, owner, now, recipe="text-minilm")
    sign_in(page, alice, live_server)
    visit(page, reverse("pages:project-quality", args=[desk.project.id]))
    assert page.get_by_role("heading", name="Was the human needed?").is_visible()
    visit(page, reverse("projects:annotators", args=[desk.project.id]))
    assert page.get_by_label("Tokens of an answer").is_visible()
    page.goto(reverse("projects:draft", args=[made.id, "terms"]))
    page.get_by_text("How it is measured and paid").click()
    page.get_by_text("What a run takes, about, for 10 contributors").scroll_into_view_if_needed()
    # Nothing of a number is cut off in its cell.
    cut = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth + 1).length"
    assert page.eval_on_selector_all("table.cards td.num", cut) == 0
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]
    if "SHOTS" in os.environ:
        page.screenshot(path=f"{os.environ['SHOTS']}/terms.png", full_page=True)
