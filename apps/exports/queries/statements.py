"""A contributor's month: every line with its reason, payouts, balances, and the proof of its sums.

Rows are read as whoever asks: the person, or staff. All amounts are minor units.
"""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Max, Min, Q, Sum

from apps.accounts.models import ContributorProfile
from apps.core.money import decimals, half_even
from apps.exports.models import Statement, StatementChoice
from apps.exports.rules.months import Month, months, plain
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.ledger.queries import AccountRow
from apps.payments.models import Payout
from apps.payments.rules import PAYOUT_WORDS
from apps.work.models import Assignment

COLUMNS = (
    "row", "at", "project", "project_title", "assignment", "kind", "reason", "criteria_version",
    "criteria_sha256", "currency", "gross", "fee", "net", "amount", "ledger_code",
    "ledger_transfer", "line",
)  # fmt: skip
PAGE = 50
CHUNK = 2_000
# Money that comes back from a payout is no earning; its bookings carry the payout's code.
PAYOUTS = "payout"
ENOUGH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Window:
    """Which transfers: of times before `end` up to number `as_of`, less those covered before."""

    end: dt.datetime
    as_of: int
    covered_end: dt.datetime | None = None
    covered: int = 0

    @property
    def condition(self) -> Q:
        return Q(at__lt=self.end, number__lte=self.as_of) & ~self.before

    @property
    def before(self) -> Q:
        """Everything that earlier statements cover."""
        if self.covered_end is None:
            return Q(number__lt=0)
        return Q(at__lt=self.covered_end, number__lte=self.covered)

    @property
    def sql(self) -> tuple[str, dict]:
        """The condition for raw SQL over a transfer `t`."""
        words = {"end": self.end, "as_of": self.as_of}
        text = "t.at < %(end)s AND t.number <= %(as_of)s"
        if self.covered_end is None:
            return text, words
        words |= {"covered_end": self.covered_end, "covered": self.covered}
        return f"{text} AND NOT (t.at < %(covered_end)s AND t.number <= %(covered)s)", words


@dataclass(frozen=True, slots=True)
class Sums:
    """One currency. opening + earned + returned − paid_out = closing, as the account has it."""

    currency: str
    opening: int
    gross: int
    fee: int
    earned: int
    returned: int
    paid_out: int
    closing: int
    lines: int


@dataclass(frozen=True, slots=True)
class Out:
    """One payout that left the ledger in this time, with what is known of its arrival."""

    id: uuid.UUID
    currency: str
    amount: int
    at: dt.datetime
    state: str
    arrived_at: dt.datetime | None
    transfer: uuid.UUID

    @property
    def words(self) -> str:
        return PAYOUT_WORDS[self.state]


@dataclass(frozen=True, slots=True)
class Display:
    """How the sums read in another currency: orientation only, nothing is converted."""

    currency: str
    rate: Decimal
    date: str
    source: str

    def of(self, amount: int, currency: str) -> int:
        places = decimals(self.currency) - decimals(currency)
        return int((amount * self.rate * Decimal(10) ** places).to_integral_value())


@dataclass(frozen=True, slots=True)
class Paper:
    """A statement as it is shown. `closed` is its row once the month is closed."""

    user_id: uuid.UUID
    month: Month
    window: Window
    closed: Statement | None
    sums: Sequence[Sums]
    payouts: Sequence[Out]
    active_seconds: int
    set_aside_percent: int
    display: Mapping[str, Display] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return f"{self.closed.number:04d}" if self.closed else ""

    @property
    def name(self) -> str:
        return f"wagefile-statement-{self.month.name}"

    @property
    def is_empty(self) -> bool:
        return not (self.sums or self.payouts)

    def per_hour(self, sums: Sums) -> int | None:
        """Net an hour of active time, or None below five minutes."""
        if self.active_seconds < ENOUGH_SECONDS or len(self.sums) != 1:
            return None
        return half_even(sums.earned * 3600, self.active_seconds)

    def set_aside(self, sums: Sums) -> int:
        return half_even(sums.earned * self.set_aside_percent, 100)


@dataclass(frozen=True, slots=True)
class Line:
    """One reason for money, with the transfer that moved it."""

    id: uuid.UUID
    number: int
    at: dt.datetime
    project_id: uuid.UUID
    title: str
    assignment_id: uuid.UUID | None
    kind: str
    reason: str
    criteria_id: uuid.UUID
    version: int
    sha256: str
    currency: str
    gross: int
    fee: int
    net: int
    code: str
    transfer: uuid.UUID

    @property
    def key(self) -> str:
        """Where the page after this line begins."""
        return f"{self.number}.{self.id}"


# ── Which months, and what each covers ──────────────────────────────────────────────────────────


def accounts(user_id: uuid.UUID) -> list[AccountRow]:
    return list(
        ledger.accounts().filter(purpose=Purpose.PAYABLE, holder_id=user_id).order_by("currency")
    )


def _own(user_id: uuid.UUID) -> Q:
    ids = [account.id for account in accounts(user_id)]
    return Q(credit_id__in=ids) | Q(debit_id__in=ids)


def span(user_id: uuid.UUID, now: dt.datetime) -> list[Month]:
    """Every month from the first movement until now, the latest first."""
    first = ledger.transfers().settled().filter(_own(user_id)).aggregate(at=Min("at"))["at"]
    this = Month.of(now)
    return months(Month.of(first), this)[::-1] if first else [this]


def last_number(user_id: uuid.UUID) -> int:
    """The last transfer of the person's accounts. They are guarded, so later ones number higher."""
    return ledger.transfers().filter(_own(user_id)).aggregate(last=Max("number"))["last"] or 0


def has_moved(user_id: uuid.UUID, covers: Window) -> bool:
    """Whether there is anything to write a statement about."""
    return ledger.transfers().settled().filter(_own(user_id), covers.condition).exists()


def closed(user_id: uuid.UUID, month: Month) -> Statement | None:
    return Statement.objects.filter(user_id=user_id, month=month.first).first()


def window(user_id: uuid.UUID, month: Month) -> Window:
    """What the month covers: as it was closed, else as it stands."""
    row = closed(user_id, month)
    earlier = (
        Statement.objects.filter(user_id=user_id, month__lt=month.first).order_by("-month").first()
    )
    as_of = row.as_of if row else last_number(user_id)
    if row is None and (earlier is None or earlier.month != month.before.first):
        # The months between are not closed yet: each keeps what was booked for its own time.
        return Window(month.end, as_of, month.start, as_of)
    if earlier is None:
        return Window(month.end, as_of)
    return Window(month.end, as_of, Month(earlier.month).end, earlier.as_of)


# ── The paper ───────────────────────────────────────────────────────────────────────────────────


def paper(user_id: uuid.UUID, month: Month) -> Paper:
    """The month of this person, read from lines and ledger. `faults` says whether it is right."""
    row = closed(user_id, month)
    covers = window(user_id, month)
    facts = row.facts if row else facts_now(user_id, month, covers)
    return Paper(
        user_id=user_id,
        month=month,
        window=covers,
        closed=row,
        sums=sums(user_id, covers),
        payouts=[_out(entry) for entry in facts["payouts"]],
        active_seconds=facts["active_seconds"],
        set_aside_percent=facts["set_aside_percent"],
        display={
            currency: Display(
                entry["currency"], Decimal(entry["rate"]), entry["date"], entry["source"]
            )
            for currency, entry in facts["display"].items()
        },
    )


def facts_now(user_id: uuid.UUID, month: Month, covers: Window) -> dict:
    """What a statement keeps when it is closed, since the ledger does not say it."""
    choice = StatementChoice.objects.filter(user_id=user_id).first()
    percent = choice.set_aside_percent if choice else None
    return {
        "payouts": [_kept(out) for out in payouts(user_id, covers)],
        "active_seconds": active_seconds(user_id, month),
        "set_aside_percent": default_percent() if percent is None else percent,
        "display": display_rates(choice.display_currency if choice else ""),
        "sums": [
            {"currency": row.currency, "closing": row.closing, "earned": row.earned}
            for row in sums(user_id, covers)
        ],
    }


def default_percent() -> int:
    return settings.WAGEFILE["tax_set_aside_percent"]


def display_rates(currency: str) -> dict[str, dict]:
    """Rates into `currency`, by the currency they are from; those that the operator has entered."""
    if not currency:
        return {}
    return {
        row["from"]: {"currency": currency, **{key: row[key] for key in ("rate", "date", "source")}}
        for row in settings.WAGEFILE["display_rates"]
        if row["to"] == currency
    }


def display_currencies() -> list[str]:
    return sorted({row["to"] for row in settings.WAGEFILE["display_rates"]})


def active_seconds(user_id: uuid.UUID, month: Month) -> int:
    """Active time of what was claimed in the month, instructions and rework included."""
    rows = Assignment.objects.filter(
        contributor_id=user_id, claimed_at__gte=month.start, claimed_at__lt=month.end
    )
    return rows.aggregate(seconds=Sum("active_seconds"))["seconds"] or 0


def sums(user_id: uuid.UUID, covers: Window) -> list[Sums]:
    """Of each currency with an account, from the transfers; gross and fee from the lines."""
    lines = line_sums(user_id, covers)
    found = []
    for account in accounts(user_id):
        into, out = Q(credit_id=account.id), Q(debit_id=account.id)
        own = ledger.transfers().settled().filter(into | out)
        inside = own.filter(covers.condition).aggregate(
            earned=Sum("amount", filter=into & ~Q(code__startswith=PAYOUTS)),
            returned=Sum("amount", filter=into & Q(code__startswith=PAYOUTS)),
            paid_out=Sum("amount", filter=out),
        )
        before = own.filter(covers.before).aggregate(
            into=Sum("amount", filter=into), out=Sum("amount", filter=out)
        )
        opening = (before["into"] or 0) - (before["out"] or 0)
        earned, returned, paid = (inside[key] or 0 for key in ("earned", "returned", "paid_out"))
        gross, fee, _net, count = lines.get(account.currency, (0, 0, 0, 0))
        closing = opening + earned + returned - paid
        if opening or closing or count or paid:
            found.append(
                Sums(account.currency, opening, gross, fee, earned, returned, paid, closing, count)
            )
    return found


def payouts(user_id: uuid.UUID, covers: Window) -> list[Out]:
    """What left towards the bank, in the order of the ledger."""
    ids = [account.id for account in accounts(user_id)]
    gone = {
        transfer.subject_id: transfer
        for transfer in ledger.transfers()
        .settled()
        .filter(covers.condition, debit_id__in=ids)
        .order_by("number")
        if transfer.subject_id
    }
    rows = Payout.objects.filter(id__in=gone).in_bulk()
    return [
        Out(
            id=payout_id,
            currency=transfer.currency,
            amount=transfer.amount,
            at=transfer.at,
            state=rows[payout_id].state,
            arrived_at=rows[payout_id].paid_at,
            transfer=transfer.id,
        )
        for payout_id, transfer in gone.items()
        if payout_id in rows
    ]


def _kept(out: Out) -> dict:
    return {
        "id": str(out.id),
        "currency": out.currency,
        "amount": out.amount,
        "at": out.at.isoformat(),
        "state": out.state,
        "arrived_at": out.arrived_at.isoformat() if out.arrived_at else None,
        "transfer": str(out.transfer),
    }


def _out(kept: dict) -> Out:
    arrived = kept["arrived_at"]
    return Out(
        id=uuid.UUID(kept["id"]),
        currency=kept["currency"],
        amount=kept["amount"],
        at=dt.datetime.fromisoformat(kept["at"]),
        state=kept["state"],
        arrived_at=dt.datetime.fromisoformat(arrived) if arrived else None,
        transfer=uuid.UUID(kept["transfer"]),
    )


def faults(found: Paper) -> list[str]:
    """A sentence for each sum that is not the ledger's: none on a statement that may be shown."""
    wrong = []
    lines = line_sums(found.user_id, found.window)
    closings = (
        {entry["currency"]: entry for entry in found.closed.facts["sums"]} if (found.closed) else {}
    )
    for row in found.sums:
        net = lines.get(row.currency, (0, 0, 0, 0))[2]
        if net != row.earned:
            wrong.append(f"{row.currency}: the lines say {net}, the ledger paid {row.earned}.")
        if row.gross - row.fee != net:
            wrong.append(f"{row.currency}: gross {row.gross} less fee {row.fee} is not {net}.")
        if found.closed and closings.get(row.currency, {}).get("closing") != row.closing:
            wrong.append(f"{row.currency}: closed with another balance than {row.closing}.")
        gone = sum(out.amount for out in found.payouts if out.currency == row.currency)
        if gone != row.paid_out:
            wrong.append(f"{row.currency}: payouts of {gone}, but {row.paid_out} left the ledger.")
    wrong += [
        f"{currency}: lines without an account in the ledger."
        for currency in set(lines) - {row.currency for row in found.sums}
        if lines[currency][2]
    ]
    return wrong + _against_counters(found)


def _against_counters(found: Paper) -> list[str]:
    """Up to the last transfer, the closing balance is what the account itself says."""
    if (
        ledger.transfers()
        .filter(_own(found.user_id), Q(number__gt=found.window.as_of) | Q(at__gte=found.window.end))
        .exists()
    ):
        return []
    closings = {row.currency: row.closing for row in found.sums}
    return [
        f"{account.currency}: the account holds {account.balance}, "
        f"the statement {closings.get(account.currency, 0)}."
        for account in accounts(found.user_id)
        if account.balance != closings.get(account.currency, 0)
    ]


# ── Lines ───────────────────────────────────────────────────────────────────────────────────────

# What was paid, once an occasion: a settlement is paid out of many reserves at once.
_LINES = """
WITH paid AS (
  SELECT (array_agg(t.id ORDER BY t.number))[1] AS transfer, min(t.number) AS number, t.at, t.code,
    CASE WHEN t.code = 'settlement' THEN NULL ELSE t.subject_id END AS subject, t.scope_id
  FROM ledger_transfer t
  WHERE t.credit_id = ANY(%(accounts)s) AND t.kind IN ('posted', 'post') AND {window}
  GROUP BY t.at, t.code, 5, t.scope_id
), line AS (
  SELECT l.*, p.number, p.transfer FROM paid p JOIN work_earningline l
    ON l.assignment_id = p.subject AND l.at = p.at AND l.code = p.code
  WHERE p.subject IS NOT NULL AND l.contributor_id = %(user)s
  UNION ALL
  SELECT l.*, p.number, p.transfer FROM paid p JOIN work_earningline l
    ON l.project_id = p.scope_id AND l.at = p.at AND l.settlement_id IS NOT NULL
  WHERE p.subject IS NULL AND l.contributor_id = %(user)s
)
"""
_SUMS = """
SELECT currency, sum(gross)::bigint, sum(fee)::bigint, sum(net)::bigint, count(*)
FROM line GROUP BY currency
"""
_ROWS = """
SELECT line.id, line.number, line.at, line.project_id, c.body->>'title', line.assignment_id,
  line.kind, line.reason, c.id, c.number, c.sha256, line.currency, line.gross, line.fee, line.net,
  line.code, line.transfer
FROM line JOIN projects_criteriaversion c ON c.id = line.criteria_id
WHERE (line.number, line.id) > (%(number)s, %(line)s)
ORDER BY line.number, line.id
"""
_PROJECTS = """
SELECT c.body->>'title', line.currency, count(*), sum(line.gross)::bigint, sum(line.fee)::bigint,
  sum(line.net)::bigint
FROM line JOIN projects_criteriaversion c ON c.id = line.criteria_id
GROUP BY 1, 2 ORDER BY 1, 2
"""


def _query(user_id: uuid.UUID, covers: Window) -> tuple[str, dict]:
    condition, words = covers.sql
    ids = [account.id for account in accounts(user_id)]
    return _LINES.format(window=condition), {**words, "accounts": ids, "user": user_id}


def line_sums(user_id: uuid.UUID, covers: Window) -> dict[str, tuple[int, int, int, int]]:
    """(gross, fee, net, how many) of the lines, by currency."""
    sql, words = _query(user_id, covers)
    with connection.cursor() as cursor:
        cursor.execute(sql + _SUMS, words)
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


def page(user_id: uuid.UUID, covers: Window, *, after: str = "") -> tuple[list[Line], str]:
    """A page of lines in the order of the ledger, and where the next one begins ("" at the end)."""
    number, line = _key(after)
    sql, words = _query(user_id, covers)
    words |= {"number": number, "line": line, "limit": PAGE + 1}
    with connection.cursor() as cursor:
        cursor.execute(sql + _ROWS + "LIMIT %(limit)s", words)
        rows = [Line(*row) for row in cursor.fetchall()]
    return rows[:PAGE], rows[PAGE - 1].key if len(rows) > PAGE else ""


def lines(user_id: uuid.UUID, covers: Window) -> Iterator[Line]:
    """All of them, by a cursor of the server: the same memory for ten lines and for 100,000."""
    number, line = _key("")
    sql, words = _query(user_id, covers)
    words |= {"number": number, "line": line}
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql + _ROWS, words)
        while rows := cursor.fetchmany(CHUNK):
            yield from (Line(*row) for row in rows)


def _key(after: str) -> tuple[int, uuid.UUID]:
    """What cannot be read is the beginning."""
    number, _, line = after.partition(".")
    try:
        return int(number), uuid.UUID(line)
    except ValueError:
        return 0, uuid.UUID(int=0)


def table(found: Paper) -> Iterator[Sequence[object]]:
    """Rows of the CSV. `amount` is what a row does to the balance: all of a currency add up to its
    closing balance, which stands in the last row.
    """
    yield COLUMNS
    for row in found.sums:
        yield _balance("opening", row.currency, row.opening, amount=row.opening)
    for line in lines(found.user_id, found.window):
        yield (
            "line", line.at.isoformat(), line.project_id, plain(line.title),
            line.assignment_id or "", line.kind, plain(line.reason), line.version, line.sha256,
            line.currency, line.gross, line.fee, line.net, line.net, line.code, line.transfer,
            line.id,
        )  # fmt: skip
    for out in found.payouts:
        yield (
            "payout", out.at.isoformat(), "", "", "", out.state, plain(_arrival(out)), "", "",
            out.currency, "", "", "", -out.amount, PAYOUTS, out.transfer, out.id,
        )  # fmt: skip
    for row in found.sums:
        if row.returned:
            yield _balance("returned", row.currency, row.returned, amount=row.returned)
        yield _balance("closing", row.currency, row.closing, amount="")


def _arrival(out: Out) -> str:
    if out.arrived_at is None:
        return out.words
    return f"{out.words}; there on {out.arrived_at.astimezone(dt.UTC):%Y-%m-%d}"


def _balance(row: str, currency: str, value: int, *, amount: object) -> Sequence[object]:
    return (row, "", "", "", "", "", "", "", "", currency, "", "", value, amount, "", "", "")


# ── The year ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Form:
    """The form of the person's country for a year, in words: what is counted, and the threshold."""

    name: str
    currency: str
    threshold: int
    paid: int

    @property
    def is_reached(self) -> bool:
        return self.paid >= self.threshold


@dataclass(frozen=True, slots=True)
class Year:
    year: int
    papers: Sequence[Paper]
    sums: Sequence[Sums]
    forms: Sequence[Form]
    country: str
    active_seconds: int


def year(user_id: uuid.UUID, year_: int, now: dt.datetime) -> Year:
    """The months of a year added up, and what the person's country asks to be reported."""
    found = [
        paper(user_id, month) for month in reversed(span(user_id, now)) if month.first.year == year_
    ]
    profile = ContributorProfile.objects.filter(user_id=user_id).first()
    country = profile.region if profile else ""
    added = _added(found)
    return Year(
        year=year_,
        papers=found,
        sums=added,
        forms=[
            Form(form["form"], form["currency"], form["threshold"], row.paid_out)
            for form in settings.WAGEFILE["year_forms"]
            for row in added
            if form["country"] == country
            and form["currency"] == row.currency
            and form["from_year"] <= year_ <= form["to_year"]
        ],
        country=country,
        active_seconds=sum(each.active_seconds for each in found),
    )


def _added(papers: Sequence[Paper]) -> list[Sums]:
    found: dict[str, Sums] = {}
    for each in papers:
        for row in each.sums:
            had = found.get(row.currency)
            found[row.currency] = (
                row
                if had is None
                else Sums(
                    row.currency,
                    had.opening,
                    had.gross + row.gross,
                    had.fee + row.fee,
                    had.earned + row.earned,
                    had.returned + row.returned,
                    had.paid_out + row.paid_out,
                    row.closing,
                    had.lines + row.lines,
                )
            )
    return list(found.values())


def by_project(user_id: uuid.UUID, covers: Window) -> list[tuple[str, str, int, int, int, int]]:
    """(title, currency, lines, gross, fee, net) of each: what a long paper shows instead."""
    sql, words = _query(user_id, covers)
    with connection.cursor() as cursor:
        cursor.execute(sql + _PROJECTS, words)
        return cursor.fetchall()
