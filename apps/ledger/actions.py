"""`post([...])` is the only writer of the ledger; PostgreSQL enforces the rest."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.db import Error, connection, transaction
from psycopg import Error as PostgresError

from apps.core.ids import derived
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.errors import (
    AlreadyResolved,
    EarnedStays,
    IdReused,
    InsufficientFunds,
    LedgerError,
    NotReversed,
    PastDeadline,
)
from apps.ledger.models import Transfer

EXPIRED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer to write. One that resolves needs id, pending, code, at, and a post its amount.

    `expires_at` is for a pending transfer: from then on it cannot be posted, and can be expired.
    `reverses` names an earlier transfer: the accounts are its accounts swapped, the amount is at
    most what no other reversal has taken back.
    """

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
    expires_at: dt.datetime | None = None


# The arguments of ledger_post, an array for each.
_COLUMNS = {
    "id": "uuid",
    "kind": "text",
    "code": "text",
    "at": "timestamptz",
    "amount": "bigint",
    "debit": "bigint",
    "credit": "bigint",
    "currency": "text",
    "pending": "uuid",
    "reverses": "uuid",
    "scope": "uuid",
    "subject": "uuid",
    "expires_at": "timestamptz",
}
STATEMENT = f"SELECT ledger_post({', '.join(f'%s::{kind}[]' for kind in _COLUMNS.values())})"


def arrays(entries: Sequence[Entry]) -> list[list]:
    """The parameters of STATEMENT: one list a column, one element a transfer."""
    columns = [[getattr(entry, name) for entry in entries] for name in _COLUMNS]
    columns[1] = [str(kind) for kind in columns[1]]
    return columns


# (database, purpose, holder, scope, currency) → id of accounts that are known to be committed.
_known: dict[tuple, int] = {}

# By what PostgreSQL says: the writer's own codes, or the constraint that held.
_RESOLVED = (AlreadyResolved, "This amount was already booked or released.")
_REFUSALS: dict[str | None, tuple[type[LedgerError], str]] = {
    "WL001": (IdReused, "This step was already booked with other amounts."),
    "WL003": (LedgerError, "This booking does not fit the ledger."),
    "WL005": (EarnedStays, "Earned money belongs to its owner; it leaves towards the bank only."),
    "WL006": (PastDeadline, "The deadline of this amount decides, and it says otherwise."),
    "WL007": (NotReversed, "This would take back more than was booked, or another way."),
    "ledger_account_not_overdrawn": (InsufficientFunds, "There is not enough money for this."),
    # Counters fall below zero when a hold is resolved that is no longer there.
    "ledger_account_counters": _RESOLVED,
    "ledger_transfer_pkey": _RESOLVED,
    "ledger_transfer_resolved_once": _RESOLVED,
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


def post(entries: Sequence[Entry]) -> int:
    """Write a batch, whole or not at all; how many transfers were new.

    Raises LedgerError: InsufficientFunds, AlreadyResolved, IdReused, EarnedStays, PastDeadline,
    NotReversed or the thing itself. Call it last in the transaction: from here on the guarded
    accounts are locked until commit.
    """
    if not connection.in_atomic_block:
        message = "Money is booked in the transaction of the change that causes it."
        raise RuntimeError(message)
    if not entries:
        return 0
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(STATEMENT, arrays(entries))
            return cursor.fetchone()[0]
    except Error as error:
        refusal = _refusal(error.__cause__)
        if refusal is None:
            raise
        kind, sentence = refusal
        raise kind(sentence) from error


def expire(now: dt.datetime) -> int:
    """Give back every hold whose deadline has come; how many. For the system or staff."""
    due = Transfer.objects.unresolved().filter(expires_at__lte=now).order_by("expires_at", "id")
    with transaction.atomic():
        return post(
            [
                Entry(
                    id=derived(hold.id, str(TransferKind.EXPIRE)),
                    kind=TransferKind.EXPIRE,
                    code=hold.code,
                    at=now,
                    pending=hold.id,
                )
                for hold in due[:EXPIRED_AT_ONCE]
            ]
        )


def _refusal(cause: BaseException | None) -> tuple[type[LedgerError], str] | None:
    if not isinstance(cause, PostgresError):
        return None
    return _REFUSALS.get(cause.sqlstate) or _REFUSALS.get(cause.diag.constraint_name)
