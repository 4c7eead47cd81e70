"""Marking a qualification: paid whatever the result, feedback per item, a dated retake."""

import datetime as dt

from django.db import connection
from django.urls import reverse

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.projects.rules import Kind
from apps.work.actions import decide, money
from apps.work.enums import ENROLMENT_TRANSITIONS, AssignmentState, Decider, EnrolmentState
from apps.work.models import Assignment, Enrolment, Submission


def mark(row: Assignment, submission: Submission, *, by: Actor, now: dt.datetime) -> None:
    """Accept by rule (a qualification is never rejected) and, at the last item, give the result."""
    correct, explanation = _marked(row)
    submission.scores = {"gold": bool(correct)}
    submission.scored_at = now
    submission.save(update_fields=["scores", "scored_at"])
    decide.accept_all([row], decider=Decider.RULE, by=by, now=now)
    enrolment = Enrolment.objects.select_for_update(of=("self",), no_key=True).get(
        contributor_id=row.contributor_id, project_id=row.project_id
    )
    feedback = (
        enrolment.result.get("items", []) if enrolment.result.get("attempt") == row.attempt else []
    )
    feedback.append(
        {"assignment": str(row.id), "correct": bool(correct), "explanation": explanation or ""}
    )
    enrolment.result = {"attempt": row.attempt, "items": feedback}
    _conclude(enrolment, row, by=by, now=now)
    enrolment.save(update_fields=["result", "state", "retake_at"])


def _marked(row: Assignment) -> tuple[bool, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT correct, explanation FROM work_mark(%s)", [row.id])
        return cursor.fetchone() or (False, "")


def _conclude(enrolment: Enrolment, row: Assignment, *, by: Actor, now: dt.datetime) -> None:
    body = money.body_of(row.criteria_id)
    tier = next(tier for tier in body["tiers"] if tier["key"] == enrolment.tier)
    done = Assignment.objects.filter(
        contributor_id=row.contributor_id,
        project_id=row.project_id,
        kind=Kind.QUALIFICATION,
        attempt=row.attempt,
        state=AssignmentState.ACCEPTED,
    ).count()
    if done < tier["qualification"]["items"]:
        return
    right = sum(item["correct"] for item in enrolment.result["items"])
    passed = right * 100 >= done * tier["qualification"]["pass_percent"]
    to = EnrolmentState.QUALIFIED if passed else EnrolmentState.FAILED
    if to not in ENROLMENT_TRANSITIONS[enrolment.state]:
        return
    enrolment.state = to
    enrolment.result |= {"correct": right, "of": done, "passed": passed}
    if not passed:
        enrolment.retake_at = now + dt.timedelta(days=body["limits"]["retake_days"])
    audit.record(
        Event(
            f"enrolment.{to}",
            ("enrolment", enrolment.id),
            row.org_id,
            {"correct": right, "of": done},
        ),
        by=by,
        now=now,
    )
    notices.tell(
        [row.contributor_id],
        kind=Notices.QUALIFICATION,
        title="You passed the qualification" if passed else "The qualification was not passed",
        body=f"{right} of {done} right. Every item was paid."
        + ("" if passed else f" You can try again from {enrolment.retake_at:%d %B %Y}."),
        url=reverse("work:qualification", args=[row.project_id]),
        now=now,
    )
