"""Before silence decides a case: who has to decide, and who can still say something."""

import datetime as dt
import uuid

from django.db.models import Min
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.cases.actions import records
from apps.cases.enums import CaseState
from apps.cases.models import Case
from apps.cases.permissions import is_by_contributor
from apps.core.errors import NotAllowed
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.work.actions.reminders import hours


def next_reminder(*, after: dt.datetime, until: dt.datetime) -> dt.datetime | None:
    """When the next people are reminded of a case, as things stand; for staff."""
    span = hours("case")
    near = Case.objects.open().filter(due_at__gt=after + span, due_at__lte=until + span)
    first = near.aggregate(first=Min("due_at"))["first"]
    return first - span if first else None


def remind(*, case_id: uuid.UUID, by: Actor, now: dt.datetime) -> None:
    """Each of them once a case, however often this is called and wherever the deadline moves."""
    if not by.is_system:
        raise NotAllowed("Reminders are sent by the marketplace itself.")
    case = records.locked(case_id, by)
    if case.state != CaseState.OPEN:
        return
    kind, url = case.get_kind_display(), reverse("cases:detail", args=[case.id])
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_CASE_NEAR,
        title=f"About to be decided by silence: {kind.lower()}",
        body="Without a decision the contributor is right.",
        url=url,
        due_at=case.due_at,
        key=f"case:{case.id}:decision",
        now=now,
    )
    if case.answer:
        return
    other = records.buyers_of(case) if is_by_contributor(case) else [case.contributor_id]
    notices.tell(
        other,
        kind=Notices.CASE_NEAR,
        title=f"You can still make your statement: {kind.lower()}",
        body="The case is decided with it or without it.",
        url=url,
        due_at=case.due_at,
        key=f"case:{case.id}:answer",
        now=now,
    )
