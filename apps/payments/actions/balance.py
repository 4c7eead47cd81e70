"""Stripe's own books beside ours: each of its balance transactions is booked exactly once."""

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from apps.core.errors import WagefileError
from apps.core.tenancy import acting, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.payments import gateway
from apps.payments.actions.disputes import check_dispute, sweep_chargebacks
from apps.payments.actions.events import keep
from apps.payments.actions.funding import check_funding
from apps.payments.actions.onboarding import refresh_account
from apps.payments.actions.payouts import take_bank_payout
from apps.payments.actions.refunds import check_refund
from apps.payments.actions.reversals import check_reversals
from apps.payments.actions.storing import booking, store
from apps.payments.enums import CallState, FundingState, PayoutState
from apps.payments.models import BalanceTxn, Funding, Payout, Refund, StripeAccount, StripeBalance
from apps.payments.queries import as_uuid, bookings
from apps.payments.rules import (
    CHARGES,
    DEBITS,
    DISPUTES,
    FAILED_DEBITS,
    OPERATOR,
    REVERSALS,
)

log = logging.getLogger(__name__)

# Stripe's clock and lists may lag; what was seen already is skipped.
OVERLAP = dt.timedelta(hours=6)
LATE_FUNDING = dt.timedelta(minutes=10)
LATE_PAYOUT = dt.timedelta(days=3)
LATE_ACCOUNT = dt.timedelta(days=1)
A_FEW = 50


def fetch_balance(*, now: dt.datetime) -> int:
    """Store new balance transactions, book what they carry, store the balance; how many are new."""
    with acting(system()):
        # Since the last list, not since the newest row: news of a dispute stores rows by itself.
        last = StripeBalance.objects.order_by("-fetched_at").first()
    seen = gateway.balance_txns(since=last.fetched_at - OVERLAP if last else None)
    with acting(system()):
        told_ids = [txn.id for txn in seen]
        known = set(BalanceTxn.objects.filter(id__in=told_ids).values_list("id", flat=True))
        store(txn for txn in seen if txn.id not in known)
        unbooked = list(BalanceTxn.objects.filter(booked_at=None).order_by("created_at", "id"))
    told = {txn.id: txn for txn in seen}
    for row in unbooked:
        with _noting(row.id):
            _take_subject(row, told.get(row.id), now=now)
            _book(row, now=now)
    sweep_chargebacks(now=now)
    _store_balance(now)
    return len(seen) - len(known)


def _take_subject(row: BalanceTxn, txn: gateway.Txn | None, *, now: dt.datetime) -> None:
    """What a webhook should have told of: the line in Stripe's books is enough to find it."""
    if row.type in CHARGES | FAILED_DEBITS:
        _take_funding(txn or gateway.read_txn(row.id), now=now)
    elif row.type in DISPUTES and row.source_id:
        check_dispute(stripe_id=row.source_id, now=now)
    elif row.type in REVERSALS:
        txn = txn or gateway.read_txn(row.id)
        if txn.transfer_id:
            with acting(system()) as by:
                check_reversals(transfer_id=txn.transfer_id, by=by, now=now)


def _store_balance(now: dt.datetime) -> None:
    rows = [
        StripeBalance(
            currency=row.currency, available=row.available, pending=row.pending, fetched_at=now
        )
        for row in gateway.read_balance()
    ]
    with acting(system()):
        StripeBalance.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["currency"],
            update_fields=["available", "pending", "fetched_at"],
        )


def _book(row: BalanceTxn, *, now: dt.datetime) -> None:
    """Fees and the operator's own movements are booked from here; the rest has to be there."""
    with acting(system()):
        entries = _entries(row, now=now)
        if entries:
            ledger.post(entries)
        if bookings(row) is not None:
            BalanceTxn.objects.filter(id=row.id, booked_at=None).update(booked_at=now)


def _take_funding(txn: gateway.Txn, *, now: dt.datetime) -> None:
    """A charge whose webhook never came is found here."""
    with acting(system()):
        known = as_uuid(txn.funding_id)
        funding = Funding.objects.filter(id=known).first() if known else None
    if funding and funding.state != FundingState.PAID:
        _check(funding, now=now)


def _check(funding: Funding, *, now: dt.datetime) -> None:
    with _noting(funding.id), acting(system(funding.org_id)) as by:
        check_funding(funding_id=funding.id, by=by, now=now)


@contextmanager
def _noting(what: object) -> Iterator[None]:
    """One row that Stripe or the ledger refuses must not keep the others waiting."""
    try:
        yield
    except WagefileError as error:
        log.warning("%s: %s", what, error.sentence)


def _entries(row: BalanceTxn, *, now: dt.datetime) -> list[ledger.Entry]:
    """What the platform's capital bears or gets: the fee, and movements that are only its own. A
    bank debit is `incoming` until it is paid or fails. Disputes are booked elsewhere.
    """
    if row.type in DISPUTES:
        return []
    parts = [("fee", "stripe_fee", -row.fee, Purpose.CAPITAL)]
    if row.type in OPERATOR:
        parts.append(("amount", OPERATOR[row.type], row.amount, Purpose.CAPITAL))
    if row.type in DEBITS | FAILED_DEBITS:
        parts.append(("amount", "debit", row.amount, Purpose.INCOMING))
    return [
        booking(
            row.id,
            step,
            code,
            amount,
            row.currency,
            against=ledger.account(purpose, currency=row.currency),
            now=now,
        )
        for step, code, amount, purpose in parts
        if amount
    ]


def catch_up(*, now: dt.datetime) -> None:
    """What webhooks should have told: undelivered events, and rows that wait too long."""
    for body in gateway.undelivered_events():
        keep(body, endpoint="platform", now=now)
    with acting(system()):
        fundings = list(
            Funding.objects.filter(
                state__in=[FundingState.OPEN, FundingState.PENDING],
                created_at__lt=now - LATE_FUNDING,
            ).order_by("created_at")[:A_FEW]
        )
        refund_ids = list(
            Refund.objects.filter(state=CallState.WAITING)
            .exclude(stripe_id="")
            .order_by("created_at")
            .values_list("stripe_id", flat=True)[:A_FEW]
        )
    for funding in fundings:
        _check(funding, now=now)
    for stripe_id in refund_ids:
        with _noting(stripe_id), acting(system()) as by:
            check_refund(stripe_id=stripe_id, by=by, now=now)
    _catch_up_accounts(now)


def _catch_up_accounts(now: dt.datetime) -> None:
    """Events of connected accounts are in no list of the platform's: their objects are asked."""
    with acting(system()):
        late = Payout.objects.filter(
            state=PayoutState.TRANSFERRED, transferred_at__lt=now - LATE_PAYOUT
        )
        senders = list(
            late.order_by("account_id").values_list("account_id", flat=True).distinct()[:A_FEW]
        )
        unready = list(
            StripeAccount.objects.exclude(transfers_status="active")
            .filter(checked_at__lt=now - LATE_ACCOUNT)
            .order_by("checked_at")
            .values_list("user_id", flat=True)[:A_FEW]
        )
    for account_id in senders:
        with _noting(account_id):
            for bank_payout in gateway.recent_bank_payouts(account_id):
                with acting(system()) as by:
                    take_bank_payout(
                        bank_payout_id=bank_payout.id, account_id=account_id, by=by, now=now
                    )
    for user_id in unready:
        with _noting(user_id), acting(system()) as by:
            refresh_account(user_id=user_id, by=by, now=now)
