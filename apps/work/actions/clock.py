"""The clock and the draft: active time is measured on the server, from heartbeats."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from apps.core import rows
from apps.core.errors import Conflict, NotThere
from apps.core.tenancy import Actor
from apps.work.actions import windows
from apps.work.enums import AssignmentState
from apps.work.models import Assignment
from apps.work.permissions import check_can_work_on


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds so far; `is_capped` when more time would not be paid."""

    active_seconds: int
    idle_seconds: int
    cap_seconds: int
    is_capped: bool
    expires_at: dt.datetime


_THE_ONE = "work_assignment.id = %s FOR NO KEY UPDATE OF work_assignment"


def open_assignment(
    assignment_id: uuid.UUID, by: Actor, now: dt.datetime, *, also: str = ""
) -> Assignment:
    """The locked, still open assignment of its own contributor, overdue deadlines settled.

    `also` is a foreign key that is read along.
    """
    # Row-level security decides who finds it; `check_can_work_on` that it is the contributor.
    row = rows.first(Assignment, _THE_ONE, [assignment_id], also=also)
    if row is None:
        raise NotThere("There is no such assignment.")
    check_can_work_on(by, row)
    windows.settle_overdue([row], now=now)
    return row


def check_open(row: Assignment) -> None:
    if row.state == AssignmentState.EXPIRED:
        raise Conflict("The hold on this item ran out; your time on it counts, the item went back.")
    if row.state not in {AssignmentState.CLAIMED, AssignmentState.REWORK}:
        raise Conflict(f"This work is {row.get_state_display().lower()}, not open.")


def tick(
    row: Assignment, *, now: dt.datetime, had_input: bool, on_instructions: bool = False
) -> None:
    """Count the time since the last heartbeat, in whole seconds; the rest waits for the next.

    Active while the last input is at most the idle limit ago. One gap counts no more than that
    limit: a browser that was closed has not been working.
    """
    idle_limit = settings.WAGEFILE["idle_seconds"]
    passed = int((now - row.last_beat_at).total_seconds())
    if passed < 0:
        return
    counted = min(passed, idle_limit)
    if had_input or (now - row.last_input_at).total_seconds() <= idle_limit:
        row.active_seconds += counted
        row.idle_seconds += passed - counted
        if on_instructions:
            row.instruction_seconds += counted
    else:
        row.idle_seconds += passed
    row.last_beat_at += dt.timedelta(seconds=passed)
    if had_input:
        row.last_input_at = now


def clock_of(row: Assignment) -> Clock:
    return Clock(
        active_seconds=row.active_seconds,
        idle_seconds=row.idle_seconds,
        cap_seconds=row.cap_seconds,
        is_capped=row.active_seconds >= row.cap_seconds,
        expires_at=windows.hold_ends_at(row),
    )


_CLOCK_FIELDS = (
    "active_seconds",
    "idle_seconds",
    "instruction_seconds",
    "last_beat_at",
    "last_input_at",
)


@windows.keeps_deadlines
def beat(
    *,
    assignment_id: uuid.UUID,
    by: Actor,
    now: dt.datetime,
    had_input: bool,
    on_instructions: bool = False,
) -> Clock:
    """One heartbeat of the work page."""
    with transaction.atomic():
        row = open_assignment(assignment_id, by, now)
        check_open(row)
        tick(row, now=now, had_input=had_input, on_instructions=on_instructions)
        rows.update(row, _CLOCK_FIELDS)
        return clock_of(row)


@windows.keeps_deadlines
def save_draft(*, assignment_id: uuid.UUID, draft: dict, by: Actor, now: dt.datetime) -> Clock:
    """Keep an unfinished answer; it survives a closed browser. A draft is input, too."""
    with transaction.atomic():
        row = open_assignment(assignment_id, by, now)
        check_open(row)
        tick(row, now=now, had_input=True)
        row.draft = draft
        rows.update(row, (*_CLOCK_FIELDS, "draft"))
        return clock_of(row)
