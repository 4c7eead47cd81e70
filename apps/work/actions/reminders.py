"""Reminders before a deadline, and news of offers: each once, whoever sweeps and however often."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Min, QuerySet
from django.urls import reverse

from apps.core.errors import NotAllowed
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects.models import Project
from apps.projects.rules import AS_WORK
from apps.work.actions import money, told
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, Enrolment

type Due = tuple[str, uuid.UUID, uuid.UUID]


def hours(what: str) -> dt.timedelta:
    """How long before a deadline people are reminded of it."""
    numbers: Mapping[str, Any] = settings.WAGEFILE
    return dt.timedelta(hours=numbers[f"remind_{what}_hours"])


def due_reminders(*, now: dt.datetime) -> list[Due]:
    """(what, id of its row, org_id) of everything that somebody is to be told of now."""
    with connection.cursor() as cursor:
        # Seconds: an interval is no parameter that Django's cursor is typed for.
        spans = [hours(what).total_seconds() for what in ("rework", "appeal", "review")]
        cursor.execute(
            "SELECT * FROM work_reminders(%s, make_interval(secs => %s),"
            " make_interval(secs => %s), make_interval(secs => %s))",
            [now, *spans],
        )
        return cursor.fetchall()


def next_reminder(*, after: dt.datetime, until: dt.datetime) -> dt.datetime | None:
    """When the next person is reminded of a deadline of their own, as things stand; for staff.

    Reviewers are not counted: theirs is one a day, whatever hour it is.
    """
    moments = [
        _first(Assignment.objects.filter(**rows), "next_due_at", hours(what), after, until)
        for what, rows in (
            ("rework", {"state": AssignmentState.REWORK}),
            ("appeal", {"state": AssignmentState.REJECTED, "held_until": None}),
        )
    ]
    moments.append(_first(Enrolment.objects.all(), "retake_at", dt.timedelta(), after, until))
    return min((moment for moment in moments if moment), default=None)


def _first(
    rows: QuerySet, field: str, span: dt.timedelta, after: dt.datetime, until: dt.datetime
) -> dt.datetime | None:
    """The first moment in between that is `span` before the field of a row."""
    bounds = {f"{field}__gt": after + span, f"{field}__lte": until + span}
    first = rows.filter(**bounds).aggregate(first=Min(field))["first"]
    return first - span if first else None


def remind(*, what: str, id: uuid.UUID, by: Actor, now: dt.datetime) -> None:  # noqa: A002
    """Tell of one row that `due_reminders` named. Telling twice tells once."""
    if not by.is_system:
        raise NotAllowed("Reminders are sent by the marketplace itself.")
    _REMINDERS[what](id, now)


def _rework(assignment_id: uuid.UUID, now: dt.datetime) -> None:
    row = Assignment.objects.filter(id=assignment_id, state=AssignmentState.REWORK).first()
    if row is None:
        return
    told.contributor(
        row,
        Notices.REWORK_NEAR,
        "A second round is due soon",
        "Without it your first answer is reviewed again.",
        due_at=row.rework_due_at,
        key=f"rework:{row.id}",
        now=now,
    )


def _appeal(assignment_id: uuid.UUID, now: dt.datetime) -> None:
    row = Assignment.objects.filter(id=assignment_id, state=AssignmentState.REJECTED).first()
    if row is None or row.held_until is not None:
        return
    told.contributor(
        row,
        Notices.APPEAL_NEAR,
        "The time for an appeal ends soon",
        "After that the rejection stands. What was paid for the work stays paid.",
        due_at=row.appeal_due_at,
        key=f"appeal:{row.id}",
        now=now,
    )


def _review(project_id: uuid.UUID, now: dt.datetime) -> None:
    """One a project and day. It counts two spans ahead, so that the next day's comes in time."""
    waiting = Assignment.objects.filter(
        project_id=project_id,
        kind__in=AS_WORK,
        state=AssignmentState.SUBMITTED,
        accept_requested_at=None,
        next_due_at__gt=now,
        next_due_at__lte=now + 2 * hours("review"),
    )
    first = waiting.aggregate(first=Min("next_due_at"))["first"]
    if first is None:
        return
    project = Project.objects.get(id=project_id)
    count = waiting.count()
    answers = "1 answer is" if count == 1 else f"{count:,} answers are"
    notices.tell(
        people_with(Permission.DECIDE_VERDICTS, org_id=project.org_id),
        kind=Notices.REVIEW_NEAR,
        title=f"{answers} about to be accepted by silence: {project.title}",
        body="Whatever has no verdict when its window ends is accepted and paid.",
        url=reverse("work:review", args=[project.id]),
        due_at=first,
        key=f"review:{project.id}:{now.astimezone(dt.UTC):%Y-%m-%d}",
        now=now,
    )


def _retake(enrolment_id: uuid.UUID, now: dt.datetime) -> None:
    row = Enrolment.objects.select_related("project").filter(id=enrolment_id).first()
    if row is None:
        return
    notices.tell(
        [row.contributor_id],
        kind=Notices.RETAKE,
        title=f"You can take the qualification again: {row.project.title}",
        body="Every item is paid, as before.",
        url=reverse("work:offer", args=[row.project_id]),
        key=f"retake:{row.id}:{row.attempts}",
        now=now,
    )


def _offer(project_id: uuid.UUID, now: dt.datetime) -> None:
    """For a day, so that who makes a profile or is verified meanwhile hears of it, too."""
    project = Project.objects.filter(id=project_id).first()
    if project is None or project.criteria_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT work_fitting(%s)", [project.id])
        people = [row[0] for row in cursor.fetchall()]
    if not people:
        return
    pay = written(money.body_of(project.criteria_id)["pay"]["base"], project.currency)
    notices.tell(
        people,
        kind=Notices.OFFER,
        title=f"New offer: {project.title}",
        body=f"{pay} an item before premiums. The offer says everything before you agree.",
        url=reverse("work:offer", args=[project.id]),
        key=f"offer:{project.id}",
        now=now,
    )


_REMINDERS: dict[str, Callable[[uuid.UUID, dt.datetime], None]] = {
    "rework": _rework,
    "appeal": _appeal,
    "review": _review,
    "retake": _retake,
    "offer": _offer,
}
