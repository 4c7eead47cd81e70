"""A buyer in a hurry: from signing up to a published project with as little as the pages allow."""

from tests.e2e.buying import DECISIONS

# Clicks, keys and fields; see hands.py for what counts.
HANDS_TO_A_PROJECT = 60


def a_hurried_buyer_publishes(story):
    bill, page = story.bill, story.bill.page
    bill.sign_up(story.house.outbox)
    bill.follow("Found an organization", exact=False)
    bill.fill(name=f"Quick {bill.address[5:11]}", owners="Bill Hart owns all of it.")
    page.select_option("[name=country]", "US")
    bill.press("Found it")
    bill.follow("Wallet", exact=False)
    bill.fill(fund__amount="300")
    bill.press("Go on to payment")
    bill.follow("Continue to Stripe")
    bill.press("Pay 300.00 USD")
    bill.reads("arrived in the wallet")
    bill.go("/projects/new/", look=False)
    bill.fill(title="Quick question")
    bill.press("Begin the draft")
    draft = page.url.rsplit("/draft/", 1)[0]
    bill.fill(
        work__instructions="Read the sentence. Say whether it asks something.",
        work__estimate_seconds="30",
        config__question="Does this sentence ask something?",
        config__choices="Yes\nNo",
        pay__base="1.00",
    )
    bill.press("Save and continue")
    bill.fill(
        rubric__0__title="The answer is right",
        rubric__0__anchor_1="Wrong",
        rubric__0__anchor_3="Can be defended",
        rubric__0__anchor_5="As a careful reader would",
    )
    bill.press("Save and continue")
    bill.fill(tiers__0__title="Everybody", tiers__0__regions="US")
    bill.press("Save and continue")
    rows = story.folder / "quick.csv"
    lines = [f'{n},"Is it {n}?",{"yes" if n < 3 else ""}' for n in range(10)]
    rows.write_text("\n".join(["item_id,text,gold", *lines, ""]))
    page.set_input_files("[name=file]", str(rows))
    page.get_by_role("button", name="Upload", exact=True).click()
    bill.reads("10 rows became items")
    bill.go(f"{draft}/draft/terms/", look=False)
    bill.fill(
        consent__purpose="Evaluating a classifier of questions.",
        disclosure__trains="A classifier of questions in mails.",
        budget__amount="200",
    )
    for key in DECISIONS:
        page.fill(f"[name=decision-{key}]", "As the offer says.")
    bill.press("Save and continue")
    bill.reads("Every condition for publishing is met.")
    bill.follow("Continue to publishing")
    bill.press("Publish and hold", exact=False)
    bill.reads("criteria v1 is frozen")
    assert len(bill.hands) <= HANDS_TO_A_PROJECT, "\n".join(bill.hands)
