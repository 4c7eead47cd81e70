"""The frame in a real browser: no console message, nothing wider than a phone, in both schemes."""

import os
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from apps.organizations import actions as organizations
from apps.organizations.queries import actor_of
from marketplace.runtime import browser as chromium
from tests.factories import accounts

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator:
    path = chromium.find_or_install()
    assert path, "No Chromium here, and none could be installed."
    # Playwright's loop runs in this thread, which makes Django refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_api.sync_playwright() as play:
        running = play.chromium.launch(**chromium.launch_options(path))
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser, live_server, request) -> Iterator:
    context = browser.new_context(
        viewport=PHONE, color_scheme=getattr(request, "param", "light"), base_url=live_server.url
    )
    made = context.new_page()
    made.said = []
    made.on(
        "console",
        lambda message: message.type in {"error", "warning"} and made.said.append(message.text),
    )
    made.on("pageerror", lambda error: made.said.append(str(error)))
    yield made
    context.close()


def sign_in(page, user, live_server) -> None:
    client = Client()
    client.force_login(user)
    page.context.add_cookies(
        [
            {"name": "wagefile_session", "value": client.cookies["wagefile_session"].value,
             "url": live_server.url}
        ]
    )  # fmt: skip


def visit(page, url: str) -> None:
    page.goto(url)
    width = page.evaluate("document.documentElement.scrollWidth")
    if "SHOTS" in os.environ:
        name = url.strip("/").replace("/", "_") or "home"
        scheme = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        page.screenshot(path=f"{os.environ['SHOTS']}/{name}-{scheme}.png", full_page=True)
    assert width <= page.viewport_size["width"], f"{url} is {width} wide"
    assert page.said == [], url


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_public_pages_fit_a_phone(page, transactional_db):
    for name in ("home", "pages:rules", "organizations:roles", "api-docs", "account_signup",
                 "pages:pay", "pages:fees", "pages:operator", "pages:genuine", "pages:privacy",
                 "pages:accessibility", "terms:current", "terms:versions", "contact:write",
                 "contact:link"):  # fmt: skip
        visit(page, reverse(name))
    visit(page, reverse("account_login"))


def test_the_live_example_after_a_swap_is_that_of_a_fresh_page(page, transactional_db):
    """A change of a field asks through htmx; the address it leaves shows the same without htmx."""
    page.goto(reverse("pages:pay"))
    before = page.inner_html("#result").strip()
    with page.expect_response(lambda answer: "ending=rejected" in answer.url):
        page.select_option("[name=ending]", "rejected")
    page.get_by_text("Rejected work done in good faith").wait_for()
    page.wait_for_url("**ending=rejected**")
    swapped = page.inner_html("#result").strip()
    assert swapped != before
    page.reload()
    assert page.inner_html("#result").strip() == swapped
    assert page.said == []


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_own_pages_fit_a_phone(page, live_server, transactional_db, now):
    gus = accounts.contributor("gustav-with-a-rather-long-name", now=now)
    made = {"country": "US", "currency": "USD", "owners": "Gus"}
    org = organizations.create(name="Globex" * 6, by=actor_of(gus), now=now, **made)
    sign_in(page, gus, live_server)
    for name in ("home", "people:settings", "people:profile", "people:credentials",
                 "notices:list", "organizations:list", "organizations:new", "account_email",
                 "mfa_index", "usersessions_list"):  # fmt: skip
        visit(page, reverse(name))
    for name in ("show", "people", "change"):
        visit(page, reverse(f"organizations:{name}", args=[org.slug]))


def test_staff_pages_fit_a_phone(page, live_server, transactional_db, now):
    ada = accounts.user("ada", is_staff=True)
    carol = accounts.contributor("carol", now=now)
    sign_in(page, ada, live_server)
    for url in (reverse("home"), reverse("people:staff-list"), reverse("pages:books"),
                reverse("people:staff-person", args=[carol.id])):  # fmt: skip
        visit(page, url)


def test_the_keyboard_reaches_the_content_first(page, transactional_db):
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_htmx_sends_the_token(page, live_server, transactional_db, now):
    """The cookie is hidden from scripts; the header comes from the page itself."""
    carol = accounts.contributor("carol", now=now)
    sign_in(page, carol, live_server)
    page.goto(reverse("notices:list"))
    page.evaluate(
        """() => {
          const button = document.createElement("button");
          button.id = "probe";
          button.setAttribute("hx-post", "/notices/read/");
          button.setAttribute("hx-swap", "none");
          document.querySelector("main").append(button);
          htmx.process(document.querySelector("main"));
        }"""
    )
    with page.expect_request("**/notices/read/") as sent:
        page.click("#probe")
    assert len(sent.value.headers["x-csrftoken"]) == 64
    assert sent.value.response().status == 302
    assert page.said == []


def test_a_security_key_adds_a_passkey_and_signs_in(page, live_server, transactional_db):
    """A virtual authenticator of the browser stands for the key; our CSP lets the scripts run."""
    alice = accounts.user("alice")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    base = live_server.url.replace("127.0.0.1", "localhost")
    page.goto(base + reverse("account_login"))
    page.fill("#id_login", alice.email)
    page.fill("#id_password", accounts.PASSWORD)
    page.get_by_role("button", name="Sign In", exact=True).click()
    page.goto(base + reverse("mfa_add_webauthn"))
    page.fill("#id_password", accounts.PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.fill("#id_name", "My key")
    page.check("#id_passwordless")
    with page.expect_navigation():
        page.click("#mfa_webauthn_add")
    page.get_by_role("heading", level=1).wait_for()
    page.context.clear_cookies()
    page.goto(base + reverse("account_login"))
    page.click("#passkey_login")
    page.wait_for_url(base + "/")
    assert "Hello, Alice" in page.inner_text("h1")
    assert page.said == []


def test_a_list_is_sorted_in_place(page, live_server, acme, alice, project, now):
    """The list alone is drawn anew, the address says how, and the keyboard stays on the head."""
    for title in ("Zebra", "Aardvark"):
        made = project(acme, title=title)
        type(made).objects.filter(id=made.id).update(title=title)
    page.set_viewport_size({"width": 1280, "height": 900})
    sign_in(page, alice, live_server)
    visit(page, reverse("projects:list"))
    page.evaluate("window.isSame = true")
    page.locator("#sort-title").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/?sort=title")
    page.locator("th[aria-sort=ascending] #sort-title").wait_for()
    titles = page.locator("#list tbody td:first-child").all_inner_texts()
    assert titles == sorted(titles)
    assert page.evaluate("window.isSame") is True
    assert page.evaluate("document.activeElement.id") == "sort-title"
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/?sort=-title")
    page.locator("th[aria-sort=descending] #sort-title").wait_for()
    page.go_back()
    page.locator("th[aria-sort=ascending] #sort-title").wait_for()
    assert page.locator("h1").count() == 1
    assert page.said == []
