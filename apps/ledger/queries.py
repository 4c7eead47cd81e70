"""Reads of the ledger for the floors above, which may not touch its rows by themselves."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q, Sum

from apps.ledger.enums import GUARDED, Purpose
from apps.ledger.models import Account, AccountQuerySet, Transfer, TransferQuerySet

# The names of the rows for annotations in apps that may not import the models.
AccountRow = Account
TransferRow = Transfer


def transfers() -> TransferQuerySet:
    """Transfers that whoever acts may see, for the papers that are made of them."""
    return Transfer.objects.all()


def accounts() -> AccountQuerySet:
    """Accounts that whoever acts may see."""
    return Account.objects.all()


def find_account(
    purpose: Purpose,
    *,
    currency: str,
    holder: uuid.UUID | None = None,
    scope: uuid.UUID | None = None,
) -> AccountRow:
    """The account of this name with its balance; an unsaved one with zeros if it has no history."""
    name = {"purpose": purpose, "currency": currency, "holder_id": holder, "scope_id": scope}
    found = Account.objects.filter(**name).first()
    return found or Account(**name, is_guarded=False)


def find_accounts(
    purposes: Iterable[Purpose], *, currency: str, holder: uuid.UUID, scope: uuid.UUID
) -> dict[str, AccountRow]:
    """Several accounts of one holder and scope by purpose, as `find_account`; one query."""
    name = {"currency": currency, "holder_id": holder, "scope_id": scope}
    wanted = list(purposes)
    found = {row.purpose: row for row in Account.objects.filter(**name, purpose__in=wanted)}
    return {
        str(purpose): found.get(str(purpose)) or Account(**name, purpose=purpose, is_guarded=False)
        for purpose in wanted
    }


def accounts_of(
    purpose: Purpose, holders: Iterable[uuid.UUID], *, minimum: int = 0
) -> list[AccountRow]:
    """Accounts of these holders that were ever credited at least `minimum` minor units."""
    return list(
        Account.objects.filter(
            purpose=purpose, holder_id__in=list(holders), credits_posted__gte=minimum
        ).order_by("id")
    )


def settled_amounts(account: AccountRow) -> dict[uuid.UUID, int]:
    """What each settled transfer did to an account: credits positive, debits negative."""
    rows = Transfer.objects.settled().filter(Q(debit_id=account.id) | Q(credit_id=account.id))
    return {
        row.id: row.amount if row.credit_id == account.id else -row.amount
        for row in rows.order_by("number")
    }


@dataclass(frozen=True, slots=True)
class Move:
    """A settled transfer seen from one account: `signed` is what it did to it, credits positive."""

    id: uuid.UUID
    code: str
    amount: int
    signed: int
    other_id: int
    scope_id: uuid.UUID | None
    reverses_id: uuid.UUID | None


def moves_of(account: AccountRow) -> list[Move]:
    """What moved in or out of an account that has few transfers, in the order of writing."""
    if account.id is None:
        return []
    rows = Transfer.objects.settled().filter(Q(debit_id=account.id) | Q(credit_id=account.id))
    return [
        Move(
            id=row.id,
            code=row.code,
            amount=row.amount,
            signed=row.amount if row.credit_id == account.id else -row.amount,
            other_id=row.debit_id if row.credit_id == account.id else row.credit_id,
            scope_id=row.scope_id,
            reverses_id=row.reverses_id,
        )
        for row in rows.order_by("number")
    ]


def moved_until(account: AccountRow, until: dt.datetime) -> int:
    """What all transfers settled by then did to an account: credits less debits."""
    into, out = Q(credit_id=account.id), Q(debit_id=account.id)
    settled = Transfer.objects.settled().filter(into | out, at__lte=until)
    sums = settled.aggregate(credits=Sum("amount", filter=into), debits=Sum("amount", filter=out))
    return (sums["credits"] or 0) - (sums["debits"] or 0)


# ── The proof, from the transfers alone ──────────────────────────────────────────────────────────

_GUARDED = f"({', '.join(f"'{purpose.value}'" for purpose in sorted(GUARDED))})"

# Every transfer as two legs: what it moves, and what it promises (a pending debit counts at once).
_LEGS = """
WITH leg AS (
  SELECT t.id, t.number, t.recorded_at, s.account_id, s.sign,
    CASE WHEN t.kind IN ('posted', 'post') THEN t.amount ELSE 0 END AS posted,
    CASE t.kind WHEN 'pending' THEN t.amount
                WHEN 'posted' THEN 0 ELSE -p.amount END AS pending
  FROM ledger_transfer t LEFT JOIN ledger_transfer p ON p.id = t.pending_id
  CROSS JOIN LATERAL (VALUES (t.debit_id, -1), (t.credit_id, 1)) AS s(account_id, sign)
)
"""

_MALFORMED = """
WITH again AS (
  SELECT DISTINCT ON (t.pending_id) t.id FROM ledger_transfer t
  JOIN (SELECT pending_id FROM ledger_transfer WHERE pending_id IS NOT NULL
        GROUP BY pending_id HAVING count(*) > 1) twice USING (pending_id)
  ORDER BY t.pending_id, t.number DESC
), twin AS (
  SELECT number FROM ledger_transfer GROUP BY number HAVING count(*) > 1
), reversed AS (
  SELECT reverses_id AS id, sum(amount) AS amount, max(number) AS number FROM ledger_transfer
  WHERE reverses_id IS NOT NULL GROUP BY reverses_id
)
SELECT t.number, t.id, CASE
    WHEN d.id IS NULL OR c.id IS NULL THEN 'names an account that is not there'
    WHEN t.debit_id = t.credit_id THEN 'has the same account on both sides'
    WHEN d.currency <> t.currency OR c.currency <> t.currency
      THEN 'moves ' || t.currency || ' between accounts of ' || d.currency || ' and ' || c.currency
    WHEN t.kind NOT IN ('posted', 'pending', 'post', 'void', 'expire') THEN 'is of no known kind'
    WHEN (t.kind IN ('void', 'expire')) <> (t.amount = 0) OR t.amount < 0
      THEN 'has the amount ' || t.amount
    WHEN t.kind IN ('post', 'void', 'expire')
        AND (p.id IS NULL OR p.kind <> 'pending' OR p.number > t.number)
      THEN 'resolves no pending transfer that came before it'
    WHEN t.kind IN ('posted', 'pending') AND t.pending_id IS NOT NULL
      THEN 'resolves another transfer but is no post, void or expiry'
    WHEN t.pending_id IS NOT NULL AND (p.debit_id, p.credit_id) <> (t.debit_id, t.credit_id)
      THEN 'resolves a transfer between other accounts'
    WHEN t.kind = 'post' AND t.amount > p.amount
      THEN 'posts ' || t.amount || ' of the ' || p.amount || ' that were pending'
    WHEN (t.kind = 'post' AND t.at >= p.expires_at)
        OR (t.kind = 'expire' AND (t.at < p.expires_at) IS NOT FALSE)
      THEN 'posts after the deadline, or expires before it'
    WHEN again.id IS NOT NULL THEN 'resolves a pending transfer a second time'
    WHEN t.reverses_id IS NOT NULL AND (r.id IS NULL OR r.number > t.number
        OR r.kind NOT IN ('posted', 'post') OR t.kind <> 'posted'
        OR (r.debit_id, r.credit_id) <> (t.credit_id, t.debit_id))
      THEN 'does not go the way back of a transfer that came before it'
    WHEN reversed.amount > r.amount AND reversed.number = t.number
      THEN 'reverses more than the ' || r.amount || ' that were moved'
    WHEN twin.number IS NOT NULL THEN 'has the number of another transfer'
    WHEN d.purpose = 'payable' AND c.purpose <> 'stripe'
      THEN 'takes earned money elsewhere than to its owner''s bank'
    WHEN t.request_hash <> ledger_request_hash(t.kind, t.debit_id, t.credit_id, t.amount,
        t.currency, t.code, t.pending_id, t.reverses_id, t.scope_id, t.subject_id, t.expires_at)
      THEN 'has other content than its hash'
  END AS fault
FROM ledger_transfer t
LEFT JOIN ledger_account d ON d.id = t.debit_id LEFT JOIN ledger_account c ON c.id = t.credit_id
LEFT JOIN ledger_transfer p ON p.id = t.pending_id
LEFT JOIN ledger_transfer r ON r.id = t.reverses_id
LEFT JOIN again ON again.id = t.id LEFT JOIN twin ON twin.number = t.number
LEFT JOIN reversed ON reversed.id = t.reverses_id
"""

# A batch is one statement and holds the account's lock, so its legs of a guarded account follow one
# another; what a batch does in between is nobody's business, its end must not be overdrawn.
_OVERDRAWN = f"""
{_LEGS}, walk AS (
  SELECT leg.number, leg.id, leg.account_id,
    sum(CASE WHEN leg.sign = 1 THEN leg.posted ELSE -leg.posted - leg.pending END)
      OVER (PARTITION BY leg.account_id ORDER BY leg.number) AS available,
    lead(leg.recorded_at) OVER (PARTITION BY leg.account_id ORDER BY leg.number)
      IS DISTINCT FROM leg.recorded_at AS is_last
  FROM leg JOIN ledger_account a ON a.id = leg.account_id
  WHERE a.purpose IN {_GUARDED}
)
SELECT number, id, account_id, available FROM walk WHERE is_last AND available < 0
ORDER BY number LIMIT 1
"""  # noqa: S608 -- constants of this file

_COUNTERS = f"""
{_LEGS}, sums AS (
  SELECT account_id,
    coalesce(sum(posted) FILTER (WHERE sign = -1), 0) AS debits_posted,
    coalesce(sum(pending) FILTER (WHERE sign = -1), 0) AS debits_pending,
    coalesce(sum(posted) FILTER (WHERE sign = 1), 0) AS credits_posted,
    coalesce(sum(pending) FILTER (WHERE sign = 1), 0) AS credits_pending
  FROM leg GROUP BY account_id
)
SELECT a.id, a.is_guarded = (a.purpose IN {_GUARDED}),
  ARRAY[a.debits_posted, a.debits_pending, a.credits_posted, a.credits_pending]::bigint[],
  ARRAY[s.debits_posted, s.debits_pending, s.credits_posted, s.credits_pending]::bigint[]
FROM ledger_account a
LEFT JOIN sums t ON t.account_id = a.id
CROSS JOIN LATERAL (SELECT (a.purpose IN {_GUARDED})::int AS counts) g
CROSS JOIN LATERAL (SELECT
  g.counts * coalesce(t.debits_posted, 0) AS debits_posted,
  g.counts * coalesce(t.debits_pending, 0) AS debits_pending,
  g.counts * coalesce(t.credits_posted, 0) AS credits_posted,
  g.counts * coalesce(t.credits_pending, 0) AS credits_pending
) s
WHERE (a.debits_posted, a.debits_pending, a.credits_posted, a.credits_pending)
    IS DISTINCT FROM (s.debits_posted, s.debits_pending, s.credits_posted, s.credits_pending)
  OR a.is_guarded <> (a.purpose IN {_GUARDED})
ORDER BY a.id LIMIT 1
"""  # noqa: S608 -- constants of this file

_SUMS = f"""
{_LEGS}
SELECT a.currency, sum(leg.sign * leg.posted), sum(leg.sign * leg.pending)
FROM leg JOIN ledger_account a ON a.id = leg.account_id
GROUP BY a.currency ORDER BY a.currency
"""  # noqa: S608 -- constants of this file


@dataclass(frozen=True, slots=True)
class Proof:
    """How much was read, and the first row that breaks the books, as a sentence (None: nothing)."""

    transfers: int
    accounts: int
    fault: str | None


def prove() -> Proof:
    """Zero sum, resolved once, nothing overdrawn, counters = sums: from the transfers alone.

    Reads every transfer, so it must run as staff or the system's owner; a narrower actor proves
    only the part of the books that it sees.
    """
    transfers, accounts = _row(
        "SELECT (SELECT count(*) FROM ledger_transfer), (SELECT count(*) FROM ledger_account)"
    ) or (0, 0)
    with transaction.atomic(), connection.cursor() as cursor:
        # The policies hide from the planner how many accounts there are; joined row by row, the
        # proof would read all legs once an account.
        cursor.execute("SET LOCAL enable_nestloop = off")
        fault = _malformed() or _not_zero() or _overdrawn() or _miscounted()
        cursor.execute("SET LOCAL enable_nestloop = on")
    return Proof(transfers=transfers, accounts=accounts, fault=fault)


def _row(sql: str) -> tuple | None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def _name(account_id: int) -> str:
    account = Account.objects.filter(id=account_id).first()
    return f"account {account_id} ({account})" if account else f"account {account_id}"


def _malformed() -> str | None:
    row = _row(f"SELECT * FROM ({_MALFORMED}) r WHERE fault IS NOT NULL ORDER BY number LIMIT 1")  # noqa: S608
    return f"Transfer {row[1]} (number {row[0]}) {row[2]}." if row else None


def _not_zero() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(_SUMS)
        for currency, posted, pending in cursor.fetchall():
            if posted or pending:
                return f"{currency} does not sum to zero: {posted} posted, {pending} pending."
    return None


def _overdrawn() -> str | None:
    row = _row(_OVERDRAWN)
    if row is None:
        return None
    number, transfer_id, account_id, available = row
    return (
        f"Transfer {transfer_id} (number {number}) leaves {_name(account_id)} "
        f"with {available} available."
    )


def _miscounted() -> str | None:
    row = _row(_COUNTERS)
    if row is None:
        return None
    account_id, is_right_guard, counters, sums = row
    if not is_right_guard:
        return f"The guard of {_name(account_id)} does not follow from its purpose."
    return f"The counters of {_name(account_id)} say {counters}, its transfers {sums}."
