"""Money that is there because a transfer put it there."""

import datetime as dt
import uuid

from apps.core.ids import uuid7
from apps.core.tenancy import acting, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind


def stripe_account(currency: str = "USD") -> int:
    """The unguarded mirror of Stripe's balance: where money comes from and goes to."""
    return ledger.account(Purpose.STRIPE, currency=currency)


def wallet(org_id: uuid.UUID, currency: str = "USD") -> int:
    return ledger.account(Purpose.WALLET, currency=currency, holder=org_id)


def held(org_id: uuid.UUID, project_id: uuid.UUID, currency: str = "USD") -> int:
    return ledger.account(Purpose.HELD, currency=currency, holder=org_id, scope=project_id)


def seats(org_id: uuid.UUID, project_id: uuid.UUID, currency: str = "USD") -> int:
    return ledger.account(Purpose.SEATS, currency=currency, holder=org_id, scope=project_id)


def payable(user_id: uuid.UUID, currency: str = "USD") -> int:
    return ledger.account(Purpose.PAYABLE, currency=currency, holder=user_id)


def entry(
    debit: int | None = None, credit: int | None = None, amount: int | None = None, **more: object
) -> ledger.Entry:
    """A posted transfer unless `kind` says otherwise."""
    fields: dict = {
        "id": uuid7(),
        "kind": TransferKind.POSTED,
        "code": "test",
        "at": dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC),
        "currency": "USD" if debit else None,
    }
    return ledger.Entry(debit=debit, credit=credit, amount=amount, **{**fields, **more})


def fund(org_id: uuid.UUID, amount: int, *, currency: str = "USD", now: dt.datetime) -> int:
    """Put money of a card payment into an organization's wallet; the wallet's account id."""
    with acting(system(org_id)):
        account = wallet(org_id, currency)
        if not amount:
            return account
        ledger.post(
            [
                entry(
                    stripe_account(currency),
                    account,
                    amount,
                    code="funding",
                    currency=currency,
                    at=now,
                )
            ]
        )
    return account
