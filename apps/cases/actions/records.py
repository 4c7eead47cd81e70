"""Opening, locking and moving a case row, and telling everybody whom it concerns."""

import datetime as dt
import uuid

from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.cases.enums import CASE_TRANSITIONS, CaseState
from apps.cases.models import Case
from apps.cases.permissions import TOLD_WITH
from apps.core.errors import IllegalTransition, Invalid, NotThere
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.queries import people_with


def locked(case_id: uuid.UUID, by: Actor) -> Case:
    """The case, locked; the marketplace itself sees what PostgreSQL shows it."""
    rows = Case.objects.all() if by.is_system else Case.objects.visible_to(by)
    case = rows.select_for_update(of=("self",), no_key=True).filter(id=case_id).first()
    if case is None:
        raise NotThere("There is no such case.")
    return case


def opened(case: Case, *, by: Actor, now: dt.datetime) -> Case:
    case.save(force_insert=True)
    data: dict[str, object] = {
        "kind": case.kind,
        "assignment": case.assignment_id,
        "due_at": case.due_at.isoformat(),
    }
    if case.signals:
        # Evidence texts and measurements stay out: the chain outlives an erasure.
        data["signals"] = [signal["kind"] for signal in case.signals]
    _record("case.opened", case, data, by=by, now=now)
    return case


def answered(case: Case, *, by: Actor, now: dt.datetime) -> None:
    case.save(update_fields=["answer", "answered_at"])
    _record("case.answered", case, {"characters": len(case.answer)}, by=by, now=now)


def paid(case: Case, *, by: Actor, now: dt.datetime) -> None:
    case.save(update_fields=["transfer_id"])
    _record("case.paid", case, {"transfer": case.transfer_id}, by=by, now=now)


def move(case: Case, to: CaseState, *, by: Actor, at: dt.datetime) -> None:
    """The only place where a case's state changes; the table decides."""
    if to not in CASE_TRANSITIONS[case.state]:
        raise IllegalTransition("This case is decided already.")
    case.state = to
    case.decided_at = at
    case.save()
    _record(f"case.{to}", case, {"transfer": case.transfer_id}, by=by, now=at)


def _record(name: str, case: Case, data: dict, *, by: Actor, now: dt.datetime) -> None:
    audit.record(Event(name, ("case", case.id), case.org_id, data), by=by, now=now)


def written(text: str, *, field: str, minimum: int, what: str) -> str:
    """The text without space around it, or one sentence about what is missing."""
    text = text.strip()
    if len(text) < minimum:
        raise Invalid(
            f"{what} has at least {minimum} characters; this one has {len(text)}.", field=field
        )
    return text


def buyers_of(case: Case) -> list[uuid.UUID]:
    """Whom to tell at the buyer: those who could make a statement, or a verdict."""
    permission = TOLD_WITH.get(case.kind)
    return people_with(permission, org_id=case.org_id) if permission and case.org_id else []


def tell(
    case: Case,
    people: list[uuid.UUID],
    title: str,
    body: str = "",
    *,
    now: dt.datetime,
    besides: uuid.UUID | None = None,
) -> None:
    """In the page and by e-mail; nobody is told of what they did themselves.

    Administrators hear of it as of their queue, both sides as of due process. While the case is
    open its deadline stands beside the words.
    """
    staff = set(staff_ids())
    told = {person for person in people if person != besides}
    for group, kind in (
        (told - staff, Notices(f"case.{case.kind}")),
        (told & staff, Notices.STAFF_CASE),
    ):
        notices.tell(
            group,
            kind=kind,
            title=title,
            body=body,
            url=reverse("cases:detail", args=[case.id]),
            due_at=case.due_at if case.state == CaseState.OPEN else None,
            now=now,
        )
