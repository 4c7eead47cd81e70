"""Reads about payments: what pages show, and Stripe's books beside the ledger."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet, Sum

from apps.core.ids import derived
from apps.core.money import Money, written
from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account, settled_amounts
from apps.organizations.models import Organization
from apps.payments.enums import CallState, FundingState
from apps.payments.models import BalanceTxn, Funding, Payout, Refund, StripeAccount, StripeBalance
from apps.payments.rules import (
    CHARGES,
    FUNDING_WORDS,
    OPERATOR,
    PAYABLE_COUNTRIES,
    PAYOUT_WORDS,
    REFUND_WORDS,
    REFUNDS,
    RETURNS,
    TRANSFERS,
    booking_base,
    in_words,
    next_weekly,
)
from apps.projects.models import Project
from apps.projects.queries import funds

# ── The buyer's wallet ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Line:
    """One movement for a page: state for the badge, `words` for people."""

    id: uuid.UUID
    at: dt.datetime
    amount: Money
    state: str
    words: str
    reason: str = ""
    is_automatic: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What lies in one project, seats included, and how much of it assignments have reserved."""

    project: Project
    balance: Money
    reserved: Money


@dataclass(frozen=True, slots=True)
class Wallet:
    balance: Money
    available: Money
    refundable: Money
    held: list[Held]


def wallet(org: Organization, *, actor: Actor) -> Wallet:
    account = find_account(Purpose.WALLET, currency=org.currency, holder=org.id)
    return Wallet(
        balance=Money(account.balance, org.currency),
        available=Money(account.available, org.currency),
        refundable=Money(min(account.available, _unrefunded(org)), org.currency),
        held=_held(org, actor),
    )


def fundings(org: Organization, *, actor: Actor) -> QuerySet[Funding]:
    return Funding.objects.visible_to(actor).filter(org=org).order_by("-created_at", "-id")


def refunds(org: Organization, *, actor: Actor) -> list[Line]:
    """The latest; refunds are few."""
    rows = Refund.objects.visible_to(actor).filter(org=org).order_by("-created_at", "-id")
    return [line(row) for row in rows[:100]]


def _unrefunded(org: Organization) -> int:
    paid = Funding.objects.filter(org=org, state=FundingState.PAID, currency=org.currency)
    gone = Refund.objects.filter(org=org).exclude(state=CallState.REFUSED)
    total = paid.aggregate(total=Sum("amount"))["total"] or 0
    return total - (gone.aggregate(total=Sum("amount"))["total"] or 0)


def _held(org: Organization, actor: Actor) -> list[Held]:
    found = []
    for project in Project.objects.visible_to(actor).filter(org=org).order_by("-created_at"):
        account = funds(project)
        if account.balance:
            balance = Money(account.balance, project.currency)
            reserved = Money(account.reserved, project.currency)
            found.append(Held(project, balance, reserved))
    return found


def line(row: Funding | Refund | Payout) -> Line:
    amount = Money(row.amount, row.currency)
    if isinstance(row, Payout):
        words, more = PAYOUT_WORDS[row.state], (row.reason, row.is_automatic)
        return Line(row.id, row.created_at, amount, row.state, words, *more)
    words = (FUNDING_WORDS if isinstance(row, Funding) else REFUND_WORDS)[row.state]
    return Line(row.id, row.created_at, amount, row.state, words)


# ── The contributor's payouts ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Earned:
    """What one currency's account holds: free to be paid out, and on its way."""

    payable: Money
    on_the_way: Money
    minimum: Money
    is_enough: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """The payouts page. `account` is None until payouts are set up."""

    account: StripeAccount | None
    missing: list[str]
    is_country_payable: bool
    earned: list[Earned]
    next_automatic_at: dt.datetime


def account(user_id: uuid.UUID) -> StripeAccount | None:
    return StripeAccount.objects.filter(user_id=user_id).first()


def outlook(user_id: uuid.UUID, *, region: str, now: dt.datetime) -> Outlook:
    """`region`: the country of the person's profile, or ""."""
    connected = account(user_id)
    return Outlook(
        account=connected,
        missing=in_words(connected.requirements) if connected else [],
        is_country_payable=not region or region in PAYABLE_COUNTRIES,
        earned=earned(user_id),
        next_automatic_at=next_weekly(now),
    )


def payouts(user_id: uuid.UUID) -> QuerySet[Payout]:
    return Payout.objects.filter(user_id=user_id).order_by("-created_at", "-id")


def withdrawal_minimums() -> dict[str, int]:
    """Minor units by currency; a currency without one is not paid out."""
    return settings.WAGEFILE["withdrawal_minimum"]


def earned(user_id: uuid.UUID) -> list[Earned]:
    """Every currency with money in it; dollars always."""
    found = []
    for currency, minimum in withdrawal_minimums().items():
        account = find_account(Purpose.PAYABLE, currency=currency, holder=user_id)
        if account.balance or currency == "USD":
            found.append(
                Earned(
                    payable=Money(account.available, currency),
                    on_the_way=Money(account.debits_pending, currency),
                    minimum=Money(minimum, currency),
                    is_enough=account.available >= minimum,
                )
            )
    return found


# ── Stripe's books beside the ledger ────────────────────────────────────────────────────────────


def bookings(row: BalanceTxn) -> dict[uuid.UUID, int] | None:
    """The ledger transfers that carry this balance transaction, and what each adds to the mirror
    of Stripe's balance. None while the row of ours that it belongs to does not say so yet.
    """
    base = booking_base(row.id)
    found = {derived(base, "fee"): -row.fee} if row.fee else {}
    if row.type in OPERATOR:
        main: uuid.UUID | None = derived(base, "amount")
    else:
        main = _subject_booking(row)
    if main is None:
        return None
    return {**found, main: row.amount} if row.amount else found


def _subject_booking(row: BalanceTxn) -> uuid.UUID | None:
    known = row.source_id
    if not known:
        return None
    if row.type in CHARGES:
        funding = Funding.objects.filter(payment_intent_id=known, state=FundingState.PAID).first()
        return derived(funding.id, "paid") if funding else None
    if row.type in REFUNDS | RETURNS:
        refund = Refund.objects.filter(stripe_id=known, state=CallState.DONE).first()
        step = "post" if row.type in REFUNDS else "returned"
        return derived(refund.id, step) if refund else None
    if row.type in TRANSFERS:
        payout = Payout.objects.filter(transfer_id=known).first()
        return derived(payout.id, "post") if payout else None
    return None


def differences() -> Iterator[str]:
    """A sentence for each place where Stripe's books and the ledger differ. For staff: needs to
    see the whole ledger.
    """
    currencies = set(BalanceTxn.objects.values_list("currency", flat=True).distinct())
    currencies |= set(StripeBalance.objects.values_list("currency", flat=True))
    for currency in sorted(currencies):
        # The mirror is debited by what comes in.
        account = find_account(Purpose.STRIPE, currency=currency)
        ours = {key: -amount for key, amount in settled_amounts(account).items()}
        total = sum(ours.values())
        yield from _compare(currency, ours)
        yield from _compare_balance(currency, total)


def _compare(currency: str, ours: dict[uuid.UUID, int]) -> Iterator[str]:
    """Both ways: what Stripe has and we have not, then what is left of ours. Empties `ours`."""
    for row in BalanceTxn.objects.filter(currency=currency).order_by("created_at", "id"):
        expected = bookings(row)
        if expected is None:
            there = written(row.amount, currency)
            yield f"{row.id}: {row.type} of {there} belongs to no row of ours."
            # The fee is booked at once, whoever the rest belongs to.
            expected = {derived(booking_base(row.id), "fee"): -row.fee} if row.fee else {}
        for key, amount in expected.items():
            booked = ours.pop(key, None)
            if booked != amount:
                there = written(amount, currency)
                here = "nothing" if booked is None else written(booked, currency)
                yield f"{row.id}: Stripe moved {there}, the ledger {here} ({key})."
    for key, amount in ours.items():
        here = written(amount, currency)
        yield f"{key}: the ledger moved {here}; Stripe has no such transaction."


def _compare_balance(currency: str, total: int) -> Iterator[str]:
    row = StripeBalance.objects.filter(currency=currency).first()
    if row and row.available + row.pending != total:
        there = written(row.available + row.pending, currency)
        yield f"Stripe's balance is {there}, its mirror in the ledger {written(total, currency)}."
