"""The books over all floors: ledger, deadlines, outbox, solvency, reserves, Stripe's balance.

Each check names the first row that breaks it. They read every tenant's rows, so they run as staff.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

from django.db.models import F, Q, QuerySet, Sum
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.cases.models import Case
from apps.core.money import written
from apps.core.tenancy import Actor, acting, system
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.ledger.queries import AccountRow
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.pages.models import BooksCheck
from apps.payments.enums import CallState
from apps.payments.models import OutboxCall, StripeBalance
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.work.enums import AssignmentState, PoolState
from apps.work.models import Assignment, LiftPool

# The sweeps run every few seconds; so late means that they do not.
LATE = dt.timedelta(hours=1)
SETTLED = frozenset(
    {
        AssignmentState.ACCEPTED,
        AssignmentState.OVERTURNED,
        AssignmentState.FINAL,
        AssignmentState.GIVEN_BACK,
        AssignmentState.EXPIRED,
    }
)
# What assignments are paid from.
_FUNDING = (Purpose.HELD, Purpose.SEATS)
# What stays of a closed project until its last lift run is paid and cannot be contested any more.
_OF_LIFT = (Purpose.LIFT, Purpose.COMPUTE)
_HELD = F("held_pay") + F("held_fee") + F("held_extra")


@dataclass(frozen=True, slots=True)
class Result:
    """One check; `fault` names the first row that breaks it, None when it holds."""

    title: str
    fault: str | None


def run(now: dt.datetime) -> Iterator[Result]:
    """Every check, in the order in which a fault of one explains the next."""
    for title, check in _CHECKS:
        yield Result(title, check(now))


def keep(now: dt.datetime) -> BooksCheck:
    """Run the checks until one fails, keep what came out, and tell administrators of a failure."""
    start = monotonic()
    with acting(Actor(kind="staff")):
        broken = next((result for result in run(now) if result.fault), None)
    took = monotonic() - start
    with acting(system()):
        made = BooksCheck.objects.create(
            checked_at=now,
            took_ms=round(took * 1000),
            title=broken.title if broken else "",
            fault=(broken.fault or "") if broken else "",
        )
        if broken:
            notices.tell(
                staff_ids(),
                kind=Notices.STAFF_BOOKS,
                title="The books do not hold",
                body=f"{made.title}: no. {made.fault}",
                url=reverse("pages:staff-checks"),
                now=now,
            )
    return made


def _ledger(_now: dt.datetime) -> str | None:
    return ledger.prove().fault


def _windows(now: dt.datetime) -> str | None:
    row = Assignment.objects.filter(next_due_at__lt=now - LATE).order_by("next_due_at").first()
    if row is None:
        return None
    due = f"{row.next_due_at:%Y-%m-%d %H:%M} UTC"
    return f"Assignment {row.id} ({row.state}) was due at {due} and nothing has happened."


def _cases(now: dt.datetime) -> str | None:
    # A minute, so that a sweep that is running now is no fault.
    late = now - dt.timedelta(minutes=1)
    case = Case.objects.open().filter(due_at__lt=late).order_by("due_at").first()
    if case is None:
        return None
    due = f"{case.due_at:%Y-%m-%d %H:%M} UTC"
    return f"Case {case.id} ({case.kind}) is open after its deadline {due}."


def _outbox(now: dt.datetime) -> str | None:
    waiting = OutboxCall.objects.filter(state=CallState.WAITING, next_try_at__lt=now - LATE)
    call = waiting.order_by("next_try_at").first()
    if call is None:
        return None
    reason = f": {call.error}" if call.error else ""
    return f"The call {call.id} ({call.kind}) to Stripe was to be tried again an hour ago{reason}."


def _solvency(_now: dt.datetime) -> str | None:
    """Stripe holds at least what belongs to contributors and buyers, in every currency."""
    owed: dict[str, int] = dict(
        AccountRow.objects.filter(is_guarded=True)
        .order_by()
        .values_list("currency")
        .annotate(total=Sum(F("credits_posted") - F("debits_posted")))
    )
    for balance in StripeBalance.objects.order_by("currency"):
        currency, at_stripe = balance.currency.upper(), balance.available + balance.pending
        if at_stripe < owed.get(currency, 0):
            return (
                f"{currency}: Stripe holds {written(at_stripe, currency)}, "
                f"{written(owed[currency], currency)} belongs to others."
            )
    return None


def _clearing(_now: dt.datetime) -> str | None:
    """The ledger's mirror of Stripe, as it was when Stripe last told its balance."""
    for balance in StripeBalance.objects.order_by("currency"):
        currency, at_stripe = balance.currency.upper(), balance.available + balance.pending
        account = ledger.find_account(Purpose.STRIPE, currency=currency)
        # The mirror is debited by what comes in.
        mirror = -ledger.moved_until(account, balance.fetched_at)
        if mirror != at_stripe:
            return (
                f"{currency}: Stripe's balance of {balance.fetched_at:%Y-%m-%d %H:%M} UTC is "
                f"{written(at_stripe, currency)}, its mirror {written(mirror, currency)}."
            )
    return None


def _settled_holds(_now: dt.datetime) -> str | None:
    row = Assignment.objects.filter(state__in=SETTLED, held_pay__gt=0).order_by("id").first()
    if row is None:
        return None
    return f"Assignment {row.id} is {row.state} and still holds {row.held_pay} of pay."


def _closed_projects(_now: dt.datetime) -> str | None:
    closed = Project.objects.filter(state=ProjectState.CLOSED)
    row = (
        Assignment.objects.filter(project__in=closed)
        .annotate(holds=_HELD)
        .filter(holds__gt=0)
        .order_by("id")
        .first()
    )
    if row is not None:
        return f"Assignment {row.id} of the closed project {row.project_id} still holds {row.held}."
    account = (
        AccountRow.objects.filter(
            Q(purpose__in=_FUNDING)
            | Q(purpose__in=_OF_LIFT) & ~Q(scope_id__in=_open_pools().values("project_id")),
            scope_id__in=closed.values("id"),
        )
        .exclude(credits_posted=F("debits_posted"))
        .order_by("id")
        .first()
    )
    if account is None:
        return None
    left = written(account.balance, account.currency)
    return f"The closed project {account.scope_id} still holds {left}."


def _open_pools() -> QuerySet[LiftPool]:
    return LiftPool.objects.exclude(state=PoolState.RETURNED)


def _pools(now: dt.datetime) -> str | None:
    """A pool's row says what its account paid, and nothing stays in it for longer than it may."""
    for pool in LiftPool.objects.select_related("project").order_by("id"):
        account = ledger.find_account(
            Purpose.LIFT,
            currency=pool.project.currency,
            holder=pool.org_id,
            scope=pool.project_id,
        )
        if account.credits_posted != pool.amount:
            return f"The lift pool {pool.id} is {pool.amount}, {account.credits_posted} was put in."
        is_late = pool.due_at is not None and pool.due_at < now - LATE
        if pool.state == PoolState.PAID and is_late:
            return f"The rest of the lift pool {pool.id} was due at {pool.due_at:%Y-%m-%d %H:%M}."
    return None


def _reserves(_now: dt.datetime) -> str | None:
    """What assignments say is held for them is what the ledger has pending."""
    rows = Assignment.objects.order_by().values_list("project_id", "funded_from")
    holds = {(scope, name): total for scope, name, total in rows.annotate(total=Sum(_HELD))}
    for account in AccountRow.objects.filter(purpose__in=_FUNDING).order_by("id"):
        held = holds.get((account.scope_id, account.purpose)) or 0
        if held != account.debits_pending:
            return (
                f"Project {account.scope_id}, {account.purpose}: assignments hold {held}, "
                f"the ledger has {account.debits_pending} pending."
            )
    return None


_CHECKS: tuple[tuple[str, Callable[[dt.datetime], str | None]], ...] = (
    ("The ledger proves itself from its transfers", _ledger),
    ("No window is overdue by more than an hour", _windows),
    ("No case is open after its deadline", _cases),
    ("No call to Stripe is stuck", _outbox),
    ("Reserves of assignments equal what the ledger has pending", _reserves),
    ("Nothing is held for work that is decided", _settled_holds),
    ("Closed projects hold nothing", _closed_projects),
    ("Lift pools are what their accounts say, and none is overdue", _pools),
    ("Stripe holds at least what belongs to others", _solvency),
    ("The mirror of Stripe equals the balance that Stripe told last", _clearing),
)
