"""The two sections on claiming and submitting; every sentence about a result follows from it."""

from bench import page
from bench.flow import growth, turns
from bench.flow.growth import BIG, SMALL, Growth
from bench.flow.turns import CLIENTS, ITEMS, ROUNDS, SECONDS, Flow

SIDES = {"ours": "ours", "peer": "Label Studio", "bare": "bare view"}
GOAL = 10.0
P95_GOAL = 1.5


def flow_lines(found: Flow) -> list[str]:
    server = ", ".join(f"{name} {value}" for name, value in found.settings.items())
    sides = [side for side in SIDES if (side, CLIENTS[0]) in found.rounds]
    return [
        (
            "One step is two requests over HTTP: take the next item, and hand in its answer."
            f" {ROUNDS} rounds with 1 and with 8 clients, {SECONDS:g} s each or until {ITEMS:,}"
            " text items are done, every round on a new project; the sides take turns within a"
            " round. A client is a process with one kept connection; clients, web servers and"
            " databases share the cores. Every side runs under gunicorn with two workers of four"
            " threads and writes its access log."
        ),
        "",
        (
            f"Ours: settings of production, without TLS; PostgreSQL ({server}). Signed-in"
            " contributors, one a client; each claim checks the rules, counts what newcomers hold,"
            " reserves pay, fee and the most that can come on top in the ledger, and writes its"
            " evidence; each submission checks the answer and writes its evidence. Acceptance"
            " posts the money, days later, and is not in these numbers. Worker and beat do not run"
            " meanwhile: scores and deadlines come later in the life of an answer."
        ),
        "",
        *_peer(found),
        "",
        (
            "Bare view: Django with one SQL statement a request on the same PostgreSQL server, no"
            " sign-in and no rules: the ceiling of this machine."
        ),
        "",
        (
            "Items taken and answered, ours by those of the side below, median (range) of the"
            " rounds; **above 1 ours is faster**."
        ),
        "",
        *page.table(
            ["by", *(page.counted(clients) for clients in CLIENTS)],
            [
                [
                    SIDES[side],
                    *(page.ratio(found.ratio("ours", side, clients)) for clients in CLIENTS),
                ]
                for side in sides
                if side != "ours"
            ],
        ),
        "",
        *_goal(found),
        (
            "Absolute: items taken and answered a second, median of the rounds, and the 95th"
            " percentile of each request in milliseconds:"
        ),
        "",
        *page.table(
            ["side", "clients", "a second", "take, p95", "answer, p95"],
            [
                [
                    SIDES[side],
                    str(clients),
                    page.number(_median(found, side, clients)),
                    f"{found.p95(side, clients, 'took'):.0f}",
                    f"{found.p95(side, clients, 'answered'):.0f}",
                ]
                for side in sides
                for clients in CLIENTS
            ],
        ),
        "",
        (
            f"Afterwards, of our {found.answers} claims: no slot was given twice, each had its"
            " money reserved in the ledger, one answer and two events of evidence; the ledger was"
            " balanced (`check_ledger`) and the evidence unbroken (`check_audit`)."
        ),
    ]


def _median(found: Flow, side: str, clients: int) -> float:
    return sorted(found.rates(side, clients))[ROUNDS // 2]


def _peer(found: Flow) -> list[str]:
    if found.absent:
        return [f"**Label Studio is left out**: {found.absent}."]
    return [
        (
            f"Label Studio {found.version} in an environment of its own, PostgreSQL 17 with pg_trgm"
            " and the same settings; users signed in by its form; fetch the next task, then post"
            " an annotation; one annotation an item. It noted"
            f" {found.double_locks} times that an item was given to more people than it should be,"
            f" and {found.answered_twice} items have more than one annotation."
        )
    ]


def _goal(found: Flow) -> list[str]:
    if found.absent:
        return []
    missed = [
        page.counted(clients)
        for clients in CLIENTS
        if found.ratio("ours", "peer", clients)["median"] < GOAL
    ]
    said = f"missed with {' and with '.join(missed)}" if missed else "met"
    return [f"The goal, {GOAL:g} times Label Studio, is {said}.", ""]


def growth_lines(found: Growth) -> list[str]:
    ratio = found.p95()
    said = "met" if ratio["median"] <= P95_GOAL else "missed"
    return [
        (
            f"A claim (the action, in a transaction of its own, with its commit) in a project of"
            f" {BIG:,} items by somebody who has done {BIG // 10:,} of them, against one of"
            f" {SMALL:,} items of which {SMALL // 10} are done; every item wants three answers, one"
            f" in {growth.GOLD_EVERY} has a known answer, and {growth.GOLD_PERCENT}% of the claims"
            f" are given one of those. Two databases on one server, {growth.BLOCKS} blocks of"
            f" {growth.BLOCK} claims each, claim by claim in turns; ratios block by block, so"
            " **1 is no growth**."
        ),
        "",
        *page.table(
            ["", f"{BIG:,} by {SMALL:,}, median (range)"],
            [
                ["median of a claim", page.ratio(found.medians())],
                ["95th percentile", page.ratio(ratio)],
            ],
        ),
        "",
        f"The goal, at most {P95_GOAL:g} times at the 95th percentile, is {said}.",
        "",
        "Absolute, milliseconds over all blocks:",
        "",
        *page.table(
            ["items", "median", "95th percentile"],
            [
                [f"{items:,}", *(page.number(value) for value in found.milliseconds(name))]
                for items, name in ((SMALL, "small"), (BIG, "big"))
            ],
        ),
    ]


def measured_flow() -> list[str]:
    return flow_lines(turns.run())


def measured_growth() -> list[str]:
    return growth_lines(growth.run())
