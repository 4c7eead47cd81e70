"""The buyer closes a project: who loses work by it is paid in place of notice, then it closes."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q

from apps.core.errors import Conflict
from apps.core.ids import derived
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.ledger.errors import InsufficientFunds
from apps.projects import actions as projects
from apps.projects import rules
from apps.projects.models import Item, Project
from apps.projects.rules import AS_WORK, Line
from apps.work.actions import money, told
from apps.work.enums import PAID_AS_ACCEPTED, AssignmentState
from apps.work.models import Assignment, EarningLine

IN_HAND = frozenset({AssignmentState.CLAIMED, AssignmentState.REWORK})
CODE = "wind_down"


@dataclass(frozen=True, slots=True)
class Owed:
    """Pay in place of notice for one contributor's work under one criteria version."""

    last: Assignment
    line: Line


def owed_at_close(project: Project, *, now: dt.datetime) -> list[Owed]:
    """Who is paid if the project closes now, and what; nobody when its work is done."""
    work_left = Item.objects.filter(
        project=project, purpose="work", state="active", open_slots__gt=0, gold=None
    )
    terms = money.terms_of(project.criteria_in_force_id)
    if not terms.wind_down_percent or not work_left.exists():
        return []
    since = now - dt.timedelta(days=terms.wind_down_days)
    counted = Assignment.objects.filter(
        Q(state__in=PAID_AS_ACCEPTED, ended_at__gt=since) | Q(state__in=IN_HAND),
        project=project,
        kind__in=AS_WORK,
    )
    numbers = {
        (person, criteria): number
        for person, criteria, number in counted.order_by()
        .values_list("contributor_id", "criteria_id")
        .annotate(Count("id"))
    }
    latest = counted.order_by("contributor_id", "criteria_id", "-id").distinct(
        "contributor_id", "criteria_id"
    )
    return [
        Owed(row, line)
        for row in latest
        for line in rules.wind_down(
            money.terms_of(row.criteria_id), answers=numbers[row.contributor_id, row.criteria_id]
        )
    ]


def begin_close(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Project:
    """No new claims ever; the rest goes back once every window has closed.

    Wind-down pay is posted now, from the project's free funds, else from the wallet: without the
    money for it a project cannot be closed before its work is done.
    """
    with transaction.atomic():
        project = projects.begin_close(project_id=project_id, by=by, now=now)
        owed = owed_at_close(project, now=now)
        EarningLine.objects.bulk_create(
            money.earning_line(
                each.last, money.terms_of(each.last.criteria_id), each.line, code=CODE,
                now=now,
            )
            for each in owed
        )  # fmt: skip
        for each in owed:
            told.wound_down(each.last, each.line, now=now)
        _pay(project, owed, now=now)
        return project


def _pay(project: Project, owed: Sequence[Owed], *, now: dt.datetime) -> None:
    for purpose in (Purpose.HELD, Purpose.WALLET):
        try:
            ledger.post(
                [
                    money.direct(
                        each.last,
                        derived(each.last.id, CODE),
                        each.line.net,
                        purpose=purpose,
                        code=CODE,
                        now=now,
                    )
                    for each in owed
                ]
            )
        except InsufficientFunds:
            continue
        return
    total = written(sum(each.line.net for each in owed), project.currency)
    raise Conflict(
        f"Closing before the work is done pays {total} in place of notice, and neither the "
        "project's free funds nor the wallet has it. Fund the wallet, or pause and let open work "
        "end first."
    )
