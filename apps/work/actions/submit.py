"""Submitting, undoing and giving back."""

import datetime as dt
import uuid

from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from apps.audit import actions as audit
from apps.core import rows
from apps.core.errors import Conflict, Invalid
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects.rules import Kind
from apps.tasktypes import registry
from apps.work.actions import decide, money, qualification, windows
from apps.work.actions.clock import check_open, open_assignment, tick
from apps.work.enums import AssignmentState, GiveBackReason
from apps.work.models import Assignment, Submission

S = AssignmentState


@windows.keeps_deadlines
def submit(*, assignment_id: uuid.UUID, answer: dict, by: Actor, now: dt.datetime) -> Submission:
    """Hand in the answer. Schema and completeness are answered at once; a refusal loses nothing.

    A second submission of the same content returns the first one (a double click); other content
    is refused until the first is undone.
    """
    with transaction.atomic():
        row = open_assignment(assignment_id, by, now, also="item")
        if row.state == S.SUBMITTED or (row.state == S.ACCEPTED and row.kind == Kind.QUALIFICATION):
            return _again(row, answer)
        check_open(row)
        cleaned, key = _check(row, answer)
        is_rework = row.state == S.REWORK
        tick(row, now=now, had_input=True)
        submission = _submission(row, cleaned, key, now=now)
        decide.move(row, S.SUBMITTED)
        row.submitted_at = now
        row.review_due_at = row.next_due_at = windows.review_window(row, submission.undo_until)
        rows.insert(submission, beside=money.saving(row))
        if row.draft is not None:
            Assignment.objects.filter(id=row.id).update(draft=None)
        audit.record(
            decide.event(
                row,
                "assignment.submitted",
                round=submission.round,
                seconds=row.active_seconds,
                rework=is_rework,
            ),
            by=by,
            now=now,
        )
        if row.kind == Kind.QUALIFICATION:
            qualification.mark(row, submission, by=by, now=now)
        return submission


def _check(row: Assignment, answer: dict) -> tuple[dict, str]:
    task = money.body_of(row.criteria_id)["task"]
    task_type = registry.get(task["type"])
    if not isinstance(answer, dict):
        raise Invalid("An answer is an object with named fields.", field="answer")
    cleaned = task_type.check_answer(task["config"], row.item.payload, answer)
    return cleaned, task_type.answer_key(cleaned)


def _submission(row: Assignment, answer: dict, key: str, *, now: dt.datetime) -> Submission:
    undo = money.body_of(row.criteria_id)["windows"]["undo_seconds"]
    return Submission(
        org_id=row.org_id,
        project_id=row.project_id,
        contributor_id=row.contributor_id,
        assignment_id=row.id,
        item_id=row.item_id,
        kind=row.kind,
        round=row.rounds,
        answer=answer,
        answer_key=key,
        submitted_at=now,
        # A qualification is marked at once, so there is nothing to take back.
        undo_until=now + dt.timedelta(seconds=0 if row.kind == Kind.QUALIFICATION else undo),
        # No run scores a repeat, so nobody waits for one.
        scored_at=now if row.kind == Kind.REPEAT else None,
    )


def _again(row: Assignment, answer: dict) -> Submission:
    submission = decide.latest_submissions([row])[row.id]
    if submission.answer == _check(row, answer)[0]:
        return submission
    raise Conflict("This item is already submitted; undo it first to change the answer.")


@windows.keeps_deadlines
def undo(*, assignment_id: uuid.UUID, by: Actor, now: dt.datetime) -> Assignment:
    """Take an answer back within the first seconds; it becomes the draft again."""
    with transaction.atomic():
        row = open_assignment(assignment_id, by, now)
        if row.state != S.SUBMITTED:
            raise Conflict("There is nothing to undo.")
        submission = decide.latest_submissions([row])[row.id]
        if now >= submission.undo_until:
            raise Conflict("The time for undoing is over; the answer is with the reviewers.")
        submission.undone_at = now
        submission.save(update_fields=["undone_at"])
        if row.rounds > 1:
            raise Conflict("A reworked answer cannot be taken back.")
        decide.move(row, S.CLAIMED)
        row.draft = submission.answer
        row.submitted_at = row.review_due_at = None
        # The seconds between handing in and taking back were not work.
        row.last_beat_at = row.last_input_at = now
        row.next_due_at = windows.hold_ends_at(row)
        try:
            with transaction.atomic():
                money.save([row])
        except IntegrityError as error:
            raise Conflict(
                "You already have the next item in hand; give it back first, then undo."
            ) from error
        Assignment.objects.filter(id=row.id).update(draft=submission.answer)
        audit.record(decide.event(row, "assignment.undone"), by=by, now=now)
        return row


@windows.keeps_deadlines
def give_back(
    *, assignment_id: uuid.UUID, reason: GiveBackReason, note: str, by: Actor, now: dt.datetime
) -> Assignment:
    """Skip, give back, or report a broken item. The time counts, up to a few a day."""
    with transaction.atomic():
        row = open_assignment(assignment_id, by, now)
        if row.state != S.CLAIMED:
            raise Conflict("Only an item that you have in hand can be given back.")
        if reason == GiveBackReason.BROKEN and not note.strip():
            raise Invalid("Say in a few words what is broken.", field="note")
        tick(row, now=now, had_input=True)
        row.give_back_reason, row.give_back_note = GiveBackReason(reason), note[:500]
        decide.end_unsubmitted_all([row], S.GIVEN_BACK, by=by, at=lambda _: now, now=now)
        if reason == GiveBackReason.BROKEN:
            _report_broken(row, now=now)
        return row


def _report_broken(row: Assignment, *, now: dt.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT work_report_broken(%s)", [row.id])
    notices.tell(
        people_with(Permission.MANAGE_PROJECTS, org_id=row.org_id),
        kind=Notices.ITEM_BROKEN,
        title="An item was reported as broken",
        body=row.give_back_note,
        url=reverse("projects:detail", args=[row.project_id]),
        now=now,
    )
