"""The sections on scoring and ledger; every sentence about a result follows from it."""

from collections.abc import Sequence
from importlib.metadata import version

from bench import ledger, page, scoring

METHODS = {"majority": "majority", "dawid-skene": "Dawid–Skene", "alpha": "alpha, nominal"}
ACCOUNTS = {
    "many": "1,000 held to 1,000 payable",
    "hot fees": "1,000 held to the one fee account (hot, unguarded)",
    "one fund": "one held account (hot, guarded) to 1,000 payable",
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
    return [
        (
            f"PostgreSQL ({server}), an own embedded server, psycopg {version('psycopg')};"
            f" {ledger.ROUNDS} rounds of {ledger.SECONDS:g} s for each line and number"
            " of clients, one"
            " after the other in each round. A client is a process with one session and one"
            " transaction a call, and shares the cores with the server. The bare table"
            " has the ledger's"
            " columns and a primary key, and no check, other index, foreign key, trigger or policy;"
            " both are written by the application's role. Transfers are posted at once (no pending"
            " phase), between accounts as named."
        ),
        "",
        (
            "More clients: transfers a second with 8 clients by those with 1, median (range) of the"
            " rounds."
        ),
        "",
        *page.table(
            ["writer", "accounts", "a call", "8 clients by 1"],
            [
                [case.writer, _accounts(case), str(case.batch), page.ratio(_clients(posted, case))]
                for case in ledger.CASES
            ],
        ),
        "",
        *_claims(posted),
        "",
        (
            "What the guarantees cost: transfers a second of `ledger_post` by those of"
            " the bare INSERT"
            " with as many a call and as many clients (1 would be free)."
        ),
        "",
        *page.table(
            ["accounts", "a call", *(page.counted(clients) for clients in ledger.CLIENTS)],
            [
                [
                    _accounts(case),
                    str(case.batch),
                    *(
                        page.ratio(posted.ratio(case, clients, _bare(case), clients))
                        for clients in ledger.CLIENTS
                    ),
                ]
                for case in ledger.CASES
                if case.writer == "ledger_post"
            ],
        ),
        "",
        "Absolute, transfers a second, median of the rounds:",
        "",
        *page.table(
            [
                "writer",
                "accounts",
                "a call",
                *(page.counted(clients) for clients in ledger.CLIENTS),
            ],
            [
                [
                    case.writer,
                    _accounts(case),
                    str(case.batch),
                    *(f"{posted.rate(case, clients):,.0f}" for clients in ledger.CLIENTS),
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


def _claims(posted: ledger.Ledger) -> list[str]:
    lines = []
    for case in ledger.CASES:
        if case.accounts == "many":
            continue
        ratio = _clients(posted, case)
        if ratio["min"] > 1:
            said = "8 clients write more than 1 in every round: they do not queue for one row"
        else:
            said = "8 clients do not write more than 1 in every round"
        if case.accounts == "one fund":
            said = (
                f"8 clients write {page.number(ratio['median'])} times what 1 writes, since each"
                " locks this row until it has committed. All claims and acceptances of one project"
                " stand in this line"
            )
        lines.append(f"- {_accounts(case)}, {case.batch} a call: {said}.")
    return lines


def _clients(posted: ledger.Ledger, case: ledger.Case) -> dict[str, float]:
    return posted.ratio(case, ledger.CLIENTS[-1], case, ledger.CLIENTS[0])


def _bare(case: ledger.Case) -> ledger.Case:
    return next(
        bare for bare in ledger.CASES if bare.writer == "INSERT" and bare.batch == case.batch
    )


def _accounts(case: ledger.Case) -> str:
    # A bare row only carries the numbers of its accounts.
    return "any" if case.writer == "INSERT" else ACCOUNTS[case.accounts]


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
