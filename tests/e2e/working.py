"""The contributor's first half of the story: from signing up to four answers."""

from tests.e2e.browsing import code_for, until
from tests.e2e.hands import Keys

# Clicks, keys and fields from signing up to the first answer that is paid, whatever it is worth.
HANDS_TO_THE_FIRST_ANSWER = 25


def contributor_signs_up_and_onboards(story):
    """By keyboard alone; each thing is found by the role and name that a screen reader says."""
    cora, page = story.cora, story.cora.page
    cora.go("/accounts/signup/")
    keys = Keys(page)
    keys.fill(Your_name=cora.name, Email=cora.address)
    keys.to("textbox", "Password")
    page.keyboard.type(cora.password)
    keys.to("textbox", "Password (again)")
    page.keyboard.type(cora.password)
    keys.tick("I accept the terms")
    keys.press("Sign Up")
    code = until(lambda: code_for(cora.address, story.house.outbox))
    keys.fill(Code=code)
    keys.key("Enter")
    page.get_by_role("heading", name=f"Hello, {cora.name}").wait_for()
    cora.look()
    keys.follow("Make a contributor profile")
    keys.choose("Country in which you work", "United States")
    keys.tick("English")
    keys.tick("I am 18 or older")
    keys.press("Save the profile")
    cora.look()
    keys.follow("Payouts")
    keys.press("Set up payouts")
    keys.follow("Continue to Stripe")
    cora._fits(page)
    keys.press("Finish with test data")
    cora.reads("Stripe can pay you.")
    cora.look()


def contributor_agrees_and_qualifies(story):
    """From the board to the first item without a mouse; at the first answer hands are counted."""
    cora, page = story.cora, story.cora.page
    keys = Keys(page)
    keys.follow("Board")
    cora.look()
    keys.follow(story.title)
    assert page.url.endswith(story.url("offer"))
    cora.look()
    for words in ("Berta Maas owns all of it.", "A classifier of questions in mails.", "$4.00"):
        assert words in cora.text()
    keys.tick("I have read the offer")
    keys.press("Agree and join")
    cora.look()
    for number in range(2):
        keys.press("Take the next item")
        cora.look()
        keys.to("radio", "")
        answer(cora, "1" if "Question one" in cora.text() else "2")
        keys.key("Enter")
        if number == 0:
            assert len(cora.hands) <= HANDS_TO_THE_FIRST_ANSWER, "\n".join(cora.hands)
    cora.reads("Passed: 2 of 2 right.")
    cora.look()
    keys.follow("Go on")


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
    Keys(page).follow("My work")
    cora.look()
