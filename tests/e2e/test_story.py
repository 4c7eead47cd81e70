"""The whole story of the domain once, in a real browser against everything real but the bank.

A buyer funds, writes and publishes; a contributor qualifies, works with the keyboard, appeals and
disputes; two administrators decide; the money is paid out and the release adds up to it.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.urls import reverse

from tests.e2e.browsing import Person
from tests.e2e.buying import (
    buyer_publishes,
    buyer_signs_up_and_funds,
    buyer_uploads_items,
    buyer_writes_the_project,
)
from tests.e2e.hands import Keys
from tests.e2e.quick import a_hurried_buyer_publishes
from tests.e2e.served import Served, served
from tests.e2e.working import (
    contributor_agrees_and_qualifies,
    contributor_signs_up_and_onboards,
    contributor_works_by_keyboard,
)

pytestmark = [pytest.mark.browser, pytest.mark.worker]

NOTE = (
    "The sentence ends with a question mark and begins with a question word, and the answer says "
    "that it asks nothing at all; please read it to its end."
)
REASON = "The sentence is a quotation, so that no answer but mine can be right here."
RULING = "Both readings can be defended under the rubric, so the contributor is to be paid."


@dataclass(kw_only=True)
class Story:
    """Who takes part, and what they need to find again."""

    house: Served
    folder: Path
    berta: Person  # buys
    cora: Person  # works
    ada: Person  # administers
    adam: Person  # administers too
    bill: Person  # buys in a hurry
    nobody: Person  # never signs in
    title: str  # of the project
    project: str = ""

    def url(self, name: str) -> str:
        page = {
            "live": "pages:project_live",
            "review": "work:review",
            "offer": "work:offer",
            "desk": "work:desk",
            "releases": "exports:project",
        }[name]
        return reverse(page, args=[self.project])


@pytest.fixture(scope="module")
def house():
    with served("e2e", port=8100) as made:
        yield made


@pytest.fixture
def story(house, browser, tmp_path):
    mark = os.urandom(3).hex()

    def person(name):
        address = f"{name.split()[0].lower()}-{mark}@example.org"
        return Person(browser, name=name, address=address, url=house.url)

    made = Story(
        house=house,
        folder=tmp_path,
        berta=person("Berta Maas"),
        cora=person("Cora Lind"),
        ada=person("Ada Finn"),
        adam=person("Adam Roe"),
        bill=person("Bill Hart"),
        nobody=person("Nobody"),
        title=f"Is it a question {mark}?",
    )
    for admin in (made.ada, made.adam):
        house.python(
            """
            import sys
            from apps.pages.management import staging
            email, name, password = sys.argv[1:]
            staging.sign_in(email, name, password=password, is_staff=True)
            """,
            admin.address, admin.name, admin.password,
        )  # fmt: skip
    yield made
    for each in (made.berta, made.cora, made.ada, made.adam, made.bill, made.nobody):
        each.context.close()


def test_the_whole_story(story):
    buyer_signs_up_and_funds(story)
    buyer_writes_the_project(story)
    buyer_uploads_items(story)
    buyer_publishes(story)
    contributor_signs_up_and_onboards(story)
    contributor_agrees_and_qualifies(story)
    contributor_works_by_keyboard(story)
    scores_appear_by_themselves(story)
    reviewer_decides(story)
    contributor_reworks_appeals_and_disputes(story)
    administrator_decides_appeal_and_dispute(story)
    deactivation_is_proposed_answered_and_decided(story)
    contributor_is_paid_out(story)
    release_adds_up(story)
    a_hurried_buyer_publishes(story)
    everybody_looks_around(story)


# ── Scores and verdicts ─────────────────────────────────────────────────────────────────────────


def scores_appear_by_themselves(story):
    berta, page = story.berta, story.berta.page
    berta.go(story.url("live"))
    berta.reads("Nothing is scored yet")
    page.evaluate("window.notReloaded = true")
    story.house.advance(seconds=61)
    page.get_by_text("Over 4 answers, finished").wait_for()
    page.get_by_text("answers to gold items are right").wait_for()
    page.get_by_role("link", name="Review the queue").wait_for()
    assert page.evaluate("window.notReloaded") is True
    berta.look()


def reviewer_decides(story):
    """One accepted, one for rework, one rejected after a refused try; one is left to silence."""
    berta, page = story.berta, story.berta.page
    berta.go(reverse("work:review-all"))
    berta.go(story.url("review"))
    assert page.locator("main tbody tr").count() == 4
    page.locator("main tbody a[href*='/review/submissions/']").first.click()
    page.wait_for_load_state("load")
    berta.look()
    decide(berta, "reject", note=NOTE, evidence="It ends with a question mark.", refused=422)
    berta.reads("rubric")
    assert page.input_value("[name=note]") == NOTE, "what was typed is lost"
    assert page.input_value("[name=evidence]") == "It ends with a question mark."
    decide(berta, "reject", criterion="the_answer_is_right", note=NOTE,
           evidence="It ends with a question mark.")  # fmt: skip
    berta.reads("Rejected. The kill fee is paid")
    decide(berta, "rework", criterion="read_to_the_end", note="Please look at the last word again.")
    berta.reads("Rework is asked for")
    decide(berta, "accept")
    berta.reads("Accepted and booked.")
    berta.go(f"{story.url('review')}?state=decided")
    assert page.locator("main tbody tr").count() == 2


def decide(berta, outcome, *, refused=0, **words):
    page = berta.page
    page.check(f"[name=outcome][value={outcome}]")
    if "criterion" in words:
        page.select_option("[name=criterion]", words.pop("criterion"))
    berta.fill(**words)
    with berta.refused(refused):
        berta.press("Decide")


# ── Due process ─────────────────────────────────────────────────────────────────────────────────


def contributor_reworks_appeals_and_disputes(story):
    cora, page = story.cora, story.cora.page
    cora.go("/")
    cora.go(story.url("desk"))
    cora.follow("Rework asked", exact=False)
    cora.reads("Please look at the last word again.")
    cora.look()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{story.url('desk')}")
    keys = Keys(page)
    keys.follow("My work")
    cora.look()
    keys.follow("Appeal this rejection")
    cora.look()
    keys.to("textbox", "Why")
    page.keyboard.type(REASON)
    keys.press("File the appeal")
    cora.reads(REASON)
    cora.look()
    cora.go(reverse("work:earnings"))
    line = page.locator("main tr", has_text="accepted").get_by_role("link", name="Dispute")
    line.first.click()
    page.wait_for_load_state("load")
    cora.look()
    cora.fill(amount="0.25", reason="My time on this item was longer than the line says it was.")
    cora.press("Open the dispute")
    cora.look()
    cora.go("/cases/mine/")
    assert page.locator("main tbody tr").count() == 2
    story.berta.go("/cases/", look=False)
    story.berta.look()


def administrator_decides_appeal_and_dispute(story):
    ada, page = story.ada, story.ada.page
    ada.sign_in()
    for path in ("/", "/staff/", "/staff/checks/", "/staff/books/", "/people/staff/"):
        ada.go(path)
    for kind in ("Appeal", "dispute"):
        ada.go("/cases/staff/")
        mine = page.locator("main tr", has_text=story.cora.name)
        mine.get_by_role("link", name=re.compile(kind, re.IGNORECASE)).first.click()
        page.wait_for_load_state("load")
        ada.look()
        rule(ada, "granted")
    story.cora.go("/cases/mine/")
    assert "open" not in story.cora.page.inner_text("main tbody").lower()
    story.cora.go(reverse("work:earnings"))
    story.cora.reads("0.25")


def rule(admin, answer):
    """Decide the case that is shown."""
    admin.page.check(f"[name=is_granted][value={answer}]")
    admin.fill(decision=RULING)
    admin.press("Decide")
    admin.reads("Decided; both sides have a notice.")
    admin.look()


def deactivation_is_proposed_answered_and_decided(story):
    ada, adam, cora = story.ada, story.adam, story.cora
    ada.go("/staff/people/")
    ada.page.goto(f"/staff/people/{person_id(story)}/")
    ada.look()
    ada.follow("Propose a deactivation")
    ada.look()
    ada.fill(
        reason="Two signals point at answers that were given without reading the items.",
        evidence="Item S2 took four seconds, and gold item Q1 was missed; see both submissions.",
    )
    ada.press("Propose it and give notice")
    ada.reads("Proposed; the person has a notice and can answer.")
    case = ada.page.url
    assert ada.page.locator("[name=is_granted]").count() == 0, "the proposer may not decide"
    ada.look()
    cora.go("/notices/")
    cora.page.goto(case)
    cora.reads("what you earned stays payable")
    cora.look()
    cora.fill(text="I read every item; the short ones are short, and one answer was overturned.")
    cora.press("Put it on record")
    cora.look()
    adam.sign_in()
    adam.page.goto(case)
    adam.reads("one answer was overturned")
    adam.look()
    rule(adam, "upheld")
    cora.page.goto(case)
    cora.reads("The account stays active.")


def person_id(story):
    return story.house.python(
        """
        import sys
        from apps.accounts.models import User
        print(User.objects.get(email=sys.argv[1]).id)
        """,
        story.cora.address,
    )


# ── Money and release ───────────────────────────────────────────────────────────────────────────


def contributor_is_paid_out(story):
    cora, page = story.cora, story.cora.page
    # What was paid in is available at Stripe some days later.
    story.house.double("clock", advance_seconds=3 * 86400)
    cora.go("/")
    keys = Keys(page)
    keys.follow("Payouts")
    keys.press("Pay me out")
    cora.reads("is reserved and on its way to you")
    cora.look()
    cora.reloads_until("At your Stripe account")
    story.house.double("clock", advance_seconds=3 * 86400)
    cora.reloads_until("Sent to your bank")
    cora.look()
    cora.go(reverse("work:earnings"))
    keys.follow("Statements")
    keys.follow("Line by line")
    cora.look()
    for name, begins in (("CSV", b"row,at,"), ("PDF", b"%PDF-")):
        with page.expect_download() as got:
            page.get_by_role("link", name=name, exact=True).click()
        assert Path(got.value.path()).read_bytes().startswith(begins)


def release_adds_up(story):
    """The wage file, the buyer's page and the contributor's earnings say the same sums."""
    berta, page = story.berta, story.berta.page
    berta.go(story.url("releases"))
    berta.press("Make a release")
    berta.reads("Who was paid what")
    berta.look()
    files = {}
    for link in page.locator("main a[download]").all():
        with page.expect_download() as got:
            link.click()
        files[got.value.suggested_filename] = Path(got.value.path()).read_text()
    wages = json.loads(
        next(text for name, text in files.items() if "wage" in name and name.endswith(".json"))
    )
    sums = {key: sum(line[key] for line in wages["lines"]) for key in ("gross", "fee", "net")}
    assert sums["gross"] == sums["net"] + sums["fee"] > 0
    shown = [cents(text) for text in page.locator("#release dd").all_inner_texts()[:3]]
    assert shown == [sums["net"], sums["fee"], sums["gross"]]
    story.cora.go(reverse("work:earnings"))
    row = story.cora.page.locator("main table.cards").first.locator("tbody tr").first
    for label in ("Net", "Fee", "Gross"):
        cell = row.locator(f'td[data-label="{label}"]').inner_text()
        assert cents(cell) == sums[label.lower()], label
    berta.go(story.url("live"))
    assert written(sums["net"]) in berta.text()


def cents(text):
    """Of an amount as it is shown; the platform's fee is below nothing where it paid for a case."""
    return int(re.sub(r"\D", "", text)) * (-1 if "−" in text else 1)


def written(amount):
    return f"{amount // 100}.{amount % 100:02d}"  # of what contributors earned: never below 0


def everybody_looks_around(story):
    """The pages that no step came by; then the last look at what went wrong unseen."""
    for path in ("/", "/rules/", "/api/docs/", "/o/", "/o/roles/", "/projects/", "/notices/",
                 "/people/settings/", "/accounts/email/", "/accounts/password/change/",
                 "/accounts/2fa/", "/accounts/sessions/"):  # fmt: skip
        story.berta.go(path)
    for path in ("/work/", "/people/credentials/", "/people/profile/"):
        story.cora.go(path)
    for path in ("/", "/accounts/login/", "/accounts/signup/", "/work/", story.url("offer"),
                 "/pay/", "/fees/", "/rules/", "/who-runs-this/", "/is-it-us/", "/privacy/",
                 "/terms/", "/accessibility/", "/contact/", "/contact/link/",
                 "/styleguide/", "/notices/outbox/"):  # fmt: skip
        story.nobody.go(path)
    everybody = (story.berta, story.cora, story.ada, story.adam, story.bill, story.nobody)
    seen: set[str] = set().union(*(each.visited for each in everybody))
    for each in (story.berta, story.cora, story.ada, story.nobody):
        each.look_around(seen)
    for path in (f"/projects/{story.project}/live/", "/o/new/"):
        with story.cora.refused(404):
            story.cora.page.goto(path)
    for each in everybody:
        assert not each.faults, "\n".join(each.faults)
    barriers = [line for each in everybody for line in each.barriers]
    assert not barriers, "\n".join(barriers)
