"""Statements of contributors: closed once a month, refused when they are not the ledger."""

import datetime as dt
import logging
import uuid

from django.db import connection, transaction
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import Invalid, WagefileError
from apps.core.tenancy import Actor, acting
from apps.exports.errors import NotTheLedger
from apps.exports.models import Statement, StatementChoice
from apps.exports.queries import statements
from apps.exports.rules.months import Month, months
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.payments.permissions import check_is_system

log = logging.getLogger(__name__)

# Deadlines that passed before midnight are booked by sweeps shortly after it.
SWEPT = dt.timedelta(hours=1)


def choose(
    *, set_aside_percent: int | None, display_currency: str, by: Actor, now: dt.datetime
) -> StatementChoice:
    """Which share to set aside and which currency to read in, on statements closed from now on."""
    if display_currency and display_currency not in statements.display_currencies():
        raise Invalid("There is no rate for this currency.", field="display_currency")
    if set_aside_percent is not None and not 0 <= set_aside_percent <= 100:
        raise Invalid("A share is between 0 and 100 percent.", field="set_aside_percent")
    with transaction.atomic():
        choice, _ = StatementChoice.objects.update_or_create(
            user_id=by.person_id,
            defaults={
                "set_aside_percent": set_aside_percent, "display_currency": display_currency
            },
        )  # fmt: skip
        audit.record(Event("statement.chosen", ("person", by.person_id)), by=by, now=now)
        return choice


def issue_statements(*, by: Actor, now: dt.datetime) -> int:
    """Close the months that are over, for everybody with movements; how many were closed.

    Call it outside of a transaction: each statement has its own. Stopped half way, the next call
    goes on with those that are open; twice closes nothing twice. One that is not the ledger stays
    open, and staff is told.
    """
    check_is_system(by)
    month = Month.of(now - SWEPT).before
    with acting(by), connection.cursor() as cursor:
        cursor.execute("SELECT exports_statements_due(%s)", [month.end])
        people = [row[0] for row in cursor.fetchall()]
    return sum(_close_until(user_id, month, by=by, now=now) for user_id in people)


def _close_until(user_id: uuid.UUID, month: Month, *, by: Actor, now: dt.datetime) -> int:
    """Each month in a transaction of its own, the earliest first: each begins where one ended."""
    made = 0
    person = Actor(kind="person", user_id=user_id)
    with acting(person):
        first = statements.span(user_id, now)[-1]
        last = Statement.objects.filter(user_id=user_id).order_by("-month").first()
    for each in months(Month(last.month).next if last else first, month):
        try:
            with acting(person):
                made += _close(user_id, each, by=person, now=now)
        except NotTheLedger as error:
            log.exception("statement %s of %s is not the ledger", each.name, user_id)
            with acting(by):
                tell_wrong(f"statement {each.name} of {user_id}", error, now=now)
            break
    return made


def _close(user_id: uuid.UUID, month: Month, *, by: Actor, now: dt.datetime) -> int:
    # Two issuers at once: the second waits here, and finds the row.
    User.objects.select_for_update(of=("self",), no_key=True).get(id=user_id)
    if statements.closed(user_id, month):
        return 0
    last = Statement.objects.filter(user_id=user_id).order_by("-month").first()
    as_of = statements.last_number(user_id)
    covers = statements.Window(
        month.end,
        as_of,
        Month(last.month).end if last else None,
        last.as_of if last else 0,
    )
    if not statements.has_moved(user_id, covers):
        return 0
    row = Statement(
        user_id=user_id,
        month=month.first,
        number=last.number + 1 if last else 1,
        as_of=as_of,
        issued_at=now,
        facts=statements.facts_now(user_id, month, covers),
    )
    row.save(force_insert=True)
    check(statements.paper(user_id, month))
    audit.record(
        Event(
            "statement.closed",
            ("statement", row.id),
            data={"month": month.name, "as_of": as_of, "number": row.number},
        ),
        by=by,
        now=now,
    )
    return 1


def check(paper: statements.Paper) -> None:
    """NotTheLedger with the first sum that differs. Whoever shows a statement asks this first."""
    wrong = statements.faults(paper)
    if wrong:
        raise NotTheLedger(wrong[0])


def tell_wrong(what: str, error: WagefileError, *, now: dt.datetime) -> None:
    """Tell every administrator, once for each paper."""
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_PAPER,
        title=f"The {what} does not equal the ledger and is not shown.",
        body=error.sentence,
        url=reverse("pages:books"),
        key=what,
        now=now,
    )
