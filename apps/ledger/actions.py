"""`post([...])` is the only writer of the ledger; PostgreSQL enforces the rest."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from django.db import Error, connection, transaction

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


def post(entries: Sequence[Entry]) -> int:
    """Write a batch, whole or not at all; how many transfers were new (0 for what is `kept`).

    Raises InsufficientFunds, AlreadyResolved, IdReused or LedgerError. Call it last in the
    transaction: from here on the guarded accounts are locked until commit.
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
    return sum(_write(run) for run in _runs(entries))


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


def _write(entries: Sequence[Entry]) -> int:
    batch = json.dumps([entry.as_json() for entry in entries])
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT ledger_post(%s::jsonb)", [batch])
            return cursor.fetchone()[0]
    except Error as error:
        code = getattr(error.__cause__, "sqlstate", None)
        if code not in _REFUSALS:
            raise
        kind, sentence = _REFUSALS[code]
        raise kind(sentence) from error
