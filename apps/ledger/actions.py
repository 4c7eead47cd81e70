"""`post([...])` is the only writer of the ledger; PostgreSQL enforces the rest."""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from django.db import Error, connection, transaction
from psycopg import Error as PostgresError

from apps.core import rows
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


# The arguments of ledger_post_one, and as arrays those of ledger_post.
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
_CALL = f"ledger_post({', '.join(f'%s::{kind}[]' for kind in _COLUMNS.values())})"
_CALL_ONE = f"ledger_post_one({', '.join(f'%s::{kind}' for kind in _COLUMNS.values())})"
STATEMENT = f"SELECT {_CALL}"


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


# What `kept` blocks have booked and `last` has yet to write; None outside of `last`.
_waiting: ContextVar[list[Entry] | None] = ContextVar("waiting", default=None)
_keeps: ContextVar[bool] = ContextVar("keeps", default=False)


@contextmanager
def last() -> Iterator[None]:
    """Money comes last, also where an action first settles what is overdue.

    What is posted within `kept` is written with the next `post`, at latest at the end of this
    block, or forgotten with an exception. A transaction that booked, and then waited for another
    row, would keep the accounts from those whom it waits for.
    """
    waiting = _waiting.get()
    if waiting is not None:
        before = len(waiting)
        try:
            yield
        except BaseException:
            del waiting[before:]
            raise
        return
    token = _waiting.set([])
    try:
        yield
        post([])
    finally:
        _waiting.reset(token)


@contextmanager
def kept() -> Iterator[None]:
    """Posts within are kept for later; see `last`, which has to be around this."""
    if _waiting.get() is None:
        message = "Nobody would write what is kept here."
        raise RuntimeError(message)
    token = _keeps.set(True)
    try:
        yield
    finally:
        _keeps.reset(token)


def post(entries: Sequence[Entry], *, only_if: rows.Statement | None = None) -> int:
    """Write a batch, whole or not at all; how many transfers were new (0 for what is `kept`).

    `only_if` is a condition that PostgreSQL is asked right before, in the same statement: when it
    does not hold, nothing is booked.

    Raises LedgerError: InsufficientFunds, AlreadyResolved, IdReused, EarnedStays, PastDeadline,
    NotReversed or the thing itself. Call it last in the transaction: from here on the guarded
    accounts are locked until commit.
    """
    if not connection.in_atomic_block:
        message = "Money is booked in the transaction of the change that causes it."
        raise RuntimeError(message)
    waiting = _waiting.get()
    if waiting is not None:
        if _keeps.get():
            waiting.extend(entries)
            return 0
        entries = [*waiting, *entries]
        waiting.clear()
    condition = only_if or rows.Statement("true", [])
    return sum(_write(run, condition) for run in _runs(entries))


def _runs(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut where an entry resolves one before it: a batch only resolves what is written already."""
    run: list[Entry] = []
    made: set[uuid.UUID] = set()
    for entry in entries:
        if entry.pending in made:
            yield run
            run, made = [], set()
        run.append(entry)
        made.add(entry.id)
    if run:
        yield run


def _write(entries: Sequence[Entry], condition: rows.Statement) -> int:
    call, values = _CALL, arrays(entries)
    if len(entries) == 1:
        call, values = _CALL_ONE, [column[0] for column in values]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT CASE WHEN {condition.sql} THEN {call} ELSE 0 END",
                [*condition.values, *values],
            )
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
