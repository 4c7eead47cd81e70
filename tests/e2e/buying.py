"""The buyer's first half of the story: from signing up to a published project."""

import re

QUESTION = "Does this sentence ask something?"
# The first letter of an item says which answer is right. Six of the eight are gold (see
# buyer_uploads_items), so that any four that are given out hold some.
ITEMS = [f"{'Q' if n % 2 else 'S'}{n}" for n in range(1, 9)]
DECISIONS = (
    "judgement", "use", "consequence", "worker_brings", "worker_status", "wage_benchmark",
    "protections", "data_rights", "internal_path", "budget_owner",
)  # fmt: skip


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
    berta.fill(title=story.title)
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
    rows = [f'{name},"{sentence(name)}",{right(name) if n < 6 else ""}\n'
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
    for step in ("pause", "top-up", "extend"):
        berta.go(f"/projects/{story.project}/do/{step}/")
    berta.go(f"/work/review/projects/{story.project}/close/")
