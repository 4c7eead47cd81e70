"""`post([...])` is the only writer of the ledger; PostgreSQL enforces the rest."""

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.db import Error, connection, transaction

from apps.core import rows
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.errors import (
    AlreadyResolved,
    EarnedStays,
    IdReused,
    InsufficientFunds,
    LedgerError,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer to write. For `post` and `void` only id, pending, code and amount matter."""

    id: uuid.UUID
    kind: TransferKind
    code: str
    at: dt.datetime
    amount: int | None = None
    debit: int | None = None
    credit: int | None = None
    currency: str | None = None
    pending: uuid.UUID | None = None
    reverses: uuid.UUID | None = None
    scope: uuid.UUID | None = None
    subject: uuid.UUID | None = None

    def as_json(self) -> dict:
        return {
            "id": str(self.id),
            "kind": str(self.kind),
            "code": self.code,
            "at": self.at.isoformat(),
            "amount": self.amount,
            "debit": self.debit,
            "credit": self.credit,
            "currency": self.currency,
            "pending": str(self.pending) if self.pending else None,
            "reverses": str(self.reverses) if self.reverses else None,
            "scope": str(self.scope) if self.scope else None,
            "subject": str(self.subject) if self.subject else None,
        }


# (database, purpose, holder, scope, currency) → id of accounts that are known to be committed.
_known: dict[tuple, int] = {}

_REFUSALS: dict[str | None, tuple[type[LedgerError], str]] = {
    "WL001": (IdReused, "This step was already booked with other amounts."),
    "WL002": (AlreadyResolved, "This amount was already booked or released."),
    "WL003": (LedgerError, "This booking does not fit the ledger."),
    "WL004": (InsufficientFunds, "There is not enough money for this."),
    "WL005": (EarnedStays, "Earned money belongs to its owner; it leaves towards the bank only."),
}


def account(
    purpose: Purpose,
    *,
    currency: str,
    holder: uuid.UUID | None = None,
    scope: uuid.UUID | None = None,
) -> int:
    """The id of the account of this name; it is opened when it is first needed."""
    name = (connection.settings_dict["NAME"], str(purpose), holder, scope, currency)
    if name in _known:
        return _known[name]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_account_id(%s, %s, %s, %s)", [str(purpose), holder, scope, currency]
        )
        found = cursor.fetchone()[0]
    # Accounts are never removed, but one opened in a transaction that is rolled back was not.
    transaction.on_commit(partial(_known.__setitem__, name, found))
    return found


def post(entries: Sequence[Entry], *, only_if: rows.Statement | None = None) -> int:
    """Write a batch, whole or not at all; how many transfers were new.

    `only_if` is a condition that PostgreSQL is asked right before, in the same statement: when it
    does not hold, nothing is booked.

    Raises InsufficientFunds, AlreadyResolved, IdReused or LedgerError. Call it last in the
    transaction: from here on the guarded accounts are locked until commit.
    """
    if not connection.in_atomic_block:
        message = "Money is booked in the transaction of the change that causes it."
        raise RuntimeError(message)
    if not entries:
        return 0
    condition = only_if or rows.Statement("true", [])
    batch = json.dumps([entry.as_json() for entry in entries])
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT CASE WHEN {condition.sql} THEN ledger_post(%s::jsonb) ELSE 0 END",
                [*condition.values, batch],
            )
            return cursor.fetchone()[0]
    except Error as error:
        code = getattr(error.__cause__, "sqlstate", None)
        if code not in _REFUSALS:
            raise
        kind, sentence = _REFUSALS[code]
        raise kind(sentence) from error
