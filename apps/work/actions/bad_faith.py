"""What a bad-faith case does to an assignment; `cases` has checked who may and on what evidence.

The case stops the review window once, for some days. The deadline behind it moves at once by as
much, so that nothing has to happen when nobody decides: at the end of the stop the window simply
goes on with the time that was left.
"""

import datetime as dt
import uuid

from django.db import transaction

from apps.audit import actions as audit
from apps.core.errors import Conflict, NotAllowed
from apps.core.tenancy import Actor
from apps.notices.enums import Kind as Notices
from apps.projects.models import Project
from apps.projects.rules import AS_WORK
from apps.work.actions import decide, money, told, verdicts, windows
from apps.work.enums import AssignmentState
from apps.work.errors import TooLate
from apps.work.models import REVIEW_STOP_DAYS_MAXIMUM, Assignment, Submission
from apps.work.permissions import check_is_staff

S = AssignmentState


@windows.keeps_deadlines
def stop_review(*, assignment_id: uuid.UUID, by: Actor, now: dt.datetime) -> Assignment:
    """Stop the review window of a submitted answer, once; it ends at `review_stopped_until`."""
    with transaction.atomic():
        check_is_staff(by)
        row = _submitted(assignment_id, now)
        submission = _answer_of(row)
        if now < submission.undo_until:
            raise Conflict("The contributor can still undo this answer for a few seconds.")
        if row.accept_requested_at is not None:
            raise Conflict("The buyer has accepted this work already; it is paid.")
        if row.review_stopped_at is not None:
            raise Conflict("The review window of this work was stopped once already.")
        days = money.body_of(row.criteria_id)["windows"]["integrity_stop_days"]
        stop = dt.timedelta(days=min(days, REVIEW_STOP_DAYS_MAXIMUM))
        row.review_stopped_at, row.review_stopped_until = now, now + stop
        row.review_due_at = row.next_due_at = windows.deadline(row.review_due_at) + stop
        money.save([row])
        until = row.review_stopped_until.isoformat()
        event = decide.event(row, "assignment.review_stopped", until=until)
        audit.record(event, by=by, now=now)
        return row


@windows.keeps_deadlines
def resume_review(*, assignment_id: uuid.UUID, by: Actor, now: dt.datetime) -> Assignment:
    """The case found good faith: the window goes on now, with the time that was left."""
    with transaction.atomic():
        row = _stopped(assignment_id, by, now)
        left = windows.deadline(row.review_due_at) - windows.deadline(row.review_stopped_until)
        row.review_stopped_until = now
        row.review_due_at = row.next_due_at = now + left
        money.save([row])
        due = row.review_due_at.isoformat()
        audit.record(decide.event(row, "assignment.review_resumed", due_at=due), by=by, now=now)
        return row


@windows.keeps_deadlines
def reject_bad_faith(
    *,
    assignment_id: uuid.UUID,
    criterion: str,
    note: str,
    evidence: str,
    by: Actor,
    now: dt.datetime,
) -> Assignment:
    """The case found bad faith: rejected without a kill fee; the full maximum stays held.

    It can be appealed like any rejection. The breaker of mass rejections is about buyers, so it
    neither refuses nor counts these.
    """
    with transaction.atomic():
        row = _stopped(assignment_id, by, now)
        verdicts.check_grounds(row, criterion, note, evidence)
        project = Project.objects.select_for_update(of=("self",), no_key=True).get(
            id=row.project_id
        )
        row.review_stopped_until = now
        verdicts.carry_out_rejection(
            project,
            row,
            _answer_of(row),
            criterion=criterion,
            note=note,
            evidence=evidence,
            by=by,
            now=now,
            is_bad_faith=True,
        )
        days = money.body_of(row.criteria_id)["windows"]["appeal_days"]
        title = "An answer of yours was rejected for bad faith"
        body = f"You can appeal for {days} days; somebody else decides. {note.strip()}"
        told.contributor(row, Notices.REJECTED, title, body, now=now)
        return row


def _submitted(assignment_id: uuid.UUID, now: dt.datetime) -> Assignment:
    """The locked assignment, what is overdue settled; it still waits for a verdict."""
    row = verdicts.locked(assignment_id)
    windows.settle_overdue([row], now=now)
    if row.kind not in AS_WORK:
        raise Conflict("A qualification is paid whatever its result; bad faith changes nothing.")
    if row.state == S.ACCEPTED:
        raise TooLate("This work is already accepted and paid; that cannot be taken back.")
    if row.state != S.SUBMITTED:
        state = row.get_state_display().lower()
        raise Conflict(f"Only a submitted answer can be called bad faith; this work is {state}.")
    return row


def _stopped(assignment_id: uuid.UUID, by: Actor, now: dt.datetime) -> Assignment:
    """The locked assignment of a case that a person who was not part of it decides in time."""
    check_is_staff(by)
    row = _submitted(assignment_id, now)
    if by.user_id == row.contributor_id or row.verdicts.filter(decided_by_id=by.user_id).exists():
        raise NotAllowed("Whoever was involved does not decide.")
    if not row.is_review_stopped(now):
        raise TooLate("The review window of this work does not stand still; it goes on.")
    return row


def _answer_of(row: Assignment) -> Submission:
    return decide.latest_submissions([row])[row.id]
