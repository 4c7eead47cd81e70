"""The whole story of the domain once, in a real browser against everything real but the bank.

A buyer funds, writes and publishes; a contributor qualifies, works with the keyboard, appeals and
disputes; two administrators decide; the money is paid out and the release adds up to it.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.browsing import Person
from tests.e2e.served import Served, served

pytestmark = [pytest.mark.browser, pytest.mark.worker]

QUESTION = "Does this sentence ask something?"
# The first letter of an item says which answer is right.
ITEMS = [f"{'Q' if n % 2 else 'S'}{n}" for n in range(1, 9)]
BROKEN_ROW = 'item_id,text,gold\n"I9","",""\n'
DECISIONS = (
    "judgement", "use", "consequence", "worker_brings", "worker_status", "wage_benchmark",
    "protections", "data_rights", "internal_path", "budget_owner",
)  # fmt: skip
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
    project: str = ""
    people: list[Person] = field(default_factory=list)

    def url(self, name: str) -> str:
        return {
            "live": f"/projects/{self.project}/live/",
            "review": f"/work/review/projects/{self.project}/",
            "offer": f"/work/offers/{self.project}/",
            "desk": f"/work/projects/{self.project}/",
            "releases": f"/releases/project/{self.project}/",
        }[name]


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
    for each in (made.berta, made.cora, made.ada, made.adam):
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
    everybody_looks_around(story)


# ── The buyer ───────────────────────────────────────────────────────────────────────────────────


def buyer_signs_up_and_funds(story):
    berta = story.berta
    berta.go("/")
    berta.sign_up(story.house.outbox)
    berta.go("/o/new/")
    berta.fill(name=f"Maas Data {berta.address[6:12]}", owners="Berta Maas owns all of it.")
    berta.page.select_option("[name=country]", "US")
    berta.page.select_option("[name=currency]", "USD")
    berta.press("Found it")
    berta.look()
    berta.follow("Wallet", exact=False)
    berta.look()
    berta.fill(fund__amount="600")
    berta.press("Go on to payment")
    berta.look()
    berta.follow("Continue to Stripe")
    berta._fits(berta.page)
    berta.press("Pay 600.00 USD")
    berta.reads("arrived in the wallet")
    berta.look()
    berta.follow("To the wallet")
    assert "600.00" in berta.page.inner_text("#wallet-balance")


def buyer_writes_the_project(story):
    berta, page = story.berta, story.berta.page
    berta.go("/projects/new/")
    berta.fill(title="Is it a question?")
    berta.press("Begin the draft")
    story.project = re.search(r"/projects/([0-9a-f-]{36})/", page.url)[1]
    berta.look()
    berta.fill(
        work__instructions="Read the sentence to its end. Say whether it asks something.",
        work__estimate_seconds="30",
        config__question=QUESTION,
        config__choices="yes = Yes, it asks\nno = No, it states",
        pay__base="4.00",
        pay__qualification="1.50",
    )
    berta.press("Save and continue")
    berta.look()
    anchors = {"1": "Wrong", "3": "Can be defended", "5": "As a careful reader would"}
    for step, words in anchors.items():
        page.fill(f"[name=rubric-0-anchor_{step}]", words)
    berta.fill(rubric__0__title="The answer is right", rubric__0__weight="3")
    page.get_by_role("button", name="Add a rubric line").click()
    for step, words in anchors.items():
        page.fill(f"[name=rubric-1-anchor_{step}]", words)
    berta.fill(rubric__1__title="Read to the end", rubric__1__weight="1")
    berta.press("Save and continue")
    berta.look()
    berta.fill(tiers__0__title="Readers", tiers__0__regions="US", tiers__0__languages="en")
    page.check("[name=tiers-0-has_qualification]")
    page.fill("[name=tiers-0-items]", "2")
    page.fill("[name=tiers-0-pass_percent]", "100")
    page.fill("[name=tiers-0-seats]", "3")
    berta.press("Save and continue")
    page.fill("[name=items-overlap]", "1")
    page.fill("[name=items-gold_percent]", "10")
    berta.press("Save and continue")
    berta.fill(
        consent__purpose="Evaluating a classifier of questions.",
        consent__licence="CC BY 4.0",
        consent__term="Five years",
        consent__withdrawal="By a message, until the first release.",
        disclosure__trains="A classifier of questions in mails.",
        budget__amount="500",
    )
    for key in DECISIONS:
        page.fill(f"[name=decision-{key}]", f"Our answer about {key.replace('_', ' ')}.")
    berta.press("Save and continue")
    berta.look()


def buyer_uploads_items(story):
    berta, page = story.berta, story.berta.page
    items = story.folder / "items.csv"
    rows = [f'{name},"{sentence(name)}",{right(name) if n < 2 else ""}\n'
            for n, name in enumerate(ITEMS)]  # fmt: skip
    items.write_text("item_id,text,gold\n" + "".join(rows) + "broken,,\n")
    upload(story, items, "work")
    berta.reads("8 rows can be used, 1 cannot")
    berta.look()
    assert "10" in page.locator("main table td.num").first.inner_text()  # the line in the file
    berta.press("Keep the 8 good rows")
    berta.reads("8 rows became items")
    check = story.folder / "qualification.csv"
    check.write_text(
        "item_id,text,gold,explanation\n"
        'QQ,"Question one: is this one?",yes,"It asks."\n'
        'QS,"Sentence two states it.",no,"It states."\n'
    )
    upload(story, check, "qualification")
    berta.reads("2 rows became items")
    berta.go(f"/projects/{story.project}/items/")
    assert ITEMS[0] in berta.text()


def upload(story, path, purpose):
    berta, page = story.berta, story.berta.page
    berta.go(f"/projects/{story.project}/draft/items/")
    page.set_input_files("[name=file]", str(path))
    page.select_option("[name=purpose]", purpose)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url("**/imports/**")


def sentence(name):
    return f"Sentence {name}: {'is it one?' if name[0] == 'Q' else 'it is one.'}"


def right(name):
    return "yes" if name[0] == "Q" else "no"


def buyer_publishes(story):
    berta = story.berta
    berta.go(f"/projects/{story.project}/preview/")
    assert QUESTION in berta.text()
    berta.go(f"/projects/{story.project}/review/")
    berta.reads("Every condition for publishing is met.")
    berta.follow("Continue to publishing")
    berta.look()
    berta.press("Publish and hold", exact=False)
    berta.reads("criteria v1 is frozen")
    berta.look()
    berta.go(f"/projects/{story.project}/criteria/")
    for step in ("pause", "top-up", "extend", "close"):
        berta.go(f"/projects/{story.project}/do/{step}/")


# ── The contributor ─────────────────────────────────────────────────────────────────────────────


def contributor_signs_up_and_onboards(story):
    cora, page = story.cora, story.cora.page
    cora.sign_up(story.house.outbox)
    cora.go("/people/profile/")
    page.select_option("[name=region]", "US")
    page.check("[name=languages][value=en]")
    page.check("[name=is_adult]")
    cora.press("Save the profile")
    cora.go("/payments/payouts/")
    cora.press("Set up payouts")
    cora.follow("Continue to Stripe")
    cora._fits(page)
    cora.press("Finish with test data")
    cora.reads("Stripe can pay you.")
    cora.look()


def contributor_agrees_and_qualifies(story):
    cora, page = story.cora, story.cora.page
    cora.go("/work/")
    page.goto(story.url("offer"))
    cora.look()
    for words in ("Berta Maas owns all of it.", "A classifier of questions in mails.", "$4.00"):
        assert words in cora.text()
    page.check("[name=has_consented]")
    cora.press("Agree and join")
    cora.look()
    for _ in range(2):
        take_next(cora)
        cora.look()
        answer(cora, "1" if "Question one" in cora.text() else "2")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/work/projects/"))
    cora.reads("Passed: 2 of 2 right.")
    cora.look()
    cora.follow("Go on")


def take_next(cora):
    """By keyboard: the button has the focus when the desk opens."""
    cora.page.wait_for_load_state("load")
    cora.page.keyboard.press("Enter")
    cora.page.wait_for_url("**/work/assignments/**")
    cora.page.wait_for_load_state("load")


def answer(cora, key):
    cora.page.keyboard.press(key)
    assert cora.page.locator(f"[data-shortcut='{key}']").is_checked()


def contributor_works_by_keyboard(story):
    """Four items: the first with a reload in the middle and an undo."""
    cora, page = story.cora, story.cora.page
    take_next(cora)
    answer(cora, "2")
    page.locator("[data-draft-said]").get_by_text("Draft saved.").wait_for()
    page.reload()
    assert page.locator("[data-shortcut='2']").is_checked(), "the draft is lost"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{story.url('desk')}")
    cora.reads("You can take it back")
    cora.look()
    page.keyboard.press("u")
    page.wait_for_url("**/work/assignments/**")
    assert page.locator("[data-shortcut='2']").is_checked(), "undo lost the answer"
    page.keyboard.press("?")
    cora.reads("leave a text field")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{story.url('desk')}")
    for _ in range(3):
        take_next(cora)
        answer(cora, "1" if "is it one?" in cora.text() else "2")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{story.url('desk')}")
    cora.go("/work/mine/")


# ── Scores and verdicts ─────────────────────────────────────────────────────────────────────────


def scores_appear_by_themselves(story):
    berta, page = story.berta, story.berta.page
    berta.go(story.url("live"))
    berta.reads("Nothing is scored yet.")
    page.evaluate("window.notReloaded = true")
    story.house.advance(seconds=61)
    page.get_by_text("Over 4 answers, finished").wait_for(timeout=60_000)
    page.get_by_text("answers to gold items are right").wait_for(timeout=30_000)
    page.get_by_role("link", name="Review the queue").wait_for(timeout=30_000)
    assert page.evaluate("window.notReloaded") is True
    berta.look()


def reviewer_decides(story):
    """One accepted, one for rework, one rejected after a refused try; one is left to silence."""
    berta, page = story.berta, story.berta.page
    berta.go("/work/review/")
    berta.go(story.url("review"))
    assert page.locator("main tbody tr").count() == 4
    # The first answer is the wrong one (see contributor_works_by_keyboard); it comes first.
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
    cora.go("/work/mine/")
    cora.follow("Appeal this rejection")
    cora.look()
    cora.fill(reason=REASON)
    cora.press("File the appeal")
    cora.reads(REASON)
    cora.look()
    cora.go("/work/earnings/")
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
    story.cora.go("/work/earnings/")
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
    cora.go("/payments/payouts/")
    cora.press("Pay me out")
    cora.reads("is reserved and on its way to you")
    cora.look()
    cora.reloads_until("At your Stripe account")
    story.house.double("clock", advance_seconds=3 * 86400)
    cora.reloads_until("Sent to your bank")
    cora.look()
    cora.go("/work/earnings/")
    with page.expect_download() as got:
        cora.page.get_by_role("link", name="Statement (CSV)").click()
    assert Path(got.value.path()).read_text().count("\n") >= 6


def release_adds_up(story):
    """The wage file, the buyer's page and the contributor's earnings say the same sums."""
    berta, page = story.berta, story.berta.page
    berta.go(story.url("releases"))
    berta.press("Make a release")
    berta.reads("Net, paid to contributors")
    berta.look()
    files = {}
    for link in page.locator("main a[download]").all():
        with page.expect_download() as got:
            link.click()
        files[got.value.suggested_filename] = Path(got.value.path()).read_text()
    wages = json.loads(next(text for name, text in files.items() if "wage" in name))
    sums = {key: sum(line[key] for line in wages["lines"]) for key in ("gross", "fee", "net")}
    assert sums["gross"] == sums["net"] + sums["fee"] > 0
    shown = [cents(text) for text in page.locator("#release dd").all_inner_texts()[:3]]
    assert shown == [sums["gross"], sums["fee"], sums["net"]]
    story.cora.go("/work/earnings/")
    row = story.cora.page.locator("main table").first.locator("tbody tr").first
    earned = [cents(cell) for cell in row.locator("td").all_inner_texts()[2:5]]
    assert earned == shown
    berta.go(story.url("live"))
    assert written(sums["net"]) in berta.text()


def cents(text):
    return int(re.sub(r"\D", "", text))


def written(amount):
    return f"{amount // 100}.{amount % 100:02d}"


def everybody_looks_around(story):
    """The pages that no step came by; then the last look at what went wrong unseen."""
    for path in ("/", "/rules/", "/api/docs/", "/o/", "/o/roles/", "/projects/", "/notices/",
                 "/people/settings/", "/accounts/email/", "/accounts/password/change/",
                 "/accounts/2fa/", "/accounts/sessions/"):  # fmt: skip
        story.berta.go(path)
    for path in ("/work/", "/people/credentials/", "/people/profile/"):
        story.cora.go(path)
    for path in (f"/projects/{story.project}/live/", "/o/new/"):
        with story.cora.refused(404):
            story.cora.page.goto(path)
    for each in (story.berta, story.cora, story.ada, story.adam):
        assert not each.faults, "\n".join(each.faults)
