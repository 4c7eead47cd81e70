"""The section on pages; every sentence about a result follows from it."""

from statistics import median
from typing import Any

from playwright.sync_api import sync_playwright

from bench import page
from bench.flow import ours
from bench.pages.chromium import Visit, visit
from marketplace.runtime import browser as chromium
from marketplace.runtime.house import House

ROWS = (1, 100)
VISITS = 5
LCP_GOAL, INP_GOAL, WEIGHT_GOAL = 1500, 200, 250_000


def measured_pages() -> list[str]:
    """Raises RuntimeError when there is no Chromium or a page does not come."""
    path = chromium.find_or_install()
    if path is None:
        message = "There is no Chromium, and none could be installed."
        raise RuntimeError(message)
    queries: dict[int, dict[str, int]] = {}
    visits: dict[str, list[Visit]] = {}
    for rows in ROWS:
        with ours.opened(projects=rows, items=rows, people=1, serve=rows == ROWS[-1]) as site:
            staged = ours.stage(site.house, "bench.pages.stage", site.staged["projects"][0])
            queries[rows] = {name: one["queries"] for name, one in staged.items()}
            if rows == ROWS[-1]:
                visits = _visits(path, site.house, staged)
    return _lines(visits, queries)


def _visits(path: Any, house: House, staged: dict[str, Any]) -> dict[str, list[Visit]]:
    url = f"http://127.0.0.1:{house.ports['web']}"
    with sync_playwright() as play:
        browser = play.chromium.launch(**chromium.launch_options(path))
        return {
            name: [
                visit(browser, url=url, address=one["address"], cookies=one["cookies"])
                for _ in range(VISITS)
            ]
            for name, one in staged.items()
        }


def _lines(visits: dict[str, list[Visit]], queries: dict[int, dict[str, int]]) -> list[str]:
    few, many = ROWS
    rows, misses = [], []
    for name, found in visits.items():
        lcp, inp = [one.lcp for one in found], [one.inp for one in found]
        weight = max(one.weight for one in found)
        counts = [queries[number][name] for number in ROWS]
        rows.append(
            [
                name,
                _range(lcp),
                _range(inp),
                f"{weight / 1000:.0f} kB",
                f"{counts[0]} and {counts[1]}",
            ]
        )
        misses += [
            f"{name}: {what}"
            for what, is_missed in (
                ("LCP", max(lcp) >= LCP_GOAL),
                ("INP", max(inp) >= INP_GOAL),
                ("weight", weight >= WEIGHT_GOAL),
                ("queries", counts[0] != counts[1]),
            )
            if is_missed
        ]
    return [
        (
            f"Chromium at 1280 px, {VISITS} first visits a page with nothing cached, on the machine"
            " that serves: settings of production without TLS, two workers. INP is the longest"
            " of two keys and a click (Chromium reports from 16 ms on; less counts as 0). Weight is"
            " what came over the network without pictures, the heaviest visit. Queries of one"
            f" request with {few} and with {many} projects on the list and items in the project."
        ),
        "",
        *page.table(
            ["page", "LCP ms, median (range)", "INP ms", "weight", "queries"],
            rows,
        ),
        "",
        (
            f"Goals: every LCP below {LCP_GOAL:,} ms, every INP below {INP_GOAL} ms, weight below"
            f" {WEIGHT_GOAL // 1000} kB, as many queries with {many} rows as with {few}."
            f" Missed: {'; '.join(misses) or 'none'}."
        ),
    ]


def _range(values: list[float]) -> str:
    return f"{median(values):.0f} ({min(values):.0f} – {max(values):.0f})"
