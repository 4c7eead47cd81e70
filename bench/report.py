"""The sections on scoring and ledger; every sentence about a result follows from it."""

from collections.abc import Sequence
from importlib.metadata import version

from bench import ledger, page, scoring, scoring_report

METHODS = {"majority": "majority", "dawid-skene": "Dawid–Skene", "alpha": "alpha, nominal"}
ACCOUNTS = {
    "spread": "spread: 1,000 guarded ones to 1,000",
    "hot fees": "hot, unguarded: 1,000 guarded ones to one fee account",
    "hot pair": "hot, unguarded on both sides: one clearing account to one fee account",
    "one fund": "hot, guarded: one project's held funds to 1,000",
}


def scoring_lines(scored: scoring.Scoring) -> list[str]:
    ours = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pyarrow"))
    peers = ", ".join(f"{name} {number}" for name, number in scored.versions.items())
    found = scored.comparisons
    return [
        (
            f"Ours with {ours}; the peers ({peers}) in an environment of their own: crowd-kit for"
            " majority and Dawid–Skene (100 iterations at most, same stop rule), krippendorff for"
            " alpha, with its `value_counts`, the smaller of its inputs. Each side is one process"
            " held to one thread. After an uncounted first run the two take turns, and"
            " who goes first"
            " changes; the time is from a table of strings in memory to the result,"
            " reading the file"
            " left out. Ours contains turning texts into sorted codes and checking repeats and"
            " gold, theirs what they do instead (crowd-kit's majority also rates the workers). Our"
            " second opinion, the package inside `agree`, is switched off here."
        ),
        "",
        *_absent(scored.absent),
        (
            "Accuracy splits ties evenly on both sides. Same labels: share of the items"
            " with the same"
            " label from both; ties are where they differ, as crowd-kit takes the first class and"
            " ours the most frequent one, or none. Time ratio: the peer's seconds by ours, pair by"
            " pair, so **above 1 ours is faster**."
        ),
        "",
        *page.table(
            [
                "crowd",
                "method",
                "ours",
                "peer",
                "same labels",
                "time ratio, median (range)",
                "CPU ratio",
                "pairs",
            ],
            [_compared(one) for one in found],
        ),
        "",
        *_verdict(found),
        "",
        "Absolute, median milliseconds:",
        "",
        *page.table(
            ["crowd", "method", "ours", "peer", "iterations, ours and peer"],
            [_absolute(one) for one in found if one.seconds],
        ),
        "",
        f"Texts into codes alone takes ours {_coding(scored)}.",
        "",
        (
            f"The generated crowd (seed {scoring.SEED}): {scoring.ITEMS:,} items,"
            f" {scoring.OVERLAP} answers each, {scoring.WORKERS:,} workers,"
            f" {scoring.CLASSES} classes;"
            " a worker's accuracy is drawn from Beta(6, 2.5), wrong answers fall evenly."
        ),
        "",
        *scoring_report.lines(scored.methods),
    ]


def _absent(names: list[str]) -> list[str]:
    if not names:
        return []
    return [
        (
            f"**Not there**: {', '.join(names)} (`../shared/data` holds no such file), so they are"
            " left out."
        ),
        "",
    ]


def _compared(one: scoring.Comparison) -> list[str]:
    alpha = one.method == "alpha"
    figure = "alpha" if alpha else "accuracy"
    if one.fault or not one.ratio or not one.cpu_ratio:
        cells = [_figure(one.ours[figure]), "cannot run", "", one.fault or "", "", ""]
    else:
        same = one.ours.get("same_labels")
        difference = f"difference {abs(one.ours['alpha'] - one.peer['alpha']):.0e}" if alpha else ""
        cells = [
            _figure(one.ours[figure]),
            _figure(one.peer[figure]),
            difference if same is None else f"{same:.2%}",
            page.ratio(one.ratio),
            page.number(one.cpu_ratio["median"]),
            str(one.pairs),
        ]
    return [one.crowd, METHODS[one.method], *cells]


def _absolute(one: scoring.Comparison) -> list[str]:
    assert one.seconds
    counts = [one.ours.get("iterations"), one.peer.get("iterations")]
    return [
        one.crowd,
        METHODS[one.method],
        *(f"{seconds * 1000:,.1f}" for seconds in one.seconds),
        "" if None in counts else f"{counts[0]}, {counts[1]}",
    ]


def _verdict(found: Sequence[scoring.Comparison]) -> list[str]:
    """Where the peer cannot run, is faster, or labels better."""
    timed = [one for one in found if one.ratio]
    groups = {
        "Peer faster": [one for one in timed if one.ratio and one.ratio["median"] < 1],
        "Peer cannot run": [one for one in found if one.fault],
        "Peer more accurate": [
            one
            for one in timed
            if one.method != "alpha" and one.peer["accuracy"] > one.ours["accuracy"] + 1e-9
        ],
    }
    lines = []
    for title, ones in groups.items():
        named = "; ".join(f"{METHODS[one.method]} on {one.crowd}" for one in ones)
        lines.append(f"- {title}: {named or 'nowhere'}.")
    return lines


def _coding(scored: scoring.Scoring) -> str:
    return ", ".join(f"{took * 1000:,.1f} ms on {crowd}" for crowd, took in scored.coding.items())


def ledger_lines(posted: ledger.Ledger) -> list[str]:
    server = ", ".join(f"{name} {value}" for name, value in posted.settings.items())
    heads = [page.counted(clients) for clients in ledger.CLIENTS]
    ours = [case for case in ledger.CASES if case.writer == ledger.OWN]
    return [
        (
            f"PostgreSQL ({server}), an own embedded server; {posted.client} for all, with prepared"
            f" statements; {ledger.ROUNDS} rounds of {ledger.SECONDS:g} s for each line and number"
            " of clients, one after the other in each round. One posting is one statement, one"
            " round trip and one commit; the clients share the cores with the server. The plain"
            " INSERT writes one row with the ledger's columns and a primary key, and no check,"
            " other index, trigger or policy. pgledger's SQL is loaded unchanged from a checkout of"
            " its repository (PGLEDGER=path) into a database of its own on this server; it keeps"
            " two entries a transfer with the balances before and after, and has no ids of the"
            " caller, hashes, holds or refusal of changes, so the two do not do the same work."
        ),
        "",
        *_goals(posted),
        "",
        (
            "Postings a second by those of pgledger with as many clients, median (range) of the"
            " rounds:"
        ),
        "",
        *page.table(
            ["accounts", *heads],
            [
                [
                    ACCOUNTS[case.accounts],
                    *(
                        _ratio(posted.ratio(case, clients, _peer(case), clients))
                        for clients in ledger.CLIENTS
                    ),
                ]
                for case in ours
            ],
        ),
        "",
        "More clients: postings a second by those with 1 client.",
        "",
        *page.table(
            ["writer", "accounts", *heads[1:]],
            [
                [
                    case.writer,
                    _accounts(case),
                    *(
                        _ratio(posted.ratio(case, clients, case, 1))
                        for clients in ledger.CLIENTS[1:]
                    ),
                ]
                for case in ledger.CASES
            ],
        ),
        "",
        (
            "What the guarantees cost: postings a second by those of the plain INSERT with as many"
            " clients (1 would be free)."
        ),
        "",
        *page.table(
            ["writer", "accounts", *heads],
            [
                [
                    case.writer,
                    _accounts(case),
                    *(
                        _ratio(posted.ratio(case, clients, ledger.CASES[0], clients))
                        for clients in ledger.CLIENTS
                    ),
                ]
                for case in ledger.CASES[1:]
            ],
        ),
        "",
        "Absolute, postings a second, median of the rounds:",
        "",
        *page.table(
            ["writer", "accounts", *heads],
            [
                [
                    case.writer,
                    _accounts(case),
                    *(_rate(posted.rate(case, clients)) for clients in ledger.CLIENTS),
                ]
                for case in ledger.CASES
            ],
        ),
        "",
        (
            f"Afterwards the ledger held {posted.proof}, and the counters of every guarded account"
            " were the sums of its transfers."
        ),
    ]


GOALS = {"spread": 1.5, "hot fees": 10.0, "hot pair": 10.0}
"""Postings a second by pgledger's, with the most clients."""
NOT_RUN = "not run"


def _goals(posted: ledger.Ledger) -> list[str]:
    clients = ledger.CLIENTS[-1]
    lines = []
    for accounts, goal in GOALS.items():
        case = ledger.Case(writer=ledger.OWN, accounts=accounts)
        found = posted.ratio(case, clients, _peer(case), clients)
        said = NOT_RUN
        if found:
            verdict = "met" if found["median"] >= goal else "missed"
            said = f"{verdict}, {page.ratio(found)}"
        lines.append(
            f"- Goal, {ACCOUNTS[accounts]}, {clients} clients: at least {goal:g} times pgledger:"
            f" {said}."
        )
    case = ledger.Case(writer=ledger.OWN, accounts="one fund")
    lines.append(
        f"- {ACCOUNTS['one fund']}, {clients} clients: {_rate(posted.rate(case, clients))} postings"
        " a second. Each locks this row until it has committed; all claims and acceptances of one"
        " project stand in this line."
    )
    return lines


def _peer(case: ledger.Case) -> ledger.Case:
    return ledger.Case(writer=ledger.PGLEDGER, accounts=case.accounts)


def _ratio(found: dict[str, float] | None) -> str:
    return page.ratio(found) if found else NOT_RUN


def _rate(found: float | None) -> str:
    return f"{found:,.0f}" if found else NOT_RUN


def _accounts(case: ledger.Case) -> str:
    # A plain row only carries the numbers of its accounts.
    return "any" if case.writer == "INSERT" else ACCOUNTS[case.accounts]


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
