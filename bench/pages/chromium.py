"""One page in Chromium as somebody who comes for the first time: nothing is cached."""

from dataclasses import dataclass
from typing import Any

DESK = {"width": 1280, "height": 900}
# Listens from the first byte on; what was painted and answered is read later.
LISTEN = """
window.seen = {lcp: 0, inp: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.lcp = entry.startTime;
}).observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (entry.interactionId) seen.inp = Math.max(seen.inp, entry.duration);
}).observe({type: "event", durationThreshold: 16, buffered: true});
"""
# The paint that follows a key is reported after it, so two frames are waited for.
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Milliseconds and bytes over the network. `inp` is 0 below Chromium's threshold of 16 ms."""

    lcp: float
    inp: float
    weight: int


def visit(browser: Any, *, url: str, address: str, cookies: dict[str, str]) -> Visit:
    context = browser.new_context(viewport=DESK, base_url=url)
    try:
        context.add_cookies(
            [{"name": name, "value": value, "url": url} for name, value in cookies.items()]
        )
        context.add_init_script(LISTEN)
        page = context.new_page()
        sizes = _sizes(context.new_cdp_session(page))
        answer = page.goto(address, wait_until="networkidle")
        if answer.status != 200 or not page.url.endswith(address):
            raise RuntimeError(f"{address} answered {answer.status} at {page.url}")
        lcp = page.evaluate("seen.lcp")
        # A choice, where there is one; else what a reader presses first.
        page.keyboard.press("1")
        page.keyboard.press("Tab")
        page.locator("main h1").click()
        page.evaluate(FRAMES)
        return Visit(lcp=lcp, inp=page.evaluate("seen.inp"), weight=sum(sizes.values()))
    finally:
        context.close()


def _sizes(session: Any) -> dict[str, int]:
    """Request → bytes that came for it, headers and compression as they are; no pictures."""
    sizes: dict[str, int] = {}
    pictures: set[str] = set()

    def answered(event: dict[str, Any]) -> None:
        if event["type"] == "Image":
            pictures.add(event["requestId"])

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] not in pictures:
            sizes[event["requestId"]] = int(event["encodedDataLength"])

    session.send("Network.enable")
    session.on("Network.responseReceived", answered)
    session.on("Network.loadingFinished", finished)
    return sizes
