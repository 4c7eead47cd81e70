"""Statements and invoices as the PDF shows them: everything written out, nothing to compute."""

import datetime as dt
from collections.abc import Sequence

from django.utils.formats import date_format

from apps.core.money import written
from apps.exports.enums import InvoiceKind
from apps.exports.models import Invoice
from apps.exports.queries import invoices, statements
from apps.exports.queries.statements import Paper, Sums

# So many lines a paper lists; a longer one adds up by project, and the CSV has every line.
LISTED = 2_000

CONVERSION = (
    "Amounts in another currency are for orientation. The ledger and payouts stay in the currency "
    "of the work; Stripe converts at its own rate when it pays out to a bank account in another "
    "currency, and you bear that conversion. Stripe's fees for the payout are the platform's."
)
SET_ASIDE = (
    "What you might set aside for taxes is an estimate from the percentage that you chose, or the "
    "platform's usual one. It is no advice, and nothing is withheld."
)
EQUALS = "Every sum here was compared with the ledger before it was shown."


def _time(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%d %b %Y, %H:%M}"


def _day(at: dt.datetime | None) -> str:
    return f"{at.astimezone(dt.UTC):%d %b %Y}" if at else "—"


def statement(paper: Paper, name: str) -> dict:
    """The data of statement.typ. `name` is the contributor's."""
    count = sum(row.lines for row in paper.sums)
    is_listed = count <= LISTED
    lines = statements.lines(paper.user_id, paper.window) if is_listed else ()
    projects = () if is_listed else statements.by_project(paper.user_id, paper.window)
    subtitle = f"{name} · {paper.month}"
    subtitle += f" · No. {paper.number}" if paper.closed else " · so far; not closed yet"
    return {
        "title": "Statement of earnings",
        "author": "Wagefile",
        "subtitle": subtitle,
        "footer": f"{name}, {paper.month}"
        + (f", No. {paper.number}" if paper.closed else ", not closed yet")
        + f", as of ledger transfer {paper.window.as_of}",
        "currencies": [_currency(paper, row) for row in paper.sums],
        "lines": [
            [
                _time(line.at),
                f"{line.title}: {line.reason}",
                f"v{line.version}",
                written(line.gross, line.currency),
                written(line.fee, line.currency),
                written(line.net, line.currency),
            ]
            for line in lines
        ],
        "projects": [
            [title, f"{lines_:,}", *(written(each, currency) for each in amounts)]
            for title, currency, lines_, *amounts in projects
        ],
        "lines_words": f"{count:,} lines are added up here; the CSV has every one of them.",
        "payouts": [
            [_time(out.at), out.words, _day(out.arrived_at), written(out.amount, out.currency)]
            for out in paper.payouts
        ],
        "notes": [EQUALS, SET_ASIDE, *([CONVERSION] if paper.display else [])],
    }


def _currency(paper: Paper, row: Sums) -> dict:
    def own(amount: int) -> str:
        return written(amount, row.currency)

    balance = [
        ["Opening balance", own(row.opening)],
        ["Buyers paid (gross)", own(row.gross)],
        ["Platform's fee", own(-row.fee)],
        ["Earned (net)", own(row.earned)],
    ]
    if row.returned:
        balance.append(["Payouts that came back", own(row.returned)])
    balance.append(["Paid out", own(-row.paid_out)])
    hourly = paper.per_hour(row)
    more = [["Active time", _hours(paper.active_seconds)]]
    if hourly is not None:
        more.append(["Net an hour of active time", own(hourly)])
    more.append(
        [f"To set aside for taxes, at {paper.set_aside_percent}% (estimate)",
         own(paper.set_aside(row))]
    )  # fmt: skip
    display = paper.display.get(row.currency)
    if display:
        words = f"at {display.rate} of {display.date} ({display.source})"
        more.append(
            [
                f"Earned, in {display.currency} for orientation, {words}",
                written(display.of(row.earned, row.currency), display.currency),
            ]
        )
    return {
        "currency": row.currency,
        "balance": balance,
        "closing": ["Closing balance", own(row.closing)],
        "more": more,
    }


def _hours(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def invoice(row: Invoice) -> dict:
    """The data of invoice.typ."""
    is_note = row.kind == InvoiceKind.CREDIT_NOTE
    month = date_format(row.month, "F Y")
    seller, buyer, tax = row.facts["seller"], row.facts["buyer"], row.facts["tax"]
    lines = invoices.lines(row)

    def own(amount: int) -> str:
        return written(-amount if is_note else amount, row.currency)

    return {
        "title": f"{row.get_kind_display()} {row.name}",
        "author": seller["name"],
        "footer": f"{row.name}, {buyer['name']}, {month}, as of ledger transfer {row.as_of}",
        "what": f"Human work and the platform's service, {month}",
        "seller": {"name": seller["name"], "lines": _address(seller)},
        "buyer": {"name": buyer["name"], "lines": _address(buyer)},
        "facts": [
            ["Number", row.name],
            ["Issued", _day(row.issued_at)],
            ["Supplied in", month],
            *([["Corrects", row.corrects.name]] if row.corrects else []),
            *([["Your PO number", buyer["po_number"]]] if buyer["po_number"] else []),
            *([["Your cost centre", buyer["cost_centre"]]] if buyer["cost_centre"] else []),
        ],
        "lines": [
            [
                line.title,
                " · ".join(filter(None, [line.po_number, line.cost_centre])) or "—",
                own(line.pay),
                own(line.fee + line.compute),
                own(line.gross),
            ]
            for line in lines
        ],
        "sum": [
            "All projects",
            "",
            own(row.pay),
            own(row.fee + row.compute),
            own(row.pay + row.fee + row.compute),
        ],
        "totals": [
            ["Contributors' pay, passed on to them; not a supply of the platform", own(row.pay)],
            ["Platform's fee, its supply", own(row.fee)],
            *([["Computing of lift runs, its supply", own(row.compute)]] if row.compute else []),
            [
                f"VAT on {'fee and computing' if row.compute else 'the fee'}, {tax['rate']}%",
                own(row.tax),
            ],
        ],
        "total": ["Total", own(row.total)],
        "notes": notes(row),
    }


def notes(row: Invoice) -> Sequence[str]:
    """What stands below the sums of an invoice."""
    found = [row.facts["tax"]["sentence"], PASSED_ON]
    if row.kind == InvoiceKind.INVOICE:
        found.append("Paid from the prepaid wallet as work was accepted: nothing to transfer.")
        if row.tax:
            found.append("The tax is due besides; the wallet has not been charged with it.")
    return [*found, EQUALS]


PASSED_ON = (
    "Contributors supply the work. Their pay is collected from the buyer and passed on to them in "
    "full; the platform's own supply is its service, and its price is the fee."
)


def _address(party: dict) -> list[str]:
    lines = [line.strip() for line in party["address"].splitlines() if line.strip()]
    if party.get("country_name") or party["country"]:
        lines.append(party.get("country_name") or party["country"])
    if party["vat_number"]:
        lines.append(f"VAT number {party['vat_number']}")
    return lines
