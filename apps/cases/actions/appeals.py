"""Appeals: a rejection is looked at by somebody who was not part of it."""

import datetime as dt
import uuid

from django.db import transaction

from apps.accounts.queries import staff_ids
from apps.cases import rules
from apps.cases.actions import records
from apps.cases.enums import CaseKind
from apps.cases.errors import AlreadyOpen, TooLate
from apps.cases.models import Case
from apps.core.errors import Conflict, NotThere
from apps.core.tenancy import Actor
from apps.work import actions as work
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine


def appeal(*, assignment_id: uuid.UUID, reason: str, by: Actor, now: dt.datetime) -> Case:
    """Contest a rejection of one's own work. Until it is decided its money stays held."""
    with transaction.atomic():
        row = (
            Assignment.objects.select_for_update(of=("self",), no_key=True)
            .select_related("criteria")
            .filter(id=assignment_id, contributor_id=by.user_id)
            .first()
        )
        if row is None:
            raise NotThere("There is no such work of yours.")
        _check_can_be_appealed(row, now)
        text = records.written(
            reason, field="reason", minimum=rules.REASON_MINIMUM, what="The reason of an appeal"
        )
        due_at = rules.decision_due(row.criteria.body["windows"], now)
        work.hold_until(assignment_id=row.id, until=due_at, by=by, now=now)
        case = records.opened(
            Case(
                kind=CaseKind.APPEAL,
                contributor_id=row.contributor_id,
                org_id=row.org_id,
                project_id=row.project_id,
                assignment_id=row.id,
                opened_by_id=row.contributor_id,
                opened_at=now,
                reason=text,
                due_at=due_at,
            ),
            by=by,
            now=now,
        )
        deadline = "Decided in time, else for the contributor."
        records.tell(case, records.buyers_of(case), "A rejection was appealed", deadline, now=now)
        records.tell(case, staff_ids(), "An appeal waits for a decision", deadline, now=now)
        return case


def _check_can_be_appealed(row: Assignment, now: dt.datetime) -> None:
    if Case.objects.open().filter(assignment_id=row.id, kind=CaseKind.APPEAL).exists():
        raise AlreadyOpen("You have appealed this rejection already; it waits for its decision.")
    if row.state != AssignmentState.REJECTED:
        state = row.get_state_display().lower()
        raise Conflict(f"Only a rejection can be appealed; this work is {state}.")
    until = row.appeal_due_at
    if until is not None and until <= now:
        raise TooLate(
            f"An appeal could be filed until {until:%d %B %Y, %H:%M} UTC; the rejection stands."
        )


def carry_out(case: Case, *, is_granted: bool, by: Actor, now: dt.datetime) -> uuid.UUID | None:
    """Move the money as decided; the ledger transfer, if there is one."""
    if is_granted:
        return work.overturn(assignment_id=_work_of(case), by=by, now=now)
    work.uphold(assignment_id=_work_of(case), by=by, now=now)
    return None


def carry_out_silence(case: Case, *, by: Actor) -> uuid.UUID | None:
    """The deadline has passed: it counts from the deadline, whenever it is carried out."""
    row_id = _work_of(case)
    transfer = work.overturn(assignment_id=row_id, by=by, now=case.due_at, is_lapse=True)
    # Where the kill fee is the whole pay there is nothing left to book.
    lines = EarningLine.objects.filter(assignment_id=row_id, code="overturn")
    return transfer if lines.exists() else None


def _work_of(case: Case) -> uuid.UUID:
    if case.assignment_id is None:
        raise NotThere("This case is about no work.")
    return case.assignment_id
