"""Stripe's balance transactions as rows of ours, and the shape of their bookings."""

import datetime as dt
from collections.abc import Iterable

from apps.core.ids import derived
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.payments import gateway
from apps.payments.models import BalanceTxn
from apps.payments.rules import booking_base


def store(txns: Iterable[gateway.Txn]) -> None:
    """Keep those that are new. The platform's rows: call it while acting for the platform."""
    BalanceTxn.objects.bulk_create([_row(txn) for txn in txns], ignore_conflicts=True)


def _row(txn: gateway.Txn) -> BalanceTxn:
    return BalanceTxn(
        id=txn.id,
        type=txn.type,
        source_id=txn.source_id,
        amount=txn.amount,
        fee=txn.fee,
        net=txn.net,
        currency=txn.currency,
        created_at=txn.created_at,
        available_on=txn.available_on,
    )


def booking(
    txn_id: str, step: str, code: str, amount: int, currency: str, *, against: int, now: dt.datetime
) -> ledger.Entry:
    """One part of a balance transaction: a negative amount leaves Stripe at the cost of `against`,
    the id of an account.
    """
    stripe = ledger.account(Purpose.STRIPE, currency=currency)
    base = booking_base(txn_id)
    return ledger.Entry(
        id=derived(base, step),
        kind=TransferKind.POSTED,
        code=code,
        at=now,
        amount=abs(amount),
        currency=currency,
        debit=stripe if amount > 0 else against,
        credit=against if amount > 0 else stripe,
        subject=base,
    )
