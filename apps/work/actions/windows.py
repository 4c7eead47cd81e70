"""Deadlines. The deadline decides, not the sweep: every action first settles what is overdue.

Silence accepts a submission, ends a rework with its first answer, lets an uncontested rejection
stand, and finds for the contributor when an appeal was not decided in time.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from functools import wraps
from typing import cast

from django.db import transaction
from django.db.models import Q

from apps.core.errors import IllegalTransition, NotAllowed, WagefileError
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.work.actions import decide, money, told
from apps.work.enums import AssignmentState, Decider
from apps.work.models import Assignment

S = AssignmentState


def lapse(*, assignment_ids: Sequence[uuid.UUID], by: Actor, now: dt.datetime) -> int:
    """Settle what is overdue among these; how many rows were looked at. Called by the sweep."""
    if not by.is_system:
        raise NotAllowed("Deadlines are kept by the marketplace itself.")
    with transaction.atomic(), ledger.last():
        rows = list(
            Assignment.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(id__in=assignment_ids, next_due_at__lte=now)
            .order_by("id")
        )
        settle_overdue(rows, now=now)
    return len(rows)


def keeps_deadlines[**P, T](action: Callable[P, T]) -> Callable[P, T]:
    """An action that settles what is overdue first, and then refuses, is rolled back whole.

    The deadline has decided all the same: it is carried out again here, and kept.
    """

    @wraps(action)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with ledger.last():
                return action(*args, **kwargs)
        except WagefileError:
            now = cast("dt.datetime", kwargs["now"])
            due = Q(id=kwargs.get("assignment_id")) | Q(submissions=kwargs.get("submission_id"))
            with transaction.atomic(), ledger.last():
                rows = Assignment.objects.filter(due, next_due_at__lte=now)
                ids = list(rows.values_list("id", flat=True))
                locked = Assignment.objects.select_for_update(of=("self",)).filter(id__in=ids)
                settle_overdue(list(locked), now=now)
            raise

    return run


def settle_overdue(rows: Sequence[Assignment], *, now: dt.datetime) -> None:
    """Carry out every deadline of these locked rows that has passed at `now`.

    What it books is kept, within `ledger.last`, until the caller has locked what it needs.
    """
    due = [row for row in rows if row.next_due_at is not None and row.next_due_at <= now]
    if not due:
        return
    by = decide.silence(due[0].org_id)
    with ledger.kept():
        _lapse_rework([row for row in due if row.state == S.REWORK], now=now)
        _expire([row for row in due if row.state == S.CLAIMED], by=by, now=now)
        over = [row for row in due if row.state == S.SUBMITTED and _acceptance_time(row) <= now]
        decide.accept_all(over, decider=Decider.SILENCE, by=by, now=now, at=_acceptance_time)
        _end_rejections([row for row in due if row.state == S.REJECTED], by=by, now=now)


def deadline(moment: dt.datetime | None) -> dt.datetime:
    """A deadline that the assignment's state guarantees (the constraint assignment_windows)."""
    if moment is None:
        raise IllegalTransition("In this state the work has no such deadline.")
    return moment


def _acceptance_time(row: Assignment) -> dt.datetime:
    return deadline(row.next_due_at or row.review_due_at)


def review_window(row: Assignment, start: dt.datetime) -> dt.datetime:
    hours = money.body_of(row.criteria_id)["windows"]["review_hours"]
    return start + dt.timedelta(hours=hours)


def _lapse_rework(rows: Sequence[Assignment], *, now: dt.datetime) -> None:
    """No second answer came: the first one is reviewed, in a new window; the round is not paid."""
    for row in rows:
        decide.move(row, S.SUBMITTED)
        row.rounds -= 1
        row.cap_seconds -= money.terms_of(row.criteria_id).paid_seconds_max
        row.review_due_at = row.next_due_at = review_window(row, deadline(row.rework_due_at))
        entries = money.rewrite_open(row, now=now)
        money.save([row])
        ledger.post(entries)
        told.rework_lapsed(row, now=now)


def hold_ends_at(row: Assignment) -> dt.datetime:
    """30 minutes without a heartbeat, 24 hours at most."""
    windows = money.body_of(row.criteria_id)["windows"]
    return min(
        row.last_beat_at + dt.timedelta(minutes=windows["hold_minutes"]),
        row.claimed_at + dt.timedelta(hours=windows["hold_hours_max"]),
    )


def _expire(rows: Sequence[Assignment], *, by: Actor, now: dt.datetime) -> None:
    over = [row for row in rows if hold_ends_at(row) <= now]
    alive = [row for row in rows if row not in over]
    for row in alive:
        row.next_due_at = hold_ends_at(row)
    money.save(alive)
    decide.end_unsubmitted_all(over, S.EXPIRED, by=by, at=hold_ends_at, now=now)


def _end_rejections(rows: Sequence[Assignment], *, by: Actor, now: dt.datetime) -> None:
    uncontested = []
    for row in rows:
        if row.held_until is None:
            uncontested.append(row)
        else:
            # An appeal is open and its deadline has passed: silence finds for the contributor.
            decide.overturn(row, by=by, at=row.held_until, is_silence=True)
    decide.finalise_all(uncontested, by=by, now=now)
    told.rejections_final(uncontested, now=now)
