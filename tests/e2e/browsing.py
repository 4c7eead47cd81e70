"""People with a browser: two windows each, and nothing goes wrong unseen in either."""

import contextlib
import email
import functools
import os
import re
import time
from collections.abc import Callable, Iterator
from email import policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from marketplace.runtime import node
from tests.e2e.hands import Counted

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32,}|cs_test_\w+")
POLL_MS = 200
# For a worker on a busy machine; nothing here says how fast anything is.
PATIENCE = 120
# What axe found, short enough for a person: rule, where, and why.
AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
  (found) => found.nodes.map((at) => `axe ${found.id}: ${at.target.join(" ")}: ` +
    [...at.any, ...at.all, ...at.none].slice(0, 1).map((why) => why.message)))"""
# What changes with the scheme is colours alone.
CONTRAST = AXE.replace("{resultTypes", '{runOnly: ["color-contrast"], resultTypes')
SCHEMES = ("light", "dark")


class Person:
    """Somebody who is signed in, or about to be. `page` is the desk's window, `phone` the other.

    `faults` collects what no page may have: console errors and warnings, exceptions, requests that
    failed or were refused without being asked for (`refused`). What axe-core finds is in
    `barriers`, apart, so that a whole story tells all of them at once.
    `hands` has a line for each click, key, field and address that the desk's window was given.
    """

    def __init__(self, browser: Any, *, name: str, address: str, url: str) -> None:
        self.name, self.address, self.url = name, address, url
        self.password = f"{name} keeps bees in winter"
        self.faults: list[str] = []
        self.asked: int | None = None
        self.barriers: list[str] = []
        self.hands: list[str] = []
        self.examined: set[str] = set()
        self.visited: set[str] = set()
        self.context = browser.new_context(
            viewport=DESK, base_url=url, accept_downloads=True, reduced_motion="reduce"
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self.page, self.phone = Counted(self._window(), self.hands), self._window()
        self.phone.set_viewport_size(PHONE)

    def _window(self) -> Any:
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._fault(page, f"exception {error}"))
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    def _fault(self, page: Any, text: str) -> None:
        self.faults.append(f"{self.name} at {IDS.sub('…', page.url)}: {text}")

    def _said(self, message: Any) -> None:
        # Chromium writes a line for each refused request; those are counted as responses.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self._fault(message.page, f"console: {message.text}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400 and response.status != self.asked:
            request = response.request
            self._fault(request.frame.page, f"{response.status} {request.method} {response.url}")

    def _failed(self, request: Any) -> None:
        # A page that is left drops its polls.
        if request.failure != "net::ERR_ABORTED":
            self._fault(request.frame.page, f"{request.failure} {request.url}")

    @contextlib.contextmanager
    def refused(self, status: int) -> Iterator[None]:
        """One answer with this status is what the story wants here."""
        self.asked = status
        yield
        self.asked = None

    # ── Moving about ────────────────────────────────────────────────────────────────────────────

    def go(self, path: str, *, look: bool = True) -> None:
        self.page.goto(path)
        if look:
            self.look()

    def look(self) -> None:
        """The page as it stands, and once more on a phone: fits, has one heading, says no fault.

        axe-core reads each address once, at both widths and in both schemes: all rules in one of
        the schemes, those about colours in the other.
        """
        self._fits(self.page)
        self.visited.add(page_name(self.page.url))
        self.phone.goto(self.page.url)
        self._fits(self.phone)
        name = IDS.sub("", self.page.url.removeprefix(self.url)).strip("/").replace("/", "_")
        if name not in self.examined:
            turn = len(self.examined)
            self.examined.add(name)
            for page in (self.page, self.phone):
                turn += 1
                self._examine(page, first=SCHEMES[turn % 2], second=SCHEMES[(turn + 1) % 2])
        if "SHOTS" in os.environ:
            self._shoot(re.sub(r"\W+", "_", name) or "home")
        assert not self.faults, "\n".join(self.faults)

    def _fits(self, page: Any) -> None:
        wide = page.evaluate("document.documentElement.scrollWidth")
        where = f"{page.url} is {wide} wide at {page.viewport_size['width']}"
        if wide > page.viewport_size["width"]:
            self.faults.append(where)
        headings = page.locator("h1").count()
        if headings != 1:
            self.faults.append(f"{page.url} has {headings} main headings")

    def _examine(self, page: Any, *, first: str, second: str) -> None:
        page.evaluate(axe_core())
        for scheme, rules in ((first, AXE), (second, CONTRAST)):
            page.emulate_media(color_scheme=scheme)
            where = f"({page.viewport_size['width']} px, {scheme})"
            for found in page.evaluate(rules):
                self.barriers.append(f"{self.name} at {IDS.sub('…', page.url)} {where}: {found}")
        page.emulate_media(color_scheme="light")

    def look_around(self, seen: set[str]) -> None:
        """Follow the links from page to page, and look at each page that is not in `seen`.

        A page is its name in the addresses, so that one project stands for all. `seen` grows.
        """
        self.go("/", look=False)
        links = self._links()
        for path in links:
            name = page_name(path)
            if name in seen:
                continue
            seen.add(name)
            self.go(path)
            # It may have led elsewhere, such as to the password.
            seen.add(page_name(self.page.url))
            links.extend(link for link in self._links() if link not in links)

    def _links(self) -> list[str]:
        """The paths of this site that the page links to; what is downloaded is no page."""
        return self.page.evaluate(
            "[...document.querySelectorAll('a[href^=\"/\"]:not([download])')]"
            ".map((link) => link.getAttribute('href').split('#')[0])"
        )

    def _shoot(self, name: str) -> None:
        folder = Path(os.environ["SHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        for page, width in ((self.page, 1280), (self.phone, 390)):
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                path = folder / f"{self.name}-{name}-{width}-{scheme}.png"
                page.screenshot(path=path, full_page=True)
            page.emulate_media(color_scheme="light")

    def press(self, text: str, *, exact: bool = True) -> None:
        """Press the button with this text, and wait for what comes."""
        self.page.get_by_role("button", name=text, exact=exact).first.click()
        self.page.wait_for_load_state("load")

    def follow(self, text: str, *, exact: bool = True) -> None:
        self.page.locator("main").get_by_role("link", name=text, exact=exact).first.click()
        self.page.wait_for_load_state("load")

    def fill(self, **fields: str) -> None:
        """Fields by their name; `__` stands for the hyphen of a prefix."""
        for name, value in fields.items():
            self.page.fill(f'main [name="{name.replace("__", "-")}"]', value)

    def reads(self, text: str) -> None:
        """Wait until the page says so."""
        self.page.locator("main").get_by_text(text).first.wait_for()

    def reloads_until(self, text: str, *, seconds: float = PATIENCE) -> None:
        """A page without polling, loaded again until it says so."""
        end = time.monotonic() + seconds
        while text not in self.page.inner_text("main"):
            assert time.monotonic() < end, f"{self.page.url} never said {text!r}"
            self.page.wait_for_timeout(POLL_MS)
            self.page.reload()

    def text(self) -> str:
        return self.page.inner_text("main")

    # ── Signing up and in ───────────────────────────────────────────────────────────────────────

    def sign_up(self, outbox: Path) -> None:
        self.go("/accounts/signup/")
        self.fill(name=self.name, email=self.address)
        self.fill(password1=self.password, password2=self.password)
        self.page.check("main [name=has_accepted]")
        self.page.locator("main form button[type=submit]").first.click()
        self.page.wait_for_selector("[name=code]")
        self._fits(self.page)
        code = until(lambda: code_for(self.address, outbox))
        self.fill(code=code)
        self.page.locator("main form button[type=submit]").first.click()
        self.page.get_by_role("heading", name=f"Hello, {self.name.split()[0]}").wait_for()
        self.look()

    def sign_in(self) -> None:
        self.go("/accounts/login/")
        self.fill(login=self.address, password=self.password)
        self.page.get_by_role("button", name="Sign In", exact=True).click()
        self.page.get_by_role("heading", level=1).wait_for()
        self.page.wait_for_url(lambda url: "/login/" not in url)


def page_name(url: str) -> str:
    """The name of an address in urls.py, such as `work:offer`; "" for what is not ours."""
    try:
        return resolve(urlsplit(url).path).view_name
    except Resolver404:
        return ""


@functools.cache
def axe_core() -> str:
    """axe-core's source, from npm by the lock file."""
    runner = node.find()
    assert runner, "axe-core comes from npm, which needs Node.js; none was found."
    assert node.install(runner, dev=True, say=lambda _text: None), "npm could not install axe-core."
    return (node.MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def until[Found](find: Callable[[], Found | None], *, seconds: float = PATIENCE) -> Found:
    """What `find` gives as soon as it is not None."""
    end = time.monotonic() + seconds
    while (found := find()) is None:
        assert time.monotonic() < end, f"nothing came within {seconds} s"
        time.sleep(POLL_MS / 1000)
    return found


def code_for(address: str, outbox: Path) -> str | None:
    """The confirmation code in the mail to this address."""
    for path in sorted(outbox.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True):
        for part in path.read_bytes().split(b"-" * 79):
            mail = email.message_from_bytes(part.lstrip(), policy=policy.default)
            if address in str(mail["To"]):
                found = re.search(
                    r"^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", str(mail.get_content()), re.MULTILINE
                )
                if found:
                    return found[1]
    return None
