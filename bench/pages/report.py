"""The section on pages; every sentence about a result follows from it."""

import datetime as dt
import uuid
from statistics import median
from typing import Any

import psycopg
from playwright.sync_api import sync_playwright

from bench import page
from bench.flow import ours
from bench.pages.chromium import Visit, visit
from marketplace.runtime import browser as chromium
from marketplace.runtime import instance
from marketplace.runtime.house import House
from tests.factories import large

ROWS = (1, 100)
SIZES = (1_000, 100_000)
PLACES = ("first", "middle", "last")
LIST_ROUNDS = 15
RATIO_GOAL = 2
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
                lists = {size: _lists(site, size) for size in SIZES}
    return [*_lines(visits, queries), "", *_list_lines(lists)]


def _lists(site: ours.Ours, size: int) -> dict[str, dict[str, list[float]]]:
    """The lists of a project after it has grown to this size: list → place → milliseconds."""
    print(f"-> lists of {size:,} rows", flush=True)
    project = site.staged["projects"][0]
    with psycopg.connect(instance.environment(ours.INSTANCE).database_admin_url) as session:
        row = session.execute("SELECT contributor_id FROM work_enrolment").fetchone()
        assert row
        large.grow(
            session,
            project=uuid.UUID(project),
            contributor=row[0],
            now=dt.datetime.now(dt.UTC),
            readers=[row[0]],
            rows=size,
            name=f"of-{size}",
        )
    return ours.stage(site.house, "bench.pages.lists", project, LIST_ROUNDS)


def _list_lines(lists: dict[int, dict[str, dict[str, list[float]]]]) -> list[str]:
    small, big = (lists[size] for size in SIZES)
    rows, worst = [], 0.0
    for name, places in big.items():
        cells = []
        for place in PLACES:
            if place not in places:
                cells.append("—")
                continue
            before, after = median(small[name][place]), median(places[place])
            worst = max(worst, after / before)
            cells.append(f"{before:.0f} → {after:.0f} ms, {after / before:.2f}")
        rows.append([name, *cells])
    few, many = SIZES
    return [
        (
            f"{many:,} rows against {few:,} of items, answers, earning lines and notices, by one"
            f" contributor on one project: the server's time for a page, median of {LIST_ROUNDS},"
            " and its ratio. No web server is between; every query is."
        ),
        "",
        *page.table(["list", *(f"{place} page" for place in PLACES)], rows),
        "",
        f"Goal: no page takes more than {RATIO_GOAL} times as long. The worst is {worst:.2f}.",
    ]


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
